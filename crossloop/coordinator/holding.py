"""Holding the store's lease for as long as something runs on it.

Rules:

1. One coordinator at a time works on a store. The owner of a lease is a process and, in it, one
   coordinator: two coordinators of one process keep out of each other's way as two processes do.
2. Calls of one coordinator take turns, from whichever thread or event loop they come. Who says how patient
   they are gives up on their own turn, too.
3. The lease is renewed from a thread of its own: an event loop that is busy computing must not lose it.
4. Who holds it either finishes soon or *stays*, as a company at work does; the owner of the lease says which.
   One that finishes can be waited for. One that stays never is: waiting for it would only end by giving up.
5. A renewal that finds the store busy, or not usable, tries again. One that finds that somebody has followed
   stops; the next write of this worker is then refused by its token.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

from crossloop.errors import CrossloopError, StaleLease, StoreBusy
from crossloop.faults import crash_point
from crossloop.store import Lease, Read, Store, Tx, leases
from crossloop.store.leases import Held
from crossloop.store.owners import is_alive, this_process

NAME: Final = "coordinator"
LASTS: Final = timedelta(seconds=30)
"""Real time after which a holder that says nothing any more may be followed."""

_STAYS: Final = "/stays"
"""At the end of the owner of a lease whose holder works until it is told to stop."""

_TURN: Final = 0.01
_TRY_AGAIN: Final = 0.05


def somebody_stays(read: Read, now: datetime) -> bool:
    """True while a coordinator is at work that stays and looks after whatever others write.

    Args:
        now: real time.
    """
    owner = leases.holder(read, NAME, now)
    return owner is not None and owner.endswith(_STAYS) and _alive(owner)


class Holding:
    """The right of one coordinator to work on its store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._owner = f"{this_process()}/{id(self):x}"
        self._turn = threading.Lock()
        self._renewal = _Renewal(store)

    def close(self) -> None:
        """Renew nothing any more. Twice does nothing."""
        self._renewal.close()

    @asynccontextmanager
    async def lease(self, *, patience: float | None = None, stays: bool = False) -> AsyncGenerator[Lease]:
        """Hold the lease inside the block.

        Args:
            patience: seconds to wait, for the calls of this coordinator that came before and for another one
                to finish; one that stays is not waited for. By default the former take as long as they
                take, and the latter is not waited for.
            stays: whether the block lasts until somebody ends it.

        Raises:
            StoreBusy: another coordinator is at work on this store, or for longer than ``patience`` another
                call of this one.
        """
        give_up = time.monotonic() + (patience or 0.0)
        while not self._turn.acquire(blocking=False):
            if patience is not None and time.monotonic() >= give_up:
                raise StoreBusy(
                    f"another call of this company is at work on {self._store.url}.",
                    next_step="Wait until it has ended.",
                )
            await asyncio.sleep(_TURN)
        try:
            lease = await self._acquire(give_up, stays)
            crash_point("lease.after_acquired")
            try:
                self._renewal.begin(lease)
                yield lease
            finally:
                self._renewal.end()
                crash_point("lease.before_released")
                await self._store.write_async(lambda tx: leases.release(tx, lease))
        finally:
            self._turn.release()

    async def _acquire(self, give_up: float, stays: bool) -> Lease:
        owner = self._owner + _STAYS if stays else self._owner
        in_vain = False
        taken: list[Lease] = []
        by: Held | None = None

        def work(tx: Tx) -> Lease:
            nonlocal in_vain, by
            in_vain, by = somebody_stays(tx, tx.now), leases.held(tx, NAME, tx.now)
            taken.append(leases.acquire(tx, NAME, owner=owner, ttl=LASTS, alive=self._is_another))
            return taken[-1]

        while True:
            try:
                return await self._store.write_async(work)
            except asyncio.CancelledError:
                if taken:  # and nobody is told of it
                    await self._store.write_async(lambda tx: leases.release(tx, taken[-1]))
                raise
            except StoreBusy as busy:
                if in_vain or time.monotonic() >= give_up:
                    raise self._at_work(by, busy, stays=in_vain) from busy
            await asyncio.sleep(_TRY_AGAIN)

    def _at_work(self, by: Held | None, busy: StoreBusy, *, stays: bool) -> StoreBusy:
        """Who is at work, since when and until when, and what can be done about it."""
        said = f"another coordinator is at work on {self._store.url}: "
        if by is None:  # somebody else is just writing
            return StoreBusy(f"{said}{busy.message}", next_step=busy.next_step)
        host, pid, *_ = [*by.owner.split(":"), "", ""]
        since, until = (one.isoformat(timespec="seconds") for one in (by.since, by.until))
        who = f"{said}process {pid or by.owner} on {host}, since {since}"
        if not stays:
            return StoreBusy(
                f"{who}, at least until {until}.",
                next_step=f"Wait until it has finished, or end process {pid}, and try again.",
            )
        return StoreBusy(
            f"{who}; it stays until it is told to stop (its lease, renewed meanwhile, ends {until}).",
            next_step="Hand signals to that process (work.admit), or end it first. People can answer, close "
            "incidents and look meanwhile.",
        )

    def _is_another(self, owner: str) -> bool:
        """True for a living coordinator that is not this one, whichever way it held the lease before."""
        return owner.removesuffix(_STAYS) != self._owner and _alive(owner)


def _alive(owner: str) -> bool:
    return is_alive(owner.partition("/")[0])


class _Renewal:
    """Renews the present lease from one thread, which ends when there was none for a while."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lease: Lease | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._door = threading.Lock()
        """Held while the thread begins or ends."""

    def begin(self, lease: Lease) -> None:
        with self._door:
            self._lease = lease
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew, name="crossloop-lease", daemon=True)
                self._thread.start()

    def end(self) -> None:
        self._lease = None

    def close(self) -> None:
        self._over.set()
        thread = self._thread
        if thread is not None:
            thread.join()

    def _renew(self) -> None:
        while not self._over.wait(LASTS.total_seconds() / 3):
            with self._door:
                lease = self._lease
                if lease is None:
                    self._thread = None
                    return
            try:
                self._store.write(lambda tx, lease=lease: leases.renew(tx, lease))
            except StaleLease:
                if self._lease is lease:
                    self.end()
            except CrossloopError:
                continue  # a busy or a full store may be usable again before the lease ends
