"""The campaigns of the generated company, and what marketing has planned.

Rules:

1. Budgets follow the number of orders, so that spend per order stays what is assumed.
2. Four campaigns aim at the whole country. In one prefix they spend a few per cent of their day: a change
   there is small. One of them is the brand's, which a strategy would protect.
3. Three campaigns aim at states or at the capital's region. In its own state such a campaign spends its
   whole day: a change there is large.
4. One plan of marketing's own scales a country-wide campaign up in a large state. Nothing here knows
   whether that state has a problem.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from crossloop.adapters.embedded.assumptions import Assumptions
from crossloop.clock import require_aware
from crossloop.money import Money
from crossloop.signals.entities import Area, Campaign, GeoTarget, ScaleUp

_COUNTRY: Final = ("country", "")
_PLAN: Final[
    tuple[tuple[str, str, Literal["live", "paused"], float, tuple[tuple[str, str], ...]], ...]
] = (
    ("brand", "Brand search", "live", 0.14, (_COUNTRY,)),
    ("search-generic", "Generic search", "live", 0.24, (_COUNTRY,)),
    ("social-prospecting", "Social prospecting", "live", 0.26, (_COUNTRY,)),
    ("retargeting", "Retargeting of visitors", "live", 0.18, (_COUNTRY,)),
    ("rajasthan-launch", "Rajasthan regional launch", "live", 0.03, (("state", "RAJASTHAN"),)),
    ("south-regional", "Karnataka and Telangana, regional languages", "live", 0.09, (
        ("state", "KARNATAKA"), ("state", "TELANGANA"),
    )),
    ("delhi-ncr", "Delhi and its surroundings, next-day", "live", 0.06, (
        ("state", "DELHI"), ("pin_prefix", "122"), ("pin_prefix", "121"), ("pin_prefix", "201"),
    )),
    ("winter-clearance", "Winter clearance", "paused", 0.05, (_COUNTRY,)),
)  # fmt: skip
"""Id, name, status, share of the spend of all live campaigns, targets. Spend per order stays below 180 rupees
everywhere: the country's campaigns cost 115 an order, a regional one up to 65 more in its area."""

_SCALED: Final = ("scale-maharashtra-monsoon", "social-prospecting", ("state", "MAHARASHTRA"))
_STARTS_BEFORE: Final = timedelta(days=10)
_ENDS_AFTER: Final = timedelta(days=21)


def campaigns(assumptions: Assumptions, orders_per_day: int) -> tuple[Campaign, ...]:
    """The campaigns, with budgets for this many orders a day, rounded to ten rupees."""
    spend = assumptions.cost_per_order * orders_per_day
    return tuple(
        Campaign(
            campaign_id=campaign_id,
            name=name,
            status=status,
            daily_budget=Money.of(round(spend * share / 10) * 10, assumptions.currency),
            targets=tuple(GeoTarget(area=_area(assumptions, *target)) for target in targets),
        )
        for campaign_id, name, status, share, targets in _PLAN
    )


def scale_ups(assumptions: Assumptions, last_day: date) -> tuple[ScaleUp, ...]:
    """Marketing's standing plans around the last day, from local midnight to local midnight."""
    plan_id, campaign_id, target = _SCALED
    zone = ZoneInfo(assumptions.timezone)
    midnight = datetime.combine(last_day, time(), tzinfo=zone)
    return (
        ScaleUp(
            plan_id=plan_id,
            campaign_id=campaign_id,
            area=_area(assumptions, *target),
            starts=require_aware(midnight - _STARTS_BEFORE),
            ends=require_aware(midnight + _ENDS_AFTER),
            reason="Monsoon sale: 30 % more spend in the largest state until the sale ends.",
        ),
    )


def _area(assumptions: Assumptions, level: str, code: str) -> Area:
    country = assumptions.country
    if level == "country":
        return Area(level="country", code=country, country=country)
    if level == "state":
        return Area(level="state", code=code, country=country, state=code)
    state = next(
        state.name for state in assumptions.states if any(prefix.code == code for prefix in state.prefixes)
    )
    return Area(level="pin_prefix", code=code, country=country, state=state, pin_prefix=code)
