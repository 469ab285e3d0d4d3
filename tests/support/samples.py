"""One plain signal, and ways to spoil a JSON document, for tests that need an example."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime, timedelta
from typing import Any

from crossloop.money import Money
from crossloop.signals import Evidence, Signal
from crossloop.signals.entities import Area
from crossloop.signals.types import GEO_RISK, GeoRisk
from crossloop.signals.types.geo_risk import Window

AS_OF = datetime(2022, 6, 12, 18, 29, 59, 999999, tzinfo=UTC)


def geo_risk() -> GeoRisk:
    """Karnataka at 15 % returned to origin, over a threshold of 10 %."""
    area = Area(level="state", code="KARNATAKA", country="IN", state="KARNATAKA")
    return GeoRisk(
        metric="rto",
        level="state",
        codes=("KARNATAKA",),
        areas=(area,),
        window=Window(first=date(2022, 5, 30), last=date(2022, 6, 5)),
        orders=200,
        failures=30,
        pending=12,
        rate=0.15,
        estimate=0.14,
        interval=(0.11, 0.18),
        trend_per_week=0.01,
        threshold=0.10,
        maturity_days=7,
        assessment="structural",
        rto_cost_low=Money.of(180, "INR"),
        rto_cost_high=Money.of(240, "INR"),
        orders_per_day=28.6,
        order_value=Money.of("650.50", "INR"),
        cod_share=0.4,
        area_order_share={"geo/IN": 0.09},
    )


def geo_risk_signal(**changes: Any) -> Signal:
    """A signal that carries it; keywords replace arguments of ``Signal.said``."""
    return Signal.said(
        **{
            "type": GEO_RISK.name,
            "source": "/logistics/geo-risk",
            "department": "logistics",
            "subject": "geo/IN/KARNATAKA",
            "dedup_key": "rto:geo/IN/KARNATAKA:2022-06-12",
            "time": AS_OF,
            "valid_until": AS_OF + timedelta(days=1),
            "confidence": 0.93,
            "data": geo_risk(),
            "evidence": (Evidence(name="orders", value=200, source="orders.csv"),),
            **changes,
        }
    )


REMOVED = object()
"""Given to ``changed``: takes the member away."""


def changed(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """A copy of a JSON document with the value at ``path`` replaced, added or removed."""
    result = copy.deepcopy(document)
    here = result
    for part in path[:-1]:
        here = here[part]
    if value is REMOVED:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return result
