"""What a JSON Schema says is kept by what is generated from it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, Field, JsonValue, model_validator

from crossloop.canonical import canonical_json
from crossloop.testing.from_schema import from_schema, models

SCHEMAS: list[dict[str, Any]] = [
    {"type": "null"},
    {"type": "boolean"},
    {"type": "integer", "minimum": 3, "exclusiveMaximum": 9},
    {"type": "integer", "exclusiveMinimum": 3, "maximum": 9},
    {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
    {"type": ["string", "integer"]},
    {"type": "string", "minLength": 2, "maxLength": 3},
    {"type": "string", "pattern": "^[a-z]{3}$", "maxLength": 3},
    {"type": "string", "pattern": "[0-9]"},
    {"const": [1, {"a": None}]},
    {"enum": ["a", 2, None]},
    {"anyOf": [{"type": "null"}, {"type": "integer"}]},
    {"oneOf": [{"type": "null"}, {"type": "integer"}]},
    {"allOf": [{"type": "integer"}]},
    {},
    {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3, "uniqueItems": True},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "null"}], "minItems": 2, "maxItems": 2},
    {"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"}}, "required": ["a"]},
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1, "maxProperties": 2},
    {"type": "object", "additionalProperties": False},
    {"type": "object", "additionalProperties": True},
    {"type": "object", "patternProperties": {"^x[0-9]$": {"type": "null"}}, "additionalProperties": False},
    {"type": "object", "propertyNames": {"pattern": "^k[0-9]$"}, "additionalProperties": {"type": "null"}},
    {
        "$ref": "#/$defs/tree",
        "$defs": {
            "tree": {
                "type": "object",
                "properties": {"leaves": {"type": "array", "items": {"$ref": "#/$defs/tree"}, "maxItems": 1}},
            }
        },
    },
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: str(schema)[:60])
@given(data=st.data())
def test_a_generated_value_is_one_that_the_schema_describes(
    schema: dict[str, Any], data: st.DataObject
) -> None:
    value: JsonValue = data.draw(from_schema(schema))
    jsonschema.Draft202012Validator(schema).validate(value)
    canonical_json(value)


def test_a_type_that_json_schema_does_not_know_is_named() -> None:
    with pytest.raises(ValueError, match="'decimal', which is none"):
        from_schema({"type": "decimal"})


class Everything(BaseModel):
    """Fields of every kind that a payload has."""

    day: date
    at: AwareDatetime
    moment: datetime
    lasts: timedelta
    amount: Decimal
    pair: tuple[int, Annotated[str, Field(max_length=3)]]
    named: dict[str, float]
    anything: JsonValue
    inner: Everything | None = None


@given(models(Everything))
def test_a_model_is_generated_from_its_own_schema(value: Everything) -> None:
    assert Everything.model_validate_json(value.model_dump_json()) == value


class Ordered(BaseModel):
    low: Annotated[int, Field(ge=0, le=9)]
    high: Annotated[int, Field(ge=0, le=9)]

    @model_validator(mode="after")
    def _ordered(self) -> Ordered:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


@given(models(Ordered))
def test_what_a_model_refuses_is_drawn_again(value: Ordered) -> None:
    assert value.low <= value.high
