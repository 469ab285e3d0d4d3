"""How a decision ends without its effect: what it held is given back, and those concerned are told.

Rules:

1. A held decision ends by a rejection, by its deadline (*expired*), because a signal says that the
   condition it answers is over (*withdrawn*), or because the rules changed (*superseded*). A permitted one
   ends by a receipt that says *failed*.
2. Whatever ends it drops what was planned and gives back its claims and its impact in the same transaction,
   so that a later proposal fits again. An *unknown* outcome gives nothing back: the effect may be there. It
   opens an incident.
3. An action that takes another one back ends that one's claims, for nothing is restricted any more. Both
   impacts stay counted: the day saw both changes. Where people were to look whether that one was taken back,
   they need not any more.
4. A deadline never approves. An escalation that passes it goes on to those who come next in the line;
   anything else, and an escalation that nobody is left for, expires, and they are told. Nor does it close an
   incident: those who were to look are told that nobody has.
5. A signal is finished when nothing of it is left to do, to answer, or to take back: whatever ends a step of
   an undertaking moves that on (:mod:`crossloop.coordinator.sagas`).
6. Rules that are put in force supersede, in the same transaction, every question that was asked under
   others: its answer would count for something that nobody was shown. What still holds is asked again.
7. A question lives no longer than the signal that it answers. As of a day on which the signal holds no more
   it ends as *expired*, whoever would be asked next; what is still so is signalled with fresh evidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from crossloop.actions import Action, load
from crossloop.canonical import to_json
from crossloop.coordinator import alerts, incidents, line, sagas
from crossloop.coordinator.closing import close_question, decision_of, drop, end_held, give_back
from crossloop.coordinator.notices import notify_done, notify_passed_on
from crossloop.coordinator.unanswered import VALID_UNTIL
from crossloop.governance import Policy
from crossloop.ids import ActionKey, SignalId
from crossloop.signals import Catalogue, Receipt, Signal
from crossloop.store import Tx, actions, approvals, claims, decisions, inbox, policies
from crossloop.store import incidents as stored_incidents
from crossloop.store.actions import ActionRow
from crossloop.store.approvals import ApprovalRow
from crossloop.store.decisions import DecisionRow

_ALL: Final = 100_000


def finish_if_done(tx: Tx, signal: str, *, outcome: str = "answered") -> bool:
    """Finish a signal of which nothing is left to do or to answer (rule 5)."""
    left = decisions.left(tx, signal)
    if left.to_do or left.to_answer:
        return False
    if left.steps and not all(sagas.is_over(tx, one) for one in decisions.sagas(tx, signal)):
        return False
    return inbox.finished(tx, signal, {"signal": signal, "outcome": outcome})


def set_aside(tx: Tx, signal: SignalId, why: str) -> bool:
    """Finish a new signal that nobody can be asked about; False when it is not new."""
    if not inbox.decided(tx, signal, {"signal": signal, "proposals": 0}):
        return False
    return inbox.finished(tx, signal, {"signal": signal, "outcome": why})


def rejected(tx: Tx, row: ApprovalRow, *, person: str, reason: str, policy: Policy) -> None:
    """End what a rejected approval held; the row was answered before."""
    _move_on(tx, end_held(tx, row, "rejected", f"{person} says no: {reason}", policy), policy)


def expire_overdue(tx: Tx, policy: Policy) -> int:
    """Pass on or end every approval whose deadline has passed (rule 4); return how many."""
    late = approvals.overdue(tx, tx.now)
    for row in late:
        because = f"nobody answered until {row.due.isoformat(timespec='seconds')}"
        following = line.comes_next(tx, row)
        if following is None:
            _move_on(tx, close_question(tx, row, "expired", because, policy), policy)
        else:
            _pass_on(tx, row, following, because)
    incidents.alert_overdue(tx, policy)
    return len(late)


def expire_outdated(tx: Tx, policy: Policy, as_of: datetime) -> int:
    """End every question whose signal holds no more at a business instant (rule 7); return how many."""
    ended = 0
    for row in approvals.listing(tx, state="waiting"):
        signal = inbox.get(tx, decision_of(tx, row).signal_id)
        if signal is not None and as_of > signal.valid_until:
            until = signal.valid_until.isoformat(timespec="seconds")
            known = as_of.isoformat(timespec="seconds")
            because = f"what it answers was valid until {until}, and facts are known up to {known}"
            closed = close_question(tx, row, "expired", because, policy, **{VALID_UNTIL: until})
            _move_on(tx, closed, policy)
            ended += 1
    return ended


def _pass_on(tx: Tx, row: ApprovalRow, following: line.Next, because: str) -> None:
    due, body = tx.now + following.within, {"decision": row.decision_id, "reason": because}
    if not approvals.pass_on(tx, row.id, people=following.people, due=due, body=body):
        return  # what ended before it in this transaction has ended it, too
    notify_passed_on(tx, decision_of(tx, row), row, following.people, because)


def withdraw_cleared(tx: Tx, signal: Signal, catalogue: Catalogue, policy: Policy, as_of: datetime) -> int:
    """End what still waits for a condition that this signal says is over; return how much.

    What was done already is not touched: taking it back is for the department to propose.
    """
    over = catalogue[signal.type].clears
    if over is None or as_of > signal.valid_until:
        return 0
    because = f"{signal.type} says that it is over"
    waiting = [row for row in approvals.waiting_of_case(tx, signal.correlation_id) if _answers(tx, row, over)]
    for row in waiting:
        _move_on(tx, close_question(tx, row, "withdrawn", because, policy), policy)
    to_come = list(_to_come(tx, signal.correlation_id, over))
    return len(waiting) + sum(_cancel(tx, row, because, policy) for row in to_come)


def adopt(tx: Tx, policy: Policy) -> bool:
    """Put a governance document in force (rule 6); False when it is already."""
    if not policies.adopt(tx, digest=policy.digest, body=policy.as_body()):
        return False
    for row in approvals.listing(tx, state="waiting"):
        because = f"the rules changed, from {row.policy[:12]} to {policy.digest[:12]}"
        _move_on(
            tx, close_question(tx, row, "superseded", because, policy, replaced_by=policy.digest), policy
        )
    return True


def after_receipt(tx: Tx, action: Action, receipt: Receipt, policy: Policy) -> None:
    """Bring everything about an action in step with its receipt (rules 2, 3 and 5)."""
    decision = action.decision
    if receipt.outcome == "failed" and not action.takes_back:
        give_back(tx, decision.id)
    if receipt.outcome == "done" and action.undoes is not None:
        undone = actions.get(tx, action.undoes)
        if undone is not None:
            claims.release(tx, undone.decision_id)
            _need_not_look(tx, undone, action)
            # It may have been the last step of an undertaking that came to nothing for another reason.
            _move_on(tx, decision_of(tx, undone), policy)
    if receipt.outcome == "unknown":
        incidents.open_(tx, action.key, "outcome_unknown", decision, receipt.detail, policy)
    if action.takes_back:
        _tell_taken_back(tx, decision, receipt)
    else:
        why = "" if action.permitted is None else action.permitted.proposal.rationale
        notify_done(tx, decision, receipt, policy, why=why)
    _move_on(tx, decision, policy)


def _need_not_look(tx: Tx, undone: ActionRow, by: Action) -> None:
    incident = stored_incidents.of_action(tx, undone.key, "not_compensated")
    if incident is None or incident.state != "open":
        return
    decision = decision_of(tx, undone)
    because = f"{by.key} took it back: {by.decision.intervention} of {by.decision.department}"
    body = {"identity": incidents.THE_SYSTEM, "reason": because, "reference": None}
    stored_incidents.close(tx, incident.id, person=None, happened=True, body=body)
    incidents.tell_closed(tx, incident, decision, because, happened=True)


def after_looked_at(tx: Tx, action: Action, policy: Policy, *, taken_back: bool) -> None:
    """Bring everything in step with what a person found out about a step that could not be taken back."""
    if taken_back:
        claims.release(tx, action.decision.id)
    _move_on(tx, action.decision, policy)


def _tell_taken_back(tx: Tx, decision: DecisionRow, receipt: Receipt) -> None:
    said = {
        "done": ("compensated", f"Taken back: {decision.intervention} ({receipt.detail})."),
        "failed": ("not_compensated", f"Not taken back: {decision.intervention} ({receipt.detail})."),
        "unknown": (
            "not_compensated",
            f"Nobody can tell whether {decision.intervention} was taken back ({receipt.detail}).",
        ),
    }
    kind, text = said[receipt.outcome]
    alerts.of_step(tx, decision, kind, text)


def _move_on(tx: Tx, decision: DecisionRow, policy: Policy) -> None:
    """Move on what a decision is a part of: its undertaking, and its signal (rule 5)."""
    key = sagas.key_of(decision)
    if key is not None:
        sagas.advance(tx, key, policy)
    finish_if_done(tx, decision.signal_id)


def _answers(tx: Tx, row: ApprovalRow | ActionRow, signal_type: str) -> bool:
    signal = inbox.get(tx, decision_of(tx, row).signal_id)
    return signal is not None and signal.type == signal_type


def _to_come(tx: Tx, case: str, signal_type: str) -> Iterator[ActionRow]:
    """Actions of a case that were not started: permitted during this wave, or planned for later."""
    for decision in decisions.listing(tx, case=case, limit=_ALL):
        for row in actions.for_decision(tx, decision.id):
            if row.state in ("permitted", "planned") and _answers(tx, row, signal_type):
                yield row


def _cancel(tx: Tx, row: ActionRow, because: str, policy: Policy) -> bool:
    """End an action that was not started; False where what ended before it has ended it, too.

    One that takes another one back is carried out all the same.
    """
    action = load(tx, ActionKey(row.key))
    if action.takes_back:
        return False
    if row.state == "planned":
        if not drop(tx, action.decision.id, because):
            return False
        alerts.of_step(
            tx, action.decision, "dropped", f"Not done: {action.decision.intervention}, {because}."
        )
        _move_on(tx, action.decision, policy)
        return True
    receipt = Receipt(
        action_key=action.key,
        outcome="failed",
        detail=f"not performed: {because}",
        started_at=tx.now,
        finished_at=tx.now,
    )
    if not actions.forgo(tx, row.key, "failed", body=to_json(receipt)):
        return False
    after_receipt(tx, action, receipt, policy)
    return True
