"""Actions: the one place that knows how far the doing of something has come.

States: *permitted*, then *started*, then *done*, *failed* or *unknown*; *done* may become *undone* by
another action. Every move is a compare-and-set: whoever comes second is told False and does nothing. The
action key is the position of the answer and never its content, so permitting one key twice is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from crossloop.canonical import JSON
from crossloop.errors import UnknownName
from crossloop.store.decisions import key_and_case
from crossloop.store.instants import instant, micros
from crossloop.store.paths import below, prefixed
from crossloop.store.session import Read, Row, Tx

ActionState = Literal["permitted", "started", "done", "failed", "unknown", "undone"]
Outcome = Literal["done", "failed", "unknown"]

PERMIT = "permit"
STARTED = "action.started"
RECEIPT = "receipt"
UNDONE = "action.undone"

_FIND_LIMIT = 50

_KNOWN = "SELECT 1 FROM actions WHERE id = :id"
_STATE = "SELECT a.key, a.state, c.id FROM actions a LEFT JOIN cases c ON c.key = a.case_key WHERE a.id = :id"
_ADD = (
    "INSERT INTO actions (key, id, decision_key, case_key, system, operation, resource, digest, expires_at,"
    " state) VALUES (:key, :id, :decision_key, :case_key, :system, :operation, :resource, :digest,"
    " :expires_at, 'permitted')"
)
_START = "UPDATE actions SET state = 'started', started = :entry WHERE key = :key AND state = 'permitted'"
_FINISH = (
    "UPDATE actions SET state = :state, finished = :entry, reference = :reference"
    " WHERE key = :key AND state = 'started'"
)
_UNDO = (
    "UPDATE actions SET state = 'undone', undone = :entry, undone_by = :by"
    " WHERE key = :key AND state = 'done'"
)

_ROWS = (
    "SELECT a.id, d.id, c.id, a.system, a.operation, a.resource, a.digest, a.expires_at, a.state,"
    " a.reference, u.id, a.key, a.started, a.finished"
    " FROM actions a JOIN decisions d ON d.key = a.decision_key"
    " LEFT JOIN cases c ON c.key = a.case_key LEFT JOIN actions u ON u.key = a.undone_by "
)
# The condition of the partial index is repeated for the planner.
_OPEN = "a.state IN ('permitted', 'started')"
_PERMITTED = _ROWS + f"WHERE a.state = 'permitted' AND {_OPEN} AND a.key > :after ORDER BY a.key LIMIT :limit"
_STARTED = _ROWS + f"WHERE a.state = 'started' AND {_OPEN} ORDER BY a.key"
_GET = _ROWS + "WHERE a.id = :id"
_FOR_DECISION = _ROWS + "WHERE d.id = :decision_id"
_FIND = _ROWS + "WHERE a.id >= :low AND a.id < :high ORDER BY a.id LIMIT :limit"
# Sorted by the caller: asked to sort, the planner walks the whole table in the order of keys.
_IN_FORCE = _ROWS + "WHERE a.state = 'done' "
_IN_FORCE_OF_CASE = _IN_FORCE + "AND c.id = :case_id"
_IN_FORCE_ON = _IN_FORCE + "AND a.resource = :resource"
_IN_FORCE_BELOW = _IN_FORCE + "AND a.resource >= :low AND a.resource < :high"
# Counted this way, and not by a condition, so that the planner starts from the signal: from the index of
# open actions it would visit every one of them for every signal.
_OPEN_FOR_SIGNAL = (
    "SELECT count(CASE WHEN a.state IN ('permitted', 'started') THEN 1 END)"
    " FROM signals s JOIN decisions d ON d.signal_key = s.key JOIN actions a ON a.decision_key = d.key"
    " WHERE s.id = :signal_id"
)


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One action."""

    key: str
    """The action key, under which the system outside knows it too."""

    decision_id: str
    case: str
    system: str
    operation: str
    resource: str
    digest: str
    """Digest of the exact request that is permitted."""

    expires_at: datetime
    """Real time after which the permit is worth nothing."""

    state: ActionState
    reference: str | None
    """The system's own id of the change."""

    undone_by: str | None
    """Key of the action that took it back."""

    entry: int
    """The entry whose body is the permit."""

    started: int | None
    """The entry that says it was started."""

    finished: int | None
    """The entry whose body is the receipt."""


def permit(
    tx: Tx,
    *,
    key: str,
    decision_id: str,
    case: str,
    system: str,
    operation: str,
    resource: str,
    digest: str,
    expires_at: datetime,
    body: Mapping[str, JSON],
) -> int | None:
    """Permit an action and return the number of its entry; None when its key was permitted before.

    Args:
        body: what else its entry says.

    Raises:
        UnknownName: there is no such decision.
    """
    if tx.row(_KNOWN, id=key) is not None:
        return None
    decision_key, _ = key_and_case(tx, decision_id)
    request = {"system": system, "operation": operation, "resource": resource, "digest": digest}
    until = micros(expires_at)
    own = {**request, "action_key": key, "decision": decision_id, "expires_at": instant(until).isoformat()}
    entry = tx.append(PERMIT, case, {**body, **own})
    tx.execute(
        _ADD,
        **request,
        key=entry,
        id=key,
        decision_key=decision_key,
        case_key=tx.case_key(case),
        expires_at=until,
    )
    return entry


def start(tx: Tx, key: str) -> bool:
    """Move an action from permitted to started; False when it is not permitted (any more)."""
    row = tx.row(_STATE, id=key)
    if row is None or row[1] != "permitted":
        return False
    entry = tx.append(STARTED, row[2], {"action_key": key})
    return tx.execute(_START, key=row[0], entry=entry) == 1


def finish(tx: Tx, key: str, outcome: Outcome, *, reference: str | None, body: Mapping[str, JSON]) -> bool:
    """Move an action from started to its outcome; False when it is not started."""
    row = tx.row(_STATE, id=key)
    if row is None or row[1] != "started":
        return False
    own = {"action_key": key, "outcome": outcome, "reference": reference}
    entry = tx.append(RECEIPT, row[2], {**body, **own})
    return tx.execute(_FINISH, key=row[0], state=outcome, entry=entry, reference=reference) == 1


def undone(tx: Tx, key: str, by_key: str) -> bool:
    """Mark a done action as taken back by another one; False when it is not done.

    Raises:
        UnknownName: there is no action ``by_key``.
    """
    row = tx.row(_STATE, id=key)
    if row is None or row[1] != "done":
        return False
    by = tx.row(_STATE, id=by_key)
    if by is None:
        raise UnknownName(f"action {key} cannot have been undone by {by_key}: there is no such action.")
    entry = tx.append(UNDONE, row[2], {"action_key": key, "by": by_key})
    return tx.execute(_UNDO, key=row[0], entry=entry, by=by[0]) == 1


def permitted(read: Read, limit: int, *, after: int = -1) -> list[ActionRow]:
    """Return actions that may be started, the oldest first.

    Args:
        after: only those whose permit is a later entry. Entry order is commit order, so whoever reads on
            from the last one misses none and sees none twice.
    """
    return [_row(row) for row in read.rows(_PERMITTED, limit=limit, after=after)]


def started(read: Read) -> list[ActionRow]:
    """Return actions that were started and have no receipt, the oldest first."""
    return [_row(row) for row in read.rows(_STARTED)]


def get(read: Read, key: str) -> ActionRow | None:
    """Return one action."""
    row = read.row(_GET, id=key)
    return None if row is None else _row(row)


def for_decision(read: Read, decision_id: str) -> list[ActionRow]:
    """Return the actions that a decision led to."""
    return [_row(row) for row in read.rows(_FOR_DECISION, decision_id=decision_id)]


def find(read: Read, prefix: str) -> list[ActionRow]:
    """Return the actions whose key begins with a prefix, at most fifty."""
    low, high = prefixed(prefix)
    return [_row(row) for row in read.rows(_FIND, low=low, high=high, limit=_FIND_LIMIT)]


def in_force(read: Read, *, case: str | None = None, resource: str | None = None) -> list[ActionRow]:
    """Return actions that were done and not undone, the oldest first.

    Args:
        case: only those of one case.
        resource: only those on this path or below it.
    """
    if resource is not None:
        low, high = below(resource)
        found = read.rows(_IN_FORCE_ON, resource=resource) + read.rows(_IN_FORCE_BELOW, low=low, high=high)
    elif case is not None:
        found = read.rows(_IN_FORCE_OF_CASE, case_id=case)
    else:
        found = read.rows(_IN_FORCE)
    rows = [_row(row) for row in found]
    return sorted((row for row in rows if case in (None, row.case)), key=lambda row: row.entry)


def open_for_signal(read: Read, signal_id: str) -> int:
    """Return how many actions of a signal's decisions are permitted or started."""
    row = read.row(_OPEN_FOR_SIGNAL, signal_id=signal_id)
    return 0 if row is None else int(row[0])


def _row(row: Row) -> ActionRow:
    key, decision_id, case, system, operation, resource, digest, expires_at, *rest = row
    return ActionRow(key, decision_id, case, system, operation, resource, digest, instant(expires_at), *rest)
