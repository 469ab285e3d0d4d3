"""Whoever has to know that something went another way is told once each."""

from __future__ import annotations

from tests.support.trials import Trial
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
