"""Alerts: notices about what went another way than it was meant to.

Rules:

1. A step of an undertaking that was dropped or taken back: both departments.
2. An incident, opened, overdue or closed: the people who may close it, and when it is closed both
   departments, too.
3. A parked or expired signal: whose it is, and the department that said it.
"""

from __future__ import annotations

from collections.abc import Iterable

from crossloop.store import Tx, inbox, notices
from crossloop.store.decisions import DecisionRow
from crossloop.store.inbox import SignalRow
from crossloop.store.incidents import IncidentRow

_LONGEST = 4000


def of_step(tx: Tx, decision: DecisionRow, kind: str, text: str) -> None:
    """Tell both departments what became of a step (rule 1)."""
    _tell(tx, decision.case, decision.id, _both(tx, decision), kind, text)


def incident_opened(tx: Tx, incident: IncidentRow, decision: DecisionRow, text: str) -> None:
    """Tell those who may close an incident that somebody has to look (rule 2)."""
    said = f"Please look into {incident.id}: {text}"
    _tell(tx, incident.case, decision.id, incident.people, "incident", said)


def incident_overdue(
    tx: Tx, incident: IncidentRow, people: Iterable[str], decision: DecisionRow, text: str
) -> None:
    """Tell those who may close an incident that nobody has looked in time (rule 2)."""
    _tell(
        tx, incident.case, decision.id, people, "incident_overdue", f"Please look into {incident.id}: {text}"
    )


def incident_closed(tx: Tx, incident: IncidentRow, decision: DecisionRow, text: str) -> None:
    """Tell everybody concerned what was found out (rule 2)."""
    told = [*incident.people, *_both(tx, decision)]
    _tell(tx, incident.case, decision.id, told, "incident_closed", f"{incident.id} is closed. {text}")


def of_signal(tx: Tx, signal: SignalRow, people: Iterable[str], kind: str, text: str) -> None:
    """Tell those whose signal it is what became of it (rule 3)."""
    _tell(tx, signal.case, None, [*people, signal.department], kind, text)


def _both(tx: Tx, decision: DecisionRow) -> list[str]:
    signal = inbox.identity(tx, decision.signal_id)
    assert signal is not None, f"{decision.id} answers {decision.signal_id}, which is not in the inbox"
    return [signal.department, decision.department]


def _tell(tx: Tx, case: str, decision: str | None, recipients: Iterable[str], kind: str, text: str) -> None:
    told = list(dict.fromkeys(recipients))
    notices.record(tx, case=case, decision_id=decision, recipients=told, kind=kind, text=text[:_LONGEST])
