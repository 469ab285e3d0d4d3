"""How a decision ends without its effect: given back, told, finished; and what is never given back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crossloop.actions import Capabilities, OutcomeUnknown, Performed, Unavailable
from crossloop.coordinator.admit import admit_signals
from crossloop.coordinator.approvals import answer
from crossloop.coordinator.endings import adopt, expire_outdated, expire_overdue, set_aside, withdraw_cleared
from crossloop.errors import AnswerRefused
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest
from crossloop.store import approvals, claims, impacts
from crossloop.store.approvals import ApprovalRow
from crossloop.store.ledger.redaction import redact
from tests.support.stores import START
from tests.support.threads import waits
from tests.support.trials import CATALOGUE, Ask, Trial, lift, policy, trial
from tests.support.wayward import make_wayward, steps

LARGE = Ask(share=0.2)
DAY = START.date()


def approval(opened: Trial) -> ApprovalRow:
    (row,) = opened.store.read(approvals.listing)
    return row


def taken(opened: Trial, campaign: str = "C1") -> tuple[int, float]:
    """Claims on a campaign, and the share of its day that is counted."""
    budget = f"ads/campaign/{campaign}/budget"
    claimed = opened.store.read(
        lambda read: claims.overlapping(read, f"ads/campaign/{campaign}", START, START + timedelta(days=1))
    )
    return len(claimed), opened.store.read(lambda read: impacts.total(read, budget, DAY)).share


def told(opened: Trial, kind: str) -> list[str]:
    return [who for one in opened.entries("notice") if one["kind"] == kind for who in one["recipients"]]


def test_a_rejection_gives_back_what_was_held_so_that_a_later_proposal_fits_again(opened: Trial) -> None:
    signal = opened.said(LARGE)
    opened.publish(signal)
    assert taken(opened) == (1, 0.2)
    opened.coordinator.answer(
        approval(opened).id, person="ravi", decision="reject", reason="too early", asserted="test"
    )
    assert taken(opened) == (0, 0.0)
    assert opened.state(signal) == "finished"
    assert told(opened, "rejected") == ["logistics", "marketing", "asha", "ravi"]
    assert opened.ask(Ask(share=0.1)).decisions[0].verdict == "act"


def test_a_deadline_that_passed_ends_the_question_at_the_next_drain(opened: Trial) -> None:
    signal = opened.said(LARGE)
    opened.publish(signal)
    opened.clock.advance(timedelta(hours=4))
    opened.publish()
    assert approval(opened).state == "waiting"  # the last instant still counts
    opened.clock.advance(timedelta(microseconds=1))
    report = opened.publish()
    assert approval(opened).state == "expired"
    assert taken(opened) == (0, 0.0)
    assert opened.state(signal) == "finished"
    assert report.receipts == ()
    assert opened.restrictions() == []


def test_a_question_whose_signal_holds_no_more_gives_back_what_was_held(opened: Trial) -> None:
    signal = opened.said(LARGE, valid_until=START + timedelta(days=3))
    opened.publish(signal)
    assert opened.store.write(lambda tx: expire_outdated(tx, opened.policy, signal.valid_until)) == 0
    assert approval(opened).state == "waiting"  # the last instant still counts
    later = signal.valid_until + timedelta(microseconds=1)
    assert opened.store.write(lambda tx: expire_outdated(tx, opened.policy, later)) == 1
    assert approval(opened).state == "expired"
    assert taken(opened) == (0, 0.0)
    assert opened.state(signal) == "finished"
    assert set(told(opened, "expired")) >= {"logistics", "marketing", "asha", "ravi"}


def test_after_a_deadline_those_who_come_next_in_the_line_are_told_too(opened: Trial) -> None:
    opened.ask(LARGE)
    opened.clock.advance(timedelta(hours=5))
    opened.publish()
    assert told(opened, "expired") == ["logistics", "marketing", "asha", "ravi", "mina"]


UNSURE = Ask(confidence=0.5)


def test_an_escalation_that_nobody_answers_goes_on_to_those_who_come_next_and_then_ends(
    opened: Trial,
) -> None:
    signal = opened.said(UNSURE)
    opened.publish(signal)
    first = approval(opened)
    assert first.people == ("asha",)
    opened.clock.advance(timedelta(hours=5))
    opened.publish()
    second = approval(opened)
    assert (second.id, second.state, second.people) == (first.id, "waiting", ("mina",))
    assert second.due == opened.clock.now() + timedelta(hours=4)
    assert told(opened, "passed_on") == ["mina", "asha"]
    assert taken(opened)[0] == 1  # it goes on holding what it claims
    with pytest.raises(AnswerRefused, match="now it is with mina"):
        opened.coordinator.answer(first.id, person="asha", decision="approve", asserted="test")
    assert "asks mina instead" in [one.what for one in opened.coordinator.explain(signal.id).steps]
    opened.clock.advance(timedelta(hours=5))
    opened.publish()
    assert approval(opened).state == "expired"
    assert (taken(opened)[0], opened.state(signal)) == (0, "finished")


def test_those_who_come_next_can_answer_and_their_thread_shows_the_question(opened: Trial) -> None:
    opened.ask(UNSURE)
    opened.clock.advance(timedelta(hours=5))
    opened.publish()
    threads = opened.path / "threads.db"
    assert waits(threads, approval(opened).id)
    given = opened.coordinator.answer(approval(opened).id, person="mina", decision="approve", asserted="test")
    assert [one.outcome for one in given.receipts] == ["done"]
    (permit,) = opened.entries("permit")
    assert permit["permit"]["approvers"] == ["mina"]
    assert not waits(threads, approval(opened).id)


def test_nobody_stands_in_for_whom_a_rule_demands(opened: Trial) -> None:
    opened.ask(Ask(confidence=0.5, share=0.2))  # unsure, and large: asha and ravi by name
    opened.clock.advance(timedelta(hours=5))
    opened.publish()
    assert approval(opened).state == "expired"


def test_an_escalation_whose_question_was_removed_goes_to_nobody_else(opened: Trial) -> None:
    opened.ask(UNSURE)
    found = opened.store.read(
        lambda read: [one for one in read.entries() if one.kind == "approval.requested"]
    )
    opened.store.write(lambda tx: [redact(tx, one.position, "asked for") for one in found])
    opened.clock.advance(timedelta(hours=5))
    opened.publish()
    assert approval(opened).state == "expired"


def test_who_was_asked_already_does_not_come_next(tmp_path: Path) -> None:
    with trial(tmp_path, ("then: [mina]", "then: [asha]")) as opened:
        opened.ask(UNSURE)
        opened.clock.advance(timedelta(hours=5))
        opened.publish()
        assert approval(opened).state == "expired"


OTHER = policy(("within: 4h}\ndepartments", "within: 5h}\ndepartments"))


def test_other_rules_withdraw_what_waits_in_the_transaction_that_puts_them_in_force(
    opened: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal = opened.said(LARGE)
    opened.publish(signal)
    size = opened.store.read(lambda read: read.head().size)
    with monkeypatch.context() as broken:
        broken.setattr("crossloop.coordinator.closing.notify_closed", _dies)
        with pytest.raises(RuntimeError):
            opened.store.write(lambda tx: adopt(tx, OTHER))
    assert opened.store.read(lambda read: read.head().size) == size
    assert opened.store.write(lambda tx: adopt(tx, OTHER))
    row = approval(opened)
    assert (row.state, row.person) == ("superseded", None)
    assert "the rules changed" in str(row.reason)
    assert taken(opened) == (0, 0.0)
    assert told(opened, "superseded") == ["logistics", "marketing", "asha", "ravi"]
    assert opened.state(signal) == "finished"
    assert not opened.store.write(lambda tx: adopt(tx, OTHER))


def _dies(*_: object) -> None:
    raise RuntimeError("the process dies here")


def test_an_answer_to_what_the_rules_superseded_is_told_so(opened: Trial) -> None:
    opened.ask(LARGE)
    with trial(opened.path, under=OTHER, clock=opened.clock, first=10) as other:
        other.publish()
        for decision in ("approve", "reject"):
            with pytest.raises(AnswerRefused, match="superseded, the rules changed"):
                other.coordinator.answer(
                    approval(other).id, person="asha", decision=decision, reason="why", asserted="test"
                )


def test_clearing_looks_at_its_own_case_only(opened: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    signal = opened.said(LARGE)
    opened.publish(signal)
    monkeypatch.setattr("crossloop.store.actions.permitted", None)  # every permitted action of the store
    over = opened.over(signal.correlation_id)
    assert opened.store.write(
        lambda tx: withdraw_cleared(tx, over, CATALOGUE, opened.policy, opened.clock.now())
    )


def test_an_approval_that_has_expired_can_no_longer_be_approved(opened: Trial) -> None:
    opened.ask(LARGE)
    opened.clock.advance(timedelta(hours=5))
    assert opened.store.write(lambda tx: expire_overdue(tx, opened.policy)) == 1
    assert opened.store.write(lambda tx: expire_overdue(tx, opened.policy)) == 0
    with pytest.raises(AnswerRefused, match="already ended: expired"):
        opened.coordinator.answer(approval(opened).id, person="asha", decision="approve", asserted="test")


def test_a_question_expires_though_its_content_was_removed(opened: Trial) -> None:
    opened.ask(LARGE)
    found = opened.store.read(lambda read: [one for one in read.entries() if one.kind == "decision"])
    opened.store.write(lambda tx: [redact(tx, one.position, "asked for") for one in found])
    opened.publish()
    assert approval(opened).state == "waiting"
    opened.clock.advance(timedelta(hours=5))
    opened.publish()
    assert approval(opened).state == "expired"
    assert opened.store.read(approvals.ended_with_thread) == []


def test_a_signal_that_says_it_is_over_withdraws_what_waits_for_its_condition(opened: Trial) -> None:
    signal = opened.said(LARGE)
    opened.publish(signal)
    over = opened.over(signal.correlation_id)
    opened.publish(over)
    row = approval(opened)
    assert (row.state, row.person) == ("withdrawn", None)
    assert taken(opened) == (0, 0.0)
    assert opened.state(signal) == opened.state(over) == "finished"
    assert told(opened, "withdrawn") == ["logistics", "marketing", "asha", "ravi"]


def test_what_waits_for_another_case_or_another_condition_is_not_withdrawn(opened: Trial) -> None:
    waiting, other = opened.said(LARGE), opened.said(Ask(campaign="C2", share=0.2))
    opened.publish(waiting, other)
    held = Ask(campaign="C3", confidence=0.7, intervention="take_back", wants=None)
    opened.publish(opened.over(other.correlation_id, held))
    opened.publish(opened.over(other.correlation_id))
    states = [(row.case == other.correlation_id, row.state) for row in opened.store.read(approvals.listing)]
    assert states == [(False, "waiting"), (True, "withdrawn"), (True, "waiting")]


def test_a_signal_that_no_longer_holds_withdraws_nothing(opened: Trial) -> None:
    signal = opened.said(LARGE)
    opened.publish(signal)
    expired = opened.over(signal.correlation_id, valid_until=START + timedelta(minutes=1))
    opened.clock.advance(timedelta(minutes=2))
    opened.publish(expired)
    assert approval(opened).state == "waiting"


def test_a_condition_that_is_raised_and_over_in_one_wave_leaves_nothing_waiting(opened: Trial) -> None:
    signal = opened.said(LARGE, Ask(campaign="C2", share=0.1))
    report = opened.publish(signal, opened.over(signal.correlation_id))
    assert report.waiting == ()
    assert taken(opened) == taken(opened, "C2") == (0, 0.0)
    assert opened.restrictions() == []
    assert opened.state(signal) == "finished"


def test_an_answer_that_came_while_it_was_getting_over_is_not_performed(opened: Trial) -> None:
    signal = opened.said(LARGE)
    opened.publish(signal)
    opened.wait(answer_twice(opened))
    over = opened.over(signal.correlation_id)
    assert opened.store.write(
        lambda tx: withdraw_cleared(tx, over, CATALOGUE, opened.policy, opened.clock.now())
    )
    opened.publish()
    assert opened.restrictions() == []
    assert taken(opened) == (0, 0.0)
    (receipt,) = opened.entries("receipt")
    assert (receipt["outcome"], receipt["detail"]) == (
        "failed",
        "not performed: trial.over/1 says that it is over",
    )
    assert opened.state(signal) == "finished"


def test_what_was_permitted_and_then_removed_is_not_performed_and_people_are_told(opened: Trial) -> None:
    signal = opened.said(LARGE)
    opened.publish(signal)
    opened.wait(answer_twice(opened))
    found = opened.store.read(lambda read: [one for one in read.entries() if one.kind == "decision"])
    opened.store.write(lambda tx: [redact(tx, one.position, "asked for") for one in found])
    other = opened.ask(Ask(campaign="C2"))
    assert [one.outcome for one in other.receipts] == ["failed", "done"]
    assert opened.restrictions() == ["C2 560001"]
    assert taken(opened) == (0, 0.0)
    assert told(opened, "failed") == ["logistics", "marketing"]
    assert opened.state(signal) == "finished"


def test_what_is_over_is_withdrawn_though_its_content_was_removed(opened: Trial) -> None:
    signal = opened.said(LARGE)
    opened.publish(signal)
    opened.wait(answer_twice(opened))
    found = opened.store.read(lambda read: [one for one in read.entries() if one.kind == "decision"])
    opened.store.write(lambda tx: [redact(tx, one.position, "asked for") for one in found])
    over = opened.over(signal.correlation_id)
    assert opened.store.write(
        lambda tx: withdraw_cleared(tx, over, CATALOGUE, opened.policy, opened.clock.now())
    )
    assert (taken(opened), opened.state(signal)) == ((0, 0.0), "finished")


def test_what_another_case_was_permitted_meanwhile_is_performed_all_the_same(opened: Trial) -> None:
    signal, other = opened.said(LARGE), opened.said(Ask(campaign="C2", share=0.2))
    opened.publish(signal)
    opened.wait(answer_twice(opened))
    assert not opened.store.write(
        lambda tx: withdraw_cleared(
            tx, opened.over(other.correlation_id), CATALOGUE, opened.policy, opened.clock.now()
        )
    )
    opened.publish()
    assert opened.restrictions() == ["C1 560001"]


async def answer_twice(opened: Trial) -> None:
    """Approve without performing, as a process would that dies between the two."""
    asked = approval(opened).id
    for person in ("asha", "ravi"):
        await answer(
            opened.store,
            asked,
            person=person,
            decision="approve",
            reason="",
            policy=opened.policy,
            asserted="test",
        )


def test_a_failed_effect_gives_back_claims_and_impact(opened: Trial) -> None:
    signal = opened.said(Ask(campaign="C999", share=0.1))  # the platform knows no such campaign
    (receipt,) = opened.publish(signal).receipts
    assert receipt.outcome == "failed"
    assert taken(opened, "C999") == (0, 0.0)
    assert opened.state(signal) == "finished"
    assert told(opened, "failed") == ["logistics", "marketing"]


def test_an_unknown_outcome_gives_nothing_back(opened: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        system = "ads"
        operations = opened.systems.ads.operations
        capabilities = Capabilities(idempotent=False, find=False, undo=True)

        async def perform(self, key: ActionKey, request: ActionRequest) -> None:
            raise OutcomeUnknown("no answer came")

        async def find(self, key: ActionKey) -> None:
            raise Unavailable("cannot be asked")

        def undo_request(self, request: ActionRequest, performed: Performed) -> None: ...

    monkeypatch.setitem(opened.company.adapters, "ads", Silent())
    signal = opened.said(Ask(share=0.1))
    (receipt,) = opened.publish(signal).receipts
    assert receipt.outcome == "unknown"
    assert taken(opened) == (1, 0.1)
    assert opened.state(signal) == "finished"
    assert "It will not be repeated" in opened.entries("notice")[-1]["text"]
    (incident,) = opened.entries("incident.opened")
    assert (incident["kind"], incident["people"]) == ("outcome_unknown", ["asha"])


def test_a_permit_that_expired_before_it_was_used_performs_nothing_and_gives_back(opened: Trial) -> None:
    signal = opened.said(LARGE)
    opened.publish(signal)
    opened.wait(answer_twice(opened))
    opened.clock.advance(timedelta(hours=24))
    (receipt,) = opened.publish().receipts
    assert receipt.outcome == "failed"
    assert "expired" in receipt.detail
    assert opened.restrictions() == []
    assert taken(opened)[0] == 0
    assert opened.state(signal) == "finished"


def test_taking_an_action_back_ends_its_claims_and_leaves_the_impact_of_the_day(opened: Trial) -> None:
    first = opened.said(Ask(share=0.05))
    (done,) = opened.publish(first).receipts
    (lifted,) = opened.publish(
        opened.over(first.correlation_id, lift(done.action_key, done.reference))
    ).receipts
    assert lifted.outcome == "done"
    assert opened.restrictions() == []
    assert taken(opened) == (0, 0.05)


def test_taking_back_what_nobody_knows_ends_no_claims(opened: Trial) -> None:
    first = opened.said(Ask(share=0.05))
    (done,) = opened.publish(first).receipts
    opened.publish(opened.over(first.correlation_id, lift("act_unknown", done.reference)))
    assert taken(opened) == (1, 0.05)


def test_a_new_signal_can_be_set_aside_once(opened: Trial) -> None:
    signal = opened.said()
    opened.wait(admit_signals(opened.runtime(), [signal]))
    assert opened.store.write(lambda tx: set_aside(tx, signal.id, "it cannot be read"))
    assert not opened.store.write(lambda tx: set_aside(tx, signal.id, "again"))
    assert opened.outcome(signal) == "it cannot be read"


def test_that_a_step_is_dropped_because_it_is_over_is_told_once(opened: Trial) -> None:
    make_wayward(opened).lost = {"C1"}
    signal = opened.said(*steps())
    opened.publish(signal)
    over = opened.over(signal.correlation_id)
    ended = opened.store.write(
        lambda tx: withdraw_cleared(tx, over, CATALOGUE, opened.policy, opened.clock.now())
    )
    assert ended == 1  # the one that is next; it takes the last one with it
    assert len(opened.entries("action.dropped")) == 2
    assert told(opened, "dropped") == ["logistics", "marketing"] * 2


def test_what_is_over_before_it_began_was_never_started(opened: Trial) -> None:
    signal = opened.said(LARGE)
    opened.publish(signal)
    opened.wait(answer_twice(opened))
    over = opened.over(signal.correlation_id)
    opened.store.write(lambda tx: withdraw_cleared(tx, over, CATALOGUE, opened.policy, opened.clock.now()))
    assert opened.entries("action.started") == []
    assert [one["outcome"] for one in opened.entries("receipt")] == ["failed"]


def test_a_plan_that_somebody_made_a_permit_is_an_incident_and_everything_else_goes_on(opened: Trial) -> None:
    signal = opened.said(LARGE)
    opened.publish(signal)
    opened.tamper("UPDATE actions SET state = 'permitted', permitted = key WHERE state = 'planned'")
    report = opened.ask(Ask(campaign="C2"))
    assert [one.outcome for one in report.receipts] == ["unknown", "done"]
    assert opened.restrictions() == ["C2 560001"]
    (incident,) = opened.coordinator.incidents(state="open")
    assert "its rows say something else than the ledger: actions, act_" in str(incident["because"])
    assert "Run `crossloop ledger verify`" in str(incident["because"])
    assert [one.outcome for one in opened.ask(Ask(campaign="C3")).receipts] == ["done"]
    close: Any = {"person": "asha", "reason": "it is not there", "asserted": "test"}
    opened.coordinator.close_incident(str(incident["id"]), happened=False, **close)
    assert "not of kind permit" in str(opened.coordinator.verify().problem)
