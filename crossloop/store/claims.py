"""Claims: who wants to move which resource, how, and when. The table holds the active ones only.

Rules:

1. A claim is *held* (its decision waits for a person), *in_force* (its action may go ahead or is done) or
   *standing* (a plan that a department has anyway).
2. Two claims meet when their windows ``[starts, ends)`` share an instant and one resource is the other
   one, or lies below it.
3. One holder has at most one active claim on a resource in a direction. Placing it again changes nothing
   and gives the same key, so claims that have ended are to be expired first.
4. A claim that is released or has ended goes to the table of past claims: look-ups stay as quick after a
   million claims as after ten.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from crossloop.store import fields
from crossloop.store.decisions import key_and_case
from crossloop.store.instants import micros
from crossloop.store.paths import ancestors, below
from crossloop.store.session import Read, Row, Tx

ClaimState = Literal["held", "in_force", "standing"]

CLAIM = "claim"
IN_FORCE = "claim.in_force"
RELEASED = "claim.released"
EXPIRED = "claim.expired"

_SAME = "SELECT key FROM claims WHERE resource = :resource AND holder = :holder AND direction = :direction"
_ADD = (
    "INSERT INTO claims (key, holder, decision_key, case_key, resource, direction, interest, loop, starts,"
    " ends, state) VALUES (:key, :holder, :decision_key, :case_key, :resource, :direction, :interest, :loop,"
    " :starts, :ends, :state) ON CONFLICT (resource, holder, direction) DO NOTHING"
)
_ROWS = (
    "SELECT k.key, k.holder, d.id, c.id, k.resource, k.direction, k.interest, k.starts, k.ends, k.state"
    " FROM claims k LEFT JOIN decisions d ON d.key = k.decision_key"
    " LEFT JOIN cases c ON c.key = k.case_key "
)
_MEETS = "AND k.starts < :ends AND k.ends > :starts"
_DEEPEST = 8
"""Paths that one statement looks up: a resource and those that contain it. Deeper ones take another one."""

_AT = [
    _ROWS + f"WHERE k.resource IN ({', '.join(f':path{n}' for n in range(paths))}) " + _MEETS
    for paths in range(_DEEPEST + 1)
]
"""By the number of paths: one that is given none costs as much as one that is given."""
_BELOW = _ROWS + "WHERE k.resource >= :low AND k.resource < :high " + _MEETS

_HELD_OF = "SELECT key FROM claims WHERE decision_key = :decision_key AND state = 'held'"
_STANDING = _ROWS + "WHERE k.loop = :loop AND k.state = 'standing' ORDER BY k.key"
_IS_STANDING = "SELECT key FROM claims WHERE key = :key AND state = 'standing'"
_ALL_OF = "SELECT key FROM claims WHERE decision_key = :decision_key"
_ENDED = "SELECT key FROM claims WHERE ends <= :before"
_TO_FORCE = "UPDATE claims SET state = 'in_force' WHERE decision_key = :decision_key AND state = 'held'"
_TO_PAST = (
    "INSERT INTO claims_past (key, holder, decision_key, case_key, resource, direction, interest, loop,"
    " starts, ends, state, closed) SELECT key, holder, decision_key, case_key, resource, direction,"
    " interest, loop, starts, ends, :state, :closed FROM claims WHERE key = :key"
)
_REMOVE = "DELETE FROM claims WHERE key = :key"


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """One active claim."""

    key: int
    """Also the number of the entry that tells it."""

    holder: str
    """Who holds it: a decision's department, or a plan."""

    decision_id: str | None
    case: str | None
    resource: str
    direction: str
    interest: str
    """The department in whose interest the resource is moved."""

    starts: datetime
    """Business time, inclusive."""

    ends: datetime
    """Business time, exclusive."""

    state: ClaimState


def place(
    tx: Tx,
    *,
    holder: str,
    decision_id: str | None = None,
    case: str | None = None,
    resource: str,
    direction: str,
    interest: str,
    starts: datetime,
    ends: datetime,
    state: ClaimState,
    argument: str = "",
    loop: str | None = None,
) -> int:
    """Place a claim and return its key; one that the holder has already is left as it is.

    Args:
        argument: why it is made, in words; it stands in the entry.
        loop: which loop has seen the plan, where the claim is a standing one.

    Raises:
        UnknownName: there is no such decision.
        ValueError: no entry has named the case yet; nothing was written.
    """
    decision_key = None if decision_id is None else key_and_case(tx, decision_id)[0]
    what = {
        "holder": holder,
        "resource": resource,
        "direction": direction,
        "interest": interest,
        "state": state,
    }
    key = tx.next_position
    # The row first: it says whether there is anything to tell. The entry takes the position it was given.
    placed = tx.execute(
        _ADD,
        **what,
        key=key,
        loop=loop,
        decision_key=decision_key,
        case_key=tx.case_key(case),
        starts=micros(starts),
        ends=micros(ends),
    )
    if not placed:
        same = tx.row(_SAME, resource=resource, holder=holder, direction=direction)
        assert same is not None, "it stood in the way a moment ago"
        return int(same[0])
    window = {"starts": starts.isoformat(), "ends": ends.isoformat()}
    return tx.append(CLAIM, case, {**what, **window, "decision_id": decision_id, "argument": argument})


def overlapping(read: Read, resource: str, starts: datetime, ends: datetime) -> list[ClaimRow]:
    """Return the active claims that meet a window on a resource, above it or below it, the oldest first."""
    window = {"starts": micros(starts), "ends": micros(ends)}
    containing = [*ancestors(resource), resource]
    found: list[Row] = []
    for first in range(0, len(containing), _DEEPEST):
        some = containing[first : first + _DEEPEST]
        paths = {f"path{n}": path for n, path in enumerate(some)}
        found += read.rows(_AT[len(some)], **paths, **window)
    low, high = below(resource)
    found += read.rows(_BELOW, low=low, high=high, **window)
    return [_row(row) for row in sorted(found, key=lambda row: int(row[0]))] if found else []


def in_force(tx: Tx, decision_id: str) -> int:
    """Put the held claims of a decision into force; return how many there were."""
    decision_key, case = key_and_case(tx, decision_id)
    keys = _keys(tx.rows(_HELD_OF, decision_key=decision_key))
    if keys:
        tx.append(IN_FORCE, case, {"decision_id": decision_id, "claims": keys})
        tx.execute(_TO_FORCE, decision_key=decision_key)
    return len(keys)


def release(tx: Tx, decision_id: str) -> int:
    """Give back every active claim of a decision; return how many there were."""
    decision_key, case = key_and_case(tx, decision_id)
    keys = _keys(tx.rows(_ALL_OF, decision_key=decision_key))
    if keys:
        closed = tx.append(RELEASED, case, {"decision_id": decision_id, "claims": keys})
        _close(tx, keys, "released", closed)
    return len(keys)


def standing(read: Read, loop: str) -> list[ClaimRow]:
    """Return the active standing claims of the plans that a loop has seen, the oldest first."""
    return [_row(row) for row in read.rows(_STANDING, loop=loop)]


def withdraw(tx: Tx, row: ClaimRow) -> bool:
    """Give back a standing claim whose plan was withdrawn; False when there is none (any more)."""
    keys = _keys(tx.rows(_IS_STANDING, key=row.key))
    if keys:
        closed = tx.append(RELEASED, None, {"holder": row.holder, "claims": keys})
        _close(tx, keys, "released", closed)
    return bool(keys)


def expire(tx: Tx, before: datetime) -> int:
    """Move the claims that end at or before an instant of business time away; return how many."""
    keys = _keys(tx.rows(_ENDED, before=micros(before)))
    if keys:
        closed = tx.append(EXPIRED, None, {"before": before.isoformat(), "claims": keys})
        _close(tx, keys, "expired", closed)
    return len(keys)


def _close(tx: Tx, keys: list[int], state: Literal["released", "expired"], closed: int) -> None:
    for key in keys:
        tx.execute(_TO_PAST, key=key, state=state, closed=closed)
        tx.execute(_REMOVE, key=key)


def _keys(rows: list[Row]) -> list[int]:
    return sorted(int(row[0]) for row in rows)


def _row(row: Row) -> ClaimRow:
    *first, starts, ends, state = row
    since = fields.moment("claims", first[0], "starts", starts)
    until = fields.moment("claims", first[0], "ends", ends)
    return ClaimRow(*first, starts=since, ends=until, state=state)
