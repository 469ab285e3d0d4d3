"""The ledger is read entry by entry, and what it says is what a real company has written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from crossloop.coordinator.approvals import answer
from crossloop.ids import PersonId
from crossloop.store import approvals
from crossloop.testing.ledger import Ledger
from tests.support import trials
from tests.support.trials import Ask, Trial


def read(opened: Trial) -> Ledger:
    ledger = Ledger()
    ledger.read(opened.store.read(lambda one: list(one.entries())))
    return ledger


def test_it_reads_what_was_decided_permitted_done_and_asked(tmp_path: Any) -> None:
    with trials.trial(tmp_path) as opened:
        opened.ask(Ask(share=0.05))
        opened.ask(Ask(campaign="C2", share=0.2))
        ledger = read(opened)
        done, held = [one for one in ledger.decisions.values() if one.department == "marketing"]
        assert (done.outcome, done.share, held.outcome) == ("act", Decimal("0.05"), "hold")
        assert ledger.limits(done) == {"daily_budget_share": Decimal("0.15")}
        (permit,) = ledger.by_key.values()
        assert (permit.outcome, permit.approval, permit.digest) == ("done", None, permit.named)
        assert permit.started is not None
        (asked,) = ledger.asked.values()
        assert (asked.state, asked.quorum, asked.voters) == ("waiting", 2, [])


def test_it_follows_a_question_to_its_end(tmp_path: Any) -> None:
    with trials.trial(tmp_path) as opened:
        opened.ask(Ask(share=0.2))
        (row,) = opened.store.read(lambda one: approvals.listing(one, state="waiting"))
        for person in ("asha", "ravi"):
            opened.wait(
                answer(
                    opened.store,
                    row.id,
                    person=PersonId(person),
                    decision="approve",
                    reason="",
                    policy=opened.policy,
                    asserted="test",
                )
            )
        (asked,) = read(opened).asked.values()
        assert (asked.state, asked.voters) == ("approved", ["asha", "ravi"])
        (permit,) = read(opened).by_key.values()
        assert permit.approval == row.id
