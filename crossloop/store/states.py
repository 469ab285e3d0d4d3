"""Comparing the tables that decide what may be done with the entries that tell of it.

The hash tree proves the entries. What the program works with are the rows beside them: who may answer, who
has approved, what is permitted and how far it has come, which rules are in force. A row that says something
else than its entries would be believed, so each is compared.

Rules, in the order the code follows them for one table:

1. A row rests on the entry that created it, which is its key, and on one more for every move it has made.
   Each has the kind of that move, belongs to the row's case, names the row, and says what the row says. Where
   a later move says another thing about the same column (a question that was passed on), the last one counts.
2. What only a move fills in is empty until the move was made.
3. The state is one to which the last of these moves leads, and none was made without the one before it.
4. Every entry of such a kind has its row, and no two rows rest on one entry.
5. Where a body was redacted its words cannot be compared; its kind and its place still are.
6. Where one approval or one action is about to be relied upon (:func:`difference_of_approval`,
   :func:`difference_of_action`), rule 4 is asked of it alone: no later entry of its case tells of a move that
   its row leaves out. A row that was set back to where it once stood rests on true entries and says too
   little. And the entries that its rows rest on have to match their own hash and leaf: whoever changes a row
   and its entry alike is found. Whether the leaf is in the tree, :func:`~crossloop.store.verify` says.

Rows of which SQLite can tell by itself that they agree (:mod:`crossloop.store.agreement`) are not read at
all. The tables are read together, a stretch of the ledger at a time, while its pages are at hand.

Every column of these tables is compared but two. ``approvals.thread_kept`` says whether there is a thread to
remove from the approval graph, which shows questions and decides nothing. ``actions.back_due`` says of which
undertakings to look whether a step is to be taken back; whether it is, its rows are asked. Setting it wrongly
lets nothing be done that is not due, but hides what is; whoever begins to work sets it right for all open
signals, and :func:`~crossloop.store.verify` says nothing of it.

Not compared are tables that hold back, keep count or show: claims, impacts, conditions, observations,
leases. No row of them permits anything: what they let pass has a decision and a permit of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final, cast

import orjson

from crossloop.store import sqlite
from crossloop.store.ledger.entries import body_hash, stored_leaf
from crossloop.store.told import COUNTED_ON, PERFORMED_ON, TABLES, Table

if TYPE_CHECKING:
    from crossloop.store.session import Read, Row

_CHUNK: Final = 256
_STRETCH: Final = 1024
"""Entries whose rows are compared together: their pages fit into SQLite's own cache."""

# What is filled in comes from :mod:`crossloop.store.told` and from nowhere else.
_ROWS: Final = "SELECT {} FROM {} t {} WHERE {} ORDER BY t.key"
# Asked this way SQLite need not sort what a key keeps apart already.
_COUNT: Final = (
    "SELECT (SELECT count({2}) FROM {1}),"
    " (SELECT count(*) FROM (SELECT DISTINCT {0} FROM {1} WHERE {0} IS NOT NULL))"
)
_SEALED: Final = (
    "SELECT e.position, e.kind, c.id, e.at, e.salt, e.body, e.body_hash, e.leaf FROM {} t"
    " JOIN entries e ON e.position IN ({}) LEFT JOIN cases c ON c.key = e.case_key WHERE {}"
)
# A body that is gone, or that nobody can read, names no row: it is left out where no row at all holds it.
_UNHELD: Final = (
    "SELECT t.id, e.position, e.kind FROM {0} t JOIN entries e ON e.case_key = t.case_key WHERE {1}"
    " AND e.position > t.key AND e.kind IN ({2}) AND e.position NOT IN ({3})"
    " AND CASE WHEN json_valid(CAST(e.body AS TEXT))"
    " THEN json_extract(CAST(e.body AS TEXT), '$.{4}') = t.id"
    " ELSE NOT EXISTS (SELECT 1 FROM {0} o WHERE e.position IN ({5})) END"
    " ORDER BY e.position LIMIT 1"
)
_LOST: Final = (
    "SELECT min(position) FROM entries"
    " WHERE kind = :kind AND position NOT IN (SELECT {0} FROM {1} WHERE {0} IS NOT NULL)"
)


def difference(read: Read, kinds: Mapping[str, int]) -> str | None:
    """Return the first difference between a row and its entries, in one sentence; None where all agree.

    Reads each table once, in constant memory.

    Args:
        kinds: how many entries there are of each kind.
    """
    for where, values in _stretches(sum(kinds.values())):
        for table in TABLES:
            found = _rows_differ(read, table, where, **values)
            if found is not None:
                return found
    for table in TABLES:
        found = _numbers_differ(read, table, kinds)
        if found is not None:
            return found
    return None


def _stretches(size: int) -> Iterator[tuple[str, dict[str, int]]]:
    """Conditions that between them hold once for every row that has a key, whatever that is."""
    last = max(size - 1, 0) // _STRETCH * _STRETCH
    if last == 0:
        yield "1", {}
        return
    yield "t.key < :stop", {"stop": _STRETCH}
    for start in range(_STRETCH, last, _STRETCH):
        yield "t.key >= :start AND t.key < :stop", {"start": start, "stop": start + _STRETCH}
    yield "t.key >= :start", {"start": last}


def difference_of_approval(read: Read, approval: str) -> str | None:
    """Return the first difference between the entries and the rows that an answer to an approval counts on.

    Args:
        approval: its whole id.
    """
    return _relied_upon(read, COUNTED_ON, {"approval": approval})


def difference_of_action(read: Read, key: str) -> str | None:
    """Return the first difference between the entries and the rows that performing an action counts on.

    Args:
        key: the whole action key.
    """
    return _relied_upon(read, PERFORMED_ON, {"action": key})


def _relied_upon(read: Read, counted: Sequence[tuple[str, str]], values: Mapping[str, str]) -> str | None:
    """Rules 1 to 3 and 5 for some rows, and rule 6."""
    for name, where in counted:
        table = next(one for one in TABLES if one.name == name)
        found = (
            _rows_differ(read, table, where, **values)
            or _unsealed(read, table, where, values)
            or _left_out(read, table, where, values)
        )
        if found is not None:
            return found
    return None


def _unsealed(read: Read, table: Table, where: str, values: Mapping[str, str]) -> str | None:
    """The first entry that some rows rest on and that does not match its own hash and leaf (rule 6)."""
    try:
        for position, kind, case, at, salt, body, hashed, leaf in read.rows(
            _sealed(table.name, where), **values
        ):
            if salt is not None and body is not None:
                fits = body_hash(salt, body) == hashed
            else:
                fits = salt is None and body is None  # redacted
            if not fits:
                return f"entry {position} ({kind}) does not match its hash"
            if stored_leaf(position, kind, case, at, hashed) != leaf:
                return f"entry {position} ({kind}) does not match its leaf"
    except (TypeError, AttributeError) as odd:
        return f"{table.name}: it rests on an entry with a column of the wrong type: {odd}"
    return None


def _left_out(read: Read, table: Table, where: str, values: Mapping[str, str]) -> str | None:
    """The first later entry that tells of a move of some rows and that they do not hold (rule 6)."""
    if not table.named:
        return None
    for id, position, kind in read.rows(_unheld(table.name, where), **values):
        return f"{table.name}, {id}: it leaves out entry {position} ({kind})"
    return None


def _rows_differ(read: Read, table: Table, where: str, **values: str | int) -> str | None:
    try:
        return _compared(read, table, _select(table.name, where, unless_plain=True), values)
    except sqlite.DatabaseError:
        # One row of which SQLite could not judge hides the others: none is left out then.
        return _compared(read, table, _select(table.name, where, unless_plain=False), values)


def _compared(read: Read, table: Table, select: str, values: Mapping[str, str | int]) -> str | None:
    width = 4
    for chunk in read.stream(select, _CHUNK, **values):
        for row in chunk:
            key, own, told = row[0], row[1 : -width * len(table.moves)], row[-width * len(table.moves) :]
            entries = [told[at : at + width] for at in range(0, len(told), width)]
            try:
                found = _differs(table, key, own, entries)
            except (ValueError, TypeError, AttributeError, OverflowError) as odd:
                found = f"it holds what nobody wrote: {odd}"
            if found is not None:
                return f"{table.name}, {own[0]}: {found}"
    return None


def _differs(table: Table, key: int, own: Row, entries: Sequence[Row]) -> str | None:
    """Rules 1, 2, 3 and 5 for one row."""
    states: tuple[str, ...] = ()
    made = {
        move.column for move, (position, *_) in zip(table.moves, entries, strict=True) if position is not None
    }
    first = next((position for position, *_ in entries if position is not None), None)
    if first != key:
        return f"its key is {key}, but it begins with entry {first}"
    for move, said, (position, kind, body, of_case) in zip(
        table.moves, table.said(own), entries, strict=True
    ):
        if position is None:
            for name in move.fills:
                if said.get(name) is not None:
                    return f"{name} is {said[name]!r}, but no entry of kind {move.kind} says so"
            continue
        states = move.states
        if move.after and move.after not in made:
            return f"entry {position} ({move.kind}) moved it, but it was never {move.after}"
        if kind != move.kind:
            return f"it rests on entry {position}, which is not of kind {move.kind}"
        if not of_case:
            return f"it is of another case than entry {position}"
        if body is None:
            continue
        written = _read(body)
        if written is None:
            return f"entry {position} ({move.kind}) cannot be read back"
        if written.items() >= said.items():  # nearly always, and a fifth of the time of what follows
            continue
        for name, value in said.items():
            if written.get(name) != value:
                return f"{name} is {value!r}, but entry {position} says {written.get(name)!r}"
    if states and own[-1] not in states:
        return f"state is {own[-1]!r}, but its entries lead to {' or '.join(map(repr, states))}"
    return None


def _read(body: bytes) -> dict[str, object] | None:
    try:
        read: object = orjson.loads(body)
    except ValueError:
        return None
    return cast("dict[str, object]", read) if isinstance(read, dict) else None


def _numbers_differ(read: Read, table: Table, kinds: Mapping[str, int]) -> str | None:
    """Rule 4, once every row rests on an entry of the right kind."""
    if table.moves[0].column != "key":
        [(rows, keys)] = read.rows(_COUNT.format("key", table.name, "*"))
        if rows != keys:  # one without a key rests on nothing
            return f"{table.name}: {rows} rows have {keys} keys"
    for move in table.moves:
        column, there = move.column, kinds.get(move.kind, 0)
        # Every row was created: one without a key rests on nothing, and is counted.
        counted = "*" if column == "key" else column
        [(rows, used)] = read.rows(_COUNT.format(column, table.name, counted))
        if used < there:
            [(lost,)] = read.rows(_LOST.format(column, table.name), kind=move.kind)
            return f"{table.name}: no row rests on entry {lost} ({move.kind})"
        if rows != used:
            return f"{table.name}: {rows} rows rest on {used} entries of kind {move.kind}"
    return None


@cache
def _select(name: str, where: str, *, unless_plain: bool) -> str:
    """Rows with position, kind and body of each of their entries, and whether that is of their case."""
    table = next(one for one in TABLES if one.name == name)
    picked, joined = ["t.key", table.columns], [table.joins]
    for number, move in enumerate(table.moves):
        same = f"e{number}.case_key IS t.case_key" if table.of_case else "1"
        picked.append(f"t.{move.column}, e{number}.kind, e{number}.body, {same}")
        joined.append(f"LEFT JOIN entries e{number} ON e{number}.position = t.{move.column}")
    if unless_plain:
        where = f"({where}) AND ({table.plainly}) IS NOT TRUE"
    return _ROWS.format(", ".join(picked), table.name, " ".join(joined), where)


@cache
def _sealed(name: str, where: str) -> str:
    """The entries that some rows rest on."""
    table = next(one for one in TABLES if one.name == name)
    return _SEALED.format(name, ", ".join(f"t.{move.column}" for move in table.moves), where)


@cache
def _unheld(name: str, where: str) -> str:
    """The first entry that tells of a later move of a row, and is in none of its columns."""
    table = next(one for one in TABLES if one.name == name)
    kinds = ", ".join(f"'{move.kind}'" for move in table.moves)
    columns = [move.column for move in table.moves]
    own = ", ".join(f"coalesce(t.{one}, -1)" for one in columns)
    others = ", ".join(f"o.{one}" for one in columns)
    return _UNHELD.format(name, where, kinds, own, table.named, others)
