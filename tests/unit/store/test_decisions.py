"""A decision is recorded once."""

from __future__ import annotations

import pytest

from crossloop.errors import UnknownName
from crossloop.store import Store, decisions
from crossloop.store.decisions import DecisionRow
from tests.support.stores import admit, decide


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
