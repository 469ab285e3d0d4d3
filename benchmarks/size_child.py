"""One step of the size benchmark, in a process of its own."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import crossloop
from benchmarks.children import say
from benchmarks.company import UNSURE, Ads, company, rules, said
from benchmarks.figures import memory, peak_memory, transferred
from benchmarks.ledger_books import ENTRIES_OF_A_CASE, add_case, key_of
from crossloop.clock import SystemClock
from crossloop.store import Store, Tx, actions, claims

WAVE: Final = 64
WAITING: Final = 20
"""Questions that wait in every store, whatever its size."""

_LOOKS: Final = 20
_TAKES_BACK: Final = 4
"""Of ten cases four are taken back by those four places further on; two stay in force."""

_PAST: Final = datetime(2026, 7, 1, tzinfo=UTC)
"""When every claim of the books has ended."""

_ACTIVE: Final = 10
"""One in so many cases, the newest ones, still claims something."""


def main() -> None:
    what, folder, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    steps: dict[str, Callable[[Path, int], dict[str, float]]] = {"fill": fill, "work": work}
    print(json.dumps(steps[what](folder, number)))


def store_in(folder: Path) -> Path:
    """The file of the store in a folder."""
    return folder / "crossloop.db"


@contextmanager
def opened(folder: Path) -> Iterator[crossloop.Coordinator]:
    """The company over the store in a folder."""
    clock = SystemClock()
    store = Store.open(f"sqlite:///{store_in(folder)}", clock=clock)
    with crossloop.Coordinator(
        store, company(Ads()), rules(folder), threads=folder / "threads.db", clock=clock
    ) as coordinator:
        yield coordinator


def fill(folder: Path, size: int) -> dict[str, float]:
    """Make a store of ``size`` entries and a few: finished cases, most of them past, and some questions."""
    cases = size // ENTRIES_OF_A_CASE
    with Store.open(f"sqlite:///{store_in(folder)}", clock=SystemClock()) as store:
        for first in range(0, cases, WAVE):
            numbers = range(first, min(first + WAVE, cases))
            store.write(partial(_add, numbers, numbers.stop <= cases - cases // _ACTIVE))
            if numbers.stop * 10 // cases > first * 10 // cases:
                say(f"  {numbers.stop * ENTRIES_OF_A_CASE:,} of {size:,} entries")
    with opened(folder) as coordinator:
        now = datetime.now(UTC)
        coordinator.publish([said(-1000 - number, now, confidence=UNSURE) for number in range(WAITING)])
        entries = coordinator.store.read(lambda read: read.head().size)
    return {"entries": entries, "file": round(store_in(folder).stat().st_size / 1e6, 1)}


def _add(numbers: range, over: bool, tx: Tx) -> None:
    for number in numbers:
        taken_back = None
        if number % 10 in range(_TAKES_BACK, 2 * _TAKES_BACK):
            taken_back = key_of(number - _TAKES_BACK)
        add_case(tx, number, undoes=taken_back)
        if taken_back is not None:
            assert actions.compensate(tx, taken_back, key_of(number))
    if over:
        claims.expire(tx, _PAST)


def work(folder: Path, signals: int) -> dict[str, float]:
    """Open the company, bring signals to their receipts in waves of 64, look; what each took.

    Raises:
        AssertionError: a signal came to another end.
    """
    import langgraph.graph  # noqa: F401 - what is measured is the opening, and not the import

    at = time.perf_counter()
    with opened(folder) as coordinator:
        open_seconds = time.perf_counter() - at
        with coordinator.working() as at_work:
            at_work.admit([said(-1, datetime.now(UTC))])
            at_work.wait()
            first = time.perf_counter() - at
            at_work.admit([said(-2 - number, datetime.now(UTC)) for number in range(WAVE)])
            at_work.wait()
            before, cpu, (read, written) = memory(), time.process_time(), transferred()
            began = time.perf_counter()
            for start in range(0, signals, WAVE):
                now = datetime.now(UTC)
                at_work.admit([said(number, now) for number in range(start, min(start + WAVE, signals))])
                at_work.wait()
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            after, moved = memory(), transferred()
        looked = _looked(coordinator, said(0, datetime.now(UTC)).id)
        done = coordinator.store.read(
            lambda read: read.rows(
                "SELECT count(*) FROM actions WHERE operation = 'leave_out' AND state = 'done'"
            )
        )
    assert done == [(signals + 1 + WAVE,)], f"{done} receipts for {signals} signals"
    return {
        "throughput": round(signals / seconds, 1),
        "cpu": round(cpu / signals * 1e3, 3),
        "read": round((moved[0] - read) / signals, 2),
        "written": round((moved[1] - written) / signals, 2),
        "open": round(open_seconds, 4),
        "first_signal": round(first, 4),
        "memory_growth": round(after - before, 1),
        "memory_peak": round(peak_memory(), 1),
        **looked,
    }


def _looked(coordinator: crossloop.Coordinator, signal: str) -> dict[str, float]:
    def listed() -> None:
        assert len(coordinator.approvals(state="waiting")) == WAITING

    def explained() -> None:
        assert coordinator.explain(signal).steps

    return {"approvals_list": _median(listed), "explain": _median(explained)}


def _median(look: Callable[[], None]) -> float:
    taken: list[float] = []
    for _ in range(_LOOKS):
        at = time.perf_counter()
        look()
        taken.append(time.perf_counter() - at)
    return round(median(taken) * 1e3, 3)


if __name__ == "__main__":
    main()
