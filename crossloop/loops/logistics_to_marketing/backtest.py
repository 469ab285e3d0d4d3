"""Backtest of detection: what it would have said on past days, and what came of it. Pure, no I/O.

Rules:

1. Every evaluation day is looked at with what was known on it, and nothing else: counts, parents of areas,
   priors and parameters.
2. Its *next window* is the ``window_days`` order days after the day itself. What became of those orders is
   taken from everything known at the end of the data; the last evaluation day is the last one whose next
   window is ``maturity_days`` old by then. The first one has two finished windows behind it.
3. The *model* flags what detection would raise if nothing were open. The *literal rule* flags an area whose
   counted rate in the same finished window is above the threshold, with the same minimum of orders, at the
   same level; at ``auto`` it too reports an area in place of its parts, unless the rest of the area is
   large enough and was not counted above the threshold.
4. *Conditions* are those of a run on every day: what is flagged opens one unless it is open or lies in what
   is open, and one stays open until detection would clear it.
5. ``next_window_rate`` is the failure rate of all orders of the next windows of what a rule flagged. An
   order counts once for each evaluation day, however many flagged areas hold it.
6. Calibration: for every area that is large enough, at every level that may be reported, flagged or not,
   the probability that its next *counted* rate is above the threshold, given how many orders the next
   window then had, against whether it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import pairwise

import numpy as np

from crossloop.errors import InputError, Where
from crossloop.loops.logistics_to_marketing.beta import Flags, Floats, count_above
from crossloop.loops.logistics_to_marketing.counts import NEVER, Counts, from_day, to_day
from crossloop.loops.logistics_to_marketing.detection import states
from crossloop.loops.logistics_to_marketing.findings import Finding, describe
from crossloop.loops.logistics_to_marketing.hierarchy import Geography, geography
from crossloop.loops.logistics_to_marketing.judging import (
    Look,
    Spot,
    at_risk,
    look,
    reported_levels,
    told_apart,
)
from crossloop.loops.logistics_to_marketing.replayed import (
    AreaDay,
    BacktestReport,
    Bin,
    Condition,
    RuleOutcome,
)
from crossloop.loops.logistics_to_marketing.settings import Settings
from crossloop.loops.logistics_to_marketing.spikes import Daily

BINS = 10
"""Equal bins of the stated probability in the reliability table."""

Progress = Callable[[int, int], None]
"""Called with the number of days done and the number of all."""


def backtest(
    counts: Counts,
    settings: Settings,
    *,
    first: date | None = None,
    last: date | None = None,
    progress: Progress | None = None,
) -> BacktestReport:
    """Look at every past day as it would have been looked at, and compare with what came.

    Args:
        counts: everything counted, without an as-of day.
        settings: see :class:`Settings`.
        first: first evaluation day; by default the first possible one.
        last: last evaluation day; by default the last possible one.
        progress: called after every day.

    Raises:
        InputError: there is no day with finished windows before it and a finished next window.
    """
    first, last = _period(counts, settings, first, last)
    replay = _Replay(counts, settings)
    days = (last - first).days + 1
    for number in range(days):
        replay.add(first + timedelta(days=number))
        if progress is not None:
            progress(number + 1, days)
    known = counts.outcomes.known < NEVER
    return BacktestReport(
        settings=settings,
        first=first,
        last=last,
        orders=round(float(counts.outcomes.finished[known].sum())),
        failures=round(float(counts.outcomes.failures[known].sum())),
        model=replay.model.outcome(),
        literal_rule=replay.literal.outcome(),
        reliability=_table(replay.stated, replay.observed),
        flagged=tuple(replay.flagged),
        conditions=tuple(replay.conditions),
    )


class _Replay:
    """What the evaluation days add up to."""

    def __init__(self, counts: Counts, settings: Settings) -> None:
        self._counts, self._settings = counts, settings
        self._where = geography(counts)
        self.model, self.literal = _Flags(self._where), _Flags(self._where)
        self.stated: list[Floats] = []
        self.observed: list[Flags] = []
        self.flagged: list[AreaDay] = []
        self.conditions: list[Condition] = []
        self._open: dict[str, Condition] = {}

    def add(self, day: date) -> None:
        """Look at one day as it would have been looked at, and at what came."""
        seen = look(self._counts, self._where, self._settings, day)
        if seen is None:
            return
        following = _following(self._counts, self._settings, day)
        spots = at_risk(seen)
        self.model.add(seen, spots, following)
        self.literal.add(seen, _literal(seen), following)
        for spot in spots:
            finding = describe(self._counts, self._where, seen, spot)
            self.flagged.append(self._came(day, finding, following))
        for finding in states(self._counts, self._where, seen, spots, self._open):
            self._keep(day, finding, following)
        _compare(self._where, seen, following, self.stated, self.observed)

    def _keep(self, day: date, finding: Finding, following: tuple[Floats, Floats]) -> None:
        """Open, keep or clear the condition of an area (rule 4)."""
        path = finding.area.path
        if finding.raises:
            self._open[path] = Condition(path, day, [])
            self.conditions.append(self._open[path])
        if finding.clears:
            self._open.pop(path).cleared = day
        elif path in self._open:
            self._open[path].days.append(self._came(day, finding, following))

    def _came(self, day: date, finding: Finding, following: tuple[Floats, Floats]) -> AreaDay:
        area = finding.area
        number = self._where.labels[area.level].index((area.country, area.code))
        inside = self._where.member[area.level] == number
        orders, failures = (int(part[inside].sum()) for part in following)
        return AreaDay(day, finding, orders, failures)


def _period(counts: Counts, settings: Settings, first: date | None, last: date | None) -> tuple[date, date]:
    """The evaluation days (rule 2), cut to those asked for."""
    span = settings.maturity_days + settings.window_days
    earliest = to_day(counts.first_day + span + settings.window_days - 1)
    latest = to_day(counts.last_day - span)
    first, last = max(first or earliest, earliest), min(last or latest, latest)
    if last < first:
        raise InputError(
            f"a backtest needs two finished windows before a day and one after it; the data runs from "
            f"{to_day(counts.first_day)} to {to_day(counts.last_day)}, so days from {earliest} to {latest} "
            "could be looked at.",
            where=Where(field="window_days"),
            next_step="Give more data, another period, or smaller window_days and maturity_days.",
        )
    return first, last


def _following(counts: Counts, settings: Settings, day: date) -> tuple[Floats, Floats]:
    """Orders and failures of the next window by place, as known at the end of the data."""
    cells = counts.outcomes
    after = cells.day - from_day(day)
    some = np.flatnonzero((after >= 1) & (after <= settings.window_days) & (cells.known < NEVER))
    place, size = cells.place[some], len(counts.places)
    orders = np.bincount(place, weights=cells.finished[some], minlength=size)
    failures = np.bincount(place, weights=cells.failures[some], minlength=size)
    return orders.astype(np.float64), failures.astype(np.float64)


def _literal(seen: Look) -> list[Spot]:
    """What the literal rule flags (rule 3)."""
    spots: list[Spot] = []
    for level in reported_levels(seen.settings):
        areas = seen.large_enough(level)
        spots += [Spot(level, int(one)) for one in areas[seen.counted_above(level, areas)]]

    def holds(whole: Spot, parts: Daily, rest: Daily) -> bool:
        del whole, parts
        orders, failures = float(rest.orders[-1].sum()), float(rest.failures[-1].sum())
        return bool(orders < seen.settings.min_orders or failures > seen.settings.threshold * orders)

    return told_apart(seen, spots, holds)


def _label(seen: Look, spot: Spot) -> tuple[str, int]:
    """Name an area the same on every day."""
    return spot.level, int(seen.known.at(spot.level).ids[spot.area])


def _places(where: Geography, seen: Look, spot: Spot) -> Flags:
    """All places of an area, those without orders so far included."""
    return where.member[spot.level] == _label(seen, spot)[1]


class _Flags:
    """What one rule flags, day by day."""

    def __init__(self, where: Geography) -> None:
        self._where = where
        self._areas: set[tuple[str, int]] = set()
        self._windows = self._orders = self._failures = 0

    def add(self, seen: Look, spots: Sequence[Spot], following: tuple[Floats, Floats]) -> None:
        """Add what was flagged on one day."""
        union = np.zeros(len(following[0]), dtype=np.bool_)
        for spot in spots:
            union |= _places(self._where, seen, spot)
        self._areas |= {_label(seen, spot) for spot in spots}
        self._windows += len(spots)
        self._orders += round(float(following[0][union].sum()))
        self._failures += round(float(following[1][union].sum()))

    def outcome(self) -> RuleOutcome:
        """Return the sums."""
        return RuleOutcome(self._windows, len(self._areas), self._orders, self._failures)


def _compare(
    where: Geography,
    seen: Look,
    following: tuple[Floats, Floats],
    stated: list[Floats],
    observed: list[Flags],
) -> None:
    """Put stated probabilities beside what came, for every area that is large enough (rule 6)."""
    threshold = seen.settings.threshold
    for level in reported_levels(seen.settings):
        areas = seen.large_enough(level)
        ids = seen.known.at(level).ids[areas]
        orders, failures = (
            np.bincount(where.member[level], weights=part).astype(np.float64)[ids] for part in following
        )
        some = np.flatnonzero(orders)
        rates = seen.rates(level, areas[some])
        stated.append(count_above(rates.weight, rates.alpha, rates.beta, orders[some], threshold))
        observed.append(failures[some] > threshold * orders[some])


def _table(stated: Sequence[Floats], observed: Sequence[Flags]) -> tuple[Bin, ...]:
    if not stated:
        return ()
    said, came = np.concatenate(stated), np.concatenate(observed)
    edges = np.linspace(0.0, 1.0, BINS + 1)
    bins = np.clip(np.digitize(said, edges) - 1, 0, BINS - 1)
    table: list[Bin] = []
    for index, (low, high) in enumerate(pairwise(edges.round(6).tolist())):
        inside = bins == index
        if inside.any():
            mean, share = float(said[inside].mean()), float(came[inside].mean())
            table.append(Bin(low, high, int(inside.sum()), mean, share))
    return tuple(table)
