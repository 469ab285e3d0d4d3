"""crossloop's own part of the throughput benchmark: so many signals, in waves, in a process of its own."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import crossloop
from benchmarks.commits import Step, WatchedStore, steps
from benchmarks.company import Ads, company, rules, said
from benchmarks.figures import percentile
from crossloop.clock import SystemClock

Way = Literal["working", "publish"]
WARM_UP: Final = 8
"""Signals before the clock starts: imports, compiled statements, first pages of the files."""


@dataclass(frozen=True)
class Measured:
    """One measurement; what was done was looked at afterwards."""

    seconds: float
    each: tuple[float, ...]
    """Seconds of each wave, from handing its signals in until the caller knows that all are executed."""

    inside: tuple[float, ...]
    """Seconds of each signal, from its acceptance to its execution (``benchmarks/commits.py``)."""


def measure(folder: Path, signals: int, wave: int, way: Way = "working") -> Measured:
    """Bring so many signals to their receipts, ``wave`` of them at a time, in a new store.

    Raises:
        AssertionError: a signal came to another end than one recorded effect, something was performed twice,
            or the ledger is broken.
    """
    clock, ads = SystemClock(), Ads()
    store = WatchedStore.open(f"sqlite:///{folder / 'crossloop.db'}", clock=clock)
    assert isinstance(store, WatchedStore)
    with crossloop.Coordinator(
        store, company(ads), rules(folder), threads=folder / "threads.db", clock=clock
    ) as coordinator:
        now = datetime.now(UTC)
        warm_up = [said(-1 - number, now) for number in range(WARM_UP)]
        waves = [
            [said(number, now) for number in range(first, min(first + wave, signals))]
            for first in range(0, signals, wave)
        ]
        seconds, each = (_working if way == "working" else _publishing)(coordinator, warm_up, waves)
        executed = steps(store)[WARM_UP:]
        assert len(executed) == signals, f"{len(executed)} receipts for {signals} signals"
        assert len(ads.done) == signals + WARM_UP, f"{len(ads.done)} effects"
        ads.require_once()
        assert coordinator.verify().ok, "the ledger is broken"
    return Measured(seconds, tuple(each), tuple(map(_inside, executed)))


Waves = Sequence[Sequence[crossloop.Signal]]


def _working(
    coordinator: crossloop.Coordinator, warm_up: Sequence[crossloop.Signal], waves: Waves
) -> tuple[float, list[float]]:
    with coordinator.working() as work:

        def bring_to_its_end(signals: Sequence[crossloop.Signal]) -> None:
            work.admit(signals)
            work.wait()

        return _timed(bring_to_its_end, warm_up, waves)


def _publishing(
    coordinator: crossloop.Coordinator, warm_up: Sequence[crossloop.Signal], waves: Waves
) -> tuple[float, list[float]]:
    return _timed(coordinator.publish, warm_up, waves)


def _timed(
    bring_to_its_end: Callable[[Sequence[crossloop.Signal]], object],
    warm_up: Sequence[crossloop.Signal],
    waves: Waves,
) -> tuple[float, list[float]]:
    bring_to_its_end(warm_up)
    each: list[float] = []
    began = time.perf_counter()
    for one in waves:
        handed_in = time.perf_counter()
        bring_to_its_end(one)
        each.append(time.perf_counter() - handed_in)
    return time.perf_counter() - began, each


def _inside(step: Step) -> float:
    return step.executed - step.accepted


def main() -> None:
    folder, signals, wave = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    way: Way = "publish" if sys.argv[4:] == ["publish"] else "working"
    found = measure(folder, signals, wave, way)
    document = {
        "signals": signals,
        "seconds": found.seconds,
        "durable": True,
        "what": "every transaction is committed to SQLite in WAL mode with synchronous=FULL",
        "p50": percentile(found.each, 50),
        "p99": percentile(found.each, 99),
        "inside_p50": percentile(found.inside, 50),
        "inside_p99": percentile(found.inside, 99),
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main()
