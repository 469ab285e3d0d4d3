"""What is known on one day, at every level of the geography. Pure, no I/O.

Rules:

1. An area counts everything that names it: a state's orders are those whose shipments name the state, a
   prefix's those whose pin code begins with it. Counts of one level are not sums of another.
2. A pin code lies in its prefix; a prefix lies in the state to which most of its known orders went; a state
   lies in its country.
3. On day D the last window ends ``maturity_days`` before D; earlier windows lie before it without a gap. An
   outcome known only after D is pending on D. Nothing ordered after D exists.
4. A place that nobody had ordered to by D (within the history) does not exist on D.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from crossloop.loops.logistics_to_marketing.beta import Flags, Floats, Ints
from crossloop.loops.logistics_to_marketing.counts import Counts, from_day, to_day
from crossloop.loops.logistics_to_marketing.model import Nested, Series
from crossloop.loops.logistics_to_marketing.settings import Settings
from crossloop.signals.entities import LEVELS, Area, Level

COARSE_TO_FINE: Final[tuple[Level, ...]] = tuple(reversed(LEVELS))


@dataclass(frozen=True, slots=True)
class Geography:
    """Which areas every place lies in; the same for all days."""

    labels: Mapping[Level, tuple[tuple[str, str], ...]]
    """Country and code of every area, sorted, for each level."""

    member: Mapping[Level, Ints]
    """Index of the area in which each place lies, for each level."""


def geography(counts: Counts) -> Geography:
    """Name the areas of every place."""
    named: dict[Level, list[tuple[str, str]]] = {
        "country": [(place.country, place.country) for place in counts.places],
        "state": [(place.country, place.state) for place in counts.places],
        "pin_prefix": [(place.country, place.pin_code[:3]) for place in counts.places],
        "pin_code": [(place.country, place.pin_code) for place in counts.places],
    }
    labels: dict[Level, tuple[tuple[str, str], ...]] = {}
    member: dict[Level, Ints] = {}
    for level, names in named.items():
        labels[level] = tuple(sorted(set(names)))
        index = {label: number for number, label in enumerate(labels[level])}
        member[level] = np.array([index[name] for name in names], dtype=np.int64)
    return Geography(labels, member)


@dataclass(frozen=True, slots=True)
class LevelAreas:
    """The areas of one level that exist on a day."""

    level: Level
    ids: Ints
    """Index of each area among the labels of the level."""

    member: Ints
    """Index of the area in which each existing place lies."""

    parent: Ints
    """Index of each area's parent among the areas of the level above; zeros for a country."""

    series: Series
    """Orders and failures by window, the oldest first."""

    inside: Series
    """The part of it that the parent counts too."""

    def nested(self) -> Nested:
        """Return the level as the model wants it."""
        return Nested(self.series, self.parent, self.inside)


@dataclass(frozen=True, slots=True)
class Tally:
    """The last window by place: arrays of shape (places,), but for those by day."""

    pending: Floats
    lost: Floats
    shipped: Floats
    cod: Floats
    paid: Floats
    orders_by_day: Floats
    """Shape (days of the window, places), the last day first."""

    failures_by_day: Floats
    valued: Floats
    """Orders with a known value, of shape (currencies, places)."""

    amount: Floats
    """Sum of their values, of shape (currencies, places)."""


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that was known on one day."""

    first: date
    """First order day of the last window."""

    last: date
    """Last order day of the last window, inclusive."""

    places: Ints
    """Index of each existing place among the places of the counts."""

    orders: Floats
    """Orders with a known outcome, of shape (windows, places), the oldest window first."""

    failures: Floats
    window: Tally
    levels: tuple[LevelAreas, ...]
    """From country to pin code."""

    def at(self, level: Level) -> LevelAreas:
        """Return one level."""
        return self.levels[COARSE_TO_FINE.index(level)]

    def of(self, places: Flags) -> Series:
        """Count some places together, as one area."""
        return Series(
            self.orders[:, places].sum(axis=1, keepdims=True),
            self.failures[:, places].sum(axis=1, keepdims=True),
        )


def known_on(counts: Counts, where: Geography, settings: Settings, as_of: date) -> Known | None:
    """Return what was known on a day; None when no finished cohort was known yet."""
    today = from_day(as_of)
    last = today - settings.maturity_days
    windows = min(settings.history_days, last - counts.first_day + 1)
    windows = -(-windows // settings.window_days)  # a first window that is cut short counts too
    if not len(counts.day) or windows < 1:
        return None
    back = (last - counts.day) // settings.window_days
    cohort = (counts.day <= last) & (back < windows)
    places = np.unique(counts.place[cohort])
    if not len(places):
        return None
    local = np.full(len(counts.places), -1, dtype=np.int64)
    local[places] = np.arange(len(places))
    cells = np.flatnonzero(cohort)
    settled = cells[counts.known[cells] <= today]
    key = (windows - 1 - back[settled]) * len(places) + local[counts.place[settled]]
    shape = (windows, len(places))
    orders = _summed(key, counts.finished[settled], shape)
    failures = _summed(key, counts.failures[settled], shape)
    return Known(
        first=to_day(last - settings.window_days + 1),
        last=to_day(last),
        places=places,
        orders=orders,
        failures=failures,
        window=_tally(counts, local, len(places), settings, today),
        levels=_levels(where, places, orders, failures),
    )


def _tally(counts: Counts, local: Ints, places: int, settings: Settings, today: int) -> Tally:
    back = today - settings.maturity_days - counts.day
    cells = np.flatnonzero((back >= 0) & (back < settings.window_days))
    place, known = local[counts.place[cells]], counts.known[cells] <= today
    settled, here = cells[known], place[known]

    def total(values: Floats) -> Floats:
        return _total(place, values[cells], places)

    finished = _total(here, counts.finished[settled], places)
    lost = _total(here, counts.lost[settled], places)
    by_day = back[settled] * places + here
    by_currency = counts.currency[cells] * places + place
    days, currencies = (settings.window_days, places), (len(counts.currencies), places)
    shipped = total(counts.shipped)
    return Tally(
        pending=shipped - finished - lost,
        lost=lost,
        shipped=shipped,
        cod=total(counts.cod),
        paid=total(counts.paid),
        orders_by_day=_summed(by_day, counts.finished[settled], days),
        failures_by_day=_summed(by_day, counts.failures[settled], days),
        valued=_summed(by_currency, counts.valued[cells], currencies),
        amount=_summed(by_currency, counts.amount[cells], currencies),
    )


def _levels(where: Geography, places: Ints, orders: Floats, failures: Floats) -> tuple[LevelAreas, ...]:
    levels: list[LevelAreas] = []
    weight = orders.sum(axis=0)
    for level in COARSE_TO_FINE:
        ids, member = np.unique(where.member[level][places], return_inverse=True)
        areas = len(ids)
        if levels:
            above = levels[-1].member
            parent = _most(member, above, weight, areas)
            within = parent[member] == above
        else:
            parent, within = np.zeros(areas, dtype=np.int64), np.ones(len(places), dtype=np.bool_)
        series = Series(together(orders, member, areas), together(failures, member, areas))
        inside = Series(together(orders * within, member, areas), together(failures * within, member, areas))
        levels.append(LevelAreas(level, ids, member, parent, series, inside))
    return tuple(levels)


def _most(member: Ints, above: Ints, weight: Floats, areas: int) -> Ints:
    """The parent in which most orders of each area are; of equal ones the first by name."""
    width = int(above.max()) + 1
    pairs, index = np.unique(member * width + above, return_inverse=True)
    held = _total(index, weight, len(pairs))
    order = np.lexsort((pairs % width, -held, pairs // width))
    child = pairs[order] // width
    parent = np.zeros(areas, dtype=np.int64)
    first = np.flatnonzero(np.diff(child, prepend=-1))
    parent[child[first]] = (pairs[order] % width)[first]
    return parent


def together(values: Floats, member: Ints, areas: int) -> Floats:
    """Add up the places of each area: shape (rows, places) becomes (rows, areas)."""
    rows = len(values)
    offset: Ints = np.arange(rows, dtype=np.int64)[:, np.newaxis] * areas
    key: Ints = (offset + member).ravel()
    return _summed(key, values.ravel(), (rows, areas))


def _summed(key: Ints, values: Floats, shape: tuple[int, int]) -> Floats:
    return _total(key, values, shape[0] * shape[1]).reshape(shape)


def _total(key: Ints, values: Floats, size: int) -> Floats:
    """Sum of the values of each key."""
    return np.bincount(key, weights=values, minlength=size).astype(np.float64, copy=False)


def area_of(where: Geography, known: Known, level: Level, index: int) -> Area:
    """Return one existing area with its ancestors."""
    depth = COARSE_TO_FINE.index(level)
    country, code = where.labels[level][int(known.levels[depth].ids[index])]
    names: dict[Level, str] = {level: code}
    for above in range(depth, 0, -1):
        index = int(known.levels[above].parent[index])
        parent = known.levels[above - 1]
        names[parent.level] = where.labels[parent.level][int(parent.ids[index])][1]
    return Area(
        level=level,
        code=code,
        country=country,
        state=names.get("state"),
        pin_prefix=names.get("pin_prefix"),
    )
