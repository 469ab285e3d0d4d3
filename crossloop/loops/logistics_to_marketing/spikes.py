"""Days that stand out of their window. Pure, no I/O.

Rules:

1. A spike lasts at most two days of a week (less than half of a shorter window): a flood, a strike, a
   festival, one bulk order. It says little about the next window.
2. In every window of an area, the days with the most failures too many are left out when, at the rate of
   the window's other days, as many would come by chance less than once in a million times. So a spike
   neither raises while it lasts nor lingers in the history.
3. To be sustained, an excess must hold without the worst days of the last window even when these could be
   chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from crossloop.loops.logistics_to_marketing.beta import Floats, Ints, beta_cdf
from crossloop.loops.logistics_to_marketing.model import Series

SPIKE_DAYS: Final = 2
"""Days that a spike may last."""

IMPROBABLE: Final = 1e-6
"""Chance below which the worst days of a window count as a spike."""

_ASSUMED: Final = 20.0
"""Pseudo-orders at the overall rate that steady the rate of the other days."""


@dataclass(frozen=True, slots=True)
class Daily:
    """Counts of some areas by day: arrays of shape (windows, days of a window, areas), oldest first."""

    orders: Floats
    failures: Floats

    def of(self, areas: Ints) -> Daily:
        """Take some areas."""
        return Daily(self.orders[:, :, areas], self.failures[:, :, areas])

    def without(self, other: Daily) -> Daily:
        """Take away orders that are part of these."""
        return Daily(self.orders - other.orders, self.failures - other.failures)

    def all_days(self) -> Series:
        """Count every day of each window."""
        return Series(self.orders.sum(axis=1), self.failures.sum(axis=1))

    def without_spikes(self, overall: float) -> Series:
        """Count each window without its spike, if it has one (rule 2).

        Args:
            overall: rate that steadies the comparison where an area has few orders.
        """
        series = self.all_days()
        left_out = _spike_days(self.orders.shape[1])
        if not left_out:
            return series
        worst = self._worst(left_out)
        others = Series(series.orders - worst.orders, series.failures - worst.failures)
        rate = (others.failures + _ASSUMED * overall) / (others.orders + _ASSUMED)
        expected = worst.orders * rate
        # A chance this small lies well beyond two standard deviations: look only there.
        far = worst.failures > expected + 2.0 * np.sqrt(expected * (1.0 - rate))
        failed, passed = worst.failures[far], worst.orders[far] - worst.failures[far]
        chance = beta_cdf(failed, passed + 1.0, rate[far])  # of at least so many failures
        far[far] = chance < IMPROBABLE
        return Series(
            np.where(far, others.orders, series.orders), np.where(far, others.failures, series.failures)
        )

    def without_worst_days(self, series: Series) -> Series:
        """Take the last window's worst days out of a series (rule 3)."""
        last = Daily(self.orders[-1:], self.failures[-1:])
        counted, worst = last.all_days(), last._worst(_spike_days(self.orders.shape[1]))
        orders, failures = series.orders.copy(), series.failures.copy()
        orders[-1] = counted.orders[0] - worst.orders[0]
        failures[-1] = counted.failures[0] - worst.failures[0]
        return Series(orders, failures)

    def _worst(self, days: int) -> Series:
        """Sum of the days of each window with the most failures too many."""
        windows, _, areas = self.orders.shape
        counted = self.all_days()
        rate = counted.failures / np.maximum(counted.orders, 1.0)
        excess = self.failures - self.orders * rate[:, np.newaxis, :]
        orders, failures = np.zeros((windows, areas)), np.zeros((windows, areas))
        for _ in range(days):
            day = excess.argmax(axis=1)[:, np.newaxis, :]
            orders += np.take_along_axis(self.orders, day, axis=1)[:, 0, :]
            failures += np.take_along_axis(self.failures, day, axis=1)[:, 0, :]
            np.put_along_axis(excess, day, -np.inf, axis=1)
        return Series(orders, failures)


def _spike_days(window_days: int) -> int:
    return min(SPIKE_DAYS, (window_days - 1) // 2)
