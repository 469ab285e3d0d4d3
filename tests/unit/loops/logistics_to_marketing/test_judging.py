"""Which areas are at risk, and at which level it is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossloop.loops.logistics_to_marketing.counts import Place
from crossloop.loops.logistics_to_marketing.hierarchy import area_of, geography
from crossloop.loops.logistics_to_marketing.judging import at_risk, exceeding, look
from crossloop.loops.logistics_to_marketing.settings import Settings
from crossloop.signals.entities import Area
from tests.support.simulated_rates import Simulated, company, counts_of, day

RISK = Settings.parse({"threshold": "0.15"})


def risky(simulated: Simulated, settings: Settings = RISK, *, on: int = 100, seed: int = 1) -> list[str]:
    return [area.path for area in risky_areas(simulated, settings, on=on, seed=seed)]


def risky_areas(simulated: Simulated, settings: Settings, *, on: int, seed: int) -> list[Area]:
    counts = simulated.counts(seed)
    where = geography(counts)
    seen = look(counts, where, settings, day(on))
    assert seen is not None
    return [area_of(where, seen.known, spot.level, spot.area) for spot in at_risk(seen)]


@pytest.mark.parametrize("seed", range(3))
def test_a_company_without_a_problem_has_no_area_at_risk(seed: int) -> None:
    assert risky(company(seed=seed), seed=seed) == []


@pytest.mark.parametrize("seed", range(3))
def test_a_state_that_is_bad_throughout_is_reported_as_a_whole(seed: int) -> None:
    simulated = company(seed=seed).raised("STATE 03", 0.3, 0)
    assert risky(simulated, seed=seed) == ["geo/IN/STATE 03"]


@pytest.mark.parametrize("seed", range(3))
def test_a_bad_prefix_is_reported_and_its_state_is_not_blamed_for_it(seed: int) -> None:
    simulated = company(seed=seed, orders=8.0).raised("109", 0.4, 0)
    assert risky(simulated, seed=seed) == ["geo/IN/STATE 03/109"]


def test_a_bad_pin_code_is_reported_alone() -> None:
    simulated = company(orders=12.0).raised("109001", 0.4, 0)
    assert risky(simulated) == ["geo/IN/STATE 03/109/109001"]


def test_a_state_with_one_prefix_is_reported_as_the_state() -> None:
    simulated = company(prefixes=1, pins=6).raised("STATE 03", 0.3, 0)
    assert risky(simulated) == ["geo/IN/STATE 03"]


def test_a_country_that_is_bad_throughout_is_reported_as_a_country() -> None:
    assert risky(company(rate=0.3)) == ["geo/IN"]


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("state", ["geo/IN/STATE 03"]),
        ("pin_prefix", [f"geo/IN/STATE 03/{prefix}" for prefix in ("109", "110", "111")]),
    ],
)
def test_at_a_fixed_level_every_area_at_risk_is_reported(level: str, expected: list[str]) -> None:
    simulated = company(orders=8.0).raised("STATE 03", 0.35, 0)
    assert risky(simulated, RISK.model_copy(update={"level": level})) == expected


def test_an_area_below_the_minimum_of_orders_is_never_reported_however_bad() -> None:
    places = tuple(Place("IN", "KERALA", f"6820{pin:02d}") for pin in range(40))
    orders = np.full((40, 100), 2.0)
    failures = np.zeros_like(orders)
    failures[0] = 2.0
    counts = counts_of(places, orders, failures)
    where = geography(counts)
    for least, found in ((15, 0), (14, 1)):
        chosen = Settings.parse({"threshold": "0.15", "level": "pin_code", "min_orders": str(least)})
        seen = look(counts, where, chosen, day(90))
        assert seen is not None
        assert len(at_risk(seen)) == found


def test_an_excess_that_two_days_carry_is_not_sustained_even_when_it_could_be_chance() -> None:
    places = tuple(Place("IN", f"STATE {number}", f"68{number}001") for number in range(6))
    orders, failures = np.full((6, 18), 60.0), np.arange(3.0, 9.0)[:, None] * np.ones(18)
    failures[0, :] = 5.0
    failures[0, 3:5] = 12.0
    counts = counts_of(places, orders, failures)
    chosen = Settings.parse({"threshold": "0.09", "level": "state"})
    where = geography(counts)
    seen = look(counts, where, chosen, day(16))
    assert seen is not None
    assert exceeding(seen, "state").tolist() == [0, 4, 5]
    assert [spot.area for spot in at_risk(seen)] == [4, 5]


def test_a_higher_confidence_never_reports_more_areas() -> None:
    simulated = company(alike=30.0, rate=0.13)
    found = [
        len(risky(simulated, RISK.model_copy(update={"confidence": asked, "level": "pin_prefix"})))
        for asked in (0.5, 0.7, 0.9, 0.99)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]


@settings(max_examples=10)
@given(seed=st.integers(0, 10_000), rate=st.floats(0.08, 0.2))
def test_no_area_is_reported_together_with_one_inside_it(seed: int, rate: float) -> None:
    simulated = company(seed=seed, states=4, rate=rate, alike=15.0, orders=6.0)
    areas = risky_areas(simulated, RISK, on=100, seed=seed)
    assert not any(one.covers(other) for one in areas for other in areas if one is not other)
