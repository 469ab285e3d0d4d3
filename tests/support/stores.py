"""Stores for tests: a clock that stands still, salts that repeat, rows that are quickly made."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from crossloop.clock import Clock, ManualClock
from crossloop.store import Store, Tx, decisions, inbox, verify

START = datetime(2025, 3, 1, 9, 30, tzinfo=UTC)
DAY = date(2025, 3, 1)
LATER = START + timedelta(days=7)


def counted_salts() -> Callable[[], bytes]:
    """Salts that are different from each other and the same every time."""
    counter = itertools.count()
    return lambda: hashlib.sha256(b"salt %d" % next(counter)).digest()[:16]


def open_store(path: Path, *, clock: Clock | None = None, create: bool = True) -> Store:
    """Open a store file with a clock that stands still and repeating salts."""
    return Store.open(
        f"sqlite:///{path}",
        clock=clock or ManualClock(START),
        salts=counted_salts(),
        create=create,
        patience=0.2,
    )


def admit(tx: Tx, id: str, *, case: str | None = None) -> bool:
    """Admit a signal of which only the id matters."""
    return inbox.admit(
        tx,
        id=id,
        type="logistics.geo_risk/1",
        subject="geo/IN/KARNATAKA",
        department="logistics",
        case=case or f"case_of_{id}",
        time=START,
        valid_until=LATER,
        body={"id": id},
    )


def decide(tx: Tx, id: str, signal_id: str, *, case: str | None = None) -> bool:
    """Record a decision of which only the id and the signal matter."""
    return decisions.record(
        tx,
        id=id,
        signal_id=signal_id,
        department="marketing",
        step=0,
        loop="logistics-to-marketing",
        intervention="reduce_bid",
        verdict="act",
        case=case or f"case_of_{signal_id}",
        body={"id": id},
    )


def require_verified(path: Path, *, tampered: bool = False) -> None:
    """Fail unless ledger and tables of a store agree; or unless they do not, where somebody tampered."""
    with open_store(path, create=False) as store:
        found = store.read(verify)
    assert found.ok is not tampered, found.problem or "what was tampered with was not found"


def plan(store: Store, statement: str, **values: int | str) -> str:
    """How SQLite would answer a query; fails when it would sort."""
    steps = store.read(
        lambda read: [row[3] for row in read.rows("EXPLAIN QUERY PLAN " + statement, **values)]
    )
    assert not any("TEMP B-TREE" in step for step in steps)
    return " | ".join(steps)
