"""Values of a pydantic model, generated from the JSON Schema that the model publishes.

Rules:

1. What the schema says is kept: types, bounds, patterns, formats, lengths, enumerations, references.
2. Rules that a schema cannot say (one field against another) are left to the model: what it refuses is drawn
   again. A model that refuses nearly everything needs a strategy of its own.
3. Everything generated has a canonical form: no U+0000, no lone surrogates, ASCII keys, numbers below 2**53.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

import orjson
from pydantic import BaseModel, JsonValue, ValidationError

from crossloop.canonical import JSON
from crossloop.extras import require

require("generating test data", extra="testing", modules=("hypothesis",))

from hypothesis import reject  # noqa: E402 - explained above where it is missing
from hypothesis import strategies as st  # noqa: E402

ModelT = TypeVar("ModelT", bound=BaseModel)
Schema = Mapping[str, Any]
Drawn = st.SearchStrategy[JsonValue]

EXACT: Final = 2**53 - 1
"""The greatest integer that JSON keeps exactly everywhere."""

_MOST: Final = 4
"""Items that a list has beyond those it must have."""

_TEXT: Final = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
_FORMATS: Final[Mapping[str, Callable[[], Drawn]]] = {
    "date": lambda: st.dates().map(lambda day: day.isoformat()),
    "date-time": lambda: st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    "time": lambda: st.times().map(lambda moment: moment.isoformat() + "Z"),
    "duration": lambda: st.integers(0, 10**6).map(lambda seconds: f"PT{seconds}S"),
    "uuid": lambda: st.uuids().map(str),
    "email": lambda: st.emails(),
}


def models(model: type[ModelT]) -> st.SearchStrategy[ModelT]:
    """Values of a model, from its own JSON Schema."""
    schema = model.model_json_schema(mode="validation")
    return _validated(from_schema(schema), model)


@st.composite
def _validated(draw: st.DrawFn, values: Drawn, model: type[ModelT]) -> ModelT:
    try:
        return model.model_validate_json(orjson.dumps(draw(values)))
    except ValidationError:
        reject()


def from_schema(schema: Mapping[str, JSON]) -> Drawn:
    """JSON values that a schema describes.

    Raises:
        ValueError: the schema says something that this module does not read.
    """
    return _Reader(cast("Schema", schema.get("$defs", {}))).read(schema)


class _Reader:
    """Reads a schema with its definitions; each definition is read once, so that it may name itself."""

    def __init__(self, definitions: Schema) -> None:
        self._definitions = definitions
        self._known: dict[str, Drawn] = {}

    def read(self, schema: Schema) -> Drawn:
        if "$ref" in schema:
            return self._named(str(schema["$ref"]).removeprefix("#/$defs/"))
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(cast("Sequence[Any]", schema["enum"]))
        for among in ("anyOf", "oneOf"):
            if among in schema:
                return st.one_of(*(self.read(one) for one in schema[among]))
        if "allOf" in schema:
            (only,) = schema["allOf"]
            return self.read(only)
        kind = schema.get("type")
        if kind is None:
            return json_values()
        if isinstance(kind, list):
            return st.one_of(*(self.read({**schema, "type": one}) for one in cast("list[str]", kind)))
        return self._typed(str(kind), schema)

    def _named(self, name: str) -> Drawn:
        if name not in self._known:
            self._known[name] = st.deferred(lambda: self.read(self._definitions[name]))
        return self._known[name]

    def _typed(self, kind: str, schema: Schema) -> Drawn:
        match kind:
            case "null":
                return st.none()
            case "boolean":
                return st.booleans()
            case "integer":
                return st.integers(*_whole(schema))
            case "number":
                return _numbers(schema)
            case "string":
                return _texts(schema)
            case "array":
                return self._list(schema)
            case "object":
                return self._object(schema)
            case _:
                raise ValueError(f"a schema has the type {kind!r}, which is none of JSON Schema")

    def _list(self, schema: Schema) -> Drawn:
        first: list[Schema] = list(schema.get("prefixItems", ()))
        if first:
            return st.tuples(*(self.read(one) for one in first)).map(list)
        least = int(schema.get("minItems", 0))
        most = min(int(schema.get("maxItems", EXACT)), least + _MOST)
        unique: Callable[[Any], bytes] | None = _same if schema.get("uniqueItems") else None
        return st.lists(self.read(schema.get("items", {})), min_size=least, max_size=most, unique_by=unique)

    def _object(self, schema: Schema) -> Drawn:
        properties = cast("Mapping[str, Schema]", schema.get("properties", {}))
        required = set(cast("Sequence[str]", schema.get("required", ())))
        if properties:
            named = {name: self.read(one) for name, one in properties.items()}
            return st.fixed_dictionaries(
                {name: one for name, one in named.items() if name in required},
                optional={name: one for name, one in named.items() if name not in required},
            )
        patterns = cast("Mapping[str, Schema]", schema.get("patternProperties", {}))
        least = int(schema.get("minProperties", 0))
        most = min(int(schema.get("maxProperties", EXACT)), least + _MOST)
        for pattern, one in patterns.items():
            return st.dictionaries(_matching(pattern), self.read(one), min_size=least, max_size=most)
        values = schema.get("additionalProperties", {})
        if values is False:
            return st.just({})
        keys = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8)
        named_by = schema.get("propertyNames", {})
        if "pattern" in named_by:
            keys = _matching(named_by["pattern"])
        inner = json_values() if values is True else self.read(values)
        return st.dictionaries(keys, inner, min_size=least, max_size=most)


def json_values() -> Drawn:
    """Any JSON value that has a canonical form."""
    scalars = (
        st.none()
        | st.booleans()
        | st.integers(-EXACT, EXACT)
        | st.floats(-float(EXACT), float(EXACT), allow_nan=False)
        | st.text(_TEXT, min_size=1, max_size=40)
    )
    keys = st.text(st.characters(max_codepoint=127, exclude_characters="\x00"), max_size=8)
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=12,
    )


def _whole(schema: Schema) -> tuple[int, int]:
    least = int(schema.get("minimum", -EXACT))
    most = int(schema.get("maximum", EXACT))
    if "exclusiveMinimum" in schema:
        least = int(schema["exclusiveMinimum"]) + 1
    if "exclusiveMaximum" in schema:
        most = int(schema["exclusiveMaximum"]) - 1
    return least, most


def _numbers(schema: Schema) -> Drawn:
    return st.floats(
        float(schema.get("exclusiveMinimum", schema.get("minimum", -EXACT))),
        float(schema.get("exclusiveMaximum", schema.get("maximum", EXACT))),
        allow_nan=False,
        exclude_min="exclusiveMinimum" in schema,
        exclude_max="exclusiveMaximum" in schema,
    )


def _texts(schema: Schema) -> Drawn:
    known = _FORMATS.get(str(schema.get("format")))
    if known is not None:
        return known()
    least = int(schema.get("minLength", 0))
    most = int(schema.get("maxLength", least + 40))
    if "pattern" in schema:
        return _matching(str(schema["pattern"])).filter(lambda text: least <= len(text) <= most)
    return st.text(_TEXT, min_size=least, max_size=min(most, least + 40))


def _matching(pattern: str) -> st.SearchStrategy[str]:
    # As a whole where the pattern is anchored: Python's $ would take a newline after it.
    whole = pattern.startswith("^") and pattern.endswith("$")
    return st.from_regex(pattern, fullmatch=whole, alphabet=_TEXT)


def _same(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
