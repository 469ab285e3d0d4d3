"""Deciding a wave: one transaction, judged on what is claimed and on the whole local day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from crossloop.clock import local_day
from crossloop.coordinator.admit import _admit, admit_signals
from crossloop.coordinator.decide import Decided, PolicyReplaced, decide, request_digest, write_permit
from crossloop.coordinator.mediator import Mediated, mediate
from crossloop.departments.graph import Answers
from crossloop.ids import DecisionId
from crossloop.signals import Proposal, Signal
from crossloop.store import Tx, approvals, decisions, impacts, policies
from crossloop.store.ledger.redaction import redact
from tests.support.systems import permit
from tests.support.trials import CATALOGUE, MARKETING, Ask, Trial, policy, proposal

BUDGET = "ads/campaign/C1/budget"


def answered(*signals: Signal) -> Answers:
    """What the trial departments would say."""
    answers: Answers = {}
    for signal in signals:
        for ask in signal.data.asks:
            mine = answers.setdefault(signal.id, {})
            mine[ask.by] = (*mine.get(ask.by, ()), proposal(signal, ask, len(mine.get(ask.by, ()))))
    return answers


def decided(
    opened: Trial,
    *signals: Signal,
    answers: Answers | None = None,
    settled: dict[DecisionId, Mediated] | None = None,
    as_of: datetime | None = None,
    **changes: Any,
) -> Decided:
    said = answered(*signals) if answers is None else answers

    def work(tx: Tx) -> Decided:
        for signal in signals:
            _admit(tx, signal)
        arguments = {"policy": opened.policy, "catalogue": CATALOGUE, "as_of": as_of or opened.clock.now()}
        return decide(tx, signals, said, settled or {}, **{**arguments, **changes})

    return opened.store.write(work)


def verdicts(opened: Trial, *signals: Signal) -> list[str]:
    return [
        row.verdict
        for signal in signals
        for row in opened.store.read(lambda read, signal=signal: decisions.for_signal(read, signal.id))
    ]


def entries(opened: Trial) -> int:
    return opened.store.read(lambda read: read.head().size)


def test_acting_claims_counts_permits_and_leaves_the_signal_decided(opened: Trial) -> None:
    signal = opened.said(Ask(share=0.1))
    found = decided(opened, signal)
    assert len(found.permitted) == len(found.made) == 1
    assert [one.asked for one in found.made] == [None]
    assert [one["state"] for one in opened.entries("claim")] == ["in_force"]
    assert opened.store.read(lambda read: impacts.total(read, BUDGET, opened.clock.now().date())).share == 0.1
    assert len(opened.entries("permit")) == 1
    assert opened.state(signal) == "decided"


def test_the_entry_of_a_decision_names_the_local_day_on_which_its_impact_counts(opened: Trial) -> None:
    zone = opened.policy.document.timezone
    as_of = opened.clock.now().replace(hour=23, minute=30)
    decided(opened, opened.said(Ask(share=0.1)), as_of=as_of)
    (entry,) = opened.entries("decision")
    assert entry["day"] == local_day(as_of, zone).isoformat()
    assert entry["day"] != as_of.date().isoformat()


def test_holding_claims_counts_and_asks_but_permits_nothing(opened: Trial) -> None:
    signal = opened.said(Ask(share=0.2))
    found = decided(opened, signal)
    assert found.permitted == ()
    (row,) = opened.store.read(approvals.listing)
    assert (row.id, row.people, row.quorum) == (found.made[0].asked, ("asha", "ravi"), 2)
    assert [one["state"] for one in opened.entries("claim")] == ["held"]
    assert opened.entries("permit") == []
    assert opened.state(signal) == "decided"


@pytest.mark.parametrize("shadow", [False, True])
def test_refused_and_shadow_leave_the_decision_and_nothing_else(opened: Trial, shadow: bool) -> None:
    signal = opened.said(Ask(share=0.1, intervention="cut" if shadow else "raise"))
    under = opened.policy.in_shadow() if shadow else opened.policy
    found = decided(opened, signal, policy=under)
    assert verdicts(opened, signal) == ["shadow" if shadow else "refuse"]
    assert (found.permitted, [one.asked for one in found.made]) == ((), [None])
    for kind in ("claim", "permit", "approval.requested", "action.started"):
        assert opened.entries(kind) == []
    assert opened.store.read(lambda read: impacts.total(read, BUDGET, opened.clock.now().date())).share == 0
    assert opened.state(signal) == "finished"


def test_a_signal_that_nobody_was_asked_about_is_parked(opened: Trial) -> None:
    signal = opened.said(type="trial.unheard/1")
    decided(opened, signal)
    assert opened.state(signal) == "parked"
    assert opened.entries("signal.decided") == []


def test_an_exception_before_the_commit_leaves_nothing_at_all(opened: Trial) -> None:
    signal = opened.said(Ask(share=0.1), Ask(campaign="C2", share=0.2))
    before = entries(opened)
    broken = {signal.id: {"marketing": (*answered(signal)[signal.id]["marketing"], None)}}
    with pytest.raises(AttributeError):
        decided(opened, signal, answers=broken)
    assert entries(opened) == before
    assert opened.store.read(approvals.listing) == []
    assert verdicts(opened, signal) == []


def test_deciding_the_same_wave_again_writes_nothing(opened: Trial) -> None:
    wave = (opened.said(Ask(share=0.1)), opened.said(Ask(campaign="C2", share=0.2)))
    decided(opened, *wave)
    before = entries(opened)
    other = {
        one.id: {"marketing": tuple(proposal(one, Ask(campaign="C9"), step) for step in range(2))}
        for one in wave
    }
    assert decided(opened, *wave, answers=other) == Decided((), (), 2)
    assert entries(opened) == before


def test_a_signal_that_was_never_admitted_is_left_alone(opened: Trial) -> None:
    signal = opened.said(Ask())

    def work(tx: Tx) -> Decided:
        return decide(
            tx, [signal], {}, {}, policy=opened.policy, catalogue=CATALOGUE, as_of=opened.clock.now()
        )

    assert opened.store.write(work) == Decided((), (), 1)


def test_splitting_a_change_within_a_wave_evades_nothing(opened: Trial) -> None:
    parts = [opened.said(Ask(pin=f"56000{number}", share=0.05)) for number in range(4)]
    decided(opened, *parts)
    assert verdicts(opened, *parts) == ["act", "act", "act", "hold"]


def test_splitting_a_change_over_waves_and_steps_evades_nothing_and_what_is_held_counts_too(
    opened: Trial,
) -> None:
    held = opened.said(Ask(share=0.2))
    decided(opened, held)
    small = opened.said(Ask(pin="560002", share=0.01), Ask(campaign="C2", share=0.01))
    decided(opened, small)
    assert verdicts(opened, held, small) == ["hold", "hold", "act"]


def test_the_day_that_is_counted_is_the_local_one(opened: Trial) -> None:
    late = opened.clock.now().replace(hour=18, minute=29)  # 23:59 in Kolkata
    wave = [opened.said(Ask(pin=f"56000{number}", share=0.1)) for number in range(3)]
    decided(opened, wave[0], as_of=late)
    decided(opened, wave[1], as_of=late + timedelta(minutes=1))
    decided(opened, wave[2], as_of=late + timedelta(minutes=1))
    assert verdicts(opened, *wave) == ["act", "act", "hold"]


def test_an_impact_in_another_currency_is_refused_and_does_not_fail_the_wave(opened: Trial) -> None:
    rupees, dollars, other = (
        opened.said(Ask(share=0.01)),
        opened.said(Ask(pin="560002", share=0.01, currency="USD")),
        opened.said(Ask(campaign="C2", share=0.01, currency="USD")),
    )
    decided(opened, rupees, dollars, other)
    assert verdicts(opened, rupees, dollars, other) == ["act", "refuse", "act"]
    (told,) = (one for one in opened.entries("decision", dollars.correlation_id))
    assert told["verdict"]["reasons"][-1]["gate"] == "impact"
    assert "counted in INR" in told["verdict"]["reasons"][-1]["text"]


def rivals(opened: Trial, signal: Signal) -> list[tuple[str, str]]:
    return [
        (one["with"].split(" ")[-1], one["because"])
        for body in opened.entries("decision", signal.correlation_id)
        for one in body["dissent"]
    ]


@pytest.mark.parametrize(("share", "state"), [(0.01, "(in_force)"), (0.2, "(held)")])
def test_what_another_wave_claimed_stands_against_a_later_proposal(
    opened: Trial, share: float, state: str
) -> None:
    first = opened.said(Ask(share=share))
    decided(opened, first)
    later = opened.said(Ask(by="sales", wants="increase", interest="sales", intervention="raise"))
    decided(opened, later)
    assert verdicts(opened, later) == ["refuse"]
    assert rivals(opened, later) == [(state, "order for geography: logistics before sales")]


def test_a_claim_that_wins_against_an_earlier_one_acts_and_keeps_the_dissent(opened: Trial) -> None:
    first = opened.said(Ask(by="sales", wants="increase", interest="sales", intervention="raise"))
    decided(opened, first)
    later = opened.said(Ask())
    decided(opened, later)
    assert verdicts(opened, first, later) == ["act", "act"]
    assert rivals(opened, later) == [("(in_force)", "order for geography: logistics before sales")]


def test_a_rival_of_the_same_wave_is_told_once(opened: Trial) -> None:
    ours, theirs = opened.said(Ask()), opened.said(Ask(wants="increase", interest="marketing"))
    now = opened.clock.now()
    settled = mediate([ours, theirs], answered(ours, theirs), opened.policy, as_of=now, now=now)
    decided(opened, ours, theirs, settled=settled)
    assert verdicts(opened, ours, theirs) == ["escalate", "escalate"]
    assert len(rivals(opened, ours)) == len(rivals(opened, theirs)) == 1


def test_two_claims_of_ours_that_meet_one_of_theirs_tell_one_dissent(opened: Trial) -> None:
    above = opened.said(Ask(by="sales", wants="increase", interest="sales", intervention="raise"))
    decided(opened, above)
    signal = opened.said(Ask())
    once = proposal(signal, Ask())
    (claim,) = once.claims
    twice = (claim, claim.model_copy(update={"direction": "exclude"}))
    decided(opened, signal, answers={signal.id: {"marketing": (once.model_copy(update={"claims": twice}),)}})
    assert len(rivals(opened, signal)) == 1


def test_nothing_is_decided_under_rules_that_were_replaced(opened: Trial) -> None:
    other = policy(("within: 4h}\ndepartments", "within: 5h}\ndepartments"))
    opened.store.write(lambda tx: policies.adopt(tx, digest=other.digest, body=other.as_body()))
    before = entries(opened)
    with pytest.raises(PolicyReplaced) as refused:
        decided(opened, opened.said(Ask()))
    assert refused.value.next_step == "Open the company again."
    assert entries(opened) == before


def test_proposals_are_decided_in_the_order_of_department_and_step(opened: Trial) -> None:
    signal = opened.said(
        Ask(by="sales", campaign="C3", intervention="raise"), Ask(campaign="C1"), Ask(campaign="C2")
    )
    found = decided(opened, signal)
    expected = [one.id for name in ("marketing", "sales") for one in answered(signal)[signal.id][name]]
    assert [one.proposal.id for one in found.made] == expected


def test_one_step_is_decided_once_whatever_a_graph_answers_twice(opened: Trial) -> None:
    signal = opened.said(Ask())
    twice = (proposal(signal, Ask()), proposal(signal, Ask(campaign="C2")))
    found = decided(opened, signal, answers={signal.id: {"marketing": twice}})
    assert len(found.made) == len(found.permitted) == len(opened.entries("claim")) == 1


def test_a_department_that_says_nothing_was_asked_all_the_same(opened: Trial) -> None:
    signal = opened.said()
    decided(opened, signal, answers={signal.id: {"marketing": ()}})
    assert opened.outcome(signal) == "answered"


def test_the_dissent_of_a_claim_whose_content_was_removed_says_so(opened: Trial) -> None:
    first = opened.said(Ask())
    decided(opened, first)
    (claim,) = (one for one in opened.store.read(lambda read: list(read.entries())) if one.kind == "claim")
    opened.store.write(lambda tx: redact(tx, claim.position, "asked for"))
    later = opened.said(Ask(by="sales", wants="increase", interest="sales", intervention="raise"))
    decided(opened, later)
    (body,) = opened.entries("decision", later.correlation_id)
    assert body["dissent"][0]["argument"] == "removed from the ledger"


def test_a_proposal_without_a_request_has_no_digest(opened: Trial) -> None:
    whole = proposal(opened.said(), Ask())
    nothing: Proposal = whole.model_copy(update={"action": None})
    with pytest.raises(ValueError, match="asks for nothing"):
        request_digest(nothing)
    with pytest.raises(ValueError, match="asks for nothing"):
        opened.store.write(lambda tx: write_permit(tx, "case", nothing, permit(whole)))


def test_where_others_want_to_write_the_rest_of_a_wave_is_left_for_another_transaction(opened: Trial) -> None:
    wave = [opened.said(Ask(campaign=f"C{number}")) for number in range(1, 4)]
    opened.wait(admit_signals(opened.runtime(), wave))

    def work(tx: Tx) -> Decided:
        return decide(
            tx,
            wave,
            {one.id: {MARKETING: (proposal(one, Ask(campaign="C1")),)} for one in wave},
            {},
            policy=opened.policy,
            catalogue=CATALOGUE,
            as_of=opened.clock.now(),
            enough=lambda: True,
        )

    decided = opened.store.write(work)
    assert (decided.signals, len(decided.made)) == (1, 1)
    assert [opened.state(one) for one in wave] == ["decided", "new", "new"]
