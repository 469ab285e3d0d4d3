"""Processes that wait to be told to go, and the line to each of them.

Rules:

1. A process is forked from one that has loaded everything and opened nothing, and has no threads. One is kept
   ahead: what a start takes is spent beside the one that runs.
2. Whatever a dead process has said is read to its end before its death counts.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from crossloop.testing.killing.orders import Orders
from crossloop.testing.killing.outside import World
from crossloop.testing.killing.wire import LARGEST, Said, written

_PROCESSES: Final = multiprocessing.get_context("forkserver")
_AHEAD: Final = 2
_PATIENCE: Final = 120.0
"""Seconds to wait for a process to be ready: the first one loads everything."""

Heard = Callable[[Said], None]
Moment = Callable[[str], None]


class Life:
    """One process, from the order to go to its end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._served: asyncio.Task[None] | None = None
        self.process: Any = None
        self.killed = False

    def go(self, orders: Orders, world: World, heard: Heard, moment: Moment) -> None:
        """Tell it what to do, and hear it from now on."""
        self._writer.write(written(orders.written()))
        self._served = asyncio.create_task(self._serve(world, heard, moment))

    def kill(self) -> None:
        """End it with SIGKILL, at once."""
        if not self.killed and self.process.is_alive():
            self.killed = True
            self.process.kill()

    def discard(self) -> None:
        """Kill one that was never told to go."""
        self.kill()
        self._writer.close()

    async def ended(self) -> int:
        """Wait until it is dead and everything that it said was read; return its exit code."""
        assert self._served is not None, "it was told to go"
        await self._served
        while self.process.is_alive():
            await asyncio.sleep(0.0005)
        self._writer.close()
        return int(self.process.exitcode)

    async def _serve(self, world: World, heard: Heard, moment: Moment) -> None:
        under_way: set[asyncio.Task[None]] = set()
        while line := await self._line():
            said: Said = orjson.loads(line)
            if "ask" in said:
                task = asyncio.create_task(self._answer(said, world, moment))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            else:
                heard(said)

    async def _line(self) -> bytes:
        """The next whole line; nothing at the end. The last one may have been cut off."""
        try:
            return await self._reader.readuntil(b"\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""

    async def _answer(self, said: Said, world: World, moment: Moment) -> None:
        if said["do"] == "perform":
            reply = await world.perform(said["system"], said["key"], said["request"], moment)
        elif said["do"] == "find":
            reply = await world.find(said["system"], said["key"], moment)
        else:
            reply = await world.look(said["system"], said["key"])
        if not self._writer.is_closing() and not self.killed:
            self._writer.write(written({"to": said["ask"], **reply}))
            moment("replied")


class Lives:
    """Makes processes ahead and hands them out."""

    def __init__(self, place: Path) -> None:
        self.place = place
        """Where processes connect to."""
        self._processes: dict[int, Any] = {}
        self._ready: asyncio.Queue[Life] = asyncio.Queue()
        self._lines: set[asyncio.StreamWriter] = set()
        self._ahead = 0
        """Processes that were made and not handed out."""

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A process says that it is there."""
        self._lines.add(writer)
        said = await reader.readline()
        if not said:
            return  # it was killed before it said anything
        life = Life(reader, writer)
        life.process = self._processes.pop(orjson.loads(said)["pid"])
        self._ready.put_nowait(life)

    async def next(self) -> Life:
        """A process that waits for its orders; another one is made in its place."""
        self._fill()
        async with asyncio.timeout(_PATIENCE):
            life = await self._ready.get()
        self._ahead -= 1
        self._fill()
        return life

    def _fill(self) -> None:
        while self._ahead < _AHEAD:
            self._make()
            self._ahead += 1

    def _make(self) -> None:
        from crossloop.testing.killing.child import wait_for_orders

        process = _PROCESSES.Process(target=wait_for_orders, args=(str(self.place),), daemon=True)
        process.start()
        assert process.pid is not None, "it was started"
        self._processes[process.pid] = process

    def close(self) -> None:
        """End those that wait."""
        while not self._ready.empty():
            self._ready.get_nowait().discard()
        for process in self._processes.values():
            process.kill()
        for line in self._lines:
            line.close()


@asynccontextmanager
async def lives() -> AsyncGenerator[Lives]:
    """Lives of companies, for as long as the block lasts."""
    _PROCESSES.set_forkserver_preload(["crossloop.testing.killing.child"])
    with tempfile.TemporaryDirectory(prefix="crossloop-") as short:  # the name of a socket has to be short
        made = Lives(Path(short) / "wire")
        async with await asyncio.start_unix_server(made.connected, made.place, limit=LARGEST):
            try:
                yield made
            finally:
                made.close()
