"""Settings written as text, read into a frozen model: one sentence for each mistake. Pure, no I/O.

Rules:

1. A name that the model does not have is refused with the nearest one that it has.
2. A number is written plainly: digits, a sign, a decimal point, at most six decimals (two for money). What
   other readers of numbers would take as well (``1e-400``, ``1_000``, ``nan``, digits of other scripts) is
   refused, because a person would not see what it means.
3. A value out of range is refused with the range, which is read from the model.
4. Where a share is expected and a number of per cent was probably meant, the share is suggested.
5. Two settings that contradict each other are refused with the model's own sentence, which opens with the
   name of the one to mend.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar, cast

from pydantic import ValidationError

from crossloop.errors import SettingError, Where
from crossloop.frozen import Frozen
from crossloop.loops.spelling import nearest

ModelT = TypeVar("ModelT", bound=Frozen)

_PLAIN: Final = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,6})?")
_OURS: Final = "Value error, "
"""How pydantic opens what a validator of the model itself says."""


class Contradiction(SettingError):
    """Each of these settings is in its range, and together they make no sense."""


def parse(model: type[ModelT], given: Mapping[str, str]) -> ModelT:
    """Read a model from text, as ``--set key=value`` hands it in; what is not given takes its default.

    Raises:
        SettingError: an unknown name, a value out of range, or settings that contradict each other.
    """
    for name in given:
        if name not in model.model_fields:
            raise SettingError(
                f"there is no setting '{name}'.",
                where=Where(field=name),
                next_step=nearest(name, tuple(model.model_fields)),
            )
    for name, text in given.items():
        if _number(model, name) is not None and _PLAIN.fullmatch(text) is None:
            raise _out_of_range(model, name, text, "Write a plain decimal number such as 0.25.")
    try:
        return model.model_validate(dict(given))
    except ValidationError as wrong:
        raise _said(model, given, wrong) from None


def check(model: type[Frozen], name: str, text: str) -> None:
    """Refuse a value that a setting can never have, whatever the others are.

    Raises:
        SettingError: there is no such setting, or the value is out of its range.
    """
    try:
        parse(model, {name: text})
    except Contradiction:
        return


def _said(model: type[Frozen], given: Mapping[str, str], wrong: ValidationError) -> SettingError:
    # A value out of range comes first: what it contradicts besides says less.
    errors = sorted(wrong.errors(include_url=False), key=lambda one: one["type"] == "value_error")
    first = errors[0]
    if first["type"] == "value_error":
        message = first["msg"].removeprefix(_OURS)
        name = message.split()[0]
        got = f", got '{given[name]}'" if name in given else ""
        return Contradiction(f"{message}{got}.", where=Where(field=name))
    name = str(first["loc"][0])
    return _out_of_range(model, name, given[name])


def _out_of_range(model: type[Frozen], name: str, text: str, next_step: str = "") -> SettingError:
    share = _as_share(model, name, text)
    return SettingError(
        f"{name} must be {_expected(model, name)}, got '{text}'.",
        where=Where(field=name),
        next_step=f"Did you mean {share}?" if share else next_step,
    )


def _as_share(model: type[Frozen], name: str, text: str) -> str:
    """The share that was probably meant by a number of per cent (rule 4); empty where none was."""
    plain, number = text.removesuffix("%"), _number(model, name)
    bounds = [] if number is None else [number.get(key) for key in ("maximum", "exclusiveMaximum")]
    if not any(one is not None and one <= 1 for one in bounds) or _PLAIN.fullmatch(plain) is None:
        return ""
    if plain == text and Decimal(text) <= 1:
        return ""
    share = Decimal(plain) / 100
    written = f"{share:.2f}" if share == round(share, 2) else f"{share:f}"
    try:
        check(model, name, written)
    except SettingError:
        return ""
    return written


def _shapes(model: type[Frozen], name: str) -> list[dict[str, Any]]:
    """What the JSON Schema of a field allows, each alternative by itself."""
    declared = model.model_json_schema()["properties"][name]
    return cast("list[dict[str, Any]]", declared.get("anyOf", [declared]))


def _number(model: type[Frozen], name: str) -> dict[str, Any] | None:
    return next((one for one in _shapes(model, name) if one.get("type") in ("number", "integer")), None)


def _expected(model: type[Frozen], name: str) -> str:
    """Say which values a field takes, from its declared bounds."""
    shapes = _shapes(model, name)
    number = _number(model, name)
    if number is None:
        words = [word for one in shapes for word in one.get("enum", [one["const"]] if "const" in one else [])]
        pattern = next((one["pattern"] for one in shapes if "pattern" in one), "")
        return "one of " + ", ".join(words) if words else f"a text of the form {pattern.strip('^$')}"
    kind = "a whole number" if number["type"] == "integer" else "a number"
    least, most, below = (number.get(key) for key in ("minimum", "maximum", "exclusiveMaximum"))
    low = f"above {_plain(number['exclusiveMinimum'])}" if least is None else f"from {_plain(least)}"
    if most is not None:
        return f"{kind} {low} {'and up to' if least is None else 'to'} {_plain(most)}"
    if below is not None:
        return f"{kind} {low} and below {_plain(below)}"
    return f"an amount {low}, with at most two decimals"


def _plain(bound: float) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)
