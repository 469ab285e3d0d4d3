"""Entries as the table holds them, byte by byte, and whether one of them holds together.

Rules:

1. What is read is what stands there, whether or not it fits: whoever looks for changes has to see them. Only
   an entry that is missing, or of which a column is no value of its kind, cannot be read at all.
2. An entry holds together when its body and salt have its hash, and its fields have its leaf. Both may be
   missing where a later entry records the redaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from crossloop.errors import LedgerBroken
from crossloop.store.ledger.entries import SALT_SIZE, body_hash, stored_leaf

if TYPE_CHECKING:
    from crossloop.store.session import Read, Row

_CHUNK: Final = 1024

_ROWS = (
    "SELECT e.position, e.kind, c.id, e.at, e.salt, e.body, e.body_hash, e.leaf"
    " FROM entries e LEFT JOIN cases c ON c.key = e.case_key"
    " WHERE e.position >= :start AND e.position < :stop ORDER BY e.position"
)


@dataclass(frozen=True, slots=True)
class Record:
    """One entry, as the table holds it."""

    position: int
    kind: str
    case: str | None
    at: int
    """Microseconds since 1970, UTC."""

    salt: bytes | None
    body: str | None
    body_hash: bytes
    leaf: bytes

    def document(self) -> dict[str, Any]:
        """The entry as JSON values."""
        return {
            "position": self.position,
            "kind": self.kind,
            "case": self.case,
            "at": self.at,
            "body_hash": self.body_hash.hex(),
            "leaf": self.leaf.hex(),
            "salt": None if self.salt is None else self.salt.hex(),
            "body": self.body,
        }


def records(read: Read, start: int, stop: int) -> Iterator[list[Record]]:
    """Yield the entries from ``start`` up to, and without, ``stop``, in lists of a thousand or so.

    Raises:
        LedgerBroken: an entry is missing or cannot be read.
    """
    expected = start
    for rows in read.stream(_ROWS, _CHUNK, start=start, stop=stop):
        chunk = [_record(row) for row in rows]
        for one in chunk:
            if one.position != expected:
                raise _broken(expected, "is missing")
            expected += 1
        yield chunk
    if expected < stop:
        raise _broken(expected, "is missing")


def check(record: Record, redacted: Callable[[], Collection[int]]) -> None:
    """Refuse an entry that does not hold together (rule 2).

    Args:
        redacted: the positions whose redaction is recorded; asked only where a body is missing.

    Raises:
        LedgerBroken: it was changed; the entry is named.
    """
    at, salt, body = record.position, record.salt, record.body
    if stored_leaf(at, record.kind, record.case, record.at, record.body_hash) != record.leaf:
        raise _broken(at, "does not match its leaf")
    if salt is None and body is None:
        if at not in redacted():
            raise _broken(at, "has lost its body, and no entry records why")
    elif salt is None or body is None:
        raise _broken(at, "has lost its salt or its body")
    elif len(salt) != SALT_SIZE or body_hash(salt, body.encode()) != record.body_hash:
        raise _broken(at, "has a salt and a body that do not match their hash")


def _record(row: Row) -> Record:
    position, kind, case, at, salt, body, hashed, leaf = row
    whole = all(type(one) is bytes for one in (hashed, leaf)) and all(
        one is None or type(one) is bytes for one in (salt, body)
    )
    if not whole or type(kind) is not str or type(at) is not int:
        raise _broken(position, "has a column of the wrong type")
    try:
        text = None if body is None else body.decode()
    except UnicodeDecodeError as error:
        raise _broken(position, "has a body that is not UTF-8") from error
    return Record(position, kind, case, at, salt, text, hashed, leaf)


def _broken(position: int, what: str) -> LedgerBroken:
    return LedgerBroken(
        f"entry {position} {what}.", position=position, next_step="Run `crossloop ledger verify`."
    )
