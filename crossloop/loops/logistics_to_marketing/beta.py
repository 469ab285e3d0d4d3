"""Special functions of the beta and the beta-binomial distribution, with their types. Pure, no I/O."""

from __future__ import annotations

from typing import Final, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from scipy import special  # pyright: ignore[reportMissingTypeStubs]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

_EXACT_UP_TO: Final = 1000
"""Orders up to which the beta-binomial is summed exactly; above, a beta of equal mean and variance serves."""


def log_gamma(value: Floats) -> Floats:
    """Natural logarithm of the gamma function."""
    return cast("Floats", special.gammaln(value))  # pyright: ignore[reportUnknownMemberType]


def log_beta(alpha: Floats, beta: Floats) -> Floats:
    """Natural logarithm of the beta function."""
    return log_gamma(alpha) + log_gamma(beta) - log_gamma(alpha + beta)


def beta_cdf(alpha: Floats, beta: Floats, value: float | Floats) -> Floats:
    """Probability that a beta variable is below ``value``."""
    return cast("Floats", special.betainc(alpha, beta, value))  # pyright: ignore[reportUnknownMemberType]


def count_above(weight: Floats, alpha: Floats, beta: Floats, orders: Floats, threshold: float) -> Floats:
    """Probability that more than ``threshold * orders`` of the orders fail.

    Args:
        weight, alpha, beta: a mixture of betas for each area, of shape (components, areas).
        orders: number of orders of each area, at least 1.
        threshold: rate to exceed.
    """
    most = np.floor(threshold * orders + 1e-9)
    result = np.empty(orders.shape)
    few = orders <= _EXACT_UP_TO
    some = np.flatnonzero(few)
    result[some] = _summed(weight[:, some], alpha[:, some], beta[:, some], orders[some], most[some])
    many = np.flatnonzero(~few)
    result[many] = _matched(weight[:, many], alpha[:, many], beta[:, many], orders[many], most[many])
    return np.clip(result, 0.0, 1.0)


def _summed(weight: Floats, alpha: Floats, beta: Floats, orders: Floats, most: Floats) -> Floats:
    """One minus the sum of the beta-binomial probabilities of 0 to ``most`` failures."""
    at_most = np.zeros(orders.shape)
    order = np.argsort(-most, kind="stable")
    weight, alpha, beta = weight[:, order], alpha[:, order], beta[:, order]
    orders, most = orders[order], most[order]
    log_term = log_beta(alpha, beta + orders) - log_beta(alpha, beta)
    for failures in range(int(most[0]) + 1 if len(most) else 0):
        left = int(np.searchsorted(-most, -failures, side="right"))  # areas that still sum, a prefix
        at_most[:left] += (weight[:, :left] * np.exp(log_term[:, :left])).sum(axis=0)
        rest = np.maximum(orders[:left] - failures, 1.0)  # an area that is finished no longer matters
        log_term[:, :left] += np.log(rest / (failures + 1))
        log_term[:, :left] += np.log((alpha[:, :left] + failures) / (beta[:, :left] + rest - 1.0))
    result = np.empty(orders.shape)
    result[order] = 1.0 - at_most
    return result


def _matched(weight: Floats, alpha: Floats, beta: Floats, orders: Floats, most: Floats) -> Floats:
    """The counted rate as a beta of equal mean and variance: within a third of a percent of the sum."""
    total = alpha + beta
    mean = alpha / total
    inverse = 1.0 / (total + 1.0)
    counted = 1.0 / (inverse + (1.0 - inverse) / orders) - 1.0  # variance of the rate plus that of counting
    below = beta_cdf(mean * counted, (1.0 - mean) * counted, (most + 0.5) / orders)
    return 1.0 - (weight * below).sum(axis=0)
