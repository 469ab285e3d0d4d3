"""One simulated company while it runs: its world, its processes, and what is known about both.

What the rules of :mod:`crossloop.testing.simulation` say of the end stands here, too.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import random
import tempfile
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from crossloop.coordinator import Runtime
from crossloop.coordinator.admit import admit_signals, in_force
from crossloop.coordinator.approval_graph import ApprovalThreads
from crossloop.coordinator.decide import PolicyReplaced
from crossloop.errors import AnswerRefused, StaleLease, StoreBusy
from crossloop.governance import Policy
from crossloop.signals import Signal
from crossloop.store import approvals, inbox, incidents
from crossloop.testing import company, invariants, operations, people
from crossloop.testing.documents import VARIANTS, policy
from crossloop.testing.evidence import Evidence, Taken, Violation
from crossloop.testing.gathering import gather
from crossloop.testing.processes import Killed, Life, WatchedStore, live, open_store
from crossloop.testing.systems import World
from crossloop.testing.virtual_time import VirtualClock, VirtualLoop
from crossloop.testing.workers import Shown, ShownInMemory, Worker

T = TypeVar("T")

START: Final = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
_REFUSED: Final = (AnswerRefused, PolicyReplaced, StaleLease, StoreBusy)
"""What the company may say no with; the operation is over then, and nothing else is."""

_REAL_FILES: Final = 16
"""Every so many seeds the tables are made anew, and the approval graph keeps its threads in a file."""

_ROUNDS: Final = 16
"""How often the company works at the end at most, until nothing waits: a question can be passed on once, and
of an undertaking one step is taken back after the other, each perhaps by a person."""

_DAYS: Final = 2 * 86_400.0


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a program."""

    operation: str
    at: datetime
    """Real time, as the company saw it, when it began."""

    entries: int
    """Entries of the ledger by then."""


Befalls = Literal["dies", "freezes", "busy"]
"""What befalls a process: it dies, it is stopped for a while, or the store does not let it write."""


@dataclass(slots=True)
class Armed:
    """What happens to a process at a point that it passes."""

    point: str
    left: int
    what: Befalls
    seconds: float
    """For how long it is frozen."""


class Simulation:
    """One company, its world, and what is known about both."""

    def __init__(self, seed: int, folder: Path, loop: VirtualLoop) -> None:
        self.seed = seed
        self.loop = loop
        self.clock = VirtualClock(loop, START)
        self.draw = _source(seed, "program")
        self.world = World()
        self.faults = self.world.faults
        self.evidence = Evidence(effects=self.world.effects)
        self.violations: list[Violation] = []
        self.program: list[Step] = []
        self.said: list[Signal] = []
        self.number = 0
        self.digest = ""
        self.names = tuple(self.draw.sample(tuple(company.DEPARTMENTS), self.draw.choice((2, 3, 4))))
        self._systems = _source(seed, "systems")
        self._departments = {name: company.DEPARTMENTS[name] for name in self.names}
        company.MINDS.set(company.Minds(_source(seed, "minds"), self.faults))
        self._folder = folder
        self._numbers = itertools.count()
        self._salts = _salts(seed)
        self._armed: dict[str, Armed] = {}
        self._dead: set[str] = set()
        self._deaths_are_seen = self.draw.random() < 0.7
        self._shown = Shown() if seed % _REAL_FILES else None
        self._policies: dict[str, Policy] = {}
        self._open: list[WatchedStore] = []
        if self._shown is not None:
            (folder / "store.db").write_bytes(empty_store())
        self.observer = self._store(Life("observer"))
        self.console = self._console()
        self.worker = self.open_worker(self._policy(self.draw.randrange(VARIANTS)))

    # -- what operations use

    async def play(self) -> None:
        """Everything from the first operation to the last check."""
        for _ in range(self.draw.randint(4, 9)):
            operation = operations.draw_operation(self)
            known = len(self.evidence.ledger.entries)
            self.program.append(Step(operation.__name__, self.clock.now(), known))
            await operation(self)
            self.follow()
            self._violated(invariants.check(self.evidence, invariants.AT_EVERY_STEP))
        await self._finish()
        self.take_checkpoint()
        self.follow()
        self.digest = self.observer.read(lambda read: gather(read, self.evidence))
        self._violated(invariants.check(self.evidence))

    async def attempt(self, worker: Worker, doing: Callable[[Runtime], Awaitable[T]]) -> T | None:
        """Have a worker do something; None where it was refused or died. Who died is opened again."""
        result = await self.run(worker.life, worker.work(doing))
        if worker.life.dead and worker is self.worker:
            await self.reopen()
        return result

    async def run(self, life: Life, work: Coroutine[Any, Any, T]) -> T | None:
        """Run something in a process; None where it was refused or the process died."""
        if life.dead:
            work.close()
            return None
        task = await live(life, work)
        if life.dead:
            self._bury(life)
            return None
        failure = None if task.cancelled() else task.exception()
        if failure is None and not task.cancelled():
            return task.result()
        if isinstance(failure, _REFUSED):
            self.faults[f"refused.{type(failure).__name__}"] += 1
            if isinstance(failure, PolicyReplaced) and life is self.worker.life:
                await self.reopen()
        elif failure is not None:
            self.unforeseen(failure)
        return None

    async def admitted(self, runtime: Runtime, signals: Sequence[Signal]) -> None:
        """Admit signals; what is confirmed is remembered."""
        await admit_signals(runtime, signals)
        runtime.replaces = runtime.policy.digest
        self.evidence.acknowledged |= {one.id for one in signals}

    async def drained(self, runtime: Runtime) -> None:
        """Drain; what it hands out is remembered."""
        done = await runtime.drain(as_of=self.clock.now())
        self.evidence.receipts += [(one.action_key, one.outcome) for one in done.receipts]

    async def settled(self, runtime: Runtime) -> None:
        """Settle; what it hands out is remembered."""
        receipts = await runtime.settle()
        self.evidence.receipts += [(one.action_key, one.outcome) for one in receipts]

    def arm(self, worker: Worker, point: str, count: int, what: Befalls, seconds: float) -> None:
        """Have something befall a worker the counted time it passes a point."""
        life = self.console.life if point.startswith("answer.") else worker.life
        self._armed[life.name] = Armed(point, count, what, seconds)
        life.on_pass = self._passes

    def open_worker(self, policy: Policy) -> Worker:
        """Open another process of the company, beside those that are open."""
        life = Life(f"worker-{next(self._numbers)}")
        file = self._folder / "threads.db"
        threads = ApprovalThreads(file) if self._shown is None else ShownInMemory(file, self._shown)
        return Worker(
            life,
            self._store(life),
            policy,
            threads,
            self.clock,
            self._departments,
            self.world,
            self._systems,
            alive=lambda owner: not (self._deaths_are_seen and owner in self._dead),
        )

    async def reopen(self, number: int | None = None) -> None:
        """Open the company anew: under the rules in force, or under the document of a number."""
        self._close(self.worker.store)
        if number is None:
            present = self._policies.get(in_force(self.observer), self.worker.policy)
        else:
            present = self._policy(number)
        self.worker = self.open_worker(present)

    async def keep(self, first: Worker, second: Worker) -> None:
        """Go on with one of two workers; the other one is closed."""
        alive = [one for one in (first, second) if not one.life.dead]
        if self.worker is not first:  # it died meanwhile and was opened again
            self._close(second.store)
        elif not alive:
            await self.reopen()
        else:
            self.worker = self.draw.choice(alive)
            for one in (first, second):
                if one is not self.worker:
                    self._close(one.store)

    def follow(self) -> None:
        """Read the tail of the ledger on, as a reader that must never skip anything."""
        known = self.evidence.ledger.entries
        fresh = self.observer.read(lambda read: list(read.entries(start=len(known))))
        for place, entry in enumerate(fresh, len(known)):
            if entry.position != place:
                self.evidence.skipped.append(f"entry {entry.position} instead of {place}")
        self.evidence.ledger.read(fresh)

    def take_checkpoint(self) -> None:
        """Remember size and root of the ledger."""
        frontier = self.observer.read(lambda read: read.frontier())
        self.evidence.checkpoints.append(Taken(frontier.size, frontier.root()))

    def unforeseen(self, failure: BaseException) -> None:
        """Note an error that nobody foresaw (rule 4)."""
        where = "".join(traceback.format_exception(failure)[-4:])
        self.violations.append(Violation(0, f"{type(failure).__name__}: {failure}", where))

    def close(self) -> None:
        """Let go of every file."""
        for store in self._open:
            store.close()

    # -- how it ends

    async def _finish(self) -> None:
        """Rule 3."""
        self.world.calm = True
        self._armed.clear()
        if self.worker.life.dead:
            await self.reopen()
        for _ in range(_ROUNDS):
            await self.attempt(self.worker, self.drained)
            looked_into = people.open_incidents(self)
            for row in looked_into:
                await people.look_into(self, row)
            if looked_into:
                continue  # what follows from it is for the worker to do
            if not self._waits():
                left = {} if self._shown is None else self._shown.questions
                self.violations += [Violation(0, "a thread outlives its question", one) for one in left]
                return
            await asyncio.sleep(_DAYS)
        self.violations.append(Violation(1, "something waits for ever", ", ".join(self._waits())))

    def _waits(self) -> list[str]:
        def found(read: Any) -> list[str]:
            return [
                *(one.id for one in inbox.waiting(read, 1000)),
                *(one.id for one in inbox.unfinished(read)),
                *(one.id for one in approvals.listing(read, state="waiting")),
                *(one.id for one in incidents.listing(read, state="open")),
            ]

        return self.observer.read(found)

    # -- how processes come and go

    def _passes(self, life: Life, point: str) -> None:
        armed = self._armed.get(life.name)
        if armed is None or armed.point != point:
            return
        armed.left -= 1
        if armed.left > 0:
            return
        del self._armed[life.name]
        if armed.what == "dies":
            life.die()
            raise Killed(point)
        if armed.what == "busy":
            self.faults["store.busy"] += 1
            raise StoreBusy("drawn")
        self.faults["worker.frozen"] += 1
        life.freeze(armed.seconds)

    def _bury(self, life: Life) -> None:
        if life.name in self._dead:
            return
        self._dead.add(life.name)
        self.faults["crash"] += 1
        if life is self.console.life:
            self._close(self.console.store)
            self.console = self._console()

    def _console(self) -> _Console:
        life = Life(f"console-{next(self._numbers)}")
        return _Console(life, self._store(life))

    def _store(self, life: Life) -> WatchedStore:
        store = open_store(self._folder / "store.db", self.clock, self._salts)
        self._open.append(store)
        return store.watch(life, self.evidence.commits)

    def _close(self, store: WatchedStore) -> None:
        if store in self._open:
            self._open.remove(store)
            store.close()

    def _policy(self, number: int) -> Policy:
        found = policy(number)
        self._policies[found.digest] = found
        return found

    def _violated(self, found: list[Violation]) -> None:
        self.violations += found


@dataclass(frozen=True, slots=True)
class _Console:
    """Where people answer: a process without a lease."""

    life: Life
    store: WatchedStore


def _source(seed: int, name: str) -> random.Random:
    return random.Random(f"{seed} {name}")  # noqa: S311 - to repeat it, not to keep a secret


def _salts(seed: int) -> Callable[[], bytes]:
    counter = itertools.count()
    return lambda: hashlib.sha256(b"%d %d" % (seed, next(counter))).digest()[:16]


@cache
def empty_store() -> bytes:
    """The file of an empty store: making its tables takes longer than writing it down."""
    with tempfile.TemporaryDirectory(prefix="crossloop-empty-") as made:
        file = Path(made) / "store.db"
        open_store(file, _Epoch(), lambda: b"").close()
        return file.read_bytes()


class _Epoch:
    def now(self) -> datetime:
        return START
