"""Observations: what a loop found when it looked at the same data as of the same day.

Looking again with the same settings at the same input is recorded once. What follows from it (signals,
conditions, claims) is compared with what is there, not with what was recorded here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from crossloop.canonical import JSON
from crossloop.store import fields
from crossloop.store.session import Read, Tx

OBSERVATION = "observation"

_GET = (
    "SELECT key FROM observations WHERE loop = :loop AND as_of = :as_of"
    " AND settings_digest = :settings_digest AND input_digest = :input_digest"
)
_ADD = (
    "INSERT INTO observations (key, loop, as_of, settings_digest, input_digest)"
    " VALUES (:key, :loop, :as_of, :settings_digest, :input_digest)"
)
_LAST = "SELECT max(as_of) FROM observations WHERE loop = :loop"
_NEWEST = "SELECT max(as_of) FROM observations"


def record(
    tx: Tx, *, loop: str, as_of: date, settings_digest: str, input_digest: str, body: Mapping[str, JSON]
) -> bool:
    """Record what was found; return False when the same look was recorded before."""
    if _position(tx, loop, as_of, settings_digest, input_digest) is not None:
        return False
    entry = tx.append(OBSERVATION, None, body)
    tx.execute(
        _ADD,
        key=entry,
        loop=loop,
        as_of=as_of.isoformat(),
        settings_digest=settings_digest,
        input_digest=input_digest,
    )
    return True


def last(read: Read, loop: str) -> date | None:
    """Return the latest as-of day a loop has looked at."""
    row = read.row(_LAST, loop=loop)
    return None if row is None or row[0] is None else fields.day("observations", loop, "as_of", row[0])


def newest(read: Read) -> date | None:
    """Return the latest as-of day that any loop has looked at."""
    row = read.row(_NEWEST)
    return None if row is None or row[0] is None else fields.day("observations", "newest", "as_of", row[0])


def _position(read: Read, loop: str, as_of: date, settings_digest: str, input_digest: str) -> int | None:
    row = read.row(
        _GET,
        loop=loop,
        as_of=as_of.isoformat(),
        settings_digest=settings_digest,
        input_digest=input_digest,
    )
    return None if row is None else int(row[0])
