"""The tree is the one of RFC 6962, however it was grown."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.store.ledger.merkle import (
    EMPTY_ROOT,
    TILE,
    Frontier,
    leaf_hash,
    node_hash,
    perfect_root,
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
"""The eight leaves of the Certificate Transparency reference tests."""

CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive_root(data: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if not data:
        return hashlib.sha256(b"").digest()
    if len(data) == 1:
        return hashlib.sha256(b"\x00" + data[0]).digest()
    split = 1
    while split * 2 < len(data):
        split *= 2
    return hashlib.sha256(b"\x01" + naive_root(data[:split]) + naive_root(data[split:])).digest()


def grown(data: list[bytes]) -> Frontier:
    tree = Frontier()
    for item in data:
        tree.append(leaf_hash(item))
    return tree


def test_the_root_of_nothing_is_the_published_one():
    assert Frontier().root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert Frontier().root() == EMPTY_ROOT


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_of_the_published_leaves_are_the_published_ones(size: int):
    assert grown(CT_LEAVES[:size]).root().hex() == CT_ROOTS[size - 1]


@given(st.lists(st.binary(max_size=6), max_size=70))
def test_growing_leaf_by_leaf_gives_the_root_of_the_definition(data: list[bytes]):
    assert grown(data).root() == naive_root(data)


@pytest.mark.parametrize("size", [255, 256, 257, 511, 512, 513, 1000])
def test_a_tile_closes_with_every_256th_leaf_and_is_the_root_over_its_run(size: int):
    data = [b"%d" % number for number in range(size)]
    tree, by_tiles, tiles = Frontier(), Frontier(), []
    for item in data:
        tile = tree.append(leaf_hash(item))
        if tile is not None:
            assert tree.size % TILE == 0
            tiles.append(tile)
            by_tiles.append_tile(tile)
    assert tiles == [naive_root(data[at : at + TILE]) for at in range(0, size - TILE + 1, TILE)]
    for item in data[by_tiles.size :]:
        by_tiles.append(leaf_hash(item))
    assert by_tiles.root() == tree.root() == naive_root(data)


@given(st.lists(st.integers(min_value=0, max_value=600), max_size=6))
def test_leaves_that_are_added_together_give_what_they_give_one_by_one(sizes: list[int]):
    one_by_one, together, tiles, closed = Frontier(), Frontier(), [], []
    leaves = [leaf_hash(b"%d" % number) for number in range(sum(sizes))]
    for leaf in leaves:
        tile = one_by_one.append(leaf)
        tiles += [] if tile is None else [(one_by_one.size // TILE - 1, tile)]
    for size in sizes:
        closed += together.extend(leaves[together.size : together.size + size])
    assert (together.size, together.nodes, closed) == (one_by_one.size, one_by_one.nodes, tiles)


@given(st.integers(min_value=0, max_value=300))
def test_a_packed_frontier_is_taken_up_where_it_was_left(size: int):
    tree = grown([b"%d" % number for number in range(size)])
    again = Frontier.unpacked(size, tree.packed())
    again.append(leaf_hash(b"next"))
    tree.append(leaf_hash(b"next"))
    assert again.root() == tree.root()


@given(st.integers(min_value=1, max_value=300))
def test_the_ranges_of_a_frontier_tile_the_leaves_and_carry_their_roots(size: int):
    data = [b"%d" % number for number in range(size)]
    ranges = grown(data).ranges()
    assert [start for start, _, _ in ranges] + [size] == [0] + [stop for _, stop, _ in ranges]
    assert all(naive_root(data[start:stop]) == node for start, stop, node in ranges)


@pytest.mark.parametrize("size", [1, 2, 8, 64])
def test_a_perfect_tree_is_folded_row_by_row(size: int):
    data = [b"%d" % number for number in range(size)]
    assert perfect_root([leaf_hash(item) for item in data]) == naive_root(data)


@pytest.mark.parametrize("size", [0, 3, 6, 255])
def test_a_perfect_tree_of_another_number_of_leaves_is_refused(size: int):
    with pytest.raises(ValueError, match="power of two"):
        perfect_root([EMPTY_ROOT] * size)


@pytest.mark.parametrize(
    ("size", "packed"), [(1, b""), (0, b"x" * 32), (3, b"x" * 32), (1, b"x" * 31), (-1, b"x" * 32)]
)
def test_a_frontier_that_does_not_fit_its_size_is_refused(size: int, packed: bytes):
    with pytest.raises(ValueError, match=r"subtree"):
        Frontier.unpacked(size, packed)


def test_a_tile_is_refused_where_a_run_is_open():
    tree = grown([b"one"])
    with pytest.raises(ValueError, match="cannot follow"):
        tree.append_tile(EMPTY_ROOT)


def test_a_leaf_cannot_pass_for_a_node():
    left, right = leaf_hash(b"left"), leaf_hash(b"right")
    assert leaf_hash(left + right) != node_hash(left, right)
