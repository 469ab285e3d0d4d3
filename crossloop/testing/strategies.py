"""Hypothesis strategies for what crosses borders: every value that the models and canonical JSON allow.

Signals of any type are generated from the type's own JSON Schema; a type whose payload obeys rules that no
schema says (the ready-made ones do) has a strategy of its own, and so may yours: ``signals(types, own=…)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final

import yaml

from crossloop.extras import require
from crossloop.ids import ActionKey, CaseId, DepartmentName, LoopName, Resource, SignalId, signal_id
from crossloop.money import Money
from crossloop.signals import (
    ActionRequest,
    Catalogue,
    Claim,
    Evidence,
    Impact,
    Option,
    Permit,
    Proposal,
    Signal,
    SignalData,
    SignalType,
)
from crossloop.signals.entities import LEVELS, Area, Level
from crossloop.signals.types import GEO_RISK, GEO_RISK_CLEARED, GeoRisk, GeoRiskCleared
from crossloop.signals.types.geo_risk import Window
from crossloop.testing.from_schema import EXACT, json_values, models

require("generating test data", extra="testing", modules=("hypothesis",))

from hypothesis import strategies as st  # noqa: E402 - explained above where it is missing

__all__ = [
    "EXACT",
    "action_requests",
    "areas",
    "attributes",
    "claims",
    "evidence",
    "geo_risks",
    "geo_risks_cleared",
    "governance_documents",
    "instants",
    "json_values",
    "models",
    "money",
    "payloads",
    "permits",
    "proposals",
    "rates",
    "resources",
    "signals",
    "texts",
]

Payloads = Mapping[str, st.SearchStrategy[SignalData]]
"""Strategies for the payloads of some signal types, by name."""

READY_MADE: Final = (GEO_RISK, GEO_RISK_CLEARED)
CURRENCIES = st.sampled_from(["INR", "USD", "JPY"])
STATES = ("KARNATAKA", "TAMIL NADU", "JAMMU & KASHMIR", "DELHI", "DADRA AND NAGAR HAVELI")


def texts(max_size: int = 40) -> st.SearchStrategy[str]:
    """Text that canonical JSON can keep: no U+0000, no lone surrogates."""
    alphabet = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
    return st.text(alphabet, min_size=1, max_size=max_size)


def attributes(max_size: int = 40) -> st.SearchStrategy[str]:
    """Text that a CloudEvents attribute can keep: no control characters either."""
    return st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=max_size)


def rates() -> st.SearchStrategy[float]:
    """Shares and probabilities."""
    return st.floats(0.0, 1.0)


def money() -> st.SearchStrategy[Money]:
    """Amounts of a few currencies, negative ones included."""
    amounts = st.decimals(-(10**12), 10**12, places=2)
    return st.builds(Money, amount=amounts, currency=CURRENCIES)


def instants() -> st.SearchStrategy[datetime]:
    """Aware instants in any zone; signals turn them into UTC."""
    zones = st.builds(timezone, st.timedeltas(timedelta(hours=-14), timedelta(hours=14)).map(_whole_minutes))
    first, last = datetime(1900, 1, 1), datetime(2200, 1, 1)  # noqa: DTZ001 - in whatever zone is drawn
    return st.datetimes(first, last, timezones=zones | st.just(UTC))


def _whole_minutes(offset: timedelta) -> timedelta:
    return timedelta(minutes=offset // timedelta(minutes=1))


@st.composite
def areas(draw: st.DrawFn, level: Level) -> Area:
    """Areas of one level."""
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


def payloads(kind: SignalType) -> st.SearchStrategy[SignalData]:
    """Payloads of a signal type: with its own strategy where there is one, else from its JSON Schema."""
    own: dict[type[SignalData], st.SearchStrategy[Any]] = {
        GeoRisk: geo_risks(),
        GeoRiskCleared: geo_risks_cleared(),
    }
    return own[kind.data] if kind.data in own else models(kind.data)


def evidence() -> st.SearchStrategy[Evidence]:
    """Single data points."""
    values = st.floats(-float(EXACT), float(EXACT), allow_nan=False) | texts()
    return st.builds(
        Evidence, name=texts(), value=values, unit=st.sampled_from(["", "orders", "₹"]), source=texts()
    )


@st.composite
def signals(
    draw: st.DrawFn,
    types: Iterable[SignalType] = READY_MADE,
    *,
    own: Payloads | None = None,
) -> Signal:
    """Signals of some types, with every optional field present or absent.

    Args:
        types: a catalogue, or some of its types; the ready-made ones where none are given.
        own: strategies for payloads by the name of the type, where the schema does not say enough.
    """
    kind = draw(st.sampled_from(list(types)))
    data = draw(own[kind.name] if own and kind.name in own else payloads(kind))
    time = draw(instants())
    lasts = draw(st.timedeltas(timedelta(microseconds=1), timedelta(days=3650)))
    said = Signal.said(
        type=kind.name,
        source=draw(attributes()),
        department=draw(attributes()),
        subject=draw(_subjects(data)),
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


def _subjects(data: SignalData) -> st.SearchStrategy[str]:
    """What a payload may be said to be about."""
    elsewhere = attributes().map(lambda text: f"region/{text}")
    if not isinstance(data, GeoRisk | GeoRiskCleared):
        return elsewhere
    paths = [area.path for area in data.areas]
    held = paths[0] if len(paths) == 1 else f"geo/{data.areas[0].country}"
    return st.just(held) | elsewhere


def resources(system: str = "ads") -> st.SearchStrategy[Resource]:
    """Resources of one system, one to four segments below it."""
    segments = st.from_regex(r"[A-Za-z0-9_&()' -]{1,12}", fullmatch=True)
    return st.lists(segments, min_size=1, max_size=4).map(lambda parts: Resource("/".join([system, *parts])))


@st.composite
def action_requests(draw: st.DrawFn, system: str = "ads") -> ActionRequest:
    """Requests to one system."""
    keys = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)
    return ActionRequest(
        system=system,
        operation=draw(keys),
        resource=draw(resources(system)),
        arguments=draw(st.dictionaries(keys, json_values(), max_size=4)),
    )


@st.composite
def claims(draw: st.DrawFn, resource: Resource | None = None) -> Claim:
    """Claims, by default on any resource."""
    starts = draw(instants())
    return Claim(
        resource=draw(resources()) if resource is None else resource,
        direction=draw(st.sampled_from(["increase", "decrease", "exclude", "hold"])),
        starts=starts,
        ends=starts + draw(st.timedeltas(timedelta(microseconds=1), timedelta(days=365))),
        interest=DepartmentName(draw(_NAMES)),
    )


@st.composite
def proposals(draw: st.DrawFn, signal: Signal | None = None) -> Proposal:
    """Proposals, by default in answer to any signal; all amounts of one are in one currency."""
    request = draw(st.none() | action_requests())
    currency = draw(CURRENCIES)
    amounts = st.integers(0, 10**9).map(lambda amount: Money.of(amount, currency))
    interventions = st.sampled_from(["reduce_bid", "exclude", "confirm_orders"])
    asked: dict[str, Any] = {"intervention": "no_action"}
    if request is not None:
        asked = {
            "intervention": draw(interventions),
            "action": request,
            "claims": draw(st.lists(claims(request.resource), max_size=2).map(tuple)),
            "impact": draw(
                st.none() | st.builds(Impact, resource=resources(), share=st.floats(0, 10), amount=amounts)
            ),
        }
    low, expected, high = sorted(draw(st.tuples(amounts, amounts, amounts)), key=lambda one: one.amount)
    considered = Option(intervention="do_nothing", expected_value=expected, low=low, high=high)
    return Proposal(
        signal_id=signal.id if signal else signal_id(GEO_RISK.name, "/generated", draw(texts())),
        department=DepartmentName(draw(_NAMES)),
        step=draw(st.integers(0, 9999)),
        loop=draw(st.none() | _NAMES.map(LoopName)),
        risk=draw(st.sampled_from(["reversible", "costly", "irreversible"])),
        confidence=signal.confidence if signal else draw(rates()),
        options=draw(st.sampled_from([(), (considered,)])),
        facts=draw(st.dictionaries(_NAMES, st.integers(-EXACT, EXACT) | rates() | st.booleans(), max_size=3)),
        rationale=draw(texts()),
        **asked,
    )


@st.composite
def permits(draw: st.DrawFn, proposal: Proposal | None = None) -> Permit:
    """Permits: of the action of a proposal, else of any action."""
    asked = proposal or draw(proposals())
    request = asked.action or draw(action_requests())
    granted = draw(instants())
    return Permit(
        action_key=ActionKey(asked.action_key),
        action_digest=request.digest(),
        policy=draw(st.from_regex(r"[0-9a-f]{64}", fullmatch=True)),
        granted_at=granted,
        expires_at=granted + draw(st.timedeltas(timedelta(seconds=1), timedelta(days=7))),
    )


@st.composite
def governance_documents(draw: st.DrawFn, catalogue: Iterable[SignalType] = READY_MADE) -> str:
    """Small valid governance documents in YAML: a loop for each signal type that begins one.

    ``crossloop.governance.parse_policy`` reads them with the same catalogue.
    """
    types = Catalogue(catalogue)
    departments = draw(st.lists(_NAMES, min_size=2, max_size=4, unique=True))
    stages = st.sampled_from(["shadow", "supervised", "autonomous"])
    within = st.sampled_from(["30m", "4h", "2d"])
    people = {
        f"head-of-{name}": {"name": f"Head of {name}", "email": f"{name}@company.example", "heads": name}
        for name in departments
    }
    large = {
        "when": f"daily_budget_share > {draw(st.sampled_from(['0.05', '0.15', '0.5']))}",
        "from": {draw(st.sampled_from(["all", "any"])): sorted(people)},
        "within": draw(within),
    }
    document: dict[str, Any] = {
        "governance": 1,
        "company": draw(st.sampled_from(["Acme D2C", "Generated Goods"])),
        "timezone": draw(st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York"])),
        "people": people,
        "rules": {"large": large},
        "departments": {
            name: {"owns": [f"{draw(st.sampled_from(['ads', 'wms', 'crm']))}/**"], "stage": draw(stages)}
            for name in departments
        },
        "loops": {},
    }
    for number, kind in enumerate(one for one in types if one.clears is None):
        answers = {
            one.name for each in types if kind.name in (each.name, each.clears) for one in each.interventions
        }
        document["loops"][f"loop-{number}"] = {
            "signal": kind.name,
            "owner": draw(st.sampled_from(departments)),
            "stage": draw(stages),
            "respond_within": draw(within),
            "interventions": {name: draw(_permissions()) for name in sorted(answers)},
        }
    if draw(st.booleans()):
        order = draw(st.permutations(departments))
        document["precedence"] = [{"conflict": "geography", "order": list(order)}]
    return yaml.safe_dump(document, sort_keys=False)


@st.composite
def _permissions(draw: st.DrawFn) -> dict[str, Any]:
    ask, act = sorted(draw(st.tuples(st.integers(0, 100), st.integers(0, 100))))
    approvals = draw(st.sampled_from([[], ["large"]]))
    return {"act": f"{act / 100:.2f}", "ask": f"{ask / 100:.2f}", "approvals": approvals}


_NAMES: Final = st.from_regex(r"[a-z][a-z0-9_]{2,10}", fullmatch=True)
