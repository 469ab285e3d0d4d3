"""Appending entries and reading them back."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from crossloop.canonical import NotCanonical, canonical_json
from crossloop.clock import ManualClock
from crossloop.errors import LedgerBroken, UnknownName
from crossloop.store import Head, Store, Tx, verify
from crossloop.store.ledger.entries import stored_leaf
from crossloop.store.ledger.merkle import EMPTY_ROOT, leaf_hash
from tests.support.stores import START, open_store


def fill(store: Store, count: int) -> None:
    def work(tx: Tx) -> None:
        for number in range(count):
            tx.append("drill", f"case_{number % 3}", {"number": number})

    store.write(work)


def test_an_empty_store_has_an_empty_ledger(store: Store):
    assert store.read(lambda read: read.head()) == Head(0, EMPTY_ROOT.hex())


def test_positions_count_from_nought_in_the_order_of_appending(store: Store):
    assert store.write(lambda tx: [tx.append("drill", None, {"n": n}) for n in range(3)]) == [0, 1, 2]
    assert store.write(lambda tx: tx.append("drill", None, {})) == 3


def test_an_entry_comes_back_as_it_was_written(store: Store, clock: ManualClock):
    clock.advance(timedelta(microseconds=1234567))
    body = {"text": "₹180 für Zürich", "number": 3, "none": None, "list": [1, {"a": True}]}
    position = store.write(lambda tx: tx.append("drill", "case_x", body))
    entry = store.read(lambda read: read.entry(position))
    assert (entry.position, entry.kind, entry.case, entry.body) == (position, "drill", "case_x", body)
    assert entry.at == START + timedelta(microseconds=1234567)
    assert entry.salt is not None
    assert entry.body_hash == hashlib.sha256(entry.salt + canonical_json(body)).digest()
    micros = 1740821400000000 + 1234567
    assert entry.leaf == stored_leaf(position, "drill", "case_x", micros, entry.body_hash)
    assert store.read(lambda read: read.body(position)) == body


def test_every_entry_of_a_transaction_carries_the_instant_of_the_transaction(
    store: Store, clock: ManualClock
):
    def work(tx: Tx) -> None:
        tx.append("drill", None, {})
        clock.advance(timedelta(seconds=5))
        tx.append("drill", None, {})
        assert tx.now == START

    store.write(work)
    assert [entry.at for entry in store.read(lambda read: list(read.entries()))] == [START, START]


def test_entries_are_listed_in_order_by_range_and_by_case(store: Store):
    fill(store, 700)
    assert store.read(lambda read: [e.position for e in read.entries()]) == list(range(700))
    assert store.read(lambda read: [e.position for e in read.entries(5, 8)]) == [5, 6, 7]
    assert store.read(lambda read: [e.position for e in read.entries(case="case_1")]) == list(
        range(1, 700, 3)
    )
    assert store.read(lambda read: [e.position for e in read.entries(4, 11, case="case_1")]) == [4, 7, 10]
    assert store.read(lambda read: list(read.entries(case="nobody"))) == []


def test_the_head_grows_inside_the_transaction_and_is_the_root_over_all_leaves(store: Store):
    def work(tx: Tx) -> Head:
        before = tx.head()
        tx.append("drill", None, {"n": 1})
        assert tx.head().size == before.size + 1
        return tx.head()

    first = store.write(work)
    assert first.root == store.read(lambda read: read.entry(0).leaf.hex())
    fill(store, 600)
    head = store.read(lambda read: read.head())
    verification = store.read(verify)
    assert verification.ok
    assert (verification.entries, verification.root) == (head.size, head.root) == (601, head.root)


def test_a_transaction_reads_what_it_has_written_itself(store: Store):
    def work(tx: Tx) -> None:
        position = tx.append("drill", "case_x", {"n": 1})
        assert tx.body(position) == {"n": 1}
        assert [entry.position for entry in tx.entries(case="case_x")] == [position]

    store.write(work)


def test_a_case_has_a_key_once_an_entry_has_named_it(store: Store):
    def work(tx: Tx) -> None:
        with pytest.raises(ValueError, match="case_x"):
            tx.case_key("case_x")
        position = tx.append("drill", "case_x", {})
        assert tx.case_key("case_x") == position
        assert tx.case_key(None) is None

    store.write(work)


def test_a_position_that_was_never_written_is_unknown(store: Store):
    with pytest.raises(UnknownName, match="no entry 0"):
        store.read(lambda read: read.entry(0))


@pytest.mark.parametrize(
    "body", [{"x": float("nan")}, {"x": "a\x00b"}, {"x": 2**60}, {"é": 1}, {"x": object()}]
)
def test_a_body_without_a_canonical_form_is_refused_and_nothing_is_appended(
    store: Store, body: dict[str, float]
):
    def work(tx: Tx) -> int:
        with pytest.raises(NotCanonical):
            tx.append("drill", "case_x", body)
        return tx.append("drill", "case_y", {})

    assert store.write(work) == 0
    assert store.read(verify).ok


def test_a_body_that_is_no_object_is_refused(store: Store):
    with pytest.raises(TypeError, match="object"):
        store.write(lambda tx: tx.append("drill", None, []))  # pyright: ignore[reportArgumentType]


def test_a_salt_of_another_length_is_refused(path: Path):
    store = Store.open(f"sqlite:///{path}", clock=ManualClock(START), salts=lambda: b"short")
    with store, pytest.raises(ValueError, match="16 bytes"):
        store.write(lambda tx: tx.append("drill", None, {}))


def test_a_transaction_that_is_over_reads_nothing_any_more(store: Store):
    fill(store, 300)
    kept = store.read(lambda read: read)
    with pytest.raises(RuntimeError, match="over"):
        kept.head()
    running = store.read(lambda read: (entries := read.entries(), next(entries))[0])
    with pytest.raises(RuntimeError, match="over"):
        list(running)


def test_a_damaged_head_is_not_appended_to(store: Store):
    fill(store, 3)
    store.write(lambda tx: tx.execute("UPDATE head SET size = 2"))
    with pytest.raises(LedgerBroken, match="digest"):
        store.write(lambda tx: tx.append("drill", None, {}))
    with pytest.raises(LedgerBroken, match="digest"):
        store.read(lambda read: read.head())


def test_a_missing_head_is_not_appended_to(store: Store):
    store.write(lambda tx: tx.execute("DELETE FROM head"))
    with pytest.raises(LedgerBroken, match="missing"):
        store.write(lambda tx: tx.append("drill", None, {}))


def test_an_entry_that_is_no_json_is_named_when_it_is_read(store: Store):
    fill(store, 2)
    store.write(lambda tx: tx.execute("UPDATE entries SET body = x'ff00' WHERE position = 1"))
    with pytest.raises(LedgerBroken, match="entry 1") as caught:
        store.read(lambda read: read.body(1))
    assert caught.value.position == 1


def test_the_same_clock_and_salts_give_the_same_ledger_byte_for_byte(tmp_path: Path):
    tables = []
    for name in ("one.db", "two.db"):
        with open_store(tmp_path / name) as store:
            fill(store, 300)
            fill(store, 5)
            tables.append(
                store.read(
                    lambda read: [
                        read.rows(f"SELECT * FROM {table}") for table in ("entries", "cases", "tiles", "head")
                    ]
                )
            )
    assert tables[0] == tables[1]


def test_the_first_leaf_of_a_known_entry_is_a_known_hash(store: Store):
    """Pins the form of entries: a change of it would orphan every ledger there is."""
    store.write(lambda tx: tx.append("drill", "case_x", {"b": 1, "a": "x"}))
    entry = store.read(lambda read: read.entry(0))
    salt = hashlib.sha256(b"salt 0").digest()[:16]
    hashed = hashlib.sha256(salt + b'{"a":"x","b":1}').digest()
    assert entry.leaf == leaf_hash(f'[0,"drill","case_x",1740821400000000,"{hashed.hex()}"]'.encode())
