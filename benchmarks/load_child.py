"""A company at work under an open load, in a process of its own; people answer from another one.

Signals are offered in small random bursts by the clock, each burst at its own moment, whatever has become of
those before it. They are made in the thread that offers them, which takes its share of the processor.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import crossloop
from benchmarks.children import module, say
from benchmarks.commits import WatchedStore, steps
from benchmarks.company import SURE, UNSURE, Ads, company, rules, said
from benchmarks.figures import memory, milliseconds, slope
from crossloop.clock import SystemClock
from crossloop.coordinator.working import Working

HELD: Final = 0.02
"""Share of the signals that are held for people."""

LARGEST_BURST: Final = 9
_EVERY: Final = 10.0
"""Seconds between looks at the memory."""

_WARM_UP: Final = 64


@dataclass
class Offered:
    """What was offered when, and how it went on."""

    signals: int = 0
    waited: array[float] = field(default_factory=lambda: array("d"))
    """Seconds of each burst, from the moment at which it was due until it was durable."""

    memory: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    """Seconds since the beginning, and megabytes."""


def bursts(rate: int, seconds: float, chance: random.Random) -> Iterator[tuple[float, int]]:
    """When each burst is due, in seconds since the beginning, and how many signals it has."""
    mean = (1 + LARGEST_BURST) / 2
    due = chance.expovariate(rate / mean)
    while due < seconds:
        yield due, chance.randint(1, LARGEST_BURST)
        due += chance.expovariate(rate / mean)


def offer(work: Working, rate: int, seconds: float) -> Offered:
    """Hand signals in by the clock; returns when the last burst was handed in."""
    chance, offered = random.Random(1), Offered()
    began = time.perf_counter()
    look = 0.0
    for due, size in bursts(rate, seconds, chance):
        now = datetime.now(UTC)
        burst = [
            said(offered.signals + n, now, confidence=UNSURE if chance.random() < HELD else SURE)
            for n in range(size)
        ]
        offered.signals += size
        time.sleep(max(0.0, began + due - time.perf_counter()))
        work.submit(burst).add_done_callback(partial(_acknowledged, offered, began + due))
        if due >= look:
            offered.memory.append((due, memory()))
            say(f"  {due:.0f} of {seconds:g} s, {offered.signals:,} signals, {offered.memory[-1][1]:.0f} MB")
            look = due + _EVERY
    offered.memory.append((seconds, memory()))
    return offered


def _acknowledged(offered: Offered, due: float, outcome: object) -> None:
    del outcome  # one that failed is missed when everything is counted
    offered.waited.append(time.perf_counter() - due)


def measure(folder: Path, rate: int, seconds: float, answers: float) -> dict[str, Any]:
    """Offer ``rate`` signals a second for so many seconds, while people answer so many questions a second.

    Raises:
        AssertionError: a signal came to no end and waits for nobody, or the ledger is broken.
    """
    clock, ads = SystemClock(), Ads()
    store = WatchedStore.open(f"sqlite:///{folder / 'crossloop.db'}", clock=clock)
    assert isinstance(store, WatchedStore)
    parts = store, company(ads), rules(folder)
    with crossloop.Coordinator(*parts, threads=folder / "threads.db", clock=clock) as coordinator:
        with coordinator.working() as work:
            work.admit([said(-1 - number, datetime.now(UTC)) for number in range(_WARM_UP)])
            work.wait()
            command = module("load_people_child", folder, answers, seconds)
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as people:
                assert people.stdout is not None
                people.stdout.readline()  # they are there
                offered = offer(work, rate, seconds)
                ended = time.perf_counter()
                work.wait()
                drained = time.perf_counter()
                found = json.loads(people.stdout.read())
            work.wait()
        say("  counting")
        counted = _counted(store, offered, ended)
        assert coordinator.verify().ok, "the ledger is broken"
    assert counted["executed"] == len(ads.done) - _WARM_UP
    return {**counted, "signals": offered.signals, "drained": drained - ended, "people": found}


def _counted(store: WatchedStore, offered: Offered, ended: float) -> dict[str, Any]:
    executed = steps(store)[_WARM_UP:]
    alone = [one for one in executed if not one.asked]
    asked = dict(store.read(lambda read: read.rows("SELECT state, count(*) FROM approvals GROUP BY state")))
    settled = len(alone) + sum(asked.values())
    assert settled == offered.signals, f"{settled} of {offered.signals} signals came to an end or wait"
    begun, *_, over = offered.memory
    middle = offered.memory[len(offered.memory) // 2]
    later = [one for one in offered.memory if one[0] >= offered.memory[-1][0] / 4]
    return {
        "executed": len(executed),
        "asked": asked,
        "acknowledged": milliseconds(offered.waited),
        "accepted_to_executed": milliseconds([one.executed - one.accepted for one in alone]),
        "backlog": sum(one.executed > ended for one in alone),
        "memory": {"start": begun[1], "middle": middle[1], "end": over[1]},
        "slope": slope(later) * 60,
        "entries": store.read(lambda read: read.head().size),
    }


def main() -> None:
    rate, seconds, answers = int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    print(json.dumps(measure(Path(sys.argv[1]), rate, seconds, answers)))


if __name__ == "__main__":
    main()
