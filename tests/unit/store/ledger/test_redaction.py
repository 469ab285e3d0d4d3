"""What an entry recorded can be deleted, openly."""

from __future__ import annotations

import pytest

from crossloop.errors import UnknownName
from crossloop.store import Store, Tx, verify
from crossloop.store.ledger.redaction import REDACTED, redact


@pytest.fixture
def filled(store: Store) -> Store:
    def work(tx: Tx) -> None:
        for number in range(4):
            tx.append("drill", "case_x", {"phone": f"98{number}"})

    store.write(work)
    return store


def test_a_redacted_entry_keeps_its_place_and_its_leaf_and_loses_its_body(filled: Store):
    before = filled.read(lambda read: read.entry(2))
    assert filled.write(lambda tx: redact(tx, 2, "asked for by the customer"))
    after = filled.read(lambda read: read.entry(2))
    assert (after.body, after.salt) == (None, None)
    assert (after.leaf, after.body_hash) == (before.leaf, before.body_hash)
    with pytest.raises(UnknownName, match="redacted"):
        filled.read(lambda read: read.body(2))


def test_a_recorded_redaction_verifies(filled: Store):
    filled.write(lambda tx: redact(tx, 2, "asked for by the customer"))
    assert filled.read(verify).ok
    record = filled.read(lambda read: read.entry(4))
    assert record.case == "case_x"
    assert record.body == {"entry": 2, "reason": "asked for by the customer"}


def test_a_body_that_was_taken_away_without_a_record_is_found(filled: Store):
    filled.write(lambda tx: redact(tx, 2, "asked for"))
    filled.write(lambda tx: tx.execute("UPDATE entries SET salt = NULL, body = NULL WHERE position = 1"))
    found = filled.read(verify)
    assert (found.ok, found.first_bad) == (False, 1)
    assert "no entry records why" in found.problem


def test_the_record_of_a_redaction_that_was_damaged_records_nothing(filled: Store):
    filled.write(lambda tx: redact(tx, 2, "asked for"))
    filled.write(lambda tx: tx.execute("UPDATE entries SET body = x'00' WHERE position = 4"))
    assert filled.read(verify).first_bad == 2


@pytest.mark.parametrize("named", [6, 5, 4, "2", None])
def test_a_record_of_something_else_than_an_earlier_entry_records_nothing(
    filled: Store, named: int | str | None
):
    filled.write(lambda tx: tx.append(REDACTED, None, {"entry": named}))
    filled.write(lambda tx: [tx.append("drill", None, {}) for _ in range(2)])
    take = "UPDATE entries SET salt = NULL, body = NULL WHERE position IN (2, 5)"
    filled.write(lambda tx: tx.execute(take))
    assert filled.read(verify).first_bad == 2


def test_redacting_twice_changes_nothing(filled: Store):
    assert filled.write(lambda tx: redact(tx, 2, "asked for"))
    assert not filled.write(lambda tx: redact(tx, 2, "asked for"))
    assert filled.read(lambda read: read.head().size) == 5


def test_the_record_of_a_redaction_cannot_be_redacted(filled: Store):
    filled.write(lambda tx: redact(tx, 2, "asked for"))
    with pytest.raises(ValueError, match="stays readable"):
        filled.write(lambda tx: redact(tx, 4, "to hide it"))


def test_an_entry_that_does_not_exist_cannot_be_redacted(filled: Store):
    with pytest.raises(UnknownName, match="no entry 99"):
        filled.write(lambda tx: redact(tx, 99, "asked for"))
