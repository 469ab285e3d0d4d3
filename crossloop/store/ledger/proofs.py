"""Inclusion and consistency proofs as in RFC 9162, sections 2.1.3 and 2.1.4. Pure functions.

Rules:

1. An inclusion proof is the hash of every subtree beside the way from a leaf to the root, the lowest first.
   With the leaf's own hash and its position they give the root, or the leaf does not stand there.
2. A consistency proof is the hashes from which both the earlier and the later root can be made. If both come
   out right, the earlier leaves are the first ones of the later tree, unchanged and in their order.
3. A proof of the wrong length is refused, not cut or filled: nothing in it is left unused.
4. Whoever makes a proof hands in a function that knows the hash over any run of leaves; where the hashes are
   kept is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from crossloop.errors import ProofInvalid
from crossloop.store.ledger.merkle import HASH_SIZE, node_hash

HashOf: TypeAlias = Callable[[int, int], bytes]
"""Hash of the tree over the leaves from the first number up to, and without, the second."""


def inclusion_path(position: int, size: int, hash_of: HashOf) -> list[bytes]:
    """Return the inclusion proof of a leaf in the tree over the first ``size`` leaves.

    Raises:
        ValueError: that tree does not have the leaf.
    """
    if not 0 <= position < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {position}")
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        split = start + _left(stop - start)
        if position < split:
            path.append(hash_of(split, stop))
            stop = split
        else:
            path.append(hash_of(start, split))
            start = split
    return path[::-1]


def consistency_path(first: int, second: int, hash_of: HashOf) -> list[bytes]:
    """Return the proof that the tree over ``first`` leaves is the beginning of the one over ``second``.

    Raises:
        ValueError: ``first`` is none, or more than ``second``.
    """
    if not 0 < first <= second:
        raise ValueError(f"a tree of {first} leaves cannot be proved to begin one of {second}")
    path: list[bytes] = []
    start, stop = 0, second
    while first != stop:
        split = start + _left(stop - start)
        if first <= split:
            path.append(hash_of(split, stop))
            stop = split
        else:
            path.append(hash_of(start, split))
            start = split
    if start:  # the verifier has the whole earlier root, but not this part of it
        path.append(hash_of(start, stop))
    return path[::-1]


def verify_inclusion(leaf: bytes, position: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf stands at a position of the tree with this size and root (RFC 9162, 2.1.3.2).

    Raises:
        ProofInvalid: it does not, or the proof is not one.
    """
    _check_hashes(leaf, root, *path)
    if not 0 <= position < size:
        raise ProofInvalid(f"inclusion proof: expected a position below {size}, got {position}.")
    at, last, made = position, size - 1, leaf
    for node in path:
        if last == 0:
            raise ProofInvalid(f"inclusion proof: {len(path)} hashes are too many for a tree of {size}.")
        if at & 1 or at == last:
            made = node_hash(node, made)
            at, last = _up_to_a_right_child(at, last)
        else:
            made = node_hash(made, node)
        at, last = at >> 1, last >> 1
    if last:
        raise ProofInvalid(f"inclusion proof: {len(path)} hashes are too few for a tree of {size}.")
    _same("inclusion proof", "root", root, made)


def verify_consistency(
    first: int, first_root: bytes, second: int, second_root: bytes, path: Sequence[bytes]
) -> None:
    """Check that an earlier tree is the beginning of a later one (RFC 9162, 2.1.4.2).

    Raises:
        ProofInvalid: it is not, or the proof is not one.
    """
    _check_hashes(first_root, second_root, *path)
    if not 0 < first <= second:
        raise ProofInvalid(f"consistency proof: expected 0 < first <= second, got {first} and {second}.")
    if first == second:
        if path:
            raise ProofInvalid(f"consistency proof: expected no hashes for equal sizes, got {len(path)}.")
        _same("consistency proof", "root", first_root, second_root)
        return
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    # The earlier tree being perfect, its root is itself the first hash, and the proof leaves it out.
    nodes = list(path) if first & (first - 1) else [first_root, *path]
    if not nodes:
        raise ProofInvalid(f"consistency proof: no hashes are too few from {first} to {second}.")
    early = late = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            raise ProofInvalid(f"consistency proof: {len(path)} hashes are too many, {first} to {second}.")
        if at & 1 or at == last:
            early, late = node_hash(node, early), node_hash(node, late)
            at, last = _up_to_a_right_child(at, last)
        else:
            late = node_hash(late, node)
        at, last = at >> 1, last >> 1
    if last:
        raise ProofInvalid(f"consistency proof: {len(path)} hashes are too few from {first} to {second}.")
    _same("consistency proof", f"root over {first} entries", first_root, early)
    _same("consistency proof", f"root over {second} entries", second_root, late)


def _left(count: int) -> int:
    """The largest power of two below a number of leaves: those on the left side of the split."""
    return 1 << (count - 1).bit_length() - 1


def _up_to_a_right_child(at: int, last: int) -> tuple[int, int]:
    """Climb the right edge past the levels on which the node has no sibling."""
    while at and not at & 1:
        at, last = at >> 1, last >> 1
    return at, last


def _check_hashes(*hashes: bytes) -> None:
    for one in hashes:
        if len(one) != HASH_SIZE:
            raise ProofInvalid(f"proof: expected hashes of {HASH_SIZE} bytes, got one of {len(one)}.")


def _same(what: str, which: str, expected: bytes, got: bytes) -> None:
    if expected != got:
        raise ProofInvalid(f"{what}: expected {which} {expected.hex()}, got {got.hex()}.")
