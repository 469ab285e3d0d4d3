"""Notices: who was told what. Recorded here; sending them is another matter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from crossloop.store.decisions import key_and_case
from crossloop.store.ledger.entries import Entry
from crossloop.store.session import Read, Tx

NOTICE = "notice"

_KNOWN = "SELECT 1 FROM notices WHERE id = :id"
_ADD = "INSERT INTO notices (key, id, decision_key, case_key) VALUES (:key, :id, :decision_key, :case_key)"
_ROWS = (
    "SELECT n.key, n.id, d.id FROM notices n LEFT JOIN decisions d ON d.key = n.decision_key"
    " LEFT JOIN cases c ON c.key = n.case_key "
)
_LIST = _ROWS + "ORDER BY n.key"
_LIST_CASE = _ROWS + "WHERE c.id = :case_id ORDER BY n.key"


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """One notice."""

    id: str
    case: str | None
    decision_id: str | None
    recipient: str
    """A person or a department; empty once redacted, like kind and text."""

    kind: str
    text: str
    """What was said."""

    at: datetime
    entry: int


def record(
    tx: Tx,
    *,
    id: str,
    case: str | None,
    decision_id: str | None,
    recipient: str,
    kind: str,
    text: str,
) -> bool:
    """Record a notice; return False when its id is known already.

    Raises:
        UnknownName: there is no such decision.
    """
    if tx.row(_KNOWN, id=id) is not None:
        return False
    decision_key = None if decision_id is None else key_and_case(tx, decision_id)[0]
    entry = tx.append(
        NOTICE,
        case,
        {"id": id, "decision_id": decision_id, "recipient": recipient, "kind": kind, "text": text},
    )
    tx.execute(_ADD, key=entry, id=id, decision_key=decision_key, case_key=tx.case_key(case))
    return True


def listing(read: Read, *, case: str | None = None) -> list[NoticeRow]:
    """Return notices, of one case or of all, the oldest first."""
    found = read.rows(_LIST) if case is None else read.rows(_LIST_CASE, case_id=case)
    return [_row(id, decision_id, read.entry(key)) for key, id, decision_id in found]


def _row(id: str, decision_id: str | None, entry: Entry) -> NoticeRow:
    said = entry.body or {}
    return NoticeRow(
        id=id,
        case=entry.case,
        decision_id=decision_id,
        recipient=str(said.get("recipient", "")),
        kind=str(said.get("kind", "")),
        text=str(said.get("text", "")),
        at=entry.at,
        entry=entry.position,
    )
