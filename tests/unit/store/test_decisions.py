"""A decision is recorded once."""

from __future__ import annotations

import pytest

from crossloop.errors import UnknownName
from crossloop.store import Store, Tx, actions, approvals, decisions
from crossloop.store.actions import NewAction
from crossloop.store.decisions import DecisionRow, Left
from tests.support.stores import START, admit, decide, plan


@pytest.fixture
def store(store: Store) -> Store:
    store.write(lambda tx: [admit(tx, id, case="case_x") for id in ("sig_a", "sig_b")])
    return store


def test_a_decision_comes_back_as_it_was_recorded(store: Store):
    assert store.write(lambda tx: decide(tx, "dec_1", "sig_a", case="case_x"))
    assert store.read(lambda read: decisions.get(read, "dec_1")) == DecisionRow(
        key=2,
        id="dec_1",
        signal_id="sig_a",
        department="marketing",
        step=0,
        loop="logistics-to-marketing",
        intervention="reduce_bid",
        verdict="act",
        case="case_x",
        saga=None,
        entry=2,
    )
    entry = store.read(lambda read: read.entry(2))
    assert entry.kind == "decision"
    assert entry.body == {
        "id": "dec_1",
        "decision": "dec_1",
        "signal": "sig_a",
        "department": "marketing",
        "step": 0,
        "loop": "logistics-to-marketing",
        "intervention": "reduce_bid",
        "outcome": "act",
        "saga": None,
    }


def test_thinking_again_records_nothing_twice(store: Store):
    assert store.write(lambda tx: decide(tx, "dec_1", "sig_a"))
    assert not store.write(lambda tx: decide(tx, "dec_1", "sig_a"))
    assert store.read(lambda read: read.head().size) == 3


def test_a_decision_about_a_signal_that_was_never_admitted_is_refused(store: Store):
    with pytest.raises(UnknownName, match="sig_nowhere"):
        store.write(lambda tx: decide(tx, "dec_1", "sig_nowhere"))


def test_decisions_are_listed_by_signal_by_case_and_by_the_beginning_of_their_id(store: Store):
    store.write(lambda tx: decide(tx, "dec_1", "sig_a", case="case_x"))
    store.write(lambda tx: decide(tx, "dec_2", "sig_a", case="case_y"))
    store.write(lambda tx: decide(tx, "dec_3", "sig_b", case="case_x"))
    read = store.read
    assert [row.id for row in read(lambda r: decisions.for_signal(r, "sig_a"))] == ["dec_1", "dec_2"]
    assert [row.id for row in read(lambda r: decisions.listing(r, case="case_x"))] == ["dec_3", "dec_1"]
    assert [row.id for row in read(lambda r: decisions.listing(r, limit=2))] == ["dec_3", "dec_2"]
    assert [row.id for row in read(lambda r: decisions.find(r, "dec_"))] == ["dec_1", "dec_2", "dec_3"]
    assert read(lambda r: decisions.get(r, "dec_9")) is None


def act(tx: Tx, key: str, decision: str, *, permitted: bool = True) -> None:
    action = NewAction(key, decision, "case_x", "ads", "exclude", f"ads/{key}", "d" * 64)
    if permitted:
        actions.permit(tx, action, expires_at=START, body={})
    else:
        actions.plan(tx, action, body={})


def ask(tx: Tx, id: str, decision: str) -> None:
    who = {"people": ["asha"], "quorum": 1, "due": START, "policy": "p" * 64, "digest": "d" * 64}
    approvals.open_(tx, id=id, decision_id=decision, case="case_x", body={}, **who)


def test_what_is_left_of_a_signal_is_to_be_done_or_to_be_answered(store: Store):
    def left(signal: str = "sig_a") -> Left:
        return store.read(lambda read: decisions.left(read, signal))

    store.write(lambda tx: [decide(tx, f"dec_{one}", f"sig_{one}", case="case_x") for one in "ab"])
    assert left() == Left(to_do=0, to_answer=0, steps=0)
    store.write(lambda tx: [act(tx, "act_1", "dec_a"), act(tx, "act_2", "dec_a", permitted=False)])
    store.write(lambda tx: [act(tx, "act_3", "dec_b"), ask(tx, "apr_1", "dec_a"), ask(tx, "apr_2", "dec_b")])
    assert left() == Left(to_do=2, to_answer=1, steps=0)
    store.write(lambda tx: actions.start(tx, "act_1"))
    assert left().to_do == 2
    store.write(lambda tx: actions.finish(tx, "act_1", "failed", reference=None, body={}))
    no = {"state": "rejected", "person": "asha", "reason": "no", "body": {}}
    store.write(lambda tx: approvals.answer(tx, "apr_1", **no))
    assert left() == Left(to_do=1, to_answer=0, steps=0)
    assert left("sig_z") == Left(0, 0, 0)


def test_looking_for_what_is_left_of_a_signal_starts_from_the_signal(store: Store):
    steps = plan(store, decisions._LEFT, signal_id="sig_a")
    assert "actions_of_decision (decision_key=?)" in steps
    assert "approvals_of_decision" in steps
    assert "SCAN" not in steps
    assert "approvals_waiting" not in steps
