"""Who is told what, in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossloop.departments import Answer, View, no_action
from crossloop.signals import Signal
from tests.support.trials import MARKETING, QUESTION, QUESTIONS, Ask, Trial, departments, trial


def told(opened: Trial, kind: str) -> dict[str, str]:
    return {
        who: one["text"]
        for one in opened.entries("notice")
        if one["kind"] == kind
        for who in one["recipients"]
    }


def test_who_is_asked_is_asked_and_who_the_loop_names_is_told(opened: Trial) -> None:
    opened.ask(Ask(share=0.2))
    said = told(opened, "hold")
    assert list(said) == ["asha", "ravi", "mina"]
    what = "cut for ads/campaign/C1/geo/IN/KARNATAKA/560/560001"
    assert said["asha"].startswith(f"Please decide on {what}: 'large_change'")
    assert said["mina"].startswith(
        "Cut for ads/campaign/C1/geo/IN/KARNATAKA/560/560001 waits for asha and ravi"
    )


def test_an_escalation_asks_along_the_line(opened: Trial) -> None:
    opened.ask(Ask(confidence=0.3))
    assert list(told(opened, "escalate")) == ["asha", "mina"]


def test_a_refusal_tells_both_departments_why(opened: Trial) -> None:
    opened.ask(Ask(intervention="raise"))
    said = told(opened, "refuse")
    assert list(said) == ["logistics", "marketing", "sales"]
    assert "does not permit 'raise'" in said["marketing"]
    assert said["sales"] == "Nothing done: sales has nothing to say about it"


@pytest.mark.parametrize(
    ("because", "text"),
    [
        ("nothing is done for campaign C1: why", "Nothing is done for campaign C1: why"),
        ("no campaign known", "Nothing done: no campaign known"),
    ],
)
def test_a_reason_that_says_itself_that_nothing_is_done_is_not_told_twice(
    tmp_path: Path, because: str, text: str
) -> None:
    def reasons(signal: Signal, view: View) -> Answer:
        return (no_action(signal, MARKETING, QUESTIONS, because),)

    with trial(tmp_path, departments=departments(slow=reasons)) as opened:
        opened.publish(opened.said(type=QUESTION.name))
        assert told(opened, "refuse")["marketing"] == text


def test_what_was_done_is_told_to_both_departments_with_the_reason(opened: Trial) -> None:
    opened.ask(Ask())
    said = told(opened, "done")
    assert list(said) == ["logistics", "marketing"]
    assert said["logistics"].endswith("Why: marketing was told to cut C1 in 560001.")


def test_what_failed_is_told_with_what_the_system_answered(opened: Trial) -> None:
    opened.ask(Ask(campaign="C999"))
    assert "there is no campaign 'C999'" in told(opened, "failed")["marketing"]


def test_nobody_is_told_the_same_twice(opened: Trial) -> None:
    signal = opened.said(Ask(), department="marketing")
    opened.publish(signal)
    opened.publish(signal)
    said = [
        (one["decision_id"], one["kind"], who)
        for one in opened.entries("notice")
        for who in one["recipients"]
    ]
    assert len(said) == len(set(said))
    assert list(told(opened, "done")) == ["marketing", "logistics"]


def test_a_notice_stands_in_the_case_it_belongs_to(opened: Trial) -> None:
    first, second = opened.said(Ask()), opened.said(Ask(campaign="C2"))
    opened.publish(first, second)
    for signal in (first, second):
        recipients = [one["recipients"] for one in opened.entries("notice", signal.correlation_id)]
        assert recipients == [["logistics", "sales"], ["logistics", "marketing"]]
