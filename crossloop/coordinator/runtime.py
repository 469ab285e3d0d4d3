"""The runtime: waves of waiting signals, decided, performed, answered. The async core.

LangGraph thinks, the store remembers, one executor acts. A signal is *new*, then *decided*, then
*finished*; only *new* is thought about, so that a crash at any moment repeats thinking and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from crossloop.actions import Executor
from crossloop.clock import Clock
from crossloop.coordinator.admit import in_force
from crossloop.coordinator.approval_graph import ApprovalThreads
from crossloop.coordinator.approvals import bring_in_step
from crossloop.coordinator.company import Company
from crossloop.coordinator.decide import Decided, decide
from crossloop.coordinator.endings import after_receipt, expire_overdue, set_aside
from crossloop.coordinator.mediator import Mediated, settled_within
from crossloop.coordinator.supervisor import RECURSION_LIMIT, build_supervisor
from crossloop.coordinator.views import Settings, Views
from crossloop.coordinator.waves import Think, Waiting, run_waves
from crossloop.departments.graph import Answers, Asked
from crossloop.faults import crash_point
from crossloop.governance import GateState, Policy, SignalFacts, judge
from crossloop.ids import ActionKey, ApprovalId, DecisionId, SignalId
from crossloop.signals import Proposal, Receipt, Signal
from crossloop.store import Lease, Store, Tx
from crossloop.store.decisions import DecisionRow

_PAUSED: Final = (
    "a handler paused the graph; questions to people are asked by governance, about what a handler proposes"
)


@dataclass
class Done:
    """What a drain did, in the order it happened."""

    since: int
    """Position of the first ledger entry that was written after it began."""

    decisions: list[DecisionId] = field(default_factory=list[DecisionId])
    asked: list[ApprovalId] = field(default_factory=list[ApprovalId])
    receipts: list[Receipt] = field(default_factory=list[Receipt])


class Runtime:
    """Runs the waiting signals of one store to their end."""

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
    ) -> None:
        """Take the parts.

        Args:
            replaces: digest of the governance document that ``policy`` may take the place of: the one that
                was in force when ``policy`` was read, empty where there was none. By default the one in
                force now.
        """
        self.store = store
        self.company = company
        self.policy = policy
        self._threads = threads
        self.clock = clock
        self.lease = lease
        self.replaces = in_force(store) if replaces is None else replaces
        self._executor = Executor(store, company.adapters, clock, done=self._write_done)
        self._views = Views(store, company, policy)

    async def drain(self, *, as_of: datetime, settings: Settings | None = None) -> Done:
        """Bring everything that waits to its end: recovery first, then wave after wave.

        Args:
            as_of: the business instant at which departments look and limits count.
            settings: settings of the loops, for the departments' views.
        """
        done = Done(since=self.store.read(lambda read: read.head().size))
        await self.settle(done)
        graph = build_supervisor(
            self.company.departments,
            mediate=lambda wave, answers: self._mediate(wave, answers, as_of),
            decide=lambda wave, answers, settled: self._decide(wave, answers, settled, as_of, done),
            act=lambda keys: self._act(keys, done),
        )

        async def think(wave: tuple[Signal, ...]) -> None:
            async with self._views.take(as_of, settings or {}) as view:
                crash_point("wave.before_decide")
                out = await graph.ainvoke(  # pyright: ignore[reportUnknownMemberType]
                    {"wave": wave}, {"recursion_limit": RECURSION_LIMIT}, context=Asked(view)
                )
            if "keys" not in out:
                await self._paused(wave, think)

        await run_waves(Waiting(self.store, self.company), think, self._set_aside)
        await self.settle(done)
        return done

    async def _paused(self, wave: tuple[Signal, ...], think: Think) -> None:
        """A handler paused the graph, which ended before it decided: find out about which signal."""
        if len(wave) == 1:
            await self._set_aside(wave[0].id, _PAUSED)
        else:
            for signal in wave:
                await think((signal,))

    async def settle(self, done: Done | None = None) -> tuple[Receipt, ...]:
        """Bring what was decided before in step: effects, deadlines, answers, questions.

        What was started and has no receipt is looked up, what is overdue has ended, what is permitted is
        performed, and the threads of the approval graph show what their rows say.
        """
        receipts = [*await self._executor.recover(self.lease)]
        await self.store.write_async(lambda tx: expire_overdue(tx, self.policy), lease=self.lease)
        receipts += await self._executor.perform_permitted(self.lease)
        # Making and removing threads waits for a disk of its own: not on the loop that others use.
        await asyncio.to_thread(bring_in_step, self.store, self._threads, self.lease)
        self._performed(receipts, done)
        return tuple(receipts)

    def _mediate(
        self, wave: Sequence[Signal], answers: Answers, as_of: datetime
    ) -> dict[DecisionId, Mediated]:
        proposals = [
            proposal
            for signal in wave
            for by_department in answers.get(signal.id, {}).values()
            for proposal in by_department
        ]
        facts = {signal.id: SignalFacts.of(signal, as_of=as_of) for signal in wave}
        now = self.clock.now()  # people answer in real time, whatever day is looked at

        def stands(proposal: Proposal) -> bool:
            alone = judge(proposal, facts[proposal.signal_id], GateState(), self.policy, now=now)
            return alone.outcome in ("act", "hold", "escalate")

        return settled_within(proposals, self.policy, stands)

    async def _decide(
        self,
        wave: Sequence[Signal],
        answers: Answers,
        settled: Mapping[DecisionId, Mediated],
        as_of: datetime,
        done: Done,
    ) -> list[ActionKey]:
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
        done.decisions += decided.decisions
        done.asked += decided.asked
        return list(decided.permitted)

    async def _act(self, keys: Sequence[ActionKey], done: Done) -> None:
        for key in keys:
            receipt = await self._executor.perform(key, self.lease)
            if receipt is not None:
                self._performed([receipt], done)

    def _performed(self, receipts: Sequence[Receipt], done: Done | None) -> None:
        self._views.performed(one.action_key for one in receipts)
        if done is not None:
            done.receipts += receipts

    async def _set_aside(self, signal: SignalId, why: str) -> None:
        await self.store.write_async(lambda tx: set_aside(tx, signal, why), lease=self.lease)

    def _write_done(self, tx: Tx, decision: DecisionRow, receipt: Receipt, proposal: Proposal | None) -> None:
        after_receipt(tx, decision, receipt, self.policy, proposal)
