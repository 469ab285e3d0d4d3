"""One governance document is in force, and every change of it is told."""

from __future__ import annotations

from crossloop.store import Store, policies
from crossloop.store.ledger.redaction import redact
from crossloop.store.policies import PolicyRow


def test_a_new_store_has_no_document(store: Store):
    assert store.read(policies.present) is None
    assert store.read(policies.digest) is None


def test_the_document_that_was_adopted_last_is_in_force(store: Store):
    assert store.write(lambda tx: policies.adopt(tx, digest="a", body={"company": "A"}))
    assert store.write(lambda tx: policies.adopt(tx, digest="b", body={"company": "B"}))
    assert store.read(policies.present) == PolicyRow("b", {"company": "B", "digest": "b"}, 1)
    assert store.read(policies.digest) == "b"


def test_adopting_the_document_in_force_changes_nothing(store: Store):
    assert store.write(lambda tx: policies.adopt(tx, digest="a", body={}))
    assert not store.write(lambda tx: policies.adopt(tx, digest="a", body={}))
    assert store.read(lambda read: read.head().size) == 1


def test_an_earlier_document_can_be_adopted_again(store: Store):
    for digest in ("a", "b", "a"):
        assert store.write(lambda tx, digest=digest: policies.adopt(tx, digest=digest, body={"d": digest}))
    assert store.read(policies.present) == PolicyRow("a", {"d": "a", "digest": "a"}, 2)
    kinds = store.read(lambda read: [entry.kind for entry in read.entries()])
    assert kinds == ["policy.adopted"] * 3


def test_the_history_gives_every_document_once_the_latest_first_and_none_for_a_redacted_one(store: Store):
    for digest in ("a", "b", "c", "a"):
        store.write(lambda tx, digest=digest: policies.adopt(tx, digest=digest, body={}))
    store.write(lambda tx: redact(tx, 1, "asked for"))
    found = store.read(lambda read: list(policies.history(read)))
    assert found == [{"digest": "a"}, {"digest": "c"}, None]
