"""Approvals that people gave towards a quorum: each person counts once."""

from __future__ import annotations

from collections.abc import Mapping

from crossloop.canonical import JSON
from crossloop.errors import UnknownName
from crossloop.store.session import Read, Tx

VOTE = "approval.vote"

_APPROVAL = (
    "SELECT p.key, c.id FROM approvals p LEFT JOIN cases c ON c.key = p.case_key WHERE p.id = :approval_id"
)
_KNOWN = "SELECT 1 FROM approval_votes WHERE approval_key = :approval_key AND person = :person"
_ADD = "INSERT INTO approval_votes (key, approval_key, person) VALUES (:key, :approval_key, :person)"
_GIVEN = (
    "SELECT v.person, v.key FROM approval_votes v JOIN approvals p ON p.key = v.approval_key"
    " WHERE p.id = :approval_id ORDER BY v.key"
)


def give(tx: Tx, approval_id: str, *, person: str, body: Mapping[str, JSON]) -> bool:
    """Record that a person approves; False when that person did already.

    Args:
        body: what else its entry says.

    Raises:
        UnknownName: there is no such approval.
    """
    row = tx.row(_APPROVAL, approval_id=approval_id)
    if row is None:
        raise UnknownName(f"there is no approval {approval_id}.")
    if tx.row(_KNOWN, approval_key=row[0], person=person) is not None:
        return False
    key = tx.append(VOTE, row[1], {**body, "approval": approval_id, "person": person})
    tx.execute(_ADD, key=key, approval_key=row[0], person=person)
    return True


def given(read: Read, approval_id: str) -> list[tuple[str, int]]:
    """Return who has approved, with the entry that says so, in the order in which they did."""
    return [(row[0], int(row[1])) for row in read.rows(_GIVEN, approval_id=approval_id)]


def people(read: Read, approval_id: str) -> tuple[str, ...]:
    """Return who has approved, in the order in which they did."""
    return tuple(person for person, _ in given(read, approval_id))
