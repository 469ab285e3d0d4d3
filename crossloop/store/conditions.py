"""Conditions: what a loop has seen to be so and has not yet seen to be over.

One row for each (loop, metric, path), *open* or *cleared*, with the signal that said so last. Detection
reads it for its hysteresis: an open condition stays open until it clears, and is not signalled again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from crossloop.store import fields
from crossloop.store.session import Read, Row, Tx

ConditionState = Literal["open", "cleared"]

OPENED = "condition.opened"
CLEARED = "condition.cleared"

_STATE = (
    "SELECT n.state, c.id FROM conditions n LEFT JOIN cases c ON c.key = n.case_key"
    " WHERE n.loop = :loop AND n.metric = :metric AND n.path = :path"
)
_OPEN = (
    "INSERT INTO conditions (loop, metric, path, level, code, state, signal_id, case_key, since, last_seen,"
    " entry) VALUES (:loop, :metric, :path, :level, :code, 'open', :signal_id, :case_key, :day, :day, :entry)"
    " ON CONFLICT (loop, metric, path) DO UPDATE SET level = excluded.level, code = excluded.code,"
    " state = excluded.state, signal_id = excluded.signal_id, case_key = excluded.case_key,"
    " since = excluded.since, last_seen = excluded.last_seen, entry = excluded.entry"
)
_SEEN = (
    "UPDATE conditions SET last_seen = :day"
    " WHERE loop = :loop AND metric = :metric AND path = :path AND state = 'open' AND last_seen < :day"
)
_CLEAR = (
    "UPDATE conditions SET state = 'cleared', signal_id = :signal_id, since = :day, last_seen = :day,"
    " entry = :entry WHERE loop = :loop AND metric = :metric AND path = :path AND state = 'open'"
)
_CURRENT = (
    "SELECT n.loop, n.metric, n.path, n.level, n.code, n.state, n.signal_id, c.id, n.since, n.last_seen,"
    " n.entry FROM conditions n LEFT JOIN cases c ON c.key = n.case_key"
    " WHERE n.loop = :loop ORDER BY n.metric, n.path"
)


@dataclass(frozen=True, slots=True)
class ConditionRow:
    """One condition."""

    loop: str
    metric: str
    path: str
    """The area, as a path."""

    level: str
    code: str
    state: ConditionState
    signal_id: str
    """The signal that opened it, or the one that cleared it."""

    case: str
    """The case that its opening belongs to."""

    since: date
    """Business day of its present state."""

    last_seen: date
    """Last business day on which it was found in that state."""

    entry: int
    """The entry that tells its present state."""


def current(read: Read, loop: str) -> list[ConditionRow]:
    """Return the present state of every condition of a loop, by metric and path."""
    return [_row(row) for row in read.rows(_CURRENT, loop=loop)]


def open_(
    tx: Tx,
    *,
    loop: str,
    metric: str,
    path: str,
    level: str,
    code: str,
    signal_id: str,
    case: str,
    day: date,
) -> bool:
    """Open a condition, or open it again after it cleared; return False when it is open."""
    row = tx.row(_STATE, loop=loop, metric=metric, path=path)
    if row is not None and row[0] == "open":
        return False
    named = {"loop": loop, "metric": metric, "path": path, "level": level, "code": code}
    entry = tx.append(OPENED, case, {**named, "signal_id": signal_id, "day": day.isoformat()})
    tx.execute(
        _OPEN, **named, signal_id=signal_id, case_key=tx.case_key(case), day=day.isoformat(), entry=entry
    )
    return True


def seen(tx: Tx, *, loop: str, metric: str, path: str, day: date) -> bool:
    """Note that an open condition was seen on a later day; False when there is nothing to note."""
    return tx.execute(_SEEN, loop=loop, metric=metric, path=path, day=day.isoformat()) == 1


def clear(tx: Tx, *, loop: str, metric: str, path: str, signal_id: str, day: date) -> bool:
    """Close an open condition; return False when it is not open."""
    row = tx.row(_STATE, loop=loop, metric=metric, path=path)
    if row is None or row[0] != "open":
        return False
    named = {"loop": loop, "metric": metric, "path": path, "signal_id": signal_id, "day": day.isoformat()}
    entry = tx.append(CLEARED, row[1], named)
    return tx.execute(_CLEAR, **named, entry=entry) == 1


def _row(row: Row) -> ConditionRow:
    *first, since, last_seen, entry = row
    return ConditionRow(
        *first,
        since=fields.day("conditions", entry, "since", since),
        last_seen=fields.day("conditions", entry, "last_seen", last_seen),
        entry=entry,
    )
