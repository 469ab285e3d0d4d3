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
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from crossloop.actions import Action, Executor
from crossloop.clock import Clock
from crossloop.coordinator import sagas
from crossloop.coordinator.admit import in_force
from crossloop.coordinator.approval_graph import ApprovalThreads
from crossloop.coordinator.company import Company
from crossloop.coordinator.decide import Decided, Made, decide
from crossloop.coordinator.endings import after_receipt, set_aside
from crossloop.coordinator.in_step import InStep, Offload
from crossloop.coordinator.mediator import Mediated, mediate
from crossloop.coordinator.performing import Performing
from crossloop.coordinator.reconciling import reconcile, unknown
from crossloop.coordinator.resting import expire
from crossloop.coordinator.supervisor import RECURSION_LIMIT, SupervisorGraph, build_supervisor
from crossloop.coordinator.views import Settings, Views
from crossloop.coordinator.waves import LOOK_AGAIN, Fresh, Waiting, run_waves
from crossloop.departments.graph import Answers, Asked
from crossloop.faults import crash_point
from crossloop.governance import Policy
from crossloop.ids import ActionKey, DecisionId, SignalId
from crossloop.signals import Receipt, Signal
from crossloop.store import Lease, Read, Store, Tx, actions, inbox

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
    """What one drain looks at, and what it has under way."""

    as_of: Callable[[], datetime]
    """Tells the business instant of a wave."""

    settings: Callable[[], Settings]
    waiting: Waiting
    performing: Performing
    permitted: dict[ActionKey, Action] = field(default_factory=dict[ActionKey, Action])
    """What was permitted and not handed over yet, as it was committed."""


def _under_way(read: Read) -> bool:
    """True while something is to be done, or to be taken back, that waits for no person."""
    return bool(actions.started(read) or actions.permitted(read, 1) or sagas.due(read))


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
        self._executor = Executor(
            store, company.adapters, clock, done=self._write_done, recorded=self._recorded
        )
        self._views = Views(store, company, policy)
        self._in_step = InStep(
            store, company.adapters, policy, threads, clock, self._executor, self._views, offload
        )
        self._fresh: Fresh = {}
        self._arrival = asyncio.Event()
        self._graph: SupervisorGraph | None = None
        self._drained: _Drain | None = None
        self._done: Done | None = None
        """Where it is told what was done; none where nobody asks."""
        self._parked_until: datetime | None = None
        """Nothing that is parked expires before that instant."""

    def hold(self, lease: Lease) -> None:
        """Work under a lease from now on.

        Where it is not the one that follows upon the last, somebody else has worked on the store meanwhile.
        """
        before = self.lease
        if before is not None and lease.token not in (before.token, before.token + 1):
            self._views.forget()
            self._in_step.forget()
            self._fresh.clear()
        self.lease = lease

    def arrived(self, signals: Sequence[Signal]) -> None:
        """Take note of signals that were just admitted: they wait, and need not be read back."""
        if len(self._fresh) < _MOST_FRESH:
            self._fresh.update((one.id, one) for one in signals)
        self._wake()

    def _wake(self) -> None:
        self._arrival.set()
        if self._drained is not None:
            self._drained.performing.wake()

    async def drain(self, *, as_of: datetime, settings: Settings | None = None) -> Done:
        """Bring everything that waits to its end: recovery first, then wave after wave.

        Args:
            as_of: the business instant at which departments look and limits count.
            settings: settings of the loops, for the departments' views.
        """
        done = self._done = Done(since=self.store.read(lambda read: read.head().size))
        try:
            await self._look_anew()
            await self.settle()
            await self._expire_parked(as_of)
            async with self._working(lambda: as_of, lambda: settings or {}) as drain:
                await self._waves(drain)
                await drain.performing.finish()
            await self.settle()
        finally:
            self._done = None
        return done

    async def settle(self) -> tuple[Receipt, ...]:
        """Bring what was decided before in step (:mod:`~crossloop.coordinator.in_step`), and wait for it."""
        return await self._in_step.settle(self.lease)

    async def serve(self, settings: Callable[[], Settings], over: asyncio.Event, idle: asyncio.Event) -> None:
        """Bring to its end whatever comes, until it is told to stop; what has begun is finished.

        Departments look, and limits count, as of the present instant. What others wrote into the store (an
        answer, a signal) is seen within a tenth of a second.

        Args:
            settings: tells the settings of the loops, for the departments' views.
            over: set by whoever wants it to stop.
            idle: set whenever nothing waits, cleared when something arrives.
        """
        await self._look_anew()
        await self.settle()
        await self._expire_parked(self.clock.now())
        async with self._working(self.clock.now, settings) as drain:
            enough = asyncio.Event()
            keeping = asyncio.create_task(self._keep_in_step(drain, enough))
            working = asyncio.create_task(self._work_off(drain, over, idle))
            try:
                await asyncio.wait({keeping, working}, return_when=asyncio.FIRST_COMPLETED)
                if not working.done():
                    await keeping  # it ends before the work only by failing, and that ends the work
                await working
                enough.set()
                await keeping  # what it has begun is finished, too
                await drain.performing.finish()
            finally:
                keeping.cancel()
                working.cancel()
                await asyncio.gather(keeping, working, return_exceptions=True)
        await self.settle()

    @contextlib.asynccontextmanager
    async def _working(
        self, as_of: Callable[[], datetime], settings: Callable[[], Settings]
    ) -> AsyncGenerator[_Drain]:
        """What a drain works with; what it leaves under way is cancelled."""
        self._arrival = asyncio.Event()  # of the loop that runs now
        performing = Performing(self._executor, self._fell)
        waiting = Waiting(self.store, self.company, self._fresh, self._executor.is_at_work_on)
        self._drained = _Drain(as_of, settings, waiting, performing)
        try:
            yield self._drained
        finally:
            self._drained = None
            await performing.abandon()

    async def _waves(self, drain: _Drain) -> None:
        await run_waves(
            drain.waiting, self._think, self._set_aside, self._arrival, between=drain.performing.room
        )

    async def _work_off(self, drain: _Drain, over: asyncio.Event, idle: asyncio.Event) -> None:
        while True:
            await self._waves(drain)
            await drain.performing.finish(unless=self._arrival.is_set)
            if not self._arrival.is_set():
                if over.is_set():
                    return
                # What a person permitted may not be handed over yet.
                if not self.store.read(_under_way):
                    idle.set()
                await _first_of(self._arrival, over)

    async def _keep_in_step(self, drain: _Drain, enough: asyncio.Event) -> None:
        while not enough.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(enough.wait(), LOOK_AGAIN)
            written = await self._in_step.keep(self.lease, drain.performing)
            now = self.clock.now()
            if self._parked_until is not None and now > self._parked_until:
                await self._expire_parked(now)
            if written:
                self._wake()  # somebody else may have admitted something

    @property
    def _draining(self) -> _Drain:
        assert self._drained is not None, "what thinks does so for a drain"
        return self._drained

    async def _look_anew(self) -> None:
        """Look once, when work begins, at what is due of undertakings and at what is in doubt."""
        if self.store.read(sagas.misnoted):
            await self.store.write_async(sagas.look_anew, lease=self.lease)
        await self._reconcile()

    async def _reconcile(self) -> None:
        """Look up, once, every action of which nobody can tell whether it was done."""
        doubtful = self.store.read(unknown)
        found = await self._executor.look_up(doubtful) if doubtful else {}
        if found:
            settled = await self.store.write_async(
                lambda tx: reconcile(tx, found, self.policy), lease=self.lease
            )
            self._recorded(settled)

    async def _expire_parked(self, as_of: datetime) -> None:
        parked = self.store.read(inbox.resting)
        await self._expire([SignalId(one.id) for one in parked if as_of > one.valid_until], as_of)
        self._parked_until = min(
            (one.valid_until for one in parked if as_of <= one.valid_until), default=None
        )

    async def _expire(self, late: Sequence[SignalId], as_of: datetime) -> None:
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

        def work(tx: Tx, left: Sequence[Signal]) -> Decided:
            decided = decide(
                tx,
                left,
                answers,
                settled,
                policy=self.policy,
                catalogue=self.company.catalogue,
                as_of=as_of,
                enough=self.store.pressed,
            )
            crash_point("decide.before_commit")
            return decided

        keys: list[ActionKey] = []
        left = wave
        while left:  # more than once where somebody wanted to write meanwhile
            decided = await self.store.write_async(partial(work, left=left), lease=self.lease)
            crash_point("decide.after_commit")
            left = left[decided.signals :]
            drain.permitted.update((action.key, action) for action in decided.permitted)
            keys += (action.key for action in decided.permitted)
            if self._done is not None:
                self._done.made += decided.made
        self._views.moved(keys)
        for signal in wave:
            if not answers.get(signal.id):  # it may be parked now
                self._parked_until = min(signal.valid_until, self._parked_until or signal.valid_until)
        return keys

    async def _act(self, keys: Sequence[ActionKey]) -> None:
        drain = self._draining
        known = {key: drain.permitted.pop(key) for key in keys if key in drain.permitted}
        if known:
            drain.performing.begin(self._executor.perform_new(self.lease, known=known))

    def _recorded(self, receipts: Sequence[Receipt]) -> None:
        """Take note of receipts that were just committed."""
        self._views.moved(one.action_key for one in receipts)
        if self._done is not None:
            self._done.receipts += receipts
        if self._drained is not None and self._drained.waiting.kept_back:
            self._wake()

    def _fell(self) -> None:
        """Something could not be performed, or written down: some of it may be in force."""
        self._views.forget()
        self._arrival.set()

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
