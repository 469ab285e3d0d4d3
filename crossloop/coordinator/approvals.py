"""Answering held decisions: the row first, then the thread, then the executor.

What people are shown of them is in :mod:`~crossloop.coordinator.asked`, their threads are brought in step in
:mod:`~crossloop.coordinator.threads_in_step`.

Rules, in the order the code follows them for one answer:

1. The answer is checked against the row: who answers, whether they were asked, whether it still waits and
   the deadline; a yes also against who is asked now, the policy in force and the digest of the action. A
   wrong answer is refused with its reason and changes nothing.
2. The policy in force is the store's, read in the same transaction: another process may have put another
   document in force since this one was opened. A yes counts where this process works under it, too.
3. An approval counts once for each person. When as many as the quorum have approved, the row changes
   from *waiting* to *approved* and the permit is written in the same transaction: one approval mints at
   most one permit. That of a step of an undertaking is written when it is its turn.
4. One rejection ends it; claims and impact are given back, and the signal is finished if nothing is left.
5. The thread of the approval graph is removed afterwards. It is a projection and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from crossloop.coordinator import endings, reasons, sagas
from crossloop.coordinator.asked import decided, find, load
from crossloop.coordinator.permitting import approval_facts, request_digest, validity, write_permit
from crossloop.errors import AnswerRefused, LedgerBroken
from crossloop.faults import crash_point
from crossloop.governance import Policy, PolicyChanged, check_answer, permit_for
from crossloop.ids import ActionKey, PersonId
from crossloop.signals import Proposal, Verdict
from crossloop.store import Store, Tx, actions, approvals, claims, policies, states, votes
from crossloop.store.approvals import ApprovalRow


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer brought about."""

    approval_id: str
    state: Literal["waiting", "approved", "rejected"]
    action_key: ActionKey | None
    still_needed: int
    """Approvals that are missing for the quorum; 0 when it is decided."""


async def answer(
    store: Store,
    approval_id: str,
    *,
    person: PersonId,
    decision: Literal["approve", "reject"],
    reason: str,
    policy: Policy,
    asserted: str,
) -> Answered:
    """Answer one approval.

    Args:
        person: who answers, as named in the governance document.
        reason: at most 2,000 characters; required for a rejection.
        asserted: how we know who it is, for example ``asserted by OS user root``; it is recorded.

    Raises:
        AnswerRefused: with the reason code; nothing was changed.
    """

    def work(tx: Tx) -> Answered:
        answered = _answer(tx, find(tx, approval_id), person, decision, reason, policy, asserted)
        crash_point("answer.before_commit")
        return answered

    answered = await store.write_async(work, urgent=True)
    crash_point("answer.after_commit")
    return answered


def _require_as_recorded(tx: Tx, row: ApprovalRow) -> None:
    """Refuse a yes that would count on rows that say something else than the ledger.

    Raises:
        LedgerBroken: somebody changed who is asked, how many have to agree, or who has agreed.
    """
    found = states.difference_of_approval(tx, row.id)
    if found is not None:
        raise LedgerBroken(
            f"{row.id} cannot be approved: {found}.",
            position=None,
            next_step="Run `crossloop ledger verify`; restore the store from a copy.",
        )


def _answer(
    tx: Tx,
    row: ApprovalRow,
    person: PersonId,
    decision: Literal["approve", "reject"],
    reason: str,
    policy: Policy,
    asserted: str,
) -> Answered:
    if decision == "approve":
        _require_as_recorded(tx, row)
    asked = load(tx, row) if decision == "approve" else None
    present = policies.digest(tx)
    check_answer(
        approval_facts(tx, row, policy),
        person=person,
        now=tx.now,
        policy_digest=present or policy.digest,
        action_digest=row.digest if asked is None else request_digest(asked[0]),
        decision=decision,
        people=policy.document.people,
    )
    said: dict[str, JsonValue] = {
        "approval": row.id,
        "decision": row.decision_id,
        "person": person,
        "answer": decision,
        "reason": reason,
        "identity": asserted,
    }
    needed = "a rejection needs a reason." if decision == "reject" else ""
    reasons.check(said, needed=needed, next_step="Add --reason 'why'.")
    if asked is None:
        approvals.answer(tx, row.id, state="rejected", person=person, reason=reason, body=said)
        endings.rejected(tx, row, person=person, reason=reason, policy=policy)
        return Answered(row.id, "rejected", None, 0)
    _require_same_rules(row, policy)
    votes.give(tx, row.id, person=person, body=said)
    missing = row.quorum - len(votes.people(tx, row.id))
    if missing > 0:
        return Answered(row.id, "waiting", None, missing)
    return _approve(tx, row, asked[0], asked[1], said, policy)


def _require_same_rules(row: ApprovalRow, policy: Policy) -> None:
    """Refuse a yes of a process that works under other rules than those in force (rule 2).

    Raises:
        PolicyChanged: its rules are not those that were shown.
    """
    if row.policy != policy.digest:
        raise PolicyChanged(
            f"people were asked under the rules {row.policy[:12]}, which are in force; this company was "
            f"opened under {policy.digest[:12]}.",
            next_step="Answer without naming other rules; or run the loop under them: that withdraws the "
            "question, and what still holds is asked again.",
        )


def _approve(
    tx: Tx,
    row: ApprovalRow,
    proposal: Proposal,
    verdict: Verdict,
    said: Mapping[str, JsonValue],
    policy: Policy,
) -> Answered:
    approvals.answer(
        tx, row.id, state="approved", person=str(said["person"]), reason=str(said["reason"]), body=said
    )
    decision, _ = decided(tx, row)
    undertaking = sagas.key_of(decision)
    if undertaking is not None:
        sagas.advance(tx, undertaking, policy)  # it is permitted when it is its turn
        return Answered(row.id, "approved", proposal.action_key, 0)
    permit = permit_for(
        proposal,
        verdict,
        now=tx.now,
        approval=approval_facts(tx, row, policy),
        valid_for=validity(proposal, policy),
    )
    try:
        written = write_permit(tx, row.case, proposal, permit)
    except actions.NotToUndo as refused:
        raise AnswerRefused(
            f"{row.id} cannot be approved any more: {refused.message}",
            next_step="Reject it, with that reason.",
        ) from refused
    if written is None:
        raise AnswerRefused(
            f"{row.id} cannot be approved any more: {proposal.action_key} is not planned.",
            next_step=f"See: crossloop explain {proposal.action_key}",
        )
    claims.in_force(tx, row.decision_id)
    return Answered(row.id, "approved", proposal.action_key, 0)
