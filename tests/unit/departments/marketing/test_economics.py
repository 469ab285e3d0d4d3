"""What an intervention is worth: worked by hand, and what must hold whatever the numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from crossloop.canonical import canonical_json, to_json
from crossloop.departments.marketing.economics import (
    INTERVENTIONS,
    Economics,
    Exposure,
    Value,
    bid_response,
    break_even_rate,
    cost_of_order,
    driven_orders,
    return_rates,
    values,
)
from tests.support.project import PROJECT


def economics(**changes: Any) -> Economics:
    """A return costs 100 to 300, a delivered order earns 30 %, ten days count."""
    return Economics.model_validate(
        {
            "rto_cost_low": 100,
            "rto_cost_high": 300,
            "cod_risk_ratio": 3,
            "margin": 0.3,
            "cost_per_order": 100,
            "bid_cut": 0.3,
            "bid_elasticity": 1,
            "cpc_elasticity": 1,
            "cod_reach": 0.8,
            "cod_switch": 0.1,
            "horizon_days": 10,
            **changes,
        }
    )


EXPOSURE = Exposure(
    daily_budget=10_000,
    budget_share=0.1,
    orders_per_day=28,
    rate=(0.1, 0.2, 0.3),
    cod_share=0.5,
    order_value=500,
)
"""1,000 a day in the area, that is 10 orders; in ten days 10,000 and 100 orders."""


def by_name(exposure: Exposure, numbers: Economics) -> dict[str, Value]:
    return {one.intervention: one for one in values(exposure, numbers)}


# Worked by hand. A delivered order earns 150, one that comes back costs 200 on average, so an order of
# which a share f comes back brings 150 - 350 f before advertising. At 20 % in all, prepaid orders come back
# at 10 % and bring 115, the others at 30 % and bring 45. Advertising costs 100 an order.


def test_excluding_saves_the_spend_and_forgoes_what_all_orders_bring() -> None:
    found = by_name(EXPOSURE, economics())["exclude"]
    assert found.expected == pytest.approx(10_000 - 50 * 115 - 50 * 45)
    assert found.share == pytest.approx(0.1)


def test_a_lower_bid_buys_fewer_clicks_and_pays_less_for_each() -> None:
    """At 0.7 times the bid: 0.7 of the clicks and orders, each click at 0.7 of its cost."""
    found = by_name(EXPOSURE, economics())["reduce_bid"]
    assert found.expected == pytest.approx((1 - 0.49) * 10_000 - 0.3 * (50 * 115 + 50 * 45))
    assert found.share == pytest.approx(0.1 * (1 - 0.49))


def test_what_a_lower_bid_does_to_clicks_and_to_their_cost_is_assumed_apart() -> None:
    assert bid_response(0.36, economics(bid_elasticity=0.5, cpc_elasticity=0)) == pytest.approx((0.2, 0.2))
    assert bid_response(0.36, economics(bid_elasticity=0, cpc_elasticity=0.5)) == pytest.approx((0.2, 0.0))
    assert bid_response(0.5, economics(bid_elasticity=2, cpc_elasticity=1)) == pytest.approx((0.875, 0.75))


def test_a_bid_that_is_not_lowered_changes_nothing() -> None:
    assert bid_response(0.0, economics()) == (0, 0)
    assert by_name(EXPOSURE, economics().model_copy(update={"bid_cut": 0.0}))["reduce_bid"].expected == 0


def test_a_bid_of_nothing_is_worth_what_excluding_is() -> None:
    found = by_name(EXPOSURE, economics().model_copy(update={"bid_cut": 1.0}))
    assert found["reduce_bid"].expected == pytest.approx(found["exclude"].expected)
    assert found["reduce_bid"].share == pytest.approx(found["exclude"].share)


def test_suppressing_cash_on_delivery_forgoes_those_reached_and_wins_some_back_as_prepaid() -> None:
    found = by_name(EXPOSURE, economics())["suppress_cod"]
    reached = 0.8 * 50
    assert found.expected == pytest.approx(reached * (100 - 45) + 0.1 * reached * (115 - 100))
    assert found.share == pytest.approx(0.1 * 0.5 * 0.8)


def test_the_interval_runs_from_the_best_to_the_worst_rate_and_cost() -> None:
    found = by_name(EXPOSURE, economics())["exclude"]
    # At rate r and cost c all 100 orders bring 150 - r (150 + c).
    assert found.low == pytest.approx(10_000 - 100 * (150 - 0.1 * 250))
    assert found.high == pytest.approx(10_000 - 100 * (150 - 0.3 * 450))


def test_advertising_breaks_even_where_an_order_brings_what_it_costs() -> None:
    assert break_even_rate(EXPOSURE, economics()) == pytest.approx((150 - 100) / 350)


def test_a_campaign_never_drives_more_orders_than_its_part_of_the_area() -> None:
    assert driven_orders(EXPOSURE, economics()) == 10
    few = replace(EXPOSURE, orders_per_day=4)
    assert driven_orders(few, economics()) == 4
    # Each of the 4 orders a day then cost 250, more than any order brings.
    assert by_name(few, economics())["exclude"].expected == pytest.approx(10_000 - 20 * 115 - 20 * 45)
    assert break_even_rate(few, economics()) == 0


def test_an_order_costs_what_was_measured_or_else_follows_from_the_return_on_ad_spend() -> None:
    assert cost_of_order(700, economics(cost_per_order=90, roas=3.5)) == 90
    assert cost_of_order(700, economics(cost_per_order=None, roas=3.5)) == pytest.approx(200)
    by_roas = economics(cost_per_order=None, roas=5)
    assert driven_orders(EXPOSURE, by_roas) == pytest.approx(10)
    assert break_even_rate(EXPOSURE, by_roas) == pytest.approx((150 - 100) / 350)


def test_orders_without_a_value_cost_nothing_and_are_as_many_as_there_are() -> None:
    worthless = replace(EXPOSURE, order_value=0)
    by_roas = economics(cost_per_order=None)
    assert driven_orders(worthless, by_roas) == 28
    assert driven_orders(replace(worthless, daily_budget=0), by_roas) == 0
    assert break_even_rate(worthless, by_roas) == 0
    # What is spent, and what the returns of 280 orders cost: nothing is forgone.
    assert by_name(worthless, by_roas)["exclude"].expected == pytest.approx(10_000 + 280 * 0.2 * 200)


def test_spend_that_brings_no_order_at_all_is_saved_by_excluding() -> None:
    none = replace(EXPOSURE, orders_per_day=0)
    assert by_name(none, economics())["exclude"].expected == pytest.approx(10_000)
    assert break_even_rate(none, economics()) == 0


def test_the_value_of_suppressing_falls_again_where_all_cash_on_delivery_orders_come_back() -> None:
    """With half the orders on delivery and three times the risk, that is from two thirds on."""

    def suppressing(*rate: float) -> Value:
        exposure = replace(EXPOSURE, rate=(rate[0], rate[len(rate) // 2], rate[-1]))
        return by_name(exposure, economics(rto_cost_low=200, rto_cost_high=200))["suppress_cod"]

    peak = suppressing(2 / 3).expected
    assert suppressing(0.5).expected < peak > suppressing(0.9).expected
    assert suppressing(0.5, 0.6, 0.9).high == pytest.approx(peak)
    assert suppressing(0.5, 0.6, 0.9).low == pytest.approx(suppressing(0.5).expected)
    assert suppressing(0.7, 0.8, 0.9).low == pytest.approx(suppressing(0.9).expected)


@pytest.mark.parametrize(
    ("rate", "cod_share", "ratio", "expected"),
    [
        (0.2, 0.5, 3.0, (0.3, 0.1)),
        (0.2, 0.5, 1.0, (0.2, 0.2)),
        (0.2, 0.0, 3.0, (0.6, 0.2)),
        (0.2, 1.0, 3.0, (0.2, 0.2 / 3)),
        (0.8, 0.5, 3.0, (1.0, 0.6)),
        (0.9, 0.0, 50.0, (1.0, 0.9)),
        (1.0, 1.0, 3.0, (1.0, 1 / 3)),
        (0.0, 0.5, 3.0, (0.0, 0.0)),
    ],
)
def test_the_rate_is_split_by_payment(
    rate: float, cod_share: float, ratio: float, expected: tuple[float, float]
) -> None:
    assert return_rates(rate, cod_share, ratio) == pytest.approx(expected)


# The assumptions themselves.


def test_the_greatest_cost_of_a_return_is_not_below_the_least() -> None:
    with pytest.raises(
        ValidationError, match=r"rto_cost_high must not be below rto_cost_low \(300\)"
    ) as wrong:
        Economics(rto_cost_low=Decimal(300))
    assert wrong.value.errors()[0]["loc"] == ("rto_cost_high",)
    assert Economics(rto_cost_low=Decimal(240)).rto_cost_high == 240


@pytest.mark.parametrize(
    "changes",
    [
        {"cost_per_order": 0},
        {"roas": 0},
        {"cod_risk_ratio": 0.9},
        {"margin": 1.01},
        {"margin": float("nan")},
        {"bid_cut": 0},
        {"bid_cut": 0.95},
        {"horizon_days": 0},
        {"rto_cost_low": -1},
        {"ndr_to_rto": 1.5},
        {"free_shipping": 1},
    ],
)
def test_an_assumption_outside_its_range_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        economics(**changes)


def test_every_assumption_says_what_it_is_and_can_be_recorded() -> None:
    assert all(field.description for field in Economics.model_fields.values())
    canonical_json(to_json(Economics()))


_WORDS = ("currency", "cost_per_order")


def test_the_documented_defaults_are_those_of_the_code() -> None:
    """docs/your-data.md has a row for every assumption; one row may hold two of a kind."""
    rows = [
        line.split("|") for line in (PROJECT / "docs/your-data.md").read_text().splitlines() if "| `" in line
    ]
    documented: dict[str, str] = {}
    for _, names, defaults, *_ in rows:
        each = [one.strip(" `") for one in names.split(",")]
        documented |= dict(zip(each, [one.strip() for one in defaults.split(",")], strict=False))
    for name, field in Economics.model_fields.items():
        expected = {None: "", "INR": "`INR`"}.get(field.default) if name in _WORDS else field.default
        told = documented[name] if name in _WORDS else type(field.default)(documented[name])
        assert told == expected, name


def test_another_currency_is_taken_only_with_amounts_in_it() -> None:
    with pytest.raises(ValidationError, match="currency USD needs rto_cost_high, order_value in USD as well"):
        Economics.model_validate({"currency": "USD", "rto_cost_low": 4})
    told = {"currency": "USD", "rto_cost_low": 4, "rto_cost_high": 6, "order_value": 30}
    numbers = Economics.model_validate(told)
    assert (numbers.currency, numbers.order_value) == ("USD", 30)
    assert Economics.model_validate(to_json(numbers)) == numbers


# Whatever the numbers.

SHARES = st.floats(0, 1) | st.sampled_from([0.0, 1.0])
MONEY = st.decimals(0, 10**6, places=2)


@st.composite
def any_economics(draw: st.DrawFn) -> Economics:
    low, high = sorted((draw(MONEY), draw(MONEY)))
    return Economics(
        rto_cost_low=low,
        rto_cost_high=high,
        cod_risk_ratio=draw(st.floats(1, 50)),
        margin=draw(SHARES),
        roas=draw(st.floats(0.01, 100)),
        cost_per_order=draw(st.none() | st.decimals("0.01", 10**5, places=2)),
        bid_cut=draw(st.floats(0.001, 0.9)),
        bid_elasticity=draw(st.floats(0, 3)),
        cpc_elasticity=draw(SHARES),
        cod_reach=draw(SHARES),
        cod_switch=draw(SHARES),
        horizon_days=draw(st.integers(1, 90)),
    )


@st.composite
def any_exposure(draw: st.DrawFn) -> Exposure:
    low, best, high = sorted(draw(SHARES) for _ in range(3))
    return Exposure(
        daily_budget=draw(st.floats(0, 1e7)),
        budget_share=draw(SHARES),
        orders_per_day=draw(st.floats(0, 1e5)),
        rate=(low, best, high),
        cod_share=draw(SHARES),
        order_value=draw(st.floats(0, 1e6)),
    )


def scale(exposure: Exposure, numbers: Economics) -> float:
    """The money at stake, against which rounding of floating point is small."""
    orders = driven_orders(exposure, numbers)
    each = exposure.order_value + float(numbers.rto_cost_high)
    return (exposure.spend + orders * each) * numbers.horizon_days + 1


@given(any_exposure(), any_economics())
def test_every_value_is_a_number_inside_its_interval(exposure: Exposure, numbers: Economics) -> None:
    found = values(exposure, numbers)
    assert tuple(one.intervention for one in found) == INTERVENTIONS
    for one in found:
        assert all(math.isfinite(number) for number in (one.low, one.expected, one.high, one.share))
        assert one.low <= one.expected <= one.high
        assert 0 <= one.share <= exposure.budget_share
    assert 0 <= break_even_rate(exposure, numbers) <= 1


@given(any_exposure(), any_economics(), SHARES, SHARES)
def test_the_interval_holds_the_value_at_every_rate_and_cost_in_between(
    exposure: Exposure, numbers: Economics, along: float, across: float
) -> None:
    low, _, high = exposure.rate
    rate = low + along * (high - low)
    span = float(numbers.rto_cost_high - numbers.rto_cost_low)
    cost = min(numbers.rto_cost_high, numbers.rto_cost_low + Decimal(f"{across * span:.2f}"))
    inside = values(
        replace(exposure, rate=(rate, rate, rate)),
        numbers.model_copy(update={"rto_cost_low": cost, "rto_cost_high": cost}),
    )
    slack = 1e-9 * scale(exposure, numbers)
    for whole, one in zip(values(exposure, numbers), inside, strict=True):
        assert whole.low - slack <= one.expected <= whole.high + slack


@given(any_exposure(), any_economics())
def test_what_a_campaign_does_not_spend_is_worth_nothing_to_change(
    exposure: Exposure, numbers: Economics
) -> None:
    for idle in (replace(exposure, daily_budget=0), replace(exposure, budget_share=0)):
        assert {(one.low, one.expected, one.high) for one in values(idle, numbers)} == {(0, 0, 0)}


@given(any_exposure(), any_economics())
def test_an_intervention_that_changes_nothing_is_worth_nothing(
    exposure: Exposure, numbers: Economics
) -> None:
    without = numbers.model_copy(update={"cod_reach": 0.0, "bid_cut": 0.0})
    found = by_name(exposure, without)
    assert found["suppress_cod"].expected == found["reduce_bid"].expected == 0
    assert found["suppress_cod"].share == found["reduce_bid"].share == 0


@given(SHARES, SHARES, any_economics())
def test_a_lower_bid_saves_no_less_of_the_spend_than_it_forgoes_of_the_orders_and_never_more_than_all(
    one: float, other: float, numbers: Economics
) -> None:
    less, more = sorted((one, other))
    saved, forgone = bid_response(less, numbers)
    assert 0 <= forgone <= saved <= 1
    assert saved <= bid_response(more, numbers)[0]
    assert forgone <= bid_response(more, numbers)[1]


@given(any_exposure(), any_economics())
def test_where_orders_bring_less_than_nothing_a_lower_bid_is_worth_at_most_what_excluding_is(
    exposure: Exposure, numbers: Economics
) -> None:
    failing = replace(exposure, rate=(1.0, 1.0, 1.0))
    found = by_name(failing, numbers)
    assert found["reduce_bid"].expected <= found["exclude"].expected + 1e-9 * scale(failing, numbers)


@given(any_exposure(), any_economics(), SHARES, SHARES)
def test_values_do_not_fall_when_more_orders_come_back(
    exposure: Exposure, numbers: Economics, one: float, other: float
) -> None:
    fewer, more = sorted((one, other))
    at_fewer = by_name(replace(exposure, rate=(fewer, fewer, fewer)), numbers)
    at_more = by_name(replace(exposure, rate=(more, more, more)), numbers)
    slack = 1e-9 * scale(exposure, numbers)
    for name in ("exclude", "reduce_bid"):
        assert at_more[name].expected >= at_fewer[name].expected - slack
    all_returned = return_rates(more, exposure.cod_share, numbers.cod_risk_ratio)[0] >= 1
    if not all_returned:
        assert at_more["suppress_cod"].expected >= at_fewer["suppress_cod"].expected - slack


@given(any_exposure(), any_economics())
def test_excluding_is_worth_nothing_at_the_break_even_rate(exposure: Exposure, numbers: Economics) -> None:
    edge = break_even_rate(exposure, numbers)
    assume(0 < edge < 1)
    found = by_name(replace(exposure, rate=(edge, edge, edge)), numbers)
    assert found["exclude"].expected == pytest.approx(0, abs=1e-6 * scale(exposure, numbers))


@given(any_exposure(), any_economics())
def test_excluding_is_worthwhile_just_where_the_rate_is_above_break_even(
    exposure: Exposure, numbers: Economics
) -> None:
    edge, rate = break_even_rate(exposure, numbers), exposure.rate[1]
    assume(exposure.spend > 0)
    assume(abs(rate - edge) > 1e-6)
    found = by_name(exposure, numbers)["exclude"].expected
    assume(abs(found) > 1e-9 * scale(exposure, numbers))
    assert (found > 0) == (rate > edge)


@given(any_exposure(), any_economics())
def test_driven_orders_cost_at_least_what_was_assumed_and_are_never_more_than_there_are(
    exposure: Exposure, numbers: Economics
) -> None:
    driven = driven_orders(exposure, numbers)
    assert 0 <= driven <= exposure.orders_per_day
    assert driven * cost_of_order(exposure.order_value, numbers) <= exposure.spend * (1 + 1e-9) + 1e-9


@given(SHARES, SHARES, st.floats(1, 50))
def test_the_split_by_payment_adds_up_to_the_rate(rate: float, cod_share: float, ratio: float) -> None:
    on_delivery, prepaid = return_rates(rate, cod_share, ratio)
    assert 0 <= prepaid <= on_delivery + 1e-12 <= 1 + 1e-12
    assert cod_share * on_delivery + (1 - cod_share) * prepaid == pytest.approx(rate, abs=1e-9)
    assert on_delivery == 1 or on_delivery == pytest.approx(prepaid * ratio)
