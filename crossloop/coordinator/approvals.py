"""Answering held decisions: the row first, then the thread, then the executor.

Rules, in the order the code follows them for one answer:

1. The answer is checked against the row: who asks, whether they were asked, whether it still waits, the
   deadline, the policy in force and the digest of the action. A wrong answer is refused with its reason
   and changes nothing.
2. An approval counts once for each person. When as many as the quorum have approved, the row changes
   from *waiting* to *approved* and the permit is written in the same transaction: one approval mints at
   most one permit.
3. One rejection ends it; claims and impact are given back, and the signal is finished if nothing is left.
4. The thread of the approval graph is resumed afterwards. It is a projection and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from pydantic import JsonValue

from crossloop.canonical import JSON, to_json
from crossloop.coordinator.approval_graph import ApprovalThreads
from crossloop.coordinator.decide import finish_if_done, request_digest, validity, write_permit
from crossloop.errors import AnswerRefused, UnknownName
from crossloop.faults import crash_point
from crossloop.governance import ApprovalFacts, Policy, check_answer, permit_for
from crossloop.ids import ActionKey, ApprovalId, DecisionId, PersonId
from crossloop.signals import Proposal, Verdict
from crossloop.store import (
    Lease,
    Read,
    Store,
    Tx,
    approvals,
    claims,
    decisions,
    impacts,
    votes,
)
from crossloop.store.approvals import ApprovalRow, ApprovalState


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer brought about."""

    approval_id: str
    state: Literal["waiting", "approved", "rejected"]
    action_key: ActionKey | None
    still_needed: int
    """Approvals that are missing for the quorum; 0 when it is decided."""


def find(read: Read, prefix: str) -> ApprovalRow:
    """Return the one approval whose id starts like this.

    Raises:
        UnknownName: none, or more than one.
    """
    rows = approvals.find(read, prefix)
    if len(rows) == 1:
        return rows[0]
    if not rows:
        raise UnknownName(f"there is no approval '{prefix}'.", next_step="See: crossloop approvals list")
    raise UnknownName(f"'{prefix}' fits {len(rows)} approvals.", next_step="Give more of the id.")


def load(read: Read, row: ApprovalRow) -> tuple[Proposal, Verdict, Mapping[str, JSON]]:
    """Return what an approval is about: proposal, verdict and the whole decision body."""
    decision = decisions.get(read, row.decision_id)
    if decision is None:
        raise UnknownName(f"approval {row.id} has no decision {row.decision_id}.")
    body = read.body(decision.entry)
    return Proposal.model_validate(body["proposal"]), Verdict.model_validate(body["verdict"]), body


def answer(
    store: Store,
    approval_id: str,
    *,
    person: PersonId,
    decision: Literal["approve", "reject"],
    reason: str,
    policy: Policy,
    asserted: str,
    lease: Lease | None = None,
) -> Answered:
    """Answer one approval.

    Args:
        person: who answers, as named in the governance document.
        reason: required for a rejection.
        asserted: how we know who it is, for example ``asserted by OS user root``; it is recorded.

    Raises:
        AnswerRefused: with the reason code; nothing was changed.
    """

    def work(tx: Tx) -> Answered:
        row = find(tx, approval_id)
        proposal, verdict, _ = load(tx, row)
        facts = _facts(tx, row)
        check_answer(
            facts,
            person=person,
            now=tx.now,
            policy_digest=policy.digest,
            action_digest=request_digest(proposal),
            people=policy.document.people,
        )
        if decision == "reject" and not reason.strip():
            raise AnswerRefused("a rejection needs a reason.", next_step="Add --reason 'why'.")
        said: dict[str, JsonValue] = {
            "approval": row.id,
            "decision": row.decision_id,
            "person": person,
            "answer": decision,
            "reason": reason,
            "identity": asserted,
        }
        if decision == "reject":
            return _reject(tx, row, proposal, person, reason, said)
        votes.give(tx, row.id, person=person, body=said)
        missing = row.quorum - len(votes.people(tx, row.id))
        if missing > 0:
            return Answered(row.id, "waiting", None, missing)
        return _approve(tx, row, proposal, verdict, said, policy)

    def guarded(tx: Tx) -> Answered:
        answered = work(tx)
        crash_point("answer.before_commit")
        return answered

    answered = store.write(guarded, lease=lease)
    crash_point("answer.after_commit")
    return answered


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
    permit = permit_for(
        proposal,
        verdict,
        now=tx.now,
        approval=_facts(tx, row),
        valid_for=validity(proposal, policy),
    )
    write_permit(tx, row.case, proposal, to_json(permit), permit.expires_at)
    claims.in_force(tx, row.decision_id)
    return Answered(row.id, "approved", proposal.action_key, 0)


def _facts(read: Read, row: ApprovalRow) -> ApprovalFacts:
    return ApprovalFacts(
        id=ApprovalId(row.id),
        decision_id=DecisionId(row.decision_id),
        action_digest=row.digest,
        policy=row.policy,
        people=tuple(PersonId(one) for one in row.people),
        quorum=row.quorum,
        due=row.due,
        approved=tuple(PersonId(one) for one in votes.people(read, row.id)),
        closed=row.state != "waiting",
    )


def _reject(
    tx: Tx,
    row: ApprovalRow,
    proposal: Proposal,
    person: PersonId,
    reason: str,
    said: Mapping[str, JsonValue],
) -> Answered:
    approvals.answer(tx, row.id, state="rejected", person=person, reason=reason, body=said)
    claims.release(tx, row.decision_id)
    impacts.release(tx, row.decision_id)
    finish_if_done(tx, proposal.signal_id)
    return Answered(row.id, "rejected", None, 0)


def listed(read: Read, *, state: ApprovalState | None = None) -> list[dict[str, JsonValue]]:
    """Return approvals as people are shown them, the waiting ones first."""
    rows = sorted(approvals.listing(read, state=state), key=lambda row: (row.state != "waiting", row.due))
    return [shown(read, row) for row in rows]


def shown(read: Read, row: ApprovalRow) -> dict[str, JsonValue]:
    """Return one approval as people are shown it, with who has approved so far."""
    return {**describe(row, load(read, row)[2]), "approved_by": list(votes.people(read, row.id))}


def open_questions(read: Read) -> list[tuple[ApprovalRow, Mapping[str, JSON]]]:
    """Every approval that waits, with the body of its decision."""
    return [(row, load(read, row)[2]) for row in approvals.listing(read, state="waiting")]


def describe(row: ApprovalRow, body: Mapping[str, JSON]) -> dict[str, JsonValue]:
    """What a person is shown: action, impact, evidence, options, who else is asked, until when."""
    proposal = cast("dict[str, JsonValue]", body["proposal"])
    verdict = cast("dict[str, JsonValue]", body["verdict"])
    return {
        "id": row.id,
        "decision": row.decision_id,
        "action": proposal["action"],
        "intervention": proposal["intervention"],
        "impact": proposal["impact"],
        "evidence": proposal["rationale"],
        "options": proposal["options"],
        "reasons": verdict["reasons"],
        "from": list(row.people),
        "quorum": row.quorum,
        "due_at": row.due.isoformat(),
        "digest": row.digest,
        "state": row.state,
    }


def resume_answered(store: Store, threads: ApprovalThreads, lease: Lease | None) -> int:
    """Resume the threads whose rows were answered; return how many."""
    answered = store.read(lambda read: [(row, load(read, row)[2]) for row in approvals.unresumed(read)])
    for row, body in answered:
        reply: dict[str, JsonValue] = {
            "state": row.state,
            "by": row.person or "",
            "reason": row.reason or "",
        }
        threads.answer(row.id, describe(row, body), reply)
        store.write(lambda tx, row=row: approvals.resumed(tx, row.id), lease=lease)
    return len(answered)
