"""Incidents: opening them, and how people are shown them.

Rules:

1. An action of which nobody can tell whether it was done, and one that was to be taken back and could not be,
   is an incident: it is opened in the transaction that finds out.
2. Those to whom the department escalates look into it; its head, where the document names nobody.
3. They have as long to look as those to whom the department escalates have to answer (``escalate.within``),
   and :data:`LOOK_WITHIN` where the document says nothing. When that has passed they are told so, once.
4. An action has at most one incident of each kind. What was looked into once is not asked again.
5. An answer has brought an incident about where it was opened since, and is about what was answered, about
   what there is a receipt of, or about a step of an undertaking that one of these belongs to. What others
   leave behind at the same time is not its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from pydantic import JsonValue

from crossloop.coordinator import alerts
from crossloop.coordinator.explain import require_enough
from crossloop.errors import UnknownName
from crossloop.governance import Policy
from crossloop.ids import IncidentId
from crossloop.signals import Receipt
from crossloop.store import Read, Tx, actions, approvals, decisions, incidents
from crossloop.store.decisions import DecisionRow, SagaKey
from crossloop.store.incidents import IncidentKind, IncidentRow, IncidentState
from crossloop.store.ledger.entries import understood

ASKED: Final[dict[IncidentKind, str]] = {
    "outcome_unknown": "Was it done?",
    "not_compensated": "Was it taken back?",
}
"""What a person is asked to find out."""

LOOK_WITHIN: Final = timedelta(hours=1)
"""How long people have to look, where the document does not say it."""

THE_SYSTEM: Final = "the system"
"""Who closes an incident, where no person does."""


def open_(
    tx: Tx, action: str, kind: IncidentKind, decision: DecisionRow, because: str, policy: Policy
) -> IncidentRow | None:
    """Open an incident and tell those who look into it; None when there was one of this kind before."""
    people = policy.answerable(decision.department)
    body: dict[str, JsonValue] = {"decision": decision.id, "because": because}
    due = tx.now + _within(decision.department, policy)
    opened = incidents.open_(tx, action=action, kind=kind, people=people, due=due, body=body)
    if opened is None:
        return None
    row = incidents.get(tx, opened)
    assert row is not None, f"{opened} was opened in this transaction"
    alerts.incident_opened(tx, row, decision, f"{decision.intervention} ({because}). {ASKED[kind]}")
    return row


def _within(department: str, policy: Policy) -> timedelta:
    declared = policy.document.departments.get(department)
    return LOOK_WITHIN if declared is None or declared.escalate is None else declared.escalate.within


def alert_overdue(tx: Tx, policy: Policy) -> int:
    """Tell those who look into incidents that nobody has in time (rule 3); return of how many."""
    late = [row for row in incidents.overdue(tx, tx.now) if incidents.mark_overdue(tx, row.id)]
    for row in late:
        action = actions.get(tx, row.action)
        decision = None if action is None else decisions.get(tx, action.decision_id)
        assert decision is not None, f"{row.id} is about {row.action}, which belongs to no decision"
        people = may_close(row, decision.department, policy)
        since = row.due.isoformat(timespec="seconds")
        text = f"{decision.intervention}: nobody has looked until {since}. {ASKED[row.kind]}"
        alerts.incident_overdue(tx, row, people, decision, text)
    return len(late)


def tell_closed(tx: Tx, row: IncidentRow, decision: DecisionRow, because: str, *, happened: bool) -> None:
    """Tell everybody concerned what was found out.

    Args:
        because: who says so, and why.
    """
    found = "yes" if happened else "no"
    alerts.incident_closed(
        tx, row, decision, f"{decision.intervention}: {ASKED[row.kind]} {found}, says {because}"
    )


def opened_by_answer(
    read: Read, size: int, approval: str, receipts: Sequence[Receipt]
) -> tuple[IncidentId, ...]:
    """Return the open incidents that an answer to an approval has brought about, the oldest first (rule 5).

    Args:
        size: entries that there were before it.
        receipts: what followed at once.
    """
    asked = approvals.get(read, approval)
    assert asked is not None, f"{approval} was answered a moment ago"
    return _opened_since(read, size, [asked.decision_id, *_decisions(read, receipts)])


def opened_by_closing(
    read: Read, size: int, action: str, receipts: Sequence[Receipt]
) -> tuple[IncidentId, ...]:
    """Return the open incidents that closing one about an action has brought about (rule 5).

    Args:
        size: entries that there were before it.
        receipts: what followed at once.
    """
    row = actions.get(read, action)
    assert row is not None, f"an incident about {action} was closed a moment ago"
    return _opened_since(read, size, [row.decision_id, *_decisions(read, receipts)])


def _decisions(read: Read, receipts: Sequence[Receipt]) -> list[str]:
    rows = [actions.get(read, one.action_key) for one in receipts]
    return [row.decision_id for row in rows if row is not None]


def _opened_since(read: Read, size: int, concerned: Iterable[str]) -> tuple[IncidentId, ...]:
    opened = [row for row in incidents.listing(read, state="open") if row.entry >= size]
    about = _with_other_steps(read, concerned) if opened else set[str]()
    rows = ((one, actions.get(read, one.action)) for one in opened)
    return tuple(
        IncidentId(one.id) for one, action in rows if action is not None and action.decision_id in about
    )


def _with_other_steps(read: Read, concerned: Iterable[str]) -> set[str]:
    about = set(concerned)
    for one in [decisions.get(read, id) for id in sorted(about)]:
        if one is not None and one.saga is not None:
            steps = decisions.of_saga(read, SagaKey(one.signal_id, one.department, one.saga))
            about |= {step.id for step in steps}
    return about


def find(read: Read, prefix: str) -> IncidentRow:
    """Return the one incident whose id starts like this.

    Raises:
        UnknownName: none, or more than one, or too little of the id was given.
    """
    rows = incidents.find(read, prefix) if prefix else []
    if not rows:
        raise UnknownName(f"there is no incident '{prefix}'.", next_step="See: crossloop incidents list")
    if len(rows) > 1:
        raise UnknownName(f"'{prefix}' fits {len(rows)} incidents.", next_step="Give more of the id.")
    require_enough(prefix)
    return rows[0]


def may_close(row: IncidentRow, department: str, policy: Policy) -> tuple[str, ...]:
    """Who may close an incident: those who were told, as far as the document still knows them; those whom it
    would tell now, where it knows none of them any more."""
    known = tuple(one for one in row.people if one in policy.document.people)
    return known or policy.answerable(department)


def listed(read: Read, *, state: IncidentState | None = None) -> list[dict[str, JsonValue]]:
    """Return incidents as people are shown them, the open ones first, then the oldest."""
    rows = sorted(incidents.listing(read, state=state), key=lambda row: (row.state != "open", row.key))
    return [shown(read, row) for row in rows]


def shown(read: Read, row: IncidentRow) -> dict[str, JsonValue]:
    """Return one incident as people are shown it: what it is about, who looks into it, and what was found."""
    action = actions.get(read, row.action)
    assert action is not None, f"{row.id} is about {row.action}, which is not in the store"
    decision = decisions.get(read, action.decision_id)
    opened = read.entry(row.entry)
    with understood(row.entry, opened.kind):
        because = "redacted" if opened.body is None else str(opened.body["because"])
    return {
        "id": row.id,
        "kind": row.kind,
        "question": ASKED[row.kind],
        "state": row.state,
        "action": row.action,
        "action_state": action.state,
        "system": action.system,
        "operation": action.operation,
        "resource": action.resource,
        "reference": action.reference,
        "decision": action.decision_id,
        "department": None if decision is None else decision.department,
        "intervention": None if decision is None else decision.intervention,
        "case": row.case,
        "from": list(row.people),
        "opened_at": opened.at.isoformat(),
        "due_at": row.due.isoformat(),
        "overdue": row.overdue is not None,
        "because": because,
        "closed": _found(read, row),
    }


def _found(read: Read, row: IncidentRow) -> dict[str, JsonValue] | None:
    """When, by whom and how it was closed; nobody where the system found out by itself."""
    if row.closed is None:
        return None
    entry = read.entry(row.closed)
    said = entry.body or {}
    return {
        "at": entry.at.isoformat(),
        "person": row.person,
        "happened": row.happened,
        "reference": None if said.get("reference") is None else str(said["reference"]),
        "reason": str(said.get("reason", "redacted")),
    }
