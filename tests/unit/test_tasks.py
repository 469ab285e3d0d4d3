"""Being cancelled and meeting a cancelled task are told apart."""

from __future__ import annotations

import asyncio

import pytest

from crossloop.tasks import being_cancelled


async def told_when(met: asyncio.Future[None]) -> bool:
    try:
        await met
    except asyncio.CancelledError:
        return being_cancelled()
    raise AssertionError("nothing was cancelled")


def test_a_task_that_somebody_cancels_is_being_cancelled() -> None:
    async def main() -> bool:
        task = asyncio.create_task(told_when(asyncio.get_running_loop().create_future()))
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert asyncio.run(main())


def test_a_task_that_waits_for_something_cancelled_is_not() -> None:
    async def main() -> bool:
        met = asyncio.get_running_loop().create_future()
        met.cancel()
        return await told_when(met)

    assert not asyncio.run(main())


def test_outside_of_a_task_nothing_is_being_cancelled() -> None:
    async def main() -> list[bool]:
        told: list[bool] = []
        asyncio.get_running_loop().call_soon(lambda: told.append(being_cancelled()))
        await asyncio.sleep(0)
        return told

    assert asyncio.run(main()) == [False]


def test_without_a_loop_there_is_no_answer() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        being_cancelled()
