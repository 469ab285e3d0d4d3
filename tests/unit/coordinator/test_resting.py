"""Signals that nobody answers: parked with an owner, taken up again, or expired with a word about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crossloop.coordinator.resting import owners
from crossloop.coordinator.unanswered import unanswered
from crossloop.departments import Department, Handler, View
from crossloop.departments.department import no_action
from crossloop.signals import Proposal, Signal
from crossloop.signals.types import SIGNAL_EXPIRED, SignalExpired
from crossloop.store import inbox
from tests.support.stores import START
from tests.support.trials import MARKETING, QUESTIONS, UNHEARD, Ask, Trial, departments, policy, trial

HOUR = timedelta(hours=1)
heard: list[Signal] = []


def listen(signal: Signal, _view: View) -> list[Proposal]:
    heard.append(signal)
    return [no_action(signal, MARKETING, QUESTIONS, "heard")]


def listening(*types: str, slow: bool = False) -> tuple[Department, ...]:
    """The departments of the trial, with marketing listening to more."""
    heard.clear()
    logistics, marketing, sales = departments()
    more = tuple(Handler(one, QUESTIONS, listen, slow=slow) for one in types)
    return logistics, replace(marketing, handlers=(*marketing.handlers, *more)), sales


def unheard(opened: Trial, **changes: Any) -> Signal:
    return opened.said(type=UNHEARD.name, **changes)


def test_what_no_department_handles_is_parked_and_its_owner_is_told(opened: Trial) -> None:
    said = unheard(opened)
    report = opened.publish(said)
    assert opened.state(said) == "parked"
    (parked,) = report.parked
    assert (parked.signal_id, parked.type, parked.people) == (said.id, UNHEARD.name, ("ravi",))
    assert parked.reason == "no department listens to trial.unheard/1"
    (told,) = (one for one in opened.entries("notice") if one["kind"] == "parked")
    assert told["recipients"] == ["ravi", "logistics"]
    again = opened.publish(said)
    assert (again.new, again.parked) == (0, report.parked)
    assert len(opened.entries("signal.parked")) == 1


@pytest.mark.parametrize("slow", [False, True])
def test_a_drain_that_finds_a_receiver_takes_it_up_again(tmp_path: Path, slow: bool) -> None:
    with trial(tmp_path) as opened:
        said, other = unheard(opened), unheard(opened)
        opened.publish(said, other)
    with trial(tmp_path, departments=listening(UNHEARD.name, slow=slow), first=2) as opened:
        report = opened.publish()
        assert {one.id for one in heard} == {said.id, other.id}
        assert [one.rationale for one in report.decisions] == ["heard", "heard"]
        assert [opened.state(one) for one in (said, other)] == ["finished", "finished"]


@pytest.mark.parametrize(
    ("department", "type", "expected"),
    [
        ("logistics", "trial.notice/1", ("ravi",)),
        ("elsewhere", "trial.notice/1", ("asha", "mina")),
        ("elsewhere", "trial.unheard/1", ("asha", "ravi", "mina")),
    ],
)
def test_whose_it_is(department: str, type: str, expected: tuple[str, ...]) -> None:
    assert owners(policy(), department, type) == expected


def test_what_holds_no_more_before_it_was_decided_expires_and_nobody_is_asked(opened: Trial) -> None:
    said, fresh = opened.said(Ask(), valid_until=START + HOUR), opened.said(Ask(campaign="C2"))
    opened.clock.advance(HOUR + timedelta(seconds=1))
    report = opened.publish(said, fresh)
    assert (opened.state(said), opened.state(fresh)) == ("expired", "finished")
    assert {one.signal_id for one in report.decisions} == {fresh.id}
    assert opened.restrictions() == ["C2 560001"]
    (told,) = (one for one in opened.entries("notice") if one["kind"] == "expired")
    assert told["recipients"] == ["ravi", "logistics"]


def test_the_last_instant_still_counts(opened: Trial) -> None:
    said = opened.said(Ask(), valid_until=START + HOUR)
    opened.clock.advance(HOUR)
    opened.publish(said)
    assert opened.state(said) == "finished"
    assert opened.restrictions() == ["C1 560001"]


def test_a_parked_one_expires_too(opened: Trial) -> None:
    said = unheard(opened, valid_until=START + HOUR)
    opened.publish(said)
    opened.clock.advance(2 * HOUR)
    opened.publish()
    assert opened.state(said) == "expired"
    assert "nobody listened to it" in opened.entries("signal.expired")[0]["reason"]


def expiries(opened: Trial) -> list[Any]:
    found = opened.store.read(lambda read: inbox.listing(read, limit=1000))
    return [row for row in found if row.type == SIGNAL_EXPIRED.name]


def test_an_expiry_is_a_signal_of_its_own_that_a_department_may_answer(tmp_path: Path) -> None:
    with trial(tmp_path, departments=listening(SIGNAL_EXPIRED.name)) as opened:
        said = opened.said(Ask(), valid_until=START + HOUR)
        opened.clock.advance(2 * HOUR)
        opened.publish(said)
        (told,) = heard
        assert (told.correlation_id, told.causation_id) == (said.correlation_id, said.id)
        assert (told.subject, told.department) == (said.subject, "logistics")
        assert told.data == SignalExpired(
            signal=said.id, type=said.type, valid_until=said.valid_until, parked=False
        )


def test_an_expiry_that_nobody_listens_to_is_finished_and_not_parked(opened: Trial) -> None:
    opened.clock.advance(2 * HOUR)
    opened.publish(opened.said(valid_until=START + HOUR, time=START))
    (told,) = expiries(opened)
    assert told.state == "finished"
    assert [one for one in opened.entries("notice") if one["kind"] == "parked"] == []


def test_an_expiry_never_expires_into_another_one(opened: Trial) -> None:
    data = SignalExpired(signal="sig_x", type=UNHEARD.name, valid_until=START, parked=True)  # pyright: ignore[reportArgumentType]
    said = opened.said(type=SIGNAL_EXPIRED.name, data=data, valid_until=START + HOUR)
    opened.clock.advance(2 * HOUR)
    opened.publish(said)
    assert opened.state(said) == "expired"
    assert [row.id for row in expiries(opened)] == [said.id]


def test_what_expired_before_it_was_decided_has_to_be_signalled_again(opened: Trial) -> None:
    said = opened.said(Ask(), valid_until=START + HOUR)
    opened.clock.advance(2 * HOUR)
    opened.publish(said)

    def again(cleared: bool) -> str | None:
        return opened.store.read(
            lambda read: unanswered(
                read,
                said.correlation_id,
                cleared=cleared,
                policy=opened.policy.digest,
                now=opened.clock.now(),
            )
        )

    first = again(cleared=False)
    assert first is not None
    assert again(cleared=False) == first
    assert again(cleared=True) is None
    opened.ask(Ask(), correlation_id=said.correlation_id)
    assert again(cleared=False) is None
