"""The coordinator as people and scripts use it: run, publish, answer, look, explain, verify.

Opening, being at work and closing are in :mod:`~crossloop.coordinator.opened`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from crossloop.coordinator import approvals as answering
from crossloop.coordinator import asked as questions
from crossloop.coordinator import handed_in, heard, incidents
from crossloop.coordinator.admit import admit_signals
from crossloop.coordinator.approvals import Answered
from crossloop.coordinator.explain import Story, explain
from crossloop.coordinator.handed_in import Decision, Setting
from crossloop.coordinator.holding import somebody_stays
from crossloop.coordinator.loop import Backtestable, Backtested, Inputs
from crossloop.coordinator.opened import Opened
from crossloop.coordinator.reconciling import Closed, close
from crossloop.coordinator.report import PublishReport, RunReport
from crossloop.coordinator.run import all_settings, publish_report, run_loop
from crossloop.coordinator.settings import loop_settings, permitted_settings
from crossloop.errors import StoreBusy, UnknownName
from crossloop.ids import IncidentId, PersonId
from crossloop.signals import Receipt, Signal
from crossloop.store import Verification, verify
from crossloop.store.approvals import ApprovalState
from crossloop.store.inbox import SignalState
from crossloop.store.incidents import IncidentState

_FOLLOW_PATIENCE: Final = 5.0
"""Seconds for which an answer waits for another coordinator's run before it leaves the action to it."""


@dataclass(frozen=True, slots=True)
class Given:
    """An answer to an approval, and what followed at once."""

    answered: Answered
    receipts: tuple[Receipt, ...]
    incidents: tuple[IncidentId, ...] = ()
    """Those it opened, oldest first: of its decision and undertaking, and of what there are receipts of."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What closing an incident brought about, and what followed at once."""

    closed: Closed
    receipts: tuple[Receipt, ...]
    incidents: tuple[IncidentId, ...] = ()
    """Those it opened, oldest first: of its action and undertaking, and of what there are receipts of."""


class Coordinator(Opened):
    """One company on one store. Use as a context manager, or call :meth:`close`."""

    def run(
        self,
        loop: str,
        *,
        data: str | Path | None = None,
        mapping: str | Path | None = None,
        others: Mapping[str, str | Path] | None = None,
        as_of: date | str | None = None,
        settings: Mapping[str, Setting] | None = None,
    ) -> RunReport:
        """Run a loop once and return what was seen, decided and done.

        Args:
            loop: its name, for example ``logistics-to-marketing``.
            data: path of the primary input; the embedded company's own data when None.
            mapping: a declared mapping from the file's format to the common data model.
            others: further inputs by name, for example ``{"campaigns": "campaigns.csv"}``.
            as_of: the day up to which facts are known, also as text such as ``"2022-06-12"``; the last day
                of the data when None.
            settings: chosen settings, for example ``{"threshold": 0.10}`` or the same as text. Where the
                rules let the loop act, only what they list as adjustable.

        Returns:
            What ``repr`` says of it in a line stands in its fields in full, and as JSON in
            ``report.model_dump(mode="json")``.

        Raises:
            InputError: something handed in is wrong; nothing was written.
            StoreBusy: another coordinator is at work on this store.
        """
        inputs = handed_in.inputs(data, mapping, others)
        return self._background.run(self.arun(loop, inputs, as_of=as_of, settings=settings or {}))

    async def arun(
        self, loop: str, inputs: Inputs, *, as_of: date | str | None, settings: Mapping[str, Setting]
    ) -> RunReport:
        """The same as :meth:`run`, for callers with an event loop of their own."""
        day, chosen = handed_in.day(as_of), handed_in.settings(settings)
        found = self.company.loop(loop)
        stated = permitted_settings(self.policy, found, chosen)
        # In a thread: reading a large file must not stall the event loop of the caller (ADR 0006).
        prepared = await asyncio.to_thread(found.prepare, inputs, as_of=day, settings=stated)
        try:
            async with self._runtime() as runtime:
                report = await run_loop(runtime, found, prepared, as_of=day, settings=chosen)
                runtime.replaces = self.policy.digest
                return report
        finally:
            prepared.close()

    def backtest(
        self,
        loop: str,
        *,
        data: str | Path | None = None,
        mapping: str | Path | None = None,
        others: Mapping[str, str | Path] | None = None,
        as_of: date | str | None = None,
        settings: Mapping[str, Setting] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Backtested:
        """Replay the past in shadow: what a loop would have said, done and saved. Keeps nothing.

        Any settings may be tried, whatever the rules say.

        Args:
            loop: its name, for example ``logistics-to-marketing``.
            data: as for :meth:`run`; so are ``mapping`` and ``others``.
            as_of: nothing later than this day is read; everything when None.
            settings: chosen settings, as for :meth:`run`.
            progress: called with days done and days in all.

        Raises:
            InputError: something handed in is wrong, or the data is too short.
            UnknownName: there is no such loop, or it has no past to replay.
        """
        found = self.company.loop(loop)
        if not isinstance(found, Backtestable):
            raise UnknownName(
                f"the loop '{loop}' has no backtest.",
                next_step=f"With one: {', '.join(self._with_backtest()) or 'none'}.",
            )
        return found.backtest(
            handed_in.inputs(data, mapping, others),
            as_of=handed_in.day(as_of),
            settings=loop_settings(self.policy, found, handed_in.settings(settings)),
            policy=self.policy,
            progress=progress,
        )

    def _with_backtest(self) -> list[str]:
        return sorted(name for name, one in self.company.loops.items() if isinstance(one, Backtestable))

    def publish(self, signals: Sequence[Signal]) -> PublishReport:
        """Admit signals from outside and bring them to their end.

        Raises:
            InputError: what was handed in is no sequence of signals; nothing was written.
            SignalRefused: one of them is not of a type of the catalogue; nothing was written.
            StoreBusy: another coordinator is at work on this store.
        """
        return self._background.run(self._publish(handed_in.signals(signals)))

    async def _publish(self, signals: Sequence[Signal]) -> PublishReport:
        async with self._runtime() as runtime:
            settings = all_settings(runtime)
            new = await admit_signals(runtime, signals)
            runtime.replaces = self.policy.digest
            done = await runtime.drain(as_of=self._clock.now(), settings=settings)
            return self.store.read(lambda read: publish_report(read, signals, new, done))

    def answer(
        self,
        approval_id: str,
        *,
        person: str,
        decision: Decision,
        reason: str = "",
        asserted: str,
    ) -> Given:
        """Answer a held decision; when that permits the action, perform it.

        While another coordinator is at work on the store, the action is left to it: a company at work
        performs what was permitted meanwhile within a moment, and this call returns at once; a run performs
        it at its end, for which this call waits some seconds.

        Args:
            approval_id: its id, or the beginning of it.
            person: who answers, as named in the governance document.
            decision: ``"approve"`` or ``"reject"``, exactly.
            reason: why; a rejection needs one.
            asserted: how it is known who answers; it is recorded.

        Raises:
            InputError: the decision is neither of the two; nothing was changed.
            AnswerRefused: the answer does not count, with its reason; nothing was changed.
        """
        said = handed_in.decision(decision)
        return self._background.run(self._answer(approval_id, PersonId(person), said, reason, asserted))

    async def _answer(
        self,
        approval_id: str,
        person: PersonId,
        decision: Decision,
        reason: str,
        asserted: str,
    ) -> Given:
        size = self._size()
        answered = await answering.answer(
            self.store,
            approval_id,
            person=person,
            decision=decision,
            reason=reason,
            policy=self.policy,
            asserted=asserted,
        )
        receipts = await self._follow() if answered.state != "waiting" else ()
        return Given(
            answered,
            receipts,
            self.store.read(
                lambda read: incidents.opened_by_answer(read, size, answered.approval_id, receipts)
            ),
        )

    def _size(self) -> int:
        return self.store.read(lambda read: read.head().size)

    async def _follow(self) -> tuple[Receipt, ...]:
        if self._at_work is not None:  # it performs what was permitted
            self._at_work.wake()
            return ()
        now = self._clock.now()
        if self.store.read(lambda read: somebody_stays(read, now)):  # in another process: so does that one
            return ()
        async with AsyncExitStack() as stack:
            try:
                runtime = await stack.enter_async_context(self._runtime(patience=_FOLLOW_PATIENCE))
            except StoreBusy:
                return ()
            return await runtime.settle()

    def approvals(
        self, *, state: ApprovalState | None = None, limit: int | None = None
    ) -> list[dict[str, JsonValue]]:
        """Return held decisions as people are shown them: the waiting ones first, each sort by its deadline.

        Args:
            state: those of one state; of all when None.
            limit: no more than so many, so that a screen does not read thousands; all of them when None.

        Raises:
            InputError: there is no such state.
        """
        asked, now = handed_in.state(state), self._clock.now()
        return self.store.read(lambda read: questions.listed(read, now=now, state=asked, limit=limit))

    def approval(self, identifier: str) -> dict[str, JsonValue]:
        """Return one held decision as people are shown it.

        Raises:
            UnknownName: no approval, or more than one, has such an id.
        """
        now = self._clock.now()
        return self.store.read(lambda read: questions.shown(read, questions.find(read, identifier), now=now))

    def incidents(self, *, state: IncidentState | None = None) -> list[dict[str, JsonValue]]:
        """Return incidents as people are shown them, the open ones first: actions of which somebody has to
        find out whether they were done, or how to take them back.

        Raises:
            InputError: there is no such state.
        """
        asked = handed_in.incident_state(state)
        return self.store.read(lambda read: incidents.listed(read, state=asked))

    def incident(self, identifier: str) -> dict[str, JsonValue]:
        """Return one incident as people are shown it.

        Raises:
            UnknownName: no incident, or more than one, has such an id.
        """
        return self.store.read(lambda read: incidents.shown(read, incidents.find(read, identifier)))

    def close_incident(
        self,
        identifier: str,
        *,
        person: str,
        happened: bool,
        reason: str,
        asserted: str,
        reference: str | None = None,
    ) -> Settled:
        """Close an incident by what was found out, and do what follows.

        Args:
            identifier: its id, or the beginning of it.
            person: who found out, as named in the governance document.
            happened: whether it was done; of an action that could not be taken back, whether it is now.
            reason: what was seen, and where.
            asserted: how it is known who says so; it is recorded.
            reference: the system's own id of what was done.

        Raises:
            AnswerRefused: it does not count, with its reason; nothing was changed.
            UnknownName: no incident, or more than one, has such an id.
        """
        said = handed_in.yes_or_no(happened, "happened")
        work = self._close(identifier, PersonId(person), said, reference, reason, asserted)
        return self._background.run(work)

    async def _close(
        self,
        identifier: str,
        person: PersonId,
        happened: bool,
        reference: str | None,
        reason: str,
        asserted: str,
    ) -> Settled:
        size = self._size()
        closed = await self.store.write_async(
            lambda tx: close(
                tx,
                identifier,
                person=person,
                happened=happened,
                reference=reference,
                reason=reason,
                asserted=asserted,
                policy=self.policy,
            )
        )
        receipts = await self._follow()
        return Settled(
            closed,
            receipts,
            self.store.read(
                lambda read: incidents.opened_by_closing(read, size, closed.action_key, receipts)
            ),
        )

    def signals(self, *, state: SignalState | None = None, limit: int = 100) -> list[dict[str, JsonValue]]:
        """Return signals as people are shown them, the newest first.

        Args:
            state: those of one state, such as ``parked``; of all when None.
            limit: no more than so many.

        Raises:
            InputError: there is no such state, or the limit is no number above 0.
        """
        asked, most = handed_in.signal_state(state), handed_in.most(limit)
        return self.store.read(lambda read: heard.listed(read, state=asked, limit=most))

    def signal(self, identifier: str) -> dict[str, JsonValue]:
        """Return one signal as people are shown it: the whole of it, and whose it is where it rests.

        Raises:
            UnknownName: no signal, or more than one, has such an id.
        """
        return self.store.read(lambda read: heard.shown(read, heard.find(read, identifier)))

    def explain(self, identifier: str) -> Story:
        """Return the story of a case, from fact to effect.

        Args:
            identifier: id, or its beginning, of a signal, decision, action, approval or case.
        """
        return self.store.read(lambda read: explain(read, identifier))

    def verify(self) -> Verification:
        """Check the whole ledger."""
        return self.store.read(verify)

    def __repr__(self) -> str:
        loops, name = ", ".join(sorted(self.company.loops)), self.policy.document.company
        rules = "embedded, in shadow" if self.policy.shadow_only else self.policy.file.name
        return f"<Coordinator of {name}, loops: {loops or 'none'}, rules: {rules}>"
