"""Conflicts through the whole coordinator: within a wave, between waves, with plans that stand anyway."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crossloop.coordinator.loop import Inputs, Standing
from crossloop.coordinator.run import run_loop
from crossloop.signals import Claim, Signal
from crossloop.store import claims
from tests.support.fake_loop import FakeLoop
from tests.support.trials import Ask, Trial, lift, trial

CUT = Ask()
RAISE = Ask(by="sales", wants="increase", interest="sales", intervention="raise", operation="exclude_area")
UNRANKED = Ask(by="sales", wants="increase", interest="marketing", intervention="raise")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Trial]:
    with trial(tmp_path) as found:
        yield found


def verdicts(opened: Trial, *signals: Signal) -> dict[str, str]:
    """Verdict by department, of what asked for something."""
    return {
        body["proposal"]["department"]: body["verdict"]["outcome"]
        for signal in signals
        for body in opened.entries("decision", signal.correlation_id)
        if body["proposal"]["action"] is not None
    }


def dissent(opened: Trial, signal: Signal, department: str) -> list[dict[str, Any]]:
    (body,) = (
        one
        for one in opened.entries("decision", signal.correlation_id)
        if one["proposal"]["department"] == department and one["proposal"]["action"] is not None
    )
    return body["dissent"]


def active(opened: Trial) -> list[str]:
    now = opened.clock.now()
    found = opened.store.read(lambda read: claims.overlapping(read, "ads", now, now + timedelta(days=1)))
    return [f"{one.interest} {one.state}" for one in found]


def test_within_a_wave_the_interest_that_stands_first_wins_and_the_dissent_is_in_the_ledger(
    opened: Trial,
) -> None:
    signal = opened.said(CUT, RAISE)
    opened.publish(signal)
    assert verdicts(opened, signal) == {"marketing": "act", "sales": "refuse"}
    assert opened.restrictions() == ["C1 560001"]
    assert active(opened) == ["logistics in_force"]
    (theirs,) = dissent(opened, signal, "marketing")
    assert (theirs["interest"], theirs["winner"]) == ("sales", "logistics")
    assert theirs["argument"] == "sales was told to raise C1 in 560001."
    (ours,) = dissent(opened, signal, "sales")
    assert ours["because"] == "order for geography: logistics before sales"
    assert opened.coordinator.verify().ok


@pytest.mark.parametrize("first", [CUT, RAISE])
def test_two_signals_of_one_wave_conflict_as_two_proposals_of_one_signal_do(
    opened: Trial, first: Ask
) -> None:
    second = RAISE if first is CUT else CUT
    wave = opened.said(first), opened.said(second)
    opened.publish(*wave)
    assert verdicts(opened, *wave) == {"marketing": "act", "sales": "refuse"}


def test_between_waves_what_is_in_force_stands_against_what_comes_later(opened: Trial) -> None:
    opened.ask(CUT)
    later = opened.said(RAISE)
    opened.publish(later)
    assert verdicts(opened, later) == {"sales": "refuse"}
    (theirs,) = dissent(opened, later, "sales")
    assert theirs["with"].endswith("(in_force)")


def test_between_waves_what_is_held_stands_against_what_comes_later(opened: Trial) -> None:
    opened.ask(CUT.model_copy(update={"share": 0.2}))
    later = opened.said(RAISE)
    opened.publish(later)
    assert verdicts(opened, later) == {"sales": "refuse"}
    (held,) = opened.coordinator.approvals()
    opened.coordinator.answer(str(held["id"]), person="asha", decision="reject", reason="no", asserted="test")
    again = opened.said(RAISE)
    opened.publish(again)
    assert verdicts(opened, again) == {"sales": "act"}


def test_a_conflict_that_no_order_settles_goes_to_people_on_both_sides(opened: Trial) -> None:
    signal = opened.said(CUT, UNRANKED)
    opened.publish(signal)
    assert verdicts(opened, signal) == {"marketing": "escalate", "sales": "escalate"}
    assert opened.restrictions() == []
    assert active(opened) == ["logistics held", "marketing held"]
    people = {one["intervention"]: one["from"] for one in opened.coordinator.approvals()}
    assert people == {"cut": ["asha"], "raise": ["mina"]}
    assert "the order for geography leaves out marketing" in dissent(opened, signal, "sales")[0]["because"]


def test_a_refused_proposal_stands_in_nobodys_way_even_where_it_would_go_first(tmp_path: Path) -> None:
    with trial(tmp_path, ("order: [logistics, sales]", "order: [sales, logistics]")) as opened:
        not_theirs = RAISE.model_copy(update={"intervention": "cut"})
        signal = opened.said(CUT, not_theirs)
        opened.publish(signal)
        assert verdicts(opened, signal) == {"marketing": "act", "sales": "refuse"}


def test_claims_on_other_areas_and_at_other_times_do_not_meet(opened: Trial) -> None:
    opened.ask(CUT)
    elsewhere = opened.said(RAISE.model_copy(update={"pin": "560002"}))
    opened.publish(elsewhere)
    opened.clock.advance(timedelta(days=8))
    later = opened.said(RAISE)
    opened.publish(later)
    assert verdicts(opened, elsewhere) == verdicts(opened, later) == {"sales": "act"}


def plan(interest: str, opened: Trial) -> Standing:
    starts = opened.clock.now() - timedelta(days=1)
    claim = Claim.model_validate(
        {
            "resource": "ads/campaign/C1/geo/IN/KARNATAKA",
            "direction": "increase",
            "starts": starts,
            "ends": starts + timedelta(days=30),
            "interest": interest,
        }
    )
    return Standing(f"{interest} plan P-7", claim, "a festival is coming")


def run_with(opened: Trial, *standing: Standing, signals: tuple[Signal, ...]) -> None:
    loop = FakeLoop(signals=signals, standing=standing)
    runtime = opened.runtime(company=replace(opened.company, loops={loop.name: loop}))
    opened.wait(run_loop(runtime, loop, Inputs(), as_of=opened.clock.now().date(), settings={}))


@pytest.mark.parametrize(("interest", "expected"), [("sales", "act"), ("marketing", "escalate")])
def test_a_plan_that_stands_anyway_is_a_rival_like_any_other(
    opened: Trial, interest: str, expected: str
) -> None:
    signal = opened.said(CUT)
    run_with(opened, plan(interest, opened), signals=(signal,))
    assert verdicts(opened, signal) == {"marketing": expected}
    (theirs,) = dissent(opened, signal, "marketing")
    assert (theirs["with"], theirs["argument"]) == (f"{interest} plan P-7 (standing)", "a festival is coming")


def test_a_plan_whose_time_is_over_stands_no_longer(opened: Trial) -> None:
    run_with(opened, plan("marketing", opened), signals=())
    opened.clock.advance(timedelta(days=29))
    signal = opened.said(CUT)
    opened.publish(signal)
    assert verdicts(opened, signal) == {"marketing": "act"}
    assert dissent(opened, signal, "marketing") == []


def test_what_was_taken_back_makes_room(opened: Trial) -> None:
    first = opened.said(CUT)
    (done,) = opened.publish(first).receipts
    opened.publish(opened.over(first.correlation_id, lift(done.action_key, done.reference)))
    later = opened.said(RAISE)
    opened.publish(later)
    assert verdicts(opened, later) == {"sales": "act"}


def test_a_conflict_is_found_whatever_the_day_the_claim_was_made_on(opened: Trial) -> None:
    opened.ask(CUT)
    opened.clock.advance(timedelta(days=3))
    later = opened.said(RAISE)
    opened.publish(later)
    assert verdicts(opened, later) == {"sales": "refuse"}
