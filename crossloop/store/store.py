"""The store: one database, one writer, any number of readers.

Rules:

1. Everything is written by one writer (:mod:`crossloop.store.writer`), one piece of work after the other.
   Each takes the head row first, then checks the lease in a separate statement, then writes.
2. An error takes back everything that the work did, and goes to whoever asked for it.
3. A transaction that was begun is finished, also when the task that waits for it is cancelled; the
   cancellation is delivered afterwards, so that nobody wonders whether it was committed.
4. Readers see one state and never wait for the writer.
5. A process that was forked off is refused: it opens the store anew.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, TypeVar

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from crossloop.clock import Clock
from crossloop.errors import StoreNotUsable
from crossloop.forks import ThisProcess
from crossloop.store import sqlite
from crossloop.store.leases import Lease
from crossloop.store.ledger.entries import SALT_SIZE
from crossloop.store.schema import FORMAT
from crossloop.store.session import Read, Statements, Tx
from crossloop.store.writer import InlineWriter, ThreadWriter, Transactions, Writer

T = TypeVar("T")

_STATEMENTS: Final = Statements(SQLiteDialect_pysqlite(paramstyle="qmark"))
"""What was rendered once serves every store. Parameters go to the driver by their places."""


def random_salts() -> Callable[[], bytes]:
    """Return a source of salts, sixteen bytes each; the operating system is asked for many at once."""
    pool: Iterator[bytes] = iter(())

    def salt() -> bytes:
        nonlocal pool
        found = next(pool, None)
        if found is None:
            drawn = os.urandom(SALT_SIZE * 256)
            pool = iter([drawn[at : at + SALT_SIZE] for at in range(0, len(drawn), SALT_SIZE)])
            found = next(pool)
        return found

    return salt


class Store:
    """A crossloop store. Open one with :meth:`open`; close it, or use it as a context manager."""

    def __init__(
        self,
        url: str,
        path: Path,
        clock: Clock,
        salts: Callable[[], bytes],
        patience: float,
        writer: Literal["thread", "inline"],
    ) -> None:
        """Take over a file that :meth:`open` has looked at."""
        self.url = url
        """The URL it was opened with."""
        self._path = path
        self._process = ThisProcess(f"the store {path}")
        self._statements = _STATEMENTS
        self._readers = sqlite.reader(path)
        self._writers = sqlite.writer(path, patience)
        transactions = Transactions(self._writers, path, self._statements, clock, salts)
        kind = ThreadWriter if writer == "thread" else InlineWriter
        self._writer: Writer = kind(transactions, patience)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        clock: Clock,
        salts: Callable[[], bytes] | None = None,
        create: bool = True,
        patience: float = 10.0,
        writer: Literal["thread", "inline"] = "thread",
    ) -> Store:
        """Open a store, by default creating it.

        Args:
            url: ``sqlite:///path``; a relative path counts from the working directory.
            clock: source of every time that is written.
            salts: source of 16 bytes per entry; hand in a seeded one for a repeatable ledger.
            create: whether a store that does not exist is created.
            patience: seconds to wait for another process that is writing.
            writer: ``inline`` writes in the calling thread, for a simulation in which nothing else happens
                in between.

        Raises:
            StoreNotUsable: the URL names no crossloop store of this format, and why. A file that is not
                a crossloop store is not touched.
            StoreBusy: another process is just creating it and did not finish.
        """
        path = sqlite.path_of(url)
        try:
            if sqlite.recognise(path) == "absent" or sqlite.unfinished(path):
                if not create:
                    raise StoreNotUsable(
                        f"there is no finished store at {path}.",
                        next_step="Name an existing one with --store, or let a run create it.",
                    )
                sqlite.create(path, patience)
            store = cls(url, path, clock, salts or random_salts(), patience, writer)
            try:
                store.read(_check_format(path))
            except BaseException:
                store.close()
                raise
            return store
        except sqlite.DatabaseError as error:
            raise sqlite.explained(error, path) from error

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Finish what is being written and let go of the file.

        Closing twice does nothing, and so does closing in a process that was forked off.
        """
        if self._process.forked:
            return
        # The writer finishes first, and lets go last: only then the write-ahead log is folded into the file.
        self._readers.dispose()
        self._writer.close()
        self._writers.dispose()

    def write(self, work: Callable[[Tx], T], *, lease: Lease | None = None) -> T:
        """Run ``work`` in a writing transaction and return its result once it is committed.

        Blocks. With a lease, a holder whom somebody has followed is refused before the work runs.

        Raises:
            StaleLease: the lease is not the present one.
            StoreBusy: another process kept the store for longer than ``patience``.
            StoreNotUsable: the file cannot be written.
            LedgerBroken: the head row is damaged.
            Exception: whatever the work raises; nothing was written then.
        """
        return self.submit(work, lease=lease).result()

    def submit(
        self, work: Callable[[Tx], T], *, lease: Lease | None = None, urgent: bool = False
    ) -> Future[T]:
        """Hand in what :meth:`write` does, and return at once; the outcome is known once it is committed.

        Args:
            urgent: somebody waits for it; it goes before what waits and is not.
        """
        self._process.require()
        return self._writer.submit(work, lease, urgent=urgent)

    def pressed(self) -> bool:
        """Whether the work that is being done should make way for others, where it can be done in parts."""
        return self._writer.pressed()

    async def write_async(
        self, work: Callable[[Tx], T], *, lease: Lease | None = None, urgent: bool = False
    ) -> T:
        """Do what :meth:`write` does without blocking the loop; ``work`` runs on the writer's thread.

        When the waiting task is cancelled, the transaction is finished first.

        Args:
            urgent: see :meth:`submit`.
        """
        outcome = self.submit(work, lease=lease, urgent=urgent)
        if outcome.done():  # written in line: nothing else runs in between
            return outcome.result()
        inner = asyncio.wrap_future(outcome)
        try:
            return await asyncio.shield(inner)
        except asyncio.CancelledError:
            while not inner.done():
                try:
                    await asyncio.wait({inner})
                except asyncio.CancelledError:
                    continue  # delivered below, once
            inner.exception()  # seen: nobody is left to whom it could be raised
            raise

    def read(self, work: Callable[[Read], T]) -> T:
        """Run ``work`` on one state of the store, in the calling thread, and return its result.

        Raises:
            StoreNotUsable: the file cannot be read.
            Exception: whatever the work raises.
        """
        self._process.require()
        try:
            connection = self._readers.raw_connection()
            try:
                sqlite.begin_reading(connection)
                read = Read(connection, self._statements)
                try:
                    return work(read)
                finally:
                    read.close()
            finally:
                connection.close()  # back to the pool, which ends the transaction
        except sqlite.DatabaseError as error:
            raise sqlite.explained(error, self._path) from error


def _check_format(path: Path) -> Callable[[Read], None]:
    def check(read: Read) -> None:
        if read.row("SELECT 1 FROM sqlite_master WHERE name = 'head'") is None:
            raise StoreNotUsable(
                f"store {path} is not complete: it has no head table.",
                next_step="Restore it from a copy, or name another file.",
            )
        row = read.row("SELECT format FROM head WHERE id = 1")
        # A store without its head row opens, so that verification can say so; it cannot be written.
        if row is not None and row[0] != FORMAT:
            raise StoreNotUsable(
                f"store {path} has format {row[0]!r}; this version of crossloop knows format {FORMAT}.",
                next_step="Open it with the version of crossloop that wrote it.",
            )

    return check
