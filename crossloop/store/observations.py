"""Observations: what a loop found when it looked at the same data as of the same day.

Looking again with the same settings at the same input gives what was found the first time; nothing is
recorded twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from crossloop.canonical import JSON
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
_LATEST = "SELECT max(key) FROM observations WHERE loop = :loop"


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
    return None if row is None or row[0] is None else date.fromisoformat(row[0])


def latest(read: Read, loop: str) -> dict[str, JSON] | None:
    """Return what was recorded last of a loop; None before the first time, or where it was redacted."""
    row = read.row(_LATEST, loop=loop)
    return None if row is None or row[0] is None else read.entry(row[0]).body


def get(
    read: Read, loop: str, as_of: date, settings_digest: str, input_digest: str
) -> dict[str, JSON] | None:
    """Return what was found, if that look was recorded."""
    position = _position(read, loop, as_of, settings_digest, input_digest)
    return None if position is None else read.body(position)


def _position(read: Read, loop: str, as_of: date, settings_digest: str, input_digest: str) -> int | None:
    row = read.row(
        _GET,
        loop=loop,
        as_of=as_of.isoformat(),
        settings_digest=settings_digest,
        input_digest=input_digest,
    )
    return None if row is None else int(row[0])
