"""Towards a quorum each person counts once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crossloop.errors import UnknownName
from crossloop.store import Store, Tx, approvals, votes
from tests.support.stores import START, admit, decide


@pytest.fixture
def store(store: Store) -> Store:
    def work(tx: Tx) -> None:
        admit(tx, "sig_a")
        decide(tx, "dec_1", "sig_a")
        approvals.open_(
            tx,
            id="apr_1",
            decision_id="dec_1",
            case="case_x",
            digest="d" * 64,
            policy="p" * 64,
            people=["asha", "ravi"],
            quorum=2,
            due=START + timedelta(hours=4),
            body={},
        )

    store.write(work)
    return store


def give(tx: Tx, person: str, approval: str = "apr_1") -> bool:
    return votes.give(tx, approval, person=person, body={"person": person})


def test_everybody_counts_once_in_the_order_of_their_votes(store: Store):
    assert store.read(lambda read: votes.people(read, "apr_1")) == ()
    assert store.write(lambda tx: [give(tx, person) for person in ("ravi", "asha", "ravi")]) == [
        True,
        True,
        False,
    ]
    assert store.read(lambda read: votes.people(read, "apr_1")) == ("ravi", "asha")


def test_a_vote_is_told_by_an_entry_in_the_case_of_its_approval(store: Store):
    store.write(lambda tx: give(tx, "asha"))
    last = store.read(lambda read: list(read.entries())[-1])
    assert (last.kind, last.case, last.body) == (
        "approval.vote",
        "case_x",
        {"approval": "apr_1", "person": "asha"},
    )


def test_a_vote_on_an_approval_nobody_asked_for_is_refused(store: Store):
    with pytest.raises(UnknownName, match="apr_9"):
        store.write(lambda tx: give(tx, "asha", "apr_9"))
