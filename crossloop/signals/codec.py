"""The codec: signals as canonical JSON, and back under the strictest reading.

Rules of ``decode``, in the order the code applies them; each refusal names the exact JSON path:

1. Strict JSON within a size limit (see ``crossloop.strict_json``).
2. The envelope is an object whose ``type`` the catalogue knows.
3. The payload fits the JSON Schema of its type.
4. Times are RFC 3339 with an offset; digits past the microsecond are cut off.
5. Envelope and payload fit the models, without any conversion of types.
6. The id is the one derived from type, source and deduplication key.

``decode(encode(signal), catalogue) == signal`` for every signal of the catalogue.

``body`` and ``from_body`` are the short way to and from the ledger: its bodies were written by this
package and are protected by the ledger's own hashes, so the models suffice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

import orjson
from jsonschema import Draft202012Validator
from jsonschema import exceptions as schema_errors
from pydantic import ValidationError, create_model

from crossloop import strict_json
from crossloop.canonical import JSON, NotCanonical, canonical_json, to_json
from crossloop.errors import SignalRefused, Where
from crossloop.ids import signal_id
from crossloop.signals.catalogue import Catalogue, SignalType
from crossloop.signals.model import Signal
from crossloop.strict_json import MAX_BYTES, dotted, member, shown

__all__ = ["MAX_BYTES", "body", "decode", "encode", "from_body", "from_values", "kind_of"]

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[-+]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What one signal type is checked with."""

    schema: Draft202012Validator
    model: type[Signal]
    """The signal with the payload's own type in place of the base."""


@lru_cache(maxsize=256)
def _compiled(kind: SignalType) -> _Compiled:
    schema = cast("Mapping[str, object]", kind.json_schema)
    Draft202012Validator.check_schema(schema)
    return _Compiled(
        schema=Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER),
        model=create_model("Signal", __base__=Signal, data=(kind.data, ...)),
    )


def encode(signal: Signal, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Return a signal as canonical JSON.

    Raises:
        SignalRefused: a text has no canonical form, or the result is larger than ``decode`` would take.
    """
    try:
        data = canonical_json(to_json(signal))
    except NotCanonical as wrong:
        field = wrong.path.removeprefix("$").removeprefix(".")
        raise SignalRefused(f"{wrong.reason}.", where=Where(field=field)) from None
    if len(data) > max_bytes:
        raise SignalRefused(
            f"the signal takes {len(data)} bytes; at most {max_bytes} are read.",
            next_step="Say it of fewer areas, or at a coarser level.",
        )
    return data


def decode(data: bytes, catalogue: Catalogue, *, max_bytes: int = MAX_BYTES) -> Signal:
    """Return the signal that the bytes hold.

    Raises:
        SignalRefused: a rule above is broken; ``where.field`` is the JSON path.
    """
    values = strict_json.loads(data, max_bytes=max_bytes, error=SignalRefused)
    if not isinstance(values, Mapping):
        raise SignalRefused(f"expected an object, got {_name(values)}.")
    return from_values(values, catalogue)


def body(signal: Signal) -> dict[str, JSON]:
    """Return a signal as the JSON values that its ledger entry keeps."""
    return to_json(signal)


def from_body(values: Mapping[str, JSON], catalogue: Catalogue) -> Signal:
    """Return the signal of a ledger body.

    Raises:
        SignalRefused: the catalogue does not know the type, or the body does not fit it.
    """
    return _built(_compiled(kind_of(values, catalogue)).model, values, strict=False)


def from_values(values: Mapping[str, JSON], catalogue: Catalogue) -> Signal:
    """Apply rules 2 to 6 to values that rule 1 let pass.

    Raises:
        SignalRefused: a rule is broken.
    """
    compiled = _compiled(kind_of(values, catalogue))
    if "data" in values:
        _check_payload(compiled.schema, values["data"])
    for name in ("time", "valid_until"):
        check_time(values.get(name), name)
    return _built(compiled.model, values, strict=True)


def kind_of(values: Mapping[str, JSON], catalogue: Catalogue) -> SignalType:
    """Return the signal type that an envelope names.

    Raises:
        SignalRefused: it names none, or one that the catalogue does not know.
    """
    name = values.get("type")
    if isinstance(name, str) and name in catalogue:
        return catalogue[name]
    got = f"'{shown(name, 100)}'" if isinstance(name, str) else _name(name)
    known = ", ".join(sorted(one.name for one in catalogue)) or "none"
    raise SignalRefused(
        f"expected a signal type of the catalogue, got {got}.",
        where=Where(field="type"),
        next_step=f"Known types: {known}.",
    )


def check_time(value: JSON, field: str) -> None:
    """Refuse text that is not RFC 3339: the model alone would take ``"1655000000"`` for a time.

    Raises:
        SignalRefused: it is text of another form.
    """
    if isinstance(value, str) and not _RFC3339.fullmatch(value):
        raise SignalRefused(
            f"expected a time such as 2022-06-12T18:30:00Z, got '{shown(value, 60)}'.",
            where=Where(field=field),
        )


def _built(model: type[Signal], values: Mapping[str, JSON], *, strict: bool) -> Signal:
    try:
        if strict:
            typed = model.model_validate_json(orjson.dumps(values), strict=True)
        else:
            typed = model.model_validate(values)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        if not first["loc"]:
            _check_id(values)
        message = first["msg"].removeprefix("Value error, ").rstrip(".")
        path = _path(values, first["loc"])
        raise SignalRefused(f"{shown(message)}.", where=Where(field=path or None)) from None
    return Signal.model_validate(typed.__dict__)


def _check_id(values: Mapping[str, JSON]) -> None:
    """The model knows that parts contradict each other, but not which path to name for a wrong id."""
    kind, source, key = (cast("str", values[name]) for name in ("type", "source", "dedup_key"))
    expected = signal_id(kind, source, key)
    if values["id"] != expected:
        raise SignalRefused(
            f"expected {expected}, which type, source and dedup_key give, "
            f"got '{shown(str(values['id']), 60)}'.",
            where=Where(field="id"),
        )


def _check_payload(schema: Draft202012Validator, payload: JSON) -> None:
    # The stubs of jsonschema leave both functions untyped.
    found = schema.iter_errors(payload)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    wrong = cast("schema_errors.ValidationError | None", schema_errors.best_match(found))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    if wrong is None:
        return
    path = dotted(["data", *wrong.absolute_path])
    raise SignalRefused(
        f"{shown(wrong.message)}.",
        where=Where(field=_culprit(wrong, path)),
        next_step=f"The schema is {cast('Mapping[str, str]', schema.schema)['$id']}.",
    )


def _culprit(wrong: schema_errors.ValidationError, path: str) -> str:
    """The path of a missing or surplus member itself; jsonschema gives that of the object around it."""
    instance = cast("Mapping[str, object]", wrong.instance)
    if wrong.validator == "required":
        required = cast("Sequence[str]", wrong.validator_value)
        missing = [name for name in required if name not in instance and repr(name) in wrong.message]
        return member(path, missing[0])
    if wrong.validator == "additionalProperties" and wrong.validator_value is False:
        declared = cast("Mapping[str, object]", wrong.schema).get("properties", {})
        surplus = [name for name in instance if name not in cast("Mapping[str, object]", declared)]
        return member(path, surplus[0])
    return path


def _path(values: JSON, location: Sequence[str | int]) -> str:
    """The JSON path of a pydantic location: branches of a union in it are not part of the document."""
    path: list[str | int] = []
    here: JSON = values
    for part in location:
        if isinstance(here, Mapping) and isinstance(part, str):
            path.append(part)
            here = here.get(part)
        elif isinstance(here, list) and isinstance(part, int):
            path.append(part)
            here = here[part] if part < len(here) else None
        else:
            break
    return dotted(path)


def _name(value: JSON) -> str:
    """What JSON calls a value."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return "an object"
    return "a number" if isinstance(value, int | float) else "an array"
