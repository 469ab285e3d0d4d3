"""An event loop whose time is virtual: where nothing is ready, it jumps to the next timer.

Rules:

1. Nothing waits in real time. A day of deadlines passes in the time that its callbacks take.
2. The clock of the company (:class:`VirtualClock`) reads the time of the loop, so that deadlines of people,
   permits, leases and the timeouts of asyncio agree. Only a jump of the clock, forward or back, moves it
   alone, as it does on a machine whose clock is set.
3. No thread takes part. What is handed to one runs on the loop; how long it is to have taken, it says itself
   (:func:`take_time`).
4. The same work happens in the same order every time. Sets of tasks would be walked in the order of their
   addresses; here tasks are hashed in the order in which they were made.
5. Tasks and callbacks may belong to a process (:class:`Frozen`). While it is frozen none of them runs, as in
   a process that was stopped: what becomes due meanwhile runs when it goes on, in the order in which it did.
6. Where every task waits and no timer is set, nothing will ever happen: that is an error, not a hang.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import selectors
from collections.abc import Callable, Coroutine, Generator, Mapping
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, TypeVarTuple

from crossloop.clock import require_aware

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_DAY: Final = 86_400.0
_LONGEST: Final = 10_000 * _DAY
"""Seconds after which a simulation certainly waits for what never comes."""


class Stuck(RuntimeError):
    """Every task waits, and nothing is left that could wake one."""


class Frozen:
    """What belongs together and can be frozen: the tasks and callbacks of one simulated process (rule 5)."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[Any]] = []
        self.frozen = False
        self._due: list[_Step] = []

    def freeze(self, seconds: float) -> None:
        """Stop it from its next step on, for so long."""
        if not self.frozen:
            self.frozen = True
            call_outside(seconds, self.thaw)

    def thaw(self) -> None:
        """Let it go on."""
        self.frozen = False
        due, self._due = self._due, []
        for step in due:
            asyncio.get_running_loop().call_soon(step, context=step.context)

    def hold(self, step: _Step) -> None:
        """Keep a step until it goes on."""
        self._due.append(step)


PROCESS: ContextVar[Frozen | None] = ContextVar("PROCESS", default=None)
"""The process in which something runs; none for the simulation itself."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop over virtual time; see the rules of this module."""

    def __init__(self) -> None:
        self._now = 0.0
        self._taken: float | None = None
        """Seconds that the function under way in a pretended thread has taken; none outside of one."""
        super().__init__(_NoInput(self._jump))
        self._serial = itertools.count()
        self.set_task_factory(self._task)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def take_time(self, seconds: float) -> None:
        """Let time pass while something computes: for its thread, or for everybody on the loop."""
        if seconds < 0:
            raise ValueError(f"nothing takes {seconds} s")
        if self._taken is None:
            self._now += seconds
        else:
            self._taken += seconds

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        process = _process_of(context)
        if process is None:
            return super().call_soon(callback, *args, context=context)
        step = _Step(process, callback, args, context or contextvars.copy_context())
        step.handle = handle = super().call_soon(step, context=step.context)
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        process = _process_of(context)
        if process is None:
            return super().call_at(when, callback, *args, context=context)
        step = _Step(process, callback, args, context or contextvars.copy_context())
        step.handle = handle = super().call_at(when, step, context=step.context)
        return handle

    def call_soon_threadsafe(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """As ``call_soon``: there is one thread (rule 3)."""
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(
        self,
        executor: object,  # noqa: ARG002 - there are none
        func: Callable[[*Ts], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        """Run a function on the loop; its result comes after the time that it says it took (rule 3)."""

        async def work() -> T:
            before, self._taken = self._taken, 0.0
            try:
                result = func(*args)
            finally:
                taken, self._taken = self._taken, before
            await asyncio.sleep(taken)
            return result

        return self.create_task(work())

    def _task(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, T] | Generator[Any, None, T],
        **options: Any,
    ) -> asyncio.Task[T]:
        task = _CountedTask(next(self._serial), work, loop=loop, **options)
        process = _process_of(options.get("context"))
        if process is not None:
            process.tasks.append(task)
        return task

    def _jump(self, seconds: float | None) -> None:
        if seconds is None or self._now > _LONGEST:
            raise Stuck("every task waits, and no timer is set that could wake one.")
        self._now += max(seconds, 0.0)


def _process_of(context: contextvars.Context | None) -> Frozen | None:
    return PROCESS.get() if context is None else context.get(PROCESS, None)


class _Step:
    """A callback of a process: run when it is due, or when the process goes on."""

    __slots__ = ("args", "callback", "context", "handle", "process")

    def __init__(
        self,
        process: Frozen,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context,
    ) -> None:
        self.process = process
        self.callback = callback
        self.args = args
        self.context = context
        self.handle: asyncio.Handle | None = None

    def __call__(self) -> None:
        if self.process.frozen:
            self.process.hold(self)
        elif self.handle is None or not self.handle.cancelled():
            self.callback(*self.args)


class _CountedTask(asyncio.Task[Any]):
    """A task whose place in a set does not depend on where it lies in memory (rule 4)."""

    def __init__(self, serial: int, work: Any, **options: Any) -> None:
        self._serial = serial
        super().__init__(work, **options)

    def __hash__(self) -> int:
        return self._serial

    def __eq__(self, other: object) -> bool:
        return self is other


class _NoInput(selectors.BaseSelector):
    """A selector that nothing ever comes in by: asked to wait, it lets time jump."""

    def __init__(self, jump: Callable[[float | None], None]) -> None:
        self._jump = jump
        self._known: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        number = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        key = self._known[fileobj] = selectors.SelectorKey(fileobj, number, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._known.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            self._jump(timeout)
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._known


class VirtualClock:
    """Real time as the company sees it: that of the loop, moved by every jump."""

    def __init__(self, loop: VirtualLoop, start: datetime) -> None:
        self._loop = loop
        self._origin = require_aware(start)

    def now(self) -> datetime:
        return self._origin + timedelta(seconds=self._loop.time())

    def jump(self, by: timedelta) -> None:
        """Set the clock forward or back, while no time passes."""
        self._origin += by


def call_outside(seconds: float, callback: Callable[[], object]) -> None:
    """Call something later that belongs to no process: it happens whatever becomes of them."""
    contextvars.Context().run(asyncio.get_running_loop().call_later, seconds, callback)


def take_time(seconds: float) -> None:
    """Let a synchronous function take so many virtual seconds; on any other loop it takes none."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, VirtualLoop):
        loop.take_time(seconds)


def run(work: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine over virtual time to its end, from zero.

    Raises:
        Stuck: it waits for something that will never happen.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        return runner.run(work(loop))
