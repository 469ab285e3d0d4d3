"""Entries as they leave the store: everything that is needed to make their leaves again, elsewhere.

Rules:

1. Body and salt are given as they were hashed: the body is the text of its canonical JSON, not a value that
   somebody would have to write again byte by byte.
2. A redacted entry has neither; its body hash, and with it its leaf, stay.
3. Hashes and salts are hexadecimal, the time is in whole microseconds since 1970 (UTC).
4. An export is what stands there, so that whoever checks it finds what was changed. A proof vouches for an
   entry: it is refused where salt and body do not have their hash, or are missing and no entry says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from crossloop.errors import LedgerBroken, UnknownName
from crossloop.store.ledger.entries import body_hash, stored_leaf
from crossloop.store.ledger.redaction import recorded
from crossloop.store.ledger.stored import prove_inclusion, roots

if TYPE_CHECKING:
    from crossloop.store.session import Read, Row

PROOF_FORMAT: Final = "crossloop-ledger-proof/1"

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


def inclusion_proof(read: Read, position: int, size: int | None = None) -> dict[str, Any]:
    """Return the document that proves an entry to somebody who has size and root, and nothing else.

    Args:
        size: prove it in the ledger of so many entries; the present one without it.

    Raises:
        UnknownName: there is no such entry, or the ledger of that size does not have it.
        LedgerBroken: the entry or the hashes around it do not fit together.
    """
    head = read.head()
    size = head.size if size is None else size
    if not 0 <= position < size <= head.size:
        raise UnknownName(
            f"a ledger of {min(size, head.size)} entries has no entry {position}; they count from 0.",
            next_step="See: crossloop ledger tail",
        )
    [[record]] = records(read, position, position + 1)
    if stored_leaf(position, record.kind, record.case, record.at, record.body_hash) != record.leaf:
        raise _broken(position, "does not match its leaf")
    _check_body(read, record)
    root = bytes.fromhex(head.root) if size == head.size else dict(roots(read, [size]))[size]
    path = prove_inclusion(read, position, size, record.leaf, root)
    return {
        "format": PROOF_FORMAT,
        "entry": record.document(),
        "size": size,
        "root": root.hex(),
        "path": [one.hex() for one in path],
        "checkpoint": None,
    }


def _check_body(read: Read, record: Record) -> None:
    """Refuse an entry that does not say what its leaf stands for (rule 4)."""
    if record.salt is None and record.body is None:
        if record.position not in recorded(read):
            raise _broken(record.position, "has lost its body, and no entry records why")
    elif record.salt is None or record.body is None:
        raise _broken(record.position, "has lost its salt or its body")
    elif body_hash(record.salt, record.body.encode()) != record.body_hash:
        raise _broken(record.position, "has a salt and a body that do not match their hash")


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
