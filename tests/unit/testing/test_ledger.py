"""The ledger is read entry by entry, and what it says is what a real company has written."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from crossloop.coordinator import alerts
from crossloop.coordinator.approvals import answer
from crossloop.ids import PersonId
from crossloop.store import approvals
from crossloop.testing import invariants
from crossloop.testing.evidence import Evidence
from crossloop.testing.ledger import Ledger
from tests.support import trials
from tests.support.trials import Ask, Trial
from tests.support.wayward import make_wayward


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


@pytest.mark.parametrize("told", [True, False])
def test_it_sees_whether_anybody_is_told_that_nobody_has_looked_in_time(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    if not told:
        monkeypatch.setattr(alerts, "incident_overdue", lambda *_: None)
    with trials.trial(tmp_path) as opened:
        make_wayward(opened).lost = {"C1"}
        opened.ask(Ask())
        opened.clock.advance(timedelta(days=1))
        opened.publish()
        evidence = Evidence(ledger=read(opened))
        found = [one.what for one in invariants.acknowledged_is_kept(evidence)]
        (late,) = [one for one in evidence.ledger.to_tell if one.because == "incident.overdue"]
        assert found == ([] if told else [f"nobody was told of incident.overdue at entry {late.entry}"])
