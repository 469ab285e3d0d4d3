"""What campaigns have at stake in an area."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.departments.marketing.economics import Economics
from crossloop.departments.marketing.exposure import (
    budget_share,
    daily_spend,
    exposure,
    known_costs,
    not_comparable,
    reached,
)
from crossloop.money import Money
from crossloop.signals.entities import Area, Campaign
from tests.support.marketing import BENGALURU, INDIA, KARNATAKA, KERALA, MYSURU, campaign, in_force, risk


def state(name: str) -> Area:
    return Area(level="state", code=name, country="IN", state=name)


ASSAM, TRIPURA, SIKKIM, MIZORAM = (state(name) for name in ("ASSAM", "TRIPURA", "SIKKIM", "MIZORAM"))
PEENYA = Area(level="pin_code", code="560058", country="IN", state="KARNATAKA", pin_prefix="560")
KOCHI, KOLLAM = (
    Area(level="pin_prefix", code=code, country="IN", state="KERALA", pin_prefix=code)
    for code in ("682", "691")
)


def ids(area: Area, *live: Campaign) -> list[str]:
    return [one.campaign.campaign_id for one in reached(area, live, risk())]


# Who reaches the area, and with what share of its budget.


@pytest.mark.parametrize(
    ("target", "reaches"), [(KARNATAKA, True), (INDIA, True), (BENGALURU, True), (KERALA, False)]
)
def test_a_campaign_reaches_an_area_from_at_around_and_inside_it(target: Area, reaches: bool) -> None:
    assert ids(KARNATAKA, campaign("C1", target)) == (["C1"] if reaches else [])


def test_one_target_in_the_area_is_enough() -> None:
    assert ids(KARNATAKA, campaign("C1", KERALA, BENGALURU), campaign("C2", KERALA)) == ["C1"]


@pytest.mark.parametrize(
    ("targets", "share"),
    [
        ((KARNATAKA,), 1.0),
        ((BENGALURU, MYSURU), 1.0),
        ((INDIA,), 0.1),
        ((KARNATAKA, KERALA), 0.5),
        ((INDIA, KERALA), 0.1),
        ((INDIA, KARNATAKA), 0.1),
        ((KERALA, INDIA, BENGALURU, KARNATAKA), 0.1),
        ((BENGALURU, KERALA), 0.375),
        ((BENGALURU, PEENYA, KERALA, KOCHI), 0.375),
        ((KARNATAKA, BENGALURU, PEENYA, KERALA), 0.5),
    ],
)
def test_a_budget_is_spent_by_orders_and_what_lies_within_another_target_counts_once(
    targets: tuple[Area, ...], share: float
) -> None:
    assert budget_share(campaign("C1", *targets), KARNATAKA, risk()) == pytest.approx(share)


def test_a_state_with_few_orders_takes_little_of_the_budget() -> None:
    """455 orders of Assam beside 37 of Tripura are not a half of them."""
    orders = {"geo/IN/ASSAM": 455, "geo/IN/TRIPURA": 37, "geo/IN/BIHAR": 508}
    known = risk(
        areas=(ASSAM,),
        area_order_share={"geo/IN": 0.455},
        share_of_country={path: number / 1000 for path, number in orders.items()},
    )
    both = campaign("C1", ASSAM, TRIPURA)
    assert budget_share(both, ASSAM, known) == pytest.approx(455 / 492)
    with_empty_ones = campaign("C1", ASSAM, TRIPURA, SIKKIM, MIZORAM)
    assert budget_share(with_empty_ones, ASSAM, known) == pytest.approx(455 / 492)


def test_a_wider_target_whose_orders_are_not_known_does_not_count() -> None:
    unknown = risk(area_order_share={})
    assert budget_share(campaign("C1", INDIA), KARNATAKA, unknown) is None
    assert budget_share(campaign("C1", INDIA, KERALA), KARNATAKA, unknown) is None
    assert budget_share(campaign("C1", INDIA, KARNATAKA), KARNATAKA, unknown) == 1.0
    assert budget_share(campaign("C1", KERALA, KARNATAKA), KARNATAKA, unknown) == 1.0
    assert budget_share(campaign("C1", INDIA), KARNATAKA, risk(area_order_share={"geo/IN": 0.0})) == 0


@pytest.mark.parametrize(
    ("targets", "share"),
    [
        ((KARNATAKA, SIKKIM), 1.0),
        ((KARNATAKA, KERALA, SIKKIM), 0.5),
        ((KARNATAKA, KERALA, KOLLAM), 0.5),
        ((INDIA, SIKKIM), 0.1),
        ((BENGALURU, MYSURU, KERALA), 0.5),
        ((MYSURU, KERALA), 0.5),
        ((MYSURU, SIKKIM), 1.0),
        ((INDIA, MYSURU), 0.1),
    ],
)
def test_elsewhere_unknown_orders_are_none_and_inside_they_are_all_of_the_area(
    targets: tuple[Area, ...], share: float
) -> None:
    assert budget_share(campaign("C1", *targets), KARNATAKA, risk()) == pytest.approx(share)


def test_an_area_without_orders_takes_nothing_from_one_that_has_some() -> None:
    idle = risk(area_order_share={"geo/IN": 0.0})
    assert budget_share(campaign("C1", KARNATAKA, KERALA), KARNATAKA, idle) == 0
    assert budget_share(campaign("C1", KARNATAKA, SIKKIM), KARNATAKA, idle) == 1.0
    assert budget_share(campaign("C1", BENGALURU, SIKKIM), KARNATAKA, idle) == 1.0


@st.composite
def places(draw: st.DrawFn) -> Area:
    """An area somewhere in a small country, at any level."""
    level = draw(st.sampled_from(["country", "state", "pin_prefix", "pin_code"]))
    state, prefix = draw(st.sampled_from(["A", "B", "C"])), draw(st.sampled_from(["1", "2"]))
    pin = f"{ord(state)}{prefix}"
    code = {
        "country": "IN",
        "state": state,
        "pin_prefix": pin,
        "pin_code": f"{pin}00{draw(st.integers(1, 2))}",
    }
    return Area.model_validate(
        {
            "level": level,
            "code": code[level],
            "country": "IN",
            "state": None if level == "country" else state,
            "pin_prefix": pin if level.startswith("pin") else None,
        }
    )


@given(
    places(),
    st.lists(places(), min_size=1, max_size=5),
    st.lists(places(), min_size=1, max_size=5),
    st.dictionaries(places().map(lambda one: one.path), st.floats(0, 0.3), max_size=6),
)
def test_adding_targets_without_known_orders_never_lowers_the_share(
    area: Area, targets: list[Area], added: list[Area], shares: dict[str, float]
) -> None:
    told = {path: share for path, share in shares.items() if path not in {one.path for one in added}}
    known = risk(
        areas=(area,),
        area_order_share={path: share for path, share in told.items() if area.path.startswith(f"{path}/")},
        share_of_country={path: share for path, share in told.items() if path != "geo/IN"},
    )
    before = budget_share(campaign("C1", *targets), area, known)
    after = budget_share(campaign("C1", *targets, *added), area, known)
    if before is not None:
        assert after is not None
        assert before - 1e-12 <= after <= 1


def test_areas_of_one_signal_have_an_even_part_of_its_figures() -> None:
    both = risk(areas=(BENGALURU, MYSURU), area_order_share={INDIA.path: 0.1}, orders_per_day=90.0)
    (alone,) = reached(BENGALURU, [campaign("C1")], both)
    assert (alone.budget_share, alone.orders_per_day) == (pytest.approx(0.05), pytest.approx(45))
    (aimed_there,) = reached(MYSURU, [campaign("C1", MYSURU)], both)
    assert (aimed_there.budget_share, aimed_there.orders_per_day) == (1.0, pytest.approx(45))


# Whose orders they are.


def test_the_orders_of_an_area_are_divided_by_what_is_spent_there() -> None:
    small, large = campaign("C1", KARNATAKA, budget="1000 INR"), campaign("C2", budget="30000 INR")
    parts = reached(KARNATAKA, [small, large], risk(orders_per_day=40.0))
    assert [one.orders_per_day for one in parts] == [pytest.approx(10), pytest.approx(30)]


def test_campaigns_of_another_currency_are_divided_apart() -> None:
    rupees, dollars = campaign("C1"), campaign("C2", budget="100 USD")
    parts = reached(KARNATAKA, [rupees, dollars], risk(orders_per_day=40.0))
    assert [one.orders_per_day for one in parts] == [pytest.approx(40), pytest.approx(40)]


def test_a_campaign_that_spends_nothing_there_has_no_orders() -> None:
    idle, unknown = campaign("C1", budget="0 INR"), campaign("C2")
    parts = reached(KARNATAKA, [idle, unknown], risk(area_order_share={}))
    assert [(one.budget_share, one.orders_per_day) for one in parts] == [(None, 0), (None, 0)]
    (spent,) = reached(KARNATAKA, [idle], risk())
    assert spent.orders_per_day == 0


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=6), st.floats(0, 1e5))
def test_together_campaigns_never_have_more_orders_than_the_area(budgets: list[int], orders: float) -> None:
    live = [campaign(f"C{index}", budget=f"{amount} INR") for index, amount in enumerate(budgets)]
    parts = reached(KARNATAKA, live, risk(orders_per_day=orders))
    total = sum(one.orders_per_day for one in parts)
    assert total == pytest.approx(orders if any(budgets) else 0)


# What is known counts before what is assumed.


def stake(assumed: Economics | None = None, **changes: Any):
    known = risk(**changes)
    (reach,) = reached(KARNATAKA, [campaign("C1")], known)
    return exposure(reach, known, assumed or Economics())


def test_what_is_measured_is_used() -> None:
    measured = stake(cod_share=0.4, order_value=Money.of("650.50", "INR"), rate=0.3)
    assert (measured.cod_share, measured.order_value) == (0.4, 650.5)
    assert measured.rate == pytest.approx((0.2, 0.3, 0.4))
    assert (measured.daily_budget, measured.budget_share, measured.spend) == (10_000, 0.1, 1000)


def test_what_is_not_measured_is_assumed() -> None:
    assumed = stake(cod_share=None, order_value=None)
    assert (assumed.cod_share, assumed.order_value) == (0.6, 650)


def test_a_measured_share_of_no_cash_on_delivery_is_not_taken_for_unknown() -> None:
    assert stake(cod_share=0.0).cod_share == 0


def test_of_failed_attempts_the_stated_share_counts_as_returns() -> None:
    attempts = stake(metric="ndr", rate=0.3, assumed=Economics(ndr_to_rto=0.5))
    assert attempts.rate == pytest.approx((0.1, 0.15, 0.2))


def test_the_cost_of_a_return_is_the_one_that_the_signal_states() -> None:
    stated = risk(rto_cost_low=Money.of(90, "INR"), rto_cost_high=Money.of("99.5", "INR"))
    numbers = known_costs(Economics(), stated)
    assert (str(numbers.rto_cost_low), str(numbers.rto_cost_high)) == ("90.00", "99.50")
    assert numbers.margin == Economics().margin


# No amount changes its currency.

IN_USD = Economics.model_validate(
    {"currency": "USD", "rto_cost_low": 4, "rto_cost_high": 6, "order_value": 30}
)


def compared(budget: str, order: str | None, costs: tuple[str, str], assumed: Economics) -> str:
    stated = risk(
        order_value=order and Money.of(30, order),
        rto_cost_low=Money.of(4, costs[0]),
        rto_cost_high=Money.of(6, costs[1]),
    )
    return not_comparable(campaign("C1", budget=f"100 {budget}"), stated, assumed)


@pytest.mark.parametrize(("currency", "assumed"), [("INR", Economics()), ("USD", IN_USD)])
def test_amounts_of_the_currency_of_the_assumptions_can_be_compared(
    currency: str, assumed: Economics
) -> None:
    for order in (currency, None):
        assert compared(currency, order, (currency, currency), assumed) == ""


@pytest.mark.parametrize(
    ("budget", "order", "costs", "told"),
    [
        ("USD", "USD", ("INR", "INR"), "the budget is in USD, the value of an order is in USD, what is"),
        ("USD", None, ("INR", "INR"), "the budget is in USD, what is assumed in INR"),
        ("INR", "USD", ("INR", "INR"), "the value of an order is in USD, what is assumed in INR"),
        ("INR", "INR", ("USD", "USD"), "the least cost of a return is in USD, the greatest cost of a return"),
    ],
)
def test_amounts_of_other_currencies_are_named(
    budget: str, order: str | None, costs: tuple[str, str], told: str
) -> None:
    assert compared(budget, order, costs, Economics()).startswith(told)


def test_the_next_step_is_the_setting_where_one_setting_suffices() -> None:
    step = "set currency=USD, and rto_cost_low, rto_cost_high and order_value in USD"
    assert compared("USD", "USD", ("INR", "INR"), Economics()).endswith(step)
    assert compared("USD", "INR", ("INR", "INR"), Economics()).endswith("give all of them in one currency")


# What all live campaigns spend.


def test_daily_spend_is_the_sum_of_the_budgets() -> None:
    live = [campaign("C1", budget="100.50 INR"), campaign("C2", budget="200 INR")]
    assert daily_spend(live, (), "INR") == Money.of("300.50", "INR")
    assert daily_spend((), (), "INR") == Money.of(0, "INR")


def test_budgets_of_another_currency_are_not_added() -> None:
    live = [campaign("C1", budget="100 INR"), campaign("C2", budget="200 USD")]
    assert daily_spend(live, (), "INR") == Money.of(100, "INR")
    assert daily_spend(live, (), "EUR") == Money.of(0, "EUR")


def test_restrictions_in_force_have_left_the_spend_of_their_campaign() -> None:
    live = [campaign("C1", budget="5000 INR"), campaign("C10", budget="5000 INR")]
    holding = (
        in_force("C1", KARNATAKA),
        in_force("C1", KERALA, amount="500 INR"),
        in_force("C9", amount="4000 INR"),
    )
    assert daily_spend(live, holding, "INR") == Money.of(8500, "INR")


def test_restrictions_never_take_more_than_the_budget() -> None:
    holding = (in_force("C1", KARNATAKA, amount="900 INR"), in_force("C1", BENGALURU, amount="400 INR"))
    live = [campaign("C1", budget="1000 INR"), campaign("C2", budget="1000 INR")]
    assert daily_spend(live, holding, "INR") == Money.of(1000, "INR")


def test_a_restriction_of_unknown_or_foreign_amount_takes_nothing() -> None:
    holding = (in_force(amount=None), in_force(area=KERALA, amount="10 USD"))
    assert daily_spend([campaign("C1", budget="1000 INR")], holding, "INR") == Money.of(1000, "INR")
