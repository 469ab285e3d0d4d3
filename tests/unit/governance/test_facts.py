"""Facts: declared, flat, typed; what is not fit is left out and never reads as zero."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from crossloop.governance import BASE_FACTS, GateState, SignalFacts, build_facts
from crossloop.governance.facts import Fact, declared_facts
from crossloop.signals.types import GEO_RISK
from tests.support.governed import AS_OF, LOOP, impact, policy, proposal, signal, state
from tests.support.samples import geo_risk_signal

DECLARED = policy().declared[LOOP]


def test_every_base_fact_is_declared_once_and_explained() -> None:
    names = [fact.name for fact in BASE_FACTS]
    assert len(set(names)) == len(names)
    assert all(fact.meaning.endswith(".") for fact in BASE_FACTS)


def test_a_proposal_has_every_base_fact() -> None:
    facts = build_facts(proposal(), signal(), state(), DECLARED)
    assert {fact.name for fact in BASE_FACTS} <= facts.keys()


def test_the_facts_of_a_loop_are_the_plain_fields_of_its_signal() -> None:
    declared = declared_facts([GEO_RISK])
    assert declared["orders"].type == declared["rate"].type == declared["cod_share"].type == "number"
    assert declared["metric"].values == ("ndr", "rto")
    assert not {"codes", "areas", "window", "interval", "rto_cost_low", "order_value"} & declared.keys()


def test_a_number_has_the_range_that_its_field_declares_and_shares_and_confidences_that_of_a_share() -> None:
    ranges = {name: (fact.low, fact.high) for name, fact in declared_facts([GEO_RISK]).items()}
    assert ranges["orders"] == ranges["amount"] == (0.0, math.inf)
    assert ranges["trend_per_week"] == (-1.0, 1.0)
    for name in ("rate", "cod_share", "daily_budget_share", "own_share", "confidence", "signal_confidence"):
        assert ranges[name] == (0.0, 1.0)


@pytest.mark.parametrize(("value", "kept"), [(1.0, True), (0, True), (1.0001, False), (-0.1, False)])
def test_a_number_outside_of_its_range_is_left_out(value: float, kept: bool) -> None:
    facts = build_facts(proposal(facts={"cod_share": value}), signal(), state(), DECLARED)
    assert ("cod_share" in facts) is kept


@pytest.mark.parametrize("share", [math.inf, math.nan])
def test_a_share_of_the_day_that_is_not_finite_is_left_out_and_not_taken_for_all_of_it(share: float) -> None:
    facts = build_facts(proposal(), signal(), GateState(share_today=share), DECLARED)
    assert "daily_budget_share" not in facts


def test_a_share_of_a_day_is_at_most_all_of_it() -> None:
    facts = build_facts(proposal(impact=impact(1.25)), signal(), state(0.5, "1000"), DECLARED)
    assert (facts["own_share"], facts["daily_budget_share"]) == (1.0, 1.0)


def test_numbers_are_floating_point_so_that_a_replay_computes_alike() -> None:
    facts = build_facts(proposal(facts={"orders": 120}), signal(), state(), DECLARED)
    assert isinstance(facts["orders"], float)


def test_shares_and_amounts_are_cumulative() -> None:
    facts = build_facts(proposal(impact=impact(0.05)), signal(), state(0.10, "1000"), DECLARED)
    assert (facts["own_share"], facts["daily_budget_share"]) == (0.05, 0.15)
    assert (facts["own_amount"], facts["amount"], facts["currency"]) == (500.0, 1500.0, "INR")


def test_confidence_is_the_smaller_one() -> None:
    facts = build_facts(proposal(confidence=0.7), signal(confidence=0.9), state(), DECLARED)
    assert (facts["confidence"], facts["signal_confidence"], facts["proposal_confidence"]) == (0.7, 0.9, 0.7)


@pytest.mark.parametrize(
    "value", ["120", True, 2.0**53, float("nan"), float("inf")], ids=["text", "flag", "large", "nan", "inf"]
)
def test_a_number_that_is_none_is_left_out(value: object) -> None:
    said = signal(stated={"orders": value})
    assert "orders" not in build_facts(proposal(facts={}), said, state(), DECLARED)


@pytest.mark.parametrize("value", ["rto", "RTO", "", 1, "x" * 400, "r\x00to"])
def test_a_text_that_the_fact_cannot_have_is_left_out(value: object) -> None:
    facts = build_facts(proposal(facts={"metric": value}), signal(), state(), DECLARED)
    assert facts.get("metric") == ("rto" if value == "rto" else None)


@pytest.mark.parametrize("value", ["x" * 301, "a\x00b", "é\x00"])
def test_a_text_that_the_ledger_does_not_take_is_left_out(value: str) -> None:
    declared = {"note": Fact("note", "text", "", "A free text.")}
    assert build_facts(proposal(facts={"note": value}), signal(), state(), declared) == {}
    assert build_facts(proposal(facts={"note": "naïve"}), signal(), state(), declared) == {"note": "naïve"}


def test_a_flag_is_only_a_flag() -> None:
    declared = {"new": Fact("new", "flag", "", "A flag.")}
    assert build_facts(proposal(facts={"new": True}), signal(), state(), declared) == {"new": True}
    assert build_facts(proposal(facts={"new": 1}), signal(), state(), declared) == {}


def test_undeclared_facts_are_left_out() -> None:
    facts = build_facts(proposal(facts={"weather": "hot", "ä": 1}), signal(), state(), DECLARED)
    assert not {"weather", "ä"} & facts.keys()


def test_what_the_signal_states_counts_before_what_the_department_states() -> None:
    said = SignalFacts.of(geo_risk_signal(), as_of=AS_OF)
    facts = build_facts(proposal(facts={"orders": 1, "rate": 0.0}), said, state(), DECLARED)
    assert (facts["orders"], facts["rate"], facts["metric"]) == (200.0, 0.15, "rto")


def test_the_facts_of_a_signal_carry_the_moment_of_the_judgement() -> None:
    said = SignalFacts.of(geo_risk_signal(), as_of=AS_OF)
    assert (said.type, said.department, said.confidence) == ("logistics.geo_risk/1", "logistics", 0.93)
    assert said.time == AS_OF


@pytest.mark.parametrize("name", ["time", "valid_until"])
def test_a_signal_without_a_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        signal(**{name: AS_OF.replace(tzinfo=None)})


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-1", "1E+999999"])
def test_a_senseless_amount_of_the_day_leaves_the_sum_out(amount: str) -> None:
    at = GateState(amount_today=Decimal(amount))
    facts = build_facts(proposal(), signal(), at, DECLARED)
    assert "amount" not in facts
    assert facts["own_amount"] == 500.0
