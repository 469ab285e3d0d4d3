"""A background event loop, so that scripts and notebooks call an async core synchronously.

Rules:

1. A call waits for its work, wherever it comes from; only on the loop's own thread is it refused, where
   it would wait for itself.
2. Ctrl-C, and whatever else a signal handler raises, cancels the work and waits until it has ended: what was
   begun is given back before the interruption is delivered. A second one is delivered at once; the work is
   cancelled all the same.
3. Closing cancels what is under way. Afterwards nothing is run any more.
4. A process that was forked off has no such thread: there every call is refused, and closing does nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Final, Generic, Protocol, TypeVar

from crossloop.errors import CrossloopError
from crossloop.forks import ThisProcess

ResultT = TypeVar("ResultT")

_THREADS: Final = 64
"""Most calls that wait in threads at once: twice the slow lane. Threads are made when they are needed."""


class Background:
    """One event loop in one thread, until :meth:`close`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # Slow synchronous handlers wait in threads. The loop's own pool has a handful on a small machine,
        # and the deadlines of those that stand in line for it would pass.
        self._loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="crossloop-work"))
        self._process = ThisProcess("the company")
        self._closing = False
        self._door = threading.RLock()
        """Held while work is handed in, so that none is handed to a loop that is just closing. What is
        collected as garbage meanwhile, in the same thread, may have a last thing to hand in."""
        self._thread = threading.Thread(target=self._serve, name="crossloop", daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether nothing is run any more."""
        return self._closing

    @property
    def forked(self) -> bool:
        """Whether this process was forked off the one in which the loop runs."""
        return self._process.forked

    def require(self) -> None:
        """Refuse what comes too late, or to the wrong process.

        Raises:
            CrossloopError: after closing, or in a forked process.
        """
        self._process.require()
        if self._closing:
            raise CrossloopError("the company is closed.", next_step="Open it again.")

    def run(self, work: Coroutine[object, object, ResultT]) -> ResultT:
        """Run a coroutine to its end and return its result.

        Raises:
            CrossloopError: called from the loop's own thread, after closing, or in a forked process; nothing
                was begun.
            concurrent.futures.CancelledError: it was closed meanwhile.
        """
        try:
            return self.carry_out(lambda: work)
        finally:
            if inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
                work.close()

    def carry_out(self, make: Callable[[], Coroutine[object, object, ResultT]]) -> ResultT:
        """Do what :meth:`run` does with a coroutine that is made when it begins."""
        call = self.prepare(make)
        self._refuse_own_thread()
        try:
            call.begin()
            call.over.wait()
            return call.outcome.result()
        except BaseException:
            # An interruption may come at any line above, between handing in and waiting as well.
            call.end()
            raise

    def submit(self, work: Coroutine[object, object, ResultT]) -> Future[ResultT]:
        """Have a coroutine run and return at once.

        Raises:
            CrossloopError: called after closing, or in a forked process; nothing was begun.
        """
        call = self.prepare(lambda: work)
        try:
            call.begin()
        except CrossloopError:
            work.close()
            raise
        return call.outcome

    def soon(self, step: Callable[[], None]) -> None:
        """Have the loop do a step; nobody is left to do it for once the loop is closed."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(step)

    def prepare(self, work: Callable[[], Coroutine[object, object, ResultT]]) -> Call[ResultT]:
        """Have work ready to be run: what is known before it begins can be ended whatever happens."""
        return Call(self._hand_in, work)

    def _hand_in(self, step: Callable[[], None], *, ending: bool) -> None:
        """Have the loop do a step.

        Raises:
            CrossloopError: after closing, or in a forked process.
        """
        # First: in a forked process nobody may ever open the door again.
        if ending:  # there is a way out until the loop itself is closed
            self._process.require()
        else:
            self.require()
        with self._door:
            if not ending:
                self.require()
            self._loop.call_soon_threadsafe(step)

    def close(self) -> None:
        """Cancel what is under way and stop the loop; a second call does nothing.

        Raises:
            CrossloopError: called from the loop's own thread.
        """
        if self.forked:
            return
        self._refuse_own_thread()
        with self._door:
            if not self._closing:
                self._closing = True
                self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()  # the second call, too: the first one may have been interrupted

    def _serve(self) -> None:
        while not self._closing:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                # A task ended so. Whoever waits for it is told; the loop goes on for the others.
                continue
        # Ended on its own thread: whoever closes may be inside a running loop of their own (a notebook).
        self._loop.run_until_complete(_cancel_all())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        with self._door:
            self._loop.run_until_complete(asyncio.sleep(0))  # whatever was handed in until now
            self._loop.close()

    def _refuse_own_thread(self) -> None:
        if threading.current_thread() is self._thread:
            raise CrossloopError(
                "the synchronous call was made on crossloop's own event loop and would never return.",
                next_step="Await the async method instead.",
            )


class Mark:
    """Something that happens once, and is waited for in a way that no interruption can break.

    Futures, events and conditions take their locks in Python: an interruption right after that leaves the
    lock taken for good, and the loop would wait for it in vain when it sets the result. A plain lock is
    taken and given back in one step each.
    """

    def __init__(self) -> None:
        self.reached = False
        self._shut = threading.Lock()
        self._shut.acquire()

    def reach(self) -> None:
        """Let whoever waits go on; a second call does nothing."""
        if not self.reached:
            self.reached = True
            self._shut.release()

    def wait(self) -> None:
        """Wait until it has happened."""
        with self._shut:
            return


class _HandIn(Protocol):
    def __call__(self, step: Callable[[], None], *, ending: bool) -> None: ...


class Call(Generic[ResultT]):
    """One piece of work of a background loop."""

    def __init__(self, hand_in: _HandIn, work: Callable[[], Coroutine[object, object, ResultT]]) -> None:
        self._hand_in = hand_in
        self._work = work
        self._task: asyncio.Task[ResultT] | None = None
        self._cancelled = False
        self.outcome: Future[ResultT] = Future()
        self.over = Mark()
        """Reached when the outcome is there."""

    @property
    def begun(self) -> bool:
        """Whether it runs, or ran."""
        return self._task is not None

    def begin(self) -> None:
        """Hand it to the loop.

        Raises:
            CrossloopError: the loop takes nothing; nothing was begun.
        """
        self._hand_in(self._begin, ending=False)

    def end(self) -> None:
        """Cancel it, if it was begun at all, and wait until it has ended."""
        try:
            self.cancel()
            self.over.wait()
        except BaseException:
            self.cancel()  # interrupted again, it may be before this was handed in
            raise

    def cancel(self) -> None:
        """Cancel it, if it was begun at all, and do not wait; a second call does nothing."""
        try:
            self._hand_in(self._end, ending=True)
        except (RuntimeError, CrossloopError):
            # The loop is closed, and whatever had begun has ended; or it runs in the process we come from.
            if not self.outcome.done():
                self.outcome.set_exception(CancelledError())
            self.over.reach()

    def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._work())
        self._task.add_done_callback(self._deliver)

    def _end(self) -> None:
        # Runs after ``_begin`` if that was handed in at all: callbacks keep their order.
        if self._task is not None:
            if not self._cancelled:  # a second one would come in between of what it gives back
                self._cancelled = True
                self._task.cancel()
        elif not self.outcome.done():
            self.outcome.set_exception(CancelledError())
            self.over.reach()

    def _deliver(self, task: asyncio.Task[ResultT]) -> None:
        if task.cancelled():
            self.outcome.set_exception(CancelledError())
        elif (failure := task.exception()) is not None:
            self.outcome.set_exception(failure)
        else:
            self.outcome.set_result(task.result())
        self.over.reach()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
