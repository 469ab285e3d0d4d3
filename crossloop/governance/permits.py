"""Permits: you may do this exact action, once, until then.

Rules:

1. A permit is minted for a verdict of act, or for a hold or an escalation that an approval has granted.
   Nothing mints one for a refusal or for shadow, whoever clicks.
2. The verdict is the one on this proposal and on exactly this request; the approval covers the same
   decision, the same request and the same policy.
3. Where an undertaking came to nothing, what its earlier steps did may be taken back, and nobody is asked:
   whoever permitted a step permitted it as a part of the whole. Such a permit is for a change of what the
   step changed, the same resource in the same system: a system that names another one is defective. It names
   no approver, but the undertaking and why it came to nothing.
4. A permit is worth something only for a request with its digest and before it expires.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final

from crossloop.clock import require_aware
from crossloop.errors import CrossloopError
from crossloop.governance.answers import ApprovalFacts
from crossloop.governance.policy import Policy
from crossloop.ids import undo_key
from crossloop.signals import ActionRequest, Permit, Proposal, Verdict

VALID_FOR: Final = timedelta(hours=24)
"""How long a permit lasts where the caller has no time of its own (a loop's ``respond_within``)."""


class PermitRefused(CrossloopError):
    """No permit can be minted for this proposal."""

    code: ClassVar[str] = "permit.refused"


class PermitMismatch(CrossloopError):
    """The permit is for another request than the one about to be performed."""

    code: ClassVar[str] = "permit.other_action"


class PermitExpired(CrossloopError):
    """The permit is worth nothing any more."""

    code: ClassVar[str] = "permit.expired"


def permit_for(
    proposal: Proposal,
    verdict: Verdict,
    *,
    now: datetime,
    approval: ApprovalFacts | None = None,
    valid_for: timedelta = VALID_FOR,
) -> Permit:
    """Mint the permit of a proposal.

    Raises:
        PermitRefused: the verdict is not act and no approval covers exactly this action and policy.
    """
    wanted = proposal.action_digest
    if wanted is None:
        raise PermitRefused(f"{proposal.id} asks for nothing.")
    if verdict.decision_id != proposal.id or verdict.facts.get("action_digest") != wanted:
        raise PermitRefused(f"the verdict is not on the action {wanted[:12]} of {proposal.id}.")
    needs_approval = verdict.outcome in ("hold", "escalate")
    if not needs_approval and verdict.outcome != "act":
        raise PermitRefused(f"the verdict on {proposal.id} is {verdict.outcome}; nothing permits it.")
    if needs_approval:
        _covers(approval, proposal, verdict, wanted)
    granted_at = require_aware(now)
    return Permit(
        action_key=proposal.action_key,
        action_digest=wanted,
        policy=verdict.policy,
        approvers=approval.approved if approval and needs_approval else (),
        approval_id=approval.id if approval and needs_approval else None,
        granted_at=granted_at,
        expires_at=granted_at + valid_for,
    )


def permit_to_take_back(
    proposal: Proposal,
    request: ActionRequest,
    *,
    policy: Policy,
    because: str,
    now: datetime,
    valid_for: timedelta = VALID_FOR,
) -> Permit:
    """Mint the permit of the action that takes a step of an undertaking back (rule 3).

    Args:
        proposal: the step, whose action was done.
        request: what takes it back.
        policy: the rules in force.
        because: why the undertaking came to nothing.

    Raises:
        PermitRefused: it is no step of an undertaking, or the request touches something else than it did.
    """
    done = proposal.action
    if proposal.saga is None or done is None:
        raise PermitRefused(f"{proposal.id} is no step of an undertaking; what it did stands by itself.")
    if (request.system, request.resource) != (done.system, done.resource):
        raise PermitRefused(
            f"what {proposal.id} did is on {done.resource} in {done.system}; "
            f"what is to take it back is on {request.resource} in {request.system}."
        )
    granted_at = require_aware(now)
    return Permit(
        action_key=undo_key(proposal.action_key),
        action_digest=request.digest(),
        policy=policy.digest,
        because=f"{proposal.saga}: {because}"[:500],
        granted_at=granted_at,
        expires_at=granted_at + valid_for,
    )


def _covers(approval: ApprovalFacts | None, proposal: Proposal, verdict: Verdict, wanted: str) -> None:
    if approval is None:
        raise PermitRefused(f"the verdict on {proposal.id} is {verdict.outcome}; people have to approve.")
    if approval.decision_id != proposal.id:
        raise PermitRefused(f"{approval.id} is about {approval.decision_id}, not {proposal.id}.")
    if approval.action_digest != wanted:
        raise PermitRefused(f"{approval.id} covers {approval.action_digest[:12]}, not {wanted[:12]}.")
    if approval.policy != verdict.policy:
        raise PermitRefused(f"{approval.id} was asked under another policy than the verdict's.")
    if not approval.granted:
        raise PermitRefused(f"{approval.id} is not granted: {approval.quorum} of those asked must approve.")


def check_permit(permit: Permit, request: ActionRequest, *, now: datetime) -> None:
    """Refuse a permit that does not cover this request at this moment.

    Raises:
        PermitMismatch: the request has another digest.
        PermitExpired: it is too late.
    """
    found = request.digest()
    if found != permit.action_digest:
        raise PermitMismatch(f"the permit is for {permit.action_digest[:12]}, the request is {found[:12]}.")
    if require_aware(now) >= permit.expires_at:
        raise PermitExpired(
            f"the permit of {permit.action_key} expired at {permit.expires_at.isoformat()}.",
            next_step="Run the loop again, so that it is judged anew.",
        )
