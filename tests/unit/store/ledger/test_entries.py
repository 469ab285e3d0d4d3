"""The bytes of an entry."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.canonical import canonical_json
from crossloop.store.ledger.entries import body_hash, frontier_of, head_digest, stored_leaf
from crossloop.store.ledger.merkle import Frontier, leaf_hash

written = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00"))
numbers = st.integers(min_value=0, max_value=2**53 - 1)


def test_a_leaf_is_the_hash_of_the_list_of_the_fields():
    hashed = body_hash(b"s" * 16, b"{}")
    assert hashed == hashlib.sha256(b"s" * 16 + b"{}").digest()
    header = f'[7,"decision","case_x",1740821400000000,"{hashed.hex()}"]'
    assert stored_leaf(7, "decision", "case_x", 1740821400000000, hashed) == leaf_hash(header.encode())


def test_an_entry_without_a_case_has_null_in_its_header():
    header = f'[0,"policy.adopted",null,1,"{(b"h" * 32).hex()}"]'
    assert stored_leaf(0, "policy.adopted", None, 1, b"h" * 32) == leaf_hash(header.encode())


@given(numbers, written, st.none() | written, numbers, st.binary(min_size=32, max_size=32))
def test_a_leaf_is_the_hash_of_the_canonical_header(
    position: int, kind: str, case: str | None, at: int, hashed: bytes
):
    assert stored_leaf(position, kind, case, at, hashed) == leaf_hash(
        canonical_json([position, kind, case, at, hashed.hex()])
    )


def test_a_head_vouches_for_its_own_fields():
    tree = Frontier()
    tree.append(leaf_hash(b"one"))
    digest = head_digest(1, 1, tree.packed())
    assert frontier_of(1, 1, tree.packed(), digest).root() == tree.root()


@pytest.mark.parametrize(
    "fields",
    [
        (2, 1, b"n" * 32, None),
        (1, 2, b"n" * 32, None),
        (1, 1, b"m" * 32, None),
        (1, 2**60, b"n" * 32, None),
        (1, None, b"n" * 32, None),
        (1, 1, "n" * 32, None),
        (1, 1, b"n" * 32, b"another"),
        (1, 3, b"n" * 32, head_digest(1, 3, b"n" * 32)),
    ],
)
def test_a_head_with_a_changed_field_is_refused(fields: tuple[object, object, object, object]):
    format, size, packed, digest = fields
    with pytest.raises(ValueError, match=r"digest|wrong type|not below|subtrees"):
        frontier_of(format, size, packed, digest or head_digest(1, 1, b"n" * 32))
