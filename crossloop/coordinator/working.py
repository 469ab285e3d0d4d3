"""A company at work: signals are taken in as they come, and brought to their end meanwhile.

Rules:

1. A signal that was admitted is durable when the call returns; it is answered afterwards, in waves.
2. Whoever works holds the lease of the store until the end: no other coordinator works on it meanwhile.
   People may answer all the time, from any process, and what they permit is performed.
3. What ends the work (another governance document, a broken store) is raised by the next call.
4. At the end nothing more is taken in; what has been is brought to its end first.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, TypeVar

from crossloop.coordinator import handed_in
from crossloop.coordinator.admit import admitting
from crossloop.coordinator.background import Background
from crossloop.coordinator.run import all_settings
from crossloop.errors import CrossloopError
from crossloop.faults import crash_point
from crossloop.signals import Signal

if TYPE_CHECKING:
    from crossloop.coordinator.runtime import Runtime

ResultT = TypeVar("ResultT")


class Working:
    """One company at work; made by :meth:`Coordinator.working`."""

    def __init__(self, background: Background) -> None:
        self._background = background
        self._runtime: Runtime | None = None
        self._task: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self._idle = asyncio.Event()
        self._ending = False
        self._handed_in: set[Future[int]] = set()
        """What calls have handed in that is not through yet."""
        self._door = threading.Lock()
        """Held while that changes, in whatever thread."""
        self._through = asyncio.Event()
        self._through.set()

    def admit(self, signals: Sequence[Signal]) -> int:
        """Take signals in; return how many were new, once they are durable.

        Raises:
            InputError: what was handed in is no sequence of signals; nothing was written.
            SignalRefused: one of them is not of a type of the catalogue; nothing was written.
            CrossloopError: the work has ended.
        """
        taken = self.submit(signals)
        try:
            return taken.result()
        except KeyboardInterrupt:
            wait([taken])  # what was begun is finished before the interruption is delivered
            raise

    def submit(self, signals: Sequence[Signal]) -> Future[int]:
        """Do what :meth:`admit` does without waiting for it: for those who hand in many at once.

        Whatever :meth:`admit` raises is raised by the result.
        """
        taken: Future[int] = Future()
        try:
            with self._door:
                self._handed_in.add(taken)
                self._through.clear()
            self._background.require()
            runtime = self._present()
            if self._ending:
                raise _ended()
            work = admitting(runtime, handed_in.signals(signals))
            # Straight to the store: the loop has waves to think about, and would only pass it on.
            admitted = runtime.store.submit(work, lease=runtime.lease, urgent=True)
            admitted.add_done_callback(lambda done: self._taken(runtime, done, taken))
        except CrossloopError as refused:  # told to whoever asks for the outcome
            self._background.soon(lambda: self._one_through(taken))
            taken.set_exception(refused)
        except BaseException:  # interrupted: nobody is told, whether the store has it or not
            self._background.soon(lambda: self._one_through(taken))
            raise
        return taken

    def _taken(self, runtime: Runtime, admitted: Future[list[Signal]], taken: Future[int]) -> None:
        """Tell the loop, and then whoever waits. On the thread that writes."""
        failure = admitted.exception()
        new = [] if failure is not None else admitted.result()
        if failure is None:
            crash_point("admit.after_commit")

        def told() -> None:
            if new:
                runtime.arrived(new)
                self._idle.clear()
            self._one_through(taken)

        self._background.soon(told)
        if failure is not None:
            taken.set_exception(failure)
        else:
            taken.set_result(len(new))

    def _one_through(self, taken: Future[int]) -> None:
        with self._door:
            self._handed_in.discard(taken)
            if not self._handed_in:
                self._through.set()

    def wait(self) -> None:
        """Wait until everything that was taken in has been answered and done.

        What waits for a person is not waited for.
        """
        self._background.run(self._until_idle())

    async def serve(self, runtime: Runtime, begun: Callable[[], None]) -> None:
        """Work, until :meth:`end`."""
        self._runtime, self._task = runtime, asyncio.current_task()
        settings = all_settings(runtime)
        begun()
        await runtime.serve(lambda: settings, self._over, self._idle)

    async def end(self) -> None:
        """Take nothing in any more, and stop when everything has been brought to its end."""
        self._ending = True
        await self._through.wait()
        self._over.set()

    def wake(self) -> None:
        """Have it look at what others wrote. On the loop's own thread."""
        if self._runtime is not None:
            self._idle.clear()
            self._runtime.arrived(())

    async def _until_idle(self) -> None:
        self._present()
        assert self._task is not None, "it is present"
        await self._through.wait()
        idle = asyncio.create_task(self._idle.wait())
        try:
            await asyncio.wait([self._task, idle], return_when=asyncio.FIRST_COMPLETED)
        finally:
            idle.cancel()
        self._present()

    def _present(self) -> Runtime:
        if self._runtime is None or self._task is None or self._over.is_set():
            raise _ended()
        if self._task.done() and not self._task.cancelled():
            failure = self._task.exception()
            if failure is not None:
                raise failure
        return self._runtime


def _ended() -> CrossloopError:
    return CrossloopError("this work has ended.", next_step="Begin it anew: with company.working().")
