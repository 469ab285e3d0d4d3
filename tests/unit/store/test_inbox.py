"""Signals come in once and move forward only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.signals import codec
from crossloop.store import Store, inbox
from crossloop.store.inbox import SignalRow
from tests.support.samples import geo_risk_signal
from tests.support.stores import LATER, START, admit, open_store, plan

RECEIVED = {
    "id": "sig_a",
    "type": "logistics.geo_risk/1",
    "subject": "geo/IN/KARNATAKA",
    "department": "logistics",
    "time": "2025-03-01T09:30:00Z",
    "valid_until": "2025-03-08T09:30:00Z",
}
"""What the entry of an admitted signal says besides its body."""


def test_an_admitted_signal_waits_as_it_was_given(store: Store):
    assert store.write(lambda tx: admit(tx, "sig_a"))
    assert store.read(lambda read: inbox.waiting(read, 10)) == [
        SignalRow(
            key=0,
            id="sig_a",
            type="logistics.geo_risk/1",
            subject="geo/IN/KARNATAKA",
            department="logistics",
            case="case_of_sig_a",
            time=START,
            valid_until=LATER,
            state="new",
            entry=0,
        )
    ]
    entry = store.read(lambda read: read.entry(0))
    assert (entry.kind, entry.case, entry.body) == ("signal.received", "case_of_sig_a", RECEIVED)


def test_the_entry_of_a_signal_says_what_the_signal_says_and_nothing_else(store: Store):
    signal = geo_risk_signal()
    store.write(
        lambda tx: inbox.admit(
            tx,
            id=signal.id,
            type=signal.type,
            subject=signal.subject,
            department=signal.department,
            case=signal.correlation_id,
            time=signal.time,
            valid_until=signal.valid_until,
            body=codec.body(signal),
        )
    )
    assert store.read(lambda read: read.body(0)) == codec.body(signal)


def test_a_signal_that_is_known_is_not_admitted_again(store: Store):
    assert store.write(lambda tx: admit(tx, "sig_a"))
    assert not store.write(lambda tx: admit(tx, "sig_a"))
    assert store.read(lambda read: read.head().size) == 1


def test_waiting_signals_come_in_the_order_of_their_admission(store: Store):
    for id in ("sig_c", "sig_a", "sig_b"):
        store.write(lambda tx, name=id: admit(tx, name))
    assert [row.id for row in store.read(lambda read: inbox.waiting(read, 2))] == ["sig_c", "sig_a"]


def test_a_signal_moves_from_new_to_decided_to_finished_each_told_by_an_entry(store: Store):
    store.write(lambda tx: admit(tx, "sig_a"))
    assert store.write(lambda tx: inbox.decided(tx, "sig_a", {"decisions": 1}))
    assert store.read(lambda read: inbox.waiting(read, 10)) == []
    assert [row.state for row in store.read(inbox.unfinished)] == ["decided"]
    assert store.write(lambda tx: inbox.finished(tx, "sig_a", {"done": 1}))
    assert store.read(inbox.unfinished) == []
    entries = store.read(lambda read: list(read.entries(case="case_of_sig_a")))
    assert [(entry.kind, entry.body) for entry in entries] == [
        ("signal.received", RECEIVED),
        ("signal.decided", {"decisions": 1, "signal": "sig_a"}),
        ("signal.finished", {"done": 1, "signal": "sig_a"}),
    ]


@given(st.lists(st.sampled_from(["admit", "decided", "finished"]), max_size=8))
def test_whatever_is_tried_a_signal_takes_each_step_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, tried: list[str]
):
    path = tmp_path_factory.mktemp("inbox") / "store.db"
    with open_store(path) as store:
        for step in tried:
            if step == "admit":
                store.write(lambda tx: admit(tx, "sig_a"))
            elif step == "decided":
                store.write(lambda tx: inbox.decided(tx, "sig_a", {}))
            else:
                store.write(lambda tx: inbox.finished(tx, "sig_a", {}))
        kinds = store.read(lambda read: [entry.kind for entry in read.entries()])
    assert kinds == ["signal.received", "signal.decided", "signal.finished"][: len(kinds)]


def test_a_signal_is_found_by_its_id_and_by_the_beginning_of_it(store: Store):
    for id in ("sig_ab", "sig_ac", "sig_b"):
        store.write(lambda tx, name=id: admit(tx, name))
    assert [row.id for row in store.read(lambda read: inbox.find(read, "sig_a"))] == ["sig_ab", "sig_ac"]
    assert store.read(lambda read: inbox.find(read, "sig_x")) == []
    found = store.read(lambda read: inbox.get(read, "sig_b"))
    assert found is not None
    assert found.id == "sig_b"
    assert store.read(lambda read: inbox.get(read, "sig_")) is None


def test_the_list_is_newest_first_and_can_be_narrowed_by_state(store: Store):
    for id in ("sig_a", "sig_b", "sig_c"):
        store.write(lambda tx, name=id: admit(tx, name))
    store.write(lambda tx: inbox.decided(tx, "sig_b", {}))
    assert [row.id for row in store.read(inbox.listing)] == ["sig_c", "sig_b", "sig_a"]
    assert [row.id for row in store.read(lambda read: inbox.listing(read, state="new", limit=1))] == ["sig_c"]
    assert [row.id for row in store.read(lambda read: inbox.listing(read, state="decided"))] == ["sig_b"]
    store.write(lambda tx: inbox.finished(tx, "sig_b", {}))
    assert [row.id for row in store.read(lambda read: inbox.listing(read, state="finished"))] == ["sig_b"]


def test_looking_for_waiting_signals_reads_an_index_that_holds_the_open_ones_only(store: Store):
    for statement in (inbox._OLDEST_OPEN, inbox._NEWEST_OPEN):
        assert "USING INDEX signals_open (state=?)" in plan(store, statement, state="new", limit=1)


def test_reading_on_from_an_entry_gives_what_was_admitted_after_it_and_is_still_new(store: Store):
    for id in ("sig_a", "sig_b", "sig_c"):
        store.write(lambda tx, name=id: admit(tx, name))
    first = store.read(lambda read: inbox.waiting_after(read, -1, 2))
    assert [row.id for row in first] == ["sig_a", "sig_b"]
    store.write(lambda tx: admit(tx, "sig_d"))
    store.write(lambda tx: inbox.decided(tx, "sig_c", {}))
    following = store.read(lambda read: inbox.waiting_after(read, first[-1].entry, 10))
    assert [row.id for row in following] == ["sig_d"]
    used = plan(store, inbox._OPEN_AFTER, state="new", after=3, limit=1)
    assert "USING INDEX signals_open (state=? AND key>?)" in used


def test_a_signal_is_parked_once_and_then_decided_like_a_new_one(store: Store):
    store.write(lambda tx: admit(tx, "sig_a"))
    assert store.write(lambda tx: inbox.parked(tx, "sig_a", {"reason": "nobody"}))
    assert not store.write(lambda tx: inbox.parked(tx, "sig_a", {"reason": "nobody"}))
    assert [row.id for row in store.read(inbox.resting)] == ["sig_a"]
    assert store.read(lambda read: inbox.waiting(read, 10)) == []
    assert store.read(lambda read: inbox.aside(read, "sig_a")) == {"signal": "sig_a", "reason": "nobody"}
    assert store.write(lambda tx: inbox.is_undecided(tx, "sig_a"))
    assert store.write(lambda tx: inbox.decided(tx, "sig_a", {}))
    assert store.read(inbox.resting) == []
    assert not store.write(lambda tx: inbox.parked(tx, "sig_a", {}))


@pytest.mark.parametrize("first", ["new", "parked"])
def test_a_signal_that_was_not_decided_expires_once_and_that_is_its_end(store: Store, first: str):
    store.write(lambda tx: admit(tx, "sig_a"))
    if first == "parked":
        store.write(lambda tx: inbox.parked(tx, "sig_a", {"reason": "nobody"}))
    assert store.write(lambda tx: inbox.expired(tx, "sig_a", {"reason": "late"}))
    assert not store.write(lambda tx: inbox.expired(tx, "sig_a", {"reason": "late"}))
    assert not store.write(lambda tx: inbox.decided(tx, "sig_a", {}))
    assert not store.write(lambda tx: inbox.is_undecided(tx, "sig_a"))
    case = "case_of_sig_a"
    assert [row.id for row in store.read(lambda read: inbox.expired_of_case(read, case))] == ["sig_a"]
    assert store.read(lambda read: inbox.expired_of_case(read, "case_of_nobody")) == []
    assert [row.id for row in store.read(lambda read: inbox.listing(read, state="expired"))] == ["sig_a"]
    assert store.read(lambda read: inbox.aside(read, "sig_a")) == {"signal": "sig_a", "reason": "late"}


def test_a_decided_signal_neither_expires_nor_rests(store: Store):
    store.write(lambda tx: (admit(tx, "sig_a"), inbox.decided(tx, "sig_a", {})))
    assert not store.write(lambda tx: inbox.expired(tx, "sig_a", {}))
    assert store.read(lambda read: inbox.aside(read, "sig_a")) is None
