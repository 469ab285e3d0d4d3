"""Who is told what: notices are recorded with the change they tell of, and printed by whoever runs it."""

from __future__ import annotations

from crossloop.governance import Policy
from crossloop.ids import derived
from crossloop.signals import NO_ACTION, Proposal, Receipt, Signal, Verdict
from crossloop.store import Tx, decisions, inbox, notices


def notify_decided(tx: Tx, signal: Signal, proposal: Proposal, verdict: Verdict, policy: Policy) -> None:
    """Tell those who have to answer, and both departments where nothing will be done."""
    if verdict.outcome in ("hold", "escalate") and verdict.required is not None:
        for person in verdict.required.people:
            _tell(tx, signal.correlation_id, proposal, person, verdict.outcome, _asking(proposal, verdict))
    elif verdict.outcome in ("refuse", "shadow"):
        for department in _both(signal, proposal, policy):
            _tell(
                tx,
                signal.correlation_id,
                proposal,
                department,
                verdict.outcome,
                _nothing_done(proposal, verdict),
            )


def notify_done(tx: Tx, proposal: Proposal, receipt: Receipt, policy: Policy) -> None:
    """Tell both departments what happened and why."""
    row = inbox.get(tx, proposal.signal_id)
    decision = decisions.get(tx, proposal.id)
    if row is None or decision is None:
        raise LookupError(f"receipt {receipt.action_key} belongs to no decision")
    text = {
        "done": f"Done: {proposal.intervention} ({receipt.detail}). Why: {proposal.rationale}",
        "failed": f"Not done: {proposal.intervention} failed ({receipt.detail}).",
        "unknown": (
            f"Nobody can tell whether {proposal.intervention} was done ({receipt.detail}). "
            "It will not be repeated; please look at the system."
        ),
    }[receipt.outcome]
    loop = policy.document.loops.get(proposal.loop) if proposal.loop else None
    told = list(loop.notify.done) if loop is not None and receipt.outcome == "done" else []
    for recipient in dict.fromkeys([row.department, proposal.department, *told]):
        _tell(tx, row.case, proposal, recipient, receipt.outcome, text)


def _both(signal: Signal, proposal: Proposal, policy: Policy) -> list[str]:
    loop = policy.document.loops.get(proposal.loop) if proposal.loop else None
    owner = [loop.owner] if loop is not None else []
    return list(dict.fromkeys([signal.department, proposal.department, *owner]))


def _asking(proposal: Proposal, verdict: Verdict) -> str:
    why = "; ".join(one.text for one in verdict.reasons if one.outcome in ("hold", "escalate"))
    return f"Please decide on {proposal.intervention} for {_what(proposal)}: {why}"


def _nothing_done(proposal: Proposal, verdict: Verdict) -> str:
    if proposal.intervention == NO_ACTION:
        return f"Nothing done: {proposal.rationale}"
    why = "; ".join(one.text for one in verdict.reasons if one.outcome == verdict.outcome)
    word = "Only recorded" if verdict.outcome == "shadow" else "Refused"
    return f"{word}: {proposal.intervention} for {_what(proposal)}. {why}"


def _what(proposal: Proposal) -> str:
    return proposal.action.resource if proposal.action is not None else "nothing"


def _tell(tx: Tx, case: str, proposal: Proposal, recipient: str, kind: str, text: str) -> None:
    notices.record(
        tx,
        id=derived("ntc", proposal.id, recipient, kind),
        case=case,
        decision_id=proposal.id,
        recipient=recipient,
        kind=kind,
        text=text[:4000],
    )
