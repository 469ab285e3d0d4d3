"""Rows for the suite of stores, of which only what is compared matters."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeVar

from crossloop.store import Store, Tx, actions, approvals, claims, decisions, inbox, verify
from crossloop.store.actions import NewAction
from crossloop.testing.conformance.suite import expect

T = TypeVar("T")

START: Final = datetime(2025, 3, 1, 9, 30, tzinfo=UTC)
DAY: Final = date(2025, 3, 1)
HOUR: Final = timedelta(hours=1)


def admit(tx: Tx, id: str = "s1") -> bool:
    """Admit a signal."""
    return inbox.admit(
        tx,
        id=id,
        type="logistics.geo_risk/1",
        subject="geo/IN",
        department="logistics",
        case=f"case_of_{id}",
        time=START,
        valid_until=START + HOUR,
        body={"id": id},
    )


def decide(
    tx: Tx,
    id: str = "d1",
    signal_id: str = "s1",
    step: int = 0,
    *,
    department: str = "marketing",
    saga: str | None = None,
) -> bool:
    """Record a decision about it."""
    made = decisions.record(
        tx,
        id=id,
        signal_id=signal_id,
        department=department,
        step=step,
        loop="loop",
        intervention="reduce_bid",
        verdict="act",
        case=f"case_of_{signal_id}",
        body={"id": id},
        saga=saga,
    )
    return made is not None


def plan(tx: Tx, key: str = "a1", decision_id: str = "d1") -> bool:
    """Plan its action, which nothing permits yet."""
    return actions.plan(tx, _action(key, decision_id), body={}) is not None


def permit(tx: Tx, key: str = "a1", decision_id: str = "d1") -> bool:
    """Permit its action."""
    return actions.permit(tx, _action(key, decision_id), expires_at=START + HOUR, body={}) is not None


def _action(key: str, decision_id: str) -> NewAction:
    return NewAction(
        key=key,
        decision_id=decision_id,
        case="case_of_s1",
        system="ads",
        operation="reduce_bid",
        resource="ads/campaign/C1",
        digest="0" * 64,
    )


def ask(tx: Tx, id: str = "p1", decision_id: str = "d1") -> bool:
    """Ask two people about it."""
    return approvals.open_(
        tx,
        id=id,
        decision_id=decision_id,
        case="case_of_s1",
        digest="0" * 64,
        policy="1" * 64,
        people=["asha", "ravi"],
        quorum=2,
        due=START + HOUR,
        body={},
    )


def claim(
    tx: Tx, resource: str = "ads/campaign/C1", starts: datetime = START, ends: datetime = START + HOUR
) -> int:
    """Claim a resource for it."""
    return claims.place(
        tx,
        holder="marketing",
        decision_id="d1",
        case="case_of_s1",
        resource=resource,
        direction="decrease",
        interest="logistics",
        starts=starts,
        ends=ends,
        state="held",
    )


def given(tx: Tx) -> None:
    """A signal, a decision, a permitted action and an open question."""
    admit(tx)
    decide(tx)
    permit(tx)
    ask(tx)


def at_once(work: Sequence[Callable[[], T]]) -> list[T]:
    """Run pieces of work at the same time, each in a thread, and return their results in order."""
    together = threading.Barrier(len(work))

    def one(piece: Callable[[], T]) -> T:
        together.wait()
        return piece()

    with ThreadPoolExecutor(len(work)) as threads:
        return list(threads.map(one, work))


def expect_verified(store: Store, when: str) -> None:
    """Fail unless ledger and tables agree."""
    found = store.read(verify)
    expect(found.ok, f"{when}: the ledger does not verify: {found.problem}")
