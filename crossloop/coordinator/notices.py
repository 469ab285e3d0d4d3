"""Who is told what: notices are recorded with the change they tell of, and printed by whoever runs it.

Rules:

1. Held or escalated: those who are asked, and those the loop names under ``held``. Passed on to those who
   come next in the line: they, and those who were asked before them.
2. Refused or only recorded: both departments and the loop's owner.
3. Held, and ended without an effect: both departments and those who were asked; after a deadline also
   those who come next in the owner's line of escalation.
4. Performed: both departments, and when it was done also those the loop names under ``done``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from crossloop.governance import Loop, Policy
from crossloop.signals import NO_ACTION, NO_ANSWER, Proposal, Receipt, Signal, Verdict
from crossloop.store import Tx, inbox, notices
from crossloop.store.approvals import ApprovalRow
from crossloop.store.decisions import DecisionRow

_LONGEST = 4000


def notify_decided(tx: Tx, signal: Signal, proposal: Proposal, verdict: Verdict, policy: Policy) -> None:
    """Tell those who have to answer, or both departments where nothing will be done (rules 1 and 2)."""
    case, loop = signal.correlation_id, _loop(policy, proposal.loop)
    if verdict.outcome in ("hold", "escalate") and verdict.required is not None:
        why = "; ".join(one.text for one in verdict.reasons if one.outcome in ("hold", "escalate"))
        what = f"{proposal.intervention} for {_what(proposal)}"
        people = verdict.required.people
        _tell(tx, case, proposal.id, people, verdict.outcome, f"Please decide on {what}: {why}")
        others = [one for one in (loop.notify.held if loop else ()) if one not in people]
        waits = f"{what[0].upper()}{what[1:]} waits for {' and '.join(people)}: {why}"
        _tell(tx, case, proposal.id, others, verdict.outcome, waits)
    elif verdict.outcome in ("refuse", "shadow"):
        concerned = [signal.department, proposal.department, *([loop.owner] if loop else [])]
        _tell(tx, case, proposal.id, concerned, verdict.outcome, _nothing_done(proposal, verdict))


def notify_closed(
    tx: Tx,
    decision: DecisionRow,
    row: ApprovalRow,
    state: Literal["rejected", "expired", "withdrawn", "superseded"],
    because: str,
    policy: Policy,
) -> None:
    """Tell everybody concerned that a held decision has ended without an effect (rule 3)."""
    loop = _loop(policy, decision.loop)
    owner = policy.document.departments.get(loop.owner) if loop else None
    line = owner.escalate.then if state == "expired" and owner and owner.escalate else ()
    told = [_sender(tx, decision.signal_id), decision.department, *row.people, *line]
    text = f"Not done: {decision.intervention} is {state}, {because}."
    _tell(tx, decision.case, decision.id, told, state, text)


def notify_passed_on(
    tx: Tx, decision: DecisionRow, row: ApprovalRow, people: Sequence[str], because: str
) -> None:
    """Tell those who are asked next, and those who were asked before them (rule 1)."""
    text = f"Please decide on {decision.intervention} ({row.id}): {because}."
    _tell(tx, decision.case, decision.id, people, "passed_on", text)
    text = f"{decision.intervention} waits for {' and '.join(people)} now: {because}."
    _tell(tx, decision.case, decision.id, row.people, "passed_on", text)


def notify_done(tx: Tx, decision: DecisionRow, receipt: Receipt, policy: Policy, *, why: str) -> None:
    """Tell both departments what happened and why (rule 4)."""
    text = {
        "done": f"Done: {decision.intervention} ({receipt.detail}). Why: {why}",
        "failed": f"Not done: {decision.intervention} failed ({receipt.detail}).",
        "unknown": (
            f"Nobody can tell whether {decision.intervention} was done ({receipt.detail}). "
            "It will not be repeated; please look at the system."
        ),
    }[receipt.outcome]
    loop = _loop(policy, decision.loop)
    told = loop.notify.done if loop is not None and receipt.outcome == "done" else ()
    concerned = [_sender(tx, decision.signal_id), decision.department, *told]
    _tell(tx, decision.case, decision.id, concerned, receipt.outcome, text)


def _loop(policy: Policy, name: str | None) -> Loop | None:
    return policy.document.loops.get(name) if name else None


def _sender(tx: Tx, signal: str) -> str:
    known = inbox.identity(tx, signal)
    assert known is not None, f"a decision answers {signal}, which is not in the inbox"
    return known.department


def _nothing_done(proposal: Proposal, verdict: Verdict) -> str:
    if proposal.intervention in (NO_ACTION, NO_ANSWER):
        said = proposal.rationale
        return said[0].upper() + said[1:] if said[:7].lower() == "nothing" else f"Nothing done: {said}"
    why = "; ".join(one.text for one in verdict.reasons if one.outcome == verdict.outcome)
    word = "Only recorded" if verdict.outcome == "shadow" else "Refused"
    return f"{word}: {proposal.intervention} for {_what(proposal)}. {why}"


def _what(proposal: Proposal) -> str:
    return proposal.action.resource if proposal.action is not None else "nothing"


def _tell(tx: Tx, case: str, decision: str, recipients: Iterable[str], kind: str, text: str) -> None:
    told = list(dict.fromkeys(recipients))
    if told:
        notices.record(tx, case=case, decision_id=decision, recipients=told, kind=kind, text=text[:_LONGEST])
