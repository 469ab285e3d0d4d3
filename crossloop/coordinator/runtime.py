"""The runtime: waves of waiting signals, decided, performed, answered. The async core.

LangGraph thinks, the store remembers, one executor acts. A signal is *new*, then *decided*, then
*finished*; only *new* is thought about, so that a crash at any moment repeats thinking and nothing else.

A runtime is kept from one drain to the next: compiling the graph and reading what is in force costs more than
a wave. What it remembers holds only as long as nobody else has worked on the store: whoever takes it up under
a lease says so (:meth:`Runtime.hold`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from crossloop.actions import Action, Executor
from crossloop.clock import Clock
from crossloop.coordinator import sagas
from crossloop.coordinator.admit import in_force
from crossloop.coordinator.approval_graph import ApprovalThreads
from crossloop.coordinator.approvals import bring_in_step
from crossloop.coordinator.company import Company
from crossloop.coordinator.decide import Decided, Made, decide
from crossloop.coordinator.endings import after_receipt, expire_overdue, set_aside
from crossloop.coordinator.mediator import Mediated, mediate
from crossloop.coordinator.reconciling import reconcile, unknown
from crossloop.coordinator.resting import expire
from crossloop.coordinator.supervisor import RECURSION_LIMIT, SupervisorGraph, build_supervisor
from crossloop.coordinator.taking_back import take_back
from crossloop.coordinator.views import Settings, Views
from crossloop.coordinator.waves import LOOK_AGAIN, Fresh, Waiting, run_waves
from crossloop.departments.graph import Answers, Asked
from crossloop.faults import crash_point
from crossloop.governance import Policy
from crossloop.ids import ActionKey, DecisionId, SignalId
from crossloop.signals import Receipt, Signal
from crossloop.store import Lease, Read, Store, Tx, actions, approvals, inbox, incidents

_PAUSED: Final = (
    "a handler paused the graph; questions to people are asked by governance, about what a handler proposes"
)


_MOST_FRESH: Final = 10_000
"""Most signals that are kept in memory from their admission to their wave."""


@dataclass
class Done:
    """What a drain did, in the order it happened."""

    since: int
    """Position of the first ledger entry that was written after it began."""

    made: list[Made] = field(default_factory=list[Made])
    receipts: list[Receipt] = field(default_factory=list[Receipt])


@dataclass
class _Drain:
    """What one drain looks at, and what it has done so far."""

    as_of: Callable[[], datetime]
    """Tells the business instant of a wave."""

    settings: Callable[[], Settings]
    done: Done | None
    """Where it is told what was done; none where nobody asks."""

    permitted: dict[ActionKey, Action] = field(default_factory=dict[ActionKey, Action])
    """What was permitted and not handed over yet, as it was committed."""


class _Left(NamedTuple):
    """What there is to bring in step."""

    actions: bool
    overdue: bool
    questions: bool
    undertakings: bool


def _left(read: Read, now: datetime, shown: int) -> _Left:
    """Look, cheaply: there is nothing after nearly every wave.

    Args:
        now: real time, for deadlines.
        shown: the entry up to which every question has its thread.
    """
    questions = bool(approvals.waiting_after(read, shown) or approvals.ended_with_thread(read))
    overdue = bool(approvals.overdue(read, now) or incidents.overdue(read, now))
    return _Left(_acting(read), overdue, questions, bool(sagas.due(read)))


def _acting(read: Read) -> bool:
    return bool(actions.started(read) or actions.permitted(read, 1))


def _under_way(read: Read) -> bool:
    """True while something is to be done, or to be taken back, that waits for no person."""
    return _acting(read) or bool(sagas.due(read))


def _parked(read: Read) -> list[SignalId]:
    return [SignalId(row.id) for row in inbox.resting(read)]


Offload = Callable[[Callable[[], None]], Awaitable[None]]
"""Runs what waits for a disk of its own, away from the loop that others use."""


class Runtime:
    """Runs the waiting signals of one store to their end, one drain at a time."""

    def __init__(
        self,
        store: Store,
        company: Company,
        policy: Policy,
        threads: ApprovalThreads,
        clock: Clock,
        *,
        lease: Lease | None = None,
        replaces: str | None = None,
        offload: Offload = asyncio.to_thread,
    ) -> None:
        """Take the parts.

        Args:
            replaces: digest of the governance document that ``policy`` may take the place of: the one that
                was in force when ``policy`` was read, empty where there was none. By default the one in
                force now.
            offload: where the threads of the approval graph are written; a simulation does it in line.
        """
        self.store = store
        self.company = company
        self.policy = policy
        self._threads = threads
        self.clock = clock
        self.lease = lease
        self.replaces = in_force(store) if replaces is None else replaces
        self._offload = offload
        self._executor = Executor(store, company.adapters, clock, done=self._write_done)
        self._views = Views(store, company, policy)
        self._shown = -1
        """The entry up to which every question has its thread."""
        self._looked_into = -1
        """The entry up to which closed incidents are known."""
        self._fresh: Fresh = {}
        self._arrival = asyncio.Event()
        self._graph: SupervisorGraph | None = None
        self._drained: _Drain | None = None

    def hold(self, lease: Lease) -> None:
        """Work under a lease from now on.

        Where it is not the one that follows upon the last, somebody else has worked on the store meanwhile.
        """
        before = self.lease
        if before is not None and lease.token not in (before.token, before.token + 1):
            self._views.forget()
            self._shown = -1
            self._fresh.clear()
        self.lease = lease

    def arrived(self, signals: Sequence[Signal]) -> None:
        """Take note of signals that were just admitted: they wait, and need not be read back."""
        if len(self._fresh) < _MOST_FRESH:
            self._fresh.update((one.id, one) for one in signals)
        self._arrival.set()

    async def drain(self, *, as_of: datetime, settings: Settings | None = None) -> Done:
        """Bring everything that waits to its end: recovery first, then wave after wave.

        Args:
            as_of: the business instant at which departments look and limits count.
            settings: settings of the loops, for the departments' views.
        """
        done = Done(since=self.store.read(lambda read: read.head().size))
        await self._reconcile(done)
        await self.settle(done)
        await self._expire_parked(as_of)
        self._drained = _Drain(lambda: as_of, lambda: settings or {}, done)
        waiting = Waiting(self.store, self.company, self._fresh)
        await run_waves(waiting, self._think, self._set_aside, self._arrival)
        await self.settle(done)
        return done

    async def serve(self, settings: Callable[[], Settings], over: asyncio.Event, idle: asyncio.Event) -> None:
        """Bring to its end whatever comes, until it is told to stop; what has begun is finished.

        Departments look, and limits count, as of the present instant. What others wrote into the store (an
        answer, a signal) is seen within a tenth of a second.

        Args:
            settings: tells the settings of the loops, for the departments' views.
            over: set by whoever wants it to stop.
            idle: set whenever nothing waits, cleared when something arrives.
        """
        await self._reconcile(None)
        await self.settle()
        await self._expire_parked(self.clock.now())
        self._drained = _Drain(self.clock.now, settings, None)
        waiting = Waiting(self.store, self.company, self._fresh)
        enough = asyncio.Event()
        keeping = asyncio.create_task(self._keep_in_step(enough))
        working = asyncio.create_task(self._work_off(waiting, over, idle))
        try:
            await asyncio.wait({keeping, working}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                await keeping  # it ends before the work only by failing, and that ends the work
            await working
            enough.set()
            await keeping  # what it has begun is finished, too
        finally:
            keeping.cancel()
            working.cancel()
            await asyncio.gather(keeping, working, return_exceptions=True)
        await self.settle()

    async def _work_off(self, waiting: Waiting, over: asyncio.Event, idle: asyncio.Event) -> None:
        while not over.is_set():
            await run_waves(waiting, self._think, self._set_aside, self._arrival)
            if not self._arrival.is_set():
                # What a person permitted, or what is being performed beside its wave, is not done yet.
                if not self.store.read(_under_way):
                    idle.set()
                await _first_of(self._arrival, over)

    async def _keep_in_step(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(enough.wait(), LOOK_AGAIN)
            await self.settle()
            await self._expire_parked(self.clock.now())
            self._arrival.set()  # somebody else may have admitted something

    @property
    def _draining(self) -> _Drain:
        assert self._drained is not None, "what thinks does so for a drain"
        return self._drained

    async def _reconcile(self, done: Done | None) -> None:
        """Look up, once, every action of which nobody can tell whether it was done."""
        doubtful = self.store.read(unknown)
        found = await self._executor.look_up(doubtful) if doubtful else {}
        if found:
            settled = await self.store.write_async(
                lambda tx: reconcile(tx, found, self.policy), lease=self.lease
            )
            self._performed(settled, done)

    async def _expire_parked(self, as_of: datetime) -> None:
        await self._expire(self.store.read(_parked), as_of)

    async def _expire(self, signals: Sequence[SignalId], as_of: datetime) -> None:
        rows = self.store.read(lambda read: [inbox.get(read, one) for one in signals])
        late = [SignalId(row.id) for row in rows if row is not None and as_of > row.valid_until]
        if late:
            await self.store.write_async(lambda tx: expire(tx, late, self.policy, as_of), lease=self.lease)

    async def _think(self, wave: tuple[Signal, ...]) -> None:
        as_of = self._draining.as_of()
        late = [signal.id for signal in wave if as_of > signal.valid_until]
        if late:
            await self._expire(late, as_of)
            wave = tuple(signal for signal in wave if signal.id not in late)
        if not wave:
            return
        if self._graph is None:
            self._graph = build_supervisor(
                self.company.departments, mediate=self._mediate, decide=self._decide, act=self._act
            )
        async with self._views.take(as_of, self._draining.settings()) as view:
            crash_point("wave.before_decide")
            out = await self._graph.ainvoke(  # pyright: ignore[reportUnknownMemberType]
                {"wave": wave}, {"recursion_limit": RECURSION_LIMIT}, context=Asked(view)
            )
        if "keys" not in out:
            await self._paused(wave)

    async def _paused(self, wave: tuple[Signal, ...]) -> None:
        """A handler paused the graph, which ended before it decided: find out about which signal."""
        if len(wave) == 1:
            await self._set_aside(wave[0].id, _PAUSED)
        else:
            for signal in wave:
                await self._think((signal,))

    async def settle(self, done: Done | None = None) -> tuple[Receipt, ...]:
        """Bring what was decided before in step: effects, deadlines, answers, questions.

        What was started and has no receipt is looked up, what is overdue has ended, what is permitted is
        performed, undertakings that came to nothing are taken back, and the threads of the approval graph
        show what their rows say.
        """
        self._note_closed()
        if not self._threads.there:
            self._shown = -1
        now, shown = self.clock.now(), self._shown
        left = self.store.read(lambda read: _left(read, now, shown))
        if not any(left):
            return ()
        try:
            receipts = [*await self._executor.recover(self.lease)]
            if left.overdue:
                await self.store.write_async(lambda tx: expire_overdue(tx, self.policy), lease=self.lease)
            receipts += await self._executor.perform_permitted(self.lease)
            receipts += await take_back(
                self.store, self.company.adapters, self._executor, self.policy, self.lease
            )
        except BaseException:
            self._views.forget()  # some of them may be in force, and nobody was told which
            raise
        # Making and removing threads waits for a disk of its own: not on the loop that others use.
        await self._offload(self._bring_in_step)
        self._performed(receipts, done)
        return tuple(receipts)

    def _note_closed(self) -> None:
        """Note what a person, in whatever process, has said became of actions: other things are in force."""
        closed = self.store.read(lambda read: incidents.closed_after(read, self._looked_into))
        if closed:
            self._looked_into = max(entry for _, entry in closed)
            self._views.performed(ActionKey(key) for key, _ in closed)

    def _bring_in_step(self) -> None:
        self._shown = bring_in_step(self.store, self._threads, self.lease, after=self._shown)

    def _mediate(
        self, wave: Sequence[Signal], answers: Answers, as_of: datetime
    ) -> dict[DecisionId, Mediated]:
        # People answer in real time, whatever day is looked at.
        return mediate(wave, answers, self.policy, as_of=as_of, now=self.clock.now())

    async def _decide(
        self,
        wave: Sequence[Signal],
        answers: Answers,
        settled: Mapping[DecisionId, Mediated],
        as_of: datetime,
    ) -> list[ActionKey]:
        drain = self._draining

        def work(tx: Tx) -> Decided:
            decided = decide(
                tx,
                wave,
                answers,
                settled,
                policy=self.policy,
                catalogue=self.company.catalogue,
                as_of=as_of,
            )
            crash_point("decide.before_commit")
            return decided

        decided = await self.store.write_async(work, lease=self.lease)
        crash_point("decide.after_commit")
        drain.permitted.update((action.key, action) for action in decided.permitted)
        if drain.done is not None:
            drain.done.made += decided.made
        return [action.key for action in decided.permitted]

    async def _act(self, keys: Sequence[ActionKey]) -> None:
        drain = self._draining
        known = {key: drain.permitted.pop(key) for key in keys if key in drain.permitted}
        try:
            receipts = await self._executor.perform_all(keys, self.lease, known=known)
        except BaseException:
            self._views.forget()  # some of them may be in force, and nobody was told which
            raise
        self._performed(receipts, drain.done)

    def _performed(self, receipts: Sequence[Receipt], done: Done | None) -> None:
        self._views.performed(one.action_key for one in receipts)
        if done is not None:
            done.receipts += receipts

    async def _set_aside(self, signal: SignalId, why: str) -> None:
        await self.store.write_async(lambda tx: set_aside(tx, signal, why), lease=self.lease)

    def _write_done(self, tx: Tx, action: Action, receipt: Receipt) -> None:
        after_receipt(tx, action, receipt, self.policy)


async def _first_of(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
