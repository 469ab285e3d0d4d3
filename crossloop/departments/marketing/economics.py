"""What an intervention in one area is worth to one campaign. Pure arithmetic, no I/O.

Rules, in the order the code follows:

1. What the campaign spends in the area, divided by the cost of an order, is the number of orders it
   drives there, never more than its part of the orders the area has.
2. Cash-on-delivery orders come back ``cod_risk_ratio`` times as often as prepaid ones, or all of them where
   that would be more than all. Together they come back at the rate of the area.
3. An order that is delivered earns its contribution margin; one that comes back costs the return.
   Either way the advertising that brought it was paid.
4. ``exclude`` saves what is spent in the area and forgoes all orders the campaign drives there.
   ``reduce_bid`` saves and forgoes a share of them. ``suppress_cod`` saves and forgoes the reached share of
   the cash-on-delivery ones; some of those buyers pay in advance instead.
5. The value of an intervention is what it saves less what it forgoes, over the horizon. Doing nothing is
   worth zero: everything is measured against it.
6. The interval holds every value for rates and costs of a return within their ranges. Values rise with the
   cost of a return. They rise with the rate, too, but that of ``suppress_cod`` falls again beyond the rate at
   which all cash-on-delivery orders come back; so that rate is looked at beside the corners. The interval
   does not cover the assumptions themselves; those are recorded beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

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

    ndr_to_rto: Share = 0.50
    """Share of parcels with a failed delivery attempt that come back in the end; used where the signal
    counts failed attempts (``ndr``) and not returns."""

    cod_share: Share = 0.60
    """Share of orders paid on delivery, where the data does not tell."""

    cod_risk_ratio: Annotated[float, Field(ge=1.0, le=50.0)] = 4.0
    """How many times as often a cash-on-delivery order comes back as a prepaid one."""

    margin: Share = 0.35
    """Contribution of a delivered order before advertising, as a share of its value."""

    order_value: Amount = Decimal(650)
    """Value of an order, where the data does not tell."""

    roas: Annotated[float, Field(gt=0.0, le=100.0)] = 3.5
    """Return on ad spend: value of the orders that one unit of advertising brings."""

    cost_per_order: Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=2)] | None = None
    """Advertising for one order, where it was measured; else the value of an order divided by ``roas``."""

    bid_cut: Annotated[float, Field(gt=0.0, le=0.9)] = 0.30
    """Share by which ``reduce_bid`` lowers the bid."""

    bid_elasticity: Annotated[float, Field(ge=0.0, le=3.0)] = 1.0
    """Share of orders lost for each share of bid cut."""

    cod_reach: Share = 0.50
    """Share of cash-on-delivery orders that a suppression really prevents."""

    cod_switch: Share = 0.10
    """Share of prevented cash-on-delivery buyers who pay in advance instead."""

    horizon_days: Annotated[int, Field(ge=1, le=90)] = 14
    """Days over which values are added up."""

    @field_validator("rto_cost_high")
    @classmethod
    def _ordered(cls, high: Decimal, info: ValidationInfo) -> Decimal:
        low = info.data.get("rto_cost_low")
        if low is not None and high < low:
            raise ValueError(f"rto_cost_high must not be below rto_cost_low ({low})")
        return high


@dataclass(frozen=True, slots=True)
class Exposure:
    """What one campaign has at stake in one area. Money in major units of the campaign's currency."""

    daily_budget: float
    budget_share: float
    """Share of the daily budget that is spent in the area."""

    orders_per_day: float
    """The campaign's part of the orders per day from the area: the most it can have driven."""

    rate: tuple[float, float, float]
    """Share of the area's orders that come back: low, best estimate, high."""

    cod_share: float
    order_value: float

    @property
    def spend(self) -> float:
        """Advertising per day in the area."""
        return self.daily_budget * self.budget_share


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
    cheap, dear = float(economics.rto_cost_low), float(economics.rto_cost_high)
    best = _worth(exposure, economics, exposure.rate[1], (cheap + dear) / 2)
    around = [
        _worth(exposure, economics, rate, cost)
        for rate in (*exposure.rate, *_turning(exposure, economics))
        for cost in (cheap, dear)
    ]
    moved = _moved(exposure, economics)
    return tuple(
        Value(
            intervention=name,
            expected=best[name],
            low=min(best[name], *(one[name] for one in around)),
            high=max(best[name], *(one[name] for one in around)),
            share=exposure.budget_share * moved[name],
        )
        for name in INTERVENTIONS
    )


def driven_orders(exposure: Exposure, economics: Economics) -> float:
    """Orders per day that the campaign drives in the area (rule 1)."""
    if exposure.spend <= 0:
        return 0.0
    cost = cost_of_order(exposure.order_value, economics)
    return min(exposure.spend / cost, exposure.orders_per_day) if cost > 0 else exposure.orders_per_day


def cost_of_order(order_value: float, economics: Economics) -> float:
    """Advertising for one order, as measured or by the return on ad spend."""
    if economics.cost_per_order is not None:
        return float(economics.cost_per_order)
    return order_value / economics.roas


def return_rates(rate: float, cod_share: float, risk_ratio: float) -> tuple[float, float]:
    """Split the rate of an area into that of cash on delivery and that of prepaid orders (rule 2)."""
    prepaid = rate / (cod_share * risk_ratio + 1 - cod_share)
    on_delivery = prepaid * risk_ratio
    if on_delivery <= 1.0 or cod_share >= 1.0:
        return min(1.0, on_delivery), prepaid
    return 1.0, (rate - cod_share) / (1 - cod_share)


def break_even_rate(exposure: Exposure, economics: Economics) -> float:
    """The share of returns above which advertising in the area loses money, in [0, 1].

    Contribution ``(1 - r) * margin - r * return_cost - advertising`` is zero at it, where advertising is
    what is spent for one driven order.
    """
    margin = exposure.order_value * economics.margin
    cost = float(economics.rto_cost_low + economics.rto_cost_high) / 2
    driven = driven_orders(exposure, economics)
    if driven <= 0 < exposure.spend or margin + cost <= 0:
        return 0.0  # spend that brings no order, or orders that bring nothing, never pay
    advertising = exposure.spend / driven if driven > 0 else cost_of_order(exposure.order_value, economics)
    return min(1.0, max(0.0, (margin - advertising) / (margin + cost)))


def _turning(exposure: Exposure, economics: Economics) -> list[float]:
    """The rate from which on all cash-on-delivery orders come back, where it lies inside the interval."""
    cod, ratio = exposure.cod_share, economics.cod_risk_ratio
    turning = (cod * ratio + 1 - cod) / ratio
    return [turning] if exposure.rate[0] < turning < exposure.rate[2] else []


def _moved(exposure: Exposure, economics: Economics) -> dict[InterventionName, float]:
    """Share of the area's spend that each intervention moves."""
    return {
        "suppress_cod": exposure.cod_share * economics.cod_reach,
        "reduce_bid": min(1.0, economics.bid_cut * economics.bid_elasticity),
        "exclude": 1.0,
    }


def _worth(
    exposure: Exposure, economics: Economics, rate: float, return_cost: float
) -> dict[InterventionName, float]:
    """The value of each intervention at one rate and one cost of a return (rules 3 to 5)."""
    spend = exposure.spend * economics.horizon_days
    orders = driven_orders(exposure, economics) * economics.horizon_days
    margin = exposure.order_value * economics.margin
    cod = exposure.cod_share
    cod_rate, prepaid_rate = return_rates(rate, cod, economics.cod_risk_ratio)

    def lost(failing: float) -> float:
        """What is lost if all orders were of this kind: their advertising, less what they bring."""
        return spend - orders * ((1 - failing) * margin - failing * return_cost)

    on_delivery, prepaid = lost(cod_rate), lost(prepaid_rate)
    average = cod * on_delivery + (1 - cod) * prepaid
    moved = _moved(exposure, economics)
    return {
        "suppress_cod": moved["suppress_cod"] * (on_delivery - economics.cod_switch * prepaid),
        "reduce_bid": moved["reduce_bid"] * average,
        "exclude": average,
    }
