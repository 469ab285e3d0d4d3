"""What a coordinator holds while it is open: the store, its loop, the right to work; and how that ends.

Rules:

1. A store that does not exist yet is created with the first thing that needs it. What thinks is loaded when
   something is to be thought.
2. Closing cancels what is under way, gives the lease back, and closes what was handed in. A company that is
   closed while it is at work says so at the end of the block, for what was taken in was not finished.
3. Whatever keeps :meth:`Opened.working` from beginning, Ctrl-C included, leaves nothing behind; so does a
   Ctrl-C while it ends. The block is a class for that: one written as a generator could be interrupted
   between its ``yield`` and the first line inside. Where an interruption comes before the end of the block
   has run a line, the work is cancelled as soon as nobody refers to the block any more.
4. A process that was forked off cannot use what its parent has opened: there are no threads in it, and SQLite
   must not see the parent's files. It is told so; closing there does nothing.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from crossloop.clock import Clock
from crossloop.coordinator.admit import in_force
from crossloop.coordinator.background import Background, Call, Mark
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

    def working(self) -> AbstractContextManager[Working]:
        """Work on the store for as long as the block lasts: signals are handed in as they come.

        Raises:
            StoreBusy: another coordinator is at work on this store.
        """
        return _Block(self._background, self._work, self._begin, self._over)

    def _begin(self, work: Working) -> None:
        with self._opening:
            if self._at_work is not None:
                raise CrossloopError("this company is at work already.", next_step="Use what working() gave.")
            self._at_work = work

    def _over(self, work: Working) -> None:
        if self._at_work is work:
            self._at_work = None

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


class _Block:
    """The block of :meth:`Opened.working`. Every line of it may be the last one before a Ctrl-C."""

    _call: Call[None] | None = None  # of the class: there is something to ask before __init__ is through

    def __init__(
        self,
        background: Background,
        serve: Callable[[Working, Callable[[], None]], Coroutine[object, object, None]],
        begin: Callable[[Working], None],
        over: Callable[[Working], None],
    ) -> None:
        self._background = background
        self._serve = serve
        self._begin = begin
        self._over = over
        self._work = Working(background)

    def __enter__(self) -> Working:
        if self._call is not None:
            raise CrossloopError("this block was entered before.", next_step="Call working() anew.")
        serve, work, begun = self._serve, self._work, Mark()
        ready = Mark()  # it has begun, or come to nothing

        def has_begun() -> None:
            begun.reach()
            ready.reach()

        async def serving() -> None:
            try:
                await serve(work, has_begun)
            finally:
                ready.reach()

        try:
            self._begin(work)
            self._call = self._background.prepare(serving)
            self._call.begin()
            ready.wait()
            if not begun.reached:
                self._call.over.wait()
                self._call.outcome.result()  # raises what kept it from beginning
        except BaseException:
            self._cancel()
            raise
        return self._work

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None or not self._background.closed:
                self._finish()
            self._over(self._work)
        except BaseException:
            self._cancel()
            raise

    def __del__(self) -> None:
        if self._call is not None and not self._call.over.reached:
            self._call.cancel()
            self._over(self._work)

    def _finish(self) -> None:
        """Bring to its end what was taken in (rule 2)."""
        assert self._call is not None, "the block was entered"
        try:
            if not self._background.closed:
                self._background.carry_out(self._work.end)
            self._call.over.wait()
            self._call.outcome.result()
        except CancelledError:
            if not self._background.closed:
                raise
            raise CrossloopError(
                "the company was closed while it was at work.",
                next_step="What was taken in is kept: open it again, and publish([]) brings it to its end. "
                "Close it after the block of working().",
            ) from None

    def _cancel(self) -> None:
        try:
            if self._call is not None:
                self._call.end()
        finally:
            self._over(self._work)
