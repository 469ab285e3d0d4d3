"""What the live campaigns have at stake in an area: their spend and their orders there. Pure, no I/O.

Rules:

1. A campaign reaches an area when it is aimed at it, at something that contains it, or at something inside
   it. Its budget is spent in proportion to orders over all that it is aimed at; a target within another adds
   nothing to it. What the signal does not know is taken so that the share of the area is an upper bound: a
   target elsewhere of unknown orders has none, and one inside may hold all orders of the area. So no line
   that is added for an area of which nothing is known makes a change look smaller to an approval rule.
2. Figures of a signal about several areas are those of all of them: each area has an even part of them.
3. The orders of an area are divided among the campaigns by what they spend there, so that together they never
   drive more than there are. Campaigns of different currencies cannot be compared and are divided apart.
4. What is known of the area counts before what is assumed. A failed delivery attempt is not a return: of a
   rate of failed attempts, a stated share counts.
5. Amounts are never converted. Where the campaign's budget, the orders' value or the stated cost of a return
   is in another currency than the assumptions, nothing can be valued: :func:`not_comparable` says so.
6. A restriction in force has taken the money it moved from its campaign's daily spend.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from crossloop.departments.marketing.economics import Economics, Exposure
from crossloop.departments.view import InForce
from crossloop.money import Money
from crossloop.resources import covers
from crossloop.signals.entities import Area, Campaign
from crossloop.signals.types import GeoRisk


@dataclass(frozen=True, slots=True)
class Reach:
    """One campaign that reaches an area."""

    campaign: Campaign
    budget_share: float | None
    """Share of its daily budget that is spent there, in [0, 1]; None when nothing is known of it."""

    orders_per_day: float
    """Its part of the area's orders per day, by spend."""


def reached(area: Area, live: Iterable[Campaign], risk: GeoRisk) -> tuple[Reach, ...]:
    """Return the campaigns that reach an area, in the order given (rules 1 to 3)."""
    aimed = [one for one in live if any(_meet(area, target.area) for target in one.targets)]
    shares = [budget_share(one, area, risk) for one in aimed]
    spend = [float(one.daily_budget.amount) * (share or 0) for one, share in zip(aimed, shares, strict=True)]
    together: defaultdict[str, float] = defaultdict(float)
    for campaign, own in zip(aimed, spend, strict=True):
        together[campaign.daily_budget.currency] += own
    orders = risk.orders_per_day / len(risk.areas)
    return tuple(
        Reach(one, share, orders * own / together[one.daily_budget.currency] if own else 0.0)
        for one, share, own in zip(aimed, shares, spend, strict=True)
    )


def budget_share(campaign: Campaign, area: Area, risk: GeoRisk) -> float | None:
    """Share of a campaign's daily budget that is spent in an area, or more than that (rules 1 and 2).

    None when the campaign is aimed at nothing inside the area, and the signal does not say of anything that
    contains it what part of its orders comes from there.
    """
    targets = [one.area for one in campaign.targets]
    inside = [one for one in targets if area.covers(one)]
    if inside and len(inside) == len(targets):
        return 1.0
    parts = {path: share / len(risk.areas) for path, share in risk.area_order_share.items()}
    around = [one for one in targets if one not in inside and one.covers(area)]
    known = [one for one in around if one.path in parts]
    if not inside and not known:
        return None
    widest = min(known, key=lambda one: len(one.path), default=None)
    elsewhere = [
        one
        for one in targets
        if one not in inside and one not in around and not (widest is not None and widest.covers(one))
    ]
    own = parts.get(f"geo/{area.country}")
    # All orders are counted in those of the area from here on.
    here = 1.0 if around else min(1.0, _in_those_of(own, inside, risk, unknown=1.0))
    beside = _in_those_of(own, elsewhere, risk, unknown=0.0)
    if widest is not None:
        beside += 1 / parts[widest.path] - 1 if parts[widest.path] else math.inf
    return here / (here + beside) if here + beside > 0 else 1.0


def _in_those_of(own: float | None, areas: Sequence[Area], risk: GeoRisk, *, unknown: float) -> float:
    """Orders of some areas together, in those of the area at risk.

    Args:
        own: share of the country's orders that the area at risk has; none where nobody says.
        areas: any; what lies within another one is counted with that.
        risk: knows the share of the country's orders that other areas have.
        unknown: what an area counts whose share is not known.
    """
    shares = {one.path: risk.share_of_country[one.path] for one in areas if one.path in risk.share_of_country}
    missing = len({one.path for one in areas}) - len(shares)
    if own is None:
        return unknown if areas else 0.0
    known = sum(
        share
        for path, share in shares.items()
        if not any(other != path and covers(other, path) for other in shares)
    )
    return missing * unknown + (known / own if own else math.inf if known else 0.0)


def not_comparable(campaign: Campaign, risk: GeoRisk, economics: Economics) -> str:
    """Say which currencies differ and what to set; empty where all are that of the assumptions (rule 5)."""
    measured = {"the budget": campaign.daily_budget.currency}
    if risk.order_value is not None:
        measured["the value of an order"] = risk.order_value.currency
    stated = {
        "the least cost of a return": risk.rto_cost_low.currency,
        "the greatest cost of a return": risk.rto_cost_high.currency,
    }
    differing = {what: one for what, one in {**measured, **stated}.items() if one != economics.currency}
    if not differing:
        return ""
    found = ", ".join(f"{what} is in {one}" for what, one in differing.items())
    used = {*measured.values(), *differing.values()}
    if len(used) == 1:
        (one,) = used
        step = f"set currency={one}, and rto_cost_low, rto_cost_high and order_value in {one}"
    else:
        step = "give all of them in one currency"
    return (
        f"{found}, what is assumed in {economics.currency}, and amounts are not converted: no saving is "
        f"claimed; {step}"
    )


def exposure(reach: Reach, risk: GeoRisk, economics: Economics) -> Exposure:
    """Return what a campaign has at stake in an area (rule 4), where all is of one currency."""
    returned = 1.0 if risk.metric == "rto" else economics.ndr_to_rto
    return Exposure(
        daily_budget=float(reach.campaign.daily_budget.amount),
        budget_share=reach.budget_share or 0.0,
        orders_per_day=reach.orders_per_day,
        rate=(risk.interval[0] * returned, risk.estimate * returned, risk.interval[1] * returned),
        cod_share=economics.cod_share if risk.cod_share is None else risk.cod_share,
        order_value=float(economics.order_value if risk.order_value is None else risk.order_value.amount),
    )


def known_costs(economics: Economics, risk: GeoRisk) -> Economics:
    """Return the assumptions with the cost of a return that the signal states (rule 4)."""
    stated = {"rto_cost_low": risk.rto_cost_low.amount, "rto_cost_high": risk.rto_cost_high.amount}
    return economics.model_copy(update=stated)


def daily_spend(live: Iterable[Campaign], in_force: Sequence[InForce], currency: str) -> Money:
    """Return what all live campaigns of a currency spend a day (rule 6)."""
    total = Decimal(0)
    for campaign in live:
        if campaign.daily_budget.currency == currency:
            own = f"ads/campaign/{campaign.campaign_id}/"
            amounts = (one.amount for one in in_force if one.resource.startswith(own))
            moved = sum((one.amount for one in amounts if one and one.currency == currency), Decimal(0))
            # Restrictions of one campaign in areas within each other move the same money twice.
            total += max(Decimal(0), campaign.daily_budget.amount - moved)
    return Money.of(total, currency)


def _meet(one: Area, other: Area) -> bool:
    return one.covers(other) or other.covers(one)
