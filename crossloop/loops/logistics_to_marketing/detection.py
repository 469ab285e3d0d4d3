"""Detection: which areas are at risk as of a day, which still are, and which are over it. Pure, no I/O.

Rules:

1. Areas at risk are found as :mod:`~crossloop.loops.logistics_to_marketing.judging` says. One that is open
   already, or lies inside an area that is open, does not raise again. One that contains an open area
   may raise: it says more.
2. An open area clears when its last window holds ``min_orders`` orders with a known outcome and the
   probability that its next rate is below ``clear_threshold`` is at least ``confidence``. An area without
   enough new orders never clears: silence is not evidence. Nor does one with much of its window pending,
   as where the data ends early: returns are the last to become known. Between the two thresholds it stays
   open, so a rate that hovers around one of them does not make the condition flap.
3. What would be at risk if a spike counted like any other day is found as transient, and does not raise.
4. The confidence of a finding is the probability that the area's rate in the next window is above the
   threshold; that of a clearing is the probability that it is below the clearing threshold.
5. When nothing raises, the notes say which area is highest, and why that is not enough.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np
from pydantic import JsonValue

from crossloop.loops.logistics_to_marketing.counts import Counts
from crossloop.loops.logistics_to_marketing.findings import Finding, describe, figures
from crossloop.loops.logistics_to_marketing.hierarchy import COARSE_TO_FINE, Geography, geography
from crossloop.loops.logistics_to_marketing.judging import (
    Look,
    Spot,
    at_risk,
    look,
    reported_levels,
    spiking,
    told_apart,
)
from crossloop.loops.logistics_to_marketing.settings import Settings
from crossloop.loops.logistics_to_marketing.spikes import Daily
from crossloop.resources import covers
from crossloop.signals.entities import Level

_MUCH_PENDING: Final = 0.1
"""Share of pending orders in the window above which the notes warn and nothing clears."""

_MUCH_LATE: Final = 0.1
"""Share of the failures of earlier windows that came after maturity above which the notes warn."""


@dataclass(frozen=True, slots=True)
class Detection:
    """What was seen as of a day."""

    as_of: date
    findings: tuple[Finding, ...]
    """One for each area that raises, is open, or is transient; coarse before fine, then by name."""

    notes: tuple[str, ...]
    """What a person should know about how the findings came about."""

    looked_at: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    """Window, areas looked at and parameters learnt, for each level."""

    unseen: tuple[str, ...] = ()
    """Open areas of which the history holds nothing at all; they stay open."""


def detect(counts: Counts, settings: Settings, as_of: date, open_paths: Collection[str] = ()) -> Detection:
    """Look at the shipments as of a day.

    Args:
        counts: shipments counted with the same settings; what lies after the day is not looked at.
        settings: see :class:`Settings`.
        as_of: the business day.
        open_paths: paths of areas whose condition is open, such as ``geo/IN/KARNATAKA``.
    """
    where = geography(counts)
    seen = look(counts, where, settings, as_of, also=[_named(path)[0] for path in open_paths])
    if seen is None:
        oldest = settings.maturity_days + settings.history_days
        note = (
            f"No order is between {settings.maturity_days} and {oldest} days old on {as_of}, the ages "
            "that are looked at: nothing can be said."
        )
        return Detection(as_of, (), (note,), unseen=tuple(sorted(open_paths)))
    risky = at_risk(seen)
    open_spots = found_again(seen, where, open_paths)
    findings = states(counts, where, seen, risky, open_paths)
    spikes = (one for one in _spikes(seen, risky) if one not in open_spots)
    findings += [describe(counts, where, seen, one) for one in spikes]
    findings.sort(key=lambda one: (COARSE_TO_FINE.index(one.area.level), one.area.path))
    unseen = tuple(sorted(set(open_paths) - set(open_spots.values())))
    return Detection(as_of, tuple(findings), _notes(seen, where, findings), figures(seen), unseen)


def states(
    counts: Counts, where: Geography, seen: Look, risky: Sequence[Spot], open_paths: Collection[str]
) -> list[Finding]:
    """Describe what is at risk and what is open; say which opens, stays open or clears (rules 1 and 2)."""
    settings = seen.settings
    open_spots = found_again(seen, where, open_paths)
    findings: list[Finding] = []
    for spot in (one for one in risky if one not in open_spots):
        found = describe(counts, where, seen, spot)
        findings.append(found.as_state(raises=not any(covers(one, found.area.path) for one in open_paths)))
    for spot, path in open_spots.items():
        found = describe(counts, where, seen, spot, path)
        evidence = found.orders >= settings.min_orders and not _much_pending(found)
        clears = evidence and found.clear_confidence >= settings.confidence
        findings.append(found.as_state(clears=clears, still_open=not clears))
    return findings


def _named(path: str) -> tuple[Level, str, str]:
    """Level, country and code of an area path."""
    parts = path.split("/")[1:]
    return COARSE_TO_FINE[len(parts) - 1], parts[0], parts[-1]


def found_again(seen: Look, where: Geography, open_paths: Collection[str]) -> dict[Spot, str]:
    """Find open areas by level and code: what lies above them may have changed since they opened.

    An area of which the history holds nothing is missing.
    """
    spots: dict[Spot, str] = {}
    for path in sorted(open_paths):
        level, country, code = _named(path)
        labels = where.labels[level]
        number = labels.index((country, code)) if (country, code) in labels else -1
        place = np.flatnonzero(seen.known.at(level).ids == number)
        if len(place):
            spots[Spot(level, int(place[0]))] = path
    return spots


def _much_pending(found: Finding) -> bool:
    return found.pending > _MUCH_PENDING * (found.orders + found.pending + found.lost)


def _spikes(seen: Look, risky: list[Spot]) -> list[Spot]:
    """Areas that exceed for a spike only, where nothing at risk lies in them or around them."""
    spots: list[Spot] = []
    for level in reported_levels(seen.settings):
        spots += [Spot(level, int(one)) for one in spiking(seen, level)]
    if risky and spots:
        places = np.zeros(len(seen.known.places), dtype=np.bool_)
        for spot in risky:
            places |= seen.known.at(spot.level).member == spot.area
        spots = [s for s in spots if not (places & (seen.known.at(s.level).member == s.area)).any()]
    return told_apart(seen, spots, _never)


def _never(whole: Spot, parts: Daily, rest: Daily) -> bool:
    """A spike is said where it is seen best: at the finest level."""
    del whole, parts, rest
    return False


def _notes(seen: Look, where: Geography, findings: list[Finding]) -> tuple[str, ...]:
    notes: list[str] = []
    settings, window = seen.settings, seen.known.window
    if not any(one.raises or one.still_open for one in findings):
        notes.append(_highest(seen, where))
    shipped, pending = float(window.shipped.sum()), float(window.pending.sum())
    if shipped and pending > _MUCH_PENDING * shipped:
        notes.append(
            f"{pending / shipped:.0%} of the window's orders have no outcome yet. Returns take longer than "
            f"deliveries, so the rates are rather too low; a larger maturity_days "
            f"(now {settings.maturity_days}) mends that."
        )
    if seen.known.late_failures > _MUCH_LATE:
        notes.append(
            f"{seen.known.late_failures:.0%} of the failures of earlier windows became known only after "
            f"maturity_days ({settings.maturity_days}), so the last window is rather too low; a larger "
            "maturity_days mends that."
        )
    return tuple(notes)


def _highest(seen: Look, where: Geography) -> str:
    """Say that nothing is actionable, and which area is expected to be highest."""
    settings = seen.settings
    highest: tuple[float, Spot] | None = None
    for level in reported_levels(settings):
        areas = seen.large_enough(level)
        mean = seen.rates(level, areas).mean()
        if len(areas) and (highest is None or mean.max() > highest[0]):
            highest = float(mean.max()), Spot(level, int(areas[mean.argmax()]))
    looked = f"{seen.known.first} to {seen.known.last}"
    if highest is None:
        return (
            f"Nothing actionable: no area has {settings.min_orders} orders with a known outcome "
            f"in the window {looked}."
        )
    level, area = highest[1]
    orders, failures = seen.orders(level)[area], seen.failures(level)[area]
    rates = seen.rates(level, np.array([area]))
    low, high = rates.interval()
    code = where.labels[level][int(seen.known.at(level).ids[area])][1]
    return (
        f"Nothing actionable: no area is above {settings.threshold:.0%} in its window and, with a "
        f"confidence of {settings.confidence:.0%}, in the next. Highest is {level} {code}: {failures:.0f} of "
        f"{orders:.0f} orders ({failures / orders:.1%}) in {looked}, expected next {highest[0]:.1%} "
        f"({low[0]:.1%} to {high[0]:.1%}), above the threshold with a probability of "
        f"{rates.above(settings.threshold)[0]:.0%}."
    )
