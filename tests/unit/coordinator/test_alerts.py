"""Whoever has to know that something went another way is told once each."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from crossloop.coordinator.incidents import LOOK_WITHIN
from tests.support.trials import Ask, Trial, trial
from tests.support.wayward import make_wayward, steps


def told(opened: Trial, kind: str) -> list[list[str]]:
    return [one["recipients"] for one in opened.entries("notice") if one["kind"] == kind]


def test_both_departments_hear_what_was_dropped_and_what_was_taken_back(opened: Trial) -> None:
    make_wayward(opened).refused = {"C2"}
    opened.ask(*steps())
    assert told(opened, "dropped") == [["logistics", "marketing"]]
    assert told(opened, "compensated") == [["logistics", "marketing"]]
    texts = [one["text"] for one in opened.entries("notice") if one["kind"] in ("dropped", "compensated")]
    assert texts[0] == "Not done: cut, step 1 of spring_sale, cut, was failed."
    assert texts[1].startswith("Taken back: cut (C1: ")


def test_both_departments_hear_what_could_not_be_taken_back_and_those_who_look_into_it(opened: Trial) -> None:
    ads = make_wayward(opened)
    ads.refused, ads.kept = {"C2"}, {"C1"}
    opened.ask(*steps())
    assert told(opened, "not_compensated") == [["logistics", "marketing"]]
    assert told(opened, "incident") == [["asha"]]
    (one,) = opened.coordinator.incidents()
    opened.coordinator.close_incident(
        str(one["id"]), person="asha", happened=True, reason="lifted by hand", asserted="test"
    )
    assert told(opened, "incident_closed") == [["asha", "logistics", "marketing"]]
    assert "Was it taken back? yes, says asha: lifted by hand" in opened.entries("notice")[-1]["text"]


def overdue(opened: Trial) -> list[list[str]]:
    opened.publish()
    return told(opened, "incident_overdue")


def test_those_who_were_to_look_hear_once_that_nobody_has_in_time(opened: Trial) -> None:
    make_wayward(opened).lost = {"C1"}
    opened.ask(Ask())
    opened.clock.advance(timedelta(hours=4))
    assert overdue(opened) == []
    opened.clock.advance(timedelta(seconds=1))
    assert overdue(opened) == [["asha"]]
    opened.clock.advance(timedelta(days=1))
    assert overdue(opened) == [["asha"]]
    (one,) = opened.coordinator.incidents(state="open")
    assert one["overdue"] is True
    text = opened.entries("notice")[-1]["text"]
    assert text == f"Please look into {one['id']}: cut: nobody has looked until {one['due_at']}. Was it done?"
    said = [step.what for step in opened.coordinator.explain(str(one["id"])).steps]
    assert f"finds that nobody has looked into incident {one['id']} in time" in said


def test_where_the_rules_name_no_time_people_have_an_hour_to_look(tmp_path: Path) -> None:
    escalate = "    escalate: {to: [asha], within: 4h, then: [mina]}\n"
    with trial(tmp_path, (escalate, "")) as opened:
        make_wayward(opened).lost = {"C1"}
        opened.ask(Ask())
        opened.clock.advance(LOOK_WITHIN)
        assert overdue(opened) == []
        opened.clock.advance(timedelta(seconds=1))
        assert overdue(opened) == [["asha"]]
