"""Signals that are answered at once beside slow ones, offered by the clock, in a process of its own.

The load is open: signal number n is offered at second n / rate, whatever has become of those before it. So
one that comes while something stalls waits as it would in life.
"""

from __future__ import annotations

import json
import random
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import crossloop
from benchmarks.commits import Step, WatchedStore, steps
from benchmarks.company import RETURNS, Ads, company, rules, said
from benchmarks.figures import milliseconds
from crossloop.clock import SystemClock

SLOW: Final = 0.05
"""Share of the signals whose answer takes seconds."""

LONGEST: Final = 6.0
_SHORTEST: Final = 2.0
_WARM_UP: Final = 8


def measure(folder: Path, rate: int, seconds: float, *, longest: float = LONGEST) -> dict[str, Any]:
    """Offer ``rate`` signals a second for so many seconds; what became of them, in milliseconds.

    Args:
        longest: seconds that a slow answer takes at most.

    Raises:
        AssertionError: a signal came to another end than one recorded effect.
    """
    clock, ads, chance = SystemClock(), Ads(), random.Random(1)
    store = WatchedStore.open(f"sqlite:///{folder / 'crossloop.db'}", clock=clock)
    assert isinstance(store, WatchedStore)
    count = round(rate * seconds)
    slow = {number for number in range(count) if chance.random() < SLOW}
    offered: dict[str, float] = {}
    parts = store, company(ads), rules(folder)
    with crossloop.Coordinator(*parts, threads=folder / "threads.db", clock=clock) as coordinator:
        with coordinator.working() as work:
            work.admit([said(-1 - number, datetime.now(UTC)) for number in range(_WARM_UP)])
            work.wait()
            began = time.perf_counter()
            for number in range(count):
                takes = min(chance.uniform(_SHORTEST, LONGEST), longest) if number in slow else None
                signal = said(number, datetime.now(UTC), takes=takes)
                due = began + number / rate
                time.sleep(max(0.0, due - time.perf_counter()))
                offered[signal.subject] = due
                work.submit([signal])
            work.wait()
        executed = steps(store)[_WARM_UP:]
    assert len(executed) == count, f"{len(executed)} receipts for {count} signals"
    assert len(ads.done) == count + _WARM_UP
    ads.require_once()
    quick = [one for one in executed if one.type == RETURNS.name]
    return {
        "signals": count,
        "slow": len(slow),
        "accepted_to_executed": milliseconds([one.executed - one.accepted for one in quick]),
        "offered_to_executed": milliseconds([one.executed - offered[one.subject] for one in quick]),
        "slow_accepted_to_executed": _of_slow(executed),
    }


def _of_slow(executed: list[Step]) -> dict[str, float]:
    taken = [one.executed - one.accepted for one in executed if one.type != RETURNS.name]
    return milliseconds(taken) if taken else {}


def main() -> None:
    print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))))


if __name__ == "__main__":
    main()
