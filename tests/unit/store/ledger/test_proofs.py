"""Inclusion and consistency proofs: the published ones, and every one of trees of some hundred leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.errors import ProofInvalid
from crossloop.store.ledger.merkle import Frontier, leaf_hash, node_hash
from crossloop.store.ledger.proofs import (
    consistency_path,
    inclusion_path,
    verify_consistency,
    verify_inclusion,
)

CT_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
"""The leaves of the Certificate Transparency reference tests; what follows was published with them."""

CT_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}

L1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
L4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
L6 = "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"
N23 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
N45 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
N67 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
N03 = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
N47 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"

CT_INCLUSION = [
    (0, 1, []),
    (0, 8, [L1, N23, N47]),
    (5, 8, [L4, N67, N03]),
    (2, 3, [CT_ROOTS[2]]),
    (1, 5, [CT_ROOTS[1], N23, L4]),
]

CT_CONSISTENCY = [
    (1, 1, []),
    (1, 8, [L1, N23, N47]),
    (6, 8, [N45, N67, N03]),
    (2, 5, [N23, L4]),
    (6, 7, [N45, L6, N03]),
]


def naive(leaves: list[bytes]) -> Callable[[int, int], bytes]:
    """Hash over a run of leaf hashes, by the definition in RFC 6962, section 2.1."""

    def hash_of(start: int, stop: int) -> bytes:
        if stop - start == 1:
            return leaves[start]
        split = 1
        while split * 2 < stop - start:
            split *= 2
        return node_hash(hash_of(start, start + split), hash_of(start + split, stop))

    return hash_of


def naive_inclusion(position: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if position < split:
        return [*naive_inclusion(position, leaves[:split]), root_of(leaves[split:])]
    return [*naive_inclusion(position - split, leaves[split:]), root_of(leaves[:split])]


def naive_consistency(first: int, leaves: list[bytes], known: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962, section 2.1.2, word for word."""
    if first == len(leaves):
        return [] if known else [root_of(leaves)]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if first <= split:
        return [*naive_consistency(first, leaves[:split], known), root_of(leaves[split:])]
    return [*naive_consistency(first - split, leaves[split:], False), root_of(leaves[:split])]


def root_of(leaves: list[bytes]) -> bytes:
    tree = Frontier()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


LEAVES = [hashlib.sha256(b"%d" % number).digest() for number in range(400)]


def cached(leaves: list[bytes]) -> Callable[[int, int], bytes]:
    known: dict[tuple[int, int], bytes] = {}
    slow = naive(leaves)

    def hash_of(start: int, stop: int) -> bytes:
        if (start, stop) not in known:
            known[start, stop] = slow(start, stop)
        return known[start, stop]

    return hash_of


@pytest.mark.parametrize(("position", "size", "path"), CT_INCLUSION)
def test_the_published_inclusion_proofs_are_made_and_hold(position: int, size: int, path: list[str]):
    leaves = [leaf_hash(one) for one in CT_LEAVES]
    made = inclusion_path(position, size, naive(leaves))
    assert [one.hex() for one in made] == path
    verify_inclusion(leaves[position], position, size, made, bytes.fromhex(CT_ROOTS[size]))


@pytest.mark.parametrize(("first", "second", "path"), CT_CONSISTENCY)
def test_the_published_consistency_proofs_are_made_and_hold(first: int, second: int, path: list[str]):
    leaves = [leaf_hash(one) for one in CT_LEAVES]
    made = consistency_path(first, second, naive(leaves))
    assert [one.hex() for one in made] == path
    roots = [bytes.fromhex(CT_ROOTS[size]) for size in (first, second)]
    verify_consistency(first, roots[0], second, roots[1], made)


def test_every_leaf_of_every_tree_up_to_130_has_the_proof_of_the_definition_and_it_holds():
    hash_of = cached(LEAVES)
    for size in range(1, 131):
        root = hash_of(0, size)
        for position in range(size):
            path = inclusion_path(position, size, hash_of)
            verify_inclusion(LEAVES[position], position, size, path, root)
            if size % 9 == 0:
                assert path == naive_inclusion(position, LEAVES[:size])


def test_every_pair_of_trees_up_to_130_has_the_proof_of_the_definition_and_it_holds():
    hash_of = cached(LEAVES)
    for second in range(1, 131):
        for first in range(1, second + 1):
            path = consistency_path(first, second, hash_of)
            verify_consistency(first, hash_of(0, first), second, hash_of(0, second), path)
            if second % 9 == 0:
                assert path == naive_consistency(first, LEAVES[:second])


sizes = st.integers(min_value=1, max_value=len(LEAVES))


@given(sizes, st.data())
def test_an_inclusion_proof_with_any_changed_bit_or_number_fails(size: int, data: st.DataObject):
    position = data.draw(st.integers(0, size - 1))
    hash_of = naive(LEAVES)
    root, leaf = hash_of(0, size), LEAVES[position]
    path = inclusion_path(position, size, hash_of)
    verify_inclusion(leaf, position, size, path, root)
    everything = [leaf, root, *path]
    which = data.draw(st.integers(0, len(everything) - 1))
    everything[which] = flipped(everything[which], data.draw(st.integers(0, 255)))
    with pytest.raises(ProofInvalid, match="expected root"):
        verify_inclusion(everything[0], position, size, everything[2:], everything[1])
    other = data.draw(st.integers(0, size + 1).filter(lambda one: one != position))
    with pytest.raises(ProofInvalid):
        verify_inclusion(leaf, other, size, path, root)


@given(sizes, st.data())
def test_a_consistency_proof_with_any_changed_bit_fails(second: int, data: st.DataObject):
    first = data.draw(st.integers(1, second))
    hash_of = naive(LEAVES)
    path = consistency_path(first, second, hash_of)
    everything = [hash_of(0, first), hash_of(0, second), *path]
    verify_consistency(first, everything[0], second, everything[1], path)
    which = data.draw(st.integers(0, len(everything) - 1))
    everything[which] = flipped(everything[which], data.draw(st.integers(0, 255)))
    with pytest.raises(ProofInvalid, match="expected root"):
        verify_consistency(first, everything[0], second, everything[1], everything[2:])


@given(sizes, st.data(), st.sampled_from(["before", "behind", "without the first", "without the last"]))
def test_a_proof_of_another_length_fails(size: int, data: st.DataObject, how: str):
    position = data.draw(st.integers(0, size - 1))
    first = data.draw(st.integers(1, size))
    hash_of = naive(LEAVES)
    root = hash_of(0, size)

    def changed(path: list[bytes]) -> list[bytes]:
        return {
            "before": [root, *path],
            "behind": [*path, root],
            "without the first": path[1:],
            "without the last": path[:-1],
        }[how]

    inclusion, consistency = inclusion_path(position, size, hash_of), consistency_path(first, size, hash_of)
    if changed(inclusion) != inclusion:
        with pytest.raises(ProofInvalid):
            verify_inclusion(LEAVES[position], position, size, changed(inclusion), root)
    if changed(consistency) != consistency:
        with pytest.raises(ProofInvalid):
            verify_consistency(first, hash_of(0, first), size, root, changed(consistency))


@given(sizes, sizes)
def test_another_beginning_is_never_consistent(first: int, second: int):
    first, second = sorted((first, second))
    path = consistency_path(first, second, naive(LEAVES))
    other = naive([bytes(32), *LEAVES[1:]])(0, first)
    with pytest.raises(ProofInvalid):
        verify_consistency(first, other, second, naive(LEAVES)(0, second), path)


@pytest.mark.parametrize(("position", "size"), [(0, 0), (1, 1), (8, 7), (-1, 4)])
def test_a_leaf_outside_the_tree_has_no_proof(position: int, size: int):
    with pytest.raises(ValueError, match="has no leaf"):
        inclusion_path(position, size, naive(LEAVES))
    with pytest.raises(ProofInvalid, match="expected a position below"):
        verify_inclusion(LEAVES[0], position, size, [], LEAVES[0])


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 1), (2, 1), (-1, 1)])
def test_nothing_and_a_later_tree_begin_no_tree(first: int, second: int):
    with pytest.raises(ValueError, match="cannot be proved"):
        consistency_path(first, second, naive(LEAVES))
    with pytest.raises(ProofInvalid, match="expected 0 < first <= second"):
        verify_consistency(first, LEAVES[0], second, LEAVES[0], [])


def test_hashes_of_another_length_are_refused():
    with pytest.raises(ProofInvalid, match="32 bytes, got one of 31"):
        verify_inclusion(LEAVES[0][:31], 0, 1, [], LEAVES[0])
    with pytest.raises(ProofInvalid, match="32 bytes, got one of 33"):
        verify_consistency(1, LEAVES[0], 2, LEAVES[0], [LEAVES[0] + b"x"])


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
