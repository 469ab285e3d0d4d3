"""What the owner of the first loop can set about detection, with defaults, units and ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, get_args

from annotated_types import Ge, Gt, Le, Lt
from pydantic import Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from crossloop.errors import SettingError, Where
from crossloop.frozen import Frozen
from crossloop.loops.spelling import nearest
from crossloop.signals.entities import Level
from crossloop.signals.types.geo_risk import Metric

CLEAR_SHARE: Final = 0.8
"""Without a clearing threshold of its own, a condition clears below this share of the threshold."""


class Settings(Frozen):
    """Settings of detection and backtest. Build from text with :meth:`parse`."""

    metric: Metric = "rto"
    """``rto``: returned to origin among finished orders. ``ndr``: failed attempt among attempted orders."""

    threshold: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.25
    """Rate above which an area is at risk."""

    window_days: Annotated[int, Field(ge=1, le=56)] = 7
    """Order days in one window, and in the next one that is predicted."""

    clear_threshold: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        default_factory=lambda data: round(CLEAR_SHARE * data.get("threshold", 0.5), 6)
    )
    """Rate below which an open condition clears; 0.8 of the threshold unless set, and not above it."""

    confidence: Annotated[float, Field(ge=0.5, lt=1.0)] = 0.80
    """Probability that has to be reached to open a condition, and to clear one."""

    min_orders: Annotated[int, Field(ge=1, le=1_000_000)] = 20
    """Orders with a known outcome that the window must hold before anything is said about an area."""

    level: Level | Literal["auto"] = "auto"
    """The level to report at; ``auto`` reports wherever something can be said."""

    maturity_days: Annotated[int, Field(ge=0, le=120)] = 10
    """Days an order is given to show its outcome before its cohort is counted."""

    history_days: Annotated[int, Field(ge=14, le=1100)] = 91
    """Days of finished cohorts to learn from, the window included."""

    @model_validator(mode="after")
    def _ordered(self) -> Settings:
        if self.clear_threshold > self.threshold:
            raise ValueError(f"clear_threshold must not be above threshold ({self.threshold:g})")
        if self.history_days < 2 * self.window_days:
            raise ValueError(f"history_days must hold two windows ({2 * self.window_days} days)")
        return self

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Settings:
        """Read settings from text, as ``--set key=value`` hands them in.

        Raises:
            SettingError: an unknown name (with the nearest known one), or a value out of range.
        """
        for name in given:
            if name not in cls.model_fields:
                raise SettingError(
                    f"there is no setting '{name}'.",
                    where=Where(field=name),
                    next_step=nearest(name, tuple(cls.model_fields)),
                )
        try:
            return cls.model_validate(dict(given))
        except ValidationError as wrong:
            first = wrong.errors(include_url=False)[0]
            if not first["loc"]:  # two settings contradict each other; the message opens with the one to mend
                message = str(first["msg"]).removeprefix("Value error, ")
                raise SettingError(f"{message}.", where=Where(field=message.split()[0])) from None
            name = str(first["loc"][0])
            expected = _range(cls.model_fields[name])
            raise SettingError(
                f"{name} must be {expected}, got '{given[name]}'.", where=Where(field=name)
            ) from None


def _range(field: FieldInfo) -> str:
    """Say which values a field takes, from its declared bounds."""
    lows = [bound for bound in field.metadata if isinstance(bound, Ge | Gt)]
    highs = [bound for bound in field.metadata if isinstance(bound, Le | Lt)]
    if not lows or not highs:
        return "one of " + ", ".join(_words(field.annotation))
    low, high = lows[0], highs[0]
    kind = "a whole number" if field.annotation is int else "a number"
    above = f"from {low.ge}" if isinstance(low, Ge) else f"above {low.gt:g}"
    below = f"to {high.le}" if isinstance(high, Le) else f"below {high.lt:g}"
    return f"{kind} {above} {'' if isinstance(high, Le) else 'and '}{below}"


def _words(annotation: object) -> list[str]:
    """The words of a literal type, or of a union of them."""
    words: list[str] = []
    for part in get_args(annotation):
        words += [part] if isinstance(part, str) else _words(part)
    return words
