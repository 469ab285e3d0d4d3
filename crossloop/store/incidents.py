"""Incidents: what became of an action and nobody but a person can find out.

Kinds: *outcome_unknown* (nobody can tell whether it was done) and *not_compensated* (it is in force, was to
be taken back, and could not be). An action has at most one of each kind, ever.

States: *open*, then *closed*. The first one who closes it counts (compare-and-set); every later one is told
False. Who may close it is decided above; the row keeps whom that concerns, and until when they are to look.
When that has passed it is overdue, once; it stays open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from crossloop.canonical import JSON, canonical_json
from crossloop.errors import UnknownName
from crossloop.ids import IncidentId, derived
from crossloop.store import fields
from crossloop.store.instants import instant, micros
from crossloop.store.paths import prefixed
from crossloop.store.session import Read, Row, Tx

IncidentState = Literal["open", "closed"]
IncidentKind = Literal["outcome_unknown", "not_compensated"]
_KINDS: Final[tuple[IncidentKind, ...]] = get_args(IncidentKind)

OPENED = "incident.opened"
OVERDUE = "incident.overdue"
CLOSED = "incident.closed"

_FIND_LIMIT = 50

_ACTION = "SELECT a.key, c.id FROM actions a LEFT JOIN cases c ON c.key = a.case_key WHERE a.id = :id"
_KNOWN = "SELECT 1 FROM incidents WHERE id = :id"
_STATE = (
    "SELECT i.key, i.state, c.id, i.overdue FROM incidents i LEFT JOIN cases c ON c.key = i.case_key"
    " WHERE i.id = :id"
)
_ADD = (
    "INSERT INTO incidents (key, id, action_key, case_key, kind, people, due, state)"
    " VALUES (:key, :id, :action_key, :case_key, :kind, :people, :due, 'open')"
)
_CLOSE = (
    "UPDATE incidents SET state = 'closed', closed = :entry, person = :person, happened = :happened"
    " WHERE key = :key AND state = 'open'"
)
_MARK = "UPDATE incidents SET overdue = :entry WHERE key = :key AND state = 'open' AND overdue IS NULL"
_ROWS = (
    "SELECT i.key, i.id, a.id, c.id, i.kind, i.people, i.due, i.state, i.overdue, i.closed, i.person,"
    " i.happened"
    " FROM incidents i JOIN actions a ON a.key = i.action_key LEFT JOIN cases c ON c.key = i.case_key "
)
_CLOSED_AFTER = (
    "SELECT a.id, i.closed FROM incidents i JOIN actions a ON a.key = i.action_key WHERE i.closed > :after"
)
_GET = _ROWS + "WHERE i.id = :id"
_FIND = _ROWS + "WHERE i.id >= :low AND i.id < :high ORDER BY i.id LIMIT :limit"
_LATE = _ROWS + "WHERE i.due < :before AND i.state = 'open' AND i.overdue IS NULL"
_LIST = _ROWS + "ORDER BY i.key"
_LIST_OPEN = _ROWS + "WHERE i.state = 'open' ORDER BY i.key"
_LIST_CLOSED = _ROWS + "WHERE i.state = 'closed' ORDER BY i.key"


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One incident."""

    key: int
    id: str
    action: str
    """Key of the action that it is about."""

    case: str
    kind: IncidentKind
    people: tuple[str, ...]
    """Who may close it."""

    due: datetime
    """Real time until which they are to look."""

    state: IncidentState
    overdue: int | None
    """The entry that says that this has passed."""

    closed: int | None
    """The entry that says how it was closed."""

    person: str | None
    """Who closed it; none where the system found out by itself."""

    happened: bool | None
    """What was found: whether the effect is there, or whether it was taken back; none while it is open."""

    entry: int
    """The entry that opened it."""


def incident_id(action: str, kind: IncidentKind) -> IncidentId:
    """The id of the incident of this kind that an action may have."""
    return IncidentId(derived("inc", action, kind))


def open_(
    tx: Tx,
    *,
    action: str,
    kind: IncidentKind,
    people: Sequence[str],
    due: datetime,
    body: Mapping[str, JSON],
) -> IncidentId | None:
    """Open an incident and return its id; None when the action had one of this kind before.

    Args:
        due: real time until which somebody is to look.
        body: what else its entry says.

    Raises:
        UnknownName: there is no such action.
    """
    found = tx.row(_ACTION, id=action)
    if found is None:
        raise UnknownName(f"an incident is about an action, and there is no action {action}.")
    id, names = incident_id(action, kind), list(people)
    if tx.row(_KNOWN, id=id) is not None:
        return None
    until = micros(due)
    own = {"incident": id, "action_key": action, "kind": kind, "people": names}
    entry = tx.append(OPENED, found[1], {**body, **own, "due": instant(until).isoformat()})
    tx.execute(
        _ADD,
        key=entry,
        id=id,
        action_key=found[0],
        case_key=tx.case_key(found[1]),
        kind=kind,
        people=canonical_json(names).decode(),
        due=until,
    )
    return id


def overdue(read: Read, before: datetime) -> list[IncidentRow]:
    """Return open incidents that were due before an instant, and not marked as overdue yet, oldest first."""
    return sorted((_row(row) for row in read.rows(_LATE, before=micros(before))), key=lambda row: row.key)


def mark_overdue(tx: Tx, id: str) -> bool:
    """Say that nobody has looked in time; False when that was said, or when the incident is closed."""
    row = tx.row(_STATE, id=id)
    if row is None or row[1] != "open" or row[3] is not None:
        return False
    entry = tx.append(OVERDUE, row[2], {"incident": id})
    return tx.execute(_MARK, key=row[0], entry=entry) == 1


def close(tx: Tx, id: str, *, person: str | None, happened: bool, body: Mapping[str, JSON]) -> bool:
    """Close an open incident; False when it is not open (any more).

    Args:
        person: who found out; none where the system did.
        happened: what was found.
        body: what else its entry says.
    """
    row = tx.row(_STATE, id=id)
    if row is None or row[1] != "open":
        return False
    entry = tx.append(CLOSED, row[2], {**body, "incident": id, "person": person, "happened": happened})
    return tx.execute(_CLOSE, key=row[0], entry=entry, person=person, happened=int(happened)) == 1


def closed_after(read: Read, entry: int) -> list[tuple[str, int]]:
    """Return the keys of actions whose incidents were closed after an entry, each with that one."""
    return [(key, closed) for key, closed in read.rows(_CLOSED_AFTER, after=entry)]


def get(read: Read, id: str) -> IncidentRow | None:
    """Return one incident."""
    row = read.row(_GET, id=id)
    return None if row is None else _row(row)


def of_action(read: Read, action: str, kind: IncidentKind) -> IncidentRow | None:
    """Return the incident of this kind that an action has, or had."""
    return get(read, incident_id(action, kind))


def find(read: Read, prefix: str) -> list[IncidentRow]:
    """Return the incidents whose id begins with a prefix, at most fifty."""
    low, high = prefixed(prefix)
    return [_row(row) for row in read.rows(_FIND, low=low, high=high, limit=_FIND_LIMIT)]


def listing(read: Read, *, state: IncidentState | None = None) -> list[IncidentRow]:
    """Return incidents, of one state or of all, the oldest first."""
    statement = {None: _LIST, "open": _LIST_OPEN, "closed": _LIST_CLOSED}[state]
    return [_row(row) for row in read.rows(statement)]


def _row(row: Row) -> IncidentRow:
    key, id, action, case, kind, people, due, state, overdue, closed, person, happened = row
    return IncidentRow(
        key=key,
        id=id,
        action=action,
        case=case,
        kind=fields.word("incidents", id, "kind", kind, _KINDS),
        people=fields.names("incidents", id, "people", people),
        due=fields.moment("incidents", id, "due", due),
        state=state,
        overdue=overdue,
        closed=closed,
        person=person,
        happened=None if happened is None else bool(happened),
        entry=key,
    )
