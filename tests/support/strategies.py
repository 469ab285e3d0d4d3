"""Hypothesis strategies for signals: every value that the models and canonical JSON allow."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from crossloop.ids import CaseId, SignalId, signal_id
from crossloop.money import Money
from crossloop.signals import Catalogue, Evidence, Signal
from crossloop.signals.entities import LEVELS, Area, Level
from crossloop.signals.types import GEO_RISK, GEO_RISK_CLEARED, GeoRisk, GeoRiskCleared
from crossloop.signals.types.geo_risk import Window

CATALOGUE = Catalogue([GEO_RISK, GEO_RISK_CLEARED])
EXACT = 2**53 - 1

CURRENCIES = st.sampled_from(["INR", "USD", "JPY"])
STATES = ("KARNATAKA", "TAMIL NADU", "JAMMU & KASHMIR", "DELHI", "DADRA AND NAGAR HAVELI")


def texts(max_size: int = 40) -> st.SearchStrategy[str]:
    """Text that canonical JSON can keep: no U+0000, no lone surrogates."""
    alphabet = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
    return st.text(alphabet, min_size=1, max_size=max_size)


def attributes(max_size: int = 40) -> st.SearchStrategy[str]:
    """Text that a CloudEvents attribute can keep: no control characters either."""
    return st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=max_size)


def json_values() -> st.SearchStrategy[Any]:
    """Any JSON value that has a canonical form."""
    scalars = (
        st.none()
        | st.booleans()
        | st.integers(-EXACT, EXACT)
        | st.floats(-float(EXACT), float(EXACT), allow_nan=False)
        | texts()
    )
    keys = st.text(st.characters(max_codepoint=127, exclude_characters="\x00"), max_size=8)
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=12,
    )


def rates() -> st.SearchStrategy[float]:
    return st.floats(0.0, 1.0)


def money() -> st.SearchStrategy[Money]:
    amounts = st.decimals(-(10**12), 10**12, places=2)
    return st.builds(Money, amount=amounts, currency=CURRENCIES)


def instants() -> st.SearchStrategy[datetime]:
    """Aware instants in any zone; signals turn them into UTC."""
    zones = st.builds(timezone, st.timedeltas(timedelta(hours=-14), timedelta(hours=14)).map(_whole_minutes))
    return st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=zones | st.just(UTC))


def _whole_minutes(offset: timedelta) -> timedelta:
    return timedelta(minutes=offset // timedelta(minutes=1))


@st.composite
def areas(draw: st.DrawFn, level: Level) -> Area:
    if level == "country":
        return Area(level=level, code="IN", country="IN")
    state = draw(st.sampled_from(STATES))
    if level == "state":
        return Area(level=level, code=state, country="IN", state=state)
    prefix = draw(st.from_regex(r"[1-9][0-9]{2}", fullmatch=True))
    if level == "pin_prefix":
        return Area(level=level, code=prefix, country="IN", state=state, pin_prefix=prefix)
    code = prefix + draw(st.from_regex(r"[0-9]{3}", fullmatch=True))
    return Area(level=level, code=code, country="IN", state=state, pin_prefix=prefix)


@st.composite
def _measured(draw: st.DrawFn) -> dict[str, Any]:
    level = draw(st.sampled_from(LEVELS))
    found = draw(st.lists(areas(level), min_size=1, max_size=4, unique_by=lambda area: area.path))
    first, last = sorted(draw(st.tuples(*[st.dates(date(1970, 1, 1), date(2199, 1, 1))] * 2)))
    orders = draw(st.integers(0, EXACT))
    failures = draw(st.integers(0, orders))
    counted = failures / orders if orders else 0.0
    low, estimate, high = sorted(draw(st.tuples(rates(), rates(), rates())))
    return {
        "metric": draw(st.sampled_from(["ndr", "rto"])),
        "level": level,
        "codes": tuple(area.code for area in found),
        "areas": tuple(found),
        "window": Window(first=first, last=last),
        "orders": orders,
        "failures": failures,
        "pending": draw(st.integers(0, EXACT)),
        "lost": draw(st.integers(0, EXACT)),
        "rate": draw(st.just(counted) | st.integers(2, 8).map(lambda places: round(counted, places))),
        "estimate": estimate,
        "interval": (low, high),
        "trend_per_week": draw(st.floats(-1.0, 1.0)),
        "threshold": draw(rates()),
        "maturity_days": draw(st.integers(0, 365)),
    }


@st.composite
def geo_risks(draw: st.DrawFn) -> GeoRisk:
    """Payloads of ``logistics.geo_risk/1``."""
    costs = st.decimals(0, 10**12, places=2)
    low, high = sorted(draw(st.tuples(costs, costs)))
    currency = draw(CURRENCIES)
    paths = st.sampled_from(["geo/IN", "geo/IN/KARNATAKA", "geo/IN/TAMIL NADU/600"])
    return GeoRisk(
        **draw(_measured()),
        assessment=draw(st.sampled_from(["structural", "transient", "undetermined"])),
        rto_cost_low=Money(amount=low, currency=currency),
        rto_cost_high=Money(amount=high, currency=currency),
        orders_per_day=draw(st.floats(0.0, 1e9)),
        order_value=draw(st.none() | money()),
        cod_share=draw(st.none() | rates()),
        area_order_share=draw(st.dictionaries(paths, rates(), max_size=3)),
        share_of_country=draw(st.dictionaries(st.just("geo/IN/KARNATAKA"), rates())),
    )


@st.composite
def geo_risks_cleared(draw: st.DrawFn) -> GeoRiskCleared:
    """Payloads of ``logistics.geo_risk_cleared/1``."""
    opened = signal_id(GEO_RISK.name, "/logistics/geo-risk", draw(texts()))
    return GeoRiskCleared(
        **draw(_measured()),
        opened_by=SignalId(opened),
        open_since=draw(st.dates(date(1970, 1, 1), date(2199, 1, 1))),
    )


def evidence() -> st.SearchStrategy[Evidence]:
    values = st.floats(-float(EXACT), float(EXACT), allow_nan=False) | texts()
    return st.builds(
        Evidence, name=texts(), value=values, unit=st.sampled_from(["", "orders", "₹"]), source=texts()
    )


@st.composite
def signals(draw: st.DrawFn) -> Signal:
    """Signals of both geo-risk types, with every optional field present or absent."""
    kind, payloads = draw(
        st.sampled_from([(GEO_RISK.name, geo_risks()), (GEO_RISK_CLEARED.name, geo_risks_cleared())])
    )
    data = draw(payloads)
    areas = [area.path for area in data.areas]
    held = areas[0] if len(areas) == 1 else f"geo/{data.areas[0].country}"
    time = draw(instants())
    lasts = draw(st.timedeltas(timedelta(microseconds=1), timedelta(days=3650)))
    said = Signal.said(
        type=kind,
        source=draw(attributes()),
        department=draw(attributes()),
        subject=draw(st.just(held) | attributes().map(lambda text: f"region/{text}")),
        dedup_key=draw(texts()),
        time=time,
        valid_until=time + lasts,
        confidence=draw(rates()),
        data=data,
        evidence=tuple(draw(st.lists(evidence(), max_size=3))),
        correlation_id=draw(st.none() | attributes().map(CaseId)),
        causation_id=draw(st.none() | attributes()),
    )
    traced = draw(
        st.none() | st.from_regex(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", fullmatch=True).filter(str.isascii)
    )
    return said.model_copy(update={"traceparent": traced})
