"""What people are told about a question: whether it is overdue, how it ended, in whose time."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from crossloop.console.approvals import _say_given, app
from crossloop.coordinator.approvals import Answered
from crossloop.coordinator.facade import Given
from crossloop.ids import ActionKey
from crossloop.signals import Receipt
from tests.support.stores import START
from tests.support.trials import Ask, policy, trial

ASKED = Ask(share=0.2)


def said(folder: Path, *arguments: str) -> str:
    """What a command prints about the trial store of a folder, with its line breaks taken out."""
    url = f"sqlite:///{folder}/store.db"
    done = CliRunner().invoke(app, [*arguments, "--store", url], env={"COLUMNS": "100", "NO_COLOR": "1"})
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_a_question_whose_deadline_passed_is_overdue_and_cannot_be_approved(tmp_path: Path) -> None:
    with trial(tmp_path) as opened:  # its clock stands in the past
        held = opened.ask(ASKED).waiting[0].approval_id
    listed, shown = said(tmp_path, "list"), said(tmp_path, "show", held)
    assert f"{held} overdue: cut" in listed
    assert "it ends with the next run, and nothing is done" in listed
    assert "waiting:" not in listed
    assert "Nobody answered in time; it ends with the next run, and nothing is done." in shown
    assert f"approvals approve {held}" not in shown
    assert f"approvals reject {held}" not in shown


def test_an_overdue_escalation_says_who_comes_next_and_takes_a_no(tmp_path: Path) -> None:
    with trial(tmp_path) as opened:
        held = opened.ask(Ask(confidence=0.5)).waiting[0].approval_id
    shown = said(tmp_path, "show", held)
    assert "Nobody answered in time; with the next run mina will be asked." in shown
    assert f"approvals approve {held}" not in shown
    assert f"approvals reject {held} --as asha" in shown


def test_deadline_and_validity_are_told_in_the_time_zone_of_the_document(tmp_path: Path) -> None:
    with trial(tmp_path) as opened:
        held = opened.ask(ASKED).waiting[0].approval_id
    assert "until 2025-03-01 19:00 Asia/Kolkata" in said(tmp_path, "list")
    shown = said(tmp_path, "show", held)
    assert "until 2025-03-01 19:00 Asia/Kolkata" in shown
    assert "What was seen holds until 2025-03-31 15:00 Asia/Kolkata" in shown


def test_what_was_answered_says_who_did_when_and_why(tmp_path: Path) -> None:
    with trial(tmp_path) as opened:
        approved = opened.ask(ASKED).waiting[0].approval_id
        rejected = opened.ask(Ask(campaign="C2", share=0.2)).waiting[0].approval_id
        for person, why in (("asha", "worth it"), ("ravi", "")):
            opened.coordinator.answer(
                approved, person=person, decision="approve", reason=why, asserted="test"
            )
        opened.clock.advance(timedelta(hours=1))
        opened.coordinator.answer(
            rejected, person="ravi", decision="reject", reason="too early", asserted="test"
        )
    shown = said(tmp_path, "show", approved)
    assert "Who answered asha approved, 2025-03-01 15:00 Asia/Kolkata: worth it ravi approved, " in shown
    no = "rejected by ravi, 2025-03-01 16:00 Asia/Kolkata: too early"
    assert no in said(tmp_path, "show", rejected)
    assert no in said(tmp_path, "list", "--state", "rejected")


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("expired", "No question ended as expired."),
        ("waiting", "Nothing waits for a person."),
    ],
)
def test_an_empty_list_speaks_of_what_was_asked_for(tmp_path: Path, state: str, says: str) -> None:
    with trial(tmp_path) as opened:
        opened.ask(Ask())
    assert said(tmp_path, "list", "--state", state) == says


def test_where_one_answer_is_enough_it_says_or(tmp_path: Path) -> None:
    any_one = policy(("from: {all: [asha, ravi]}", "from: {any: [asha, ravi]}"))
    with trial(tmp_path, under=any_one) as opened:
        held = opened.ask(ASKED).waiting[0].approval_id
    assert "asked: asha or ravi, until" in said(tmp_path, "list")
    assert "asha or ravi: 1 must approve" in said(tmp_path, "show", held)


def test_a_rejection_that_has_earlier_steps_taken_back_does_not_say_that_nothing_is_done() -> None:
    receipt = Receipt(
        action_key=ActionKey("act_1"),
        outcome="done",
        reference="r-1",
        detail="release",
        started_at=START,
        finished_at=START,
    )
    written = io.StringIO()
    console = Console(file=written, width=100)
    _say_given(console, Given(Answered("apr_1", "rejected", None, 0), (receipt,)))
    assert [line.strip() for line in written.getvalue().splitlines()] == [
        "apr_1: rejected",
        "What was asked for is not done.",
        "done: release",
    ]
