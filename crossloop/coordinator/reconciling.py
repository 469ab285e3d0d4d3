"""Reconciling what is unknown: by looking it up, or by what a person has found out.

Rules:

1. At the start of a drain every action of unknown outcome is looked up once, where its system can. Found: it
   is *reconciled*; certainly absent: it has *failed*. Both close its incident in the same transaction. Where
   nothing can be said, it goes on waiting for a person.
2. Only those whom it concerns may close an incident, once, with a reason; what was done also with the
   reference under which it can be found there. Whoever works under other rules than those in force may not.
3. *Was it done?* Yes: reconciled. No: failed, and what it held is given back.
   *Was it taken back?* Yes: compensated, by a person. No: it stays in force. Either way the undertaking that
   it was a step of goes on.
4. What follows is what would have followed upon a receipt that says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from crossloop.actions import Performed, load
from crossloop.canonical import writable
from crossloop.coordinator import endings, incidents, reasons
from crossloop.coordinator.incidents import THE_SYSTEM
from crossloop.errors import AnswerRefused
from crossloop.governance import Policy, PolicyChanged
from crossloop.ids import ActionKey, PersonId
from crossloop.signals import Receipt
from crossloop.store import Tx, actions, policies
from crossloop.store import incidents as stored
from crossloop.store.incidents import IncidentRow

if TYPE_CHECKING:
    from crossloop.store import Read

_LONGEST_REFERENCE: Final = 300


@dataclass(frozen=True, slots=True)
class Closed:
    """What closing an incident brought about."""

    incident_id: str
    action_key: str
    action_state: str
    happened: bool


def unknown(read: Read) -> list[ActionKey]:
    """Return the actions of which nobody can tell whether they were done, the oldest first."""
    return [
        ActionKey(row.action) for row in stored.listing(read, state="open") if row.kind == "outcome_unknown"
    ]


def reconcile(tx: Tx, found: Mapping[ActionKey, Performed | None], policy: Policy) -> list[Receipt]:
    """Reconcile what was looked up (rule 1); return how each ended."""
    receipts: list[Receipt] = []
    for key, performed in found.items():
        row = stored.of_action(tx, key, "outcome_unknown")
        if row is None or row.state != "open":
            continue
        reference = None if performed is None else writable(performed.reference)
        told = "found by its key" if performed else "looked up by its key, and certainly not there"
        said: dict[str, JsonValue] = {"identity": THE_SYSTEM, "reason": told}
        receipts.append(
            _reconciled(tx, row, None, said, policy, happened=performed is not None, reference=reference)
        )
    return receipts


def close(
    tx: Tx,
    identifier: str,
    *,
    person: PersonId,
    happened: bool,
    reference: str | None,
    reason: str,
    asserted: str,
    policy: Policy,
) -> Closed:
    """Close an incident by what a person has found out (rules 2 and 3).

    Raises:
        AnswerRefused: it does not count, with its reason; nothing was changed.
        UnknownName: no incident, or more than one, has such an id.
    """
    row = incidents.find(tx, identifier)
    decision = load(tx, ActionKey(row.action)).decision
    _check(tx, row, person, incidents.may_close(row, decision.department, policy), policy)
    said: dict[str, JsonValue] = {"identity": asserted, "reason": reason}
    _check_words(row, reference, {**said, "reference": reference}, happened=happened)
    if row.kind == "outcome_unknown":
        _reconciled(tx, row, person, said, policy, happened=happened, reference=reference)
    else:
        _looked_at(tx, row, person, {**said, "reference": reference}, policy, happened=happened)
    action = actions.get(tx, row.action)
    assert action is not None, f"{row.id} is about {row.action}, which is not in the store"
    return Closed(row.id, row.action, action.state, happened)


def _check(tx: Tx, row: IncidentRow, person: PersonId, people: tuple[str, ...], policy: Policy) -> None:
    in_force = policies.digest(tx) or policy.digest
    if in_force != policy.digest:
        raise PolicyChanged(
            f"the rules {in_force[:12]} are in force; this company was opened under {policy.digest[:12]}.",
            next_step="Open it without naming other rules, and close the incident there.",
        )
    if row.state != "open":
        by = row.person or THE_SYSTEM
        raise AnswerRefused(f"{row.id} was closed by {by}.", next_step="See: crossloop incidents show")
    if person not in people:
        raise AnswerRefused(
            f"{person} does not look into {row.id}; asked are: {', '.join(people)}.",
            next_step="Have one of them close it.",
        )


def _check_words(
    row: IncidentRow, reference: str | None, said: Mapping[str, JsonValue], *, happened: bool
) -> None:
    reasons.check(
        said, needed="closing an incident needs a reason.", next_step="Add --reason 'what you saw'."
    )
    if happened and row.kind == "outcome_unknown" and not (reference or "").strip():
        raise AnswerRefused(
            "what was done has a reference in its system.", next_step="Add --reference with its id there."
        )
    if reference is not None and len(reference) > _LONGEST_REFERENCE:
        raise AnswerRefused(f"a reference has at most {_LONGEST_REFERENCE} characters, got {len(reference)}.")


def _reconciled(
    tx: Tx,
    row: IncidentRow,
    person: str | None,
    said: Mapping[str, JsonValue],
    policy: Policy,
    *,
    happened: bool,
    reference: str | None,
) -> Receipt:
    """Reconcile an unknown outcome, close its incident, and bring everything else in step (rule 4)."""
    action = load(tx, ActionKey(row.action))
    kept = reference if happened else None
    by: dict[str, JsonValue] = {**said, "person": person}
    actions.reconcile(tx, action.key, "reconciled" if happened else "failed", reference=kept, body=by)
    if happened and action.undoes is not None:
        actions.compensate(tx, action.undoes, action.key)
    stored.close(tx, row.id, person=person, happened=happened, body={**said, "reference": kept})
    receipt = Receipt(
        action_key=action.key,
        outcome="done" if happened else "failed",
        reference=kept,
        detail=f"{person or THE_SYSTEM}: {said['reason']}"[:2000],
        started_at=tx.now,
        finished_at=tx.now,
    )
    incidents.tell_closed(tx, row, action.decision, receipt.detail, happened=happened)
    endings.after_receipt(tx, action, receipt, policy)
    return receipt


def _looked_at(
    tx: Tx, row: IncidentRow, person: str, said: Mapping[str, JsonValue], policy: Policy, *, happened: bool
) -> None:
    """Close what could not be taken back: a person has, or leaves it as it is."""
    action = load(tx, ActionKey(row.action))
    stored.close(tx, row.id, person=person, happened=happened, body=said)
    if happened:
        actions.compensate(tx, row.action, None, body={**said, "person": person})
    incidents.tell_closed(tx, row, action.decision, f"{person}: {said['reason']}", happened=happened)
    endings.after_looked_at(tx, action, policy, taken_back=happened)
