"""The beta-binomial tail against the reference implementation of scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom

from crossloop.loops.logistics_to_marketing.beta import beta_cdf, count_above

POSITIVE = st.floats(0.05, 500.0)


@given(alpha=POSITIVE, beta=POSITIVE, orders=st.integers(1, 1000), threshold=st.floats(0.01, 0.99))
def test_up_to_a_thousand_orders_the_tail_is_exact(
    alpha: float, beta: float, orders: int, threshold: float
) -> None:
    found = count_above(
        np.ones((1, 1)), np.array([[alpha]]), np.array([[beta]]), np.array([float(orders)]), threshold
    )
    expected = betabinom.sf(np.floor(threshold * orders + 1e-9), orders, alpha, beta)
    assert found[0] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("orders", [1001.0, 5000.0])
@pytest.mark.parametrize("strength", [30.0, 300.0, 3000.0])
def test_above_it_the_tail_is_within_half_a_percent(orders: float, strength: float) -> None:
    for threshold in (0.05, 0.1, 0.25):
        found = count_above(
            np.ones((1, 1)),
            np.array([[0.1 * strength]]),
            np.array([[0.9 * strength]]),
            np.array([orders]),
            threshold,
        )
        expected = betabinom.sf(np.floor(threshold * orders), orders, 0.1 * strength, 0.9 * strength)
        assert found[0] == pytest.approx(expected, abs=5e-3)


def test_a_mixture_is_the_weighted_sum_of_its_parts() -> None:
    alpha, beta, orders = np.array([[2.0], [9.0]]), np.array([[20.0], [9.0]]), np.array([40.0])
    parts = [count_above(np.ones((1, 1)), alpha[[i]], beta[[i]], orders, 0.2)[0] for i in (0, 1)]
    both = count_above(np.array([[0.25], [0.75]]), alpha, beta, orders, 0.2)
    assert both[0] == pytest.approx(0.25 * parts[0] + 0.75 * parts[1])


def test_the_counted_rate_has_to_be_strictly_above_the_threshold() -> None:
    """Two of twenty is ten percent, not more; in floating point 0.1 * 20 must not hide that."""
    certain = np.array([[1e9]]), np.array([[9e9]])
    found = count_above(np.ones((1, 1)), *certain, np.array([20.0]), 0.1)
    three_or_more = 1 - sum(betabinom.pmf(k, 20, 1e9, 9e9) for k in range(3))
    assert found[0] == pytest.approx(three_or_more, abs=1e-6)


def test_the_cdf_is_that_of_the_beta() -> None:
    assert beta_cdf(np.array([1.0]), np.array([1.0]), 0.3)[0] == pytest.approx(0.3)
