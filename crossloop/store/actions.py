"""Actions: the one place that knows how far the doing of something has come.

Rules, which :data:`MOVES` holds as data:

1. *Planned*: somebody has to agree first, or it is not its turn yet. *Permitted*: it may be performed. An
   action begins as one or the other.
2. What was planned is *permitted* once, or *dropped*: rejected, expired, withdrawn, superseded, or part of
   an undertaking that came to nothing.
3. What was permitted is *started*, and what was started is *done*, *failed* (it did not happen) or *unknown*.
   What is not going to be started ends as it is: *failed*, or *unknown* where its row is not to be believed.
4. What is unknown is looked into: *reconciled* when the effect is there, *failed* when it is not. Nothing
   else ends a doubt; it is never started again.
5. What is *done* or *reconciled* is in force until it is *compensated*: another action, or a person, has
   taken it back.
6. *Failed*, *dropped* and *compensated* are ends.
7. An action takes another one back once: what it takes back is in this store and in force, takes nothing
   back itself, and no other action that has not come to nothing takes it back. This is looked at when it is
   planned, permitted and started; the unique index ``actions_taking_back`` holds it.

Every move is a compare-and-set through :func:`_move`: whoever comes second, or asks for a move that is not
in the table, is told so and changes nothing. The action key is the position of the answer and never its
content, so permitting one key twice is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar, Final, Literal

from crossloop.canonical import JSON
from crossloop.errors import CrossloopError, UnknownName
from crossloop.store.action_rows import (
    IN_FORCE,
    ActionRow,
    ActionState,
    due_back,
    find,
    for_decision,
    get,
    in_force,
    permitted,
    started,
    taking_back,
)
from crossloop.store.decisions import key_and_case
from crossloop.store.instants import instant, micros
from crossloop.store.session import Read, Row, Tx, Value

__all__ = [
    "COMPENSATED",
    "DROPPED",
    "IN_FORCE",
    "MOVES",
    "PERMIT",
    "PLANNED",
    "RECEIPT",
    "RECONCILED",
    "STARTED",
    "ActionRow",
    "ActionState",
    "Finding",
    "Forgone",
    "NewAction",
    "NotToUndo",
    "Outcome",
    "compensate",
    "drop",
    "due_back",
    "find",
    "finish",
    "for_decision",
    "forgo",
    "get",
    "in_force",
    "not_to_undo",
    "permit",
    "permitted",
    "plan",
    "reconcile",
    "set_back_due",
    "start",
    "started",
    "taking_back",
]  # fmt: skip

Outcome = Literal["done", "failed", "unknown"]
Forgone = Literal["failed", "unknown"]
Finding = Literal["reconciled", "failed"]

MOVES: Final[Mapping[ActionState, frozenset[ActionState]]] = MappingProxyType(
    {
        "planned": frozenset({"permitted", "dropped"}),
        "permitted": frozenset({"started", "failed", "unknown"}),
        "started": frozenset({"done", "failed", "unknown"}),
        "unknown": frozenset({"reconciled", "failed"}),
        "done": frozenset({"compensated"}),
        "reconciled": frozenset({"compensated"}),
        "failed": frozenset[ActionState](),
        "dropped": frozenset[ActionState](),
        "compensated": frozenset[ActionState](),
    }
)
"""From each state, the states that may follow. A new action is *planned* or *permitted*."""

PLANNED = "action.planned"
PERMIT = "permit"
STARTED = "action.started"
RECEIPT = "receipt"
RECONCILED = "action.reconciled"
COMPENSATED = "action.compensated"
DROPPED = "action.dropped"

_STATE = (
    "SELECT a.key, a.state, c.id, a.undoes FROM actions a LEFT JOIN cases c ON c.key = a.case_key"
    " WHERE a.id = :id"
)
_KEY = "SELECT key FROM actions WHERE id = :id"
_KNOWN = "SELECT a.key, o.id FROM actions a LEFT JOIN actions o ON o.key = a.undoes WHERE a.id = :id"
_ID = "SELECT id FROM actions WHERE key = :key"
_ADD = (
    "INSERT INTO actions (key, id, decision_key, case_key, system, operation, resource, digest, undoes,"
    " planned, permitted, expires_at, state, back_due) VALUES (:key, :id, :decision_key, :case_key, :system,"
    " :operation, :resource, :digest, :undoes_key, :planned, :permitted, :expires_at, :state, 0)"
)
_SET_DUE_BACK = "UPDATE actions SET back_due = :due WHERE id = :id"
_MOVE = "UPDATE actions SET state = :state, {} WHERE key = :key AND state = :before"
_PERMIT = _MOVE.format("permitted = :entry, expires_at = :expires_at")
_START = _MOVE.format("started = :entry")
_FINISH = _MOVE.format("finished = :entry, reference = :reference")
_RECONCILE = _MOVE.format("reconciled = :entry, reference = :reference")
_COMPENSATE = _MOVE.format("compensated = :entry, compensated_by = :by")
_DROP = _MOVE.format("dropped = :entry")


class NotToUndo(CrossloopError):
    """What an action would take back is not to be taken back by it."""

    code: ClassVar[str] = "action.not_to_undo"


@dataclass(frozen=True, slots=True)
class NewAction:
    """What is planned or permitted, and under which key."""

    key: str
    decision_id: str
    case: str
    system: str
    operation: str
    resource: str
    digest: str
    """Digest of the exact request."""

    undoes: str | None = None
    """Key of the action that this one takes back."""


def plan(tx: Tx, action: NewAction, *, body: Mapping[str, JSON]) -> int | None:
    """Plan an action that nothing permits yet; return its entry, or None when its key is known already.

    Args:
        body: what else its entry says.

    Raises:
        NotToUndo: what it takes back is not to be taken back by it (rule 7).
        UnknownName: there is no such decision.
    """
    if tx.row(_KEY, id=action.key) is not None:
        return None
    _require_undoable(tx, action.key, action.undoes)
    return _begin(tx, action, "planned", PLANNED, body)


def permit(tx: Tx, action: NewAction, *, expires_at: datetime, body: Mapping[str, JSON]) -> int | None:
    """Permit an action, a new one or one that was planned; return its entry.

    Args:
        body: what else its entry says.

    Returns:
        None when its key was permitted or dropped before.

    Raises:
        NotToUndo: what it takes back is not to be taken back by it (rule 7).
        UnknownName: there is no such decision.
    """
    _require_undoable(tx, action.key, action.undoes)
    until = micros(expires_at)
    own = {**body, "expires_at": instant(until).isoformat()}
    known = tx.row(_KNOWN, id=action.key)
    if known is None:
        return _begin(tx, action, "permitted", PERMIT, own, expires_at=until)
    told = {**own, **_told(action, known[1])}
    return _move(tx, action.key, "planned", "permitted", PERMIT, _PERMIT, told, expires_at=until)


def start(tx: Tx, key: str) -> bool:
    """Move an action from permitted to started; False when it is not permitted (any more).

    Raises:
        NotToUndo: what it takes back is not to be taken back by it any more (rule 7).
    """
    row = tx.row(_STATE, id=key)
    if row is not None and row[3] is not None:
        undone = tx.row(_ID, key=row[3])
        _require_undoable(tx, key, None if undone is None else undone[0])
    own = {"action_key": key}
    return _moved(tx, row, key, "permitted", "started", STARTED, _START, own) is not None


def finish(tx: Tx, key: str, outcome: Outcome, *, reference: str | None, body: Mapping[str, JSON]) -> bool:
    """Move an action from started to its outcome; False when it is not started."""
    own = {**body, "action_key": key, "outcome": outcome, "reference": reference}
    return _move(tx, key, "started", outcome, RECEIPT, _FINISH, own, reference=reference) is not None


def forgo(tx: Tx, key: str, outcome: Forgone, *, body: Mapping[str, JSON]) -> bool:
    """End an action that was permitted and is not going to be started; False when it is not permitted.

    Args:
        outcome: *unknown* where nobody can tell whether it was started before.
        body: why.
    """
    own = {**body, "action_key": key, "outcome": outcome, "reference": None}
    return _move(tx, key, "permitted", outcome, RECEIPT, _FINISH, own, reference=None) is not None


def reconcile(tx: Tx, key: str, state: Finding, *, reference: str | None, body: Mapping[str, JSON]) -> bool:
    """Move an action from unknown to what was found out about it; False when it is not unknown.

    Args:
        reference: the system's own id of the change, where there is one.
        body: who found out, and how.
    """
    own = {**body, "action_key": key, "state": state, "reference": reference}
    return _move(tx, key, "unknown", state, RECONCILED, _RECONCILE, own, reference=reference) is not None


def compensate(tx: Tx, key: str, by_key: str | None, *, body: Mapping[str, JSON] | None = None) -> bool:
    """Mark an action that is in force as taken back; False when it is not in force.

    Args:
        by_key: the action that took it back; none where a person did.
        body: what else its entry says.

    Raises:
        UnknownName: there is no action ``by_key``.
    """
    row = tx.row(_STATE, id=key)
    if row is None or row[1] not in IN_FORCE:
        return False
    by = None if by_key is None else tx.row(_KEY, id=by_key)
    if by_key is not None and by is None:
        raise UnknownName(f"action {key} cannot have been taken back by {by_key}: there is no such action.")
    own = {**(body or {}), "action_key": key, "by": by_key}
    number = None if by is None else by[0]
    return _move(tx, key, row[1], "compensated", COMPENSATED, _COMPENSATE, own, by=number) is not None


def drop(tx: Tx, key: str, because: str) -> bool:
    """End an action that was planned and is not going to be permitted; False when it is not planned."""
    own = {"action_key": key, "because": because}
    return _move(tx, key, "planned", "dropped", DROPPED, _DROP, own) is not None


def _move(
    tx: Tx,
    key: str,
    before: ActionState,
    state: ActionState,
    kind: str,
    statement: str,
    body: Mapping[str, JSON],
    **filled: Value,
) -> int | None:
    """Move an action and return the entry that says so; None when it is not where the move begins."""
    return _moved(tx, tx.row(_STATE, id=key), key, before, state, kind, statement, body, **filled)


def _moved(
    tx: Tx,
    row: Row | None,
    key: str,
    before: ActionState,
    state: ActionState,
    kind: str,
    statement: str,
    body: Mapping[str, JSON],
    **filled: Value,
) -> int | None:
    if row is None or row[1] != before or state not in MOVES[before]:
        return None
    entry = tx.append(kind, row[2], body)
    moved = tx.execute(statement, key=row[0], before=before, state=state, entry=entry, **filled)
    assert moved == 1, f"{key} was {before} when this transaction began"
    return entry


def _told(action: NewAction, undoes: str | None) -> dict[str, JSON]:
    """What the entries that plan and permit an action say of it."""
    return {
        "action_key": action.key,
        "decision": action.decision_id,
        "system": action.system,
        "operation": action.operation,
        "resource": action.resource,
        "digest": action.digest,
        "undoes": undoes,
    }


def _begin(
    tx: Tx,
    action: NewAction,
    state: Literal["planned", "permitted"],
    kind: str,
    body: Mapping[str, JSON],
    *,
    expires_at: int | None = None,
) -> int:
    decision_key, _ = key_and_case(tx, action.decision_id)
    undone = None if action.undoes is None else tx.row(_KEY, id=action.undoes)
    undoes = None if undone is None else action.undoes
    entry = tx.append(kind, action.case, {**body, **_told(action, undoes)})
    tx.execute(
        _ADD,
        key=entry,
        id=action.key,
        decision_key=decision_key,
        case_key=tx.case_key(action.case),
        system=action.system,
        operation=action.operation,
        resource=action.resource,
        digest=action.digest,
        undoes_key=None if undone is None else undone[0],
        planned=entry if state == "planned" else None,
        permitted=entry if state == "permitted" else None,
        expires_at=expires_at,
        state=state,
    )
    return entry


def not_to_undo(read: Read, key: str, undoes: str | None) -> str:
    """Return why an action cannot take another one back (rule 7); empty where it can, or takes none back.

    Args:
        key: the action that is to take back.
        undoes: the action to be taken back.
    """
    if undoes is None:
        return ""
    row = get(read, undoes)
    if row is None:
        return f"there is no such action in this store: {undoes}."
    if row.state not in IN_FORCE:
        return f"{row.key} is not in force: it is {row.state}."
    if row.undoes is not None:
        return f"{row.key} took {row.undoes} back itself: propose the change anew instead."
    other = taking_back(read, row.key)
    return "" if other is None or other.key == key else f"{row.key} is taken back by {other.key} already."


def _require_undoable(tx: Tx, key: str, undoes: str | None) -> None:
    because = not_to_undo(tx, key, undoes)
    if because:
        raise NotToUndo(because)


def set_back_due(tx: Tx, key: str, due: bool) -> None:
    """Note whether an action seems to be next to be taken back. No history, so no entry tells it."""
    tx.execute(_SET_DUE_BACK, id=key, due=int(due))
