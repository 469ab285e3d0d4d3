"""Risks, campaigns and strategies for tests of the marketing department.

The numbers are chosen so that every intervention is worth something and all differ: an order brings 30 % of
1,000 rupees, costs 100 of advertising, and a return costs 200. Half the orders are cash on delivery.
"""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

from crossloop.departments import InForce, Strategy, View
from crossloop.ids import ActionKey, CaseId
from crossloop.money import Money
from crossloop.signals import Signal
from crossloop.signals.entities import Area, Campaign, GeoTarget, Restriction
from crossloop.signals.types import GEO_RISK_CLEARED, GeoRisk, GeoRiskCleared
from tests.support.departments import LOOP, view
from tests.support.samples import geo_risk, geo_risk_signal

INDIA = Area(level="country", code="IN", country="IN")
KARNATAKA = Area(level="state", code="KARNATAKA", country="IN", state="KARNATAKA")
KERALA = Area(level="state", code="KERALA", country="IN", state="KERALA")
BENGALURU = Area(level="pin_prefix", code="560", country="IN", state="KARNATAKA", pin_prefix="560")
MYSURU = Area(level="pin_prefix", code="570", country="IN", state="KARNATAKA", pin_prefix="570")

NUMBERS: dict[str, JsonValue] = {
    "rto_cost_low": "200",
    "rto_cost_high": "200",
    "cod_risk_ratio": 3.0,
    "margin": 0.3,
    "order_value": "1000",
    "cost_per_order": "100",
    "bid_cut": 0.3,
    "bid_elasticity": 1.0,
    "cpc_elasticity": 0.0,
    "cod_reach": 0.8,
    "cod_switch": 0.1,
    "ndr_to_rto": 0.5,
    "horizon_days": 10,
}
ALL = ("suppress_cod", "reduce_bid", "exclude")


def campaign(
    campaign_id: str = "C1", *targets: Area, budget: str = "10000 INR", status: str = "live"
) -> Campaign:
    """A campaign; country-wide where no target is given."""
    return Campaign.model_validate(
        {
            "campaign_id": campaign_id,
            "name": f"Campaign {campaign_id}",
            "status": status,
            "daily_budget": budget,
            "targets": tuple(GeoTarget(area=one) for one in targets or (INDIA,)),
        }
    )


def risk(rate: float = 0.5, **changes: Any) -> GeoRisk:
    """Karnataka, a tenth of the country's orders, at a rate; 1,000 orders a day unless said otherwise."""
    known = {
        **dict(geo_risk()),
        "areas": (KARNATAKA,),
        "estimate": rate,
        "interval": (max(0.0, rate - 0.1), min(1.0, rate + 0.1)),
        "rto_cost_low": Money.of(200, "INR"),
        "rto_cost_high": Money.of(200, "INR"),
        "orders_per_day": 1000.0,
        "order_value": None,
        "cod_share": 0.5,
        "area_order_share": {INDIA.path: 0.1},
        "share_of_country": {
            KARNATAKA.path: 0.1,
            KERALA.path: 0.1,
            BENGALURU.path: 0.06,
            f"{BENGALURU.path}/560058": 0.01,
            f"{KERALA.path}/682": 0.04,
        },
        **changes,
    }
    areas = known["areas"]
    return GeoRisk(**{**known, "codes": tuple(one.code for one in areas), "level": areas[0].level})


def risky(rate: float = 0.5, **changes: Any) -> Signal:
    """A signal that says so."""
    return geo_risk_signal(data=risk(rate, **changes))


def cleared(case: str) -> Signal:
    """A signal that says that the risk of a case is over."""
    known = {name: value for name, value in geo_risk() if name in GeoRiskCleared.model_fields}
    opened = geo_risk_signal()
    data = GeoRiskCleared(**known, opened_by=opened.id, open_since=opened.time.date())
    return geo_risk_signal(type=GEO_RISK_CLEARED.name, data=data, correlation_id=CaseId(case))


def strategy(**changes: Any) -> Strategy:
    """A strategy that permits everything."""
    return Strategy.model_validate({"interventions": ALL, **changes})


def seen(
    *campaigns: Campaign,
    declared: Strategy | None = None,
    in_force: tuple[InForce, ...] = (),
    restrictions: tuple[Restriction, ...] = (),
    **numbers: JsonValue,
) -> View:
    """What marketing sees: campaigns, its strategy, what is in force, and changed assumptions."""
    return view(
        strategies={LOOP: declared or strategy()},
        settings={LOOP: {"threshold": 0.25, **NUMBERS, **numbers}},
        in_force=in_force,
        records={Campaign: campaigns, Restriction: restrictions},
    )


def in_force(
    campaign_id: str = "C1", area: Area = KARNATAKA, intervention: str = "exclude", **changes: Any
) -> InForce:
    """An action that holds, as the coordinator shows it to departments."""
    return InForce.model_validate(
        {
            "action_key": ActionKey(f"act_{campaign_id}_{area.code}"),
            "case": "case_before",
            "intervention": intervention,
            "resource": f"ads/campaign/{campaign_id}/{area.path}",
            "reference": f"rst_{campaign_id}",
            "share": 0.1,
            "amount": "1000 INR",
            "arguments": {"campaign_id": campaign_id, "area": area.model_dump(mode="json")},
            **changes,
        }
    )
