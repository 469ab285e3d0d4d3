"""Verifying a ledger that nobody touched; the drills on touched ones are in the integration tests."""

from __future__ import annotations

import pytest

from crossloop.store import Store, Tx, verify
from crossloop.store.ledger.merkle import EMPTY_ROOT


def fill(store: Store, count: int) -> None:
    def work(tx: Tx) -> None:
        for number in range(count):
            tx.append("drill", None if number % 4 == 0 else f"case_{number % 7}", {"number": number})

    store.write(work)


def test_an_empty_ledger_verifies(store: Store):
    found = store.read(verify)
    assert (found.ok, found.entries, found.root) == (True, 0, EMPTY_ROOT.hex())
    assert (found.first_bad, found.problem) == (None, "")


@pytest.mark.parametrize("count", [1, 255, 256, 257, 512, 700])
def test_a_ledger_of_any_length_verifies_to_the_root_of_its_head(store: Store, count: int):
    fill(store, count)
    found = store.read(verify)
    head = store.read(lambda read: read.head())
    assert found.ok
    assert found.problem == ""
    assert (found.entries, found.root) == (count, head.root)


def test_progress_is_told_every_few_thousand_entries_and_at_the_end(store: Store):
    fill(store, 5000)
    told: list[tuple[int, int]] = []
    store.read(lambda read: verify(read, progress=lambda done, total: told.append((done, total))))
    assert told == [(4096, 5000), (5000, 5000)]


def test_the_root_is_given_as_far_as_the_entries_are_good(store: Store):
    fill(store, 300)
    root = store.read(lambda read: read.head().root)
    fill(store, 50)
    store.write(lambda tx: tx.execute("UPDATE entries SET at = at + 1 WHERE position = 300"))
    found = store.read(verify)
    assert (found.ok, found.entries, found.root, found.first_bad) == (False, 300, root, 300)
