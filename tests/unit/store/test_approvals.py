"""The first answer to an approval counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crossloop.errors import UnknownName
from crossloop.store import Store, Tx, approvals
from crossloop.store.approvals import ApprovalRow
from tests.support.stores import START, admit, decide, plan

DUE = START + timedelta(hours=4)


def ask(tx: Tx, id: str, *, decision: str = "dec_1") -> bool:
    return approvals.open_(
        tx,
        id=id,
        decision_id=decision,
        case="case_x",
        digest="d" * 64,
        policy="p" * 64,
        people=["asha", "ravi"],
        quorum=2,
        due=DUE,
        body={"id": id},
    )


def answer(tx: Tx, id: str, state: approvals.Answer, person: str | None = "asha") -> bool:
    return approvals.answer(tx, id, state=state, person=person, reason="because", body={"state": state})


@pytest.fixture
def store(store: Store) -> Store:
    store.write(lambda tx: (admit(tx, "sig_a"), decide(tx, "dec_1", "sig_a")))
    return store


def test_an_approval_waits_as_it_was_asked_for(store: Store):
    assert store.write(lambda tx: ask(tx, "apr_1"))
    expected = ApprovalRow(
        key=2,
        id="apr_1",
        decision_id="dec_1",
        case="case_x",
        digest="d" * 64,
        policy="p" * 64,
        people=("asha", "ravi"),
        quorum=2,
        due=DUE,
        state="waiting",
        person=None,
        reason=None,
        answered=None,
        entry=2,
    )
    assert store.read(lambda read: approvals.get(read, "apr_1")) == expected
    assert store.read(lambda read: approvals.find(read, "apr")) == [expected]
    assert store.read(lambda read: approvals.for_decision(read, "dec_1")) == expected
    assert store.read(lambda read: approvals.for_decision(read, "dec_9")) is None
    assert store.read(lambda read: approvals.listing(read, state="waiting")) == [expected]
    assert store.read(lambda read: read.entry(2).kind) == "approval.requested"


def test_an_approval_is_asked_for_once(store: Store):
    assert store.write(lambda tx: ask(tx, "apr_1"))
    assert not store.write(lambda tx: ask(tx, "apr_1"))


def test_an_approval_of_an_unknown_decision_is_refused(store: Store):
    with pytest.raises(UnknownName, match="dec_9"):
        store.write(lambda tx: ask(tx, "apr_1", decision="dec_9"))


@pytest.mark.parametrize("state", ["approved", "rejected", "expired", "withdrawn", "superseded"])
def test_the_first_answer_counts_and_no_later_one_does(store: Store, state: approvals.Answer):
    store.write(lambda tx: ask(tx, "apr_1"))
    assert store.write(lambda tx: answer(tx, "apr_1", state))
    for late in ("approved", "rejected", "expired", "withdrawn", "superseded"):
        assert not store.write(lambda tx, late=late: answer(tx, "apr_1", late, "ravi"))
    row = store.read(lambda read: approvals.get(read, "apr_1"))
    assert row is not None
    assert (row.state, row.person, row.reason, row.answered) == (state, "asha", "because", 3)
    assert store.read(lambda read: read.head().size) == 4
    entry = store.read(lambda read: read.entry(3))
    assert (entry.kind, entry.case) == ("approval.answered", "case_x")
    assert entry.body == {"approval": "apr_1", "state": state, "person": "asha", "reason": "because"}


def test_an_unknown_approval_cannot_be_answered(store: Store):
    assert not store.write(lambda tx: answer(tx, "apr_9", "approved"))


def test_the_thread_of_an_ended_approval_is_to_be_removed_until_it_was(store: Store):
    store.write(lambda tx: [ask(tx, id) for id in ("apr_1", "apr_2")])
    assert not store.write(lambda tx: approvals.thread_removed(tx, "apr_1"))
    store.write(lambda tx: answer(tx, "apr_1", "expired", None))
    assert [row.id for row in store.read(approvals.ended_with_thread)] == ["apr_1"]
    size = store.read(lambda read: read.head().size)
    assert store.write(lambda tx: approvals.thread_removed(tx, "apr_1"))
    assert not store.write(lambda tx: approvals.thread_removed(tx, "apr_1"))
    assert store.read(approvals.ended_with_thread) == []
    assert store.read(lambda read: read.head().size) == size


def test_what_is_due_first_can_be_had_without_the_rest(store: Store):
    def ids(limit: int, state: approvals.ApprovalState | None = None) -> list[str]:
        return [row.id for row in store.read(lambda read: approvals.by_due(read, limit, state=state))]

    store.write(lambda tx: [ask(tx, id) for id in ("apr_1", "apr_2", "apr_3")])
    sooner = DUE - timedelta(hours=1)
    store.write(lambda tx: approvals.pass_on(tx, "apr_3", people=["meera"], due=sooner, body={}))
    store.write(lambda tx: answer(tx, "apr_1", "rejected"))
    assert [ids(limit) for limit in (1, 2, 3, 4)] == [
        ["apr_3"],
        ["apr_3", "apr_2"],
        ["apr_3", "apr_2", "apr_1"],
        ["apr_3", "apr_2", "apr_1"],
    ]
    assert ids(1, "waiting") == ["apr_3"]
    assert ids(5, "waiting") == ["apr_3", "apr_2"]
    assert ids(5, "rejected") == ["apr_1"]


def test_approvals_are_listed_by_state(store: Store):
    store.write(lambda tx: [ask(tx, id) for id in ("apr_1", "apr_2", "apr_3")])
    store.write(lambda tx: answer(tx, "apr_2", "rejected"))
    assert [row.id for row in store.read(approvals.listing)] == ["apr_1", "apr_2", "apr_3"]
    waiting = store.read(lambda read: approvals.listing(read, state="waiting"))
    assert [row.id for row in waiting] == ["apr_1", "apr_3"]
    rejected = store.read(lambda read: approvals.listing(read, state="rejected"))
    assert [row.id for row in rejected] == ["apr_2"]


def test_what_waits_is_found_whatever_is_said_about_its_thread(store: Store):
    store.write(lambda tx: ask(tx, "apr_1"))
    store.write(lambda tx: tx.execute("UPDATE approvals SET thread_kept = 0"))
    assert [row.id for row in store.read(lambda read: approvals.listing(read, state="waiting"))] == ["apr_1"]
    assert [row.id for row in store.read(lambda read: approvals.overdue(read, DUE + timedelta(hours=1)))] == [
        "apr_1"
    ]


def test_looking_for_open_approvals_reads_an_index_that_holds_the_open_ones_only(store: Store):
    assert "USING INDEX approvals_waiting (state=?)" in plan(store, approvals._LIST_WAITING)
    statement = approvals._ENDED_WITH_THREAD
    assert "USING INDEX approvals_with_thread (thread_kept=?)" in plan(store, statement)


def test_what_was_due_before_an_instant_and_still_waits_is_overdue(store: Store):
    store.write(lambda tx: [ask(tx, f"apr_{number}") for number in (1, 2)])
    store.write(lambda tx: answer(tx, "apr_1", "approved"))
    assert store.read(lambda read: approvals.overdue(read, DUE)) == []
    late = store.read(lambda read: approvals.overdue(read, DUE + timedelta(microseconds=1)))
    assert [row.id for row in late] == ["apr_2"]
    assert "USING INDEX approvals_waiting (state=?)" in plan(store, approvals._OVERDUE, before=0)


def test_what_waits_is_found_by_the_case_of_its_decision(store: Store):
    store.write(lambda tx: (admit(tx, "sig_b"), decide(tx, "dec_2", "sig_b")))
    for asked, decision in (("apr_2", "dec_1"), ("apr_1", "dec_1"), ("apr_3", "dec_1"), ("apr_4", "dec_2")):
        store.write(lambda tx, name=asked, decision=decision: ask(tx, name, decision=decision))
    store.write(lambda tx: answer(tx, "apr_3", "rejected"))
    found = store.read(lambda read: approvals.waiting_of_case(read, "case_of_sig_a"))
    assert [row.id for row in found] == ["apr_2", "apr_1"]
    assert store.read(lambda read: approvals.waiting_of_case(read, "case_zzz")) == []
    assert "USING INDEX decisions_of_case" in plan(store, approvals._OF_CASE, case_key=1)


def test_other_people_are_asked_instead_while_it_waits_and_no_longer(store: Store):
    store.write(lambda tx: ask(tx, "apr_1"))
    later = DUE + timedelta(hours=4)

    def pass_on(tx: Tx, id: str = "apr_1") -> bool:
        return approvals.pass_on(tx, id, people=["mina"], due=later, body={"reason": "late"})

    assert store.write(pass_on)
    row = store.read(lambda read: approvals.get(read, "apr_1"))
    assert row is not None
    assert (row.people, row.quorum, row.due, row.state) == (("mina",), 1, later, "waiting")
    entry = store.read(lambda read: read.entry(3))
    assert (entry.kind, entry.case) == ("approval.passed_on", "case_x")
    assert entry.body == {
        "approval": "apr_1",
        "people": ["mina"],
        "quorum": 1,
        "due": later.isoformat(),
        "reason": "late",
    }
    assert not store.write(lambda tx: pass_on(tx, "apr_9"))
    assert not store.write(pass_on)  # it goes on once
    assert store.read(lambda read: read.head().size) == 4
    store.write(lambda tx: ask(tx, "apr_2"))
    store.write(lambda tx: answer(tx, "apr_2", "rejected"))
    assert not store.write(lambda tx: pass_on(tx, "apr_2"))
