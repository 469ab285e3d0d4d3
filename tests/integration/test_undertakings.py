"""Undertakings on a real store: done step by step, and taken back in reverse when one comes to nothing."""

from __future__ import annotations

import multiprocessing
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crossloop.signals import Signal
from crossloop.store import actions, approvals, decisions, incidents
from crossloop.store.actions import ActionRow
from crossloop.store.decisions import DecisionRow
from tests.support import undertaking_story
from tests.support.crashing import final_state
from tests.support.trials import Trial, lift, trial
from tests.support.wayward import CAMPAIGNS, SAGA, Wayward, make_wayward, steps

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.support.undertaking_story"])
PLACES = range(len(CAMPAIGNS))


@pytest.fixture
def ads(opened: Trial) -> Wayward:
    return make_wayward(opened)


@pytest.fixture
def opened(tmp_path: Path) -> Any:
    with trial(tmp_path) as found:
        yield found


def of_marketing(opened: Trial) -> list[DecisionRow]:
    """Decisions about the steps, in their order."""
    made = [one for one in opened.store.read(decisions.listing) if one.department == "marketing"]
    return sorted(made, key=lambda one: one.step)


def rows(opened: Trial) -> list[ActionRow]:
    """The own actions of the steps, in their order."""
    made = of_marketing(opened)
    own = [opened.store.read(lambda read, one=one: actions.for_decision(read, one.id)) for one in made]
    return [next(row for row in some if row.undoes is None) for some in own if some]


def states(opened: Trial) -> list[str]:
    return [row.state for row in rows(opened)]


def open_incidents(opened: Trial) -> list[Any]:
    return opened.coordinator.incidents(state="open")


def close(opened: Trial, *, happened: bool, reference: str | None = None) -> Any:
    (one,) = open_incidents(opened)
    return opened.coordinator.close_incident(
        one["id"], person="asha", happened=happened, reference=reference, reason="I looked", asserted="test"
    )


def test_the_steps_are_performed_one_after_the_other(opened: Trial, ads: Wayward) -> None:
    said = opened.said(*steps())
    report = opened.publish(said)
    assert ads.performed == [f"suppress_cod {one}" for one in CAMPAIGNS]
    assert [one.outcome for one in report.receipts] == ["done"] * 3
    assert states(opened) == ["done"] * 3
    assert opened.state(said) == "finished"
    permits = [at for at, one in enumerate(kinds(opened, said)) if one == "permit"]
    receipts = [at for at, one in enumerate(kinds(opened, said)) if one == "receipt"]
    assert permits[1] > receipts[0]
    assert permits[2] > receipts[1]


def kinds(opened: Trial, said: Signal) -> list[str]:
    return [one.kind for one in opened.store.read(lambda read: list(read.entries(case=said.correlation_id)))]


@pytest.mark.parametrize("failing", PLACES)
def test_a_step_that_fails_drops_the_later_ones_and_takes_the_earlier_ones_back_in_reverse(
    opened: Trial, ads: Wayward, failing: int
) -> None:
    ads.refused = {CAMPAIGNS[failing]}
    said = opened.said(*steps())
    opened.publish(said)
    done = CAMPAIGNS[:failing]
    back = [f"lift {one}" for one in reversed(done)]
    assert ads.performed == [f"suppress_cod {one}" for one in done] + back
    assert states(opened) == ["compensated"] * failing + ["failed"] + ["dropped"] * (2 - failing)
    assert opened.restrictions() == []
    assert opened.state(said) == "finished"
    assert open_incidents(opened) == []
    taken = [one["permit"] for one in opened.entries("permit") if "request" in one]
    assert [one["approvers"] for one in taken] == [[]] * failing
    assert all(one["because"].startswith(f"{SAGA}: step {failing} of") for one in taken)
    assert all(one["policy"] == opened.policy.digest for one in taken)


@pytest.mark.parametrize("doubtful", PLACES)
@pytest.mark.parametrize("happened", [True, False])
def test_a_step_that_is_unknown_is_waited_for_until_a_person_has_looked(
    opened: Trial, ads: Wayward, doubtful: int, happened: bool
) -> None:
    campaign = CAMPAIGNS[doubtful]
    (ads.lost if happened else ads.unsent).add(campaign)
    said = opened.said(*steps())
    report = opened.publish(said)
    assert states(opened) == ["done"] * doubtful + ["unknown"] + ["planned"] * (2 - doubtful)
    assert opened.state(said) == "decided"
    assert [one.people for one in report.incidents] == [("asha",)]
    opened.publish()
    assert states(opened)[doubtful] == "unknown"
    ads.lost, ads.unsent = set(), set()
    close(opened, happened=happened, reference="rst-7" if happened else None)
    if happened:
        assert states(opened) == ["done"] * doubtful + ["reconciled"] + ["done"] * (2 - doubtful)
    else:
        assert states(opened) == ["compensated"] * doubtful + ["failed"] + ["dropped"] * (2 - doubtful)
        assert opened.restrictions() == []
    assert opened.state(said) == "finished"


@pytest.mark.parametrize("happened", [True, False])
def test_a_drain_looks_up_what_is_unknown_and_goes_on(opened: Trial, ads: Wayward, happened: bool) -> None:
    (ads.lost if happened else ads.unsent).add("C2")
    opened.ask(*steps())
    assert states(opened) == ["done", "unknown", "planned"]
    ads.lost, ads.unsent, ads.blind = set(), set(), False
    report = opened.publish()
    assert report.incidents == ()
    assert open_incidents(opened) == []
    (closed,) = opened.coordinator.incidents()
    assert (closed["closed"]["person"], closed["closed"]["happened"]) == (None, happened)
    if happened:
        assert states(opened) == ["done", "reconciled", "done"]
        assert [one.outcome for one in report.receipts] == ["done", "done"]
    else:
        assert states(opened) == ["compensated", "failed", "dropped"]
        assert [one.outcome for one in report.receipts] == ["failed", "done"]


HELD = {"share": 0.2}


def answer(opened: Trial, campaign: str, decision: Any) -> None:
    at = CAMPAIGNS.index(campaign)
    made = of_marketing(opened)[at]
    asked = opened.store.read(lambda read: approvals.for_decision(read, made.id))
    assert asked is not None
    people = ("asha", "ravi") if decision == "approve" else ("asha",)
    for person in people:
        opened.coordinator.answer(asked.id, person=person, decision=decision, reason="so", asserted="test")


def held_in_the_middle(opened: Trial) -> Signal:
    first, middle, last = steps()
    return opened.said(first, middle.model_copy(update=HELD), last)


def test_where_others_take_the_steps_back_that_were_done_nothing_is_left_of_the_undertaking(
    opened: Trial, ads: Wayward
) -> None:
    first, second, third = steps()
    said = opened.said(first, second, third.model_copy(update={"share": 0.2}))
    opened.publish(said)
    assert states(opened) == ["done", "done", "planned"]
    lifts = [lift(row.key, row.reference, campaign=row.resource.split("/")[2]) for row in rows(opened)[:2]]
    opened.publish(opened.over(said.correlation_id, *lifts))
    assert opened.restrictions() == []
    assert opened.state(said) == "finished"
    assert opened.store.read(lambda read: decisions.sagas(read, said.id)) != []
    assert opened.coordinator.incidents(state="open") == []


def test_what_is_taken_back_already_is_not_taken_back_by_somebody_else(opened: Trial, ads: Wayward) -> None:
    (done,) = opened.ask(steps()[0].model_copy(update={"saga": None})).receipts
    campaign = CAMPAIGNS[0]
    lifts = [lift(done.action_key, done.reference, campaign=campaign)] * 2
    case = opened.store.read(lambda read: actions.get(read, done.action_key)).case  # type: ignore[union-attr]
    report = opened.publish(opened.over(case, *lifts))
    asked = [one for one in report.decisions if one.intervention == "take_back"]
    assert [one.verdict for one in asked] == ["act", "refuse"]
    assert "taken back by" in asked[1].reasons[0].text
    later = opened.publish(opened.over(case, lifts[0]))
    (again,) = [one for one in later.decisions if one.intervention == "take_back"]
    assert (again.verdict, again.reasons[0].text) == (
        "refuse",
        f"{done.action_key} is not in force: it is compensated.",
    )
    assert ads.performed == [f"suppress_cod {campaign}", f"lift {campaign}"]


def test_a_step_that_is_held_keeps_the_later_ones_planned_until_it_is_approved(
    opened: Trial, ads: Wayward
) -> None:
    said = held_in_the_middle(opened)
    opened.publish(said)
    assert states(opened) == ["done", "planned", "planned"]
    answer(opened, "C2", "approve")
    assert states(opened) == ["done"] * 3
    assert opened.state(said) == "finished"


def test_a_step_that_is_rejected_takes_the_earlier_ones_back(opened: Trial, ads: Wayward) -> None:
    said = held_in_the_middle(opened)
    opened.publish(said)
    answer(opened, "C2", "reject")
    assert states(opened) == ["compensated", "dropped", "dropped"]
    assert opened.restrictions() == []
    assert opened.state(said) == "finished"


def test_a_question_that_nobody_answers_in_time_takes_the_earlier_ones_back(
    opened: Trial, ads: Wayward
) -> None:
    opened.publish(held_in_the_middle(opened))
    opened.clock.advance(timedelta(hours=5))
    opened.publish()
    assert states(opened) == ["compensated", "dropped", "dropped"]


def test_an_approval_before_its_turn_is_used_when_it_is_its_turn(opened: Trial, ads: Wayward) -> None:
    opened.ask(*steps(**HELD))
    answer(opened, "C2", "approve")
    assert states(opened) == ["planned"] * 3
    assert ads.performed == []
    answer(opened, "C1", "approve")
    assert states(opened) == ["done", "done", "planned"]
    permits = [one["permit"]["approval_id"] for one in opened.entries("permit")]
    assert len(set(permits)) == 2
    answer(opened, "C3", "reject")
    assert states(opened) == ["compensated", "compensated", "dropped"]


def test_a_step_that_governance_refuses_lets_nothing_begin(opened: Trial, ads: Wayward) -> None:
    first, middle, last = steps()
    said = opened.said(first, middle, last.model_copy(update={"intervention": "raise"}))
    opened.publish(said)
    assert ads.performed == []
    assert states(opened) == ["dropped", "dropped"]
    assert opened.state(said) == "finished"


def test_a_change_of_the_rules_between_two_steps_takes_the_earlier_ones_back(tmp_path: Path) -> None:
    with trial(tmp_path) as opened:
        make_wayward(opened).lost.add("C1")
        opened.ask(*steps())
        assert states(opened) == ["unknown", "planned", "planned"]
    with trial(tmp_path, ("respond_within: 24h", "respond_within: 23h"), first=1) as opened:
        opened.publish()
        assert states(opened) == ["compensated", "dropped", "dropped"]
        assert opened.restrictions() == []


def test_a_permit_that_lapsed_is_a_failure_like_any_other(
    opened: Trial, ads: Wayward, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened.publish(held_in_the_middle(opened))
    follow = opened.coordinator._follow

    async def too_late(**given: Any) -> Any:
        opened.clock.advance(timedelta(hours=25))
        return await follow(**given)

    asked = opened.store.read(lambda read: approvals.for_decision(read, of_marketing(opened)[1].id))
    assert asked is not None
    opened.coordinator.answer(asked.id, person="asha", decision="approve", asserted="test")
    monkeypatch.setattr(opened.coordinator, "_follow", too_late)
    opened.coordinator.answer(asked.id, person="ravi", decision="approve", asserted="test")
    assert states(opened) == ["compensated", "failed", "dropped"]


@pytest.mark.parametrize(
    ("wayward", "because"),
    [
        ({"for_good": {"C2"}}, "ads cannot take suppress_cod back"),
        ({"kept": {"C2"}}, "taking it back failed"),
    ],
)
@pytest.mark.parametrize("taken_back", [True, False])
def test_what_cannot_be_taken_back_stops_the_way_back_until_a_person_has_looked(
    opened: Trial, ads: Wayward, wayward: dict[str, set[str]], because: str, taken_back: bool
) -> None:
    for name, value in wayward.items():
        setattr(ads, name, value)
    ads.refused = {"C3"}
    said = opened.said(*steps())
    report = opened.publish(said)
    assert states(opened) == ["done", "done", "failed"]
    (incident,) = report.incidents
    assert incident.kind == "not_compensated"
    assert because in incident.because
    assert opened.state(said) == "decided"
    opened.publish()
    assert "lift C1" not in ads.performed
    close(opened, happened=taken_back)
    assert states(opened) == ["compensated", "compensated" if taken_back else "done", "failed"]
    assert ads.performed[-1] == "lift C1"
    assert opened.state(said) == "finished"
    claimed = opened.store.read(lambda read: read.rows("SELECT resource FROM claims"))
    assert len(claimed) == (0 if taken_back else 1)


def test_what_is_irreversible_is_not_taken_back_by_a_machine(opened: Trial, ads: Wayward) -> None:
    ads.refused = {"C3"}
    opened.ask(*steps(risk="irreversible"))
    (incident,) = open_incidents(opened)
    assert "irreversible" in incident["because"]
    assert not any(one.startswith("lift") for one in ads.performed)


def test_two_undertakings_are_taken_back_together_and_do_not_touch_each_other(
    opened: Trial, ads: Wayward
) -> None:
    ads.refused = {"C3"}
    one = opened.said(*steps())
    other = opened.said(*(ask.model_copy(update={"pin": "560002"}) for ask in steps()))
    whole = opened.said(*(ask.model_copy(update={"pin": "560003"}) for ask in steps()[:2]))
    opened.publish(one, other, whole)
    assert [opened.state(each) for each in (one, other, whole)] == ["finished"] * 3
    assert opened.restrictions() == ["C1 560003", "C2 560003"]


def test_what_was_taken_back_is_no_longer_in_force_for_anybody(opened: Trial, ads: Wayward) -> None:
    ads.refused = {"C3"}
    opened.ask(*steps())
    in_force = opened.store.read(actions.in_force)
    assert [row.undoes is not None for row in in_force] == [True, True]
    assert opened.store.read(lambda read: read.rows("SELECT * FROM claims")) == []
    assert opened.store.read(incidents.listing) == []


# Killed anywhere.


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("undisturbed")
    undertaking_story.play(path)
    return final_state(path)


def test_the_story_takes_back_what_it_did(undisturbed: dict[str, Any]) -> None:
    assert {state for _, state in undisturbed["signals"]} == {"finished"}
    found = sorted(state for _, state, *_ in undisturbed["actions"])
    assert found == ["compensated"] * 4 + ["done"] * 4 + ["dropped"] * 2 + ["failed"] * 2
    assert {gone for *_, gone, _ in undisturbed["restrictions"]} == {1}
    assert undisturbed["verified"]


@pytest.mark.parametrize("passage", [1, 2])
@pytest.mark.parametrize("point", undertaking_story.POINTS)
def test_a_process_killed_on_the_way_back_is_followed_by_one_that_comes_to_the_same_end(
    tmp_path: Path, undisturbed: dict[str, Any], point: str, passage: int
) -> None:
    process = PROCESSES.Process(target=undertaking_story.die_at, args=(tmp_path, f"{point}:{passage}"))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL, f"{point} was not reached"
    undertaking_story.play(tmp_path)
    assert final_state(tmp_path) == undisturbed
