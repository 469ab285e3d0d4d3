"""Which areas are at risk, and at which level that is said. Pure, no I/O.

Rules:

1. An area is *large enough* when its last window holds ``min_orders`` orders with a known outcome. Nothing
   else is ever said of an area by itself; a smaller one is judged with the area around it.
2. A large enough area *exceeds* when its counted rate in the window is above the threshold and the
   probability that its rate in the next window is above the threshold is at least ``confidence``.
3. The excess is *sustained* when the next rate is still more likely above the threshold than not after the
   window's worst days are left out (see :mod:`~crossloop.loops.logistics_to_marketing.spikes`). Every failure
   of those days goes, not only the excess: an area with few orders needs earlier weeks that support it.
4. The excess is *structural* when it is sustained and would be more likely than not without the area's own
   last window, the areas around it taken as they are now; *transient* when it is not sustained; otherwise
   *undetermined*: new, or too little known.
5. At a fixed level every area that exceeds and is sustained is at risk. At ``auto`` the coarsest statement
   that is true of the whole area is made: from fine to coarse, an area at risk takes the place of the areas
   at risk inside it when the rest of it, judged as one more area beside them, is more likely above the
   threshold than not too. Otherwise its parts explain it, and they alone are reported. So no area is
   reported together with one inside it, and no area is blamed for a part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, NamedTuple

import numpy as np

from crossloop.loops.logistics_to_marketing.beta import Flags, Floats, Ints
from crossloop.loops.logistics_to_marketing.counts import Counts
from crossloop.loops.logistics_to_marketing.hierarchy import (
    COARSE_TO_FINE,
    Geography,
    Known,
    known_on,
)
from crossloop.loops.logistics_to_marketing.model import Fitted, Rates, Reach, fit
from crossloop.loops.logistics_to_marketing.settings import Settings
from crossloop.loops.logistics_to_marketing.spikes import Daily
from crossloop.signals.entities import Level

Assessment = Literal["structural", "transient", "undetermined"]

EVEN: Final = 0.5
"""Probability above which something is more likely than not."""


Holds = Callable[["Spot", Daily, Daily], bool]
"""Whether the excess of an area is true of the rest of it, given the counts of its parts and of the rest."""


class Spot(NamedTuple):
    """One existing area: its level and its index there."""

    level: Level
    area: int


@dataclass(frozen=True, slots=True)
class Look:
    """What was known on one day, with every level judged."""

    settings: Settings
    known: Known
    fitted: Mapping[Level, Fitted]

    def orders(self, level: Level) -> Floats:
        """Orders of the last window, for every area of a level."""
        return self.known.at(level).counted.orders[-1]

    def failures(self, level: Level) -> Floats:
        """Failures among them."""
        return self.known.at(level).counted.failures[-1]

    def large_enough(self, level: Level) -> Ints:
        """Areas of a level of which something may be said (rule 1)."""
        return np.flatnonzero(self.orders(level) >= self.settings.min_orders)

    def rates(self, level: Level, areas: Ints) -> Rates:
        """Rates of some areas in the next window."""
        return self.fitted[level].rates(areas)

    def counted_above(self, level: Level, areas: Ints) -> Flags:
        """Which of the areas counted a rate above the threshold."""
        return self.failures(level)[areas] > self.settings.threshold * self.orders(level)[areas]


def reported_levels(settings: Settings) -> tuple[Level, ...]:
    """Levels at which areas may be reported, from coarse to fine."""
    return COARSE_TO_FINE if settings.level == "auto" else (settings.level,)


def look(
    counts: Counts, where: Geography, settings: Settings, as_of: date, also: Collection[Level] = ()
) -> Look | None:
    """Judge every level, down to the finest that is reported or asked for.

    Returns None when no finished cohort was known yet.
    """
    depth = 1 + max(COARSE_TO_FINE.index(level) for level in (*reported_levels(settings), *also))
    known = known_on(counts, where, settings, as_of, depth)
    if known is None:
        return None
    reach = Reach(settings.window_days, settings.window_days + settings.maturity_days)
    fitted = fit(known.levels, reach)
    return Look(settings, known, dict(zip(COARSE_TO_FINE, fitted, strict=False)))


def exceeding(seen: Look, level: Level) -> Ints:
    """Areas of a level that exceed (rule 2)."""
    areas = _counted(seen, level)
    above = seen.rates(level, areas).above(seen.settings.threshold)
    return areas[above >= seen.settings.confidence]


def spiking(seen: Look, level: Level) -> Ints:
    """Areas of a level that would exceed if spikes of the last window counted as any other day."""
    areas = _counted(seen, level)
    here = seen.known.at(level)
    series = here.own(areas)
    series.orders[-1] = here.counted.orders[-1, areas]
    series.failures[-1] = here.counted.failures[-1, areas]
    above = seen.fitted[level].again(areas, series).above(seen.settings.threshold)
    return areas[above >= seen.settings.confidence]


def _counted(seen: Look, level: Level) -> Ints:
    """Areas that are large enough and counted above the threshold."""
    areas = seen.large_enough(level)
    return areas[seen.counted_above(level, areas)]


def sustained(seen: Look, level: Level, areas: Ints) -> Flags:
    """Which of the areas stay above the threshold without the window's worst days (rule 3)."""
    here = seen.known.at(level)
    series = here.daily.of(areas).without_worst_days(here.own(areas))
    return seen.fitted[level].again(areas, series).above(seen.settings.threshold) >= EVEN


def assess(seen: Look, level: Level, areas: Ints) -> list[Assessment]:
    """Tell structural from transient (rule 4)."""
    holds = sustained(seen, level, areas)
    before = seen.fitted[level].before(areas).above(seen.settings.threshold) >= EVEN
    return [
        "transient" if not held else "structural" if old else "undetermined"
        for held, old in zip(holds, before, strict=True)
    ]


def at_risk(seen: Look) -> list[Spot]:
    """Areas that are at risk, at the level where it is said (rules 2, 3 and 5)."""
    spots: list[Spot] = []
    for level in reported_levels(seen.settings):
        areas = exceeding(seen, level)
        spots += [Spot(level, int(index)) for index in areas[sustained(seen, level, areas)]]

    def holds(whole: Spot, parts: Daily, rest: Daily) -> bool:
        overall = seen.known.overall
        around = seen.fitted[whole.level].again(np.array([whole.area]), parts.without_spikes(overall))
        finer = COARSE_TO_FINE[COARSE_TO_FINE.index(whole.level) + 1]
        beside = seen.fitted[finer].beside(around, rest.without_spikes(overall))
        return bool(beside.above(seen.settings.threshold)[0] >= EVEN)

    return told_apart(seen, spots, holds)


def told_apart(seen: Look, spots: list[Spot], holds: Holds) -> list[Spot]:
    """Choose the level at which areas are reported (rule 5).

    Args:
        seen: what was known, and whether the level is ``auto``.
        spots: areas at risk, each by itself.
        holds: whether the excess of an area is true of the rest of it, given its parts at risk and the rest.
    """
    if seen.settings.level != "auto":
        return spots
    known = seen.known
    reported: list[Spot] = []
    for level in reversed(COARSE_TO_FINE):
        inside: dict[int, list[Spot]] = {}
        for part in reported:
            inside.setdefault(_ancestor(known, part, level), []).append(part)
        for whole in (one for one in spots if one.level == level):
            parts = inside.get(whole.area, [])
            if not parts:
                inside[whole.area] = [whole]
                continue
            within = known.at(level).member == whole.area
            risky = np.zeros_like(within)
            for part in parts:
                risky |= known.at(part.level).member == part.area
            if holds(whole, known.of(within & risky), known.of(within & ~risky)):
                inside[whole.area] = [whole]
        reported = [spot for kept in inside.values() for spot in kept]
    return sorted(reported, key=lambda spot: (COARSE_TO_FINE.index(spot.level), spot.area))


def _ancestor(known: Known, spot: Spot, level: Level) -> int:
    """Index of the area of a coarser level in which an area lies."""
    index = spot.area
    for depth in range(COARSE_TO_FINE.index(spot.level), COARSE_TO_FINE.index(level), -1):
        index = int(known.levels[depth].parent[index])
    return index
