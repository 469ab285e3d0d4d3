"""What a coordinator holds while it is open: the store, its loop, the right to work; and how that ends.

Rules:

1. A store that does not exist yet is created with the first thing that needs it. What thinks is loaded when
   something is to be thought.
2. Closing cancels what is under way, gives the lease back, and closes what was handed in. A company that is
   closed while it is at work says so at the end of the block, for what was taken in was not finished.
3. Whatever keeps :meth:`Opened.working` from beginning, Ctrl-C included, leaves nothing behind; so does a
   Ctrl-C while it ends.
4. A process that was forked off cannot use what its parent has opened: there are no threads in it, and SQLite
   must not see the parent's files. It is told so; closing there does nothing.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from crossloop.clock import Clock
from crossloop.coordinator.admit import in_force
from crossloop.coordinator.background import Background, Call
from crossloop.coordinator.company import Company
from crossloop.coordinator.holding import Holding
from crossloop.coordinator.threads_file import check_threads_file
from crossloop.coordinator.working import Working
from crossloop.errors import CrossloopError
from crossloop.governance import Policy
from crossloop.store import Store

if TYPE_CHECKING:
    from typing import Self

    from crossloop.coordinator.runtime import Runtime


class Opened:
    """One company on one store, open."""

    def __init__(
        self,
        store: Store | Callable[[], Store],
        company: Company,
        policy: Policy,
        *,
        threads: Path,
        clock: Clock,
    ) -> None:
        """Take the parts; both the store and the company are closed with the coordinator.

        Args:
            store: an open store, or what creates one that does not exist yet when it is first needed.
            threads: file of LangGraph's view of what waits; made when it is needed.
        """
        self.company = company
        self.policy = policy
        self._clock = clock
        check_threads_file(threads)
        self._threads = threads
        self._closed = False
        self._opening = threading.Lock()
        self._open = store
        self._working: tuple[Holding, Runtime] | None = None
        self._replaces = in_force(store) if isinstance(store, Store) else ""
        self._at_work: Working | None = None
        self._background = Background()

    @property
    def store(self) -> Store:
        """The store; one that does not exist yet is created now."""
        with self._opening:
            if not isinstance(self._open, Store):
                if self._closed:
                    raise CrossloopError("the company is closed.", next_step="Open it again.")
                self._open = self._open()
            return self._open

    def _work_on(self, store: Store) -> tuple[Holding, Runtime]:
        """What works on the store, made once: it remembers what it holds and what is in force."""
        # What thinks is loaded when something is to be thought: LangGraph takes a second of its own.
        from crossloop.coordinator.approval_graph import ApprovalThreads
        from crossloop.coordinator.runtime import Runtime

        with self._opening:
            if self._working is None:
                threads = ApprovalThreads(self._threads)
                runtime = Runtime(
                    store, self.company, self.policy, threads, self._clock, replaces=self._replaces
                )
                self._working = Holding(store), runtime
            return self._working

    @contextmanager
    def working(self) -> Generator[Working]:
        """Work on the store for as long as the block lasts: signals are handed in as they come.

        Raises:
            StoreBusy: another coordinator is at work on this store.
        """
        work = Working(self._background)
        with self._opening:
            if self._at_work is not None:
                raise CrossloopError("this company is at work already.", next_step="Use what working() gave.")
            self._at_work = work
        try:
            with self._at_work_as(work):
                yield work
        finally:
            self._at_work = None

    @contextmanager
    def _at_work_as(self, work: Working) -> Generator[None]:
        begun: Future[None] = Future()
        call = self._background.prepare(self._work(work, lambda: begun.set_result(None)))
        try:
            call.begin()
            wait([begun, call.outcome], return_when=FIRST_COMPLETED)
            if not begun.done():
                call.outcome.result()  # raises what kept it from beginning
        except BaseException:
            call.end()
            raise
        try:
            yield
        except BaseException:
            if not self._background.closed:
                self._finish(work, call)
            raise
        self._finish(work, call)

    def _finish(self, work: Working, call: Call[None]) -> None:
        """Bring to its end what was taken in (rules 2 and 3)."""
        try:
            if not self._background.closed:
                self._background.run(work.end())
            call.outcome.result()
        except KeyboardInterrupt:
            call.end()
            raise
        except CancelledError:
            if not self._background.closed:
                raise
            raise CrossloopError(
                "the company was closed while it was at work.",
                next_step="What was taken in is kept: open it again, and publish([]) brings it to its end. "
                "Close it after the block of working().",
            ) from None

    async def _work(self, work: Working, begun: Callable[[], None]) -> None:
        holding, runtime = self._work_on(self.store)
        async with holding.lease(stays=True) as lease:
            runtime.hold(lease)
            await work.serve(runtime, begun)

    def close(self) -> None:
        """Cancel what is under way, stop the background loop and close the store.

        Twice does nothing, and nothing does it in a process that was forked off.
        """
        if self._background.forked:
            return
        self._background.close()
        with self._opening:
            if self._closed:
                return
            self._closed = True
            if self._working is not None:
                self._working[0].close()
        self.company.close()
        if isinstance(self._open, Store):
            self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @asynccontextmanager
    async def _runtime(self, *, patience: float | None = None) -> AsyncGenerator[Runtime]:
        """The runtime, which holds the lease of the store for as long as something runs."""
        if self._at_work is not None:
            raise CrossloopError(
                "this company is at work.", next_step="Hand its signals to what working() gave."
            )
        holding, runtime = self._work_on(self.store)
        async with holding.lease(patience=patience) as lease:
            runtime.hold(lease)
            yield runtime
