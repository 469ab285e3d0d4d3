"""Whatever ends a question ends what was planned for it, gives back what it held, and tells once."""

from __future__ import annotations

from crossloop.coordinator.closing import close_question, decision_of, drop
from crossloop.store import actions, approvals, claims
from crossloop.store.approvals import ApprovalRow
from tests.support.trials import Ask, Trial


def waiting(opened: Trial) -> ApprovalRow:
    opened.ask(Ask(share=0.2))
    (row,) = opened.store.read(lambda read: approvals.listing(read, state="waiting"))
    return row


def planned(opened: Trial, row: ApprovalRow) -> str:
    (action,) = opened.store.read(lambda read: actions.for_decision(read, row.decision_id))
    return action.state


def test_a_question_that_ends_drops_what_was_planned_and_says_so_once(opened: Trial) -> None:
    row = waiting(opened)
    for _ in range(2):
        opened.store.write(lambda tx: close_question(tx, row, "withdrawn", "it is over", opened.policy))
    assert planned(opened, row) == "dropped"
    assert [one["because"] for one in opened.entries("action.dropped")] == ["withdrawn, it is over"]
    assert len([one for one in opened.entries("notice") if one["kind"] == "withdrawn"]) == 1


def test_dropping_gives_back_and_says_how_much_was_planned(opened: Trial) -> None:
    row = waiting(opened)
    assert opened.store.write(lambda tx: drop(tx, row.decision_id, "no")) == 1
    assert opened.store.write(lambda tx: drop(tx, row.decision_id, "no")) == 0
    assert opened.store.write(lambda tx: claims.release(tx, row.decision_id)) == 0


def test_a_question_belongs_to_a_decision(opened: Trial) -> None:
    row = waiting(opened)
    assert opened.store.write(lambda tx: decision_of(tx, row)).id == row.decision_id


def test_a_rejection_drops_what_was_planned(opened: Trial) -> None:
    row = waiting(opened)
    opened.coordinator.answer(row.id, person="asha", decision="reject", reason="no", asserted="test")
    assert planned(opened, row) == "dropped"
