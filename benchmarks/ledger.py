"""What a ledger costs as it grows: appending, verifying, proving one entry of it.

The ledgers hold what a governed run writes (``benchmarks/ledger_books.py``), through the store's own modules,
a wave of 64 cases in each transaction, every commit synced. Verifying includes comparing the tables with
their entries. Each step runs in a child process of its own, so that peak memory is its own; the best of
several rounds counts for verifying, the median of 200 entries for proofs. Appending is measured over the
first and over the last tenth.

With ``--folder`` a size that was measured before is taken from there, so that a run can be taken up again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.result import Result, commit

SIZES: Final = "10k,100k,1m"
_UNITS: Final = {"k": 1_000, "m": 1_000_000}
_FIGURES: Final = {
    "verify": "entries/s",
    "verify_cpu": "entries/s of CPU time",
    "verify_peak": "MB",
    "inclusion_proof": "ms",
    "consistency_proof": "ms",
    "append_first": "entries/s",
    "append_last": "entries/s",
    "file": "MB",
}


def run(chosen: argparse.Namespace) -> Result:
    """Measure every size."""
    result = Result()
    if chosen.folder is None:
        with TemporaryDirectory(prefix="crossloop-bench-") as folder:
            _measure(Path(folder), chosen, result)
    else:
        chosen.folder.mkdir(parents=True, exist_ok=True)
        _measure(chosen.folder, chosen, result)
    return result


def entries(text: str) -> int:
    """The number of entries of a size such as ``100k`` or ``1m``.

    Raises:
        SystemExit: it is none.
    """
    try:
        size = round(float(text[:-1]) * _UNITS[text[-1:]])
    except (KeyError, ValueError):
        raise SystemExit(f"a size is a number and k or m, got {text!r}") from None
    if size < 1000:
        raise SystemExit(f"a ledger of at least 1k entries is measured, got {text}")
    return size


def _measure(folder: Path, chosen: argparse.Namespace, result: Result) -> None:
    sizes = [text.strip().lower() for text in (chosen.sizes or SIZES).split(",")]
    wanted = {size: entries(size) for size in sizes}
    for size, count in wanted.items():
        kept = folder / f"ledger-{size}.json"
        if kept.exists():
            found = json.loads(kept.read_text(encoding="utf-8"))
            result.notes[f"kept_{size}"] = f"measured before, at commit {found['commit']}"
            _say(f"{size}: {result.notes[f'kept_{size}']}")
        else:
            found = {**_one(folder, size, count, chosen.rounds), "commit": commit()}
            finished = kept.with_suffix(".part")
            finished.write_text(json.dumps(found), encoding="utf-8")
            finished.replace(kept)
        for name, unit in _FIGURES.items():
            result.measured[f"{name}_{size}"] = (found[name], unit)
        result.ratios[f"append_last_to_first_{size}"] = round(found["append_last"] / found["append_first"], 3)


def _one(folder: Path, size: str, count: int, rounds: int) -> dict[str, float]:
    """Fill a new store, measure it, take it away again."""
    store = folder / f"ledger-{size}.db"
    _remove(store)
    try:
        _say(f"{size}: appending {count:,} entries")
        found = _child("fill", store, str(count))
        _say(f"{size}: verifying")
        found |= _child("verify", store, str(rounds))
        _say(f"{size}: proving")
        found |= _child("prove", store)
    finally:
        _remove(store)
    return found


def _remove(store: Path) -> None:
    for beside in ("", "-wal", "-shm", "-journal"):
        store.with_name(store.name + beside).unlink(missing_ok=True)


def _child(what: str, store: Path, *arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.ledger_child", what, str(store), *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def _say(text: str) -> None:
    sys.stderr.write(f"{text} …\n")
    sys.stderr.flush()
