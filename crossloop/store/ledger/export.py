"""Entries as they leave the store: everything that is needed to make their leaves again, elsewhere.

Rules:

1. Body and salt are given as they were hashed: the body is the text of its canonical JSON, not a value that
   somebody would have to write again byte by byte.
2. A redacted entry has neither; its body hash, and with it its leaf, stay.
3. Hashes and salts are hexadecimal, the time is in whole microseconds since 1970 (UTC).
4. Neither an export nor a proof is made of an entry that does not hold together. Whoever wants to see what
   stands there all the same reads the :mod:`~crossloop.store.ledger.records`.
5. An export ends with the root that it names: the leaves of all entries are looked at for it, those of a part
   as well. A change outside of the part names no entry.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from crossloop.errors import UnknownName
from crossloop.store.ledger.records import Record, check, records
from crossloop.store.ledger.redaction import recorded
from crossloop.store.ledger.stored import check_leaves, prove_inclusion, roots

if TYPE_CHECKING:
    from crossloop.store.session import Read

PROOF_FORMAT: Final = "crossloop-ledger-proof/1"


def exported(read: Read, start: int, stop: int) -> Iterator[list[Record]]:
    """Yield the entries from ``start`` up to, and without, ``stop``, each checked, and the head at the end.

    Raises:
        LedgerBroken: an entry is missing, was changed or cannot be read, or the head does not fit them.
    """

    @cache
    def redacted() -> Collection[int]:
        return recorded(read)

    for chunk in records(read, start, stop):
        for one in chunk:
            check(one, redacted)
        yield chunk
    check_leaves(read)


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
    check(record, lambda: recorded(read))
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
