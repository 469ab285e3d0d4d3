"""What every store must do: topics, transactions and the ledger, as one suite.

Rules:

1. The same folder is the same store, however often it is opened, also at the same time.
2. Concurrent claims are tried with threads on several connections: what a database promises between its
   connections, it promises between processes.
3. The ledger is verified at every step of a program that uses each topic once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from crossloop.errors import ProofInvalid
from crossloop.money import Money
from crossloop.store import Read, Tx, actions, approvals, claims, impacts, inbox, votes
from crossloop.store.ledger.proofs import verify_inclusion
from crossloop.store.ledger.redaction import redact
from crossloop.store.ledger.stored import prove_consistency, prove_inclusion
from crossloop.testing.conformance.store_samples import (
    DAY,
    admit,
    ask,
    claim,
    decide,
    expect_verified,
    permit,
)
from crossloop.testing.conformance.store_topics import TopicChecks
from crossloop.testing.conformance.store_transactions import TransactionChecks
from crossloop.testing.conformance.store_waiting import WaitingChecks
from crossloop.testing.conformance.suite import expect, proves

__all__ = ["StoreConformance"]

_AMOUNT: Final = Money.of(100, "INR")

STEPS: Final[tuple[Callable[[Tx], object], ...]] = (
    admit,
    decide,
    claim,
    lambda tx: impacts.add(
        tx,
        decision_id="d1",
        resource="ads/budget",
        day=DAY,
        share=0.1,
        amount=_AMOUNT.amount,
        currency=_AMOUNT.currency,
    ),
    ask,
    lambda tx: votes.give(tx, "p1", person="asha", body={}),
    lambda tx: approvals.answer(tx, "p1", state="approved", person="asha", reason="yes", body={}),
    permit,
    lambda tx: claims.in_force(tx, "d1"),
    lambda tx: inbox.decided(tx, "s1", {}),
    lambda tx: actions.start(tx, "a1"),
    lambda tx: actions.finish(tx, "a1", "done", reference="r1", body={"detail": "done"}),
    lambda tx: inbox.finished(tx, "s1", {}),
    lambda tx: claims.release(tx, "d1"),
    lambda tx: impacts.release(tx, "d1"),
)
"""A signal's whole way, one transaction after the other."""


class StoreConformance(TopicChecks, WaitingChecks, TransactionChecks):
    """Inherit, give ``open_store``, and name the class ``Test…``."""

    @proves("ledger")
    def test_the_ledger_verifies_at_every_step_and_every_state_begins_the_next(self) -> None:
        store = self.opened()
        heads: list[tuple[int, bytes]] = []
        for number, step in enumerate(STEPS):
            done = store.write(step)
            expect(bool(done), f"step {number} did nothing: {done}")
            expect_verified(store, f"step {number}")
            heads.append(store.read(_head))
        size, root = heads[-1]
        for earlier, before in heads:
            first = (earlier, before)
            try:
                store.read(lambda read, first=first: prove_consistency(read, *first, size, root))
            except ProofInvalid as wrong:
                raise AssertionError(
                    f"the ledger of {earlier} entries does not begin that of {size}"
                ) from wrong

    @proves("redaction")
    def test_redaction_removes_what_was_said_and_keeps_every_proof(self) -> None:
        store = self.opened()
        for step in STEPS:
            store.write(step)
        size, root = store.read(_head)
        leaves = store.read(lambda read: [one.leaf for one in read.entries()])
        expect(store.write(lambda tx: redact(tx, 0, "asked for")), "nothing was redacted")
        expect(not store.write(lambda tx: redact(tx, 0, "asked for")), "redacted twice")
        entry = store.read(lambda read: read.entry(0))
        expect((entry.body, entry.salt) == (None, None), f"what was redacted is there: {entry}")
        for position, leaf in enumerate(leaves):
            kept = store.read(lambda read, position=position: read.entry(position).leaf)
            expect(kept == leaf, f"the leaf of entry {position} changed")
        path = store.read(lambda read: prove_inclusion(read, 0, size, leaves[0], root))
        verify_inclusion(leaves[0], 0, size, path, root)
        expect_verified(store, "after redaction")


def _head(read: Read) -> tuple[int, bytes]:
    head = read.head()
    return head.size, bytes.fromhex(head.root)
