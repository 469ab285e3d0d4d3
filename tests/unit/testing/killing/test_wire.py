"""What is said arrives in order, and answers come to those who asked."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from crossloop.testing.killing.wire import Wire, written


@pytest.fixture
def ends() -> Iterator[tuple[Wire, socket.socket]]:
    with (
        tempfile.TemporaryDirectory(prefix="crossloop-") as short,
        socket.socket(socket.AF_UNIX) as listening,
    ):
        place = Path(short) / "wire"
        listening.bind(str(place))
        listening.listen()
        wire = Wire(place)
        other, _ = listening.accept()
        with other:
            yield wire, other
        wire.close()


def test_what_is_said_is_heard_in_order(ends: tuple[Wire, socket.socket]) -> None:
    wire, other = ends
    for number in range(3):
        wire.say("sent", numbers=[number])
    with other.makefile("rb") as lines:
        assert [orjson.loads(lines.readline())["numbers"] for _ in range(3)] == [[0], [1], [2]]


def test_it_hears_what_it_is_told_until_the_other_end_is_gone(ends: tuple[Wire, socket.socket]) -> None:
    wire, other = ends
    other.sendall(written({"seed": 1}))
    assert wire.hear() == {"seed": 1}
    other.shutdown(socket.SHUT_RDWR)
    with pytest.raises(EOFError):
        wire.hear()


def test_answers_in_any_order_come_to_those_who_asked(ends: tuple[Wire, socket.socket]) -> None:
    wire, other = ends
    wire.listen()

    def answer() -> None:
        with other.makefile("rb") as lines:
            asked = [orjson.loads(lines.readline()) for _ in range(2)]
        for one in reversed(asked):
            other.sendall(written({"to": one["ask"], "said": one["key"]}))

    async def ask() -> list[object]:
        return [
            one["said"] for one in await asyncio.gather(wire.ask("find", key="a"), wire.ask("find", key="b"))
        ]

    answering = threading.Thread(target=answer)
    answering.start()
    assert asyncio.run(ask()) == ["a", "b"]
    answering.join()
    other.shutdown(socket.SHUT_RDWR)
