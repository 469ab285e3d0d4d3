"""What an intervention in one area is worth to one campaign. Pure arithmetic, no I/O.

Rules, in the order the code follows:

1. What the campaign spends in the area, divided by the cost of an order, is the number of orders it
   drives there, never more than its part of the orders the area has.
2. Cash-on-delivery orders come back ``cod_risk_ratio`` times as often as prepaid ones, or all of them where
   that would be more than all. Together they come back at the rate of the area.
3. An order that is delivered earns its contribution margin; one that comes back costs the return.
   Either way the advertising that brought it was paid.
4. ``exclude`` saves what is spent in the area and forgoes all orders the campaign drives there.
   ``suppress_cod`` saves and forgoes the reached share of the cash-on-delivery ones; some of those buyers pay
   in advance instead.
5. ``reduce_bid`` has two effects. A bid of ``b`` times the old one (``b = 1 - bid_cut``) buys
   ``b ** bid_elasticity`` times the clicks, and orders with them; and each click costs
   ``b ** cpc_elasticity`` times as much. So it saves a greater share of the spend than it forgoes of the
   orders, and those that remain are cheaper. As the bid goes to nothing, so does the difference to
   ``exclude``.
6. The value of an intervention is what it saves less what it forgoes, over the horizon. Doing nothing is
   worth zero: everything is measured against it.
7. All amounts are of one currency, that of the assumptions. Who calls sees to it that campaign and orders
   are, too; :mod:`~crossloop.departments.marketing.exposure` says when they are not.
8. The interval holds every value for rates and costs of a return within their ranges. Values rise with the
   cost of a return. They rise with the rate, too, but that of ``suppress_cod`` falls again beyond the rate at
   which all cash-on-delivery orders come back; so that rate is looked at beside the corners. The interval
   does not cover the assumptions themselves; those are recorded beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from crossloop.frozen import Frozen

InterventionName = Literal["suppress_cod", "reduce_bid", "exclude"]
INTERVENTIONS: tuple[InterventionName, ...] = ("suppress_cod", "reduce_bid", "exclude")

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Amount = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]


_ASSUMED_IN: Final = "INR"
"""Currency of the amounts below where nobody gave others."""

_AMOUNTS: Final = ("rto_cost_low", "rto_cost_high", "order_value")


class Economics(Frozen):
    """The numbers that values rest on and that were not measured. Amounts in ``currency``."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = _ASSUMED_IN
    """ISO 4217 code of every amount here. Another one than that of the defaults is taken only together with
    the amounts, because no amount changes its currency by being called otherwise."""

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
    """Elasticity of clicks, and of orders with them, to the bid: a bid that is 1 % lower loses about this
    many per cent of both. 1 lies between search terms of which a lower bid loses hardly a position and
    crowded feeds where it loses most impressions."""

    cpc_elasticity: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    """Elasticity of the cost of a click to the bid. 0 where others' bids or a reserve price set the price, as
    in a pure second-price auction; 1 where it follows the own bid, as where every further click costs its
    bid (Varian, Online Ad Auctions, American Economic Review 99(2), 2009). Half way unless measured."""

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

    @model_validator(mode="after")
    def _in_one_currency(self) -> Economics:
        missing = [name for name in _AMOUNTS if name not in self.model_fields_set]
        if self.currency != _ASSUMED_IN and missing:
            raise ValueError(
                f"currency {self.currency} needs {', '.join(missing)} in {self.currency} as well, because "
                f"what is assumed without them is in {_ASSUMED_IN}"
            )
        return self


@dataclass(frozen=True, slots=True)
class Exposure:
    """What one campaign has at stake in one area. Money in major units of the assumptions' currency."""

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


def bid_response(cut: float, economics: Economics) -> tuple[float, float]:
    """Shares of the spend saved and of the orders forgone when the bid is lowered by a share (rule 5)."""
    bid = 1 - cut
    clicks = bid**economics.bid_elasticity
    return 1 - clicks * bid**economics.cpc_elasticity, 1 - clicks


def _turning(exposure: Exposure, economics: Economics) -> list[float]:
    """The rate from which on all cash-on-delivery orders come back, where it lies inside the interval."""
    cod, ratio = exposure.cod_share, economics.cod_risk_ratio
    turning = (cod * ratio + 1 - cod) / ratio
    return [turning] if exposure.rate[0] < turning < exposure.rate[2] else []


def _moved(exposure: Exposure, economics: Economics) -> dict[InterventionName, float]:
    """Share of the area's spend that each intervention moves."""
    return {
        "suppress_cod": exposure.cod_share * economics.cod_reach,
        "reduce_bid": bid_response(economics.bid_cut, economics)[0],
        "exclude": 1.0,
    }


def _worth(
    exposure: Exposure, economics: Economics, rate: float, return_cost: float
) -> dict[InterventionName, float]:
    """The value of each intervention at one rate and one cost of a return (rules 3 to 6)."""
    spend = exposure.spend * economics.horizon_days
    orders = driven_orders(exposure, economics) * economics.horizon_days
    margin = exposure.order_value * economics.margin
    cod = exposure.cod_share
    cod_rate, prepaid_rate = return_rates(rate, cod, economics.cod_risk_ratio)

    def brought(failing: float) -> float:
        """What all orders would bring, before advertising, if they failed at this rate."""
        return orders * ((1 - failing) * margin - failing * return_cost)

    on_delivery, prepaid = brought(cod_rate), brought(prepaid_rate)
    all_orders = cod * on_delivery + (1 - cod) * prepaid
    moved = _moved(exposure, economics)
    _, forgone = bid_response(economics.bid_cut, economics)
    return {
        "suppress_cod": moved["suppress_cod"]
        * (spend - on_delivery - economics.cod_switch * (spend - prepaid)),
        "reduce_bid": moved["reduce_bid"] * spend - forgone * all_orders,
        "exclude": spend - all_orders,
    }
