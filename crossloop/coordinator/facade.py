"""The coordinator as people and scripts use it: open, run, answer, explain, verify, close."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Final, Literal

from pydantic import JsonValue

from crossloop.clock import Clock
from crossloop.coordinator import approvals as answering
from crossloop.coordinator.admit import admit_signals
from crossloop.coordinator.approval_graph import ApprovalThreads
from crossloop.coordinator.approvals import Answered
from crossloop.coordinator.background import Background
from crossloop.coordinator.company import Company
from crossloop.coordinator.explain import Story, explain
from crossloop.coordinator.holding import Holding
from crossloop.coordinator.loop import Inputs
from crossloop.coordinator.report import PublishReport, RunReport
from crossloop.coordinator.run import all_settings, publish_report, run_loop
from crossloop.coordinator.runtime import Runtime, in_force
from crossloop.errors import StoreBusy
from crossloop.governance import Policy
from crossloop.ids import PersonId
from crossloop.signals import Receipt, Signal
from crossloop.store import Store, Verification, policies, verify
from crossloop.store.approvals import ApprovalState

_FOLLOW_PATIENCE: Final = 5.0
"""Seconds for which an answer waits for another coordinator before it leaves the action to it."""


@dataclass(frozen=True, slots=True)
class Given:
    """An answer to an approval, and what followed at once."""

    answered: Answered
    receipts: tuple[Receipt, ...]


class Coordinator:
    """One company on one store. Use as a context manager, or call :meth:`close`."""

    def __init__(
        self,
        store: Store,
        company: Company,
        policy: Policy,
        *,
        threads: Path,
        clock: Clock,
        closing: Callable[[], None] = lambda: None,
    ) -> None:
        self.store = store
        self.company = company
        self.policy = policy
        self._clock = clock
        self._threads = ApprovalThreads(threads)
        self._closing = closing
        self._closed = False
        self._replaces = in_force(store)
        self._holding = Holding(store)
        self._background = Background()

    def run(
        self,
        loop: str,
        *,
        data: str | Path | None = None,
        mapping: str | Path | None = None,
        others: Mapping[str, str | Path] | None = None,
        as_of: date | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> RunReport:
        """Run a loop once and return what was seen, decided and done.

        Args:
            loop: its name, for example ``logistics-to-marketing``.
            data: the primary input; the embedded company's own data when None.
            mapping: a declared mapping from the file's format to the common data model.
            others: further inputs by name, for example ``{"campaigns": "campaigns.csv"}``.
            as_of: the day up to which facts are known; the last day of the data when None.
            settings: chosen settings as text, for example ``{"threshold": "0.10"}``.

        Raises:
            InputError: something handed in is wrong; nothing was written.
            StoreBusy: another coordinator is at work on this store.
        """
        inputs = Inputs(
            primary=Path(data) if data is not None else None,
            mapping=Path(mapping) if mapping is not None else None,
            others={name: Path(file) for name, file in (others or {}).items()},
        )
        return self._background.run(self.arun(loop, inputs, as_of=as_of, settings=settings or {}))

    async def arun(
        self, loop: str, inputs: Inputs, *, as_of: date | None, settings: Mapping[str, str]
    ) -> RunReport:
        """The same as :meth:`run`, for callers with an event loop of their own."""
        async with self._runtime() as runtime:
            report = await run_loop(runtime, self.company.loop(loop), inputs, as_of=as_of, settings=settings)
            self._replaces = self.policy.digest
            return report

    def publish(self, signals: Sequence[Signal]) -> PublishReport:
        """Admit signals from outside and bring them to their end.

        Raises:
            SignalRefused: one of them is not of a type of the catalogue; nothing was written.
            StoreBusy: another coordinator is at work on this store.
        """
        return self._background.run(self._publish(signals))

    async def _publish(self, signals: Sequence[Signal]) -> PublishReport:
        async with self._runtime() as runtime:
            settings = all_settings(runtime)
            new = await admit_signals(runtime, signals)
            self._replaces = self.policy.digest
            done = await runtime.drain(as_of=self._clock.now(), settings=settings)
            return self.store.read(lambda read: publish_report(read, signals, new, done))

    def answer(
        self,
        approval_id: str,
        *,
        person: str,
        decision: Literal["approve", "reject"],
        reason: str = "",
        asserted: str,
    ) -> Given:
        """Answer a held decision; when that permits the action, perform it.

        While another coordinator is at work on the store, the action is left to it: it performs what was
        permitted meanwhile at the end of its run.

        Raises:
            AnswerRefused: the answer does not count, with its reason; nothing was changed.
        """
        return self._background.run(self._answer(approval_id, PersonId(person), decision, reason, asserted))

    async def _answer(
        self,
        approval_id: str,
        person: PersonId,
        decision: Literal["approve", "reject"],
        reason: str,
        asserted: str,
    ) -> Given:
        answered = await answering.answer(
            self.store,
            approval_id,
            person=person,
            decision=decision,
            reason=reason,
            policy=self.policy,
            asserted=asserted,
        )
        return Given(answered, await self._follow() if answered.state != "waiting" else ())

    async def _follow(self) -> tuple[Receipt, ...]:
        async with AsyncExitStack() as stack:
            try:
                runtime = await stack.enter_async_context(self._runtime(patience=_FOLLOW_PATIENCE))
            except StoreBusy:
                return ()
            return await runtime.settle()

    def approvals(self, *, state: ApprovalState | None = None) -> list[dict[str, JsonValue]]:
        """Return held decisions as people are shown them, the waiting ones first."""
        return self.store.read(lambda read: answering.listed(read, state=state))

    def approval(self, identifier: str) -> dict[str, JsonValue]:
        """Return one held decision as people are shown it.

        Raises:
            UnknownName: no approval, or more than one, has such an id.
        """
        return self.store.read(lambda read: answering.shown(read, answering.find(read, identifier)))

    def explain(self, identifier: str) -> Story:
        """Return the story of a case, from fact to effect.

        Args:
            identifier: id, or its beginning, of a signal, decision, action, approval or case.
        """
        return self.store.read(lambda read: explain(read, identifier))

    def verify(self) -> Verification:
        """Check the whole ledger."""
        return self.store.read(verify)

    def close(self) -> None:
        """Cancel what is under way, stop the background loop and close the store. Twice does nothing."""
        self._background.close()
        if not self._closed:
            self._closed = True
            self._closing()
            self.store.close()

    def __enter__(self) -> Coordinator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @asynccontextmanager
    async def _runtime(self, *, patience: float = 0.0) -> AsyncGenerator[Runtime]:
        """A runtime that holds the lease of the store for as long as something runs."""
        async with self._holding.lease(patience=patience) as lease:
            yield Runtime(
                self.store,
                self.company,
                self.policy,
                self._threads,
                self._clock,
                lease=lease,
                replaces=self._replaces,
            )


def adopt(store: Store, policy: Policy) -> bool:
    """Make a governance document the store's own; False when it is already."""
    return store.write(lambda tx: policies.adopt(tx, digest=policy.digest, body=policy.as_body()))
