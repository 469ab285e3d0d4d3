"""Answering held decisions: the row first, then the thread, then the executor.

Rules, in the order the code follows them for one answer:

1. The answer is checked against the row: who asks, whether they were asked, whether it still waits, the
   deadline, the policy in force and the digest of the action. A wrong answer is refused with its reason
   and changes nothing.
2. The policy in force is the store's, read in the same transaction: another process may have put another
   document in force since this one was opened.
3. An approval counts once for each person. When as many as the quorum have approved, the row changes
   from *waiting* to *approved* and the permit is written in the same transaction: one approval mints at
   most one permit.
4. One rejection ends it; claims and impact are given back, and the signal is finished if nothing is left.
5. The thread of the approval graph is resumed afterwards. It is a projection and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

from pydantic import JsonValue

from crossloop.canonical import JSON, NotCanonical, canonical_json, to_json
from crossloop.coordinator import endings
from crossloop.coordinator.approval_graph import ApprovalThreads
from crossloop.coordinator.decide import request_digest, validity, write_permit
from crossloop.errors import AnswerRefused, UnknownName
from crossloop.faults import crash_point
from crossloop.governance import ApprovalFacts, Policy, PolicyChanged, check_answer, permit_for
from crossloop.ids import ActionKey, ApprovalId, DecisionId, PersonId
from crossloop.signals import Proposal, Verdict
from crossloop.store import Lease, Read, Store, Tx, approvals, claims, decisions, policies, votes
from crossloop.store.approvals import ApprovalRow, ApprovalState

_LONGEST_REASON: Final = 2000


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
    rows = approvals.find(read, prefix) if prefix else []
    if len(rows) == 1:
        return rows[0]
    if not rows:
        raise UnknownName(f"there is no approval '{prefix}'.", next_step="See: crossloop approvals list")
    raise UnknownName(f"'{prefix}' fits {len(rows)} approvals.", next_step="Give more of the id.")


def load(read: Read, row: ApprovalRow) -> tuple[Proposal, Verdict, Mapping[str, JSON]]:
    """Return what an approval is about: proposal, verdict and the whole decision body.

    Raises:
        UnknownName: it was removed from the ledger.
    """
    decision = decisions.get(read, row.decision_id)
    if decision is None:
        raise UnknownName(f"approval {row.id} has no decision {row.decision_id}.")
    body = read.body(decision.entry)
    return Proposal.model_validate(body["proposal"]), Verdict.model_validate(body["verdict"]), body


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

    answered = await store.write_async(work)
    crash_point("answer.after_commit")
    return answered


def _answer(
    tx: Tx,
    row: ApprovalRow,
    person: PersonId,
    decision: Literal["approve", "reject"],
    reason: str,
    policy: Policy,
    asserted: str,
) -> Answered:
    proposal, verdict, _ = load(tx, row)
    check_answer(
        _facts(tx, row),
        person=person,
        now=tx.now,
        policy_digest=_in_force(tx, policy),
        action_digest=request_digest(proposal),
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
    _check_reason(decision, reason, said)
    if decision == "reject":
        approvals.answer(tx, row.id, state="rejected", person=person, reason=reason, body=said)
        endings.rejected(tx, row, person=person, reason=reason, policy=policy)
        return Answered(row.id, "rejected", None, 0)
    votes.give(tx, row.id, person=person, body=said)
    missing = row.quorum - len(votes.people(tx, row.id))
    if missing > 0:
        return Answered(row.id, "waiting", None, missing)
    return _approve(tx, row, proposal, verdict, said, policy)


def _in_force(tx: Tx, policy: Policy) -> str:
    """Digest of the policy in force (rule 2).

    Raises:
        PolicyChanged: this process still works under another one.
    """
    present = policies.present(tx)
    if present is not None and present.digest != policy.digest:
        raise PolicyChanged(
            f"the governance document {present.digest[:12]} was put in force meanwhile; "
            f"this process works under {policy.digest[:12]}.",
            next_step="Open the company again.",
        )
    return policy.digest


def _check_reason(decision: str, reason: str, said: Mapping[str, JsonValue]) -> None:
    if decision == "reject" and not reason.strip():
        raise AnswerRefused("a rejection needs a reason.", next_step="Add --reason 'why'.")
    if len(reason) > _LONGEST_REASON:
        raise AnswerRefused(f"a reason has at most {_LONGEST_REASON} characters, got {len(reason)}.")
    try:
        canonical_json(said)
    except NotCanonical as wrong:
        raise AnswerRefused(f"the ledger cannot keep this answer: {wrong}.") from None


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


def listed(read: Read, *, state: ApprovalState | None = None) -> list[dict[str, JsonValue]]:
    """Return approvals as people are shown them, the waiting ones first."""
    rows = sorted(approvals.listing(read, state=state), key=lambda row: (row.state != "waiting", row.due))
    return [shown(read, row) for row in rows]


def shown(read: Read, row: ApprovalRow) -> dict[str, JsonValue]:
    """Return one approval as people are shown it, with who has approved so far."""
    return {**describe(row, load(read, row)[2]), "approved_by": list(votes.people(read, row.id))}


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


def bring_in_step(store: Store, threads: ApprovalThreads, lease: Lease | None) -> None:
    """Bring the threads of the approval graph in step with their rows: ask what waits, resume the rest.

    A row whose decision was removed from the ledger shows nothing; it still ends by its deadline.
    """
    waiting = store.read(lambda read: _bodies(read, approvals.listing(read, state="waiting")))
    answered = store.read(lambda read: _bodies(read, approvals.unresumed(read)))
    threads.ask({row.id: describe(row, body) for row, body in waiting if body is not None})
    for row, body in answered:
        if body is not None:
            reply: dict[str, JsonValue] = {
                "state": row.state,
                "by": row.person or "",
                "reason": row.reason or "",
            }
            threads.answer(row.id, describe(row, body), reply)
    if answered:
        store.write(lambda tx: [approvals.resumed(tx, row.id) for row, _ in answered], lease=lease)


def _bodies(read: Read, rows: Sequence[ApprovalRow]) -> list[tuple[ApprovalRow, Mapping[str, JSON] | None]]:
    """The rows, each with what its decision recorded, if that is still there."""
    found = ((row, decisions.get(read, row.decision_id)) for row in rows)
    return [(row, None if one is None else read.entry(one.entry).body) for row, one in found]
