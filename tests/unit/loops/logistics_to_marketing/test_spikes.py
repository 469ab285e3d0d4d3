"""Which days stand out of their window, and which do not."""

from __future__ import annotations

import numpy as np
import pytest

from crossloop.loops.logistics_to_marketing.spikes import Daily


def week(failures: list[int], orders: int = 20) -> Daily:
    counted = np.array(failures, dtype=np.float64).reshape(1, len(failures), 1)
    return Daily(np.full_like(counted, orders), counted)


@pytest.mark.parametrize("spike", [[15, 2], [14, 13]])
def test_one_or_two_blatant_days_are_left_out(spike: list[int]) -> None:
    series = week([1, 2, *spike, 1, 2, 1][:7]).without_spikes(overall=0.08)
    assert series.orders[0, 0] == 100
    assert series.failures[0, 0] <= 9


def test_what_lasts_longer_than_two_days_keeps_its_other_days() -> None:
    daily = week([1, 2, 14, 13, 15, 2, 1])
    assert daily.without_spikes(overall=0.08).failures[0, 0] == 13 + 6
    assert week([14, 13, 15, 12, 14, 13, 2]).without_spikes(overall=0.08).failures[0, 0] == 83


def test_an_even_excess_is_no_spike() -> None:
    daily = week([7, 6, 8, 7, 6, 9, 7])
    assert daily.without_spikes(overall=0.08).failures[0, 0] == 50


def test_a_day_that_is_only_unlucky_stays() -> None:
    assert week([1, 2, 6, 1, 2, 1, 0]).without_spikes(overall=0.08).failures[0, 0] == 13


def test_chance_is_hardly_ever_taken_for_a_spike() -> None:
    rng = np.random.default_rng(3)
    orders = rng.poisson(12, (13, 7, 2000)).astype(np.float64)
    daily = Daily(orders, rng.binomial(orders.astype(int), 0.1).astype(np.float64))
    changed = daily.without_spikes(overall=0.1).orders != daily.all_days().orders
    assert changed.mean() < 1e-3


@pytest.mark.parametrize("days", [1, 2])
def test_a_window_too_short_for_a_spike_keeps_every_day(days: int) -> None:
    daily = week([19, 1][:days])
    assert daily.without_spikes(overall=0.08).orders[0, 0] == 20 * days


def test_the_worst_days_go_whether_chance_or_not() -> None:
    daily = week([1, 2, 6, 1, 5, 1, 0])
    series = daily.without_worst_days(daily.without_spikes(overall=0.08))
    assert (series.orders[-1, 0], series.failures[-1, 0]) == (100, 5)
    assert daily.all_days().failures[-1, 0] == 16
