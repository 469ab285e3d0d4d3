"""The ledger that the ledger benchmark measures: what a governed run writes, through the store's own modules.

Each case has ten entries: a signal is received, one department acts and another refuses, a claim, a permit,
the start of the action, its receipt, a notice, and the signal is decided and finished. The bodies have the
form of those of the embedded company, 0.3 to 2 kB where the caller fills them; what only moves a row has the
few bytes that its module writes. Every row is in its last state, so the comparison of the tables with their
entries has all of its work to do.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from crossloop.canonical import JSON
from crossloop.ids import ActionKey, SignalId, action_key, case_id, decision_id, derived, signal_id
from crossloop.store import Tx, actions, claims, decisions, inbox, notices
from crossloop.store.actions import NewAction

ENTRIES_OF_A_CASE: Final = 10

_DAY: Final = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
"""When the first case is found; each further one a second and some microseconds later."""

_APART: Final = timedelta(seconds=1, microseconds=137)
_LOOP: Final = "logistics-to-marketing"
_OPTIONS: Final = ("do_nothing", "suppress_cod", "reduce_bid", "exclude")


def add_case(tx: Tx, number: int, *, undoes: ActionKey | None = None) -> None:
    """Write the ten entries of one case, each with its row.

    Args:
        undoes: the key of the action that this case takes back, which its caller marks as such.
    """
    signal = _signal(number)
    case = case_id(signal)
    acting, refusing = (decision_id(signal, who, 0) for who in ("marketing", "service"))
    key = key_of(number)
    resource = f"ads/campaign/C{number % 40}/geo/IN/STATE {number % 30}/{number:06}"
    _admit(tx, number, signal, case)
    for id, department, outcome in ((acting, "marketing", "act"), (refusing, "service", "refuse")):
        _decide(tx, id, signal, case, department, outcome, resource)
    claims.place(
        tx,
        holder=f"decision {acting}",
        decision_id=acting,
        case=case,
        resource=resource,
        direction="decrease",
        interest="logistics",
        starts=_DAY + number * _APART,
        ends=_DAY + number * _APART + timedelta(days=14),
        state="in_force",
        argument=_why(number),
    )
    _permit(tx, key, acting, case, resource, undoes)
    inbox.decided(tx, signal, {"proposals": 2})
    actions.start(tx, key)
    reference = derived("rst", signal)
    done = {"detail": f"{resource}: hidden from likely cash-on-delivery buyers.", **_times(tx)}
    actions.finish(tx, key, "done", reference=reference, body=done)
    notices.record(
        tx,
        case=case,
        decision_id=acting,
        recipients=["logistics", "marketing"],
        kind="done",
        text=f"Done: suppress_cod. Why: {_why(number)}",
    )
    inbox.finished(tx, signal, {"outcome": "answered"})


def key_of(number: int) -> ActionKey:
    """The key of the action of a case."""
    return action_key(_signal(number), "marketing", 0)


def _signal(number: int) -> SignalId:
    return signal_id("logistics.geo_risk/1", "/benchmark", f"area-{number}")


def _admit(tx: Tx, number: int, signal: str, case: str) -> None:
    shares: dict[str, JSON] = {
        f"geo/IN/STATE {number % 30}/{421000 + one}": (number * 31 + one * 7919) % 99991 / 99991
        for one in range(16)
    }
    data: dict[str, JSON] = {
        "assessment": "structural",
        "codes": [f"{number % 1000:03}"],
        "estimate": 0.37387416921631444,
        "failures": 39,
        "interval": [0.0766502925084751, 0.439844493473629],
        "level": "pin_prefix",
        "metric": "rto",
        "order_value": {"amount": "1000.47", "currency": "INR"},
        "orders": 91,
        "share_of_country": shares,
        "threshold": 0.25,
    }
    inbox.admit(
        tx,
        id=signal,
        type="logistics.geo_risk/1",
        subject=f"geo/IN/STATE {number % 30}/{number:06}",
        department="logistics",
        case=case,
        time=_DAY + number * _APART,
        valid_until=_DAY + number * _APART + timedelta(days=7),
        body={
            "causation_id": None,
            "confidence": 0.89025128005634,
            "correlation_id": case,
            "data": data,
            "dedup_key": f"area-{number}",
            "source": "/benchmark",
        },
    )


def _decide(tx: Tx, id: str, signal: str, case: str, department: str, outcome: str, resource: str) -> None:
    intervention = "suppress_cod" if outcome == "act" else "no_action"
    options: list[JSON] = [
        {
            "because": "",
            "expected_value": {"amount": "1729.28", "currency": "INR"},
            "high": {"amount": "2242.62", "currency": "INR"},
            "intervention": one,
            "low": {"amount": "1.47", "currency": "INR"},
            "permitted": True,
            "share": 0.010042,
        }
        for one in (_OPTIONS if outcome == "act" else _OPTIONS[:1])
    ]
    proposal: dict[str, JSON] = {
        "action": {"operation": intervention, "resource": resource, "system": "ads"},
        "claims": [],
        "confidence": 0.89025128005634,
        "department": department,
        "facts": {},
        "intervention": intervention,
        "loop": _LOOP,
        "options": options,
        "signal_id": signal,
        "step": 0,
    }
    verdict: dict[str, JSON] = {
        "decision_id": id,
        "facts": {"confidence": 0.89025128005634, "level": "pin_prefix", "orders": 91, "rate": 0.42857142857},
        "outcome": outcome,
        "policy": "f" * 64,
        "reasons": [{"gate": "confidence", "outcome": outcome, "text": "0.89 is at or above 0.85"}],
    }
    decisions.record(
        tx,
        id=id,
        signal_id=signal,
        department=department,
        step=0,
        loop=_LOOP,
        intervention=intervention,
        verdict=outcome,
        case=case,
        body={"dissent": [], "proposal": proposal, "verdict": verdict},
    )


def _permit(tx: Tx, key: str, decision: str, case: str, resource: str, undoes: str | None) -> None:
    until = tx.now + timedelta(days=1)
    digest = derived("", key) * 2
    permit: dict[str, JSON] = {
        "action_digest": digest,
        "action_key": key,
        "approval_id": None,
        "approvers": [],
        "expires_at": until.isoformat(),
        "granted_at": tx.now.isoformat(),
        "policy": "f" * 64,
    }
    actions.permit(
        tx,
        NewAction(
            key=key,
            decision_id=decision,
            case=case,
            system="ads",
            operation="suppress_cod",
            resource=resource,
            digest=digest,
            undoes=undoes,
        ),
        expires_at=until,
        body={"permit": permit},
    )


def _times(tx: Tx) -> dict[str, JSON]:
    return {"started_at": tx.now.isoformat(), "finished_at": (tx.now + timedelta(seconds=2)).isoformat()}


def _why(number: int) -> str:
    return (
        f"About 37.4% of parcels to area {number} come back; advertising there pays below 11.5%. Suppressing"
        " is worth about 1,729 INR over 14 days (1 to 2,243) and moves 1.0% of its daily budget."
    )
