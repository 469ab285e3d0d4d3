"""A background event loop, so that scripts and notebooks call an async core synchronously.

Rules:

1. A call waits for its work, wherever it comes from; only on the loop's own thread is it refused, where
   it would wait for itself.
2. Ctrl-C cancels the work and waits until it has ended: what was begun is given back before the
   interruption is delivered.
3. Closing cancels what is under way. Afterwards nothing is run any more.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from typing import Final, TypeVar

from crossloop.errors import CrossloopError

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
        self._closing = False
        self._door = threading.Lock()
        """Held while work is handed in, so that none is handed to a loop that is just closing."""
        self._thread = threading.Thread(target=self._serve, name="crossloop", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[object, object, ResultT]) -> ResultT:
        """Run a coroutine to its end and return its result.

        Raises:
            CrossloopError: called from the loop's own thread, or after closing; nothing was begun.
            concurrent.futures.CancelledError: it was closed meanwhile.
        """
        outcome: Future[ResultT] = Future()
        begun: list[asyncio.Task[ResultT]] = []

        def begin() -> None:
            begun.append(self._loop.create_task(work))
            begun[0].add_done_callback(lambda task: _deliver(task, outcome))

        def end() -> None:
            # Runs after ``begin`` if that was handed in at all: callbacks keep their order.
            if begun:
                begun[0].cancel()
            else:
                work.close()
                outcome.set_exception(CancelledError())

        try:
            self._refuse_own_thread()
            with self._door:
                if self._closing:
                    raise CrossloopError("the company is closed.", next_step="Open it again.")
                self._loop.call_soon_threadsafe(begin)
            return outcome.result()
        except KeyboardInterrupt:
            # It may come at any line above, between handing in and waiting as well.
            self._loop.call_soon_threadsafe(end)
            wait([outcome])
            raise
        except CrossloopError:
            if not begun:
                work.close()
            raise

    def submit(self, work: Coroutine[object, object, ResultT]) -> Future[ResultT]:
        """Have a coroutine run and return at once.

        Raises:
            CrossloopError: called after closing; nothing was begun.
        """
        outcome: Future[ResultT] = Future()

        def begin() -> None:
            self._loop.create_task(work).add_done_callback(lambda task: _deliver(task, outcome))

        with self._door:
            if self._closing:
                work.close()
                raise CrossloopError("the company is closed.", next_step="Open it again.")
            self._loop.call_soon_threadsafe(begin)
        return outcome

    def close(self) -> None:
        """Cancel what is under way and stop the loop; a second call does nothing.

        Raises:
            CrossloopError: called from the loop's own thread.
        """
        self._refuse_own_thread()
        with self._door:
            if self._closing:
                return
            self._closing = True
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

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
        self._loop.close()

    def _refuse_own_thread(self) -> None:
        if threading.current_thread() is self._thread:
            raise CrossloopError(
                "the synchronous call was made on crossloop's own event loop and would never return.",
                next_step="Await the async method instead.",
            )


def _deliver(task: asyncio.Task[ResultT], outcome: Future[ResultT]) -> None:
    if task.cancelled():
        outcome.set_exception(CancelledError())
        return
    failure = task.exception()
    if failure is not None:
        outcome.set_exception(failure)
    else:
        outcome.set_result(task.result())


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
