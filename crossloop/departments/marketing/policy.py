"""How marketing answers a risk in an area, and how it takes its own suppression back. Pure, no I/O.

Rules for ``logistics.geo_risk/1``:

1. Every live campaign that is aimed at the area, at something that contains it, or at something inside
   it, is looked at; each gets an answer of its own, in order of campaign id.
2. A campaign whose area is already restricted for the same reason is left as it is.
3. Protected campaigns, areas outside the allowed regions, and changes that would press the spend of all
   live campaigns together below the floor are ruled out; the option is kept with its reason.
4. ``choose: value`` takes the permitted intervention of highest expected value; ``choose: order`` takes
   the first of the team's order that is worth more than nothing. If none is, nothing is done.
5. The change claims the campaign in the area, in the interest of the department whose signal it answers.
6. Without any campaign the answer is "no campaign known", and no saving is claimed.

Rules for ``logistics.geo_risk_cleared/1``:

7. Each restriction that this case put in force and that still holds is lifted, one proposal each.
8. If there is none, the answer says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import cast

from pydantic import JsonValue

from crossloop.canonical import to_json
from crossloop.departments.department import Answer, no_action
from crossloop.departments.marketing.economics import (
    Economics,
    Exposure,
    Value,
    break_even_rate,
    values,
)
from crossloop.departments.view import InForce, Strategy, View
from crossloop.ids import DepartmentName, LoopName, Resource
from crossloop.money import Money
from crossloop.signals import ActionRequest, Claim, Impact, Option, Proposal, Signal
from crossloop.signals.entities import Area, Campaign
from crossloop.signals.types import GEO_RISK, GeoRisk

MARKETING = DepartmentName("marketing")
LOGISTICS_TO_MARKETING = LoopName("logistics-to-marketing")

_OPERATION = {"suppress_cod": "suppress_cod", "reduce_bid": "reduce_bid", "exclude": "exclude_area"}
_DIRECTION = {"suppress_cod": "decrease", "reduce_bid": "decrease", "exclude": "exclude"}


@dataclass(frozen=True, slots=True)
class _Case:
    """One campaign in one area, with all that its answer depends on."""

    signal: Signal
    risk: GeoRisk
    area: Area
    campaign: Campaign
    exposure: Exposure
    economics: Economics
    strategy: Strategy
    live_spend: Decimal

    @property
    def resource(self) -> Resource:
        return Resource(f"ads/campaign/{self.campaign.campaign_id}/{self.area.path}")


def answer_risk(signal: Signal, view: View) -> Answer:
    """Answer ``logistics.geo_risk/1``: one proposal for each live campaign that reaches the area."""
    risk = cast("GeoRisk", signal.data)
    campaigns = view.read(Campaign)
    if not campaigns:
        return (_nothing(signal, "no campaign known: nothing can be changed and no saving is claimed"),)
    live = [one for one in campaigns if one.status == "live"]
    stated = view.settings.get(LOGISTICS_TO_MARKETING, {})
    economics = Economics.model_validate({k: v for k, v in stated.items() if k in Economics.model_fields})
    strategy = view.strategies.get(LOGISTICS_TO_MARKETING, Strategy())
    answers: list[Proposal] = []
    for area in risk.areas:
        for campaign in sorted(live, key=lambda one: one.campaign_id):
            share = budget_share(campaign, area, risk)
            if share <= 0:
                continue
            case = _Case(
                signal=signal,
                risk=risk,
                area=area,
                campaign=campaign,
                exposure=_exposure(campaign, risk, share, economics),
                economics=economics,
                strategy=strategy,
                live_spend=_spend(live, campaign.daily_budget.currency),
            )
            answers.append(_answer(case, len(answers), view))
    if not answers:
        return (_nothing(signal, f"no live campaign is aimed at {_names(risk)}"),)
    return answers


def answer_cleared(signal: Signal, view: View) -> Answer:
    """Answer ``logistics.geo_risk_cleared/1``: lift what this case put in force."""
    holding = [one for one in view.in_force_for(signal.correlation_id) if one.intervention != "lift"]
    if not holding:
        return (_nothing(signal, "nothing to lift: no restriction of this case is in force"),)
    return tuple(_lift(signal, step, one) for step, one in enumerate(holding))


def budget_share(campaign: Campaign, area: Area, risk: GeoRisk) -> float:
    """Share of a campaign's daily budget that is spent in an area (economics, rule 1)."""
    share = 0.0
    for target in campaign.targets:
        if area.covers(target.area):
            share += 1.0
        elif target.area.covers(area):
            share += risk.area_order_share.get(target.area.path, 0.0)
    return min(1.0, share / len(campaign.targets)) if campaign.targets else 0.0


def _exposure(campaign: Campaign, risk: GeoRisk, share: float, economics: Economics) -> Exposure:
    value = risk.order_value
    same_currency = value is not None and value.currency == campaign.daily_budget.currency
    return Exposure(
        daily_budget=float(campaign.daily_budget.amount),
        budget_share=share,
        orders_per_day=risk.orders_per_day,
        rate=(risk.interval[0], risk.estimate, risk.interval[1]),
        cod_share=economics.cod_share if risk.cod_share is None else risk.cod_share,
        order_value=float(value.amount if same_currency and value else economics.order_value),
    )


def _answer(case: _Case, step: int, view: View) -> Proposal:
    for one in view.in_force:
        if one.resource == case.resource and one.intervention != "lift":
            because = f"{one.intervention} is already in force for campaign {case.campaign.campaign_id} here"
            return _nothing(case.signal, because, step=step)
    considered = [(value, _ruled_out(case, value)) for value in values(case.exposure, case.economics)]
    options = tuple(_option(case, value, because) for value, because in considered)
    chosen = _choose(case.strategy, [value for value, because in considered if not because])
    if chosen is None:
        return _nothing(case.signal, _why_nothing(case, considered), step=step).model_copy(
            update={"options": (_doing_nothing(case), *options), "assumptions": _assumptions(case)}
        )
    moved = Decimal(str(round(chosen.share * case.exposure.daily_budget, 2)))
    currency = case.campaign.daily_budget.currency
    return Proposal(
        signal_id=case.signal.id,
        department=MARKETING,
        step=step,
        loop=LOGISTICS_TO_MARKETING,
        intervention=chosen.intervention,
        risk=GEO_RISK.intervention(chosen.intervention).risk,
        action=_request(case, chosen),
        claims=(_claim(case, chosen),),
        confidence=case.signal.confidence,
        impact=Impact(
            resource=Resource(f"ads/campaign/{case.campaign.campaign_id}/budget"),
            share=round(chosen.share, 6),
            amount=Money.of(moved, currency),
        ),
        options=(_doing_nothing(case), *options),
        assumptions=_assumptions(case),
        facts={"orders": case.risk.orders, "failures": case.risk.failures, "rate": case.risk.estimate},
        rationale=_why(case, chosen),
    )


def _choose(strategy: Strategy, permitted: list[Value]) -> Value | None:
    worthwhile = [value for value in permitted if value.expected > 0]
    if strategy.interventions:
        worthwhile = [value for value in worthwhile if value.intervention in strategy.interventions]
    if not worthwhile:
        return None
    if strategy.choose == "order" and strategy.interventions:
        return min(worthwhile, key=lambda value: strategy.interventions.index(value.intervention))
    return max(worthwhile, key=lambda value: value.expected)


def _ruled_out(case: _Case, value: Value) -> str:
    """Why the declared strategy rules an intervention out; empty when it does not."""
    own = f"campaign/{case.campaign.campaign_id}"
    if own in case.strategy.protected:
        return f"{own} is protected by the declared strategy"
    regions = case.strategy.allowed_regions
    if regions and not any(_inside(case.area.path, region) for region in regions):
        return f"{case.area.path} lies outside the allowed regions"
    floor = case.strategy.spend_floor
    if floor is not None and floor.currency == case.campaign.daily_budget.currency:
        left = float(case.live_spend) - value.share * case.exposure.daily_budget
        if left < float(floor.amount):
            return f"daily spend would fall to {left:,.0f} {floor.currency}, below the floor of {floor}"
    if case.strategy.interventions and value.intervention not in case.strategy.interventions:
        return "the loop does not permit it"
    return ""


def _inside(path: str, region: str) -> bool:
    return path == region or path.startswith(region.rstrip("/") + "/")


def _request(case: _Case, chosen: Value) -> ActionRequest:
    arguments: dict[str, object] = {"campaign_id": case.campaign.campaign_id, "area": to_json(case.area)}
    if chosen.intervention == "reduce_bid":
        arguments["bid_modifier"] = f"{1 - case.economics.bid_cut:.2f}"
    return ActionRequest.model_validate(
        {
            "system": "ads",
            "operation": _OPERATION[chosen.intervention],
            "resource": case.resource,
            "arguments": arguments,
        }
    )


def _claim(case: _Case, chosen: Value) -> Claim:
    return Claim.model_validate(
        {
            "resource": case.resource,
            "direction": _DIRECTION[chosen.intervention],
            "starts": case.signal.time,
            "ends": case.signal.time + timedelta(days=case.economics.horizon_days),
            "interest": case.signal.department,
        }
    )


def _option(case: _Case, value: Value, because: str) -> Option:
    currency = case.campaign.daily_budget.currency
    return Option(
        intervention=value.intervention,
        expected_value=Money.of(value.expected, currency),
        low=Money.of(value.low, currency),
        high=Money.of(value.high, currency),
        share=round(value.share, 6),
        permitted=not because,
        because=because,
    )


def _doing_nothing(case: _Case) -> Option:
    zero = Money.of(0, case.campaign.daily_budget.currency)
    return Option(intervention="do_nothing", expected_value=zero, low=zero, high=zero, because="the baseline")


def _assumptions(case: _Case) -> dict[str, JsonValue]:
    return {
        **cast("dict[str, JsonValue]", to_json(case.economics)),
        "break_even_rate": round(break_even_rate(case.exposure, case.economics), 4),
        "cod_share_used": round(case.exposure.cod_share, 4),
        "order_value_used": round(case.exposure.order_value, 2),
        "budget_share_of_area": round(case.exposure.budget_share, 6),
        "attribution": "assumed: spend in the area divided by cost per order",
    }


def _why(case: _Case, chosen: Value) -> str:
    currency = case.campaign.daily_budget.currency
    edge = break_even_rate(case.exposure, case.economics)
    return (
        f"About {case.exposure.rate[1]:.1%} of parcels to {_names(case.risk)} fail; advertising there pays "
        f"below {edge:.1%}. For campaign {case.campaign.campaign_id}, {chosen.intervention} is worth about "
        f"{Money.of(chosen.expected, currency)} over {case.economics.horizon_days} days "
        f"({Money.of(chosen.low, currency)} to {Money.of(chosen.high, currency)}) "
        f"and moves {chosen.share:.1%} of its daily budget."
    )


def _why_nothing(case: _Case, considered: list[tuple[Value, str]]) -> str:
    ruled_out = {because for _, because in considered if because}
    own = case.campaign.campaign_id
    if ruled_out and all(because or value.expected <= 0 for value, because in considered):
        return f"nothing permitted is worth doing for campaign {own}: {'; '.join(sorted(ruled_out))}"
    edge = break_even_rate(case.exposure, case.economics)
    return (
        f"doing nothing is best for campaign {own}: advertising in {_names(case.risk)} still pays at "
        f"{case.exposure.rate[1]:.1%} failures (it stops paying at {edge:.1%})"
    )


def _lift(signal: Signal, step: int, one: InForce) -> Proposal:
    arguments = {**one.arguments, "restriction": one.reference}
    arguments.pop("bid_modifier", None)
    resource = one.resource
    campaign = str(one.arguments.get("campaign_id", ""))
    return Proposal(
        signal_id=signal.id,
        department=MARKETING,
        step=step,
        loop=LOGISTICS_TO_MARKETING,
        intervention="lift",
        risk="reversible",
        action=ActionRequest.model_validate(
            {"system": "ads", "operation": "lift", "resource": resource, "arguments": arguments}
        ),
        confidence=signal.confidence,
        impact=None
        if one.amount is None
        else Impact(resource=Resource(f"ads/campaign/{campaign}/budget"), share=one.share, amount=one.amount),
        rationale=f"The rate is back below the clearing threshold: {one.intervention} is lifted.",
        undoes=one.action_key,
    )


def _spend(live: list[Campaign], currency: str) -> Decimal:
    budgets = (one.daily_budget for one in live)
    return sum((budget.amount for budget in budgets if budget.currency == currency), Decimal(0))


def _names(risk: GeoRisk) -> str:
    shown = ", ".join(risk.codes[:5])
    return f"{risk.level.replace('_', ' ')} {shown}" + (" and others" if len(risk.codes) > 5 else "")


def _nothing(signal: Signal, because: str, *, step: int = 0) -> Proposal:
    return no_action(signal, MARKETING, LOGISTICS_TO_MARKETING, because, step=step)
