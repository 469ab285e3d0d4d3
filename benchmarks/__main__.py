"""``python -m benchmarks NAME [--json]``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import detection, imports, ledger, throughput
from benchmarks.result import Result

BENCHMARKS: dict[str, Callable[[argparse.Namespace], Result]] = {
    "detection": detection.run,
    "imports": imports.run,
    "throughput": throughput.run,
    "ledger": ledger.run,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=sorted(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    parser.add_argument(
        "--sizes",
        help=f"detection: numbers of shipments (default {detection.SIZES}); ledger: numbers of entries"
        f" (default {ledger.SIZES})",
    )
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many (default %(default)s)")
    parser.add_argument(
        "--signals",
        type=int,
        default=640,
        help="throughput: signals each time (default %(default)s)",
    )
    parser.add_argument(
        "--peers",
        default="all",
        help="throughput: names with commas, all, or none (default %(default)s)",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        help="throughput, ledger: where to write, on a disk (default: the temporary directory); ledger: what"
        " was measured there before is not measured again",
    )
    chosen = parser.parse_args()
    result = BENCHMARKS[chosen.name](chosen)
    if chosen.json:
        print(json.dumps(result.document(), indent=2))
    else:
        result.table(sys.stdout)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
