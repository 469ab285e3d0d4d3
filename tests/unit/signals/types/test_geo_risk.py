"""A geo-risk signal cannot contradict itself."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from crossloop.canonical import to_json
from crossloop.errors import SignalRefused
from crossloop.ids import case_id
from crossloop.money import Money
from crossloop.signals import Signal
from crossloop.signals.codec import decode, encode
from crossloop.signals.entities import Area
from crossloop.signals.types import GEO_RISK, GeoRisk
from tests.support.governed import CATALOGUE
from tests.support.marketing import cleared
from tests.support.samples import geo_risk, geo_risk_signal

KARNATAKA = to_json(Area(level="state", code="KARNATAKA", country="IN", state="KARNATAKA"))
KERALA = to_json(Area(level="state", code="KERALA", country="IN", state="KERALA"))
COUNTRY = to_json(Area(level="country", code="IN", country="IN"))


def inr(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "INR"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"codes": (), "areas": ()}, "at least 1"),
        ({"metric": "returns"}, "'ndr' or 'rto'"),
        ({"rate": 1.1}, "less than or equal to 1"),
        ({"pending": -1}, "greater than or equal to 0"),
        ({"narrative": "it is bad"}, "Extra inputs"),
    ],
)
def test_what_contradicts_itself_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        GeoRisk(**{**geo_risk().__dict__, **changes})


MEASURED: list[tuple[dict[str, Any], str, str]] = [
    ({"window": {"first": "2022-06-05", "last": "2022-06-04"}}, "window.last", "end before it starts"),
    ({"codes": ["KERALA"]}, "codes", "codes must be the codes of areas"),
    ({"areas": [KERALA]}, "codes", "codes must be the codes of areas"),
    ({"codes": ["IN"], "areas": [COUNTRY]}, "areas[0].level", "at the level of the signal"),
    ({"codes": ["KARNATAKA"] * 2, "areas": [KARNATAKA] * 2}, "areas[1]", "stands there twice"),
    (
        {"codes": ["KARNATAKA"] * 2, "areas": [KARNATAKA, {**KARNATAKA, "country": "US"}]},
        "areas[1].country",
        "in one country",
    ),
    ({"failures": 201}, "failures", "failures cannot exceed orders (200)"),
    ({"orders": 29}, "failures", "failures cannot exceed orders (29)"),
    ({"rate": 0.0}, "rate", "failures / orders, which is 0.15"),
    ({"rate": 0.16}, "rate", "failures / orders, which is 0.15"),
    ({"rate": 0.1}, "rate", "failures / orders, which is 0.15"),
    ({"rate": 0.1506}, "rate", "failures / orders, which is 0.15"),
    ({"orders": 0, "failures": 0}, "rate", "failures / orders, which is 0"),
    ({"interval": [0.2, 0.1]}, "interval", "must not be empty"),
    ({"estimate": 0.1099}, "estimate", "in its interval, 0.11 to 0.18"),
    ({"estimate": 0.1801}, "estimate", "in its interval, 0.11 to 0.18"),
    ({"interval": [-0.1, 0.2]}, "interval[0]", "minimum of 0"),
    ({"interval": [0.1, 1.2]}, "interval[1]", "maximum of 1"),
]
COSTS: list[tuple[dict[str, Any], str, str]] = [
    ({"rto_cost_low": inr("-0.01")}, "rto_cost_low.amount", "does not match"),
    ({"rto_cost_low": inr("-10"), "rto_cost_high": inr("-5")}, "rto_cost_low.amount", "does not match"),
    ({"rto_cost_high": inr("179.99")}, "rto_cost_high.amount", "must not be below rto_cost_low (180.00 INR)"),
    (
        {"rto_cost_high": {"amount": "240", "currency": "USD"}},
        "rto_cost_high.currency",
        "both costs must be in one currency (INR)",
    ),
]


@pytest.mark.parametrize(("changes", "path", "says"), [*MEASURED, *COSTS])
def test_a_contradiction_is_refused_with_the_path_of_what_does_not_fit(
    changes: dict[str, Any], path: str, says: str
) -> None:
    refused(geo_risk_signal(), changes, f"data.{path}", says)


@pytest.mark.parametrize(("changes", "path", "says"), MEASURED)
def test_what_says_that_it_is_over_is_held_to_the_same(changes: dict[str, Any], path: str, says: str) -> None:
    refused(cleared(case_id(geo_risk_signal().id)), changes, f"data.{path}", says)


@pytest.mark.parametrize(
    "subject",
    ["geo/US/OREGON", "geo/IN/KERALA", "geo/IN", "geo/IN/KARNATAKA/560", "geo/IN/K*", "geo/IN/../KARNATAKA"],
)
def test_a_subject_that_is_another_area_is_refused(subject: str) -> None:
    document = json.loads(encode(geo_risk_signal()))
    with pytest.raises(SignalRefused, match="something else than the subject") as wrong:
        decode(json.dumps({**document, "subject": subject}).encode(), CATALOGUE)
    assert wrong.value.where.field == "subject"


@pytest.mark.parametrize("subject", ["geo/IN/KARNATAKA", "region/south"])
def test_a_subject_that_is_the_area_or_of_another_kind_is_allowed(subject: str) -> None:
    signal = geo_risk_signal(subject=subject)
    assert decode(encode(signal), CATALOGUE) == signal


def test_a_signal_that_ends_before_it_begins_is_refused_where_it_ends() -> None:
    document = json.loads(encode(geo_risk_signal()))
    with pytest.raises(SignalRefused, match="valid_until must be after time") as wrong:
        decode(json.dumps({**document, "valid_until": document["time"]}).encode(), CATALOGUE)
    assert wrong.value.where.field == "valid_until"


def refused(signal: Signal, changes: dict[str, Any], path: str, says: str) -> None:
    document = json.loads(encode(signal))
    document["data"] |= changes
    with pytest.raises(SignalRefused) as wrong:
        decode(json.dumps(document).encode(), CATALOGUE)
    assert wrong.value.where.field == path
    assert says in wrong.value.message


@pytest.mark.parametrize(
    ("orders", "failures", "rate"),
    [
        (200, 30, 0.15),
        (3, 1, 1 / 3),
        (3, 1, 0.333),
        (3, 1, 0.33),
        (3, 2, 0.67),
        (200, 199, 1.0),
        (0, 0, 0.0),
        (9, 9, 1.0),
    ],
)
def test_a_rate_may_be_rounded_as_it_is_written(orders: int, failures: int, rate: float) -> None:
    counted = {"orders": orders, "failures": failures, "rate": rate}
    assert GeoRisk(**{**geo_risk().__dict__, **counted}).rate == rate


def test_a_counted_rate_may_lie_outside_of_the_interval_of_the_underlying_one() -> None:
    assert GeoRisk(**{**geo_risk().__dict__, "orders": 10, "failures": 5, "rate": 0.5}).interval[1] == 0.18


def test_one_day_one_value_and_one_cost_are_ranges_too_and_a_return_may_cost_nothing() -> None:
    day = date(2022, 6, 5)
    same = {
        "window": {"first": day, "last": day},
        "interval": (0.14, 0.14),
        "rto_cost_low": Money.of(0, "INR"),
        "rto_cost_high": Money.of(0, "INR"),
    }
    assert GeoRisk(**{**geo_risk().__dict__, **same}).window.first == day


SHARES: list[tuple[dict[str, float], str, str]] = [
    ({"geo/NP/BAGMATI": 0.1}, "data.share_of_country.geo/NP/BAGMATI", "starts with geo/IN/"),
    ({"geo/IN/A": 0.7, "geo/IN/B": 0.4}, "data.share_of_country", "have 1.1 of the country's orders"),
    ({"geo/IN/A": 1.1}, "data.share_of_country.geo/IN/A", "maximum of 1"),
    ({"IN/A": 0.1}, "data.share_of_country.IN/A", "does not match any of the regexes"),
    ({f"geo/IN/S{number}": 0.0 for number in range(501)}, "data.share_of_country", "S8"),
]


@pytest.mark.parametrize(("shares", "path", "says"), SHARES)
def test_shares_of_the_country_that_cannot_be_are_refused(
    shares: dict[str, float], path: str, says: str
) -> None:
    refused(geo_risk_signal(), {"share_of_country": shares}, path, says)


def test_prefixes_are_parts_of_their_state_and_not_added_to_the_states() -> None:
    shares = {"geo/IN/A": 0.7, "geo/IN/A/560": 0.7, "geo/IN/B": 0.3004}
    assert GeoRisk(**{**geo_risk().__dict__, "share_of_country": shares}).share_of_country == shares


def test_the_schema_says_what_it_can_of_a_cost() -> None:
    schema = Draft202012Validator(GEO_RISK.json_schema)
    for amount, fits in {"0": True, "-0.00": True, "240.5": True, "-1": False, "-0.01": False}.items():
        document = to_json(geo_risk()) | {"rto_cost_low": {"amount": amount, "currency": "INR"}}
        assert schema.is_valid(document) is fits
