"""What an entry is, byte by byte. Pure functions; the tables are filled elsewhere.

Rules:

1. The body is canonical JSON. Its hash is SHA-256(salt ‖ body) with a salt of exactly 16 random bytes:
   without a fixed length a byte could wander from the salt into the body and the hash would not notice.
2. The header is the canonical JSON of ``[position, kind, case, time, body hash]``, the time in whole
   microseconds since 1970, the hash in hexadecimal.
3. The leaf is SHA-256(0x00 ‖ header). It does not contain the body: salt and body can be deleted
   (redaction) and the leaf, the root and every proof stay valid.
4. The head row carries a digest of its own fields, so that a damaged head is told apart from damaged
   entries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson

from crossloop.canonical import JSON, canonical_json
from crossloop.errors import LedgerBroken
from crossloop.store.ledger.merkle import Frontier, leaf_hash

SALT_SIZE: Final = 16
"""Bytes of an entry's salt."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the ledger."""

    position: int
    """Place in the ledger, from 0; the order of entries is the order of commits."""

    kind: str
    """What happened, for example ``signal.received``."""

    case: str | None
    """The case it belongs to, if it belongs to one."""

    at: datetime
    """Real time of the transaction that wrote it (aware, UTC, microseconds)."""

    salt: bytes | None
    """Sixteen random bytes; none once redacted."""

    body: dict[str, JSON] | None
    """What was recorded; none once redacted."""

    body_hash: bytes
    """SHA-256 over salt and body."""

    leaf: bytes
    """Hash of the entry in the tree."""


@dataclass(frozen=True, slots=True)
class Head:
    """The state of the ledger at one moment."""

    size: int
    """Number of entries."""

    root: str
    """Root of the tree over them, hexadecimal."""


@contextmanager
def understood(position: int, kind: str) -> Generator[None]:
    """Turn whatever a body causes that does not say what entries of its kind say into one error.

    Raises:
        LedgerBroken: the work inside the block did not find what it needs.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as odd:
        what = f"{odd} is missing" if isinstance(odd, KeyError) else str(odd).partition("\n")[0]
        raise LedgerBroken(
            f"entry {position}, {kind}, does not say what such an entry says: {what}.",
            position=position,
            next_step="Run `crossloop ledger verify`; restore the store from a copy.",
        ) from odd


def body_hash(salt: bytes, body: bytes) -> bytes:
    """Return the salted hash of a body's canonical bytes."""
    return hashlib.sha256(salt + body).digest()


def stored_leaf(position: int, kind: str, case: str | None, at: int, body_hash: bytes) -> bytes:
    """Return the leaf of an entry's fields as they stand in the table: the hash of its header.

    A list of integers and text needs no sorting: where kind and case have a canonical form, which whoever
    appends has looked at, the plain encoder gives it (a property test compares).
    """
    return leaf_hash(orjson.dumps((position, kind, case, at, body_hash.hex())))


def head_digest(format: int, size: int, frontier: bytes) -> bytes:
    """Return the digest by which a head row vouches for its own fields."""
    return hashlib.sha256(b"\x02" + canonical_json([format, size, frontier.hex()])).digest()


def frontier_of(format: object, size: object, packed: object, digest: object) -> Frontier:
    """Return the frontier that the fields of a head row describe.

    Raises:
        ValueError: a field has the wrong type or was changed; the message says which of the two.
    """
    if not isinstance(format, int) or not isinstance(size, int) or not isinstance(packed, bytes):
        raise ValueError("a field has the wrong type")
    if head_digest(format, size, packed) != digest:
        raise ValueError("it does not match its digest")
    return Frontier.unpacked(size, packed)
