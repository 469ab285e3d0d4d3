"""A process of the simulated company: it works under a lease, can be frozen anywhere, and can die anywhere.

Rules:

1. What runs in a process carries its :class:`Life` in a context variable, so that a crash point knows who
   passes it. Tasks that it starts belong to it.
2. A process that has died changes nothing any more: whatever it still tries to read, write or send ends in
   :class:`Killed`, which no boundary takes for a failure. Its clean-up code runs, as the language demands,
   and changes nothing either. What it had sent is on its way.
3. A process that is frozen stops at its next step, and goes on afterwards as if nothing had been: it does not
   know what has become of its lease.
4. The lease is held for as long as something runs, and renewed, as :mod:`crossloop.coordinator.holding` does
   it with a thread.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from crossloop.errors import StaleLease, StoreBusy
from crossloop.faults import crash_point
from crossloop.store import Lease, Read, Store, Tx, leases
from crossloop.testing.evidence import Commit
from crossloop.testing.virtual_time import PROCESS, Frozen

T = TypeVar("T")

BEGIN: Final = "transaction.begin"
COMMIT: Final = "transaction.committed"
"""Points that every transaction passes, beside the crash points of the program."""

NAME: Final = "coordinator"
LASTS: Final = timedelta(seconds=30)
_TRY_AGAIN: Final = 0.5

_PRESENT: Final = "SELECT token, owner, until FROM leases WHERE name = :name"
_CHANGES: Final = "SELECT total_changes()"
"""Rows that this connection has changed so far."""


class Killed(BaseException):
    """The process died here."""


class Life(Frozen):
    """Whether a process lives, and what befalls it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.dead = False
        self.on_pass: Callable[[Life, str], None] | None = None
        """Told of every crash point that the process passes, and of every commit; may kill or freeze it."""

    def check(self) -> None:
        """Go no further if the process is dead (rule 2)."""
        if self.dead:
            raise Killed(self.name)

    def passes(self, point: str) -> None:
        """Pass a point where something may befall it."""
        self.check()
        if self.on_pass is not None:
            self.on_pass(self, point)

    def die(self) -> None:
        """End it: whatever runs in it is stopped where it waits."""
        self.dead = True
        self.thaw()
        for task in self.tasks:
            task.cancel()


def passed(name: str) -> None:
    """A crash point was passed: tell the process that passes it."""
    life = PROCESS.get()
    if isinstance(life, Life):
        life.passes(name)


async def live(life: Life, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run something in a process to its end, and return the ended task; a death ends all of the process."""
    context = contextvars.copy_context()
    context.run(PROCESS.set, life)
    task = asyncio.get_running_loop().create_task(work, context=context)
    await asyncio.wait({task})
    if not task.cancelled() and isinstance(task.exception(), Killed):
        life.die()
    if life.dead and life.tasks:
        await asyncio.gather(*life.tasks, return_exceptions=True)
    return task


class WatchedStore(Store):
    """The store as one process has it: every commit is noted, and a dead process has none."""

    life: Life
    commits: list[Commit]

    def watch(self, life: Life, commits: list[Commit]) -> WatchedStore:
        """Belong to a process from now on."""
        self.life, self.commits = life, commits
        return self

    def submit(
        self, work: Callable[[Tx], T], *, lease: Lease | None = None, urgent: bool = False
    ) -> Future[T]:
        self.life.passes(BEGIN)
        seen: list[Commit] = []

        def watched(tx: Tx) -> T:
            start, row, before = tx.next_position, tx.row(_PRESENT, name=NAME), _changes(tx)
            result = work(tx)
            present = None if row is None or row[1] is None else int(row[0])
            token = None if lease is None else lease.token
            rows = _changes(tx) - before - (tx.row(_PRESENT, name=NAME) != row)
            seen.append(Commit(self.life.name, token, present, start, tx.next_position, rows))
            return result

        try:
            outcome = super().submit(watched, lease=lease, urgent=urgent)
        except Killed as death:
            if str(death) == "store.after_commit":
                self.commits += [one for one in seen if one.changed]
            raise
        if outcome.exception() is None:  # written in line: it is known
            self.commits += [one for one in seen if one.changed]
        return outcome

    async def write_async(
        self, work: Callable[[Tx], T], *, lease: Lease | None = None, urgent: bool = False
    ) -> T:
        self.life.check()
        result = await super().write_async(work, lease=lease, urgent=urgent)
        self.life.passes(COMMIT)
        if self.life.frozen:
            await asyncio.sleep(0)  # it stops here, and not where it would wait next
        return result

    def read(self, work: Callable[[Read], T]) -> T:
        life: Life | None = getattr(self, "life", None)  # it is read once while it is opened
        if life is not None:
            life.check()
        return super().read(work)


def _changes(tx: Tx) -> int:
    row = tx.row(_CHANGES)
    assert row is not None, "it is a number"
    return int(row[0])


class Holder:
    """Holds the lease of the store while something runs (rule 4)."""

    def __init__(self, store: WatchedStore, owner: str, alive: Callable[[str], bool]) -> None:
        self._store = store
        self._owner = owner
        self._alive = alive
        self._turn = asyncio.Lock()

    async def hold(self, work: Callable[[Lease], Awaitable[T]], *, patience: float = 0.0) -> T:
        """Run something under the lease.

        Raises:
            StoreBusy: another process holds it, and did not let go for so many seconds.
        """
        async with self._turn:
            lease = await self._acquire(patience)
            crash_point("lease.after_acquired")
            renewing = asyncio.create_task(self._renew(lease))
            try:
                return await work(lease)
            finally:
                renewing.cancel()
                if not self._store.life.dead:
                    crash_point("lease.before_released")
                    await self._store.write_async(lambda tx: leases.release(tx, lease))

    async def _acquire(self, patience: float) -> Lease:
        waited = 0.0
        while True:
            try:
                return await self._store.write_async(
                    lambda tx: leases.acquire(tx, NAME, owner=self._owner, ttl=LASTS, alive=self._alive)
                )
            except StoreBusy:
                if waited >= patience:
                    raise
            await asyncio.sleep(_TRY_AGAIN)
            waited += _TRY_AGAIN

    async def _renew(self, lease: Lease) -> None:
        while True:
            await asyncio.sleep(LASTS.total_seconds() / 3)
            try:
                await self._store.write_async(lambda tx: leases.renew(tx, lease))
            except StaleLease:
                return
            except StoreBusy:
                continue


def open_store(path: Path, clock: Any, salts: Callable[[], bytes]) -> WatchedStore:
    """Open the store of a simulated company; nothing of it has to survive this machine."""
    store = WatchedStore.open(f"sqlite:///{path}", clock=clock, salts=salts, writer="inline")
    assert isinstance(store, WatchedStore)
    return store
