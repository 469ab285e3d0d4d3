"""Virtual time: it jumps, it agrees with the clock, it has no threads, and it is the same every time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crossloop.testing.virtual_time import (
    PROCESS,
    Frozen,
    Stuck,
    VirtualClock,
    VirtualLoop,
    call_outside,
    run,
    take_time,
)

START = datetime(2026, 1, 5, tzinfo=UTC)
DAY = 86_400.0


def in_process(process: Frozen, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Start something in a process."""
    context = copy_context()
    context.run(PROCESS.set, process)
    return asyncio.get_running_loop().create_task(work, context=context)


def test_a_month_passes_at_once() -> None:
    async def sleep(loop: VirtualLoop) -> float:
        await asyncio.sleep(30 * DAY)
        return loop.time()

    began = time.monotonic()
    assert run(sleep) == pytest.approx(30 * DAY)
    assert time.monotonic() - began < 5


def test_the_clock_goes_with_the_loop_and_jumps_alone() -> None:
    async def look(loop: VirtualLoop) -> list[datetime]:
        clock = VirtualClock(loop, START)
        await asyncio.sleep(60)
        seen = [clock.now()]
        clock.jump(timedelta(hours=-1))
        seen.append(clock.now())
        assert loop.time() == pytest.approx(60)
        return seen

    minute = START + timedelta(minutes=1)
    assert run(look) == [minute, minute - timedelta(hours=1)]


def test_timeouts_of_asyncio_are_virtual() -> None:
    async def wait(loop: VirtualLoop) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.sleep(DAY)
        return loop.time()

    assert run(wait) == pytest.approx(30)


def test_what_is_handed_to_a_thread_runs_on_the_loop_and_takes_the_time_it_says() -> None:
    def compute() -> str:
        take_time(40)
        return threading.current_thread().name

    async def both(loop: VirtualLoop) -> tuple[str, float, float]:
        quick = asyncio.create_task(asyncio.sleep(1, result=loop.time))
        where = await asyncio.to_thread(compute)
        assert quick.done()  # nobody else waits for it
        slow = loop.time()
        take_time(5)  # on the loop itself, everybody does
        return where, slow, loop.time()

    assert run(both) == (threading.current_thread().name, pytest.approx(40), pytest.approx(45))


def test_an_error_of_what_is_handed_to_a_thread_goes_to_whoever_waits() -> None:
    async def fail(_: VirtualLoop) -> None:
        await asyncio.to_thread(lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        run(fail)


def test_nothing_takes_less_than_no_time() -> None:
    async def back(_: VirtualLoop) -> None:
        take_time(-1)

    with pytest.raises(ValueError, match="takes -1"):
        run(back)


def test_sets_of_tasks_are_walked_in_the_same_order_every_time() -> None:
    async def names(_: VirtualLoop) -> list[str]:
        tasks = {asyncio.create_task(asyncio.sleep(0), name=str(number)) for number in range(20)}
        await asyncio.wait(tasks)
        return [task.get_name() for task in tasks]

    assert run(names) == run(names)


def test_waiting_for_what_never_comes_is_an_error() -> None:
    async def wait(_: VirtualLoop) -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stuck):
        run(wait)


def test_a_frozen_process_stands_still_and_what_became_due_runs_in_its_order_afterwards() -> None:
    async def tell(loop: VirtualLoop) -> list[tuple[str, float]]:
        process, told = Frozen(), list[tuple[str, float]]()

        async def say(name: str, after: float) -> None:
            await asyncio.sleep(after)
            told.append((name, loop.time()))

        inside = [in_process(process, say("second", 2)), in_process(process, say("first", 1))]
        call_outside(3, lambda: told.append(("outside", loop.time())))
        await asyncio.sleep(0)
        process.freeze(10)
        await asyncio.gather(*inside)
        return told

    assert run(tell) == [("outside", 3.0), ("first", 10.0), ("second", 10.0)]


def test_a_timer_that_is_cancelled_by_an_earlier_one_does_not_run_though_both_were_held_back() -> None:
    async def wait(loop: VirtualLoop) -> list[str]:
        process, told = Frozen(), list[str]()

        async def set_timers() -> None:
            second = loop.call_later(2, told.append, "second")
            loop.call_later(1, second.cancel)
            loop.call_later(3, told.append, "third")

        await in_process(process, set_timers())
        process.freeze(20)
        await asyncio.sleep(30)
        return told

    assert run(wait) == ["third"]


def test_what_was_due_in_a_frozen_process_is_over_when_it_goes_on() -> None:
    """As in a process that was stopped: the answer is there, and so is the end of the time for it."""

    async def wait(_: VirtualLoop) -> str:
        process = Frozen()

        async def answer() -> None:
            async with asyncio.timeout(5):
                await asyncio.sleep(1)

        task = in_process(process, answer())
        await asyncio.sleep(0.5)
        process.freeze(20)
        await asyncio.wait({task})
        return type(task.exception()).__name__

    assert run(wait) == "TimeoutError"


def test_tasks_belong_to_the_process_that_started_them() -> None:
    async def count(_: VirtualLoop) -> tuple[int, int]:
        process = Frozen()

        async def parent() -> None:
            await asyncio.gather(asyncio.sleep(1), asyncio.sleep(2))

        await in_process(process, parent())
        return len(process.tasks), len(Frozen().tasks)

    assert run(count) == (3, 0)
