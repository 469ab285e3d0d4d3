"""The gates: may this proposal become an action?

Every gate is asked and every reason is kept, those that agree too. The strictest finding wins. What the
document does not permit is denied. The gates, in the order of the table at the end:

1. substance: it asks for something, in a form that a digest can be taken of. A proposal that asks for
   nothing is refused here and is not taken to the other gates: there is nothing they could permit. What takes
   an action back that is not in force, or that somebody else takes back, is refused: once is enough.
2. validity: at the business time of the judgement the signal still holds.
3. loop: the document has the loop; the proposing department owns it; it permits this intervention; and the
   signal's type is one that the loop answers with it. Taking a suppression back is an intervention, too.
   (The heads' signatures on the loop are asked for after this one.)
4. boundary: the department owns everything the proposal touches: the request's resource, which must name
   the system that is asked, the impact and every claim.
5. strategy: what it touches is not protected and lies in an allowed region. The spend floor needs the
   present spend and is weighed by the department.
6. conflict: it met no other interest, or its own goes first. Lost refuses, undecided escalates.
7. stage: the least of department and loop. Shadow executes nothing; supervised holds for the owner's head.
   (Calibration corrects the confidence between this gate and the next.)
8. confidence: the smaller of signal and proposal. From ``act`` on it may run, from ``ask`` on the owner's
   head is asked, below that it is escalated along the owner's chain.
9. approvals: each rule of the intervention. True asks its people; one that cannot be answered refuses.

The judgement is pure and total: no I/O, no clock, and a verdict for every proposal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from crossloop.clock import require_aware
from crossloop.governance.combine import Finding, required, strictest
from crossloop.governance.document import Loop, Permission
from crossloop.governance.facts import BASE_FACTS, FactValue, build_facts, least_confidence
from crossloop.governance.policy import Asking, Policy
from crossloop.governance.rules import RuleFailed
from crossloop.governance.state import GateState, SignalFacts
from crossloop.resources import area_of, covers, touches_protected
from crossloop.signals import NO_ACTION, NO_ANSWER, ActionRequest, Proposal, Verdict

_LONGEST_REASON = 2000
_ASKS_FOR_NOTHING: Final = {NO_ACTION: "nothing to do", NO_ANSWER: "no answer"}
_BASE: Final = {fact.name: fact for fact in BASE_FACTS}


@dataclass(frozen=True, slots=True)
class _Case:
    """One proposal with everything the gates look at, looked up once."""

    proposal: Proposal
    action: ActionRequest
    signal: SignalFacts
    state: GateState
    policy: Policy
    loop: Loop | None
    permission: Permission | None
    facts: Mapping[str, FactValue]
    touched: list[str]
    """Every resource that the proposal names."""


Gate = Callable[[_Case], list[Finding]]


def judge(
    proposal: Proposal, signal: SignalFacts, state: GateState, policy: Policy, *, now: datetime
) -> Verdict:
    """Decide whether a proposal acts, is held, escalated, refused, or only recorded (shadow).

    Args:
        proposal: what a department asks for.
        signal: the signal it answers, with the business time of this judgement.
        state: today's impact on the same resource and how a conflict was resolved.
        policy: the policy in force.
        now: real time; deadlines of people count from it.
    """
    now = require_aware(now)
    loop = policy.document.loops.get(proposal.loop) if proposal.loop else None
    declared = policy.declared[proposal.loop] if proposal.loop and loop else _BASE
    facts = build_facts(proposal, signal, state, declared)
    nothing = _nothing_to_judge(proposal, facts)
    if nothing is not None or proposal.action is None:
        found = [("substance", Finding("refuse", nothing or "nothing to do: no action is requested."))]
    else:
        permission = loop.interventions.get(proposal.intervention) if loop else None
        touched = _touched(proposal, proposal.action)
        case = _Case(proposal, proposal.action, signal, state, policy, loop, permission, facts, touched)
        found = [(name, finding) for name, gate in GATES for finding in gate(case)]
    findings = [finding for _, finding in found]
    outcome = strictest([finding.outcome for finding in findings])
    asked = required(findings, now)
    # Validated as a whole: building each reason by itself takes three times as long.
    return Verdict.model_validate(
        {
            "decision_id": proposal.id,
            "outcome": outcome,
            "reasons": tuple([_reason(name, finding, findings) for name, finding in found]),
            "facts": facts,
            "policy": policy.digest,
            "required": asked if outcome in ("hold", "escalate") else None,
        }
    )


def _reason(gate: str, finding: Finding, findings: list[Finding]) -> dict[str, str]:
    """The values of a :class:`~crossloop.signals.Reason`."""
    text = finding.text
    if "\x00" in text:  # which the ledger does not take
        text = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    if finding.outcome == "shadow":
        otherwise = strictest(one.outcome for one in findings if one.outcome != "shadow")
        text = f"{text} Otherwise it would {otherwise}."
    if len(text) > _LONGEST_REASON:
        text = text[: _LONGEST_REASON - 1] + "…"
    return {"gate": gate, "outcome": finding.outcome, "text": text}


def _touched(proposal: Proposal, action: ActionRequest) -> list[str]:
    impact = [proposal.impact.resource] if proposal.impact else []
    claimed = [claim.resource for claim in proposal.claims]
    return list(dict.fromkeys([action.resource, *impact, *claimed]))


def _nothing_to_judge(proposal: Proposal, facts: Mapping[str, FactValue]) -> str | None:
    if proposal.intervention in (NO_ACTION, NO_ANSWER):
        if proposal.action is not None:
            return f"'{proposal.intervention}' asks for nothing, but carries a request."
        return f"{_ASKS_FOR_NOTHING[proposal.intervention]}: {proposal.rationale}"
    if proposal.action is None:
        return f"nothing to do: '{proposal.intervention}' carries no request."
    if "action_digest" not in facts:
        return "the request has no canonical form, so no permit could name it exactly."
    return None


def _substance(case: _Case) -> list[Finding]:
    action = case.action
    if case.state.not_to_undo:
        return [Finding("refuse", case.state.not_to_undo)]
    return [Finding("act", f"asks {action.system} for {action.operation} on {action.resource}.")]


def _validity(case: _Case) -> list[Finding]:
    until, at = case.signal.valid_until, case.signal.time
    if at > until:
        return [Finding("refuse", f"the signal expired at {until.isoformat()}; it is {at.isoformat()}.")]
    return [Finding("act", f"the signal is valid until {until.isoformat()}.")]


def _loop(case: _Case) -> list[Finding]:
    name, wanted, kind = case.proposal.loop, case.proposal.intervention, case.signal.type
    if name is None or case.loop is None:
        what = f"has no loop '{name}'" if name else "permits nothing outside a loop"
        return [Finding("refuse", f"the document {what}.")]
    if case.loop.owner != case.proposal.department:
        acting = case.proposal.department
        return [Finding("refuse", f"{name} belongs to {case.loop.owner}; {acting} does not act in it.")]
    if case.permission is None:
        return [Finding("refuse", f"the document does not permit '{wanted}' in {name}.")]
    if wanted not in case.policy.permitted[name].get(kind, frozenset[str]()):
        return [Finding("refuse", f"{name} does not answer {kind} with '{wanted}'.")]
    return [Finding("act", f"the document permits '{wanted}' in {name}.")]


def _boundary(case: _Case) -> list[Finding]:
    department, action = case.proposal.department, case.action
    owned = case.policy.boundaries.get(department)
    if owned is None:
        return [Finding("refuse", f"the document has no department '{department}'.")]
    if action.resource.split("/")[0] != action.system:
        return [Finding("refuse", f"{action.resource} is not a resource of the system {action.system}.")]
    outside = [one for one in case.touched if not any(pattern.matches(one) for pattern in owned)]
    boundary = ", ".join(pattern.text for pattern in owned) or "nothing"
    if outside:
        return [Finding("refuse", f"{department} owns {boundary}; outside of that: {', '.join(outside)}.")]
    return [Finding("act", f"inside what {department} owns: {boundary}.")]


def _strategy(case: _Case) -> list[Finding]:
    department = case.policy.document.departments.get(case.proposal.department)
    if department is None:
        return [Finding("refuse", "a department without a declared strategy may touch nothing.")]
    strategy, found = department.strategy, list[Finding]()
    for resource in case.touched:
        for protected in strategy.protected:
            if touches_protected(protected, resource):
                found.append(Finding("refuse", f"{resource} is protected by '{protected}'."))
        area = area_of(resource)
        allowed = strategy.allowed_regions
        if area is not None and allowed is not None and not any(covers(one, area) for one in allowed):
            found.append(Finding("refuse", f"{area} is outside the allowed regions {', '.join(allowed)}."))
    return found or [Finding("act", "nothing it touches is protected or outside the allowed regions.")]


def _conflict(case: _Case) -> list[Finding]:
    conflict = case.state.conflict
    if conflict is None:
        return [Finding("act", "no other interest stands against it.")]
    own = {claim.interest for claim in case.proposal.claims} or {case.proposal.department}
    if conflict.winner is None:
        met = " and ".join(conflict.interests)
        text = f"{met} disagree over {conflict.kind}; {conflict.rule}."
        return [Finding("escalate", text, _chain(case))]
    if own == {conflict.winner}:
        return [Finding("act", f"{conflict.winner} goes first over {conflict.kind} ({conflict.rule}).")]
    return [Finding("refuse", f"{conflict.winner} goes first over {conflict.kind} ({conflict.rule}).")]


def _stage(case: _Case) -> list[Finding]:
    department, name = case.proposal.department, case.proposal.loop
    if name is None or case.loop is None or department not in case.policy.document.departments:
        return [Finding("refuse", "no stage is set for it.")]
    stage = case.policy.stage(department, name)
    if stage == "shadow":
        why = "this run is in shadow" if case.policy.shadow_only else f"{department} and {name} are in shadow"
        return [Finding("shadow", f"{why}: nothing is executed.")]
    if stage == "supervised":
        return [Finding("hold", f"the stage is supervised: {_head(case)} decides.", _asking_head(case))]
    return [Finding("act", "the stage is autonomous.")]


def _confidence(case: _Case) -> list[Finding]:
    permission, proposed, signalled = case.permission, case.proposal.confidence, case.signal.confidence
    least = least_confidence(proposed, signalled)
    if least is None:
        return [Finding("refuse", f"confidence {signalled} or {proposed} is not a probability.")]
    if permission is None:
        return [Finding("refuse", f"no confidence suffices for '{case.proposal.intervention}'.")]
    said = f"confidence {least:.6g} (signal {signalled:.6g}, proposal {proposed:.6g})"
    if least >= permission.act:
        return [Finding("act", f"{said} reaches act {permission.act:g}.")]
    if least >= permission.ask:
        text = f"{said} is below act {permission.act:g}: {_head(case)} decides."
        return [Finding("hold", text, _asking_head(case))]
    return [Finding("escalate", f"{said} is below ask {permission.ask:g}.", _chain(case))]


def _approvals(case: _Case) -> list[Finding]:
    if case.permission is None:
        return [Finding("refuse", f"no approval is foreseen for '{case.proposal.intervention}'.")]
    if not case.permission.approvals:
        return [Finding("act", f"no rule asks people about '{case.proposal.intervention}'.")]
    return [_asked_by(case, name) for name in case.permission.approvals]


def _asked_by(case: _Case, name: str) -> Finding:
    rule, entry = case.policy.rules[name], case.policy.document.rules[name]
    try:
        asks = rule.asks(case.facts)
    except RuleFailed as wrong:
        return Finding("refuse", f"the rule '{name}' ({rule.source}) has no answer: {wrong}.")
    compared = ", ".join(f"{operand} {_shown(case.facts[operand])}" for operand in rule.operands)
    if not asks:
        return Finding("act", f"'{name}' ({rule.source}) asks nobody: {compared or 'always'}.")
    every = entry.asked.all is not None
    people = (" and " if every else " or ").join(entry.asked.people)
    text = f"'{name}' ({rule.source}) asks {people}: {compared or 'always'}."
    return Finding("hold", text, Asking(entry.asked.people, every, entry.within))


def _shown(value: FactValue) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _asking_head(case: _Case) -> Asking | None:
    return case.policy.asking_head(case.loop) if case.loop else None


def _chain(case: _Case) -> Asking | None:
    return case.policy.asking_chain(case.loop) if case.loop else None


def _head(case: _Case) -> str:
    return case.policy.head(case.loop.owner) if case.loop else "nobody"


GATES: Final[tuple[tuple[str, Gate], ...]] = (
    ("substance", _substance),
    ("validity", _validity),
    ("loop", _loop),
    # signatures: has every head concerned signed the resolved loop?
    ("boundary", _boundary),
    ("strategy", _strategy),
    ("conflict", _conflict),
    ("stage", _stage),
    # calibration: what is this stated confidence worth, by outcomes so far?
    ("confidence", _confidence),
    ("approvals", _approvals),
)
"""The gates in the order in which they are asked and their reasons are kept."""
