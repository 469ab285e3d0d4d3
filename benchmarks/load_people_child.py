"""People who read what waits for them and answer it, from a process of their own.

Each turn one reads the questions that are due next, as a screen shows them, and answers one of them; turns
come by the clock. The first turn also opens files and compiles statements, and is not counted.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any, Final

import crossloop
from benchmarks.company import Ads, company, rules
from benchmarks.figures import milliseconds
from crossloop.clock import SystemClock

SHOWN: Final = 20
"""Questions on a screen."""


def measure(folder: Path, answers: float, seconds: float) -> dict[str, Any]:
    """Read and answer ``answers`` times a second for so many seconds; how long each waited."""
    clock, chance = SystemClock(), random.Random(2)
    store = crossloop.Store.open(f"sqlite:///{folder / 'crossloop.db'}", clock=clock)
    reading: list[float] = []
    answering: list[float] = []
    policy = rules(folder)
    with crossloop.Coordinator(
        store, company(Ads()), policy, threads=folder / "threads.db", clock=clock
    ) as people:
        people.approvals(state="waiting", limit=SHOWN)
        print("{}", flush=True)
        began = time.perf_counter()
        turn = 0
        while turn / answers < seconds:
            time.sleep(max(0.0, began + turn / answers - time.perf_counter()))
            turn += 1
            at = time.perf_counter()
            waiting = people.approvals(state="waiting", limit=SHOWN)
            reading.append(time.perf_counter() - at)
            if not waiting:
                continue
            chosen, yes = chance.choice(waiting), chance.random() < 0.5
            at = time.perf_counter()
            people.answer(
                str(chosen["id"]),
                person="asha",
                decision="approve" if yes else "reject",
                reason="" if yes else "not now",
                asserted="asserted by a benchmark",
            )
            answering.append(time.perf_counter() - at)
    return {
        "answered": len(answering),
        "reading": milliseconds(reading[1:] or reading or [0.0]),
        "answering": milliseconds(answering[1:] or answering or [0.0]),
    }


def main() -> None:
    print(json.dumps(measure(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))))


if __name__ == "__main__":
    main()
