"""The runtime: waves of waiting signals, decided, performed, answered. The async core.

LangGraph thinks, the store remembers, one executor acts. A signal is *new*, then *decided*, then
*finished*; only *new* is thought about, so that a crash at any moment repeats thinking and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from crossloop.actions import Executor
from crossloop.clock import Clock
from crossloop.coordinator.approval_graph import ApprovalThreads
from crossloop.coordinator.approvals import describe, open_questions, resume_answered
from crossloop.coordinator.company import Company
from crossloop.coordinator.decide import Decided, decide, finish_if_done
from crossloop.coordinator.mediator import Mediated, settled_within
from crossloop.coordinator.notices import notify_done
from crossloop.coordinator.supervisor import RECURSION_LIMIT, build_supervisor
from crossloop.departments import InForce, Strategy, View
from crossloop.departments.graph import Answers, Asked
from crossloop.faults import crash_point
from crossloop.frozen import Frozen
from crossloop.governance import Policy
from crossloop.ids import ActionKey, ApprovalId, CaseId, DecisionId, LoopName, SignalId
from crossloop.signals import Proposal, Receipt, Signal
from crossloop.signals.codec import from_body
from crossloop.store import Lease, Read, Store, Tx, actions, decisions, inbox

Think = Callable[[tuple[Signal, ...]], Coroutine[object, object, None]]

WAVE = 64
"""Most signals in one wave: a graph invocation costs milliseconds whatever it carries."""

SLOW_LANE = 32
"""Most signals with a slow listener under way at once."""


@dataclass
class Done:
    """What a drain did, in the order it happened."""

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
    ) -> None:
        self.store = store
        self.company = company
        self.policy = policy
        self._threads = threads
        self.lease = lease
        self._executor = Executor(store, company.adapters, clock, done=self._write_done)

    async def drain(
        self, *, as_of: datetime, settings: Mapping[LoopName, Mapping[str, JsonValue]] | None = None
    ) -> Done:
        """Bring everything that waits to its end: recovery first, then wave after wave.

        Args:
            as_of: the business instant at which departments look and limits count.
            settings: settings of the loops, for the departments' views.
        """
        done = Done()
        done.receipts += await self._executor.recover(self.lease)
        done.receipts += await self._executor.perform_permitted(self.lease)
        self.show_questions()
        graph = build_supervisor(
            self.company.departments,
            mediate=self._mediate,
            decide=lambda wave, answers, settled: self._decide(wave, answers, settled, as_of, done),
            act=lambda keys: self._act(keys, done),
        )

        async def think(wave: tuple[Signal, ...]) -> None:
            view = await self._view(as_of, settings or {})
            crash_point("wave.before_decide")
            await graph.ainvoke(  # pyright: ignore[reportUnknownMemberType]
                {"wave": wave}, {"recursion_limit": RECURSION_LIMIT}, context=Asked(view)
            )

        await self._waves(think)
        self.show_questions()
        return done

    async def _waves(self, think: Think) -> None:
        """Fast signals share waves; a signal with a slow listener travels alone, beside them."""
        under_way: dict[SignalId, asyncio.Task[None]] = {}
        try:
            while True:
                waiting = self._waiting(skip=under_way)
                slow = [one for one in waiting if self.company.is_slow(one.type)]
                fast = [one for one in waiting if not self.company.is_slow(one.type)][:WAVE]
                for signal in slow[: SLOW_LANE - len(under_way)]:
                    under_way[signal.id] = asyncio.create_task(think((signal,)))
                if fast:
                    await think(tuple(fast))
                elif under_way:
                    await asyncio.wait(under_way.values(), return_when=asyncio.FIRST_COMPLETED)
                else:
                    return
                for signal_id in [key for key, task in under_way.items() if task.done()]:
                    under_way.pop(signal_id).result()
        finally:
            for task in under_way.values():
                task.cancel()
            await asyncio.gather(*under_way.values(), return_exceptions=True)

    def _waiting(self, *, skip: Mapping[SignalId, object]) -> list[Signal]:
        def read(store: Read) -> list[Signal]:
            rows = inbox.waiting(store, WAVE + len(skip) + SLOW_LANE)
            return [
                from_body(store.body(row.entry), self.company.catalogue) for row in rows if row.id not in skip
            ]

        return self.store.read(read)

    async def _view(self, as_of: datetime, settings: Mapping[LoopName, Mapping[str, JsonValue]]) -> View:
        records: dict[type[Frozen], Sequence[Frozen]] = {}
        for kind, reader in self.company.readers.items():
            records[kind] = await reader()
        return View(
            as_of=as_of,
            timezone=self.policy.document.timezone,
            strategies=strategies(self.policy),
            settings=settings,
            in_force=self.store.read(_in_force),
            records=records,
        )

    def _mediate(self, wave: Sequence[Signal], answers: Answers) -> dict[DecisionId, Mediated]:
        proposals = [
            proposal
            for signal in wave
            for by_department in answers.get(signal.id, {}).values()
            for proposal in by_department
        ]
        return settled_within(proposals, self.policy)

    async def _decide(
        self,
        wave: Sequence[Signal],
        answers: Answers,
        settled: Mapping[DecisionId, Mediated],
        as_of: datetime,
        done: Done,
    ) -> list[ActionKey]:
        def work(tx: Tx) -> Decided:
            decided = decide(tx, wave, answers, settled, policy=self.policy, as_of=as_of)
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
                done.receipts.append(receipt)

    async def perform_permitted(self) -> tuple[Receipt, ...]:
        """Perform what an answer has permitted meanwhile."""
        return await self._executor.perform_permitted(self.lease)

    def show_questions(self) -> None:
        """Bring the threads of the approval graph in step with their rows."""
        for row, body in self.store.read(open_questions):
            self._threads.ask(row.id, describe(row, body))
        resume_answered(self.store, self._threads, self.lease)

    def _write_done(self, tx: Tx, proposal: Proposal, receipt: Receipt) -> None:
        notify_done(tx, proposal, receipt, self.policy)
        finish_if_done(tx, proposal.signal_id)


def strategies(policy: Policy) -> dict[LoopName, Strategy]:
    """Return what the owners of the loops declared, as departments see it."""
    strategies: dict[LoopName, Strategy] = {}
    for name, loop in policy.document.loops.items():
        declared = policy.document.departments[loop.owner].strategy
        strategies[LoopName(name)] = Strategy(
            choose=loop.choose,
            interventions=tuple(one for one in loop.interventions if one != "lift"),
            protected=declared.protected,
            spend_floor=declared.spend_floor,
            allowed_regions=declared.allowed_regions or (),
        )
    return strategies


def _in_force(read: Read) -> tuple[InForce, ...]:
    found: list[InForce] = []
    for row in actions.in_force(read):
        decision = decisions.get(read, row.decision_id)
        if decision is None:
            continue
        proposal = Proposal.model_validate(read.body(decision.entry)["proposal"])
        if proposal.action is None or proposal.undoes is not None:
            continue
        impact = proposal.impact
        found.append(
            InForce(
                action_key=ActionKey(row.key),
                case=CaseId(row.case),
                intervention=proposal.intervention,
                resource=row.resource,
                reference=row.reference,
                share=0.0 if impact is None else impact.share,
                amount=None if impact is None else impact.amount,
                arguments=proposal.action.arguments,
            )
        )
    return tuple(found)
