"""Keeping what was decided in step: effects, deadlines, answers of people, questions, undertakings.

Rules:

1. What was started and has no receipt is looked up, what is overdue has ended, what is permitted is
   performed, undertakings that came to nothing are taken back, and the threads of the approval graph show
   what their rows say. In this order, and again and again: whatever a process that died has left undone is
   found so.
2. Where a company stays at work, what takes a system is handed over and not waited for
   (:mod:`~crossloop.coordinator.performing`).
3. Every change of what is looked at here is an entry of the ledger, or the passing of a deadline. Where
   nothing was left, and neither has come since, one look at the head of the ledger is all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from crossloop.actions import Adapter, Executor
from crossloop.clock import Clock
from crossloop.coordinator import sagas
from crossloop.coordinator.approval_graph import ApprovalThreads
from crossloop.coordinator.endings import expire_overdue
from crossloop.coordinator.performing import Performing
from crossloop.coordinator.taking_back import take_back
from crossloop.coordinator.threads_in_step import bring_in_step
from crossloop.coordinator.views import Views
from crossloop.governance import Policy
from crossloop.ids import ActionKey
from crossloop.signals import Receipt
from crossloop.store import Lease, Read, Store, approvals, incidents

Offload = Callable[[Callable[[], None]], Awaitable[None]]
"""Runs what waits for a disk of its own, away from the loop that others use."""

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class _Left(NamedTuple):
    """What there is to bring in step."""

    actions: bool
    overdue: bool
    questions: bool
    undertakings: bool


class InStep:
    """Keeps one store in step with what was decided about it."""

    def __init__(
        self,
        store: Store,
        adapters: Mapping[str, Adapter],
        policy: Policy,
        threads: ApprovalThreads,
        clock: Clock,
        executor: Executor,
        views: Views,
        offload: Offload,
    ) -> None:
        self._store = store
        self._adapters = adapters
        self._policy = policy
        self._threads = threads
        self._clock = clock
        self._executor = executor
        self._views = views
        self._offload = offload
        self._shown = -1
        """The entry up to which every question has its thread."""
        self._looked_into = -1
        """The entry up to which closed incidents are known."""
        self._size = -1
        """Entries of the ledger at the last look."""
        self._quiet: tuple[int, datetime] | None = None
        """With so many entries nothing was left, and nothing will be before that instant."""
        self._taking_back: asyncio.Task[Sequence[Receipt]] | None = None

    def forget(self) -> None:
        """Look at everything anew: somebody else has worked on the store."""
        self._shown = -1
        self._quiet = None

    async def settle(self, lease: Lease | None) -> tuple[Receipt, ...]:
        """Bring everything in step, and wait for it; return what was performed."""
        left, _ = self._look()
        if not any(left):
            return ()
        try:
            receipts = [*await self._executor.recover(lease)]
            if left.overdue:
                await self._expire_overdue(lease)
            receipts += await self._executor.perform_permitted(lease)
            receipts += await take_back(self._store, self._adapters, self._executor, self._policy, lease)
        except BaseException:
            self._views.forget()  # some of them may be in force, and nobody was told which
            raise
        await self._show_questions(lease)
        return tuple(receipts)

    async def keep(self, lease: Lease | None, performing: Performing) -> bool:
        """Look once, and hand over what takes a system; return whether anybody has written since."""
        if self._is_quiet():
            return False
        left, size = self._look()
        written, self._size = size != self._size, size
        if left.actions:
            performing.begin(self._executor.recover(lease))
            performing.begin(self._executor.perform_permitted(lease))
        if left.undertakings and (self._taking_back is None or self._taking_back.done()):
            self._taking_back = performing.begin(
                take_back(self._store, self._adapters, self._executor, self._policy, lease)
            )
        if left.overdue:
            await self._expire_overdue(lease)
        if left.overdue or left.questions:
            await self._show_questions(lease)
        return written

    def _is_quiet(self) -> bool:
        if self._quiet is None:
            return False
        size, until = self._quiet
        if until < _NEVER and not self._threads.there:  # a question waits, and its thread was removed
            return False
        return self._clock.now() <= until and self._store.read(_size) == size

    def _look(self) -> tuple[_Left, int]:
        """Look what is left, and how many entries there are."""
        if not self._threads.there:
            self._shown = -1
        now = self._clock.now()
        left, size, due, closed = self._store.read(lambda read: self._found(read, now))
        if closed:
            # A person, in whatever process, has said what became of these: other things are in force.
            self._looked_into = max(entry for _, entry in closed)
            self._views.moved(ActionKey(key) for key, _ in closed)
        self._quiet = None if any(left) else (size, due)
        return left, size

    def _found(self, read: Read, now: datetime) -> tuple[_Left, int, datetime, list[tuple[str, int]]]:
        first = approvals.by_due(read, 1, state="waiting")
        late = [one.due for one in (*first, *incidents.overdue(read, _NEVER))]
        due = min(late, default=_NEVER)
        questions = bool(approvals.waiting_after(read, self._shown) or approvals.ended_with_thread(read))
        left = _Left(self._executor.unattended(read), now > due, questions, bool(sagas.due(read)))
        return left, _size(read), due, list(incidents.closed_after(read, self._looked_into))

    async def _expire_overdue(self, lease: Lease | None) -> None:
        await self._store.write_async(lambda tx: expire_overdue(tx, self._policy), lease=lease)

    async def _show_questions(self, lease: Lease | None) -> None:
        """Make and remove threads. That waits for a disk of its own: not on the loop that others use."""

        def work() -> None:
            self._shown = bring_in_step(self._store, self._threads, lease, after=self._shown)

        await self._offload(work)


def _size(read: Read) -> int:
    return read.frontier().size
