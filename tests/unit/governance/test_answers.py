"""Answering an approval: who may, until when, and for what exactly."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from crossloop.errors import AnswerRefused
from crossloop.governance import ApprovalFacts, check_answer
from crossloop.ids import ApprovalId, DecisionId, PersonId
from tests.support.governed import NOW

ACTION, POLICY = "a" * 64, "b" * 64
OPEN = ApprovalFacts(
    id=ApprovalId("apr_x"),
    decision_id=DecisionId("dec_x"),
    action_digest=ACTION,
    policy=POLICY,
    people=(PersonId("asha"), PersonId("ravi")),
    quorum=2,
    due=NOW + timedelta(hours=4),
)


def answer(approval: ApprovalFacts = OPEN, **changes: Any) -> None:
    given = {"person": "asha", "now": NOW, "policy_digest": POLICY, "action_digest": ACTION, **changes}
    check_answer(approval, people={"asha", "ravi", "uma"}, **given)


def refused(approval: ApprovalFacts = OPEN, **changes: Any) -> str:
    with pytest.raises(AnswerRefused) as caught:
        answer(approval, **changes)
    assert caught.value.exit_code == 2
    return caught.value.code


def test_whoever_was_asked_may_answer_until_the_deadline() -> None:
    answer()
    answer(now=OPEN.due)
    answer(replace(OPEN, approved=(PersonId("ravi"),)))


def test_a_stranger_may_not_answer() -> None:
    assert refused(person="mallory") == "approval.unknown_person"


def test_a_colleague_who_was_not_asked_may_not_answer() -> None:
    assert refused(person="uma") == "approval.not_asked"


def test_without_the_list_of_people_a_stranger_is_simply_not_asked() -> None:
    with pytest.raises(AnswerRefused) as caught:
        check_answer(OPEN, person="mallory", now=NOW, policy_digest=POLICY, action_digest=ACTION)
    assert caught.value.code == "approval.not_asked"


def test_nobody_approves_a_proposal_of_their_own() -> None:
    own = replace(OPEN, proposer="asha")
    assert refused(own) == "approval.proposer"
    answer(own, decision="reject")
    answer(own, person="ravi")


@pytest.mark.parametrize(
    "changes", [{"approved": (PersonId("asha"),)}, {"rejected": (PersonId("asha"),)}, {"ended": "withdrawn"}]
)
def test_a_second_answer_does_not_count(changes: dict[str, Any]) -> None:
    assert refused(replace(OPEN, **changes)) == "approval.already_answered"


def test_an_answer_after_the_deadline_does_not_count() -> None:
    assert refused(now=OPEN.due + timedelta(microseconds=1)) == "approval.deadline_passed"


@pytest.mark.parametrize(("goes_on", "says"), [(False, "that ends the question"), (True, "others are asked")])
def test_whoever_comes_too_late_is_told_what_to_do(goes_on: bool, says: str) -> None:
    with pytest.raises(AnswerRefused) as caught:
        answer(replace(OPEN, goes_on=goes_on), now=OPEN.due + timedelta(microseconds=1))
    assert says in caught.value.next_step


def test_a_yes_to_a_signal_that_holds_no_more_does_not_count_and_a_no_does() -> None:
    holds = replace(OPEN, valid_until=NOW, known_until=NOW)
    answer(holds)
    over = replace(holds, known_until=NOW + timedelta(microseconds=1))
    assert refused(over) == "approval.signal_expired"
    answer(over, decision="reject")


def test_a_yes_under_another_policy_does_not_count_and_a_no_does() -> None:
    assert refused(policy_digest="c" * 64) == "approval.policy_changed"
    answer(policy_digest="c" * 64, decision="reject")


def test_a_yes_to_a_changed_action_does_not_count_and_a_no_does() -> None:
    assert refused(action_digest="c" * 64) == "approval.action_changed"
    answer(action_digest="c" * 64, decision="reject")


def test_whoever_was_asked_may_say_no_though_the_document_names_them_no_more() -> None:
    gone = replace(OPEN, people=(*OPEN.people, PersonId("mina")))
    answer(gone, person="mina", policy_digest="c" * 64, decision="reject")
    assert refused(gone, person="mina", policy_digest="c" * 64) == "approval.policy_changed"


@pytest.mark.parametrize(
    "changes", [{"person": "mallory"}, {"person": "uma"}, {"now": OPEN.due + timedelta(seconds=1)}]
)
def test_a_no_of_a_stranger_of_somebody_else_or_too_late_does_not_count(changes: dict[str, Any]) -> None:
    refused(decision="reject", **changes)


UP_THE_LINE = replace(
    OPEN,
    people=(PersonId("mina"),),
    quorum=1,
    before=(PersonId("asha"), PersonId("ravi")),
    before_due=NOW - timedelta(hours=1),
)


def test_whoever_was_asked_first_may_still_say_no_once_the_question_has_gone_up_the_line() -> None:
    for person in ("asha", "ravi", "mina"):
        answer(UP_THE_LINE, person=person, decision="reject")
    assert refused(UP_THE_LINE, person="uma", decision="reject") == "approval.not_asked"
    late = UP_THE_LINE.due + timedelta(seconds=1)
    assert refused(UP_THE_LINE, person="asha", decision="reject", now=late) == "approval.deadline_passed"
    ended = replace(UP_THE_LINE, ended="expired")
    assert refused(ended, person="asha", decision="reject") == "approval.already_answered"


def test_their_yes_is_refused_with_until_when_they_were_asked_and_who_is_asked_now() -> None:
    with pytest.raises(AnswerRefused) as caught:
        answer(UP_THE_LINE, person="asha")
    until = (NOW - timedelta(hours=1)).isoformat()
    assert caught.value.message == f"'asha' was asked about apr_x until {until}; now it is with mina."
    assert caught.value.code == "approval.not_asked"
    assert "no still counts" in caught.value.next_step
    answer(UP_THE_LINE, person="mina")


def test_between_the_deadline_and_the_next_in_the_line_a_no_counts_and_a_yes_does_not() -> None:
    late, goes_on = OPEN.due + timedelta(seconds=1), replace(OPEN, goes_on=True)
    answer(goes_on, decision="reject", now=late)
    assert refused(goes_on, now=late) == "approval.deadline_passed"


def test_a_question_that_has_ended_says_how() -> None:
    with pytest.raises(AnswerRefused, match="withdrawn, the rules changed"):
        answer(replace(OPEN, ended="withdrawn, the rules changed"))


def test_an_approval_is_granted_by_enough_different_people_and_no_rejection() -> None:
    asha, ravi = OPEN.people
    assert not OPEN.granted
    assert not replace(OPEN, approved=(asha,)).granted
    assert not replace(OPEN, approved=(asha, asha)).granted
    assert replace(OPEN, approved=(asha, ravi)).granted
    assert not replace(OPEN, approved=(asha, ravi), rejected=(PersonId("uma"),)).granted
    assert replace(OPEN, quorum=1, approved=(ravi,)).granted
