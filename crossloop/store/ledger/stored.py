"""The hash tree as the store keeps it: the hash over any run of entries, from as few rows as possible.

Rules:

1. Full runs of 256 entries are read as their stored hash, the rest as leaves. The subtrees of the head row
   cost nothing.
2. What is read is not believed because it stands there: :func:`prove_inclusion` and
   :func:`prove_consistency` check what they made before they hand it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crossloop.errors import LedgerBroken, ProofInvalid
from crossloop.store.ledger.merkle import HASH_SIZE, TILE, Frontier, node_hash, perfect_root
from crossloop.store.ledger.proofs import (
    consistency_path,
    inclusion_path,
    verify_consistency,
    verify_inclusion,
)

if TYPE_CHECKING:
    from crossloop.store.ledger.entries import Head
    from crossloop.store.session import Read

_COUNT = "SELECT count(*) FROM entries"
_TILES = "SELECT hash FROM tiles WHERE number >= :start AND number < :stop ORDER BY number"
_LEAVES = "SELECT leaf FROM entries WHERE position >= :start AND position < :stop ORDER BY position"

_NEXT_STEP = "Run `crossloop ledger verify`: it names what was changed."


def hash_of(read: Read, start: int, stop: int) -> bytes:
    """Return the root of a perfect subtree: a power of two of entries, from a multiple of that number on.

    Raises:
        LedgerBroken: an entry or a stored hash of them is missing or malformed.
    """
    return perfect_root(_leaves(read, start, stop) if stop - start < TILE else _tiles(read, start, stop))


def roots(read: Read, sizes: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    """Yield (size, root over so many first entries), each size once, in one walk over the stored hashes.

    Raises:
        LedgerBroken: an entry or a stored hash is missing or malformed.
    """
    tree = Frontier()
    for size in sorted(set(sizes)):
        full = size // TILE * TILE
        for tile in _tiles(read, tree.size, full):
            tree.append_tile(tile)
        part = Frontier(tree.size, tree.nodes)
        for leaf in _leaves(read, full, size):
            part.append(leaf)
        yield size, part.root()


def prove_inclusion(read: Read, position: int, size: int, leaf: bytes, root: bytes) -> list[bytes]:
    """Return the proof that an entry stands in the ledger of this size and root.

    Raises:
        ValueError: a ledger of that size does not have the entry.
        LedgerBroken: the store's hashes do not give that root.
    """
    path = inclusion_path(position, size, _Known(read))
    try:
        verify_inclusion(leaf, position, size, path, root)
    except ProofInvalid as wrong:
        message = f"entry {position} cannot be proved: {wrong.message}"
        raise LedgerBroken(message, position=None, next_step=_NEXT_STEP) from wrong
    return path


def prove_consistency(read: Read, first: int, first_root: bytes, second: int, root: bytes) -> list[bytes]:
    """Return the proof that a ledger of ``first`` entries with a known root is how this one begins.

    Raises:
        ValueError: ``first`` is none, or more than ``second``.
        ProofInvalid: it is not how this ledger begins.
        LedgerBroken: an entry or a stored hash is missing or malformed.
    """
    path = consistency_path(first, second, _Known(read))
    verify_consistency(first, first_root, second, root, path)
    return path


def check_head(read: Read) -> None:
    """Hold size and root of the head against the number of entries, the stored hashes and the last leaves.

    Raises:
        LedgerBroken: they do not fit together.
    """
    _check_count(read)
    head = read.head()
    _check_root(head, dict(roots(read, [head.size]))[head.size], "the stored hashes")


def check_leaves(read: Read) -> None:
    """Hold size and root of the head against the leaf of every entry.

    Raises:
        LedgerBroken: they do not fit together.
    """
    _check_count(read)
    tree, head = Frontier(), read.head()
    for rows in read.stream(_LEAVES, 16 * TILE, start=0, stop=head.size):
        leaves = [row[0] for row in rows]
        if any(type(one) is not bytes or len(one) != HASH_SIZE for one in leaves):
            raise LedgerBroken("an entry has no leaf.", position=None, next_step=_NEXT_STEP)
        tree.extend(leaves)
    _check_root(head, tree.root(), "the entries")


def _check_count(read: Read) -> None:
    [(count,)] = read.rows(_COUNT)
    size = read.head().size
    if count != size:
        message = f"the ledger counts {size} entries, but {count} stand there."
        raise LedgerBroken(message, position=None, next_step=_NEXT_STEP)


def _check_root(head: Head, made: bytes, of: str) -> None:
    if made.hex() != head.root:
        message = f"{of} do not give the root of the ledger: expected {head.root}, got {made.hex()}."
        raise LedgerBroken(message, position=None, next_step=_NEXT_STEP)


class _Known:
    """``hash_of`` for one state of the store, with the subtrees of its head for nothing."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._spans = {(start, stop): node for start, stop, node in read.frontier().ranges()}

    def __call__(self, start: int, stop: int) -> bytes:
        known = self._spans.get((start, stop))
        if known is not None:
            return known
        count = stop - start
        if count & (count - 1):  # the right edge: its perfect parts may be known
            split = start + (1 << count.bit_length() - 1)
            return node_hash(self(start, split), self(split, stop))
        return hash_of(self._read, start, stop)


def _leaves(read: Read, start: int, stop: int) -> list[bytes]:
    return _hashes(read, _LEAVES, start, stop, f"the entries {start} to {stop - 1}")


def _tiles(read: Read, start: int, stop: int) -> list[bytes]:
    first, after = start // TILE, stop // TILE
    return _hashes(read, _TILES, first, after, f"the stored hashes over entries {start} to {stop - 1}")


def _hashes(read: Read, statement: str, start: int, stop: int, what: str) -> list[bytes]:
    if start == stop:
        return []
    found = [row[0] for row in read.rows(statement, start=start, stop=stop)]
    if len(found) != stop - start or any(type(one) is not bytes or len(one) != HASH_SIZE for one in found):
        raise LedgerBroken(f"{what} are not complete.", position=None, next_step=_NEXT_STEP)
    return found
