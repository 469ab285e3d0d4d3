"""What an entry recorded can be deleted, openly."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossloop.errors import LedgerBroken, UnknownName
from crossloop.store import Store, Tx, decisions, inbox, policies, verify
from crossloop.store.ledger.redaction import REDACTED, obstacle, redact
from tests.support.stores import admit, decide


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


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("body = CAST('{}' AS BLOB)", "do not match their hash"),
        ("salt = zeroblob(16)", "do not match their hash"),
        ("leaf = zeroblob(32)", "does not match its leaf"),
        ("kind = 'other'", "does not match its leaf"),
        ("case_key = NULL", "does not match its leaf"),
        ("salt = NULL, body = NULL", "has lost its body, and no entry records why"),
    ],
)
def test_what_was_tampered_with_is_not_washed_out(filled: Store, damage: str, says: str):
    filled.write(lambda tx: tx.execute(f"UPDATE entries SET {damage} WHERE position = 2"))
    with pytest.raises(LedgerBroken, match=f"entry 2 .*{says}"):
        filled.write(lambda tx: redact(tx, 2, "asked for"))
    assert filled.read(lambda read: read.head().size) == 4
    assert filled.read(verify).first_bad == 2


def test_who_redacted_is_recorded_where_it_is_known(filled: Store):
    filled.write(lambda tx: redact(tx, 2, "asked for", identity="asserted by OS user root"))
    record = filled.read(lambda read: read.entry(4))
    assert record.body == {"entry": 2, "reason": "asked for", "identity": "asserted by OS user root"}


@pytest.mark.parametrize("size", [20, 9000])
def test_what_was_redacted_is_in_no_byte_of_the_file(store: Store, path: Path, size: int):
    secret = "98450-12345-" + "x" * size  # the longer one fills pages of its own
    store.write(lambda tx: [tx.append("drill", None, {"phone": secret, "n": number}) for number in range(3)])
    store.write(lambda tx: [redact(tx, number, "asked for") for number in range(3)])
    store.close()
    assert b"98450-12345" not in path.read_bytes()
    assert not path.with_name(path.name + "-wal").exists()


def put(store: Store) -> None:
    """A signal with a decision, an action and a question."""
    store.write(lambda tx: admit(tx, "sig_1"))
    store.write(lambda tx: decide(tx, "dec_1", "sig_1"))


def in_the_way(store: Store, position: int) -> str:
    return store.read(lambda read: obstacle(read, position))


def position_of(store: Store, kind: str) -> int:
    return next(one.position for one in store.read(lambda read: list(read.entries())) if one.kind == kind)


def test_a_signal_may_be_redacted_once_it_is_finished(store: Store):
    put(store)
    received = position_of(store, inbox.RECEIVED)
    assert in_the_way(store, received).endswith("still in use: the signal is not finished")
    store.write(lambda tx: tx.execute("UPDATE signals SET state = 'finished'"))
    assert in_the_way(store, received) == ""


@pytest.mark.parametrize("state", ["permitted", "started"])
def test_an_action_and_its_decision_may_be_redacted_once_it_is_over(store: Store, state: str):
    put(store)
    add = (
        "INSERT INTO actions (key, id, decision_key, case_key, system, operation, resource, digest,"
        " expires_at, state, back_due) SELECT :key, 'act_1', key, case_key, 'ads', 'op', 'ads/x', 'd', 1,"
        " :state, 0 FROM decisions"
    )

    def work(tx: Tx) -> int:
        position = tx.append("permit", None, {})
        tx.execute(add, key=position, state=state)
        return position

    permit = store.write(work)
    for position in (permit, position_of(store, decisions.DECISION)):
        assert in_the_way(store, position).endswith("still in use: the action is not over")
    store.write(lambda tx: tx.execute("UPDATE actions SET state = 'failed'"))
    for position in (permit, position_of(store, decisions.DECISION)):
        assert in_the_way(store, position) == ""


def test_a_question_and_its_decision_are_redacted_once_it_is_answered(store: Store):
    put(store)
    add = (
        "INSERT INTO approvals (key, id, decision_key, case_key, digest, policy, people, quorum, due, state,"
        " thread_kept) SELECT :key, 'apr_1', key, case_key, 'd', 'p', '[]', 1, 1, 'waiting', 0 FROM decisions"
    )

    def work(tx: Tx) -> int:
        position = tx.append("approval.requested", None, {})
        tx.execute(add, key=position)
        return position

    question = store.write(work)
    for position in (question, position_of(store, decisions.DECISION)):
        assert in_the_way(store, position).endswith("still in use: the decision waits for an answer")
    store.write(lambda tx: tx.execute("UPDATE approvals SET state = 'approved'"))
    assert in_the_way(store, question) == ""


def test_the_rules_in_force_stay_and_earlier_ones_may_go(store: Store):
    store.write(lambda tx: policies.adopt(tx, digest="one", body={"text": "one"}))
    store.write(lambda tx: policies.adopt(tx, digest="two", body={"text": "two"}))
    assert in_the_way(store, 1).endswith("these rules are in force")
    assert in_the_way(store, 0) == ""
    assert store.write(lambda tx: redact(tx, 0, "asked for"))
    present = store.read(policies.present)
    assert present is not None
    assert present.digest == "two"


def test_the_record_of_a_redaction_and_an_entry_that_is_not_there_are_in_the_way(filled: Store):
    filled.write(lambda tx: redact(tx, 2, "asked for"))
    assert in_the_way(filled, 4) == "entry 4 records a redaction and stays readable"
    with pytest.raises(UnknownName, match="no entry 99"):
        in_the_way(filled, 99)
