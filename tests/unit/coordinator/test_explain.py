"""The story of a case: found by any id of it, told in order, from the entries alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crossloop.coordinator.admit import _admit
from crossloop.coordinator.explain import explain
from crossloop.errors import UnknownName
from crossloop.ids import CaseId
from crossloop.signals import Signal
from crossloop.store import Read, actions, approvals, decisions
from crossloop.store.ledger.redaction import redact
from tests.support.acme import cleared
from tests.support.samples import AS_OF, geo_risk_signal
from tests.support.trials import Ask, Trial
from tests.support.wayward import SAGA, make_wayward, steps


@pytest.fixture
def told(opened: Trial) -> Signal:
    """A case with everything: acted, held, approved by two, performed."""
    signal = opened.said(Ask(share=0.05), Ask(campaign="C2", share=0.2))
    (asked,) = opened.publish(signal).waiting
    for person in ("asha", "ravi"):
        opened.coordinator.answer(
            asked.approval_id, person=person, decision="approve", reason="go on", asserted="by OS"
        )
    return signal


def identifiers(opened: Trial, signal: Signal) -> dict[str, str]:
    def find(read: Read) -> dict[str, str]:
        made = decisions.for_signal(read, signal.id)
        (held,) = approvals.listing(read)
        return {
            "signal": signal.id,
            "case": signal.correlation_id,
            "decision": made[0].id,
            "action": actions.in_force(read)[0].key,
            "approval": held.id,
        }

    return opened.store.read(find)


@pytest.mark.parametrize("kind", ["signal", "case", "decision", "action", "approval"])
def test_every_id_of_a_case_and_its_beginning_leads_to_the_same_story(
    opened: Trial, told: Signal, kind: str
) -> None:
    whole = opened.coordinator.explain(told.id)
    identifier = identifiers(opened, told)[kind]
    assert opened.coordinator.explain(identifier) == whole
    assert opened.coordinator.explain(identifier[:12]) == whole
    assert whole.case == told.correlation_id


def test_the_steps_are_all_entries_of_the_case_in_the_order_of_the_ledger(
    opened: Trial, told: Signal
) -> None:
    other = opened.said(Ask(campaign="C5"))
    opened.publish(other)
    found = opened.coordinator.explain(told.id).steps
    positions = [one.entry for one in found]
    assert positions == sorted(positions)
    entries = opened.store.read(lambda read: list(read.entries(case=told.correlation_id)))
    assert positions == [one.position for one in entries]
    assert (
        len(positions) + len(opened.coordinator.explain(other.id).steps) < opened.coordinator.verify().entries
    )


def test_every_entry_of_a_case_is_told_in_words_by_somebody(opened: Trial, told: Signal) -> None:
    steps = opened.coordinator.explain(told.id).steps
    assert {"signal.decided", "action.started", "claim.in_force"} <= {one.kind for one in steps}
    assert all(one.who and one.what for one in steps)


def test_the_story_goes_from_the_fact_to_the_effect(opened: Trial, told: Signal) -> None:
    found = opened.coordinator.explain(told.id).steps
    kinds = [one.kind for one in found if one.kind not in ("notice", "claim", "claim.in_force")]
    assert kinds == [
        "signal.received",
        "decision",
        "permit",
        "decision",
        "action.planned",
        "approval.requested",
        "decision",
        "signal.decided",
        "action.started",
        "receipt",
        "approval.vote",
        "approval.vote",
        "approval.answered",
        "permit",
        "action.started",
        "receipt",
        "signal.finished",
    ]


def test_the_words_say_who_did_what_and_why(opened: Trial, told: Signal) -> None:
    found = {one.kind: one for one in reversed(opened.coordinator.explain(told.id).steps)}
    assert found["signal.received"].what == "trial.notice/1 about trial/0"
    assert "Verdict: act" in found["decision"].what
    assert "confidence: confidence 0.99" in found["decision"].because
    assert found["approval.requested"].what == "asks asha, ravi"
    assert (found["approval.vote"].who, found["approval.vote"].what, found["approval.vote"].because) == (
        "asha (by OS)",
        "answers: approve",
        "go on",
    )
    assert found["receipt"].who == "executor"
    assert found["claim"].what.startswith("claims to decrease ads/campaign/C1/geo/IN/KARNATAKA/560/560001")
    assert found["permit"].who == "the rules"
    assert found["signal.finished"].because == "answered"


def test_a_dissent_is_part_of_the_story(opened: Trial) -> None:
    opened.ask(Ask())
    loser = opened.said(Ask(by="sales", wants="increase", interest="sales", intervention="raise"))
    opened.publish(loser)
    told = " ".join(one.what for one in opened.coordinator.explain(loser.id).steps)
    assert "(in_force) which wants to decrease ads/campaign/C1" in told
    assert "order for geography: logistics before sales" in told


def test_a_question_that_nobody_answered_says_so(opened: Trial) -> None:
    signal = opened.said(Ask(share=0.2))
    opened.publish(signal)
    opened.clock.advance(timedelta(hours=5))
    opened.publish()
    (ended,) = (one for one in opened.coordinator.explain(signal.id).steps if one.kind == "approval.answered")
    assert (ended.who, ended.what) == ("coordinator", "ends the question: expired")
    assert ended.because.startswith("nobody answered until 2025-03-01T13:30:00")


def test_what_was_removed_is_told_as_removed_and_the_rest_stays(opened: Trial, told: Signal) -> None:
    before = opened.coordinator.explain(told.id).steps
    opened.store.write(lambda tx: redact(tx, before[1].entry, "asked for"))
    after = opened.coordinator.explain(told.id).steps
    assert (after[1].what, after[1].who) == ("redacted", "")
    assert "its proof still holds" in after[1].because
    assert after[-1].kind == "ledger.redacted"
    assert (after[0], *after[2:-1]) == (before[0], *before[2:])


@pytest.mark.parametrize("unknown", ["", "sig_zzz", "case_zzz", "nobody", "%", "sig_\x00"])
def test_what_nobody_is_called_is_unknown(opened: Trial, told: Signal, unknown: str) -> None:
    with pytest.raises(UnknownName, match="nothing in this store is called"):
        opened.coordinator.explain(unknown)


def test_too_short_a_beginning_tells_no_story_though_only_one_fits(opened: Trial, told: Signal) -> None:
    for identifier in identifiers(opened, told).values():
        kind = identifier.partition("_")[0]
        for short in (kind, f"{kind}_", identifier[: len(kind) + 4]):
            with pytest.raises(UnknownName, match="too little of an id") as refused:
                opened.coordinator.explain(short)
            assert "four characters" in refused.value.next_step
        assert opened.coordinator.explain(identifier[: len(kind) + 5]).case == told.correlation_id


def test_a_beginning_that_fits_two_cases_is_ambiguous(opened: Trial) -> None:
    opened.publish(opened.said(Ask()), opened.said(Ask(campaign="C2")))
    for beginning in ("sig_", "dec_", "case_"):
        with pytest.raises(UnknownName, match="fits 2 cases") as refused:
            opened.coordinator.explain(beginning)
        assert refused.value.next_step == "Give more of the id."


def test_a_case_that_somebody_else_named_is_found_by_its_name_and_is_not_the_one_it_begins(
    opened: Trial,
) -> None:
    one, other = (opened.said(Ask(), correlation_id=CaseId(name)) for name in ("order-1", "order-12"))
    opened.publish(one, other)
    assert opened.coordinator.explain("order-1").case == "order-1"
    assert opened.coordinator.explain("order-12").case == "order-12"
    with pytest.raises(UnknownName, match="fits 2 cases"):
        opened.coordinator.explain("order")


def test_a_measured_area_is_told_by_its_figures(opened: Trial) -> None:
    signal = geo_risk_signal()
    opened.store.write(lambda tx: _admit(tx, signal))
    (step,) = opened.store.read(lambda read: explain(read, signal.id)).steps
    assert step.what == (
        "logistics.geo_risk/1: 30 of 200 orders from state KARNATAKA failed (rto, 2022-05-30 to "
        "2022-06-05); estimated rate 14.0% (11.0% to 18.0%)"
    )
    assert step.because == "confidence 93% that the next window is beyond 10%"
    well = cleared(signal, AS_OF)
    opened.store.write(lambda tx: _admit(tx, well))
    *_, step = opened.store.read(lambda read: explain(read, well.id)).steps
    assert step.because == "confidence 99% that the next window is below 10%"


def test_what_was_only_permitted_is_not_said_to_be_done(opened: Trial) -> None:
    signal = opened.said(Ask(share=0.05), Ask(campaign="C2", share=0.2))
    (asked,) = opened.publish(signal).waiting
    for person in ("asha", "ravi"):
        opened.coordinator.answer(asked.approval_id, person=person, decision="approve", asserted="by OS")
    told = [one for one in opened.coordinator.explain(signal.id).steps if one.kind == "claim.in_force"]
    assert told
    assert all(one.because.endswith(" may be carried out") for one in told)


def test_an_undertaking_is_named_and_each_step_told_as_far_as_it_has_come(opened: Trial) -> None:
    system = make_wayward(opened)
    system.refused, system.for_good = {"C3"}, {"C1"}
    signal = opened.said(*steps())
    opened.publish(signal)
    story = opened.coordinator.explain(signal.id)
    (found,) = story.undertakings
    assert (found.name, found.department, found.signal) == (SAGA, "marketing", signal.id)
    assert [(one.step, one.state, one.taken_back) for one in found.steps] == [
        (0, "done", None),
        (1, "compensated", "done"),
        (2, "failed", None),
    ]
    (incident,) = opened.coordinator.incidents(state="open")
    assert [one.incident for one in found.steps] == [incident["id"], None, None]
    assert [one.intervention for one in found.steps] == ["cut", "cut", "cut"]
    asked = [one.what for one in story.steps if one.kind == "decision" and one.who == "marketing"]
    assert asked[1].startswith(f"asks for cut, step 1 of the undertaking {SAGA}")


def test_a_case_without_an_undertaking_names_none(opened: Trial, told: Signal) -> None:
    assert opened.coordinator.explain(told.id).undertakings == ()
