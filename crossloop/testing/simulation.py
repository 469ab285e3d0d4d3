"""The seeded simulation of a whole company: the real store, gates, graphs and executor over virtual time.

Rules:

1. Everything that is drawn is drawn from the seed, from sources of their own for the program, the systems,
   the departments and the salts. The same seed and the same code give the same ledger.
2. The company is the production code. Made for the simulation are time, the systems outside, the people, and
   the process that can die (:mod:`~crossloop.testing.processes`).
3. At the end the world is calm, whatever died is opened again, and time passes until nothing waits. Only then
   has everything to be so that :mod:`~crossloop.testing.invariants` finds nothing; what must hold at every
   moment is looked at after every operation.
4. An error that nobody foresaw is a violation too, under number 0.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crossloop import faults
from crossloop.testing.evidence import Violation
from crossloop.testing.processes import passed
from crossloop.testing.running import Simulation, Step, empty_store
from crossloop.testing.virtual_time import Stuck, VirtualLoop, run

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - memory, where the machine has it: nothing has to survive


@dataclass(frozen=True)
class Outcome:
    """What one seed led to."""

    seed: int
    program: tuple[Step, ...]
    """The operations, in their order."""

    entries: int
    """Entries of the ledger at the end."""

    effects: int
    """Effects in the world at the end."""

    faults: Counter[str]
    """What went wrong on purpose, by kind."""

    points: Counter[str]
    """How often each crash point was passed (:data:`crossloop.faults.POINTS`)."""

    notices: Counter[str]
    """How often people and departments were told, by what of."""

    violations: tuple[Violation, ...]
    ledger: str
    """SHA-256 over every byte of the ledger."""


def simulate(seed: int, *, folder: Path | None = None) -> Outcome:
    """Run a company through everything that a seed draws, and check the invariants.

    Args:
        folder: where its store is made; a temporary one, in memory where the machine allows it, when None.
    """
    place = folder or (_MEMORY if _MEMORY.is_dir() else None)
    with tempfile.TemporaryDirectory(dir=place, prefix=f"crossloop-{seed}-") as made, _chance(seed):
        try:
            return run(lambda loop: _simulated(seed, Path(made), loop))
        except Stuck as stuck:
            hung = Violation(0, str(stuck), "the event loop")
            return Outcome(seed, (), 0, 0, Counter(), Counter(), Counter(), (hung,), "")


@contextmanager
def _chance(seed: int) -> Generator[None]:
    """Seed the source that libraries draw from (the jitter of retries), and put it back afterwards."""
    before = random.getstate()
    random.seed(f"{seed} libraries")
    try:
        yield
    finally:
        random.setstate(before)


async def _simulated(seed: int, folder: Path, loop: VirtualLoop) -> Outcome:
    # What fails in a process that died, or whom somebody followed, may have nobody left to be told.
    loop.set_exception_handler(lambda _loop, _context: None)
    points: Counter[str] = Counter()

    def told(point: str) -> None:
        points[point] += 1
        passed(point)

    empty_store()  # made once in this process, before anything is counted
    with faults.on_pass(told):
        sim = Simulation(seed, folder, loop)
        playing = asyncio.create_task(sim.play())
        await asyncio.wait({playing})
    sim.close()
    failure = playing.exception()
    if failure is not None:
        sim.unforeseen(failure)
    return Outcome(
        seed=seed,
        program=tuple(sim.program),
        entries=len(sim.evidence.ledger.entries),
        effects=len(sim.evidence.effects),
        faults=sim.faults,
        points=points,
        notices=Counter(one.kind for one in sim.evidence.ledger.notices),
        violations=tuple(dict.fromkeys(sim.violations)),
        ledger=sim.digest,
    )
