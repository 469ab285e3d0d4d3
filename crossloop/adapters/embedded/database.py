"""The one file behind the embedded company: opening it, and transactions on it.

Rules:

1. A file that is there is looked at, as plain bytes, before SQLite may touch it. Whatever is not an
   embedded company is refused and stays as it is.
2. A file that is not there is created when it is first used, so that opening a company leaves nothing behind.
   It is built aside and put in place by one link: a process that dies on the way leaves no half a
   company, and of two processes that create it at once, one wins and both use it.
3. A writing transaction takes the write lock first (``BEGIN IMMEDIATE``), so that two processes cannot
   both read a state and then both change it. ``synchronous=FULL``: committed is on the disk.
4. An error says what may have happened. Before the commit: nothing. In the commit: nobody can tell.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from crossloop.actions.port import AdapterError, Conflict, OutcomeUnknown, Unavailable
from crossloop.adapters.embedded.schema import APPLICATION_ID, SCHEMA, SCHEMA_VERSION
from crossloop.errors import InputError, Where

ResultT = TypeVar("ResultT")

_MAGIC = b"SQLite format 3\x00"
_APPLICATION_ID_AT = 68  # big-endian, in the 100-byte header: https://www.sqlite.org/fileformat.html


class CompanyNotUsable(InputError):
    """The path names something that is not an embedded company, or one of another version."""

    code: ClassVar[str] = "company.not_usable"


class Database:
    """One connection, used by one thread of its own: the event loop never waits for the disk."""

    def __init__(self, path: Path, *, busy_seconds: float = 10.0) -> None:
        """Open the file; where there is none it is created when it is first used.

        Args:
            path: the database file; its folder must exist.
            busy_seconds: how long to wait for another process that is writing.

        Raises:
            CompanyNotUsable: the path cannot be used; nothing was written.
        """
        self.path = path
        self._busy_seconds = busy_seconds
        self._connection: sqlite3.Connection | None = None
        _require_folder(path)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedded-company")
        self._closed = False
        if path.exists():
            try:
                self._worker.submit(self._connected).result()
            except BaseException:
                self._worker.shutdown()
                raise

    def close(self) -> None:
        """Finish what is under way and let go of the file. Closing twice is allowed."""
        if not self._closed:
            self._closed = True
            if self._connection is not None:
                self._worker.submit(self._connection.close).result()
            self._worker.shutdown()

    async def write(self, body: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """Run a function in one writing transaction.

        A cancelled call may still commit: whoever cancels has to look afterwards.

        Raises:
            Conflict: a constraint of the database refused.
            Unavailable: another process kept the write lock; nothing happened.
            OutcomeUnknown: the commit itself failed.
        """
        return await self._run(lambda: self._transaction(body))

    async def read(self, body: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """Run a function that only reads, in one consistent snapshot."""
        return await self._run(lambda: self._snapshot(body))

    async def rows(
        self, sql: str, parameters: Mapping[str, str | None] | None = None
    ) -> list[tuple[Any, ...]]:
        """The rows of one query."""
        return await self.read(lambda connection: connection.execute(sql, parameters or {}).fetchall())

    def write_now(self, body: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """The same as :meth:`write` for callers without an event loop: loading master data."""
        self._require_open()
        return self._worker.submit(self._transaction, body).result()

    async def _run(self, work: Callable[[], ResultT]) -> ResultT:
        self._require_open()
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def _require_open(self) -> None:
        if self._closed:
            raise Unavailable(f"the embedded company {self.path} is closed.")

    def _connected(self) -> sqlite3.Connection:
        """The connection; asked for on the worker's thread only, so that there is one."""
        if self._connection is None:
            if not self.path.exists():
                _create(self.path)
            _require_company(self.path)
            self._connection = _connect(self.path, self._busy_seconds)
        return self._connection

    def _snapshot(self, body: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        connection = self._connected()
        try:
            connection.execute("BEGIN")
            try:
                return body(connection)
            finally:
                _roll_back(connection)
        except sqlite3.Error as wrong:
            raise self._not_done(wrong) from wrong

    def _transaction(self, body: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        connection = self._connected()
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as wrong:
            raise self._not_done(wrong) from wrong
        try:
            result = body(connection)
        except sqlite3.Error as wrong:
            _roll_back(connection)
            raise self._not_done(wrong) from wrong
        except BaseException:
            _roll_back(connection)
            raise
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as wrong:
            _roll_back(connection)
            raise OutcomeUnknown(f"{self.path}: the commit failed: {wrong}.") from wrong
        return result

    def _not_done(self, wrong: sqlite3.Error) -> AdapterError:
        if isinstance(wrong, sqlite3.IntegrityError):
            return Conflict(f"{self.path}: the database refuses: {wrong}.")
        if isinstance(wrong, sqlite3.OperationalError):
            return Unavailable(f"{self.path}: {wrong}.")
        return AdapterError(f"{self.path}: {wrong}.")


def _roll_back(connection: sqlite3.Connection) -> None:
    # SQLite itself rolls back after some errors (disk full, I/O); a second ROLLBACK would fail.
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _connect(path: Path, busy_seconds: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.execute("SELECT count(*) FROM effect").fetchone()
    except sqlite3.OperationalError as wrong:
        connection.close()
        raise CompanyNotUsable(f"cannot be opened: {wrong}.", where=Where(path)) from wrong
    except sqlite3.DatabaseError as wrong:
        connection.close()
        raise CompanyNotUsable(
            f"is damaged: {wrong}.", where=Where(path), next_step="Restore it from a backup."
        ) from wrong
    if version != SCHEMA_VERSION:
        connection.close()
        raise CompanyNotUsable(
            f"is an embedded company of version {version}; this crossloop reads version {SCHEMA_VERSION}.",
            where=Where(path),
            next_step="Use the crossloop that wrote it, or choose another file.",
        )
    return connection


def _require_company(path: Path) -> None:
    """Look at the header without SQLite: opening a foreign database would already write beside it."""
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except OSError as wrong:
        raise CompanyNotUsable(f"cannot be read: {wrong.strerror}.", where=Where(path)) from wrong
    found = header[_APPLICATION_ID_AT : _APPLICATION_ID_AT + 4]
    if not header.startswith(_MAGIC) or found != APPLICATION_ID.to_bytes(4, "big"):
        raise CompanyNotUsable(
            "is not an embedded company; it was left as it is.",
            where=Where(path),
            next_step="Choose another file; one that does not exist yet is created.",
        )


def _require_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise CompanyNotUsable(
            "cannot be created: its folder does not exist.",
            where=Where(path),
            next_step="Check that the folder exists and may be written to.",
        )


def _create(path: Path) -> None:
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    except OSError as wrong:
        raise CompanyNotUsable(
            f"cannot be created: {wrong.strerror}.",
            where=Where(path),
            next_step="Check that the folder exists and may be written to.",
        ) from wrong
    os.close(handle)
    aside = Path(name)
    try:
        with closing(sqlite3.connect(aside, isolation_level=None)) as connection:
            connection.executescript(
                f"PRAGMA synchronous=FULL; PRAGMA journal_mode=WAL; BEGIN; {SCHEMA}"
                f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
            )
        _put_in_place(aside, path)
    except (OSError, sqlite3.Error) as wrong:
        raise CompanyNotUsable(f"cannot be created: {wrong}.", where=Where(path)) from wrong
    finally:
        aside.unlink(missing_ok=True)


def _put_in_place(aside: Path, path: Path) -> None:
    try:
        os.link(aside, path)
    except FileExistsError:
        return  # another process was faster: its company is used
    except OSError:
        # Some file systems know no links. There, two processes that create at once are not told apart.
        if not path.exists():
            aside.rename(path)
