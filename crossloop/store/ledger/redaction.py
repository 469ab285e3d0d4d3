"""Redaction: deleting what an entry recorded, and nothing else about it.

Rules:

1. Salt and body go together. Their hash, the leaf and every proof stay as they are.
2. A redaction is recorded by an entry of its own, in the same transaction. A body that is missing without
   such an entry was taken away, and verification says so.
3. What is still being worked on should not be redacted: work that lost its words comes to nothing. That is
   a signal that is not finished, a decision or a question that waits, an action that is not over, the rules
   in force. :func:`obstacle` tells; who asks for a redaction looks there first, in the same transaction.
4. What was tampered with is not washed out: an entry that does not hold together, or that lost its body
   without a record, stays as it is. Of the ledger around it the entry tells nothing: who asks for a redaction
   verifies that, in the same transaction.
5. The bytes go, too: SQLite is told to overwrite what it deletes (see ``sqlite.writer``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import orjson

from crossloop.store.ledger.records import check, records

if TYPE_CHECKING:
    from crossloop.store.session import Read, Tx

REDACTED: Final = "ledger.redacted"
"""Kind of the entry that records a redaction; its body names the ``entry`` and the ``reason``."""

_REDACT = "UPDATE entries SET salt = NULL, body = NULL WHERE position = :position AND body IS NOT NULL"

_IN_USE: Final = {
    "the signal is not finished": "SELECT 1 FROM signals WHERE key = :key AND state <> 'finished'",
    "the decision waits for an answer": (
        "SELECT 1 FROM approvals WHERE (key = :key OR decision_key = :key) AND state = 'waiting'"
    ),
    "the action is not over": (
        "SELECT 1 FROM actions WHERE (key = :key OR decision_key = :key)"
        " AND state IN ('permitted', 'started')"
    ),
    "these rules are in force": "SELECT 1 FROM (SELECT max(key) AS key FROM policies) WHERE key = :key",
}

_RECORDED = "SELECT position, body FROM entries WHERE kind = :kind"


def redact(tx: Tx, position: int, reason: str, *, identity: str | None = None) -> bool:
    """Delete the salt and the body of one entry; return False when that was done before.

    The record of a redaction cannot itself be redacted.

    Args:
        identity: who does it and how we know, for example ``asserted by OS user root``; it is recorded.

    Raises:
        UnknownName: there is no such entry.
        LedgerBroken: it was changed, or somebody took its body away.
        ValueError: the entry records a redaction.
    """
    entry = tx.entry(position)
    if entry.kind == REDACTED:
        raise ValueError(_stays(position))
    [[record]] = records(tx, position, position + 1)
    check(record, lambda: recorded(tx))
    if not tx.execute(_REDACT, position=position):
        return False
    by = {} if identity is None else {"identity": identity}
    tx.append(REDACTED, entry.case, {"entry": position, "reason": reason, **by})
    return True


def obstacle(read: Read, position: int) -> str:
    """Return why an entry should not be redacted now; nothing when it may be.

    Raises:
        UnknownName: there is no such entry.
    """
    if read.entry(position).kind == REDACTED:
        return _stays(position)
    for reason, statement in _IN_USE.items():
        if read.row(statement, key=position) is not None:
            return f"entry {position} is still in use: {reason}"
    return ""


def _stays(position: int) -> str:
    return f"entry {position} records a redaction and stays readable"


def recorded(read: Read) -> set[int]:
    """Return the positions whose redaction a later entry records; what cannot be read records nothing.

    Looks through the whole ledger: to be asked only once a body is missing.
    """
    positions: set[int] = set()
    for position, body in read.rows(_RECORDED, kind=REDACTED):
        try:
            named = cast("object", orjson.loads(body)["entry"])
        except (ValueError, TypeError, KeyError):
            continue
        if isinstance(named, int) and isinstance(position, int) and named < position:
            positions.add(named)
    return positions
