"""Reading and writing inside one transaction.

``Read`` sees one state of the store. ``Tx`` is a ``Read`` that also writes: it took the head row when it
began, appends to the tree in memory and writes the head back once, when it ends. Entries are written
together at the end, or before somebody reads entries in the same transaction.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import orjson
from sqlalchemy import text

from crossloop.canonical import JSON, canonical_json
from crossloop.clock import require_aware
from crossloop.errors import LedgerBroken, UnknownName
from crossloop.store import sqlite
from crossloop.store.instants import instant, micros
from crossloop.store.ledger.entries import (
    SALT_SIZE,
    Entry,
    Head,
    body_hash,
    frontier_of,
    head_digest,
    stored_leaf,
)
from crossloop.store.ledger.merkle import Frontier
from crossloop.store.schema import FORMAT

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy import Dialect
    from sqlalchemy.pool import PoolProxiedConnection

Value: TypeAlias = int | float | str | bytes | None
Row: TypeAlias = tuple[Any, ...]
"""One row as the driver gives it; the topic modules turn it into a typed one at once."""

_CHUNK = 256
_LAST = 2**63 - 1
"""The largest position that a table can hold."""

_HEAD = "SELECT format, size, frontier, digest FROM head WHERE id = 1"
_ENTRY = (
    "SELECT e.position, e.kind, c.id, e.at, e.salt, e.body, e.body_hash, e.leaf"
    " FROM entries e LEFT JOIN cases c ON c.key = e.case_key "
)
_ENTRY_AT = _ENTRY + "WHERE e.position = :position"
_ENTRIES = _ENTRY + "WHERE e.position >= :start AND e.position < :stop ORDER BY e.position"
_ENTRIES_OF_CASE = (
    "SELECT e.position, e.kind, c.id, e.at, e.salt, e.body, e.body_hash, e.leaf"
    " FROM cases c JOIN entries e ON e.case_key = c.key"
    " WHERE c.id = :case_id AND e.position >= :start AND e.position < :stop ORDER BY e.position"
)
_CASE = "SELECT key FROM cases WHERE id = :id"
_ADD_CASE = "INSERT INTO cases (key, id) VALUES (:key, :id) ON CONFLICT (id) DO NOTHING"
_ADD_ENTRY = (
    "INSERT INTO entries (position, kind, case_key, at, salt, body, body_hash, leaf)"
    " VALUES (:position, :kind, :case_key, :at, :salt, :body, :body_hash, :leaf)"
)
_ADD_TILE = "INSERT INTO tiles (number, hash) VALUES (:number, :hash)"
_SET_HEAD = "UPDATE head SET size = :size, frontier = :frontier, digest = :digest WHERE id = 1"


class Lasting:
    """What never changes once it is committed, by kind and id: a bounded memory, filled after commits."""

    def __init__(self, most: int = 50_000) -> None:
        self._most = most
        self._known: dict[tuple[str, str], Row] = {}

    def get(self, one: tuple[str, str]) -> Row | None:
        return self._known.get(one)

    def learn(self, committed: Mapping[tuple[str, str], Row]) -> None:
        """Keep what a committed transaction has learned."""
        self._known.update(committed)
        if len(self._known) > self._most:  # what is asked for again was just written: older things may go
            self._known = dict(itertools.islice(self._known.items(), len(self._known) // 2, None))


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL as the driver takes it: parameters by place, which costs a third of what it costs by name."""

    sql: str
    pick: Callable[[Mapping[str, Value]], Sequence[Value]]
    """Puts values by name into their places."""

    of_entries: bool
    """Whether it looks at entries."""


class Statements:
    """SQL with ``:name`` parameters in the form the driver wants, compiled once."""

    def __init__(self, dialect: Dialect) -> None:
        """Take a dialect whose parameters have places (``qmark``)."""
        self._dialect = dialect
        self._compiled: dict[str, Statement] = {}

    def __getitem__(self, sql: str) -> Statement:
        return self._compiled.get(sql) or self._compile(sql)

    def _compile(self, sql: str) -> Statement:
        compiled = text(sql).compile(dialect=self._dialect)
        names = compiled.positiontup or []
        statement = Statement(str(compiled), _picking(names), "entries" in str(compiled))
        self._compiled[sql] = statement
        return statement


def _picking(names: Sequence[str]) -> Callable[[Mapping[str, Value]], Sequence[Value]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: [values[name] for name in names]


class Read:
    """One state of the store.

    ``row``, ``rows`` and ``stream`` are for the modules of this package, which own all SQL.
    """

    def __init__(self, connection: PoolProxiedConnection, statements: Statements) -> None:
        # The driver's connection and not SQLAlchemy's: 1 µs per small query against 12 µs.
        self._driver = cast("sqlite3.Connection", connection.driver_connection)
        self._cursor = self._driver.cursor()
        """Serves one statement after the other; a new one for each costs as much as a small query."""
        self._statements = statements
        self._over = False

    def close(self) -> None:
        """Mark the transaction as over; whatever still tries to read from it fails."""
        self._over = True
        self._cursor.close()

    def _run(self, sql: str, values: Mapping[str, Value], cursor: sqlite3.Cursor) -> sqlite3.Cursor:
        if self._over:
            raise RuntimeError("this transaction is over; read inside the function given to the store")
        statement = self._statements[sql]
        if statement.of_entries:
            self._settle_entries()
        try:
            return cursor.execute(statement.sql, statement.pick(values))
        except UnicodeDecodeError as error:
            raise sqlite.undecodable(error) from error

    def _settle_entries(self) -> None:
        """Write down what a statement that looks at entries has to see."""

    def row(self, sql: str, /, **values: Value) -> Row | None:
        """Return the first row of a query."""
        return cast("Row | None", self._run(sql, values, self._cursor).fetchone())

    def rows(self, sql: str, /, **values: Value) -> list[Row]:
        """Return every row of a query."""
        return cast("list[Row]", self._run(sql, values, self._cursor).fetchall())

    def stream(self, sql: str, size: int, /, **values: Value) -> Iterator[list[Row]]:
        """Yield the rows of a query in lists of at most ``size``."""
        cursor = self._run(sql, values, self._driver.cursor())
        while chunk := cast("list[Row]", cursor.fetchmany(size)):
            yield chunk
            if self._over:
                raise RuntimeError("this transaction is over; read inside the function given to the store")

    def recall(self, kind: str, id: str) -> Row | None:  # noqa: ARG002 - a transaction that writes knows more
        """Return what :meth:`remember` was told; None when nothing is known."""
        return None

    def remember(self, kind: str, id: str, row: Row) -> None:
        """Keep what never changes once it is committed, such as the key behind an id."""

    def head(self) -> Head:
        """Return the size and the root of the ledger.

        Raises:
            LedgerBroken: the head row is missing or damaged.
        """
        frontier = self.frontier()
        return Head(frontier.size, frontier.root().hex())

    def frontier(self) -> Frontier:
        """Return the roots of the perfect subtrees of the ledger.

        Raises:
            LedgerBroken: the head row is missing or damaged.
        """
        return _frontier(self.row(_HEAD))

    def entry(self, position: int) -> Entry:
        """Return one entry.

        Raises:
            UnknownName: there is no such entry.
            LedgerBroken: it cannot be read back.
        """
        row = self.row(_ENTRY_AT, position=position) if 0 <= position <= _LAST else None
        if row is None:
            raise UnknownName(f"the ledger has no entry {position}.", next_step="See: crossloop ledger tail")
        return _entry(row)

    def body(self, position: int) -> dict[str, JSON]:
        """Return what an entry recorded.

        Raises:
            UnknownName: there is no such entry, or its body was redacted.
            LedgerBroken: it cannot be read back.
        """
        body = self.entry(position).body
        if body is None:
            raise UnknownName(f"the body of entry {position} was redacted.")
        return body

    def entries(self, start: int = 0, stop: int | None = None, case: str | None = None) -> Iterator[Entry]:
        """Yield the entries from ``start`` up to, and without, ``stop``, of one case or of all."""
        last = _LAST if stop is None else stop
        if case is None:
            chunks = self.stream(_ENTRIES, _CHUNK, start=start, stop=last)
        else:
            chunks = self.stream(_ENTRIES_OF_CASE, _CHUNK, start=start, stop=last, case_id=case)
        for chunk in chunks:
            yield from map(_entry, chunk)


class Tx(Read):
    """A writing transaction: the only one in the store while it lasts."""

    def __init__(
        self,
        connection: PoolProxiedConnection,
        statements: Statements,
        now: datetime,
        salts: Callable[[], bytes],
        lasting: Lasting,
    ) -> None:
        """Take the head row.

        Raises:
            LedgerBroken: the head row is missing or damaged; nothing may be appended to it.
        """
        super().__init__(connection, statements)
        self.now = require_aware(now)
        """The instant of this transaction: every entry it appends carries it."""
        self._at = micros(now)
        self._salts = salts
        self._tree = _frontier(self.row(_HEAD))
        """Without the entries that are not chained yet."""
        self._before = self._next = self._tree.size
        self._lasting = lasting
        self._learned: dict[tuple[str, str], Row] = {}
        self._kinds: set[str] = set()
        """Kinds of which it is known that they have a canonical form."""
        self._cases: dict[str, int] = {}
        """Keys of cases, of which it is known, too."""
        self._unwritten: list[tuple[int, str, str | None, int | None, bytes, bytes]] = []
        """Position, kind, case and its key, salt and body of entries that are chained and written later."""

    def execute(self, sql: str, /, **values: Value) -> int:
        """Run a statement that changes rows; return how many. For the modules of this package."""
        return self._run(sql, values, self._cursor).rowcount

    @property
    def next_position(self) -> int:
        """Where the next entry will stand."""
        return self._next

    def recall(self, kind: str, id: str) -> Row | None:
        one = kind, id
        return self._learned.get(one) or self._lasting.get(one)

    def remember(self, kind: str, id: str, row: Row) -> None:
        self._learned[kind, id] = row

    def learned(self) -> dict[tuple[str, str], Row]:
        """Return what was remembered: it lasts once the transaction is committed."""
        return self._learned

    def _settle_entries(self) -> None:
        unwritten, self._unwritten = self._unwritten, []
        if not unwritten:
            return
        at, rows, leaves = self._at, list[tuple[Value, ...]](), list[bytes]()
        for position, kind, case, case_key, salt, data in unwritten:
            hashed = body_hash(salt, data)
            leaf = stored_leaf(position, kind, case, at, hashed)
            leaves.append(leaf)
            rows.append((position, kind, case_key, at, salt, data, hashed, leaf))
        self._cursor.executemany(self._statements[_ADD_ENTRY].sql, rows)
        for number, tile in self._tree.extend(leaves):
            self.execute(_ADD_TILE, number=number, hash=tile)

    def head(self) -> Head:
        """Return the size and the root of the ledger, this transaction's entries included."""
        self._settle_entries()
        return Head(self._tree.size, self._tree.root().hex())

    def frontier(self) -> Frontier:
        """Return the roots of the perfect subtrees, this transaction's entries included."""
        self._settle_entries()
        return Frontier(self._tree.size, self._tree.nodes)

    def append(self, kind: str, case: str | None, body: Mapping[str, JSON]) -> int:
        """Append an entry and return its position.

        Raises:
            NotCanonical: kind, case or body has no canonical form; nothing was appended.
        """
        position = self._next
        data = canonical_json(body)
        if data[:1] != b"{":
            raise TypeError(f"an entry's body is an object, got {type(body).__name__}")
        salt = self._salts()
        if len(salt) != SALT_SIZE:
            raise ValueError(f"a salt has {SALT_SIZE} bytes, got {len(salt)}")
        if kind not in self._kinds:
            canonical_json(kind)
            self._kinds.add(kind)
        case_key = None if case is None else self._cases.get(case)
        if case is not None and case_key is None:
            canonical_json(case)
            case_key = self._case_key(case, position)
        self._unwritten.append((position, kind, case, case_key, salt, data))
        self._next = position + 1
        return position

    def case_key(self, case: str | None) -> int | None:
        """Return the key of a case that an entry has named already.

        Raises:
            ValueError: none has.
        """
        return None if case is None else self._cases.get(case) or self._case_key(case, None)

    def _case_key(self, case: str, new: int | None) -> int:
        known = self.recall("case", case)
        if known is None:
            # Nearly every entry that names a case for the first time here is its first one.
            added = new is not None and self.execute(_ADD_CASE, key=new, id=case)
            known = (new,) if added else self.row(_CASE, id=case)
            if known is None:
                raise ValueError(f"no entry has named the case {case!r} yet")
            self.remember("case", case, known)
        self._cases[case] = key = cast("int", known[0])
        return key

    def write_head(self) -> None:
        """Write the entries and the head row back; the last thing before the commit."""
        self._settle_entries()
        tree = self._tree
        if tree.size == self._before:
            return
        packed = tree.packed()
        digest = head_digest(FORMAT, tree.size, packed)
        self.execute(_SET_HEAD, size=tree.size, frontier=packed, digest=digest)


def _frontier(row: Row | None) -> Frontier:
    reason = "it is missing"
    if row is not None:
        try:
            return frontier_of(*row)
        except ValueError as error:
            reason = str(error)
    raise LedgerBroken(
        f"the head of the ledger cannot be used: {reason}.",
        position=None,
        next_step="Run `crossloop ledger verify`; restore the store from a copy.",
    )


def _entry(row: Row) -> Entry:
    position, kind, case, at, salt, body, hashed, leaf = row
    try:
        read = None if body is None else orjson.loads(body)
        if body is not None and body[:1] != b"{":
            raise TypeError("its body is no JSON object")
        return Entry(position, kind, case, instant(at), salt, read, hashed, leaf)
    except (ValueError, TypeError, OverflowError) as error:
        raise LedgerBroken(
            f"entry {position} cannot be read back: {error}.",
            position=position,
            next_step="Run `crossloop ledger verify`.",
        ) from error
