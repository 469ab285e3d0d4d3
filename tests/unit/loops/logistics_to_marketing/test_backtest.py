"""The backtest: its definitions by brute force, its honesty about time, and its JSON."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from crossloop.canonical import canonical_json
from crossloop.errors import InputError
from crossloop.loops.logistics_to_marketing.backtest import backtest
from crossloop.loops.logistics_to_marketing.counts import count_shipments
from crossloop.loops.logistics_to_marketing.detection import detect
from crossloop.loops.logistics_to_marketing.replayed import BacktestReport
from crossloop.loops.logistics_to_marketing.settings import Settings
from tests.support.shipment_rows import shipment, table_of
from tests.support.simulated_rates import MATURITY, Simulated, company, counts_of, day

STATE = Settings.parse({"threshold": "0.12", "level": "state"})
WINDOW = 7


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    return company(seed=4, alike=60.0, orders=1.2, days=110).raised("STATE 03", 0.25, 0)


@pytest.fixture(scope="module")
def failures(simulated: Simulated) -> np.ndarray:
    return np.random.default_rng(4).binomial(simulated.orders.astype(int), simulated.rates)


@pytest.fixture(scope="module")
def report(simulated: Simulated, failures: np.ndarray) -> BacktestReport:
    return backtest(counts_of(simulated.places, simulated.orders, failures), STATE)


def test_it_looks_at_every_day_with_two_finished_windows_before_and_one_after(
    report: BacktestReport,
) -> None:
    assert report.first == day(MATURITY + 2 * WINDOW - 1)
    assert report.last == day(109 - MATURITY - WINDOW)
    assert report.days == (report.last - report.first).days + 1


def test_the_literal_rule_is_a_comparison_of_counts(
    report: BacktestReport, simulated: Simulated, failures: np.ndarray
) -> None:
    states = sorted({place.state for place in simulated.places})
    member = np.array([states.index(place.state) for place in simulated.places])
    windows = orders = failed = 0
    for number in range(MATURITY + 2 * WINDOW - 1, 110 - MATURITY - WINDOW):
        for state in range(len(states)):
            mine = member == state
            last = slice(number - MATURITY - WINDOW + 1, number - MATURITY + 1)
            following = slice(number + 1, number + WINDOW + 1)
            counted = simulated.orders[mine, last].sum()
            if counted >= 20 and failures[mine, last].sum() > 0.12 * counted:
                windows += 1
                orders += int(simulated.orders[mine, following].sum())
                failed += int(failures[mine, following].sum())
    literal = report.literal_rule
    assert windows > 50
    assert (literal.windows, literal.next_window_orders) == (windows, orders)
    assert literal.next_window_rate == pytest.approx(failed / orders)


def test_the_model_is_right_more_often_than_the_literal_rule(report: BacktestReport) -> None:
    model, literal = report.model, report.literal_rule
    assert model.next_window_orders > 500
    assert model.next_window_rate > 1.1 * literal.next_window_rate
    assert model.next_window_rate > 1.6 * report.base_rate


def test_what_was_flagged_adds_up_to_the_outcome_of_the_model(report: BacktestReport) -> None:
    assert report.model.windows == len(report.flagged)
    assert report.model.areas == len({one.finding.area.path for one in report.flagged})
    assert report.model.next_window_orders == sum(one.next_orders for one in report.flagged)
    assert report.model.next_window_failures == sum(one.next_failures for one in report.flagged)


def test_conditions_are_those_of_a_run_on_every_day() -> None:
    troubled = company(seed=4, alike=60.0, orders=1.2, days=110).raised("STATE 03", 0.3, 0, 45)
    counts = troubled.raised("STATE 01", 0.3, 50).counts(4)
    report = backtest(counts, STATE)
    opened: dict[str, date] = {}
    came: list[tuple[str, date, date | None]] = []
    for number in range(report.days):
        today = report.first + timedelta(days=number)
        for one in detect(counts, STATE, today, opened).findings:
            path = one.area.path
            if one.raises:
                opened[path] = today
            if one.clears:
                came.append((path, opened.pop(path), today))
    came += [(path, day, None) for path, day in opened.items()]
    assert sorted(came, key=str) == sorted(
        ((one.path, one.opened, one.cleared) for one in report.conditions), key=str
    )
    assert {one.cleared is None for one in report.conditions} == {True, False}


def test_a_condition_holds_every_day_on_which_it_was_open(report: BacktestReport) -> None:
    for one in report.conditions:
        until = one.cleared or report.last + timedelta(days=1)
        days = [one.opened + timedelta(days=number) for number in range((until - one.opened).days)]
        assert [kept.day for kept in one.days] == days


def test_stated_probabilities_are_kept(report: BacktestReport) -> None:
    assert report.expected_calibration_error < 0.06
    assert sum(one.windows for one in report.reliability) > 500


def test_the_calibration_error_is_the_mean_distance_weighted_by_windows(report: BacktestReport) -> None:
    table = report.reliability
    windows = np.array([one.windows for one in table])
    distance = np.array([abs(one.stated - one.observed) for one in table])
    assert report.expected_calibration_error == pytest.approx((distance * windows).sum() / windows.sum())
    for one in table:
        assert one.stated_low <= one.stated <= one.stated_high


def test_the_base_rate_is_over_all_orders_with_an_outcome(
    report: BacktestReport, simulated: Simulated, failures: np.ndarray
) -> None:
    assert report.orders == simulated.orders.sum()
    assert report.base_rate == pytest.approx(failures.sum() / simulated.orders.sum())


def test_the_json_has_the_promised_keys(report: BacktestReport) -> None:
    found = report.to_json()
    assert set(found) >= {
        "days",
        "level",
        "base_rate",
        "model",
        "literal_rule",
        "reliability",
        "expected_calibration_error",
    }
    rule = {"windows", "areas", "next_window_rate", "next_window_orders"}
    assert set(found["model"]) == set(found["literal_rule"]) == rule
    assert set(found["reliability"][0]) >= {"stated_low", "stated_high", "windows", "observed"}
    assert canonical_json(found)


def test_what_is_flagged_on_a_day_does_not_change_with_later_orders(
    simulated: Simulated, failures: np.ndarray, report: BacktestReport
) -> None:
    until = 75
    orders, later = simulated.orders.copy(), failures.copy()
    orders[:, until + 1 :] = orders[::-1, until + 1 :] + 3
    later[:, until + 1 :] = orders[:, until + 1 :] // 2
    later[:, until + 1 - MATURITY : until + 1] = 0
    changed = backtest(counts_of(simulated.places, orders, later), STATE, last=day(until))
    was = [(one.day, one.finding) for one in report.flagged if one.day <= day(until)]
    assert len(was) > 20
    assert [(one.day, one.finding) for one in changed.flagged] == was


def test_a_finer_report_flags_areas_inside_one_another_once() -> None:
    simulated = company(seed=2, states=4, orders=4.0, days=70).raised("STATE 03", 0.35, 0)
    found = backtest(simulated.counts(2), Settings.parse({"threshold": "0.15"}))
    assert found.model.windows > 0
    for one in found.flagged:
        inside = [other for other in found.flagged if other.day == one.day and other is not one]
        assert not any(one.finding.area.covers(other.finding.area) for other in inside)


def test_a_prompt_shows_it_in_one_line(report: BacktestReport) -> None:
    said = repr(report)
    assert said.startswith(f"<BacktestReport {report.first} to {report.last}, {report.orders} orders: ")
    assert f"{report.model.areas} areas flagged in {report.model.windows} windows" in said
    assert said.endswith("; in full: .flagged, .to_json()>")


def test_progress_is_told_day_by_day(simulated: Simulated, failures: np.ndarray) -> None:
    told: list[tuple[int, int]] = []
    counts = counts_of(simulated.places, simulated.orders, failures)
    backtest(
        counts, STATE, first=day(40), last=day(42), progress=lambda done, all_: told.append((done, all_))
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_data_that_is_too_short_is_refused_with_the_days_it_has() -> None:
    counts = count_shipments(table_of([shipment()]), STATE)
    with pytest.raises(InputError, match="two finished windows before a day") as refused:
        backtest(counts, STATE)
    assert refused.value.exit_code == 2


def test_days_of_which_nothing_is_known_are_passed_over() -> None:
    simulated = company(days=180, states=3)
    simulated.orders[:, 30:150] = 0
    settings = STATE.model_copy(update={"history_days": 28})
    found = backtest(simulated.counts(1), settings, first=day(80), last=day(140))
    assert found.days == 61
    assert found.reliability == ()
    assert found.expected_calibration_error is None


def test_nothing_flagged_is_a_rate_of_none() -> None:
    settings = Settings.parse({"threshold": "0.9", "level": "state"})
    found = backtest(company(days=60, states=3).counts(1), settings)
    assert found.model.next_window_rate is None
    assert found.to_json()["model"] == {
        "windows": 0,
        "areas": 0,
        "next_window_rate": None,
        "next_window_orders": 0,
    }
