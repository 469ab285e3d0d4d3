"""The story of a case: every ledger entry of it, in order, in words and as data.

The words are made from the entries alone, so that the story says what was recorded and nothing else. Beside
it stands how far each undertaking of the case has come, which is read from its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from crossloop.errors import LedgerBroken, UnknownName
from crossloop.frozen import Frozen
from crossloop.ids import begins_one
from crossloop.store import Entry, Read, actions, approvals, cases, decisions, inbox, incidents
from crossloop.store.decisions import DecisionRow, SagaKey
from crossloop.store.ledger.entries import understood

Body = Mapping[str, Any]
Words = tuple[str, str, str]
"""Who, what, because."""

_MEASURED: Final = (
    "metric",
    "level",
    "codes",
    "window",
    "orders",
    "failures",
    "estimate",
    "interval",
    "threshold",
)
"""Fields of a payload that measures an area; one that has them all is told by its figures."""


_MOST: Final = 10_000
"""Decisions of one case that are looked through for undertakings."""

_REDACTED: Final = "the content of this entry was removed; its proof still holds"


class Step(Frozen):
    """One thing that happened."""

    entry: int
    """Position in the ledger."""

    at: str
    """Real time, ISO 8601 in UTC."""

    kind: str
    who: str
    what: str
    because: str


class UndertakingStep(Frozen):
    """One step of an undertaking, as far as it has come."""

    step: int
    decision: str
    intervention: str
    resource: str | None
    """None where nothing is asked of a system."""

    state: str
    """That of its action (``planned``, ``done``, …); ``refused`` where it led to none."""

    taken_back: str | None
    """State of the action that takes it back; None where there is none."""

    incident: str | None
    """The open incident about it; None where there is none."""


class Undertaking(Frozen):
    """What a department wants to do as a whole in answer to one signal."""

    name: str
    department: str
    signal: str
    steps: tuple[UndertakingStep, ...]


class Story(Frozen):
    """Everything that followed from one fact."""

    case: str
    steps: tuple[Step, ...]
    undertakings: tuple[Undertaking, ...] = ()
    """Those of the case; most cases have none."""


def explain(read: Read, identifier: str) -> Story:
    """Tell the story of whatever the identifier names, or begins to name.

    Raises:
        UnknownName: nothing, or more than one case, fits, or too little of the id was given.
        LedgerBroken: an entry of it, or a row that leads to it, is not as it was written.
    """
    found = _cases(read, identifier) if identifier else set[str]()
    if not found:
        raise UnknownName(
            f"nothing in this store is called '{identifier}'.",
            next_step="Ids stand in the output of run, signals and approvals list.",
        )
    if len(found) > 1:
        raise UnknownName(f"'{identifier}' fits {len(found)} cases.", next_step="Give more of the id.")
    case = found.pop()
    if identifier != case:
        require_enough(identifier)
    steps = tuple(told(entry) for entry in read.entries(case=case))
    return Story(case=case, steps=steps, undertakings=_undertakings(read, case))


def _undertakings(read: Read, case: str) -> tuple[Undertaking, ...]:
    made = decisions.listing(read, case=case, limit=_MOST)
    keys = {SagaKey(one.signal_id, one.department, one.saga) for one in made if one.saga is not None}
    open_ = {row.action: row.id for row in incidents.listing(read, state="open")} if keys else {}
    return tuple(
        Undertaking(
            name=key.saga,
            department=key.department,
            signal=key.signal_id,
            steps=tuple(_step(read, one, open_) for one in decisions.of_saga(read, key)),
        )
        for key in sorted(keys)
    )


def _step(read: Read, decision: DecisionRow, open_: Mapping[str, str]) -> UndertakingStep:
    rows = actions.for_decision(read, decision.id)
    # What takes the decision's own action back belongs to the decision as well.
    keys = {row.key for row in rows}
    own = next((row for row in rows if row.undoes not in keys), None)
    back = None if own is None else actions.taking_back(read, own.key)
    known = [open_[row.key] for row in (own, back) if row is not None and row.key in open_]
    return UndertakingStep(
        step=decision.step,
        decision=decision.id,
        intervention=decision.intervention,
        resource=None if own is None else own.resource,
        state="refused" if own is None else own.state,
        taken_back=None if back is None else back.state,
        incident=known[0] if known else None,
    )


def require_enough(beginning: str) -> None:
    """Refuse the beginning of an id that happens to fit one thing now and says nothing about it.

    Raises:
        UnknownName: it holds fewer than four characters after the kind.
    """
    if not begins_one(beginning):
        raise UnknownName(
            f"'{beginning}' is too little of an id.",
            next_step="Give at least four characters after its kind, such as apr_4x7q.",
        )


def _cases(read: Read, identifier: str) -> set[str]:
    """The cases that fit. One whose whole id it is fits alone: a case may be named by somebody else."""
    named = cases.find(read, identifier)
    if identifier in named:
        return {identifier}
    finders: tuple[Callable[[Read, str], list[Any]], ...] = (
        inbox.find,
        decisions.find,
        actions.find,
        approvals.find,
        incidents.find,
    )
    rows: list[Any] = [row for find in finders for row in find(read, identifier)]
    if any(row.case is None for row in rows):
        raise LedgerBroken(
            f"what '{identifier}' names belongs to a case that there is not.",
            position=None,
            next_step="Run `crossloop ledger verify`; restore the store from a copy.",
        )
    return {*named, *(row.case for row in rows)}


def told(entry: Entry) -> Step:
    """Tell one entry in words.

    Raises:
        LedgerBroken: it does not say what entries of its kind say.
    """
    with understood(entry.position, entry.kind):
        if entry.body is None:
            who, what, because = "", "redacted", _REDACTED
        else:
            who, what, because = _WORDS.get(entry.kind, _other)(entry.body)
        return Step(
            entry=entry.position,
            at=entry.at.isoformat(),
            kind=entry.kind,
            who=who,
            what=what,
            because=because,
        )


def _signal(body: Body) -> Words:
    data, sure = body["data"], f"confidence {body['confidence']:.0%}"
    if any(name not in data for name in _MEASURED):
        return body["department"], f"{body['type']} about {body['subject']}", sure
    area = f"{data['level'].replace('_', ' ')} {', '.join(data['codes'][:5])}"
    what = (
        f"{body['type']}: {data['failures']} of {data['orders']} orders from {area} failed "
        f"({data['metric']}, {data['window']['first']} to {data['window']['last']}); estimated rate "
        f"{data['estimate']:.1%} ({data['interval'][0]:.1%} to {data['interval'][1]:.1%})"
    )
    side = "below" if "opened_by" in data else "beyond"
    return body["department"], what, f"{sure} that the next window is {side} {data['threshold']:.0%}"


def _decision(body: Body) -> Words:
    proposal, verdict = body["proposal"], body["verdict"]
    options = "; ".join(
        f"{one['intervention']} {float(value['amount']):+,.0f} {value['currency']}"
        for one in proposal["options"]
        for value in (one["expected_value"],)
    )
    asked = f"asks for {proposal['intervention']}" if proposal["action"] else "asks for nothing"
    if proposal.get("saga") is not None:
        asked += f", step {proposal['step']} of the undertaking {proposal['saga']}"
    considered = f" (considered: {options})" if options else ""
    dissent = "".join(
        f"; against {one['with']} which wants to {one['wants']}: {one['because']}" for one in body["dissent"]
    )
    reasons = "; ".join(f"{one['gate']}: {one['text']}" for one in verdict["reasons"])
    what = f"{asked}{considered}. {proposal['rationale']} Verdict: {verdict['outcome']}{dissent}"
    return proposal["department"], what, reasons


def _permit(body: Body) -> Words:
    permit = body["permit"]
    by = ", ".join(permit["approvers"]) or "the rules"
    ground = f"{permit['because']}; " if permit.get("because") else ""
    what = f"permits action {permit['action_key']} once, until {permit['expires_at']}"
    return by, what, f"{ground}policy {permit['policy'][:12]}, request {permit['action_digest'][:12]}"


def _receipt(body: Body) -> Words:
    reference = f" as {body['reference']}" if body.get("reference") else ""
    return "executor", f"{body['outcome']}{reference}: {body['detail']}", f"action {body['action_key']}"


def _asked(body: Body) -> Words:
    return "governance", f"asks {', '.join(body['people'])}", f"verdict {body['verdict']}"


def _passed_on(body: Body) -> Words:
    return "coordinator", f"asks {', '.join(body['people'])} instead", body["reason"]


def _answer(body: Body) -> Words:
    reason = body.get("reason") or "no reason given"
    if "person" not in body:
        return "coordinator", f"ends the question: {body['answer']}", reason
    return f"{body['person']} ({body['identity']})", f"answers: {body['answer']}", reason


def _claim(body: Body) -> Words:
    state = body["state"].replace("_", " ")
    what = f"claims to {body['direction']} {body['resource']} until {body['ends']} ({state})"
    return body["holder"], what, body["argument"]


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _notice(body: Body) -> Words:
    return "coordinator", f"tells {_listed(body['recipients'])}: {body['text']}", body["kind"]


def _finished(body: Body) -> Words:
    return "coordinator", "nothing of it is left to do", body["outcome"]


def _condition(body: Body) -> Words:
    area = f"{body['level'].replace('_', ' ')} {body['code']}"
    return body["loop"], f"{area} is at risk from {body['day']} on ({body['metric']})", ""


def _over(body: Body) -> Words:
    area = body["path"].removeprefix(f"{body['metric']}/")
    return body["loop"], f"{area} has recovered on {body['day']} ({body['metric']})", ""


def _decided(body: Body) -> Words:
    number = body["proposals"]
    return "coordinator", f"decides on {number} {'answer' if number == 1 else 'answers'} to the signal", ""


def _started(body: Body) -> Words:
    return "executor", f"starts action {body['action_key']}", ""


def _planned(body: Body) -> Words:
    what = f"plans action {body['action_key']}: {body['operation']} on {body['resource']}"
    return "governance", what, "nothing permits it yet"


def _dropped(body: Body) -> Words:
    return "coordinator", f"drops what was planned as action {body['action_key']}", body["because"]


def _reconciled(body: Body) -> Words:
    found = "it was done" if body["state"] == "reconciled" else "it was not done"
    who = f"{body['person']} ({body['identity']})" if body["person"] else body["identity"]
    return who, f"finds out about action {body['action_key']}: {found}", body["reason"]


def _compensated(body: Body) -> Words:
    if body["by"] is not None:
        return "executor", f"action {body['action_key']} was taken back by {body['by']}", ""
    who = f"{body['person']} ({body['identity']})"
    return who, f"has taken action {body['action_key']} back", body["reason"]


def _incident(body: Body) -> Words:
    word = body["kind"].replace("_", " ")
    what = f"opens an incident, {word}, about action {body['action_key']}, for {', '.join(body['people'])}"
    return "coordinator", what, body["because"]


def _incident_overdue(body: Body) -> Words:
    return "coordinator", f"finds that nobody has looked into incident {body['incident']} in time", ""


def _incident_closed(body: Body) -> Words:
    who = f"{body['person']} ({body['identity']})" if body["person"] else body["identity"]
    return who, f"closes incident {body['incident']}: {'yes' if body['happened'] else 'no'}", body["reason"]


def _parked(body: Body) -> Words:
    return "coordinator", f"parks the signal for {', '.join(body['people'])}", body["reason"]


def _expired(body: Body) -> Words:
    return "coordinator", f"lets the signal of {', '.join(body['people'])} expire", body["reason"]


def _in_force(body: Body) -> Words:
    return "coordinator", "what was claimed is in force now", f"{body['decision_id']} may be carried out"


def _released(body: Body) -> Words:
    whose = body.get("decision_id") or body["holder"]
    return "coordinator", "what was claimed is given back", f"{whose} holds no more"


def _other(body: Body) -> Words:
    shown = {key: value for key, value in body.items() if isinstance(value, str | int | float)}
    return "", ", ".join(f"{key} {value}" for key, value in shown.items()), ""


_WORDS: dict[str, Callable[[Body], Words]] = {
    "signal.received": _signal,
    "signal.finished": _finished,
    "decision": _decision,
    "permit": _permit,
    "receipt": _receipt,
    "approval.requested": _asked,
    "approval.passed_on": _passed_on,
    "approval.vote": _answer,
    "approval.answered": _answer,
    "claim": _claim,
    "notice": _notice,
    "condition.opened": _condition,
    "condition.cleared": _over,
    "signal.decided": _decided,
    "action.started": _started,
    "action.planned": _planned,
    "action.dropped": _dropped,
    "action.reconciled": _reconciled,
    "action.compensated": _compensated,
    "incident.opened": _incident,
    "incident.overdue": _incident_overdue,
    "incident.closed": _incident_closed,
    "signal.parked": _parked,
    "signal.expired": _expired,
    "claim.in_force": _in_force,
    "claim.released": _released,
}
