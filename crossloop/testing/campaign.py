"""Many seeds: in ranges, on several processes, and where it stopped, on again.

Rules:

1. Seeds are run in ranges of :data:`RANGE`. A range that is finished is kept in the folder, with what it was
   run on: a digest over the source of the package. Other code makes it worth nothing.
2. Every :data:`AGAIN` seeds the same seed is run a second time, and the ledgers are compared (invariant 10).
"""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any, Final

from crossloop.errors import InputError
from crossloop.faults import POINTS
from crossloop.testing.checkout import source_digest
from crossloop.testing.evidence import Violation
from crossloop.testing.invariants import same_ledger
from crossloop.testing.simulation import Outcome, simulate

RANGE: Final = 50
"""Seeds in one range."""

AGAIN: Final = 25
"""Every so many seeds one is run twice."""


@dataclass
class Found:
    """What a number of seeds led to."""

    seeds: int = 0
    operations: int = 0
    entries: int = 0
    effects: int = 0
    faults: Counter[str] = field(default_factory=Counter[str])
    points: Counter[str] = field(default_factory=Counter[str])
    """How often each crash point was passed."""

    violations: list[tuple[int, Violation]] = field(default_factory=list[tuple[int, Violation]])
    """Each with its seed."""

    def add(self, outcome: Outcome, *more: Violation) -> None:
        """Count one seed."""
        self.seeds += 1
        self.operations += len(outcome.program)
        self.entries += outcome.entries
        self.effects += outcome.effects
        self.faults += outcome.faults
        self.points += outcome.points
        self.violations += [(outcome.seed, one) for one in (*outcome.violations, *more)]

    def merge(self, other: Found) -> None:
        """Count what others have found."""
        self.seeds += other.seeds
        self.operations += other.operations
        self.entries += other.entries
        self.effects += other.effects
        self.faults += other.faults
        self.points += other.points
        self.violations = sorted([*self.violations, *other.violations], key=lambda pair: pair[0])

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "seeds": self.seeds,
            "operations": self.operations,
            "entries": self.entries,
            "effects": self.effects,
            "faults": dict(sorted(self.faults.items())),
            "points": {one: self.points[one] for one in POINTS},
            "violations": [{"seed": seed, **asdict(one)} for seed, one in self.violations],
        }

    @classmethod
    def of(cls, document: dict[str, Any]) -> Found:
        """Read :meth:`document` back."""
        violations = [
            (one["seed"], Violation(one["invariant"], one["what"], one["where"]))
            for one in document["violations"]
        ]
        counts = {name: document[name] for name in ("seeds", "operations", "entries", "effects")}
        faults, points = Counter[str](document["faults"]), Counter[str](document["points"])
        return cls(**counts, faults=faults, points=points, violations=violations)


def run_seeds(seeds: Sequence[int]) -> Found:
    """Run some seeds, one after the other."""
    found = Found()
    for seed in seeds:
        outcome = simulate(seed)
        second = simulate(seed).ledger if seed % AGAIN == 0 else outcome.ledger
        found.add(outcome, *same_ledger(outcome.ledger.encode(), second.encode(), seed))
    return found


def campaign(
    first: int,
    count: int,
    *,
    folder: Path | None = None,
    processes: int = 1,
    progress: Callable[[Found, int], None] = lambda _found, _count: None,
) -> Found:
    """Run the seeds from one number on.

    Args:
        folder: where finished ranges are kept, and found again; nothing is kept when None.
        processes: how many ranges are run at once, each in a process of its own.
        progress: called with all that was found so far, and with the number of seeds that were just finished.
    """
    found = Found()
    open_ranges: list[range] = []
    for part in _ranges(first, count):
        known = None if folder is None else _kept(folder, part)
        if known is None:
            open_ranges.append(part)
        else:
            found.merge(known)
            progress(found, known.seeds)
    for part, fresh in _run_all(open_ranges, processes):
        if folder is not None:
            _keep(folder, part, fresh)
        found.merge(fresh)
        progress(found, fresh.seeds)
    return found


def _run_all(ranges: Sequence[range], processes: int) -> Iterator[tuple[range, Found]]:
    if processes <= 1 or len(ranges) <= 1:
        for part in ranges:
            yield part, run_seeds(part)
        return
    others = set(active_children())
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_end_at_ctrl_c) as pool:
        under_way = {pool.submit(run_seeds, part): part for part in ranges}
        try:
            for ended in as_completed(under_way):
                yield under_way[ended], ended.result()
        except KeyboardInterrupt:
            for process in set(active_children()) - others:
                process.terminate()  # else the ranges under way would be waited for
            pool.shutdown(cancel_futures=True)
            raise


def _end_at_ctrl_c() -> None:
    """End without a word: whoever runs the ranges says that they were stopped."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _ranges(first: int, count: int) -> Iterator[range]:
    for start in range(first, first + count, RANGE):
        yield range(start, min(start + RANGE, first + count))


def _file(folder: Path, part: range) -> Path:
    return folder / f"seeds-{part.start:08d}-{part.stop:08d}.json"


def _kept(folder: Path, part: range) -> Found | None:
    file = _file(folder, part)
    if not file.exists():
        return None
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        return Found.of(document) if document["source"] == source_digest() else None
    except (OSError, ValueError, TypeError, KeyError) as damaged:
        raise InputError(
            f"{file} cannot be read: {damaged!r}.", next_step="Remove it; its seeds are run again."
        ) from None


def _keep(folder: Path, part: range, found: Found) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = _file(folder, part)
    beside = file.with_suffix(".part")
    beside.write_text(json.dumps({"source": source_digest(), **found.document()}), encoding="utf-8")
    beside.rename(file)
