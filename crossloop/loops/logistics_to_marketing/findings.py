"""What is said of one area: counts, estimate, trend and the figures marketing needs. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import cast

import numpy as np
from pydantic import JsonValue

from crossloop.loops.logistics_to_marketing.beta import Flags, Floats
from crossloop.loops.logistics_to_marketing.counts import Counts
from crossloop.loops.logistics_to_marketing.hierarchy import COARSE_TO_FINE, Geography, area_of
from crossloop.loops.logistics_to_marketing.judging import Assessment, Look, Spot, assess
from crossloop.money import Money
from crossloop.signals.entities import Area
from crossloop.signals.types.geo_risk import MOST_SHARES


@dataclass(frozen=True, slots=True)
class Finding:
    """One area as of a day."""

    area: Area
    first: date
    """First order day of the window."""

    last: date
    """Last order day of the window, inclusive."""

    orders: int
    """Orders of the window with a known outcome that counts for the metric."""

    failures: int
    earlier_orders: int
    """Orders of the windows before, as far as the history goes, with a known outcome that counts."""

    earlier_failures: int
    pending: int
    """Orders of the window without an outcome yet."""

    lost: int
    rate: float
    """Failures / orders as counted; 0 without orders."""

    estimate: float
    """Expected rate of the next window."""

    interval: tuple[float, float]
    """Central 90 % interval of that rate."""

    confidence: float
    """Probability that the rate of the next window is above the threshold."""

    clear_confidence: float
    """Probability that it is below the clearing threshold."""

    trend_per_week: float
    """Expected change of the rate from the window before, in rate points per seven days."""

    assessment: Assessment
    orders_per_day: float
    """All shipped orders of the window, by day."""

    order_value: Money | None
    """Mean value of an order of the window, in its most frequent currency."""

    cod_share: float | None
    """Share of cash on delivery among the orders whose payment is known."""

    area_order_share: Mapping[str, float] = field(default_factory=dict[str, float])
    """Share of the area among the window's orders of each area that contains it, by path."""

    share_of_country: Mapping[str, float] = field(default_factory=dict[str, float])
    """Share of the country's orders of the window that other areas have, by path; see the signal's field."""

    raises: bool = False
    """Opens a condition."""

    clears: bool = False
    """Closes the open condition."""

    still_open: bool = False
    """The condition was open and stays so."""

    def as_state(self, *, raises: bool = False, clears: bool = False, still_open: bool = False) -> Finding:
        """Return the same with what it does to the condition of its area."""
        return replace(self, raises=raises, clears=clears, still_open=still_open)


def describe(counts: Counts, where: Geography, seen: Look, spot: Spot, path: str | None = None) -> Finding:
    """Describe one area.

    Args:
        counts: for the names of currencies.
        where: for the names of areas.
        seen: what was known, judged.
        spot: the area.
        path: the path under which it was opened; its ancestors stay those of then.
    """
    level, index = spot
    settings, here = seen.settings, seen.known.at(level)
    one = np.array([index])
    rates = seen.rates(level, one)
    low, high = rates.interval()
    mean = float(rates.mean()[0])
    orders, failures = float(seen.orders(level)[index]), float(seen.failures(level)[index])
    inside = here.member == index
    window = seen.known.window
    paid = float(window.paid[inside].sum())
    area = area_of(where, seen.known, level, index)
    return Finding(
        area=area if path is None else _as_opened(area, path),
        first=seen.known.first,
        last=seen.known.last,
        orders=round(orders),
        failures=round(failures),
        earlier_orders=round(float(here.counted.orders[:-1, index].sum())),
        earlier_failures=round(float(here.counted.failures[:-1, index].sum())),
        pending=round(float(window.pending[inside].sum())),
        lost=round(float(window.lost[inside].sum())),
        rate=failures / orders if orders else 0.0,
        estimate=mean,
        # Where next to nothing ever fails, the mean of so skewed a distribution may lie beyond its quantiles.
        interval=(min(float(low[0]), mean), max(float(high[0]), mean)),
        confidence=float(rates.above(settings.threshold)[0]),
        clear_confidence=float(rates.below(settings.clear_threshold)[0]),
        trend_per_week=float(np.clip(seen.fitted[level].trend(one)[0], -1.0, 1.0)),
        assessment=assess(seen, level, one)[0],
        orders_per_day=float(window.shipped[inside].sum()) / settings.window_days,
        order_value=_order_value(counts, window.valued[:, inside], window.amount[:, inside]),
        cod_share=float(window.cod[inside].sum()) / paid if paid else None,
        area_order_share=_shares(where, seen, spot, inside),
        share_of_country=_shares_of_country(where, seen, area),
    )


def _as_opened(area: Area, path: str) -> Area:
    """The same area with the ancestors of its path."""
    parts = path.split("/")
    return area.model_copy(
        update={
            "state": parts[2] if len(parts) > 2 else None,
            "pin_prefix": parts[3] if len(parts) > 3 else None,
        }
    )


def _order_value(counts: Counts, valued: Floats, amount: Floats) -> Money | None:
    orders = valued.sum(axis=1)
    if not orders.any():
        return None
    most = int(orders.argmax())
    if not counts.currencies[most]:
        return None
    return Money.of(float(amount[most].sum() / orders[most]), counts.currencies[most])


def _shares(where: Geography, seen: Look, spot: Spot, inside: Flags) -> dict[str, float]:
    shares: dict[str, float] = {}
    shipped, index = seen.known.window.shipped, spot.area
    for depth in range(COARSE_TO_FINE.index(spot.level), 0, -1):
        index = int(seen.known.levels[depth].parent[index])
        above = COARSE_TO_FINE[depth - 1]
        around = seen.known.at(above).member == index
        total = float(shipped[around].sum())
        path = area_of(where, seen.known, above, index).path
        shares[path] = float(shipped[around & inside].sum()) / total if total else 0.0
    return shares


def _shares_of_country(where: Geography, seen: Look, area: Area) -> dict[str, float]:
    """What lies in each area that contains this one, and in itself: its states, prefixes, pin codes.

    A prefix lies in the state that more than half of its orders name.
    """
    codes = area.path.split("/")[1:]
    if len(codes) == 1:
        return {}  # nothing that is said here of countries is a share of one
    places, shipped = seen.known.places, seen.known.window.shipped
    shares: dict[str, float] = {}
    total = 0.0
    for depth, code in enumerate(codes[: len(COARSE_TO_FINE) - 1]):
        level, finer = COARSE_TO_FINE[depth : depth + 2]
        labels = where.labels[finer]
        around = [label == (area.country, code) for label in where.labels[level]]
        lies_in = np.array(around)[where.member[level][places]]
        total = total or float(shipped[lies_in].sum())
        member = where.member[finer][places]
        every = np.bincount(member, weights=shipped, minlength=len(labels))
        within = np.bincount(member[lies_in], weights=shipped[lies_in], minlength=len(labels))
        for child in np.flatnonzero(within > every / 2):
            if labels[child][1]:  # postal codes are empty where the data has none
                path = "/".join(("geo", *codes[: depth + 1], labels[child][1]))
                shares[path] = float(every[child]) / total
    return dict(sorted(shares.items(), key=lambda one: (-one[1], one[0]))[:MOST_SHARES])


def figures(seen: Look) -> dict[str, JsonValue]:
    """Window, areas looked at and parameters learnt, as JSON values."""
    levels: dict[str, JsonValue] = {}
    for level, fitted in seen.fitted.items():
        learnt = fitted.parameters
        levels[level] = {
            "areas": len(seen.known.at(level).ids),
            "large_enough": len(seen.large_enough(level)),
            "strength": round(learnt.strength, 1),
            "change_per_week": round(learnt.change, 5),
            "spread": round(learnt.spread, 7),
        }
    return {
        "window": [seen.known.first.isoformat(), seen.known.last.isoformat()],
        "windows": len(seen.known.daily.orders),
        "orders": round(float(seen.known.daily.orders[-1].sum())),
        "pending": round(float(seen.known.window.pending.sum())),
        "levels": cast("JsonValue", levels),
    }
