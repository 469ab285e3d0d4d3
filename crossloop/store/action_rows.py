"""Actions as they are read. How they come about and move is said in :mod:`crossloop.store.actions`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, cast, get_args

from crossloop.store import fields
from crossloop.store.paths import prefixed
from crossloop.store.session import Read, Row

ActionState = Literal[
    "planned",
    "permitted",
    "started",
    "done",
    "failed",
    "unknown",
    "reconciled",
    "compensated",
    "dropped",
]
IN_FORCE: Final[frozenset[ActionState]] = frozenset({"done", "reconciled"})
"""States in which the effect is there and holds."""

_FIND_LIMIT = 50

_ROWS = (
    "SELECT a.id, d.id, c.id, a.system, a.operation, a.resource, a.digest, a.expires_at, a.state,"
    " a.reference, o.id, u.id, a.back_due, a.key, a.permitted, a.started, a.finished"
    " FROM actions a JOIN decisions d ON d.key = a.decision_key"
    " LEFT JOIN cases c ON c.key = a.case_key LEFT JOIN actions o ON o.key = a.undoes"
    " LEFT JOIN actions u ON u.key = a.compensated_by "
)
# The condition of the partial index is repeated for the planner.
_OPEN = "a.state IN ('permitted', 'started')"
_PERMITTED = (
    _ROWS + f"WHERE a.state = 'permitted' AND {_OPEN} AND a.permitted > :after"
    " ORDER BY a.permitted LIMIT :limit"
)
_STARTED = _ROWS + f"WHERE a.state = 'started' AND {_OPEN} ORDER BY a.permitted"
_GET = _ROWS + "WHERE a.id = :id"
_FOR_DECISION = _ROWS + "WHERE d.id = :decision_id ORDER BY a.key"
_FIND = _ROWS + "WHERE a.id >= :low AND a.id < :high ORDER BY a.id LIMIT :limit"
# Sorted by the caller: asked to sort, the planner walks the whole table in the order of keys.
_IN_FORCE = _ROWS + "WHERE a.state IN ('done', 'reconciled') "
_IN_FORCE_OF_CASE = _IN_FORCE + "AND c.id = :case_id"
_TAKING_BACK = _ROWS + (
    "WHERE o.id = :id AND a.undoes IS NOT NULL AND a.state NOT IN ('failed', 'dropped', 'compensated')"
)
_DUE_BACK = _ROWS + "WHERE a.back_due = 1 ORDER BY a.key"


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
    """Digest of the exact request that is permitted, or is to be."""

    expires_at: datetime | None
    """Real time after which the permit is worth nothing; none while there is no permit."""

    state: ActionState
    reference: str | None
    """The system's own id of the change."""

    undoes: str | None
    """Key of the action that this one takes back."""

    compensated_by: str | None
    """Key of the action that took it back; none where a person did."""

    back_due: bool
    """Whether its undertaking has to be looked at, because this one seemed to be next to be taken back."""

    entry: int
    """The entry that permits it; the one that plans it, while nothing does."""

    permitted: int | None
    """The entry whose body is the permit."""

    started: int | None
    """The entry that says it was started."""

    finished: int | None
    """The entry whose body is the receipt."""


def permitted(read: Read, limit: int, *, after: int = -1) -> list[ActionRow]:
    """Return actions that may be started, in the order in which they were permitted.

    Args:
        after: only those whose permit is a later entry. Entry order is commit order, so whoever reads on
            from the last one misses none and sees none twice.
    """
    return [_row(row) for row in read.rows(_PERMITTED, limit=limit, after=after)]


def started(read: Read) -> list[ActionRow]:
    """Return actions that were started and have no receipt, in the order in which they were permitted."""
    return [_row(row) for row in read.rows(_STARTED)]


def get(read: Read, key: str) -> ActionRow | None:
    """Return one action."""
    row = read.row(_GET, id=key)
    return None if row is None else _row(row)


def taking_back(read: Read, key: str) -> ActionRow | None:
    """Return the action that takes this one back, or has; one that came to nothing does not count."""
    row = read.row(_TAKING_BACK, id=key)
    return None if row is None else _row(row)


def due_back(read: Read) -> list[ActionRow]:
    """Return the actions whose undertaking is to be looked at (:attr:`ActionRow.back_due`)."""
    return [_row(row) for row in read.rows(_DUE_BACK)]


def for_decision(read: Read, decision_id: str) -> list[ActionRow]:
    """Return the actions that a decision led to: its own, and one that takes that back."""
    return [_row(row) for row in read.rows(_FOR_DECISION, decision_id=decision_id)]


def find(read: Read, prefix: str) -> list[ActionRow]:
    """Return the actions whose key begins with a prefix, at most fifty."""
    low, high = prefixed(prefix)
    return [_row(row) for row in read.rows(_FIND, low=low, high=high, limit=_FIND_LIMIT)]


def in_force(read: Read, *, case: str | None = None) -> list[ActionRow]:
    """Return actions whose effect is there and was not taken back, in the order they were permitted.

    Args:
        case: only those of one case.
    """
    found = read.rows(_IN_FORCE) if case is None else read.rows(_IN_FORCE_OF_CASE, case_id=case)
    return sorted(map(_row, found), key=lambda row: row.entry)


def _row(row: Row) -> ActionRow:
    *head, digest, expires_at, state, reference, undoes, by, due, planned, permitted, started, finished = row
    key, decision_id, case, system, operation, resource = cast("tuple[str, str, str, str, str, str]", head)
    return ActionRow(
        key=key,
        decision_id=decision_id,
        case=case,
        system=system,
        operation=operation,
        resource=resource,
        digest=digest,
        expires_at=None if expires_at is None else fields.moment("actions", key, "expires_at", expires_at),
        state=fields.word("actions", key, "state", state, get_args(ActionState)),
        reference=reference,
        undoes=undoes,
        compensated_by=by,
        back_due=bool(due),
        entry=planned if permitted is None else permitted,
        permitted=permitted,
        started=started,
        finished=finished,
    )
