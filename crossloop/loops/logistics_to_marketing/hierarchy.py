"""What is known on one day, at every level of the geography. Pure, no I/O.

Rules:

1. An area counts everything that names it: a state's orders are those whose shipments name the state, a
   prefix's those whose pin code begins with it. Counts of one level are not sums of another.
2. A pin code lies in its prefix; a prefix lies in the state to which most of its known orders went; a state
   lies in its country.
3. On day D the last window ends ``maturity_days`` before D; earlier windows lie before it without a gap. An
   outcome known only after D is pending on D. Nothing ordered after D exists.
4. The model sees windows without their spikes; what is reported as counted holds every day.
5. A place that nobody had ordered to by D (within the history) does not exist on D.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from crossloop.loops.logistics_to_marketing.beta import Flags, Floats, Ints
from crossloop.loops.logistics_to_marketing.counts import Counts, Outcomes, from_day, to_day
from crossloop.loops.logistics_to_marketing.model import Series
from crossloop.loops.logistics_to_marketing.settings import Settings
from crossloop.loops.logistics_to_marketing.spikes import Daily
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

    daily: Daily
    """Orders and failures by day."""

    counted: Series
    """The same by window, every day counted."""

    above: LevelAreas | None
    """The level above; none for countries."""

    inside: Daily
    """Those of them that lie in the parent: all, unless borders cross."""

    overall: float
    """Rate of everything known, which steadies the search for spikes."""

    @property
    def orders(self) -> Floats:
        """Orders of each area over all windows."""
        return self.counted.orders.sum(axis=0)

    def own(self, areas: Ints) -> Series:
        """Count some areas by window, without spikes."""
        return self.daily.of(areas).without_spikes(self.overall)

    def around(self, areas: Ints) -> Series:
        """Count what lies in the parents of some areas, but not in the area itself, without spikes."""
        assert self.above is not None, "nothing lies around a country"
        parents = self.above.daily.of(self.parent[areas])
        return parents.without(self.inside.of(areas)).without_spikes(self.overall)


@dataclass(frozen=True, slots=True)
class Tally:
    """The last window by place: arrays of shape (places,), but for those by currency."""

    pending: Floats
    lost: Floats
    shipped: Floats
    cod: Floats
    paid: Floats
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

    daily: Daily
    """Orders with a known outcome and failures, by place."""

    overall: float
    """Rate of all of them."""

    late_failures: float
    """Share of the failures of earlier windows that became known only after maturity."""

    window: Tally
    levels: tuple[LevelAreas, ...]
    """From country to the finest level asked for."""

    def at(self, level: Level) -> LevelAreas:
        """Return one level."""
        return self.levels[COARSE_TO_FINE.index(level)]

    def of(self, places: Flags) -> Daily:
        """Count some places together, as one area."""
        orders = self.daily.orders[:, :, places].sum(axis=2, keepdims=True)
        failures = self.daily.failures[:, :, places].sum(axis=2, keepdims=True)
        return Daily(orders, failures)


def known_on(
    counts: Counts, where: Geography, settings: Settings, as_of: date, levels: int = len(LEVELS)
) -> Known | None:
    """Return what was known on a day; None when no finished cohort was known yet.

    Args:
        counts: shipments counted.
        where: the areas of their places.
        settings: window, maturity and history.
        as_of: the day.
        levels: how many levels are asked for, from the country on.

    Raises:
        ValueError: the shipments were counted with other settings.
    """
    if (counts.metric, counts.maturity_days) != (settings.metric, settings.maturity_days):
        raise ValueError("the shipments were counted with another metric or maturity_days")
    today = from_day(as_of)
    last = today - settings.maturity_days
    days_known = last - counts.first_day + 1
    windows = min(settings.history_days // settings.window_days, -(-days_known // settings.window_days))
    cells = counts.outcomes
    if not len(cells.day) or windows < 1:
        return None
    days = windows * settings.window_days
    cohort = np.flatnonzero((cells.day <= last) & (cells.day > last - days))
    if not len(cohort):
        return None
    places, local = _renumbered(cells.place[cohort], len(counts.places))
    settled = cohort[cells.known[cohort] <= today]
    key = (cells.day[settled] - last + days - 1) * len(places) + local[cells.place[settled]]
    shape = (windows, settings.window_days, len(places))
    daily = Daily(
        _total(key, cells.finished[settled], days * len(places)).reshape(shape),
        _total(key, cells.failures[settled], days * len(places)).reshape(shape),
    )
    # Half a failure keeps the rate off zero.
    overall = (float(daily.failures.sum()) + 0.5) / (float(daily.orders.sum()) + 1.0)
    return Known(
        first=to_day(last - settings.window_days + 1),
        last=to_day(last),
        places=places,
        daily=daily,
        overall=overall,
        late_failures=_late_failures(cells, settled, last - settings.window_days, settings.maturity_days),
        window=_tally(counts, local, len(places), settings, today),
        levels=_levels(where, places, daily, overall, levels),
    )


def _late_failures(cells: Outcomes, settled: Ints, until: int, maturity_days: int) -> float:
    earlier = settled[cells.day[settled] <= until]
    failures = cells.failures[earlier]
    late = cells.known[earlier] > cells.day[earlier] + maturity_days
    return float(failures[late].sum()) / max(float(failures.sum()), 1.0)


def _tally(counts: Counts, local: Ints, places: int, settings: Settings, today: int) -> Tally:
    cells, last, days = counts.outcomes, today - settings.maturity_days, settings.window_days
    inside = np.flatnonzero((cells.day <= last) & (cells.day > last - days))
    place = local[cells.place[inside]]
    known = cells.known[inside] <= today
    settled, there = inside[known], place[known]
    shipped = _total(place, cells.shipped[inside], places)
    finished = _total(there, cells.finished[settled], places)
    lost = _total(there, cells.lost[settled], places)
    baskets = counts.baskets
    held = np.flatnonzero((baskets.day <= last) & (baskets.day > last - days))
    buyer = local[baskets.place[held]]
    by_currency = baskets.currency[held] * places + buyer
    currencies = len(counts.currencies)
    return Tally(
        pending=shipped - finished - lost,
        lost=lost,
        shipped=shipped,
        cod=_total(buyer, baskets.cod[held], places),
        paid=_total(buyer, baskets.paid[held], places),
        valued=_total(by_currency, baskets.valued[held], currencies * places).reshape(currencies, places),
        amount=_total(by_currency, baskets.amount[held], currencies * places).reshape(currencies, places),
    )


def _levels(
    where: Geography, places: Ints, daily: Daily, overall: float, depth: int
) -> tuple[LevelAreas, ...]:
    levels: list[LevelAreas] = []
    weight = daily.orders.sum(axis=(0, 1))
    for level in COARSE_TO_FINE[:depth]:
        named = where.member[level][places]
        ids, number = _renumbered(named, len(where.labels[level]))
        member = number[named]
        own = inside = _together(daily, member, len(ids))
        parent: Ints = np.zeros(len(ids), dtype=np.int64)
        above = levels[-1] if levels else None
        if above is not None:
            parent = _most(member, above.member, weight, len(ids))
            stray = np.flatnonzero(parent[member] != above.member)
            if len(stray):
                inside = own.without(_together(daily.of(stray), member[stray], len(ids)))
        counted = own.all_days()
        levels.append(LevelAreas(level, ids, member, parent, own, counted, above, inside, overall))
    return tuple(levels)


def _renumbered(present: Ints, size: int) -> tuple[Ints, Ints]:
    """Those of so many numbers that are present, sorted, and the index of each number among them."""
    there = np.zeros(size, dtype=np.bool_)
    there[present] = True
    return np.flatnonzero(there), np.cumsum(there) - 1


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


def _together(daily: Daily, member: Ints, areas: int) -> Daily:
    """Add up the places of each area."""
    if len(member) == areas and (member == np.arange(areas)).all():
        return daily  # every place is an area of its own
    order = np.argsort(member, kind="stable")
    there, starts = np.unique(member[order], return_index=True)

    def added(values: Floats) -> Floats:
        total = np.zeros((*values.shape[:2], areas))
        total[:, :, there] = np.add.reduceat(values[:, :, order], starts, axis=2)
        return total

    return Daily(added(daily.orders), added(daily.failures))


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
