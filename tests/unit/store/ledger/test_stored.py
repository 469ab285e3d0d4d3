"""Proofs from the rows of a store."""

from __future__ import annotations

import random

import pytest

from crossloop.errors import LedgerBroken, ProofInvalid
from crossloop.store import Read, Store, Tx
from crossloop.store.ledger.merkle import EMPTY_ROOT, Frontier
from crossloop.store.ledger.proofs import verify_consistency, verify_inclusion
from crossloop.store.ledger.stored import prove_consistency, prove_inclusion, roots

SIZES = (1, 2, 255, 256, 257, 511, 512, 769, 1300)


def grown(store: Store, size: int) -> list[bytes]:
    """Write entries until there are so many; return their leaves."""

    def work(tx: Tx) -> None:
        for number in range(tx.head().size, size):
            tx.append("drill", None, {"n": number})

    store.write(work)
    return store.read(lambda read: [one.leaf for one in read.entries()])


def root_of(leaves: list[bytes]) -> bytes:
    tree = Frontier()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


def test_the_root_over_any_number_of_first_entries_comes_from_the_stored_hashes(store: Store):
    leaves = grown(store, 1300)
    wanted = [0, *range(0, 1301, 37), 256, 512, 1280, 1300, 1300]
    found = dict(store.read(lambda read: list(roots(read, wanted))))
    assert found == {size: root_of(leaves[:size]) for size in wanted}
    assert found[0] == EMPTY_ROOT


@pytest.mark.parametrize("now", SIZES)
def test_any_entry_is_proved_in_the_ledger_of_any_size_that_has_it(store: Store, now: int):
    leaves = grown(store, now)
    chosen = random.Random(now)

    def check(read: Read) -> None:
        for size in {now, *(chosen.randint(1, now) for _ in range(8))}:
            root = root_of(leaves[:size])
            for position in {0, size - 1, *(chosen.randrange(size) for _ in range(8))}:
                path = prove_inclusion(read, position, size, leaves[position], root)
                verify_inclusion(leaves[position], position, size, path, root)

    store.read(check)


@pytest.mark.parametrize("now", SIZES)
def test_any_earlier_ledger_is_proved_to_begin_this_one(store: Store, now: int):
    leaves = grown(store, now)
    root = root_of(leaves)
    chosen = random.Random(now)

    def check(read: Read) -> None:
        for first in {1, now, *(chosen.randint(1, now) for _ in range(12))}:
            begun = root_of(leaves[:first])
            path = prove_consistency(read, first, begun, now, root)
            verify_consistency(first, begun, now, root, path)
            with pytest.raises(ProofInvalid):
                prove_consistency(read, first, bytes(32), now, root)

    store.read(check)


def test_a_proof_in_a_large_ledger_reads_one_run_of_leaves_and_else_stored_hashes(store: Store):
    leaves = grown(store, 1300)

    def check(read: Read) -> list[int]:
        counted: list[int] = []
        rows = read.rows

        def counting(sql: str, /, **values: int) -> list[tuple[object, ...]]:
            found = rows(sql, **values)
            counted.append(len(found))
            return found

        read.rows = counting  # pyright: ignore[reportAttributeAccessIssue]
        prove_inclusion(read, 300, 1300, leaves[300], root_of(leaves))
        return counted

    assert sum(store.read(check)) == 255 + 1 + 2  # its own run, the tile beside it, two above


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM tiles WHERE number = 0",
        "UPDATE tiles SET hash = zeroblob(31) WHERE number = 0",
        "DELETE FROM entries WHERE position = 301",
    ],
)
def test_what_is_missing_is_said_and_nothing_is_proved(store: Store, change: str):
    leaves = grown(store, 600)
    root = root_of(leaves)
    store.write(lambda tx: tx.execute(change))
    with pytest.raises(LedgerBroken, match="not complete"):
        store.read(lambda read: prove_inclusion(read, 300, 600, leaves[300], root))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE tiles SET hash = zeroblob(32) WHERE number = 0",
        "UPDATE entries SET leaf = zeroblob(32) WHERE position = 301",
    ],
)
def test_a_proof_that_would_not_hold_is_not_handed_out(store: Store, change: str):
    leaves = grown(store, 600)
    root = root_of(leaves)
    store.write(lambda tx: tx.execute(change))
    with pytest.raises(LedgerBroken, match="entry 300 cannot be proved"):
        store.read(lambda read: prove_inclusion(read, 300, 600, leaves[300], root))


def test_inside_a_transaction_its_own_entries_count(store: Store):
    grown(store, 5)

    def work(tx: Tx) -> None:
        tx.append("drill", None, {})
        assert tx.frontier().size == tx.head().size == 6
        assert tx.frontier().root().hex() == tx.head().root
        tx.frontier().append(bytes(32))  # a copy: the transaction goes on with its own
        assert tx.head().size == 6

    store.write(work)
    assert store.read(lambda read: read.frontier().size) == 6
