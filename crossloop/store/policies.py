"""Policies: the governance documents the company has adopted, the last one in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from crossloop.canonical import JSON
from crossloop.store.session import Read, Tx

ADOPTED = "policy.adopted"

_PRESENT = "SELECT key, digest FROM policies ORDER BY key DESC LIMIT 1"
_HISTORY = "SELECT max(key) FROM policies GROUP BY digest ORDER BY max(key) DESC"
_ADD = "INSERT INTO policies (key, digest) VALUES (:key, :digest)"


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One governance document."""

    digest: str
    body: Mapping[str, JSON]
    """The document as it was adopted."""

    entry: int


def adopt(tx: Tx, *, digest: str, body: Mapping[str, JSON]) -> bool:
    """Put a document in force; return False when it is the one in force already."""
    row = tx.row(_PRESENT)
    if row is not None and row[1] == digest:
        return False
    entry = tx.append(ADOPTED, None, {**body, "digest": digest})
    tx.execute(_ADD, key=entry, digest=digest)
    return True


def present(read: Read) -> PolicyRow | None:
    """Return the document in force."""
    row = read.row(_PRESENT)
    return None if row is None else PolicyRow(row[1], read.body(row[0]), row[0])


def digest(read: Read) -> str | None:
    """Return the digest of the document in force, without reading the document."""
    row = read.row(_PRESENT)
    return None if row is None else str(row[1])


def history(read: Read) -> Iterator[Mapping[str, JSON] | None]:
    """Yield every document that was ever in force, once, the latest first; None for a redacted one."""
    for (key,) in read.rows(_HISTORY):
        yield read.entry(key).body
