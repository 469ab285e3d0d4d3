"""How marketing answers a risk in an area, and how it takes its own restriction back. Pure, no I/O.

Rules for ``logistics.geo_risk/1``:

1. Every live campaign that reaches the area is looked at; each gets an answer of its own, in order of
   campaign id. What it has at stake, :mod:`~crossloop.departments.marketing.exposure` says.
2. A campaign that is restricted already in the area, or in one that contains it, is left as it is; so is
   one of whose spend in the area nothing is known, or that spends nothing there. Where amounts are of
   different currencies, nothing can be valued and nothing is done.
3. Otherwise one of the options is taken, or none, as :mod:`~crossloop.departments.marketing.options` says.
   What was taken before in this answer has left the spend of all live campaigns.
4. The change claims the campaign in the area, in the interest of the department whose signal it answers.
5. Without any campaign the answer is "no campaign known", and no saving is claimed.

Rules for ``logistics.geo_risk_cleared/1``:

6. Each restriction that this case put in force and that still holds is lifted, one proposal each. One whose
   reference nobody knows has to be lifted by hand, and the answer says so.
7. If there is none, the answer says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final, cast

from pydantic import JsonValue

from crossloop.canonical import to_json
from crossloop.departments.department import Answer, no_action
from crossloop.departments.marketing.economics import Economics, Value, break_even_rate
from crossloop.departments.marketing.exposure import (
    Reach,
    daily_spend,
    exposure,
    known_costs,
    not_comparable,
    reached,
)
from crossloop.departments.marketing.options import (
    Considered,
    Situation,
    choose,
    consider,
    place,
    why_nothing,
)
from crossloop.departments.view import InForce, Strategy, View
from crossloop.ids import DepartmentName, LoopName, Resource
from crossloop.money import Money
from crossloop.resources import covers
from crossloop.signals import ActionRequest, Claim, Impact, Option, Proposal, Signal
from crossloop.signals.entities import Area, Campaign, Restriction
from crossloop.signals.types import GEO_RISK, GeoRisk, GeoRiskCleared

MARKETING: Final = DepartmentName("marketing")
LOGISTICS_TO_MARKETING: Final = LoopName("logistics-to-marketing")

_OPERATION: Final = {"suppress_cod": "suppress_cod", "reduce_bid": "reduce_bid", "exclude": "exclude_area"}
_DIRECTION: Final = {"suppress_cod": "decrease", "reduce_bid": "decrease", "exclude": "exclude"}
_TEN_THOUSANDTH: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class _Asked:
    """One signal with what marketing knows when it is asked."""

    signal: Signal
    risk: GeoRisk
    economics: Economics
    strategy: Strategy
    in_force: tuple[InForce, ...]
    """Restrictions that this department has put in force, of all cases."""

    restrictions: tuple[Restriction, ...]
    """Restrictions that the ad platform has in force, whoever set them."""


def answer_risk(signal: Signal, view: View) -> Answer:
    """Answer ``logistics.geo_risk/1``: one proposal for each live campaign that reaches the area."""
    campaigns = view.read(Campaign)
    if not campaigns:
        return (_nothing(signal, "no campaign known: nothing can be changed and no saving is claimed"),)
    asked = _asked(signal, view)
    live = sorted((one for one in campaigns if one.status == "live"), key=lambda one: one.campaign_id)
    floor = asked.strategy.spend_floor
    spend = daily_spend(live, asked.in_force, floor.currency) if floor else None
    answers: list[Proposal] = []
    for area in asked.risk.areas:
        for reach in reached(area, live, asked.risk):
            answer = _answer(asked, area, reach, spend, step=len(answers))
            if spend and answer.impact and answer.impact.amount.currency == spend.currency:
                spend = Money.of(spend.amount - answer.impact.amount.amount, spend.currency)
            answers.append(answer)
    return answers or (_nothing(signal, f"no live campaign is aimed at {_names(asked.risk)}"),)


def answer_cleared(signal: Signal, view: View) -> Answer:
    """Answer ``logistics.geo_risk_cleared/1``: lift what this case put in force."""
    holding = [one for one in view.in_force_for(signal.correlation_id) if _restricts(one)]
    if not holding:
        return (_nothing(signal, "nothing to lift: no restriction of this case is in force"),)
    return tuple(_lift(signal, step, one) for step, one in enumerate(holding))


def _asked(signal: Signal, view: View) -> _Asked:
    stated = view.settings.get(LOGISTICS_TO_MARKETING, {})
    return _Asked(
        signal=signal,
        risk=cast("GeoRisk", signal.data),
        economics=Economics.model_validate({k: v for k, v in stated.items() if k in Economics.model_fields}),
        strategy=view.strategies.get(LOGISTICS_TO_MARKETING, Strategy()),
        in_force=tuple(one for one in view.in_force if _restricts(one)),
        restrictions=view.read(Restriction),
    )


def _restricts(one: InForce) -> bool:
    """True for what this policy itself does; other departments answer the same case in other systems."""
    return one.intervention in _OPERATION and one.resource.startswith("ads/campaign/")


def _answer(asked: _Asked, area: Area, reach: Reach, spend: Money | None, *, step: int) -> Proposal:
    untouched = _left_as_it_is(asked, area, reach)
    if untouched:
        return _nothing(asked.signal, untouched, step=step)
    situation = Situation(
        campaign=reach.campaign,
        area=area,
        exposure=exposure(reach, asked.risk, asked.economics),
        economics=known_costs(asked.economics, asked.risk),
        strategy=asked.strategy,
        spend=spend,
        in_place=_in_place(asked, area, reach.campaign),
    )
    considered = consider(situation)
    chosen = choose(asked.strategy, considered)
    if chosen is None:
        answer = _nothing(asked.signal, why_nothing(situation, considered), step=step)
    else:
        answer = _change(asked, situation, chosen, step=step)
    return answer.model_copy(
        update={"options": _options(situation, considered), "assumptions": _assumptions(situation)}
    )


def _left_as_it_is(asked: _Asked, area: Area, reach: Reach) -> str:
    """Why a campaign is not touched whatever it would bring (rule 2); empty when it may be."""
    own = f"campaign {reach.campaign.campaign_id}"
    here = f"ads/campaign/{reach.campaign.campaign_id}/{area.path}"
    for one in asked.in_force:
        if covers(one.resource, here):
            return f"{one.intervention} is already in force for {own} in {one.resource.split('/', 3)[3]}"
    if reach.budget_share is None:
        return (
            f"{own} is aimed at more than {place(area)}, and the signal does not say what part of its orders "
            "comes from there: no saving is claimed"
        )
    if reach.budget_share * float(reach.campaign.daily_budget.amount) == 0:
        return f"{own} spends nothing in {place(area)}"
    different = not_comparable(reach.campaign, asked.risk, asked.economics)
    return f"nothing is done for {own}: {different}" if different else ""


def _in_place(asked: _Asked, area: Area, campaign: Campaign) -> frozenset[str]:
    own = (one for one in asked.restrictions if one.campaign_id == campaign.campaign_id)
    return frozenset(one.kind for one in own if one.area.covers(area))


def _change(asked: _Asked, situation: Situation, chosen: Value, *, step: int) -> Proposal:
    return Proposal(
        signal_id=asked.signal.id,
        department=MARKETING,
        step=step,
        loop=LOGISTICS_TO_MARKETING,
        intervention=chosen.intervention,
        risk=GEO_RISK.intervention(chosen.intervention).risk,
        action=_request(situation, chosen),
        claims=(_claim(asked.signal, situation, chosen),),
        confidence=asked.signal.confidence,
        impact=Impact(
            resource=situation.budget,
            share=round(chosen.share, 6),
            amount=situation.moved(chosen),
        ),
        rationale=_why(asked.risk, situation, chosen),
    )


def _request(situation: Situation, chosen: Value) -> ActionRequest:
    arguments: dict[str, object] = {
        "campaign_id": situation.campaign.campaign_id,
        "area": to_json(situation.area),
    }
    if chosen.intervention == "reduce_bid":
        modifier = Decimal(1 - situation.economics.bid_cut).quantize(_TEN_THOUSANDTH)
        arguments["bid_modifier"] = format(modifier.normalize(), "f")
    return ActionRequest.model_validate(
        {
            "system": "ads",
            "operation": _OPERATION[chosen.intervention],
            "resource": situation.resource,
            "arguments": arguments,
        }
    )


def _claim(signal: Signal, situation: Situation, chosen: Value) -> Claim:
    return Claim.model_validate(
        {
            "resource": situation.resource,
            "direction": _DIRECTION[chosen.intervention],
            "starts": signal.time,
            "ends": signal.time + timedelta(days=situation.economics.horizon_days),
            "interest": signal.department,
        }
    )


def _options(situation: Situation, considered: Iterable[Considered]) -> tuple[Option, ...]:
    """Every course that was considered, doing nothing first: the baseline of all values."""
    zero = Money.of(0, situation.currency)
    return (
        Option(intervention="do_nothing", expected_value=zero, low=zero, high=zero, because="the baseline"),
        *(
            Option(
                intervention=one.value.intervention,
                expected_value=Money.of(one.value.expected, situation.currency),
                low=Money.of(one.value.low, situation.currency),
                high=Money.of(one.value.high, situation.currency),
                share=round(one.value.share, 6),
                permitted=not one.ruled_out,
                because=one.ruled_out[:500],
            )
            for one in considered
        ),
    )


def _assumptions(situation: Situation) -> dict[str, JsonValue]:
    exposure = situation.exposure
    return {
        **cast("dict[str, JsonValue]", to_json(situation.economics)),
        "break_even_rate": round(break_even_rate(exposure, situation.economics), 4),
        "cod_share_used": round(exposure.cod_share, 4),
        "order_value_used": f"{exposure.order_value:.2f}",
        "budget_share_of_area": round(exposure.budget_share, 6),
        "attribution": "assumed: spend in the area divided by the cost of an order",
    }


def _why(risk: GeoRisk, situation: Situation, chosen: Value) -> str:
    edge = break_even_rate(situation.exposure, situation.economics)
    pays = f"pays below {edge:.1%}" if edge else "does not pay, however few do"
    attempts = "" if risk.metric == "rto" else f" ({risk.estimate:.1%} have a failed delivery attempt)"
    return (
        f"About {situation.exposure.rate[1]:.1%} of parcels to {place(situation.area)} come back{attempts}; "
        f"advertising there {pays}. For campaign {situation.campaign.campaign_id}, "
        f"{chosen.intervention} is worth about {chosen.expected:,.0f} {situation.currency} over "
        f"{situation.economics.horizon_days} days ({chosen.low:,.0f} to {chosen.high:,.0f}) and moves "
        f"{chosen.share:.1%} of its daily budget."
    )


def _lift(signal: Signal, step: int, one: InForce) -> Proposal:
    campaign = one.resource.split("/")[2]
    if one.reference is None:
        because = f"{one.intervention} on {one.resource} has no reference: it has to be lifted by hand"
        return _nothing(signal, because, step=step)
    arguments = {"campaign_id": campaign, "area": one.arguments.get("area"), "restriction": one.reference}
    return Proposal(
        signal_id=signal.id,
        department=MARKETING,
        step=step,
        loop=LOGISTICS_TO_MARKETING,
        intervention="lift",
        risk="reversible",
        action=ActionRequest.model_validate(
            {"system": "ads", "operation": "lift", "resource": one.resource, "arguments": arguments}
        ),
        confidence=signal.confidence,
        impact=None
        if one.amount is None
        else Impact(resource=Resource(f"ads/campaign/{campaign}/budget"), share=one.share, amount=one.amount),
        rationale=f"{_why_over(signal)}: {one.intervention} is lifted.",
        undoes=one.action_key,
    )


def _why_over(signal: Signal) -> str:
    """Why a risk is over: the rate fell, or (also) the limit was moved."""
    cleared = cast("GeoRiskCleared", signal.data)
    if cleared.limit_when_opened is None:
        return "The rate is back below the clearing threshold"
    return (
        f"The rate is below the clearing threshold, which was moved: it is {cleared.threshold:.1%} now and "
        f"was {cleared.limit_when_opened:.1%} when the risk was seen"
    )


def _names(risk: GeoRisk) -> str:
    shown = ", ".join(risk.codes[:5])
    return f"{risk.level.replace('_', ' ')} {shown}" + (" and others" if len(risk.codes) > 5 else "")


def _nothing(signal: Signal, because: str, *, step: int = 0) -> Proposal:
    return no_action(signal, MARKETING, LOGISTICS_TO_MARKETING, because, step=step)
