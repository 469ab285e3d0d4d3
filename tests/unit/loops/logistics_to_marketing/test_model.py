"""The model on simulated truth: does it learn, cover, calibrate, and follow a change?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.loops.logistics_to_marketing.beta import Floats, Ints, beta_cdf
from crossloop.loops.logistics_to_marketing.model import (
    TYPICAL,
    Centre,
    Parameters,
    Rates,
    Reach,
    Series,
    fit,
    follow,
    learn,
)

WEEKS = 13
WEEK = Reach(window_days=7, ahead_days=17)
RATE = 0.08


@dataclass(frozen=True)
class Level:
    """One level of areas with all counts at hand."""

    series: Series
    parent: Ints
    surroundings: Series | None = None

    @property
    def orders(self) -> Floats:
        return self.series.orders.sum(axis=0)

    def own(self, areas: Ints) -> Series:
        return self.series.of(areas)

    def around(self, areas: Ints) -> Series:
        assert self.surroundings is not None
        return self.surroundings.of(areas)


def top(series: Series) -> Level:
    return Level(series, np.zeros(series.orders.shape[1], dtype=np.int64))


def centre(areas: int, mean: float = RATE, variance: float = 0.0) -> Centre:
    return Centre(np.full(areas, mean), np.full(areas, variance))


def simulate(
    *, areas: int = 300, strength: float = 60.0, orders: float = 60.0, change: float = 0.0, seed: int = 1
) -> tuple[Series, Floats]:
    """Areas whose rates are drawn from one beta and redrawn now and then; the truth of two weeks on."""
    rng = np.random.default_rng(seed)

    def draw() -> Floats:
        return rng.beta(strength * RATE, strength * (1 - RATE), areas)

    size = rng.lognormal(np.log(orders), 0.8, areas)
    rate, counted = draw(), []
    for _ in range(WEEKS):
        rate = np.where(rng.random(areas) < change, draw(), rate)
        drawn = rng.poisson(size)
        counted.append((drawn, rng.binomial(drawn, rate)))
    for _ in range(2):
        rate = np.where(rng.random(areas) < change, draw(), rate)
    series = Series(*(np.array([pair[i] for pair in counted], dtype=np.float64) for i in (0, 1)))
    return series, rate


def judged(series: Series) -> Rates:
    around = centre(series.orders.shape[1])
    return follow(series, around, learn(series, around, WEEK), WEEK)


@pytest.mark.parametrize("strength", [30.0, 120.0, 480.0])
def test_it_learns_how_alike_areas_are(strength: float) -> None:
    series, _ = simulate(strength=strength, areas=500)
    learnt = learn(series, centre(500), WEEK).strength
    assert strength / 1.6 < learnt < strength * 1.6


@pytest.mark.parametrize(("change", "low", "high"), [(0.0, 0.0, 0.008), (0.08, 0.04, 0.13)])
def test_it_learns_how_often_rates_change(change: float, low: float, high: float) -> None:
    series, _ = simulate(change=change, areas=400)
    assert low < learn(series, centre(400), WEEK).change < high


@pytest.mark.parametrize("change", [0.0, 0.03, 0.08])
@pytest.mark.parametrize("orders", [15.0, 150.0])
def test_ninety_percent_intervals_hold_the_truth_about_ninety_percent_of_the_time(
    change: float, orders: float
) -> None:
    held = []
    for seed in range(2):
        series, truth = simulate(change=change, orders=orders, seed=seed)
        low, high = judged(series).interval()
        held.append((low <= truth) & (truth <= high))
    assert 0.86 < np.mean(held) < 0.97


@pytest.mark.parametrize("change", [0.0, 0.05])
def test_a_confidence_is_as_often_right_as_it_says(change: float) -> None:
    said, came = [], []
    for seed in range(6):
        series, truth = simulate(change=change, orders=40.0, seed=seed)
        said.append(judged(series).above(0.12))
        came.append(truth > 0.12)
    stated, true = np.concatenate(said), np.concatenate(came)
    for low, high in ((0.0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.01)):
        inside = (stated >= low) & (stated < high)
        assert inside.sum() > 20
        assert true[inside].mean() == pytest.approx(stated[inside].mean(), abs=0.1)


def test_a_change_of_rate_is_believed_within_two_windows() -> None:
    series = Series(np.full((WEEKS, 1), 100.0), np.full((WEEKS, 1), 8.0))
    series.failures[-2:] = 25.0
    rates = follow(series, centre(1), TYPICAL, WEEK)
    before = follow(Series(series.orders[:-2], series.failures[:-2]), centre(1), TYPICAL, WEEK)
    assert before.above(0.15)[0] < 0.05
    assert rates.above(0.15)[0] > 0.85


def test_an_area_without_orders_is_judged_as_its_surroundings_only_less_surely() -> None:
    nothing = Series(np.zeros((WEEKS, 1)), np.zeros((WEEKS, 1)))
    known, unsure = (follow(nothing, centre(1, 0.12, one), TYPICAL, WEEK) for one in (0.0, 1e-3))
    assert known.mean()[0] == pytest.approx(0.12)
    assert unsure.mean()[0] == pytest.approx(0.12)
    assert known.variance()[0] > 0.12 * 0.88 / (TYPICAL.strength + 1)
    assert unsure.variance()[0] - known.variance()[0] == pytest.approx(1e-3, rel=0.01)


def test_the_next_window_wobbles_as_much_as_windows_do() -> None:
    nothing = Series(np.zeros((WEEKS, 1)), np.zeros((WEEKS, 1)))
    calm, wobbly = (
        follow(nothing, centre(1), Parameters(100.0, 0.01, spread), WEEK).variance()[0]
        for spread in (1e-12, 1e-2)
    )
    assert wobbly - calm == pytest.approx(1e-2 * RATE * (1 - RATE), rel=0.01)


def test_an_only_child_is_not_counted_twice() -> None:
    """A prefix that is all of its state knows no more than the state: not twice the evidence."""
    rng = np.random.default_rng(5)
    orders = rng.poisson(50, (WEEKS, 8)).astype(np.float64)
    failures = rng.binomial(orders.astype(int), 0.1).astype(np.float64)
    states = Series(orders, failures)
    country = Series(orders.sum(axis=1, keepdims=True), failures.sum(axis=1, keepdims=True))
    rest = Series(country.orders - orders, country.failures - failures)
    nothing = Series(np.zeros_like(orders), np.zeros_like(orders))
    levels = fit(
        [
            top(country),
            Level(states, np.zeros(8, dtype=np.int64), rest),
            Level(states, np.arange(8), nothing),
        ],
        WEEK,
    )
    all_areas = np.arange(8)
    alone, inside = (one.rates(all_areas).variance() for one in levels[1:])
    assert (inside > 0.9 * alone).all()


@given(
    failures=st.lists(st.integers(0, 30), min_size=1, max_size=8),
    mean=st.floats(0.01, 0.6),
    strength=st.floats(5.0, 5000.0),
    change=st.floats(1e-6, 0.5),
    spread=st.floats(1e-6, 0.01),
    threshold=st.floats(0.01, 0.9),
)
def test_rates_are_always_a_distribution(
    failures: list[int], mean: float, strength: float, change: float, spread: float, threshold: float
) -> None:
    counted = np.array(failures, dtype=np.float64)[:, None]
    series = Series(np.full_like(counted, 30.0), counted)
    rates = follow(series, centre(1, mean), Parameters(strength, change, spread), WEEK)
    assert rates.weight.sum() == pytest.approx(1.0)
    assert (rates.alpha > 0).all()
    assert (rates.beta > 0).all()
    low, high = rates.interval()
    assert 0 <= low[0] <= rates.mean()[0] <= high[0] <= 1 or rates.variance()[0] > 0
    assert rates.above(threshold)[0] + rates.below(threshold)[0] == pytest.approx(1.0)


@given(extra=st.integers(1, 20), window=st.integers(0, WEEKS - 1))
def test_under_a_rate_that_never_changes_more_failures_never_lower_the_estimate(
    extra: int, window: int
) -> None:
    steady = Parameters(100.0, 1e-9, 1e-6)
    base = Series(np.full((WEEKS, 1), 60.0), np.full((WEEKS, 1), 5.0))
    more = Series(base.orders, base.failures.copy())
    more.failures[window] += extra
    estimates = [follow(one, centre(1), steady, WEEK).mean()[0] for one in (base, more)]
    assert estimates[1] > estimates[0]


def test_a_prediction_further_ahead_is_less_sure() -> None:
    series, _ = simulate(change=0.05, areas=50)
    near, far = (follow(series, centre(50), TYPICAL, Reach(7, days)).variance() for days in (7, 60))
    assert (far > near).all()


def test_an_area_is_judged_the_same_alone_and_among_others() -> None:
    series, _ = simulate(areas=500)
    country = Series(*(part.sum(axis=1, keepdims=True) for part in (series.orders, series.failures)))
    rest = Series(country.orders - series.orders, country.failures - series.failures)
    fitted = fit([top(country), Level(series, np.zeros(500, dtype=np.int64), rest)], WEEK)[1]
    together, some = fitted.rates(np.arange(500)), np.array([7, 300])
    assert fitted.rates(some).mean() == pytest.approx(together.mean()[some])
    assert fitted.rates(some).above(0.1) == pytest.approx(together.above(0.1)[some])


def test_the_trend_tells_a_jump_from_chance() -> None:
    series = Series(np.full((WEEKS, 2), 200.0), np.full((WEEKS, 2), 16.0))
    series.failures[-1] = [20.0, 60.0]
    fitted = fit([top(series)], WEEK)[0]
    chance, jump = fitted.trend(np.arange(2))
    assert abs(chance) < 0.005
    assert jump > 0.1


def test_there_is_no_trend_in_a_single_window() -> None:
    series = Series(np.full((1, 2), 20.0), np.full((1, 2), 2.0))
    fitted = fit([top(series)], WEEK)[0]
    assert fitted.trend(np.arange(2)).tolist() == [0.0, 0.0]


def test_a_company_without_any_finished_order_is_judged_without_an_error() -> None:
    nothing = Series(np.zeros((3, 2)), np.zeros((3, 2)))
    fitted = fit([top(nothing)], WEEK)[0]
    assert fitted.rates(np.arange(2)).mean() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(("orders", "failures"), [(21, 8), (21, 7), (60, 20)])
def test_an_area_around_which_nothing_lies_is_as_sure_as_its_own_counts_make_it(
    orders: int, failures: int
) -> None:
    """Its own mean as the centre of its prior would count every order twice."""
    counted = Series(np.array([[float(orders)]]), np.array([[float(failures)]]))
    sure = fit([top(counted)], WEEK)[0].rates(np.arange(1)).above(0.25)[0]
    own = 1.0 - float(beta_cdf(np.array([failures + 0.5]), np.array([orders - failures + 0.5]), 0.25)[0])
    assert sure == pytest.approx(own, abs=0.04)
