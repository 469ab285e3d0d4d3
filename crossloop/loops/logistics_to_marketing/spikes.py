"""Days that stand out of their window. Pure, no I/O.

Rules:

1. A spike lasts at most two days of a week (less than half of a shorter window): a flood, a strike, a
   festival, one bulk order. It says little about the next window.
2. In every window of an area, the days with the most failures too many are left out when, at the rate of
   the window's other days, failures as many would come by chance less than once in ten thousand times. So
   a spike neither raises while it lasts nor lingers in the history.
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

IMPROBABLE: Final = 1e-4
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
        window, area = np.nonzero(series.failures > left_out)
        worst = self._worst(window, area, left_out)
        rest = series.orders[window, area] - worst.orders, series.failures[window, area] - worst.failures
        rate = (rest[1] + _ASSUMED * overall) / (rest[0] + _ASSUMED)
        failures = np.maximum(worst.failures, 1.0)  # none is no spike, and has no tail to look up
        chance = beta_cdf(failures, worst.orders - failures + 1.0, rate)  # at least so many of so many
        spike = (chance < IMPROBABLE) & (worst.failures > 0)
        series.orders[window[spike], area[spike]] = rest[0][spike]
        series.failures[window[spike], area[spike]] = rest[1][spike]
        return series

    def without_worst_days(self, series: Series) -> Series:
        """Take the last window's worst days out of a series (rule 3)."""
        areas: Ints = np.arange(self.orders.shape[2], dtype=np.int64)
        last: Ints = np.zeros_like(areas) + len(self.orders) - 1
        worst = self._worst(last, areas, _spike_days(self.orders.shape[1]))
        orders, failures = series.orders.copy(), series.failures.copy()
        orders[-1] = self.orders[-1].sum(axis=0) - worst.orders
        failures[-1] = self.failures[-1].sum(axis=0) - worst.failures
        return Series(orders, failures)

    def _worst(self, window: Ints, area: Ints, days: int) -> Series:
        """Sum of the worst days of some windows, one window of one area each."""
        orders, failures = self.orders[window, :, area], self.failures[window, :, area]
        all_orders = np.maximum(orders.sum(axis=1, keepdims=True), 1.0)
        excess = failures - orders * failures.sum(axis=1, keepdims=True) / all_orders
        chosen = np.argsort(-excess, axis=1, kind="stable")[:, :days]
        return Series(
            np.take_along_axis(orders, chosen, axis=1).sum(axis=1),
            np.take_along_axis(failures, chosen, axis=1).sum(axis=1),
        )


def _spike_days(window_days: int) -> int:
    return min(SPIKE_DAYS, (window_days - 1) // 2)
