"""``logistics.geo_risk/1`` and ``logistics.geo_risk_cleared/1``: where parcels come back too often.

A payload that contradicts itself is refused, with the path of the field that does not fit. In this order:

1. The window does not end before it starts.
2. ``codes`` are the codes of ``areas``; every area is at the level of the signal and in one country, and
   stands there once. A subject that is a path of areas is that of the area, or of one that holds them all.
3. ``failures`` are among ``orders``, and ``rate`` is their quotient, rounded as it is written and to no less
   than two decimal places.
4. ``estimate`` lies in its ``interval``. (The counted ``rate`` may lie outside: chance moves it further.)
5. The costs of a return are an ascending range of one currency, from zero.
6. Shares of the country's orders are those of areas in the country of the signal, and its states together
   do not have more than all.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from crossloop.frozen import Frozen
from crossloop.ids import SignalId
from crossloop.money import Money
from crossloop.resources import covers
from crossloop.signals.catalogue import Intervention, SignalType
from crossloop.signals.entities.geography import Area, Level
from crossloop.signals.model import SignalData, contradiction

Metric = Literal["ndr", "rto"]
"""``ndr``: share of attempted parcels with a failed attempt. ``rto``: share of finished parcels that
were returned to origin. They are kept apart and named on every signal."""

Rate = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=0)]
Cost = Annotated[
    Money, Field(json_schema_extra={"properties": {"amount": {"pattern": r"^(?!-0*\.?0*[1-9])"}}})
]
"""Money of zero or more; the pattern is what JSON Schema can say of that."""

AreaPath = Annotated[str, Field(pattern=r"^geo/[A-Z]{2}(/[^/]+){1,3}$", max_length=200)]
"""Path of a state, prefix or pin code: ``geo/IN/KARNATAKA/560``."""

MOST_SHARES: Final = 500
"""Most areas whose share of the country's orders a signal holds."""

_ADDED_UP: Final = 1e-3
"""What rounding may add to a sum of shares."""

_SMALL: Final = 1e-9
"""What two computations of one number may differ by."""


class Window(Frozen):
    """Order days that were counted, both inclusive."""

    first: date
    last: date

    @model_validator(mode="after")
    def _ordered(self) -> Window:
        if self.last < self.first:
            raise contradiction("a window must not end before it starts", "last")
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
    """``failures / orders`` as counted; 0 where nothing was."""

    estimate: Rate
    """Posterior mean of the underlying rate, after borrowing strength from the areas around it; within
    ``interval``."""

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
        self._check_areas()
        if self.failures > self.orders:
            raise contradiction(f"failures cannot exceed orders ({self.orders})", "failures")
        counted = self.failures / self.orders if self.orders else 0.0
        if abs(self.rate - counted) > _rounding(self.rate) + _SMALL:
            raise contradiction(f"rate must be failures / orders, which is {counted:.6g}", "rate")
        low, high = self.interval
        if low > high:
            raise contradiction("the interval must not be empty: low is above high", "interval")
        if not low - _SMALL <= self.estimate <= high + _SMALL:
            raise contradiction(f"estimate must lie in its interval, {low:.6g} to {high:.6g}", "estimate")
        return self

    def _check_areas(self) -> None:
        if self.codes != tuple(area.code for area in self.areas):
            raise contradiction("codes must be the codes of areas, in the same order", "codes")
        seen: set[str] = set()
        for index, area in enumerate(self.areas):
            if area.level != self.level:
                raise contradiction("every area must be at the level of the signal", "areas", index, "level")
            if area.country != self.areas[0].country:
                raise contradiction("all areas must be in one country", "areas", index, "country")
            if area.path in seen:
                raise contradiction(f"{area.path} stands there twice", "areas", index)
            seen.add(area.path)

    def about(self, subject: str) -> bool:
        """False when the subject is a path of areas other than theirs, or than one that holds them all."""
        if subject.partition("/")[0] != "geo":
            return True
        if len(self.areas) == 1:
            return subject == self.areas[0].path
        return all(covers(subject, area.path) for area in self.areas)


class GeoRisk(GeoMeasure):
    """Parcels to this area fail more often than the threshold, for longer than a spike lasts."""

    assessment: Literal["structural", "transient", "undetermined"]
    """``structural`` when the excess holds over the window and over earlier weeks, ``transient`` when a
    few days carry it, else ``undetermined``."""

    rto_cost_low: Cost
    rto_cost_high: Cost
    """Assumed cost of one returned cash-on-delivery order, as a range of one currency."""

    orders_per_day: Annotated[float, Field(ge=0.0)]
    """Orders per day from the area over the window."""

    order_value: Money | None = None
    """Mean value of an order from the area, where amounts are known."""

    cod_share: Rate | None = None
    """Measured share of cash-on-delivery orders; none where the data has no payment method."""

    area_order_share: dict[str, Rate] = Field(default_factory=dict)
    """Share of this area among the orders of each area that contains it, by area path."""

    share_of_country: Annotated[
        dict[AreaPath, Rate],
        Field(max_length=MOST_SHARES, json_schema_extra={"additionalProperties": False}),
    ] = Field(default_factory=dict)
    """Share of the country's orders that other areas have, by area path: what a campaign with several areas
    spends in each is estimated from it. It holds the states, the prefixes of the area's own state and the pin
    codes of its own prefix, without those that had no order, and the largest where there are more than 500.
    An area that is not listed counts as one without orders."""

    @model_validator(mode="after")
    def _costs(self) -> GeoRisk:
        low, high = self.rto_cost_low, self.rto_cost_high
        if low.amount < 0:
            raise contradiction("a return cannot cost less than nothing", "rto_cost_low", "amount")
        if high.currency != low.currency:
            raise contradiction(
                f"both costs must be in one currency ({low.currency})", "rto_cost_high", "currency"
            )
        if high.amount < low.amount:
            raise contradiction(
                f"rto_cost_high must not be below rto_cost_low ({low})", "rto_cost_high", "amount"
            )
        return self

    @model_validator(mode="after")
    def _shares(self) -> GeoRisk:
        root = f"geo/{self.areas[0].country}/"
        for path in self.share_of_country:
            if not path.startswith(root):
                raise contradiction(
                    f"an area in the country of the signal starts with {root}", "share_of_country", path
                )
        states = sum(share for path, share in self.share_of_country.items() if path.count("/") == 2)
        if states > 1 + _ADDED_UP:
            raise contradiction(
                f"the states have {states:.6g} of the country's orders together", "share_of_country"
            )
        return self


class GeoRiskCleared(GeoMeasure):
    """The rate of an area that was at risk is back below the clearing threshold, on fresh evidence."""

    opened_by: SignalId
    """The signal that opened the condition."""

    open_since: date

    limit_when_opened: float | None = None
    """The clearing threshold when the condition was opened, where it was another one: the limit moved, and
    not only the rate. None where it is the same, or nobody knows."""


def _rounding(rate: float) -> float:
    """Half a unit in the last place of a rate as it is written, at most half a per cent."""
    exponent = Decimal(repr(rate)).as_tuple().exponent
    assert isinstance(exponent, int), f"{rate} is not finite"
    return min(0.005, 0.5 * 10.0**exponent)


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
