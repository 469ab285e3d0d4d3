"""Performing beside the waves: systems are at work while the next wave is decided.

Rules:

1. A wave hands over what it was permitted to do, and waits for no system. Waves are decided one after the
   other all the same: what one was permitted was claimed and counted in its transaction, and departments are
   shown it as under way.
2. A signal of whose case an action is under way is thought about when that has ended: what may have to be
   taken back has to be there first (:mod:`~crossloop.coordinator.waves`).
3. The next wave waits for the systems of the last one, no longer than :data:`MOMENT`: asking the graph
   costs milliseconds whatever it carries, so what arrives meanwhile is better asked together. At
   :data:`BACKLOG` actions that have not ended it waits in any case.
4. What fails here ends the run, as if its wave had waited for it.
5. At the end everything is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

from crossloop.actions import Executor
from crossloop.signals import Receipt

BACKLOG: Final = 512
"""Most actions that have not ended while another wave begins."""

MOMENT: Final = 0.25
"""Seconds for which a wave waits for what the last one handed over."""


class Performing:
    """What one run has handed over to the executor."""

    def __init__(self, executor: Executor, failed: Callable[[], None]) -> None:
        """Take the executor, and what to tell of a failure as soon as there is one."""
        self._executor = executor
        self._failed = failed
        self._tasks: set[asyncio.Task[Sequence[Receipt]]] = set()
        self._last: asyncio.Task[Sequence[Receipt]] | None = None
        self._failure: BaseException | None = None
        self._news = asyncio.Event()

    def begin(self, work: Coroutine[object, object, Sequence[Receipt]]) -> asyncio.Task[Sequence[Receipt]]:
        """Have the executor do something, and do not wait for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        self._last = task
        task.add_done_callback(self._over)
        return task

    def wake(self) -> None:
        """Have whoever waits look again."""
        self._news.set()

    async def room(self) -> None:
        """Wait until another wave may begin (rule 3).

        Whatever failed is raised, as by :meth:`finish`.
        """
        last, self._last = self._last, None
        if last is not None and not last.done():
            await asyncio.wait({last}, timeout=MOMENT)
        await self._until(lambda: self._executor.in_hand < BACKLOG)

    async def finish(self, *, unless: Callable[[], bool] = lambda: False) -> None:
        """Wait until everything has ended, or something comes in between; see :meth:`wake`."""
        await self._until(lambda: not self._tasks or unless())

    async def abandon(self) -> None:
        """Cancel what has not ended; what was started is recovered by the next run."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _until(self, reached: Callable[[], bool]) -> None:
        while self._failure is None and not reached():
            self._news.clear()
            await self._news.wait()
        if self._failure is not None:
            raise self._failure

    def _over(self, task: asyncio.Task[Sequence[Receipt]]) -> None:
        self._tasks.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            self._failure = self._failure or failure
            self._failed()
        self._news.set()
