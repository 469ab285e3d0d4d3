"""What a signal costs as the ledger grows, and how long a company takes to come back to its work.

Stores of several sizes hold finished cases as a governed run writes them (``benchmarks/ledger_books.py``):
of ten actions four were taken back and two are in force, nine in ten claims are past, twenty questions wait.
On a copy of each the same company brings the same signals to their receipts, 64 at a time; then people look.
The best of several rounds counts. Files lie in the page cache, as those of a company at work do.

Recovery is a store as a crash leaves it (``benchmarks/recovery_child.py``), from opening it until every
signal has come to its end or waits for a person.

With ``--folder`` filled stores stay there, and what was measured at the same commit is not measured again.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.children import Found, Kept, child, module, on_disk, say
from benchmarks.ledger import entries
from benchmarks.result import Result

SIZES: Final = "10k,100k,1m"
SIGNALS: Final = 2_000
OPEN: Final = 10_000
"""Signals that are open when a company comes back."""

_PATIENCE: Final = 7200
_FIGURES: Final = {
    "throughput": "signals/s",
    "cpu": "ms of CPU time a signal",
    "written": "kB a signal",
    "read": "kB a signal",
    "open": "s",
    "first_signal": "s",
    "approvals_list": "ms",
    "explain": "ms",
    "verify": "entries/s",
    "memory_growth": "MB",
    "memory_peak": "MB",
    "file": "MB",
}
_LESS_IS_BETTER: Final = frozenset(_FIGURES) - {"throughput", "verify"}


def run(chosen: argparse.Namespace) -> Result:
    """Measure every size, and coming back."""
    result = Result()
    sizes = [text.strip().lower() for text in (chosen.sizes or SIZES).split(",")]
    wanted = {size: entries(size) for size in sizes}
    signals, open_ = chosen.signals or SIGNALS, chosen.open or OPEN
    with on_disk(chosen.folder, result) as folder:
        kept = Kept(folder, "size", {"signals": signals, "open": open_, "rounds": chosen.rounds})
        for size, count in wanted.items():
            _tell(size, _sized(folder, kept, size, count, signals, chosen.rounds), result)
        rounds = [
            kept.get(f"recovery, round {n + 1}", lambda: _recovered(folder, open_))
            for n in range(chosen.rounds)
        ]
        kept.tell(result)
    for name in ("recovery", "recovery_and_list"):
        result.measured[name] = (min(one[name] for one in rounds), "s")
    result.notes["recovery"] = f"{open_:,} open signals, 15 % of which wait for people afterwards"
    base = sizes[0]
    for size in sizes[1:]:
        ratio = result.measured[f"throughput_{size}"][0] / result.measured[f"throughput_{base}"][0]
        result.ratios[f"throughput_{size}_vs_{base}"] = round(ratio, 3)
    return result


def _sized(folder: Path, kept: Kept, size: str, count: int, signals: int, rounds: int) -> Found:
    found = [
        kept.get(f"{size}, round {number + 1}", lambda: _worked(folder, size, count, signals))
        for number in range(rounds)
    ]
    verified = kept.get(f"{size}, verify", lambda: _verified(folder, size, count, rounds))
    best = {name: (min if name in _LESS_IS_BETTER else max)(one[name] for one in found) for name in found[0]}
    return best | verified


def _tell(size: str, found: Found, result: Result) -> None:
    for name, unit in _FIGURES.items():
        result.measured[f"{name}_{size}"] = (found[name], unit)


def _filled(folder: Path, size: str, count: int) -> Path:
    """The folder of a store of some size, filled now where it is not there."""
    own = folder / f"size-{size}"
    if not own.exists():
        say(f"{size}: filling a store with {count:,} entries")
        part = folder / f"size-{size}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        child(module("size_child", "fill", part, count), patience=_PATIENCE)
        part.rename(own)
    return own


def _worked(folder: Path, size: str, count: int, signals: int) -> Found:
    filled = _filled(folder, size, count)
    say(f"{size}: {signals:,} signals")
    with TemporaryDirectory(dir=folder) as own:
        shutil.copytree(filled, own, dirs_exist_ok=True)
        os.sync()  # otherwise the copy is still being written while the run syncs its commits
        return child(module("size_child", "work", own, signals), patience=_PATIENCE)


def _verified(folder: Path, size: str, count: int, rounds: int) -> Found:
    filled = _filled(folder, size, count)
    say(f"{size}: verifying")
    store = filled / "crossloop.db"
    found = child(module("ledger_child", "verify", store, rounds), patience=_PATIENCE)
    return {"verify": found["verify"], "file": round(store.stat().st_size / 1e6, 1)}


def _recovered(folder: Path, open_: int) -> Found:
    say(f"recovery: leaving {open_:,} signals open")
    with TemporaryDirectory(dir=folder) as own:
        child(module("recovery_child", "prepare", own, open_), patience=_PATIENCE)
        say("recovery: coming back")
        return child(module("recovery_child", "recover", own), patience=_PATIENCE)
