"""The hash tree of RFC 6962, section 2.1, as pure functions over 32-byte hashes.

Rules:

1. The hash of a leaf is SHA-256(0x00 ‖ data), of a node SHA-256(0x01 ‖ left ‖ right). The prefixes keep
   a node from passing for a leaf.
2. A tree of n leaves splits at the largest power of two below n. It is therefore a row of perfect
   subtrees, one for each 1 bit of n, the largest first: the *frontier*.
3. The root folds the frontier from the right. The root of no leaves is SHA-256 of nothing.
4. The hash over each full run of :data:`TILE` leaves is handed out when it closes, to be stored: proofs
   and the search for a changed entry start from those hashes instead of from every leaf.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

HASH_SIZE: Final = 32
"""Bytes of one hash."""

TILE: Final = 256
"""Leaves under one stored hash; a power of two."""

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
"""Root of the tree without leaves."""

_TILE_LEVEL = TILE.bit_length() - 1
_sha256 = hashlib.sha256


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one leaf."""
    return _sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return _sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over 1, 2, 4, 8 ... leaf hashes.

    Raises:
        ValueError: their number is not a power of two.
    """
    if not hashes or len(hashes) & (len(hashes) - 1):
        raise ValueError(f"a perfect tree has a power of two of leaves, got {len(hashes)}")
    row = hashes
    while len(row) > 1:
        pairs = iter(row)
        row = [_sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return row[0]


class Frontier:
    """The right edge of a growing tree: all that is needed to append and to know the root.

    ``size`` is the number of leaves, ``nodes`` the roots of the perfect subtrees, the largest first.
    """

    __slots__ = ("nodes", "size")

    def __init__(self, size: int = 0, nodes: Sequence[bytes] = ()) -> None:
        """Take a frontier up again.

        Raises:
            ValueError: the number or the length of the nodes does not belong to a tree of this size.
        """
        if size < 0 or len(nodes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves cannot have {len(nodes)} subtrees")
        if any(len(node) != HASH_SIZE for node in nodes):
            raise ValueError(f"a subtree's hash must have {HASH_SIZE} bytes")
        self.size = size
        self.nodes = list(nodes)

    @classmethod
    def unpacked(cls, size: int, packed: bytes) -> Frontier:
        """Read what :meth:`packed` wrote. Raises ValueError when it does not fit the size."""
        return cls(size, [packed[at : at + HASH_SIZE] for at in range(0, len(packed), HASH_SIZE)])

    def packed(self) -> bytes:
        """Return the nodes as one run of bytes."""
        return b"".join(self.nodes)

    def append(self, leaf: bytes) -> bytes | None:
        """Add one leaf hash in O(log n); return the hash of the tile that it closes, if it does."""
        return self._push(leaf, 0)

    def extend(self, leaves: Iterable[bytes]) -> list[tuple[int, bytes]]:
        """Add leaf hashes one after the other; return number and hash of each tile that they close."""
        closed: list[tuple[int, bytes]] = []
        nodes, size, sha256 = self.nodes, self.size, _sha256
        for leaf in leaves:
            node, rest, level = leaf, size, 0
            while rest & 1:
                node = sha256(b"\x01" + nodes.pop() + node).digest()
                rest >>= 1
                level += 1
                if level == _TILE_LEVEL:
                    closed.append((size // TILE, node))
            nodes.append(node)
            size += 1
        self.size = size
        return closed

    def append_tile(self, tile: bytes) -> None:
        """Add a whole tile by its hash. Raises ValueError when the last tile is not full yet."""
        if self.size % TILE:
            raise ValueError(f"a tile cannot follow after {self.size} leaves")
        self._push(tile, _TILE_LEVEL)

    def _push(self, node: bytes, level: int) -> bytes | None:
        closed = None
        grown = self.size + (1 << level)
        while self.size >> level & 1:
            node = node_hash(self.nodes.pop(), node)
            level += 1
            if level == _TILE_LEVEL:
                closed = node
        self.nodes.append(node)
        self.size = grown
        return closed

    def root(self) -> bytes:
        """Return the root of the whole tree."""
        if not self.nodes:
            return EMPTY_ROOT
        root = self.nodes[-1]
        for node in reversed(self.nodes[:-1]):
            root = node_hash(node, root)
        return root

    def ranges(self) -> list[tuple[int, int, bytes]]:
        """Return each perfect subtree as (first leaf, leaf after its last, hash), in order."""
        spans: list[tuple[int, int, bytes]] = []
        start = 0
        for node in self.nodes:
            stop = start + (1 << (self.size - start).bit_length() - 1)
            spans.append((start, stop, node))
            start = stop
        return spans
