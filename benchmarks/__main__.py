"""``python -m benchmarks NAME [--json]``; ``python -m benchmarks picture --from FILE… --to FOLDER``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import detection, imports, ledger, load, size, throughput
from benchmarks.result import Result

BENCHMARKS: dict[str, Callable[[argparse.Namespace], Result]] = {
    "detection": detection.run,
    "imports": imports.run,
    "throughput": throughput.run,
    "ledger": ledger.run,
    "size": size.run,
    "load": load.run,
}
PICTURE = "picture"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=sorted([*BENCHMARKS, PICTURE]))
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    parser.add_argument(
        "--sizes",
        help=f"detection: numbers of shipments (default {detection.SIZES}); ledger, size: numbers of entries"
        f" (default {ledger.SIZES})",
    )
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many (default %(default)s)")
    parser.add_argument(
        "--signals",
        type=int,
        help=f"signals each time: throughput (default {throughput.SIGNALS}), size (default {size.SIGNALS})",
    )
    parser.add_argument("--open", type=int, help=f"size: open signals to come back to (default {size.OPEN})")
    parser.add_argument(
        "--rate",
        type=int,
        help=f"signals offered a second: load (default {load.RATE}), throughput beside slow ones"
        f" (default {throughput.MIXED_RATE})",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        help=f"how long they are offered: load (default {load.SECONDS}), throughput beside slow ones"
        f" (default {throughput.MIXED_SECONDS})",
    )
    parser.add_argument(
        "--peers",
        default="all",
        help="throughput: names with commas, all, or none (default %(default)s)",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        help="where to write, on a disk (default: the temporary directory); what was measured there before is"
        " not measured again",
    )
    parser.add_argument("--from", dest="results", type=Path, nargs="+", help="picture: JSON documents")
    parser.add_argument("--to", type=Path, help="picture: the folder of the pictures")
    chosen = parser.parse_args()
    if chosen.name == PICTURE:
        return _draw(parser, chosen)
    result = BENCHMARKS[chosen.name](chosen)
    if chosen.json:
        print(json.dumps(result.document(), indent=2))
    else:
        result.table(sys.stdout)
    return 0


def _draw(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> int:
    if not chosen.results or chosen.to is None:
        parser.error("picture needs --from FILE… and --to FOLDER")
    try:
        from benchmarks import pictures
    except ModuleNotFoundError as missing:
        parser.error(f"pictures need {missing.name}: pip install 'crossloop[bench]'")
    for file in pictures.draw(chosen.results, chosen.to):
        sys.stderr.write(f"{file}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
