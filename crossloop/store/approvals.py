"""Approvals: held decisions and the people who may answer them.

States: *waiting*, then *approved*, *rejected*, *expired*, *withdrawn* (what was asked about is over) or
*superseded* (other rules came into force). The first answer counts (compare-and-set); every later one is told
False. Who may answer and until when is decided above; the row keeps what that decision was made with.

While it waits it can be passed on once: other people are asked instead. What the row then says of people,
quorum and deadline is what the entry of passing on says.

The thread of the approval graph is a projection of the row: it is made while the row waits and removed once
it has ended. ``thread_kept`` says that it was not removed yet. That is no history, so no entry tells it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from crossloop.canonical import JSON, canonical_json
from crossloop.store import fields
from crossloop.store.decisions import key_and_case
from crossloop.store.instants import instant, micros
from crossloop.store.paths import prefixed
from crossloop.store.session import Read, Row, Tx

ApprovalState = Literal["waiting", "approved", "rejected", "expired", "withdrawn", "superseded"]
Answer = Literal["approved", "rejected", "expired", "withdrawn", "superseded"]

REQUESTED = "approval.requested"
PASSED_ON = "approval.passed_on"
ANSWERED = "approval.answered"

_FIND_LIMIT = 50

_KNOWN = "SELECT 1 FROM approvals WHERE id = :id"
_STATE = (
    "SELECT p.key, p.state, c.id, p.passed_on FROM approvals p LEFT JOIN cases c ON c.key = p.case_key"
    " WHERE p.id = :id"
)
_ADD = (
    "INSERT INTO approvals (key, id, decision_key, case_key, digest, policy, people, quorum, due, state,"
    " thread_kept) VALUES (:key, :id, :decision_key, :case_key, :digest, :policy, :people, :quorum, :due,"
    " 'waiting', 1)"
)
_ANSWER = (
    "UPDATE approvals SET state = :state, person = :person, reason = :reason, answered = :entry"
    " WHERE key = :key AND state = 'waiting'"
)
_ASK_OTHERS = (
    "UPDATE approvals SET people = :people, quorum = :quorum, due = :due, passed_on = :entry"
    " WHERE key = :key AND state = 'waiting' AND passed_on IS NULL"
)
_THREAD_REMOVED = (
    "UPDATE approvals SET thread_kept = 0 WHERE id = :id AND state <> 'waiting' AND thread_kept = 1"
)

_ROWS = (
    "SELECT p.key, p.id, d.id, c.id, p.digest, p.policy, p.people, p.quorum, p.due, p.state, p.person,"
    " p.reason, p.answered"
    " FROM approvals p JOIN decisions d ON d.key = p.decision_key LEFT JOIN cases c ON c.key = p.case_key "
)
_GET = _ROWS + "WHERE p.id = :id"
_FOR_DECISION = _ROWS + "WHERE d.id = :decision_id"
_FIND = _ROWS + "WHERE p.id >= :low AND p.id < :high ORDER BY p.id LIMIT :limit"
_LIST = _ROWS + "ORDER BY p.key"
_LIST_STATE = _ROWS + "WHERE p.state = :state ORDER BY p.key"
# What waits has an index of its own, and so has what still keeps a thread: little, however long the
# history is.
_LIST_WAITING = _ROWS + "WHERE p.state = 'waiting' ORDER BY p.key"
_WAITING_BY_DUE = _ROWS + "WHERE p.state = 'waiting' ORDER BY p.due, p.key LIMIT :limit"
_ENDED_BY_DUE = _ROWS + "WHERE p.state <> 'waiting' ORDER BY p.due, p.key LIMIT :limit"
_STATE_BY_DUE = _ROWS + "WHERE p.state = :state ORDER BY p.due, p.key LIMIT :limit"
_ASKED_AFTER = _ROWS + "WHERE p.state = 'waiting' AND p.key > :entry ORDER BY p.key"
_PASSED_ON_AFTER = (
    _ROWS + "WHERE p.state = 'waiting' AND p.passed_on IS NOT NULL AND p.passed_on > :entry ORDER BY p.key"
)
_OVERDUE = _ROWS + "WHERE p.state = 'waiting' AND p.due < :before ORDER BY p.key"
_CASE = "SELECT key FROM cases WHERE id = :id"
# Chosen and sorted by the caller: a case has a handful, and asked for either, the planner starts elsewhere,
# from everything that waits.
_OF_CASE = _ROWS + "WHERE d.case_key = :case_key"
_ENDED_WITH_THREAD = _ROWS + "WHERE p.thread_kept = 1 AND p.state <> 'waiting' ORDER BY p.key"


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """One approval."""

    key: int
    id: str
    decision_id: str
    case: str
    digest: str
    """Digest of the request that is to be approved: another one is not."""

    policy: str
    """Digest of the governance document that asked for it."""

    people: tuple[str, ...]
    """Who may answer."""

    quorum: int
    """How many of them have to approve."""

    due: datetime
    """Real-time deadline."""

    state: ApprovalState
    person: str | None
    """Who answered."""

    reason: str | None
    """Why, in the person's words."""

    answered: int | None
    """The entry whose body is the answer."""

    entry: int
    """The entry whose body is the request."""


def open_(
    tx: Tx,
    *,
    id: str,
    decision_id: str,
    case: str,
    digest: str,
    policy: str,
    people: Sequence[str],
    quorum: int,
    due: datetime,
    body: Mapping[str, JSON],
) -> bool:
    """Ask for an approval; return False when it was asked for before.

    Args:
        body: what else its entry says.

    Raises:
        UnknownName: there is no such decision.
    """
    if tx.row(_KNOWN, id=id) is not None:
        return False
    decision_key, _ = key_and_case(tx, decision_id)
    asked = {"digest": digest, "policy": policy, "quorum": quorum}
    until, names = micros(due), list(people)
    own = {"approval": id, "decision": decision_id, "people": names, "due": instant(until).isoformat()}
    entry = tx.append(REQUESTED, case, {**body, **asked, **own})
    tx.execute(
        _ADD,
        **asked,
        key=entry,
        id=id,
        decision_key=decision_key,
        case_key=tx.case_key(case),
        people=canonical_json(names).decode(),
        due=until,
    )
    return True


def answer(
    tx: Tx, id: str, *, state: Answer, person: str | None, reason: str | None, body: Mapping[str, JSON]
) -> bool:
    """Answer a waiting approval; return False when it does not wait (any more).

    Args:
        person: who answered; none when time did (expired) or nobody had to (withdrawn, superseded).
        body: what else its entry says.
    """
    row = tx.row(_STATE, id=id)
    if row is None or row[1] != "waiting":
        return False
    named = {name: one for name, one in (("person", person), ("reason", reason)) if one is not None}
    entry = tx.append(ANSWERED, row[2], {**body, **named, "approval": id, "state": state})
    return tx.execute(_ANSWER, key=row[0], state=state, person=person, reason=reason, entry=entry) == 1


def pass_on(tx: Tx, id: str, *, people: Sequence[str], due: datetime, body: Mapping[str, JSON]) -> bool:
    """Ask other people instead, any one of them.

    Args:
        body: what else its entry says.

    Returns:
        False when it does not wait (any more) or was passed on before.
    """
    row = tx.row(_STATE, id=id)
    if row is None or row[1] != "waiting" or row[3] is not None:
        return False
    until, names = micros(due), list(people)
    own = {"approval": id, "people": names, "quorum": 1, "due": instant(until).isoformat()}
    entry = tx.append(PASSED_ON, row[2], {**body, **own})
    asked = canonical_json(names).decode()
    return tx.execute(_ASK_OTHERS, key=row[0], people=asked, quorum=1, due=until, entry=entry) == 1


def thread_removed(tx: Tx, id: str) -> bool:
    """Note that the thread of an ended approval was removed; False when there is none to remove."""
    return tx.execute(_THREAD_REMOVED, id=id) == 1


def get(read: Read, id: str) -> ApprovalRow | None:
    """Return one approval."""
    row = read.row(_GET, id=id)
    return None if row is None else _row(row)


def for_decision(read: Read, decision_id: str) -> ApprovalRow | None:
    """Return the approval that a decision waits for, or waited for."""
    row = read.row(_FOR_DECISION, decision_id=decision_id)
    return None if row is None else _row(row)


def find(read: Read, prefix: str) -> list[ApprovalRow]:
    """Return the approvals whose id begins with a prefix, at most fifty."""
    low, high = prefixed(prefix)
    return [_row(row) for row in read.rows(_FIND, low=low, high=high, limit=_FIND_LIMIT)]


def listing(read: Read, *, state: ApprovalState | None = None) -> list[ApprovalRow]:
    """Return approvals, of one state or of all, the oldest first."""
    if state is None:
        return [_row(row) for row in read.rows(_LIST)]
    if state == "waiting":
        return [_row(row) for row in read.rows(_LIST_WAITING)]
    return [_row(row) for row in read.rows(_LIST_STATE, state=state)]


def by_due(read: Read, limit: int, *, state: ApprovalState | None = None) -> list[ApprovalRow]:
    """Return the approvals of one state, or of all, that are due first; of all, the waiting ones before."""
    if state not in (None, "waiting"):
        return [_row(row) for row in read.rows(_STATE_BY_DUE, state=state, limit=limit)]
    found = read.rows(_WAITING_BY_DUE, limit=limit)
    if state is None and len(found) < limit:
        found += read.rows(_ENDED_BY_DUE, limit=limit - len(found))
    return [_row(row) for row in found]


def waiting_after(read: Read, entry: int) -> list[ApprovalRow]:
    """Return waiting approvals that were asked for, or passed on, after an entry, the oldest first."""
    found = read.rows(_ASKED_AFTER, entry=entry) + read.rows(_PASSED_ON_AFTER, entry=entry)
    return list({row[0]: _row(row) for row in sorted(found, key=lambda row: int(row[0]))}.values())


def overdue(read: Read, before: datetime) -> list[ApprovalRow]:
    """Return waiting approvals that were due before an instant of real time, the oldest first."""
    return [_row(row) for row in read.rows(_OVERDUE, before=micros(before))]


def waiting_of_case(read: Read, case: str) -> list[ApprovalRow]:
    """Return the waiting approvals of one case, the oldest first."""
    key = read.row(_CASE, id=case)
    if key is None:
        return []
    found = [_row(row) for row in read.rows(_OF_CASE, case_key=key[0])]
    return sorted((row for row in found if row.state == "waiting"), key=lambda row: row.key)


def ended_with_thread(read: Read) -> list[ApprovalRow]:
    """Return ended approvals whose thread was not removed yet, the oldest first."""
    return [_row(row) for row in read.rows(_ENDED_WITH_THREAD)]


def _row(row: Row) -> ApprovalRow:
    key, id, decision_id, case, digest, policy, people, quorum, due, *rest = row
    names = fields.names("approvals", id, "people", people)
    until = fields.moment("approvals", id, "due", due)
    return ApprovalRow(key, id, decision_id, case, digest, policy, names, quorum, until, *rest, entry=key)
