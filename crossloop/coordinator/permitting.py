"""From what was judged, or answered by people, to the row of an action and its permit. Writes what
:mod:`crossloop.governance.permits` mints, and nothing without it.

Rules:

1. What is held or escalated is *planned*: the exact request stands in the store before anybody is asked. So
   is a step of an undertaking whose turn has not come.
2. What people approve is permitted under the key under which it was planned.
3. A permit lasts as long as the loop has to respond.
"""

from __future__ import annotations

from datetime import timedelta

from crossloop.canonical import to_json
from crossloop.clock import end_of_day
from crossloop.coordinator import line
from crossloop.governance import VALID_FOR, ApprovalFacts, Policy
from crossloop.ids import ApprovalId, DecisionId, PersonId
from crossloop.signals import ActionRequest, Permit, Proposal
from crossloop.store import Read, Tx, actions, decisions, inbox, observations, votes
from crossloop.store.actions import NewAction
from crossloop.store.approvals import ApprovalRow
from crossloop.store.decisions import DecisionRow
from crossloop.store.ledger.entries import understood


def requested(proposal: Proposal) -> ActionRequest:
    """What is asked for; a proposal without a request has nothing to permit."""
    if proposal.action is None:
        raise ValueError(f"proposal {proposal.id} asks for nothing")
    return proposal.action


def request_digest(proposal: Proposal) -> str:
    """Digest of what is asked for; a proposal without a request has none to permit."""
    if proposal.action_digest is None:
        raise ValueError(f"proposal {proposal.id} asks for nothing")
    return proposal.action_digest


def validity(proposal: Proposal, policy: Policy) -> timedelta:
    """How long a permit lasts (rule 3)."""
    loop = policy.document.loops.get(proposal.loop) if proposal.loop else None
    return VALID_FOR if loop is None else loop.respond_within


def plan(tx: Tx, case: str, proposal: Proposal) -> int | None:
    """Write the action row of something that nothing permits yet (rule 1)."""
    return actions.plan(tx, _new(case, proposal, request_digest(proposal)), body={})


def write_permit(tx: Tx, case: str, proposal: Proposal, permit: Permit) -> int | None:
    """Permit a proposal's action (rule 2); None when it was permitted, or dropped, before."""
    action = _new(case, proposal, permit.action_digest)
    return actions.permit(tx, action, expires_at=permit.expires_at, body={"permit": to_json(permit)})


def _new(case: str, proposal: Proposal, digest: str) -> NewAction:
    request = requested(proposal)
    return NewAction(
        key=proposal.action_key,
        decision_id=proposal.id,
        case=case,
        system=request.system,
        operation=request.operation,
        resource=request.resource,
        digest=digest,
        undoes=proposal.undoes,
    )


def approval_facts(read: Read, row: ApprovalRow, policy: Policy) -> ApprovalFacts:
    """What is known about an approval when it is answered, or when what it approved is permitted."""
    decision, before = decisions.get(read, row.decision_id), line.asked_before(read, row)
    known = observations.newest(read)
    signal = None if decision is None else inbox.get(read, decision.signal_id)
    return ApprovalFacts(
        id=ApprovalId(row.id),
        decision_id=DecisionId(row.decision_id),
        action_digest=row.digest,
        policy=row.policy,
        people=tuple(PersonId(one) for one in row.people),
        quorum=row.quorum,
        due=row.due,
        before=() if before is None else tuple(PersonId(one) for one in before.people),
        before_due=None if before is None else before.until,
        goes_on=line.comes_next(read, row) is not None,
        valid_until=None if signal is None else signal.valid_until,
        known_until=None if known is None else end_of_day(known, policy.document.timezone),
        proposer=None if decision is None else decision.department,
        approved=tuple(PersonId(one) for one in votes.people(read, row.id)),
        ended=None if row.state == "waiting" else ended(row),
    )


def ended(row: ApprovalRow) -> str:
    """How an approval ended, in words."""
    by = f" by {row.person}" if row.person else ""
    return f"{row.state}{by}{f', {row.reason}' if row.reason else ''}"


def recorded(read: Read, decision: DecisionRow) -> Proposal | None:
    """The proposal that was decided on; None where it was removed from the ledger.

    Raises:
        LedgerBroken: the entry does not say what a decision says.
    """
    body = read.entry(decision.entry).body
    if body is None:
        return None
    with understood(decision.entry, decisions.DECISION):
        return Proposal.model_validate(body["proposal"])
