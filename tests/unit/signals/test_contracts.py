"""The exported schemas are valid, stand alone, and let every signal of the models pass."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from crossloop.signals import Signal
from crossloop.signals.codec import body
from crossloop.signals.contracts import event_schemas, schemas
from crossloop.testing.strategies import signals
from tests.support.governed import CATALOGUE
from tests.support.samples import geo_risk_signal

EVERY = [*schemas(CATALOGUE).values(), *event_schemas(CATALOGUE).values()]


@pytest.mark.parametrize("schema", EVERY, ids=lambda schema: schema["$id"])
def test_a_schema_is_draft_2020_12_and_plain_json(schema: dict[str, Any]) -> None:
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema


def test_every_type_has_its_schema_under_its_name() -> None:
    for exported in (schemas(CATALOGUE), event_schemas(CATALOGUE)):
        assert list(exported) == ["logistics.geo_risk/1", "logistics.geo_risk_cleared/1"]
    assert len({schema["$id"] for schema in EVERY}) == len(EVERY)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(signals())
def test_what_the_model_lets_pass_the_schema_lets_pass(signal: Signal) -> None:
    Draft202012Validator(schemas(CATALOGUE)[signal.type]).validate(body(signal)["data"])


def test_the_schema_of_an_event_looks_into_the_payload() -> None:
    checker = Draft202012Validator(event_schemas(CATALOGUE)["logistics.geo_risk/1"])
    values = body(geo_risk_signal())
    data = {name: values[name] for name in ("confidence", "valid_until", "data")}
    assert checker.is_valid(data)
    assert not checker.is_valid(
        {**data, "data": {**geo_risk_signal().data.model_dump(), "level": "district"}}
    )
    assert not checker.is_valid({**data, "confidence": 2})
    assert not checker.is_valid({name: data[name] for name in ("confidence", "data")})


def test_fields_carry_their_descriptions() -> None:
    properties: Any = schemas(CATALOGUE)["logistics.geo_risk/1"]["properties"]
    assert "posterior interval" in properties["interval"]["description"]
