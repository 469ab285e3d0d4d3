"""``logistics.geo_risk/1`` and ``logistics.geo_risk_cleared/1``: where parcels come back too often."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from crossloop.frozen import Frozen
from crossloop.ids import SignalId
from crossloop.money import Money
from crossloop.signals.catalogue import Intervention, SignalType
from crossloop.signals.entities.geography import Area, Level
from crossloop.signals.model import SignalData

Metric = Literal["ndr", "rto"]
"""``ndr``: share of attempted parcels with a failed attempt. ``rto``: share of finished parcels that
were returned to origin. They are kept apart and named on every signal."""

Rate = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=0)]


class Window(Frozen):
    """Order days that were counted, both inclusive."""

    first: date
    last: date

    @model_validator(mode="after")
    def _ordered(self) -> Window:
        if self.last < self.first:
            raise ValueError("a window must not end before it starts")
        return self


class GeoMeasure(SignalData):
    """What was counted and estimated for one area; shared by both signal types."""

    metric: Metric
    level: Level
    codes: Annotated[tuple[str, ...], Field(min_length=1, max_length=20000)]
    """Codes of the affected areas at ``level``."""

    areas: Annotated[tuple[Area, ...], Field(min_length=1, max_length=20000)]
    """The same with their ancestors, in the same order."""

    window: Window
    orders: Count
    """Orders of the window whose outcome counts for the metric."""

    failures: Count
    """Those among them that failed."""

    pending: Count
    """Orders of the window without an outcome yet: neither success nor failure."""

    lost: Count = 0
    """Lost or damaged, counted apart."""

    rate: Rate
    """``failures / orders`` as counted."""

    estimate: Rate
    """Posterior mean of the underlying rate, after borrowing strength from the areas around it."""

    interval: tuple[Rate, Rate]
    """Central 90 % posterior interval of the underlying rate."""

    trend_per_week: Annotated[float, Field(ge=-1.0, le=1.0)]
    """Change of the underlying rate against the week before, in rate points per week."""

    threshold: Rate
    """The rate the estimate was compared with."""

    maturity_days: Count
    """Days an order was given to show its outcome."""

    @model_validator(mode="after")
    def _consistent(self) -> GeoMeasure:
        if self.failures > self.orders:
            raise ValueError("failures cannot exceed orders")
        if self.codes != tuple(area.code for area in self.areas):
            raise ValueError("codes must be the codes of areas, in the same order")
        if any(area.level != self.level for area in self.areas):
            raise ValueError("every area must be at the level of the signal")
        if not self.interval[0] <= self.interval[1]:
            raise ValueError("the interval must not be empty")
        return self


class GeoRisk(GeoMeasure):
    """Parcels to this area fail more often than the threshold, for longer than a spike lasts."""

    assessment: Literal["structural", "transient", "undetermined"]
    """``structural`` when the excess holds over the window and over earlier weeks, ``transient`` when a
    few days carry it, else ``undetermined``."""

    rto_cost_low: Money
    rto_cost_high: Money
    """Assumed cost of one returned cash-on-delivery order, as a range."""

    orders_per_day: Annotated[float, Field(ge=0.0)]
    """Orders per day from the area over the window."""

    order_value: Money | None = None
    """Mean value of an order from the area, where amounts are known."""

    cod_share: Rate | None = None
    """Measured share of cash-on-delivery orders; none where the data has no payment method."""

    area_order_share: dict[str, Rate] = Field(default_factory=dict)
    """Share of this area among the orders of each area that contains it, by area path."""


class GeoRiskCleared(GeoMeasure):
    """The rate of an area that was at risk is back below the clearing threshold, on fresh evidence."""

    opened_by: SignalId
    """The signal that opened the condition."""

    open_since: date


EXCLUDE: Final = Intervention("exclude", "costly", "Stop advertising in the area altogether.")
REDUCE_BID: Final = Intervention("reduce_bid", "reversible", "Bid less in the area.")
SUPPRESS_COD: Final = Intervention(
    "suppress_cod", "reversible", "Stop showing the campaign to likely cash-on-delivery buyers of the area."
)
LIFT: Final = Intervention("lift", "reversible", "Take an earlier suppression back.")

GEO_RISK: Final = SignalType(
    name="logistics.geo_risk/1",
    data=GeoRisk,
    summary="Delivery failures or returns to origin in an area are above the threshold, and stay there.",
    confidence_means=(
        "Posterior probability that the area's underlying rate in the next window exceeds the threshold."
    ),
    thresholds="threshold (rate) and confidence (opening), set by the owner of the loop.",
    interventions=(SUPPRESS_COD, REDUCE_BID, EXCLUDE),
)

GEO_RISK_CLEARED: Final = SignalType(
    name="logistics.geo_risk_cleared/1",
    data=GeoRiskCleared,
    summary="The rate of an area that was at risk has come back below the clearing threshold.",
    confidence_means=(
        "Posterior probability that the area's underlying rate in the next window is below the clearing "
        "threshold."
    ),
    thresholds="clear_threshold (rate) and confidence (clearing), set by the owner of the loop.",
    interventions=(LIFT,),
    clears=GEO_RISK.name,
)
