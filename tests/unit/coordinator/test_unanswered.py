"""Which conditions are signalled again: those whose answer came to nothing, once for each ending."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from crossloop.coordinator.admit import admit_signals
from crossloop.coordinator.endings import adopt
from crossloop.coordinator.loop import IN_FORCE
from crossloop.coordinator.unanswered import unanswered
from crossloop.departments import View
from crossloop.signals import Proposal, Signal
from crossloop.store import approvals
from crossloop.store.ledger.redaction import redact
from tests.support.trials import QUESTION, Ask, Trial, departments, lift, policy, trial

LARGE = Ask(share=0.2)


def token(opened: Trial, signal: Signal, *, cleared: bool = False, policy: str | None = None) -> str | None:
    digest = opened.policy.digest if policy is None else policy
    return opened.store.read(
        lambda read: unanswered(
            read, signal.correlation_id, cleared=cleared, policy=digest, now=opened.clock.now()
        )
    )


def asked(opened: Trial) -> str:
    """The id of the only question."""
    (row,) = opened.store.read(approvals.listing)
    return row.id


def published(opened: Trial, *asks: Ask, **changes: object) -> Signal:
    signal = opened.said(*asks, **changes)
    opened.publish(signal)
    return signal


def test_a_case_that_nobody_has_decided_about_is_not_repeated(opened: Trial) -> None:
    signal = opened.said(Ask())
    assert token(opened, signal) is None
    opened.wait(admit_signals(opened.runtime(), [signal]))
    assert token(opened, signal) is None


def test_what_was_done_answers_an_open_condition(opened: Trial) -> None:
    assert token(opened, published(opened, Ask())) is None


def test_what_was_done_answers_it_though_something_else_of_it_failed(opened: Trial) -> None:
    assert token(opened, published(opened, Ask(), Ask(campaign="C999"))) is None


def test_what_was_approved_and_not_yet_performed_is_not_repeated(
    opened: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal = published(opened, LARGE, Ask(campaign="C999"))
    monkeypatch.setattr(opened.coordinator, "_follow", nobody_follows)
    for person in ("asha", "ravi"):
        opened.coordinator.answer(asked(opened), person=person, decision="approve", asserted="test")
    opened.clock.advance(timedelta(hours=5))
    assert token(opened, signal) is None


async def nobody_follows() -> tuple[()]:
    return ()


def test_what_still_waits_is_not_repeated(opened: Trial) -> None:
    held = published(opened, LARGE, Ask(campaign="C999"))
    assert token(opened, held) is None


def test_a_question_that_a_change_of_the_rules_superseded_is_asked_again_also_when_they_change_back(
    opened: Trial,
) -> None:
    other = policy(("within: 4h}\ndepartments", "within: 5h}\ndepartments"))
    signal = published(opened, LARGE)
    before = token(opened, signal, policy=other.digest)
    assert before is not None  # it waits no more for whoever puts other rules in force
    opened.store.write(lambda tx: adopt(tx, other))
    assert token(opened, signal, policy=other.digest) == before
    opened.store.write(lambda tx: adopt(tx, opened.policy))
    assert token(opened, signal) is not None


def test_what_is_over_is_not_asked_again_because_it_was_withdrawn(opened: Trial) -> None:
    signal = published(opened, LARGE)
    opened.publish(opened.over(signal.correlation_id))
    assert token(opened, signal) is None


@pytest.mark.parametrize("ended", ["superseded", "withdrawn"])
def test_why_a_question_ended_is_known_though_its_answer_was_removed(opened: Trial, ended: str) -> None:
    signal = published(opened, LARGE)
    if ended == "superseded":
        other = policy(("within: 4h}\ndepartments", "within: 5h}\ndepartments"))
        opened.store.write(lambda tx: (adopt(tx, other), adopt(tx, opened.policy)))
    else:
        opened.publish(opened.over(signal.correlation_id))
    before = token(opened, signal)
    assert (before is not None) is (ended == "superseded")
    answers = opened.store.read(
        lambda read: [one for one in read.entries() if one.kind == approvals.ANSWERED]
    )
    opened.store.write(lambda tx: [redact(tx, one.position, "asked for") for one in answers])
    assert token(opened, signal) == before


def test_rules_that_come_back_ask_again_each_time(opened: Trial) -> None:
    """By another token: the one of the last time names a signal that was admitted."""
    other = policy(("within: 4h}\ndepartments", "within: 5h}\ndepartments"))
    signal = published(opened, Ask(intervention="raise"))
    tokens: list[str | None] = []
    for number, under in enumerate((other, opened.policy, other)):
        tokens.append(token(opened, signal, policy=under.digest))
        opened.store.write(lambda tx, under=under: adopt(tx, under))
        with trial(opened.path, under=under, clock=opened.clock, first=100 * (number + 1)) as then:
            again = then.said(Ask(intervention="raise"), correlation_id=signal.correlation_id)
            then.publish(again)
            assert token(then, signal) is None
    assert None not in tokens
    assert len(set(tokens)) == 3


def test_a_department_that_could_not_answer_is_asked_again(tmp_path: Path) -> None:
    def broken(signal: Signal, view: View) -> list[Proposal]:
        raise OSError("the ad platform is away")

    with trial(tmp_path, departments=departments(slow=broken)) as opened:
        assert token(opened, published(opened, type=QUESTION.name)) is not None


def test_an_escalation_that_somebody_comes_next_for_still_waits(opened: Trial) -> None:
    signal = published(opened, Ask(confidence=0.5))
    opened.clock.advance(timedelta(hours=5))
    assert token(opened, signal) is None
    opened.publish()  # mina is asked
    opened.clock.advance(timedelta(hours=5))
    assert token(opened, signal) is not None


@pytest.mark.parametrize("asks", [(), (Ask(intervention="raise"),)])
def test_what_was_refused_or_left_alone_under_the_rules_in_force_stays_answered(
    opened: Trial, asks: tuple[Ask, ...]
) -> None:
    assert token(opened, published(opened, *asks)) is None


def test_what_people_rejected_stays_answered(opened: Trial) -> None:
    signal = published(opened, LARGE)
    opened.coordinator.answer(asked(opened), person="asha", decision="reject", reason="no", asserted="test")
    assert token(opened, signal) is None


def test_other_rules_than_those_that_decided_ask_again_once_for_each_document(opened: Trial) -> None:
    signal = published(opened, Ask(intervention="raise"))
    first, second = (token(opened, signal, policy=digest) for digest in ("a", "b"))
    assert first is not None
    assert second is not None
    assert first != second
    assert token(opened, signal, policy="a") == first


def test_a_question_that_nobody_answered_is_asked_again_and_each_time_by_another_token(opened: Trial) -> None:
    signal = published(opened, LARGE)
    opened.clock.advance(timedelta(hours=4))
    assert token(opened, signal) is None
    opened.clock.advance(timedelta(seconds=1))
    first = token(opened, signal)
    assert first is not None
    opened.publish()  # now the row says so, too
    assert token(opened, signal) == first
    again = opened.said(LARGE, correlation_id=signal.correlation_id)
    opened.publish(again)
    assert token(opened, signal) is None
    opened.clock.advance(timedelta(hours=5))
    opened.publish()
    assert token(opened, signal) not in (None, first)


def test_an_action_that_failed_is_asked_for_again(opened: Trial) -> None:
    assert token(opened, published(opened, Ask(campaign="C999"))) is not None


def test_a_signal_that_came_too_late_is_said_again(opened: Trial) -> None:
    late = opened.said(Ask(), valid_until=opened.clock.now() + timedelta(hours=1))
    opened.clock.advance(timedelta(hours=2))
    opened.publish(late)
    assert token(opened, late) is not None


def test_only_the_last_signal_about_a_condition_counts(opened: Trial) -> None:
    failed = published(opened, Ask(campaign="C999"))
    opened.publish(opened.said(Ask(intervention="raise"), correlation_id=failed.correlation_id))
    assert token(opened, failed) is None


def test_a_condition_that_is_over_is_said_again_while_something_of_it_is_in_force(opened: Trial) -> None:
    signal = opened.said(Ask(), Ask(campaign="C2"))
    first, second = opened.publish(signal).receipts
    assert token(opened, signal, cleared=True) == IN_FORCE
    opened.publish(opened.over(signal.correlation_id, lift(first.action_key, first.reference)))
    assert token(opened, signal, cleared=True) == IN_FORCE
    back = lift(second.action_key, second.reference, campaign="C2")
    opened.publish(opened.over(signal.correlation_id, back))
    assert token(opened, signal, cleared=True) is None


def test_a_lift_that_failed_is_another_reason_than_what_is_still_in_force(opened: Trial) -> None:
    signal = opened.said(Ask())
    (done,) = opened.publish(signal).receipts
    lost = lift(done.action_key, "rst_nobody_knows")
    tokens = []
    for _ in range(2):
        opened.publish(opened.over(signal.correlation_id, lost))
        tokens.append(token(opened, signal, cleared=True))
    assert not {None, IN_FORCE} & set(tokens)
    assert len(set(tokens)) == 2


def test_what_only_takes_back_is_not_in_force_itself(opened: Trial) -> None:
    signal = opened.said(Ask())
    (done,) = opened.publish(signal).receipts
    opened.publish(opened.over(signal.correlation_id, lift(done.action_key, done.reference)))
    again = opened.said(Ask(campaign="C999"), correlation_id=signal.correlation_id)
    opened.publish(again)
    assert token(opened, signal) is not None


def test_a_decision_whose_content_was_removed_tells_nothing_and_stops_nobody(opened: Trial) -> None:
    signal = published(opened, Ask(intervention="raise"))
    found = opened.store.read(lambda read: [one for one in read.entries() if one.kind == "decision"])
    opened.store.write(lambda tx: [redact(tx, one.position, "asked for") for one in found])
    assert token(opened, signal, policy="another") is None
