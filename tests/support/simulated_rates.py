"""Simulated shipments with a known truth: counts of places whose rates are given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from crossloop.loops.logistics_to_marketing.beta import Floats
from crossloop.loops.logistics_to_marketing.counts import (
    Baskets,
    Counts,
    Outcomes,
    Place,
    from_day,
    to_day,
)

FIRST = date(2025, 1, 1)
MATURITY = 10


@dataclass(frozen=True)
class Simulated:
    """Places with orders and true rates by day: arrays of shape (places, days)."""

    places: tuple[Place, ...]
    orders: Floats
    rates: Floats

    def raised(self, name: str, rate: float, first: int, last: int | None = None) -> Simulated:
        """Set the rate of every place of a state or of a pin prefix from one day to another."""
        rates = self.rates.copy()
        rates[self.of(name), first : None if last is None else last + 1] = rate
        return Simulated(self.places, self.orders, rates)

    def of(self, name: str) -> np.ndarray:
        """Which places lie in a state, prefix or pin code."""
        return np.array([name in (one.state, one.pin_code, one.pin_code[:3]) for one in self.places])

    def counts(self, seed: int) -> Counts:
        """Draw failures and count."""
        failures = np.random.default_rng(seed).binomial(self.orders.astype(int), self.rates)
        return counts_of(self.places, self.orders, failures)


def places_of(states: int, prefixes: int, pins: int) -> tuple[Place, ...]:
    """Name states, prefixes within each, and pin codes within each of them."""
    return tuple(
        Place("IN", f"STATE {state:02d}", f"{100 + state * prefixes + prefix:03d}{pin:03d}")
        for state in range(states)
        for prefix in range(prefixes)
        for pin in range(pins)
    )


def company(
    *,
    seed: int = 1,
    states: int = 12,
    prefixes: int = 3,
    pins: int = 3,
    days: int = 120,
    orders: float = 4.0,
    rate: float = 0.08,
    alike: float = 300.0,
) -> Simulated:
    """Simulate a company whose states differ a little and whose prefixes and pin codes differ less.

    Args:
        orders: mean orders by pin code and day.
        rate: overall failure rate.
        alike: strength of the beta from which the rates of the states are drawn.
    """
    rng = np.random.default_rng(seed)
    places = places_of(states, prefixes, pins)
    volume = rng.lognormal(np.log(orders), 0.4, len(places))
    drawn = rng.poisson(volume[:, None] * np.ones(days)).astype(np.float64)
    of_state = rng.beta(alike * rate, alike * (1 - rate), states)
    of_prefix = rng.beta(3 * alike * of_state.repeat(prefixes), 3 * alike * (1 - of_state.repeat(prefixes)))
    of_place = of_prefix.repeat(pins)
    return Simulated(places, drawn, np.repeat(of_place[:, None], days, axis=1))


def counts_of(
    places: tuple[Place, ...], orders: Floats, failures: Floats, maturity: int = MATURITY
) -> Counts:
    """Count orders and failures by place and day, with outcomes that carry no date."""
    place, day = np.nonzero(orders)
    number = from_day(FIRST) + day.astype(np.int64)
    finished = orders[place, day].astype(np.float64)
    none = np.zeros(len(place))
    return Counts(
        metric="rto",
        maturity_days=maturity,
        places=places,
        currencies=("INR",),
        outcomes=Outcomes(
            place=place.astype(np.int64),
            day=number,
            known=number + maturity,
            finished=finished,
            failures=failures[place, day].astype(np.float64),
            lost=none,
            shipped=finished,
        ),
        baskets=Baskets(
            place=place.astype(np.int64),
            day=number,
            currency=np.zeros(len(place), dtype=np.int64),
            cod=finished,
            paid=finished,
            valued=finished,
            amount=500 * finished,
        ),
        first_day=from_day(FIRST),
        last_day=from_day(FIRST) + orders.shape[1] - 1,
    )


def day(number: int) -> date:
    """The business day so many days after the first."""
    return to_day(from_day(FIRST) + number)
