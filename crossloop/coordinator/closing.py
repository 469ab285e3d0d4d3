"""What every ending without an effect has in common: the question is closed, the plan is dropped, what was
held is given back, and those concerned are told.

What that means for the signal, and for the undertaking it may belong to, is said by those who end it.
"""

from __future__ import annotations

from typing import Literal

from crossloop.coordinator.notices import notify_closed
from crossloop.governance import Policy
from crossloop.store import Tx, actions, approvals, claims, decisions, impacts
from crossloop.store.actions import ActionRow
from crossloop.store.approvals import ApprovalRow
from crossloop.store.decisions import DecisionRow

Ending = Literal["rejected", "expired", "withdrawn", "superseded"]


def give_back(tx: Tx, decision: str) -> None:
    """Give back what a decision claims and counts."""
    claims.release(tx, decision)
    impacts.release(tx, decision)


def drop(tx: Tx, decision: str, because: str) -> int:
    """Drop what was planned for a decision and give back what it held; return how much was planned."""
    planned = [row for row in actions.for_decision(tx, decision) if row.state == "planned"]
    for row in planned:
        actions.drop(tx, row.key, because)
    give_back(tx, decision)
    return len(planned)


def close_question(
    tx: Tx,
    row: ApprovalRow,
    state: Literal["expired", "withdrawn", "superseded"],
    because: str,
    policy: Policy,
    **recorded: str,
) -> DecisionRow:
    """End a question that nobody answered, and return the decision that it was about."""
    body = {"approval": row.id, "decision": row.decision_id, "answer": state, "reason": because, **recorded}
    if not approvals.answer(tx, row.id, state=state, person=None, reason=because, body=body):
        return decision_of(tx, row)  # what ended before it in this transaction has ended it, too
    return end_held(tx, row, state, because, policy)


def end_held(tx: Tx, row: ApprovalRow, state: Ending, because: str, policy: Policy) -> DecisionRow:
    """End what an ended question held, and return the decision that it was about."""
    decision = decision_of(tx, row)
    drop(tx, decision.id, f"{state}, {because}")
    notify_closed(tx, decision, row, state, because, policy)
    return decision


def decision_of(tx: Tx, row: ApprovalRow | ActionRow) -> DecisionRow:
    """The decision that a question or an action belongs to."""
    decision = decisions.get(tx, row.decision_id)
    assert decision is not None, f"{row} belongs to no decision"
    return decision
