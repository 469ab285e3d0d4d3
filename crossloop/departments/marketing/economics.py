"""What an intervention in one area is worth to one campaign. Pure arithmetic, no I/O.

Rules, in the order the code follows:

1. A campaign spends its daily budget evenly over its targets, and within a target in proportion to
   orders. What it spends in the area, divided by the cost of an order, is the number of orders it
   drives there, never more than the area has.
2. Cash-on-delivery orders come back ``cod_risk_ratio`` times as often as prepaid ones; the measured
   rate of the area is split accordingly.
3. An order that is delivered earns its contribution margin; one that comes back costs the return.
   Either way the advertising that brought it was paid.
4. ``exclude`` forgoes all orders the campaign drives in the area and saves their advertising.
   ``reduce_bid`` forgoes a share of them. ``suppress_cod`` forgoes the reached share of the
   cash-on-delivery ones; some of those buyers pay in advance instead.
5. The value of an intervention is what is forgone, with the sign turned, over the horizon. Doing nothing
   is worth zero: everything is measured against it.
6. The interval evaluates the corner cases: lowest rate with lowest cost of a return, highest with
   highest. It does not cover the assumptions themselves; those are recorded beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from crossloop.frozen import Frozen

InterventionName = Literal["suppress_cod", "reduce_bid", "exclude"]
INTERVENTIONS: tuple[InterventionName, ...] = ("suppress_cod", "reduce_bid", "exclude")

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Amount = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]


class Economics(Frozen):
    """The numbers that values rest on and that were not measured. Money in the campaign's currency."""

    rto_cost_low: Amount = Decimal(180)
    """Least cost of one returned cash-on-delivery order: shipping both ways, handling, repacking."""

    rto_cost_high: Amount = Decimal(240)
    """Greatest cost of one returned cash-on-delivery order."""

    cod_share: Share = 0.60
    """Share of orders paid on delivery, where the data does not tell."""

    cod_risk_ratio: Annotated[float, Field(ge=1.0, le=50.0)] = 3.0
    """How many times as often a cash-on-delivery order comes back as a prepaid one."""

    margin: Share = 0.30
    """Contribution of a delivered order before advertising, as a share of its value."""

    order_value: Amount = Decimal(650)
    """Value of an order, where the data does not tell."""

    cost_per_order: Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=2)] = Decimal(150)
    """Advertising spent for one order, where conversions are not attributed."""

    bid_cut: Annotated[float, Field(gt=0.0, le=0.9)] = 0.30
    """Share by which ``reduce_bid`` lowers the bid."""

    bid_elasticity: Annotated[float, Field(ge=0.0, le=3.0)] = 1.0
    """Share of orders lost for each share of bid cut."""

    cod_reach: Share = 0.80
    """Share of cash-on-delivery orders that a suppression really prevents."""

    cod_switch: Share = 0.10
    """Share of prevented cash-on-delivery buyers who pay in advance instead."""

    horizon_days: Annotated[int, Field(ge=1, le=90)] = 14
    """Days over which values are added up."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What one campaign has at stake in one area."""

    daily_budget: float
    """In major units of the campaign's currency."""

    budget_share: float
    """Share of the daily budget that is spent in the area."""

    orders_per_day: float
    """Orders per day from the area, from all sources: the most the campaign can have driven."""

    rate: tuple[float, float, float]
    """Failure rate of the area: low, best estimate, high."""

    cod_share: float
    order_value: float


@dataclass(frozen=True, slots=True)
class Value:
    """What one intervention brings over the horizon, and how much of the budget it moves."""

    intervention: InterventionName
    expected: float
    low: float
    high: float
    share: float
    """Share of the campaign's daily budget that is moved."""


def values(exposure: Exposure, economics: Economics) -> tuple[Value, ...]:
    """Return the value of every intervention, in the order of :data:`INTERVENTIONS`."""
    low, best, high = exposure.rate
    cost_low, cost_high = float(economics.rto_cost_low), float(economics.rto_cost_high)
    corners = (
        _forgone(exposure, economics, low, cost_low),
        _forgone(exposure, economics, best, (cost_low + cost_high) / 2),
        _forgone(exposure, economics, high, cost_high),
    )
    moved = _moved(exposure, economics)
    results: list[Value] = []
    for name in INTERVENTIONS:
        at_low, at_best, at_high = (corner[name] for corner in corners)
        results.append(
            Value(
                intervention=name,
                expected=at_best,
                low=min(at_low, at_best, at_high),
                high=max(at_low, at_best, at_high),
                share=exposure.budget_share * moved[name],
            )
        )
    return tuple(results)


def driven_orders(exposure: Exposure, economics: Economics) -> float:
    """Orders per day that the campaign drives in the area (rule 1)."""
    spend = exposure.daily_budget * exposure.budget_share
    return min(spend / float(economics.cost_per_order), exposure.orders_per_day)


def break_even_rate(exposure: Exposure, economics: Economics) -> float:
    """The failure rate above which advertising in the area loses money, in [0, 1].

    Contribution ``(1 - r) * margin - r * return_cost - advertising`` is zero at it.
    """
    margin = exposure.order_value * economics.margin
    cost = float(economics.rto_cost_low + economics.rto_cost_high) / 2
    return min(1.0, max(0.0, (margin - _advertising(exposure, economics)) / (margin + cost)))


def _advertising(exposure: Exposure, economics: Economics) -> float:
    """Advertising per driven order: more than the assumed cost where the area has fewer orders."""
    driven = driven_orders(exposure, economics)
    if driven <= 0:
        return float(economics.cost_per_order)
    return exposure.daily_budget * exposure.budget_share / driven


def _moved(exposure: Exposure, economics: Economics) -> dict[InterventionName, float]:
    """Share of the area's spend that each intervention moves."""
    return {
        "suppress_cod": exposure.cod_share * economics.cod_reach,
        "reduce_bid": min(1.0, economics.bid_cut * economics.bid_elasticity),
        "exclude": 1.0,
    }


def _forgone(
    exposure: Exposure, economics: Economics, rate: float, return_cost: float
) -> dict[InterventionName, float]:
    driven = driven_orders(exposure, economics) * economics.horizon_days
    margin = exposure.order_value * economics.margin
    advertising = _advertising(exposure, economics)
    ratio, cod = economics.cod_risk_ratio, exposure.cod_share
    prepaid_rate = min(1.0, rate / (cod * ratio + 1 - cod))
    cod_rate = min(1.0, prepaid_rate * ratio)

    def contribution(failing: float) -> float:
        return (1 - failing) * margin - failing * return_cost - advertising

    on_delivery, prepaid = contribution(cod_rate), contribution(prepaid_rate)
    average = cod * on_delivery + (1 - cod) * prepaid
    moved = _moved(exposure, economics)
    switched = economics.cod_switch * prepaid
    return {
        "suppress_cod": driven * moved["suppress_cod"] * (switched - on_delivery),
        "reduce_bid": -driven * moved["reduce_bid"] * average,
        "exclude": -driven * average,
    }
