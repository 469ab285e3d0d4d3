"""Signals that nobody answers: parked until somebody does, or expired.

Rules:

1. A signal of a type that no department handles is *parked*: those who head the department that said it are
   told; where the document names none, the heads of those who own a loop on that type; else those to whom
   the department escalates; else every head.
2. It stays so until a drain finds a department that handles it. Then it is thought about like a new one.
3. A signal that holds no more at the business instant of a drain, and was not decided by then, *expires*: its
   owner is told, and nobody is asked about it.
4. An expiry is itself a fact. It is published as ``crossloop.signal_expired/1``, in the same case, caused by
   the signal that expired. One of that type tells of no further one, and is not parked: its alert was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypedDict, cast

from crossloop.coordinator import alerts
from crossloop.coordinator.endings import finish_if_done
from crossloop.governance import Policy
from crossloop.ids import CaseId, SignalId
from crossloop.signals import Signal
from crossloop.signals.codec import body
from crossloop.signals.types import SIGNAL_EXPIRED, SignalExpired
from crossloop.store import Read, Tx, inbox
from crossloop.store.inbox import SignalRow

NOBODY: Final = "no department listens to it"
_HOLDS: Final = timedelta(days=30)
"""Business time for which an expiry can be answered."""


def owners(policy: Policy, department: str, signal_type: str) -> tuple[str, ...]:
    """Whose a signal is that nobody answers (rule 1)."""
    loops = policy.document.loops.values()
    of_loops = (policy.heads_of(loop.owner) for loop in loops if loop.signal == signal_type)
    heads = policy.heads_of(department) or tuple(dict.fromkeys(one for some in of_loops for one in some))
    return heads or policy.answerable(department)


def park(tx: Tx, signal: Signal, policy: Policy) -> bool:
    """Park a new signal that nobody handles (rules 1 and 4); False when it is not new (any more)."""
    row = inbox.get(tx, signal.id)
    if row is None or row.state != "new":
        return False
    if signal.type == SIGNAL_EXPIRED.name:
        inbox.decided(tx, signal.id, {"signal": signal.id, "proposals": 0})
        return finish_if_done(tx, signal.id, outcome=NOBODY)
    people = owners(policy, signal.department, signal.type)
    reason = f"no department listens to {signal.type}"
    inbox.parked(tx, signal.id, {"people": list(people), "reason": reason})
    text = (
        f"Parked: {signal.type} about {signal.subject}, for {reason}. It waits until one does, or until it "
        f"holds no more ({signal.valid_until.isoformat(timespec='minutes')})."
    )
    alerts.of_signal(tx, row, people, "parked", text)
    return True


class Whose(TypedDict):
    """Whose a parked or expired signal is, and why it rests."""

    people: tuple[str, ...]
    reason: str


def whose(read: Read, row: SignalRow) -> Whose:
    """Return whose a parked or expired signal is, as it was recorded."""
    said = cast("Mapping[str, Any]", inbox.aside(read, row.id) or {})
    return Whose(people=tuple(said.get("people", ())), reason=str(said.get("reason", "")))


def expire(tx: Tx, signals: Iterable[SignalId], policy: Policy, as_of: datetime) -> int:
    """End those that hold no more and were not decided (rules 3 and 4); return how many.

    Args:
        as_of: business instant up to which facts are known.
    """
    rows = [row for one in signals if (row := inbox.get(tx, one)) is not None]
    return sum(_expire(tx, row, policy, as_of) for row in rows if as_of > row.valid_until)


def _expire(tx: Tx, row: SignalRow, policy: Policy, as_of: datetime) -> bool:
    people = owners(policy, row.department, row.type)
    until, known = (one.isoformat(timespec="seconds") for one in (row.valid_until, as_of))
    was = "nobody listened to it" if row.state == "parked" else "it was not decided in time"
    reason = f"it was valid until {until}, facts are known up to {known}, and {was}"
    if not inbox.expired(tx, row.id, {"people": list(people), "reason": reason}):
        return False
    alerts.of_signal(tx, row, people, "expired", f"Expired: {row.type} about {row.subject}: {reason}.")
    if row.type != SIGNAL_EXPIRED.name:
        _publish(tx, _told(row, as_of))
    return True


def _told(row: SignalRow, as_of: datetime) -> Signal:
    return Signal.said(
        type=SIGNAL_EXPIRED.name,
        source="/crossloop/expiry",
        department=row.department,
        subject=row.subject,
        dedup_key=row.id,
        time=as_of,
        valid_until=as_of + _HOLDS,
        confidence=1.0,
        data=SignalExpired(
            signal=SignalId(row.id),
            type=row.type,
            valid_until=row.valid_until,
            parked=row.state == "parked",
        ),
        correlation_id=CaseId(row.case),
        causation_id=row.id,
    )


def _publish(tx: Tx, signal: Signal) -> None:
    inbox.admit(
        tx,
        id=signal.id,
        type=signal.type,
        subject=signal.subject,
        department=signal.department,
        case=signal.correlation_id,
        time=signal.time,
        valid_until=signal.valid_until,
        body=body(signal),
    )
