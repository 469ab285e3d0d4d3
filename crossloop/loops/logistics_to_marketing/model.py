"""The rate of every area in the next window: a nested beta-binomial model with change points. Pure, no I/O.

Rules:

1. Time is cut into windows of equal length. In each window an area has an underlying rate; the failures
   counted among its orders are binomial around it.
2. An area's rate stays as it is until it changes. In every window it changes with a small probability
   (``change``); the new rate is drawn from the area's prior. So the rate of the next window is a mixture of
   betas, one for each window in which the present rate may have begun (Bayesian online change-point
   detection: Adams and MacKay 2007, arXiv:0710.3742).
3. The prior of an area is a beta centred on what its parent looks like *without* the area itself, so that
   no order counts twice. Its spread is that of areas within their parent (``strength``, in pseudo-orders:
   the larger, the more alike they are) plus the uncertainty about the parent. An area without orders of its
   own is therefore judged as its surroundings are, only less surely.
4. Around a country lies nothing. The rate with which its history begins has a prior worth one order, so its
   own counts speak for themselves; a rate that it changes to is drawn around its overall rate, as for others.
5. Windows vary a little more than binomial chance allows (``spread``, the correlation between two orders of
   one window). A window of n orders tells as much as n / (1 + (n - 1) spread) independent ones.
6. ``strength``, ``change`` and ``spread`` are learnt for each level from what was known: their posterior
   means under the likelihood of each window given the windows before it, and weak priors (stated below).
7. The prediction reaches from the last finished window to the next one, over the days in which outcomes
   mature; the chance of a change grows with that distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np

from crossloop.loops.logistics_to_marketing.beta import Floats, Ints, beta_cdf, log_beta, log_gamma


@dataclass(frozen=True, slots=True)
class Parameters:
    """What is learnt for one level."""

    strength: float
    """How alike the areas of one parent are, in pseudo-orders (above 0)."""

    change: float
    """Probability that an area's rate changes within seven days."""

    spread: float
    """Correlation between the outcomes of two orders of one area and window."""


TYPICAL: Final = Parameters(strength=100.0, change=1 / 52, spread=3e-4)
"""Centre of the priors: areas differ by about a third of their mean, rates hold for a year, and the
rate of one week wobbles by half a point around seven percent."""

_SPREAD_OF_PRIOR: Final = {"strength": 1.5, "change": 1.0, "spread": 1.5}
"""Standard deviations of the priors, in natural logarithms: weak, they matter where there is little data."""

_GRIDS: Final[dict[str, Floats]] = {
    "strength": np.geomspace(10.0, 10_240.0, 11, dtype=np.float64),
    "change": np.geomspace(1 / 512, 1 / 4, 8, dtype=np.float64),
    "spread": np.geomspace(1e-5, 1e-2, 7, dtype=np.float64),
}
_SWEEPS: Final = 2
_LEARN_FROM: Final = 400
"""Areas to learn from, at most: taken evenly from the largest to the smallest. What is learnt varies
a little with which ones these are."""


@dataclass(frozen=True, slots=True)
class Series:
    """Counts of some areas by window: arrays of shape (windows, areas), the oldest window first."""

    orders: Floats
    failures: Floats

    def of(self, areas: Ints) -> Series:
        """Take some areas."""
        return Series(self.orders[:, areas], self.failures[:, areas])


@dataclass(frozen=True, slots=True)
class Centre:
    """Mean and variance of what the surroundings say about each area."""

    mean: Floats
    variance: Floats
    alone: bool = False
    """Nothing lies around these areas: the mean is their own (rule 4)."""

    def of(self, areas: Ints) -> Centre:
        """Take some areas."""
        return Centre(self.mean[areas], self.variance[areas], self.alone)


@dataclass(frozen=True, slots=True)
class Rates:
    """The rate of each area in the next window: mixtures of betas, arrays of shape (components, areas)."""

    weight: Floats
    alpha: Floats
    beta: Floats

    def of(self, areas: Ints) -> Rates:
        """Take some areas."""
        return Rates(self.weight[:, areas], self.alpha[:, areas], self.beta[:, areas])

    def mean(self) -> Floats:
        """Expected rate."""
        return (self.weight * self.alpha / (self.alpha + self.beta)).sum(axis=0)

    def variance(self) -> Floats:
        """Variance of the rate."""
        total = self.alpha + self.beta
        mean = self.alpha / total
        second = self.weight * mean * (mean + (1 - mean) / (total + 1))
        return second.sum(axis=0) - self.mean() ** 2

    def below(self, threshold: float | Floats) -> Floats:
        """Probability that the rate is below a threshold."""
        inside: Floats = (self.weight * beta_cdf(self.alpha, self.beta, threshold)).sum(axis=0)
        return np.clip(inside, 0.0, 1.0)

    def above(self, threshold: float) -> Floats:
        """Probability that the rate is above a threshold."""
        return 1.0 - self.below(threshold)

    def interval(self, mass: float = 0.9) -> tuple[Floats, Floats]:
        """Central interval that holds the rate with probability ``mass``."""
        return self._quantile((1 - mass) / 2), self._quantile((1 + mass) / 2)

    def _quantile(self, probability: float) -> Floats:
        """Bisection: a mixture of betas has no quantile in closed form."""
        low = np.zeros(self.weight.shape[1])
        high = np.ones(self.weight.shape[1])
        for _ in range(40):
            middle = (low + high) / 2
            under = self.below(middle) < probability
            low, high = np.where(under, middle, low), np.where(under, high, middle)
        return (low + high) / 2


@dataclass(frozen=True, slots=True)
class Reach:
    """How long a window is and how far the prediction reaches."""

    window_days: int
    ahead_days: int
    """Days from the last finished window to the predicted one, measured between their middles."""


class Nested(Protocol):
    """One level of areas within the level above. What is counted is looked up for the areas asked for:
    most pin codes are too small for anything to be said of them."""

    @property
    def orders(self) -> Floats:
        """Orders of each area over all windows."""
        ...

    @property
    def parent(self) -> Ints:
        """Index of each area's parent in the level above; zeros at the top."""
        ...

    def own(self, areas: Ints) -> Series:
        """What some areas count."""
        ...

    def around(self, areas: Ints) -> Series:
        """What the parents of some areas count without the area itself; not asked of the top level."""
        ...


@dataclass(frozen=True, slots=True)
class Fitted:
    """One level after learning."""

    parameters: Parameters
    nested: Nested
    above: Fitted | None
    reach: Reach

    def rates(self, areas: Ints) -> Rates:
        """Judge some areas."""
        return self.again(areas, self.nested.own(areas))

    def again(self, areas: Ints, series: Series) -> Rates:
        """Judge some areas as if they had counted something else."""
        different, place = np.unique(areas, return_inverse=True)  # many pin codes lie in one prefix
        centre = centre_of(different, self.nested, self.above).of(place)
        return follow(series, centre, self.parameters, self.reach)

    def beside(self, areas: Rates, series: Series) -> Rates:
        """Judge further areas of this level, one beside each of some that are judged already."""
        return follow(series, Centre(areas.mean(), areas.variance()), self.parameters, self.reach)

    def before(self, areas: Ints) -> Rates:
        """Judge some areas as if their own last window held nothing.

        Their surroundings, and what was learnt, are those of all windows, the last one included: this asks
        what the area itself had shown before, not what would have been said of it then.
        """
        series = self.nested.own(areas)
        seen = (np.arange(len(series.orders)) < len(series.orders) - 1)[:, np.newaxis]
        return self.again(areas, Series(series.orders * seen, series.failures * seen))

    def trend(self, areas: Ints) -> Floats:
        """Expected change of the rate from the window before to the last one, per seven days.

        It is the probability that the rate changed there, times the size of that change: near zero as
        long as chance explains the counts.
        """
        rates = self.rates(areas)
        if len(rates.weight) < 3:  # one window, and the component that has seen none
            return np.zeros(len(areas))
        earlier = self.before(areas)
        changed = rates.weight[-2] / rates.weight[:-1].sum(axis=0)
        new = rates.alpha[-2] / (rates.alpha[-2] + rates.beta[-2])
        old = earlier.weight[:-2] / earlier.weight[:-2].sum(axis=0)
        was = (old * earlier.alpha[:-2] / (earlier.alpha[:-2] + earlier.beta[:-2])).sum(axis=0)
        return changed * (new - was) * 7 / self.reach.window_days


def fit(levels: Sequence[Nested], reach: Reach) -> list[Fitted]:
    """Learn the parameters of every level, from the coarsest to the finest."""
    fitted: list[Fitted] = []
    for nested in levels:
        above = fitted[-1] if fitted else None
        some = _evenly(nested.orders)
        parameters = learn(nested.own(some), centre_of(some, nested, above), reach)
        fitted.append(Fitted(parameters, nested, above, reach))
    return fitted


def centre_of(areas: Ints, nested: Nested, above: Fitted | None) -> Centre:
    """What the surroundings of some areas say about them (rule 3)."""
    if above is None:
        return _pooled(nested.own(np.arange(len(nested.orders))), len(areas))
    around = above.again(nested.parent[areas], nested.around(areas))
    return Centre(around.mean(), around.variance())


def _pooled(series: Series, areas: int) -> Centre:
    """The overall rate, for areas that lie in nothing else; half a failure keeps it off zero."""
    mean = (float(series.failures.sum()) + 0.5) / (float(series.orders.sum()) + 1.0)
    return Centre(np.full(areas, mean), np.zeros(areas), alone=True)


def follow(series: Series, centre: Centre, parameters: Parameters, reach: Reach) -> Rates:
    """Return the rate of each area in the next window, given its counts."""
    rates, _ = _filter(series, centre, parameters, reach)
    total = rates.alpha + rates.beta
    # The next window wobbles too (rule 5): widen each beta by the extra variance, keeping its mean.
    kept = (1.0 / (1.0 / (total + 1.0) + parameters.spread) - 1.0) / total
    return Rates(rates.weight, rates.alpha * kept, rates.beta * kept)


def learn(series: Series, centre: Centre, reach: Reach) -> Parameters:
    """Return the parameters of one level, each averaged over its grid while the others stand."""
    parameters = TYPICAL
    for _ in range(_SWEEPS):
        for name, grid in _GRIDS.items():
            typical, width = getattr(TYPICAL, name), _SPREAD_OF_PRIOR[name]
            score = np.empty(len(grid))
            for index, value in enumerate(grid):
                candidate = replace(parameters, **{name: float(value)})
                _, evidence = _filter(series, centre, candidate, reach)
                score[index] = evidence - 0.5 * (np.log(value / typical) / width) ** 2
            weight = np.exp(score - score.max())
            mean = float(np.exp((weight * np.log(grid)).sum() / weight.sum()))
            parameters = replace(parameters, **{name: mean})
    return parameters


def _evenly(orders: Floats) -> Ints:
    """Pick areas with orders, evenly from the largest to the smallest."""
    ranked = np.argsort(-orders, kind="stable")
    ranked = ranked[: int(np.count_nonzero(orders))]
    if len(ranked) > _LEARN_FROM:
        ranked = ranked[np.linspace(0, len(ranked) - 1, _LEARN_FROM).astype(np.int64)]
    return ranked


def _filter(series: Series, centre: Centre, parameters: Parameters, reach: Reach) -> tuple[Rates, float]:
    """Go through the windows; return the components for the next one and the log evidence of all.

    Component ``r`` says: the present rate began in window ``r``. The last one has seen nothing yet.
    """
    windows, areas = series.orders.shape
    alpha0, beta0 = _prior(centre, parameters.strength)
    alpha, beta = np.empty((windows + 1, areas)), np.empty((windows + 1, areas))
    scale, log_weight = np.empty((windows + 1, areas)), np.empty((windows + 1, areas))
    alpha[0], beta[0] = (centre.mean, 1.0 - centre.mean) if centre.alone else (alpha0, beta0)
    fresh = log_beta(alpha0, beta0)
    scale[0], log_weight[0] = log_beta(alpha[0], beta[0]), 0.0
    shrunk = 1.0 / (1.0 + np.maximum(series.orders - 1.0, 0.0) * parameters.spread)
    orders, failures = shrunk * series.orders, shrunk * series.failures
    evidence = _arrangements(shrunk, orders, failures)
    steady = (1.0 - parameters.change) ** (reach.window_days / 7)
    until_next = (1.0 - parameters.change) ** (reach.ahead_days / 7)
    for window in range(windows):
        seen = slice(0, window + 1)
        alpha[seen] += failures[window]
        beta[seen] += orders[window] - failures[window]
        now = log_beta(alpha[seen], beta[seen])
        log_weight[seen] += now - scale[seen]
        scale[seen] = now
        peak = log_weight[seen].max(axis=0)
        likelihood = peak + np.log(np.exp(log_weight[seen] - peak).sum(axis=0))
        evidence += float(likelihood.sum())
        stays = steady if window < windows - 1 else until_next
        log_weight[seen] += np.log(stays) - likelihood
        log_weight[window + 1] = np.log1p(-stays)
        alpha[window + 1], beta[window + 1], scale[window + 1] = alpha0, beta0, fresh
    return Rates(np.exp(log_weight), alpha, beta), evidence


def _prior(centre: Centre, strength: float) -> tuple[Floats, Floats]:
    """The beta with the centre's mean and both variances (rule 3)."""
    binomial = centre.mean * (1.0 - centre.mean)
    total = np.maximum(binomial / (binomial / (strength + 1.0) + centre.variance) - 1.0, 1.0)
    return centre.mean * total, (1.0 - centre.mean) * total


def _arrangements(shrunk: Floats, orders: Floats, failures: Floats) -> float:
    """Log of the binomial coefficients of the (shrunk) counts, which makes spreads comparable."""
    some = orders > 0
    size, failed = orders[some], failures[some]
    ways = log_gamma(size + 1) - log_gamma(failed + 1) - log_gamma(size - failed + 1)
    return float((np.log(shrunk[some]) + ways).sum())
