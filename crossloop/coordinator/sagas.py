"""Undertakings in the store: what comes next of one is read from its rows, and nowhere remembered.

:mod:`crossloop.actions.saga` says what comes next. Here it is carried out:

1. Whatever moves a step (a decision, an answer, a receipt, an ending) moves its undertaking on in the same
   transaction: the next step is permitted, or the rest is dropped.
2. A step is permitted under the rules under which it was judged. Where others are in force by its turn, it is
   dropped as superseded. So is one that cannot be permitted: its yes says something else than the ledger, or
   governance refuses it. Both departments are told, and what was done before it is taken back.
3. Which request takes a step back is for its system to say (:meth:`Adapter.undo_request`), so that is asked
   outside of a transaction. The answer is permitted by :func:`crossloop.governance.permit_to_take_back`; one
   that governance does not permit, and none, is an incident.
4. A step whose intervention is irreversible is not taken back, and neither is one that took another change
   back: that is an incident, too.
5. What is taken back, and because of what, is believed as far as the ledger bears the rows of the steps out,
   like anything that is performed. Where it does not, nothing is taken back: that is an incident, too.
6. Where a step seems to be next to be taken back, its row says so (``back_due``), so that whoever asks what
   is due reads the rows of those undertakings and of no other. What is due is what the steps say then. The
   undertakings of all signals that are open are looked at once when work begins (:func:`look_anew`), so that
   a row that says otherwise hides nothing for long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pydantic import ValidationError

from crossloop.actions import Action, Adapter, AdapterError, Performed, Permitted, boundary
from crossloop.actions.saga import Next, Step, comes_next
from crossloop.canonical import to_json
from crossloop.coordinator import alerts, incidents
from crossloop.coordinator.closing import close_question, decision_of, drop
from crossloop.coordinator.permitting import approval_facts, recorded, validity, write_permit
from crossloop.errors import LedgerBroken
from crossloop.governance import PermitRefused, Policy, permit_for, permit_to_take_back
from crossloop.ids import ActionKey, undo_key
from crossloop.signals import NO_ACTION, NO_ANSWER, ActionRequest, Proposal, Verdict
from crossloop.store import Read, Tx, actions, approvals, claims, decisions, policies, states
from crossloop.store import incidents as stored_incidents
from crossloop.store.actions import ActionRow, NewAction
from crossloop.store.approvals import ApprovalRow
from crossloop.store.decisions import DecisionRow, SagaKey
from crossloop.store.ledger.entries import understood

_REMOVED: Final = "what was done was removed from the ledger"
_IRREVERSIBLE: Final = "it cannot be taken back: the intervention is irreversible"


@dataclass(frozen=True, slots=True)
class _Loaded:
    """One step with its rows."""

    decision: DecisionRow
    action: ActionRow | None
    back: ActionRow | None
    asked: ApprovalRow | None
    step: Step

    @property
    def own(self) -> ActionRow:
        assert self.action is not None, f"{self.decision.id} led to no action"
        return self.action


@dataclass(frozen=True, slots=True)
class Due:
    """A step that is to be taken back."""

    saga: SagaKey
    action: ActionRow
    because: str
    """Why the undertaking came to nothing."""

    request: ActionRequest | None = None
    """What takes it back."""

    why_not: str = ""
    """Why nothing does."""


def key_of(decision: DecisionRow) -> SagaKey | None:
    """The undertaking that a decision is a step of."""
    if decision.saga is None:
        return None
    return SagaKey(decision.signal_id, decision.department, decision.saga)


def advance(tx: Tx, key: SagaKey, policy: Policy) -> list[Action]:
    """Move an undertaking on as far as that takes no system (rules 1 and 2); return what was permitted."""
    permitted: list[Action] = []
    steps = _steps(tx, key)
    while True:
        following = comes_next([one.step for one in steps])
        if following.kind not in ("permit", "drop", "report"):
            for noted, due in _to_note(steps, following):
                actions.set_back_due(tx, noted, due)
            return permitted
        at = following.step
        moved = steps[at].step
        if following.kind == "permit":
            action = _permit(tx, steps[at], policy)
            permitted += [] if action is None else [action]
            moved = replace(moved, state="dropped" if action is None else "permitted")
        elif following.kind == "drop":
            _drop(tx, steps[at], _because(key, steps, following), policy)
            moved = replace(moved, state="dropped")
        else:
            failed = f"{_because(key, steps, following)}; taking it back failed"
            _report(tx, steps[at].own, steps[at].decision, failed, policy)
            moved = replace(moved, incident="open")
        # What was done here is all that has changed: the rows need not be read again.
        steps[at] = replace(steps[at], step=moved)


def is_over(read: Read, key: SagaKey) -> bool:
    """Whether nothing of an undertaking is left to do, to wait for, or to take back."""
    return comes_next([one.step for one in _steps(read, key)]).kind == "over"


def due(read: Read) -> list[Due]:
    """Return the steps that are to be taken back next: of each undertaking that came to nothing, the last one
    that is in force."""
    found: list[Due] = []
    for key in _to_look_at(read):
        steps = _steps(read, key)
        following = comes_next([one.step for one in steps])
        if following.kind == "take_back":
            because = _because(key, steps, following)
            found.append(Due(key, steps[following.step].own, because, why_not=_differs(read, steps)))
    return found


def misnoted(read: Read) -> list[tuple[str, bool]]:
    """Return of which actions of open signals ``back_due`` says otherwise than their steps (rule 6).

    Returns:
        For each its key, and what it should say.
    """
    found: list[tuple[str, bool]] = []
    for key in decisions.open_sagas(read):
        steps = _steps(read, key)
        found += _to_note(steps, comes_next([one.step for one in steps]))
    return found


def look_anew(tx: Tx) -> None:
    """Set right which undertakings of open signals are to be looked at (rule 6)."""
    for action, due in misnoted(tx):
        actions.set_back_due(tx, action, due)


def _differs(read: Read, steps: Sequence[_Loaded]) -> str:
    """What the rows of the steps say and their entries do not (rule 5); empty where they agree."""
    for one in steps:
        for row in (one.action, one.back):
            found = None if row is None else states.difference_of_action(read, row.key)
            if found is not None:
                return f"its rows say something else than the ledger ({found}); run `crossloop ledger verify`"
    return ""


def _to_look_at(read: Read) -> list[SagaKey]:
    """The undertakings of which a row says that a step is next to be taken back (rule 6)."""
    made = [decisions.get(read, row.decision_id) for row in actions.due_back(read)]
    keys = {key_of(one) for one in made if one is not None}
    return sorted(key for key in keys if key is not None)


def _to_note(steps: Sequence[_Loaded], following: Next) -> Iterator[tuple[str, bool]]:
    """The actions that say otherwise than their steps whether one is due, and what they should say."""
    for at, one in enumerate(steps):
        if one.action is None:
            continue
        # What somebody else is about to take back is due when that comes to nothing, and nobody tells us.
        others = one.back is not None and one.back.key != undo_key(ActionKey(one.action.key))
        waits = following.kind == "wait" and others and one.action.state in actions.IN_FORCE
        due = waits or (following.kind == "take_back" and at == following.step)
        if one.action.back_due != due:
            yield one.action.key, due


def answered(read: Read, one: Due, adapters: Mapping[str, Adapter]) -> Due:
    """Ask the system of a step which request takes it back (rules 3 and 4)."""
    if one.why_not:
        return one
    decision = decisions.get(read, one.action.decision_id)
    adapter = adapters.get(one.action.system)
    why_not = ""
    request: ActionRequest | None = None
    try:
        proposal = None if decision is None else recorded(read, decision)
        if proposal is None or proposal.action is None:
            why_not = _REMOVED
        elif proposal.risk == "irreversible":
            why_not = _IRREVERSIBLE
        elif one.action.undoes is not None:
            why_not = f"it took {one.action.undoes} back itself"
        elif adapter is None or one.action.reference is None:
            why_not = f"there is no adapter for '{one.action.system}', or no reference to the change"
        elif not boundary.capabilities(adapter).undo:
            why_not = f"{one.action.system} takes nothing back"
        else:
            performed = Performed(reference=one.action.reference, detail=_detail(read, one.action))
            request = boundary.undo_request(adapter, proposal.action, performed)
            why_not = f"{one.action.system} cannot take {one.action.operation} back"
    except (AdapterError, LedgerBroken) as failure:
        why_not = failure.message
    except ValidationError:
        # Its receipt was removed: nothing but the row says what it is.
        why_not = "its reference is none that a system gives"
    return replace(one, request=request, why_not=why_not)


def take_back(tx: Tx, asked: Sequence[Due], policy: Policy) -> tuple[list[ActionKey], int]:
    """Permit the actions that take steps back, and report what none does; return their keys, and how many
    steps were moved on.

    What is not due any more was moved on by somebody else, and what is due under other rules than those in
    force is left to whoever works under them.
    """
    if policies.digest(tx) not in (None, policy.digest):
        return [], 0
    still = {one.action.key: one for one in due(tx)}
    keys = [
        _back(tx, replace(one, why_not=now.why_not, request=None) if now.why_not else one, policy)
        for one in asked
        if (now := still.get(one.action.key)) is not None
    ]
    return [key for key in keys if key is not None], len(keys)


def _back(tx: Tx, one: Due, policy: Policy) -> ActionKey | None:
    actions.set_back_due(tx, one.action.key, False)
    decision = decision_of(tx, one.action)
    # Without a request nothing needs to be known of the proposal, and its entry may not tell.
    proposal = None if one.request is None else recorded(tx, decision)
    if one.request is None or proposal is None:
        _report(tx, one.action, decision, f"{one.because}; {one.why_not or _REMOVED}", policy)
        return None
    lasts = validity(proposal, policy)
    try:
        permit = permit_to_take_back(
            proposal, one.request, policy=policy, because=one.because, now=tx.now, valid_for=lasts
        )
        back = NewAction(
            key=permit.action_key,
            decision_id=decision.id,
            case=decision.case,
            system=one.request.system,
            operation=one.request.operation,
            resource=one.request.resource,
            digest=permit.action_digest,
            undoes=one.action.key,
        )
        body = {"permit": to_json(permit), "request": to_json(one.request)}
        actions.permit(tx, back, expires_at=permit.expires_at, body=body)
    except (PermitRefused, actions.NotToUndo) as refused:
        _report(tx, one.action, decision, f"{one.because}; {refused.message}", policy)
        return None
    return permit.action_key


def _steps(read: Read, key: SagaKey) -> list[_Loaded]:
    """The steps of an undertaking in their order; answers that ask for nothing are none."""
    made = decisions.of_saga(read, key)
    return [_loaded(read, one) for one in made if one.intervention not in (NO_ACTION, NO_ANSWER)]


def _loaded(read: Read, decision: DecisionRow) -> _Loaded:
    own: ActionRow | None = None
    back: ActionRow | None = None
    for row in actions.for_decision(read, decision.id):
        if row.undoes is not None and row.key == undo_key(ActionKey(row.undoes)):
            back = row
        else:
            own = row
    if own is not None and back is None:
        # Somebody else may be taking it back: a department that was told that the condition is over.
        back = actions.taking_back(read, own.key)
    asked = approvals.for_decision(read, decision.id)
    told = None if own is None else stored_incidents.of_action(read, own.key, "not_compensated")
    step = Step(
        state="refused" if own is None else own.state,
        may_go=decision.verdict == "act" or (asked is not None and asked.state == "approved"),
        back=None if back is None else back.state,
        incident=None if told is None else told.state,
    )
    return _Loaded(decision, own, back, asked, step)


def _permit(tx: Tx, one: _Loaded, policy: Policy) -> Action | None:
    """Permit a step whose turn it is, or drop it where the rules have changed (rule 2)."""
    body = tx.entry(one.decision.entry).body
    if body is None:
        return _drop(tx, one, "what was decided was removed from the ledger", policy)
    forged = _forged(tx, one)
    if forged is not None:
        return _drop(tx, one, f"{forged}; run `crossloop ledger verify`", policy)
    try:
        with understood(one.decision.entry, decisions.DECISION):
            proposal = Proposal.model_validate(body["proposal"])
            verdict = Verdict.model_validate(body["verdict"])
    except LedgerBroken as odd:
        return _drop(tx, one, odd.message.rstrip("."), policy)
    in_force = policies.digest(tx) or policy.digest
    if verdict.policy != in_force:
        because = f"the rules changed, from {verdict.policy[:12]} to {in_force[:12]}"
        drop(tx, one.decision.id, f"superseded, {because}")
        alerts.of_step(tx, one.decision, "dropped", f"Not done: {one.decision.intervention}, {because}.")
        return None
    approval = None if one.asked is None else approval_facts(tx, one.asked, policy)
    lasts = validity(proposal, policy)
    try:
        permit = permit_for(proposal, verdict, now=tx.now, approval=approval, valid_for=lasts)
        entry = write_permit(tx, one.decision.case, proposal, permit)
    except (PermitRefused, actions.NotToUndo) as refused:
        return _drop(tx, one, f"it is not permitted: {refused.message.rstrip('.')}", policy)
    assert entry is not None, f"{proposal.action_key} was planned when this transaction began"
    assert proposal.action is not None, f"{proposal.id} asks for nothing"
    claims.in_force(tx, one.decision.id)
    rests_on = Permitted(proposal, proposal.action, permit)
    resource = proposal.action.resource
    return Action(proposal.action_key, one.decision, resource, entry, rests_on, proposal.undoes)


def _forged(read: Read, one: _Loaded) -> str | None:
    """What the rows that a step is permitted by say and the ledger does not."""
    found = states.difference_of_action(read, one.own.key)
    if found is not None:
        return f"its rows say something else than the ledger ({found})"
    found = None if one.asked is None else states.difference_of_approval(read, one.asked.id)
    return None if found is None else f"its approval says something else than the ledger ({found})"


def _drop(tx: Tx, one: _Loaded, because: str, policy: Policy) -> None:
    if one.asked is not None and one.asked.state == "waiting":
        close_question(tx, one.asked, "withdrawn", because, policy)
        return
    drop(tx, one.decision.id, because)
    alerts.of_step(tx, one.decision, "dropped", f"Not done: {one.decision.intervention}, {because}.")


def _report(tx: Tx, action: ActionRow, decision: DecisionRow, because: str, policy: Policy) -> None:
    incidents.open_(tx, action.key, "not_compensated", decision, because, policy)


def _because(key: SagaKey, steps: Sequence[_Loaded], following: Next) -> str:
    cause = steps[following.because_of]
    state = cause.step.state.replace("compensated", "taken back")
    return f"step {cause.decision.step} of {key.saga}, {cause.decision.intervention}, was {state}"


def _detail(read: Read, action: ActionRow) -> str:
    body = None if action.finished is None else read.entry(action.finished).body
    return "" if body is None else str(body.get("detail", ""))
