"""Which options are ruled out and by what, which one is taken, and how the reason is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.departments import Strategy
from crossloop.departments.marketing.economics import Economics, Exposure, InterventionName, Value
from crossloop.departments.marketing.options import Considered, Situation, choose, consider, why_nothing
from crossloop.money import Money
from crossloop.resources import touches_protected
from crossloop.signals.entities import Area
from tests.support.marketing import (
    ALL,
    BENGALURU,
    KARNATAKA,
    NUMBERS,
    campaign,
    strategy,
)

LOSING, PAYING = 0.8, 0.05
"""Rates at which every intervention is worth something, and none is."""


def situation(rate: float = LOSING, area: Area = KARNATAKA, **changes: Any) -> Situation:
    """A campaign of 10,000 a day that spends 1,000 of it in the area."""
    return Situation(
        **{
            "campaign": campaign("C1"),
            "area": area,
            "exposure": Exposure(
                daily_budget=10_000,
                budget_share=0.1,
                orders_per_day=1000,
                rate=(rate, rate, rate),
                cod_share=0.5,
                order_value=1000,
            ),
            "economics": Economics.model_validate(NUMBERS),
            "strategy": strategy(),
            "spend": None,
            "in_place": frozenset(),
            **changes,
        }
    )


def ruled_out(**changes: Any) -> dict[str, str]:
    """The reasons by intervention; those that are not ruled out are missing."""
    return {one.value.intervention: one.ruled_out for one in consider(situation(**changes)) if one.ruled_out}


def declaring(**declared: Any) -> dict[str, str]:
    return ruled_out(strategy=strategy(**declared))


def all_because(reason: str) -> dict[str, str]:
    return dict.fromkeys(ALL, reason)


# What rules out.


def test_nothing_is_ruled_out_where_nothing_is_declared() -> None:
    assert ruled_out() == {}


@pytest.mark.parametrize(
    "protected",
    [
        "campaign/C1",
        "campaign/*",
        "campaign",
        "campaign/C1/geo/IN/KARNATAKA",
        "campaign/C1/geo/IN/KARNATAKA/560",
        "campaign/*/geo/IN",
        "campaign/C1/budget",
    ],
)
def test_what_is_protected_is_not_touched(protected: str) -> None:
    assert declaring(protected=(protected,)) == all_because(f"{protected} is protected")


@pytest.mark.parametrize(
    "protected", ["campaign/brand", "campaign/C10", "adset/C1", "campaign/C1/geo/IN/KERALA"]
)
def test_what_is_protected_elsewhere_does_not_matter(protected: str) -> None:
    assert declaring(protected=(protected,)) == {}


SEGMENTS = st.sampled_from(["campaign", "C1", "C2", "geo", "budget", "IN", "KARNATAKA", "560", "*"])


@given(st.lists(SEGMENTS, min_size=1, max_size=6).map("/".join))
def test_marketing_and_the_gate_agree_on_what_is_protected(protected: str) -> None:
    here = situation(area=BENGALURU)
    gate = any(touches_protected(protected, one) for one in (here.resource, here.budget))
    assert bool(ruled_out(area=BENGALURU, strategy=strategy(protected=(protected,)))) == gate


@pytest.mark.parametrize(
    ("regions", "inside"),
    [
        ((), True),
        (("geo/IN",), True),
        (("geo/IN/KARNATAKA",), True),
        (("geo/IN/KERALA", "geo/IN/KARNATAKA"), True),
        (("geo/IN/KERALA",), False),
        (("geo/IN/KARNATAKA/560",), False),
        (("geo/IN/KARNA",), False),
        (("geo/LK",), False),
    ],
)
def test_only_areas_inside_the_allowed_regions_are_touched(regions: tuple[str, ...], inside: bool) -> None:
    expected = {} if inside else all_because("geo/IN/KARNATAKA lies outside the allowed regions")
    assert declaring(allowed_regions=regions) == expected


def test_what_the_loop_does_not_permit_is_ruled_out() -> None:
    assert declaring(interventions=("reduce_bid",)) == {
        "suppress_cod": "the loop does not permit it",
        "exclude": "the loop does not permit it",
    }


def test_without_a_declared_strategy_nothing_is_permitted() -> None:
    assert ruled_out(strategy=Strategy()) == all_because("the loop does not permit it")


def test_what_the_ad_platform_has_in_force_is_not_asked_for_again() -> None:
    assert ruled_out(in_place=frozenset({"suppress_cod"})) == {
        "suppress_cod": "the ad platform has it in force there already"
    }


def floored(spend: str, floor: str = "20000 INR", **changes: Any) -> dict[str, str]:
    """The campaign would lose 400 by suppressing, 300 by bidding less, 1,000 by excluding."""
    declared = strategy(spend_floor=Money.model_validate(floor))
    return ruled_out(strategy=declared, spend=Money.model_validate(spend), **changes)


def test_all_live_campaigns_together_keep_spending_the_floor() -> None:
    assert floored("21000 INR") == {}
    assert floored("20999.99 INR") == {
        "exclude": "all live campaigns together would spend 19,999.99 INR a day, below 20,000.00 INR"
    }
    assert set(floored("20399.99 INR")) == {"suppress_cod", "exclude"}
    assert set(floored("20300 INR")) == {"suppress_cod", "exclude"}
    assert set(floored("20299.99 INR")) == set(ALL)


def test_below_the_floor_already_nothing_presses_further() -> None:
    assert set(floored("15000 INR")) == set(ALL)


def test_a_campaign_of_another_currency_does_not_press_the_spend_that_the_floor_is_about() -> None:
    dollars = campaign("C1", budget="10000 USD")
    assert floored("20000 INR", campaign=dollars) == {}


def test_a_floor_in_a_currency_that_nobody_spends_rules_out() -> None:
    assert floored("0 USD", floor="1 USD") == all_because(
        "all live campaigns together would spend 0.00 USD a day, below 1.00 USD"
    )


def test_the_first_reason_that_applies_is_kept() -> None:
    declared = strategy(protected=("campaign/C1",), allowed_regions=("geo/LK",), interventions=())
    assert ruled_out(strategy=declared) == all_because("campaign/C1 is protected")
    declared = strategy(allowed_regions=("geo/LK",), interventions=())
    assert ruled_out(strategy=declared) == all_because("geo/IN/KARNATAKA lies outside the allowed regions")


# What is taken.


def considered(
    suppress_cod: float, reduce_bid: float, exclude: float, *without: str
) -> tuple[Considered, ...]:
    worth: dict[InterventionName, float] = {
        "suppress_cod": suppress_cod,
        "reduce_bid": reduce_bid,
        "exclude": exclude,
    }
    return tuple(
        Considered(Value(name, value, value, value, 0.1), "protected" if name in without else "")
        for name, value in worth.items()
    )


def taken(options: tuple[Considered, ...], **declared: Any) -> str | None:
    chosen = choose(strategy(**declared), options)
    return None if chosen is None else chosen.intervention


def test_by_value_the_highest_expected_value_is_taken() -> None:
    assert taken(considered(10, 30, 20)) == "reduce_bid"
    assert taken(considered(10, 30, 20, "reduce_bid")) == "exclude"


def test_by_order_the_first_worthwhile_one_of_the_team_is_taken() -> None:
    order = {"choose": "order", "interventions": ("exclude", "suppress_cod", "reduce_bid")}
    assert taken(considered(10, 30, 20), **order) == "exclude"
    assert taken(considered(10, 30, -20), **order) == "suppress_cod"
    assert taken(considered(10, 30, 20, "exclude", "suppress_cod"), **order) == "reduce_bid"


@pytest.mark.parametrize("way", ["value", "order"])
def test_what_is_worth_no_more_than_nothing_is_not_taken(way: str) -> None:
    assert taken(considered(0, -1, 0), choose=way) is None
    assert taken(considered(0, 0.01, 0), choose=way) == "reduce_bid"
    assert taken(considered(5, 5, 5, *ALL), choose=way) is None


@given(st.tuples(*[st.floats(-100, 100)] * 3), st.sets(st.sampled_from(ALL)), st.permutations(ALL))
def test_what_is_taken_is_never_ruled_out_and_always_worth_more_than_nothing(
    worth: tuple[float, float, float], without: set[str], order: list[str]
) -> None:
    options = considered(*worth, *without)
    left = {
        one.value.intervention: one.value.expected
        for one in options
        if one.value.expected > 0 and one.value.intervention not in without
    }
    by_value = taken(options, interventions=tuple(order))
    by_order = taken(options, choose="order", interventions=tuple(order))
    assert (by_value is None) == (by_order is None) == (not left)
    if by_value is not None and by_order is not None:
        assert left[by_value] == max(left.values())
        assert by_order == next(one for one in order if one in left)


# How it is told.


def told(rate: float, **changes: Any) -> str:
    here = situation(rate, **changes)
    options = consider(here)
    assert choose(here.strategy, options) is None
    return why_nothing(here, options)


def test_where_advertising_pays_doing_nothing_is_best() -> None:
    # An order brings 300 - 500 r before advertising, which costs 100: it pays up to 40 %.
    assert told(PAYING) == (
        "doing nothing is best for campaign C1: advertising in state KARNATAKA still pays when 5.0% come "
        "back (it stops paying at 40.0%)"
    )


def test_one_reason_for_all_is_told_once() -> None:
    assert told(LOSING, strategy=strategy(protected=("campaign/C1",))) == (
        "nothing is done for campaign C1: every option is ruled out, campaign/C1 is protected"
    )


def test_different_reasons_are_told_apart() -> None:
    declared = strategy(interventions=("suppress_cod", "exclude"), spend_floor="20000 INR")
    spend = Money.of(20_500, "INR")
    assert told(LOSING, strategy=declared, spend=spend, in_place=frozenset({"suppress_cod"})) == (
        "nothing is done for campaign C1: "
        "suppress_cod: ruled out, the ad platform has it in force there already; "
        "reduce_bid: ruled out, the loop does not permit it; "
        "exclude: ruled out, all live campaigns together would spend 19,500.00 INR a day, below 20,000.00 INR"
    )


def test_ruled_out_and_not_worth_it_are_told_apart_from_both_at_once() -> None:
    """At this rate only the cash-on-delivery orders lose money."""
    assert told(0.35, strategy=strategy(interventions=("exclude",))) == (
        "nothing is done for campaign C1: "
        "suppress_cod: ruled out, the loop does not permit it; "
        "reduce_bid: ruled out, the loop does not permit it, and not worth it; "
        "exclude: not worth it"
    )
