"""Redaction: deleting what an entry recorded, and nothing else about it.

Rules:

1. Salt and body go together. Their hash, the leaf and every proof stay as they are.
2. A redaction is recorded by an entry of its own, in the same transaction. A body that is missing without
   such an entry was taken away, and verification says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import orjson

if TYPE_CHECKING:
    from crossloop.store.session import Read, Tx

REDACTED: Final = "ledger.redacted"
"""Kind of the entry that records a redaction; its body names the ``entry`` and the ``reason``."""

_REDACT = "UPDATE entries SET salt = NULL, body = NULL WHERE position = :position AND body IS NOT NULL"

_RECORDED = "SELECT position, body FROM entries WHERE kind = :kind"


def redact(tx: Tx, position: int, reason: str) -> bool:
    """Delete the salt and the body of one entry; return False when that was done before.

    The record of a redaction cannot itself be redacted.

    Raises:
        UnknownName: there is no such entry.
        ValueError: the entry records a redaction.
    """
    entry = tx.entry(position)
    if entry.kind == REDACTED:
        raise ValueError(f"entry {position} records a redaction and stays readable")
    if not tx.execute(_REDACT, position=position):
        return False
    tx.append(REDACTED, entry.case, {"entry": position, "reason": reason})
    return True


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
