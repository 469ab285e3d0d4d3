"""What is unknown is reconciled once: by looking it up, or by those who have to look."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crossloop.errors import AnswerRefused, UnknownName
from crossloop.ids import CaseId
from crossloop.store import actions, claims
from tests.support.stores import START
from tests.support.trials import Ask, Trial, lift, policy
from tests.support.wayward import Wayward, make_wayward


@pytest.fixture
def ads(opened: Trial) -> Wayward:
    return make_wayward(opened)


@pytest.fixture
def doubtful(opened: Trial, ads: Wayward) -> str:
    """The id of an incident about a change that nobody knows about."""
    ads.lost = {"C1"}
    report = opened.ask(Ask())
    ads.lost = set()
    (incident,) = report.incidents
    return incident.incident_id


def close(opened: Trial, id: str, **changes: Any) -> Any:
    said = {
        "person": "asha",
        "happened": True,
        "reference": "rst-1",
        "reason": "it is there",
        "asserted": "test",
    }
    return opened.coordinator.close_incident(id, **{**said, **changes})


def state(opened: Trial) -> str:
    (row,) = (one for one in opened.store.read(lambda read: actions.find(read, "act_")))
    return row.state


def held(opened: Trial) -> int:
    until = START + timedelta(days=1)
    return len(opened.store.read(lambda read: claims.overlapping(read, "ads/campaign/C1", START, until)))


def test_an_unknown_outcome_is_an_incident_of_those_to_whom_the_department_escalates(
    opened: Trial, doubtful: str
) -> None:
    one: Any = opened.coordinator.incident(doubtful)
    assert (one["state"], one["from"], one["question"]) == ("open", ["asha"], "Was it done?")
    assert (one["action_state"], one["system"], one["closed"]) == ("unknown", "ads", None)
    told = [one for one in opened.entries("notice") if one["kind"] == "incident"]
    assert [one["recipients"] for one in told] == [["asha"]]
    assert doubtful in told[0]["text"]


def test_a_person_says_that_it_was_done_and_it_is_in_force_with_its_reference(
    opened: Trial, doubtful: str
) -> None:
    settled = close(opened, doubtful)
    assert (settled.closed.action_state, settled.receipts) == ("reconciled", ())
    (row,) = opened.store.read(actions.in_force)
    assert row.reference == "rst-1"
    assert held(opened) == 1
    (found,) = opened.entries("action.reconciled")
    assert (found["person"], found["identity"], found["reason"]) == ("asha", "test", "it is there")
    one: Any = opened.coordinator.incident(doubtful)
    assert one["closed"]["person"] == "asha"
    assert (one["closed"]["happened"], one["closed"]["reference"]) == (True, "rst-1")


def test_a_person_says_that_it_was_not_done_and_it_gives_back_what_it_held(
    opened: Trial, doubtful: str
) -> None:
    assert close(opened, doubtful, happened=False, reference=None).closed.action_state == "failed"
    assert opened.store.read(actions.in_force) == []
    assert held(opened) == 0


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"person": "ravi"}, "ravi does not look into"),
        ({"person": "nobody"}, "nobody does not look into"),
        ({"reason": " "}, "needs a reason"),
        ({"reason": "x" * 2001}, "at most 2000 characters"),
        ({"reason": "\ud800"}, "the ledger cannot keep this"),
        ({"reason": "\x1b[31m"}, r"a reason is text without control characters, got \\x1b"),
        ({"reference": " \x1b[31m "}, r"a reference is text without control characters, got \\x1b"),
        ({"reference": None}, "has a reference in its system"),
        ({"reference": " "}, "has a reference in its system"),
        ({"reference": "x" * 301}, "at most 300 characters"),
    ],
)
def test_what_does_not_count_is_refused_and_changes_nothing(
    opened: Trial, doubtful: str, changes: dict[str, Any], why: str
) -> None:
    before = opened.store.read(lambda read: read.head())
    with pytest.raises(AnswerRefused, match=why):
        close(opened, doubtful, **changes)
    assert opened.store.read(lambda read: read.head()) == before


def test_an_incident_is_closed_once(opened: Trial, doubtful: str) -> None:
    close(opened, doubtful)
    with pytest.raises(AnswerRefused, match="was closed by asha"):
        close(opened, doubtful, happened=False)
    assert state(opened) == "reconciled"


def test_nobody_closes_it_under_other_rules_than_those_in_force(opened: Trial, doubtful: str) -> None:
    opened.coordinator.policy = policy(("respond_within: 24h", "respond_within: 23h"))
    with pytest.raises(AnswerRefused, match="are in force"):
        close(opened, doubtful)


def test_an_incident_that_nobody_knows_is_named(opened: Trial) -> None:
    with pytest.raises(UnknownName, match="no incident 'inc_none'"):
        close(opened, "inc_none")


@pytest.mark.parametrize("arrived", [True, False])
def test_the_next_drain_looks_it_up_and_closes_it(opened: Trial, ads: Wayward, arrived: bool) -> None:
    (ads.lost if arrived else ads.unsent).add("C1")
    opened.ask(Ask())
    ads.blind = False
    report = opened.publish()
    assert [one.outcome for one in report.receipts] == ["done" if arrived else "failed"]
    assert report.incidents == ()
    assert state(opened) == ("reconciled" if arrived else "failed")
    assert held(opened) == int(arrived)
    (closed,) = opened.entries("incident.closed")
    assert (closed["person"], closed["identity"], closed["happened"]) == (None, "the system", arrived)


def test_what_nobody_can_look_up_goes_on_waiting_for_a_person(opened: Trial, doubtful: str) -> None:
    opened.publish()
    assert state(opened) == "unknown"
    assert [one["id"] for one in opened.coordinator.incidents(state="open")] == [doubtful]


def test_a_change_that_was_found_to_be_done_can_be_taken_back(opened: Trial, ads: Wayward) -> None:
    ads.lost = {"C1"}
    opened.ask(Ask())
    ads.lost, ads.blind = set(), False
    opened.publish()
    (row,) = opened.store.read(actions.in_force)
    opened.publish(opened.over(CaseId(row.case), lift(row.key, row.reference)))
    assert [one.undoes for one in opened.store.read(actions.in_force)] == [row.key]
    assert opened.restrictions() == []


def test_the_story_tells_who_found_out(opened: Trial, doubtful: str) -> None:
    close(opened, doubtful)
    told = {one.kind: one for one in opened.coordinator.explain(doubtful).steps}
    assert told["incident.opened"].what.endswith("for asha")
    assert (told["action.reconciled"].who, told["incident.closed"].who) == ("asha (test)",) * 2
    assert told["incident.closed"].what.endswith(": yes")
