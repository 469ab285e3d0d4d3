"""Everything that is particular to SQLite: files, connections, how a transaction begins, what is busy.

Rules:

1. A file is recognised by its first hundred bytes, before SQLite is asked: one that is not ours is never
   opened, because even reading a database can write beside it.
2. The tables are created in one transaction in rollback-journal mode, the application id with them, so
   that those hundred bytes are either absent or complete whenever the process dies.
3. After that the store lives in WAL mode: readers do not wait for the writer. Every commit is synced.
4. A writing transaction takes the write lock when it begins (BEGIN IMMEDIATE). Asked for later, it is
   refused at once, whatever the timeout, when another process has written in between.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeVar, cast
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool, QueuePool
from sqlalchemy.schema import CreateIndex, CreateTable

from crossloop.errors import CrossloopError, StoreBusy, StoreNotUsable
from crossloop.faults import crash_point
from crossloop.store.ledger.entries import head_digest
from crossloop.store.schema import FORMAT, metadata

if TYPE_CHECKING:
    from sqlalchemy.pool import PoolProxiedConnection

APPLICATION_ID: Final = 0x43524C50
"""``CRLP``, in bytes 68 to 71 of the file."""

IntegrityError = sqlite3.IntegrityError
"""A row breaks a constraint: a mistake of the program, never of the file."""

DatabaseError = sqlite3.DatabaseError
"""What the driver raises for a damaged, locked, full or unreadable database."""

_OLDEST: Final = (3, 37, 0)  # the first one with STRICT tables
_LONGEST_NAME: Final = 200
_MAGIC: Final = b"SQLite format 3\x00"
_NO_NAME: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
"""What a file's name must not hold: nobody could type or read it."""

_BUSY_TIMEOUT_MS: Final = 50
_BUSY_CODES: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED_CODES: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_REFUSED_CODES: Final = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)
_WRITER_BUSY_TIMEOUT_MS: Final = 1
"""SQLite's own waiting looks again after 1, 2, 5, 10, 15, 20, 25 ms: another process that writes one
transaction after the other is met between two of them only by looking more often."""

_FIRST_PAUSE: Final = 0.001
_LONGEST_PAUSE: Final = 0.05
_PAUSE_SHARE: Final = 0.05
"""Pauses grow with the time that was waited: nobody waits much longer than there was reason to."""

T = TypeVar("T")

Kind = Literal["absent", "store"]


def path_of(url: str) -> Path:
    """Return the absolute path that a store URL names; nothing is opened or created.

    Args:
        url: ``sqlite:///path``, in which ``%`` and two digits stand for a byte; a relative path counts
            from the working directory.

    Raises:
        StoreNotUsable: it names no file, its directory does not exist, or SQLite itself is too old.
    """
    if sqlite3.sqlite_version_info < _OLDEST:
        raise StoreNotUsable(
            f"a store needs SQLite {'.'.join(map(str, _OLDEST))}; this Python has {sqlite3.sqlite_version}.",
            next_step="Use a Python that was built with a newer SQLite.",
        )
    path = Path(_database(url)).absolute()
    if not path.parent.is_dir():
        raise StoreNotUsable(
            f"store {path} cannot be used: the directory {path.parent} does not exist.",
            next_step="Create the directory or name another file.",
        )
    size = len(os.fsencode(path.name))
    if size > _LONGEST_NAME:
        raise StoreNotUsable(
            f"the name of the store has {size} bytes; {_LONGEST_NAME} leave room for the files beside it.",
            next_step="Name a shorter file.",
        )
    return path


def _database(url: str) -> str:
    """The path in a store URL. What a URL may say besides is refused, for nobody would heed it."""
    next_step = "Write it as sqlite:///path/to/store.db"
    try:
        parsed = make_url(url.encode().decode())  # refuses bytes that were no text
    except (ArgumentError, ValueError) as error:
        raise StoreNotUsable(f"store {url!r} is not a URL.", next_step=next_step) from error
    shown = repr(parsed.render_as_string(hide_password=True))
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise StoreNotUsable(
            f"store {shown} has an unknown scheme '{parsed.drivername}'; expected sqlite.",
            next_step=next_step,
        )
    database = parsed.database or ""
    elsewhere = (parsed.host, parsed.port, parsed.username, parsed.password)
    if any(part is not None for part in elsewhere) or "?" in url or database.startswith("file:"):
        raise StoreNotUsable(f"store {shown} says more than the path of a file.", next_step=next_step)
    if database in ("", ":memory:") or _NO_NAME.search(database):
        raise StoreNotUsable(f"store {shown} does not name a file.", next_step=next_step)
    return database


def recognise(path: Path) -> Kind:
    """Tell an absent (or empty) file from a store, by its first bytes only.

    Raises:
        StoreNotUsable: the file is something else, or cannot be read.
    """
    other = "Name another file; this one was left untouched."
    try:
        with path.open("rb") as file:
            first = file.read(100)
    except FileNotFoundError:
        return "absent"
    except OSError as error:
        raise StoreNotUsable(f"store {path} cannot be read: {error.strerror}.", next_step=other) from error
    if not first:
        return "absent"
    if first[: len(_MAGIC)] != _MAGIC:
        raise StoreNotUsable(f"{path} is not a crossloop store: not a SQLite file.", next_step=other)
    if len(first) < 100 or int.from_bytes(first[68:72], "big") != APPLICATION_ID:
        raise StoreNotUsable(
            f"{path} is a SQLite file, but not a crossloop store.",
            next_step=other,
        )
    return "store"


def writer(path: Path, patience: float) -> Engine:
    """Return an engine whose connections may write; the tables must exist."""

    def connect() -> sqlite3.Connection:
        connection = _connect(path, "rw")
        try:
            _prepare(connection, path, patience)
        except BaseException:
            connection.close()
            raise
        return connection

    return create_engine("sqlite://", creator=connect, poolclass=NullPool)


def _prepare(connection: sqlite3.Connection, path: Path, patience: float) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA busy_timeout = {_WRITER_BUSY_TIMEOUT_MS}")
    # Changing the mode needs the file for a moment alone; finding it changed already costs nothing.
    mode = patiently(lambda: connection.execute("PRAGMA journal_mode = WAL").fetchone(), path, patience)
    if mode != ("wal",):
        raise StoreNotUsable(
            f"store {path} cannot be written: its file system offers no shared memory (SQLite WAL).",
            next_step="Put the store on a local disk.",
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")  # what is redacted does not stay in free space


def reader(path: Path) -> Engine:
    """Return an engine of read-only connections, pooled, for any thread."""

    def connect() -> sqlite3.Connection:
        connection = _connect(path, "ro")
        connection.execute("PRAGMA query_only = ON")
        return connection

    return create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=4, max_overflow=-1)


def _connect(path: Path, mode: Literal["ro", "rw", "rwc"]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=_BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,  # the driver begins nothing by itself
        check_same_thread=False,  # a pooled connection moves between threads, one at a time
        cached_statements=256,
    )
    # The schema may come from elsewhere: nothing written in it may call functions.
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def unfinished(path: Path) -> bool:
    """True when the tables are just being created, or their creation was cut off."""
    return path.with_name(path.name + "-journal").exists()


def create(path: Path, patience: float) -> None:
    """Create the tables unless they are there; safe to be called by several processes at once.

    What a process left behind that died while creating them is rolled back first (by SQLite).
    """
    with closing(_connect(path, "rwc")) as connection:
        patiently(lambda: connection.execute("BEGIN IMMEDIATE"), path, patience)
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            for statement in _definitions():
                connection.execute(statement)
            crash_point("store.while_created")
            connection.execute(
                "INSERT INTO head (id, format, size, frontier, digest) VALUES (1, ?, 0, x'', ?)",
                (FORMAT, head_digest(FORMAT, 0, b"")),
            )
        connection.execute("COMMIT")


def _definitions() -> Iterator[str]:
    dialect = SQLiteDialect_pysqlite()
    for table in metadata.sorted_tables:
        yield str(CreateTable(table).compile(dialect=dialect))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield str(CreateIndex(index).compile(dialect=dialect))


def begin_writing(connection: PoolProxiedConnection) -> None:
    """Begin a transaction that is the only writing one from now on."""
    connection.cursor().execute("BEGIN IMMEDIATE")


def mark(connection: PoolProxiedConnection) -> None:
    """Set a mark to which a part of a transaction can be taken back."""
    connection.cursor().execute("SAVEPOINT work")


def unmark(connection: PoolProxiedConnection) -> None:
    """Keep what was done since the mark."""
    connection.cursor().execute("RELEASE work")


def back_to_mark(connection: PoolProxiedConnection) -> None:
    """Take back what was done since the mark."""
    connection.cursor().execute("ROLLBACK TO work")
    unmark(connection)


def in_transaction(connection: PoolProxiedConnection) -> bool:
    """False once the database itself has given the transaction up."""
    return cast("sqlite3.Connection", connection.driver_connection).in_transaction


def begin_reading(connection: PoolProxiedConnection) -> None:
    """Begin a transaction that sees one state of the store, fixed by its first statement."""
    connection.cursor().execute("BEGIN")


def patiently(attempt: Callable[[], T], path: Path, patience: float) -> T:
    """Repeat an attempt while another process holds the lock.

    SQLite's own waiting does not cover every case (a WAL being recovered, a change of mode), hence this
    one around it.

    Raises:
        StoreBusy: it was still held after ``patience`` seconds.
    """
    began = time.monotonic()
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as error:
            if _code(error) not in _BUSY_CODES:
                raise
            waited = time.monotonic() - began
            if waited >= patience:
                raise StoreBusy(
                    f"store {path} has been held for writing by another process for {patience:g} s.",
                    next_step="Wait for it to finish, or end it, and try again.",
                ) from error
        time.sleep(min(max(_FIRST_PAUSE, waited * _PAUSE_SHARE), _LONGEST_PAUSE))


def undecodable(error: UnicodeDecodeError) -> sqlite3.DatabaseError:
    """Return the driver's error for a message that it cannot read itself.

    SQLite quotes a damaged schema in its message; the driver trips over the bytes and loses the error.
    """
    damaged = sqlite3.DatabaseError(f"damaged schema: {error.reason}")
    damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return damaged


def explained(error: sqlite3.DatabaseError, path: Path) -> CrossloopError:
    """Return the error to raise in place of one from the driver."""
    code = _code(error)
    if code in _BUSY_CODES:
        return StoreBusy(f"store {path} is held by another process.", next_step="Try again.")
    if code in _DAMAGED_CODES:
        return StoreNotUsable(f"store {path} is damaged: {error}.", next_step="Restore it from a copy.")
    if code in _REFUSED_CODES:
        next_step = "Check disk space and permissions."
    else:
        next_step = "Run `crossloop ledger verify` to see what was changed."
    return StoreNotUsable(f"store {path} cannot be used: {error}.", next_step=next_step)


def _code(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code; none for what the driver itself objects to."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None
