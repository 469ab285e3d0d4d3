"""The line between a process that is killed and the one that kills it: JSON, a document in a line.

Rules:

1. What was said before a death arrives: it lies in the socket, and whoever listens reads on until its end.
2. What is said is in the order in which it happened, across all threads of the process.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

import orjson

Said = dict[str, Any]
"""One document."""

LARGEST: Final = 1 << 20
"""Most bytes of one document."""


class Wire:
    """The end of the process that is killed; for any of its threads."""

    def __init__(self, place: Path) -> None:
        """Connect to where the other end listens."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(str(place))
        self._lines = self._socket.makefile("rb")
        self._turn = threading.Lock()
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[Said]] = {}

    def say(self, said: str, **more: object) -> None:
        """Tell something; nobody answers."""
        self._send({"say": said, **more})

    def hear(self) -> Said:
        """Wait for the next document.

        Raises:
            EOFError: the other end is gone.
        """
        line = self._lines.readline()
        if not line:
            raise EOFError
        return orjson.loads(line)

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()

    def listen(self) -> None:
        """Hand answers to those who asked, in a thread of its own, from now on."""
        threading.Thread(target=self._listen, name="crossloop-wire", daemon=True).start()

    async def ask(self, do: str, **more: object) -> Said:
        """Ask something and wait for the answer."""
        number, answer = next(self._numbers), Future[Said]()
        self._waiting[number] = answer
        self._send({"ask": number, "do": do, **more})
        return await asyncio.wrap_future(answer)

    def _listen(self) -> None:
        while line := self._lines.readline():
            said: Said = orjson.loads(line)
            answer = self._waiting.pop(said["to"], None)
            if answer is not None and answer.set_running_or_notify_cancel():
                answer.set_result(said)

    def _send(self, said: Mapping[str, object]) -> None:
        with self._turn:
            self._socket.sendall(written(said))


def written(said: Mapping[str, object]) -> bytes:
    """A document as a line."""
    return orjson.dumps(said) + b"\n"
