"""Executors on a store, what they left there, and processes that die on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from crossloop.actions import Action, Executor, OutcomeUnknown, Retry, Unavailable
from crossloop.actions import executor as executor_module
from crossloop.canonical import canonical_json
from crossloop.clock import ManualClock
from crossloop.ids import ActionKey
from crossloop.signals import Receipt
from crossloop.store import Lease, Store, Tx, actions, decisions
from crossloop.store.actions import ActionRow
from crossloop.store.instants import micros
from crossloop.store.ledger.entries import body_hash, stored_leaf
from crossloop.store.ledger.redaction import redact
from tests.support.systems import Killed

DOWN, LOST = Unavailable("down"), OutcomeUnknown("no answer came")
RETRY = Retry(attempts=4, first_wait=0)


class Told:
    """What the coordinator hears, inside the transaction of the receipt."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self.states: list[str] = []

    def __call__(self, tx: Tx, _action: Action, receipt: Receipt) -> None:
        row = actions.get(tx, receipt.action_key)
        assert row is not None
        self.receipts.append(receipt)
        self.states.append(row.state)


def executor(store: Store, clock: ManualClock, *systems: Any, told: Any = None, **changes: Any) -> Executor:
    return Executor(
        store,
        {one.system: one for one in systems},
        clock,
        done=told or Told(),
        **{"retry": RETRY, **changes},
    )


def perform(one: Executor, key: ActionKey, lease: Lease | None = None) -> Receipt | None:
    return asyncio.run(one.perform(key, lease))


def recover(one: Executor) -> tuple[Receipt, ...]:
    return asyncio.run(one.recover())


def row(store: Store, key: str) -> ActionRow:
    found = store.read(lambda read: actions.get(read, key))
    assert found is not None
    return found


def receipts(store: Store) -> list[dict[str, Any]]:
    """The receipts that the ledger holds, in order."""
    entries = store.read(lambda read: list(read.entries()))
    return [dict(one.body) for one in entries if one.kind == actions.RECEIPT and one.body is not None]


def remove(store: Store, key: str, what: str) -> None:
    """Remove what an action rests on from the ledger: its ``decision`` or its ``permit``."""

    def work(tx: Tx) -> bool:
        action = actions.get(tx, key)
        assert action is not None
        decision = decisions.get(tx, action.decision_id)
        assert decision is not None
        return redact(tx, decision.entry if what == "decision" else action.entry, "asked for")

    assert store.write(work)


def rewrite(
    store: Store, kind: str, change: Callable[[Any], object], *, sealed: str = "both", at: int = 0
) -> None:
    """Change what the first entry of a kind says.

    Args:
        at: the position from which on it is looked for.
        sealed: which of its hashes are made anew: ``both``, ``body_hash`` or ``neither``.
    """

    def work(tx: Tx) -> int:
        entry = next(one for one in tx.entries(at) if one.kind == kind)
        body = orjson.loads(orjson.dumps(entry.body))
        change(body)
        data, salt = canonical_json(body), entry.salt or b""
        hashed = entry.body_hash if sealed == "neither" else body_hash(salt, data)
        leaf = (
            stored_leaf(entry.position, kind, entry.case, micros(entry.at), hashed)
            if sealed == "both"
            else entry.leaf
        )
        return tx.execute(
            "UPDATE entries SET body = :body, body_hash = :hashed, leaf = :leaf WHERE position = :position",
            body=data, hashed=hashed, leaf=leaf, position=entry.position,
        )  # fmt: skip

    assert store.write(work) == 1


def dying_at(monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    """The process dies when it passes this crash point for the first time."""
    left = [point]

    def pass_by(name: str) -> None:
        if name in left:
            left.remove(name)
            raise Killed

    monkeypatch.setattr(executor_module, "crash_point", pass_by)


def died(one: Executor, key: ActionKey) -> None:
    with pytest.raises(Killed):
        perform(one, key)
