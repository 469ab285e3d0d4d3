"""What a backtest found: areas, conditions, how often each rule was right, reliability. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pydantic import JsonValue

from crossloop.loops.logistics_to_marketing.findings import Finding
from crossloop.loops.logistics_to_marketing.settings import Settings


@dataclass(frozen=True, slots=True)
class AreaDay:
    """One area on one day, and what came of it."""

    day: date
    finding: Finding
    next_orders: int
    next_failures: int


@dataclass(slots=True)
class Condition:
    """One condition that runs on every day would have opened (rule 4 of ``backtest``)."""

    path: str
    """The area, for example ``geo/IN/ASSAM``."""

    opened: date
    days: list[AreaDay]
    """Every evaluation day on which it was open and the area had a history, the first one included."""

    cleared: date | None = None
    """None where it was still open at the end."""

    def to_json(self) -> dict[str, JsonValue]:
        """Return the condition as JSON values; orders as in its rule 5, for this area alone."""
        orders = sum(one.next_orders for one in self.days)
        failures = sum(one.next_failures for one in self.days)
        return {
            "path": self.path,
            "opened": self.opened.isoformat(),
            "cleared": None if self.cleared is None else self.cleared.isoformat(),
            "days_open": len(self.days),
            "next_window_orders": orders,
            "next_window_rate": failures / orders if orders else None,
        }


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What one rule flagged over all evaluation days."""

    windows: int
    """Flagged areas, summed over the days."""

    areas: int
    """Different areas among them."""

    next_window_orders: int
    next_window_failures: int

    @property
    def next_window_rate(self) -> float | None:
        """Failure rate of the flagged areas in the next windows; none without orders."""
        orders = self.next_window_orders
        return self.next_window_failures / orders if orders else None

    def to_json(self) -> dict[str, JsonValue]:
        """Return the outcome as JSON values."""
        return {
            "windows": self.windows,
            "areas": self.areas,
            "next_window_rate": self.next_window_rate,
            "next_window_orders": self.next_window_orders,
        }


@dataclass(frozen=True, slots=True)
class Bin:
    """One line of the reliability table."""

    stated_low: float
    stated_high: float
    windows: int
    stated: float
    """Mean stated probability."""

    observed: float
    """Share of windows that did exceed the threshold."""

    def to_json(self) -> dict[str, JsonValue]:
        """Return the line as JSON values."""
        return {
            "stated_low": self.stated_low,
            "stated_high": self.stated_high,
            "windows": self.windows,
            "stated": self.stated,
            "observed": self.observed,
        }


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """What detection would have said, and how right it would have been. Its ``repr`` is one line."""

    settings: Settings
    first: date
    """First evaluation day."""

    last: date
    """Last evaluation day, inclusive."""

    orders: int
    """Orders of the data with a known outcome."""

    failures: int
    model: RuleOutcome
    literal_rule: RuleOutcome
    reliability: tuple[Bin, ...]
    """Only bins that hold windows."""

    flagged: tuple[AreaDay, ...]
    """Everything the model flagged, by day."""

    conditions: tuple[Condition, ...]
    """In the order in which they opened; what would have been done about them is decided elsewhere."""

    @property
    def days(self) -> int:
        """Number of evaluation days."""
        return (self.last - self.first).days + 1

    @property
    def base_rate(self) -> float | None:
        """Failure rate of all orders with a known outcome."""
        return self.failures / self.orders if self.orders else None

    def in_a_line(self) -> str:
        """What it comes to, in a line."""
        model, rate = self.model, self.model.next_window_rate
        came = "" if rate is None else f", of whose next orders {rate:.1%} failed"
        return (
            f"{self.first} to {self.last}, {self.orders} orders: {model.areas} areas flagged in "
            f"{model.windows} windows{came}"
        )

    def __repr__(self) -> str:
        return f"<BacktestReport {self.in_a_line()}; in full: .flagged, .to_json()>"

    @property
    def expected_calibration_error(self) -> float | None:
        """Mean distance between stated and observed, weighted by windows; none without windows."""
        windows = sum(one.windows for one in self.reliability)
        off = sum(abs(one.stated - one.observed) * one.windows for one in self.reliability)
        return off / windows if windows else None

    def to_json(self) -> dict[str, JsonValue]:
        """Return the report as JSON values, without actions and saving."""
        return {
            "days": self.days,
            "first_day": self.first.isoformat(),
            "last_day": self.last.isoformat(),
            "level": self.settings.level,
            "metric": self.settings.metric,
            "threshold": self.settings.threshold,
            "maturity_days": self.settings.maturity_days,
            "orders": self.orders,
            "base_rate": self.base_rate,
            "model": self.model.to_json(),
            "literal_rule": self.literal_rule.to_json(),
            "conditions": [one.to_json() for one in self.conditions],
            "reliability": [one.to_json() for one in self.reliability],
            "expected_calibration_error": self.expected_calibration_error,
        }
