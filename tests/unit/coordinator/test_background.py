"""The background loop: synchronous calls from anywhere, and an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from crossloop.coordinator.background import Background
from crossloop.errors import CrossloopError


@pytest.fixture
def background() -> Iterator[Background]:
    opened = Background()
    yield opened
    opened.close()


async def answer(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def fail() -> None:
    raise ValueError("no")


def test_a_call_returns_what_its_work_returns(background: Background) -> None:
    assert background.run(answer(7)) == 7


def test_a_call_raises_what_its_work_raises_and_the_loop_goes_on(background: Background) -> None:
    with pytest.raises(ValueError, match="no"):
        background.run(fail())
    assert background.run(answer(1)) == 1


def test_a_call_from_inside_another_running_loop_returns(background: Background) -> None:
    async def notebook() -> int:
        return background.run(answer(3))

    assert asyncio.run(notebook()) == 3


def test_closing_from_inside_another_running_loop_ends_what_is_under_way() -> None:
    opened = Background()

    async def notebook() -> int:
        result = opened.run(answer(3))
        opened.close()
        return result

    assert asyncio.run(notebook()) == 3


def test_calls_from_several_threads_share_one_loop(background: Background) -> None:
    async def loop() -> int:
        return id(asyncio.get_running_loop())

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: background.run(loop()), range(16)))) == 1


def test_a_call_on_the_loop_itself_is_refused_and_its_work_never_begins(background: Background) -> None:
    begun: list[str] = []

    async def never() -> None:
        begun.append("begun")

    async def itself() -> None:
        background.run(never())

    with pytest.raises(CrossloopError, match="own event loop") as refused:
        background.run(itself())
    assert "Await" in refused.value.next_step
    assert begun == []


def test_closing_on_the_loop_itself_is_refused(background: Background) -> None:
    async def itself() -> None:
        background.close()

    with pytest.raises(CrossloopError, match="own event loop"):
        background.run(itself())
    assert background.run(answer(1)) == 1


def test_closing_twice_does_nothing_and_afterwards_a_call_is_refused() -> None:
    background = Background()
    background.close()
    background.close()
    with pytest.raises(CrossloopError, match="closed"):
        background.run(answer(1))


def test_closing_cancels_what_is_under_way_and_waits_for_it() -> None:
    background, begun, ended = Background(), threading.Event(), list[str]()

    async def endless() -> None:
        begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
            ended.append("given back")

    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(background.run, endless())
        assert begun.wait(10)
        background.close()
        with pytest.raises(CancelledError):
            call.result(10)
    assert ended == ["given back"]


def test_ctrl_c_ends_the_work_before_it_is_delivered(background: Background) -> None:
    ended: list[str] = []
    main = threading.main_thread().ident
    assert main is not None

    async def endless() -> None:
        signal.pthread_kill(main, signal.SIGINT)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for _ in range(2000):  # giving back takes its time
                await asyncio.sleep(0)
            ended.append("given back")

    with pytest.raises(KeyboardInterrupt):
        background.run(endless())
    assert ended == ["given back"]
    assert background.run(answer(1)) == 1


def test_ctrl_c_before_the_work_was_handed_in_begins_nothing(
    background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    async def work() -> None:
        begun.append("begun")

    class Pressed:
        """A door at which somebody presses Ctrl-C, once."""

        presses = iter([KeyboardInterrupt])

        def __enter__(self) -> None:
            for press in self.presses:
                raise press

        def __exit__(self, *_: object) -> None: ...

    with monkeypatch.context() as pressed:
        pressed.setattr(background, "_door", Pressed())
        with pytest.raises(KeyboardInterrupt):
            background.run(work())
    assert background.run(answer(1)) == 1
    assert begun == []


def test_work_that_wants_to_end_the_process_reaches_the_caller_and_not_the_loop(
    background: Background,
) -> None:
    async def leave() -> None:
        sys.exit(4)

    async def nested() -> None:
        await asyncio.create_task(leave())

    for work in (leave, nested):
        with pytest.raises(SystemExit) as left:
            background.run(work())
        assert left.value.code == 4
    assert background.run(answer(1)) == 1


def test_it_can_be_closed_inside_a_running_loop_of_somebody_else() -> None:
    async def notebook() -> int:
        opened = Background()
        found = opened.run(answer(7))
        opened.close()
        return found

    assert asyncio.run(notebook()) == 7
