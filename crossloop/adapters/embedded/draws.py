"""The draws of the generator, in the order of its rules. One call of the generator for each line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crossloop.adapters.embedded.assumptions import Assumptions
from crossloop.adapters.embedded.markets import Flags, Floats, Ints, Markets
from crossloop.adapters.embedded.tables import (
    DELIVERED,
    IN_TRANSIT,
    LOST,
    NOT_SHIPPED,
    RETURNED,
    UNKNOWN,
    Columns,
    Small,
)


@dataclass(frozen=True, slots=True)
class Period:
    """The days that are generated."""

    first: int
    """Days since 1970-01-01."""

    days: int

    @property
    def last(self) -> int:
        return self.first + self.days - 1


def draw(
    assumptions: Assumptions, markets: Markets, rng: np.random.Generator, period: Period, orders_per_day: int
) -> Columns:
    """Draw every order of a period, and tell of each what is known on the last day."""
    day = _days(assumptions, rng, period, orders_per_day)
    pin = rng.choice(len(markets.code), size=len(day), p=markets.share).astype(np.int32)
    state = markets.state[pin]
    cod_share = np.array([one.cod_share for one in assumptions.states])
    cod = rng.random(len(day)) < cod_share[state]
    rupees = _values(assumptions, rng, state)
    fate = _fates(assumptions, rng, _return_rates(assumptions, markets, rng, period, day, pin, cod))
    attempts, failed, first, known = _course(assumptions, rng, fate, state)
    return _as_known_on(period.last, day, pin, cod, rupees, fate, attempts, failed, day + first, day + known)


def _days(assumptions: Assumptions, rng: np.random.Generator, period: Period, orders_per_day: int) -> Ints:
    days = np.arange(period.first, period.first + period.days, dtype=np.int32)
    rhythm = np.array(assumptions.weekday) / np.mean(assumptions.weekday)
    weekday = (days + 3) % 7  # 1970-01-01 was a Thursday
    return np.repeat(days, rng.poisson(orders_per_day * rhythm[weekday]))


def _values(assumptions: Assumptions, rng: np.random.Generator, state: Ints) -> Ints:
    spread = assumptions.value_spread
    centre = np.log([one.order_value for one in assumptions.states]) - spread**2 / 2  # so that the mean fits
    return np.rint(np.exp(rng.normal(0.0, spread, len(state)) + centre[state])).astype(np.int32)


def _return_rates(
    assumptions: Assumptions,
    markets: Markets,
    rng: np.random.Generator,
    period: Period,
    day: Ints,
    pin: Ints,
    cod: Flags,
) -> Floats:
    """Chance of a return of every order that ships."""
    moods = rng.normal(0.0, assumptions.day_spread, (markets.prefixes, period.days))
    odds = np.where(cod, _log_odds(assumptions.cod_rto), _log_odds(assumptions.prepaid_rto))
    odds += markets.surroundings[pin] + moods[markets.prefix[pin], day - period.first]
    states = tuple(one.name for one in assumptions.states)
    for planted in assumptions.planted:
        during = (day >= period.last - planted.since) & (day <= period.last - planted.until)
        hit = markets.inside(planted.area, states)[pin] & during
        odds[hit] = np.where(cod[hit], _log_odds(planted.cod_rto), _log_odds(planted.prepaid_rto))
    odds += markets.effect[pin]
    return 1.0 / (1.0 + np.exp(-odds))


def _log_odds(rate: float) -> float:
    return float(np.log(rate / (1.0 - rate)))


def _fates(assumptions: Assumptions, rng: np.random.Generator, rates: Floats) -> Small:
    """What becomes of every order in the end."""
    chance = rng.random(len(rates))
    returned = rng.random(len(rates)) < rates
    fate = np.where(returned, RETURNED, DELIVERED).astype(np.int8)
    fate[chance < assumptions.not_shipped + assumptions.lost] = LOST
    fate[chance < assumptions.not_shipped] = NOT_SHIPPED
    return fate


def _course(
    assumptions: Assumptions, rng: np.random.Generator, fate: Small, state: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    """Attempts, failed attempts, and days from the order to the first attempt and to the outcome."""
    size = len(fate)
    earliest, latest = assumptions.first_attempt
    slow = np.array([one.slow for one in assumptions.states])
    first = (earliest + rng.binomial(latest - earliest, slow[state])).astype(np.int32)
    before = rng.choice(3, size=size, p=assumptions.failed_before_delivery).astype(np.int32)
    refused = 1 + rng.choice(3, size=size, p=assumptions.attempts_of_returned).astype(np.int32)
    soonest, last = assumptions.return_known
    back = (soonest + rng.binomial(last - soonest, 0.45, size)).astype(np.int32)
    written_off = rng.integers(15, 26, size, dtype=np.int32)
    cancelled = rng.integers(0, 3, size, dtype=np.int32)
    delivered, returned, lost = fate == DELIVERED, fate == RETURNED, fate == LOST
    # A second or third try must still fit into the days a delivery takes.
    first = np.where(delivered, np.minimum(first, assumptions.delivered_within - before), first)
    attempts = np.select([delivered, returned], [before + 1, refused], 0).astype(np.int32)
    failed = np.select([delivered, returned], [before, refused], 0).astype(np.int32)
    known = np.select([delivered, returned, lost], [first + before, back, written_off], cancelled)
    return attempts, failed, first.astype(np.int32), known.astype(np.int32)


def _as_known_on(
    last: int,
    day: Ints,
    pin: Ints,
    cod: Flags,
    rupees: Ints,
    fate: Small,
    attempts: Ints,
    failed: Ints,
    first_on: Ints,
    known_on: Ints,
) -> Columns:
    """Hide what is not known on the last day; attempts are a day apart, the failed ones come first."""
    made = np.clip(last - first_on + 1, 0, attempts)
    known = known_on <= last
    return Columns(
        day=day,
        pin=pin,
        cod=cod,
        outcome=np.where(known, fate, IN_TRANSIT).astype(np.int8),
        outcome_day=np.where(known, known_on, UNKNOWN).astype(np.int32),
        attempts=made.astype(np.int8),
        failed=np.minimum(made, failed).astype(np.int8),
        first_attempt_day=np.where(made > 0, first_on, UNKNOWN).astype(np.int32),
        rupees=rupees,
    )
