"""What the owner of the first loop can set about detection, with defaults, units and ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from crossloop.frozen import Frozen
from crossloop.loops.parsing import parse
from crossloop.signals.entities import Level
from crossloop.signals.types.geo_risk import Metric

CLEAR_SHARE: Final = 0.8
"""Without a clearing threshold of its own, a condition clears below this share of the threshold."""


class Settings(Frozen):
    """Settings of detection and backtest. Build from text with :meth:`Settings.parse`."""

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
        """Read settings from text; see :func:`crossloop.loops.parsing.parse`."""
        return parse(cls, given)
