"""What a backtest would have done: under the document as it stands, limits of a day included."""

from __future__ import annotations

import pytest

from crossloop.departments.marketing import Economics
from crossloop.loops.logistics_to_marketing.backtest import backtest
from crossloop.loops.logistics_to_marketing.replayed import BacktestReport
from crossloop.loops.logistics_to_marketing.saving import Saving, estimate
from crossloop.loops.logistics_to_marketing.settings import Settings
from tests.support.governed import policy
from tests.support.simulated_rates import company


@pytest.fixture(scope="module")
def report() -> BacktestReport:
    """Two states are bad from the first day on, so that both are flagged on one day."""
    simulated = company(seed=4, alike=60.0, orders=1.2, days=60)
    both = simulated.raised("STATE 03", 0.5, 0).raised("STATE 02", 0.5, 0)
    return backtest(both.counts(4), Settings.parse({"threshold": "0.25", "level": "state"}))


def done(report: BacktestReport, rule: str) -> Saving:
    under = policy(
        ("daily_budget_share > 0.15", rule),
        ('protected: ["campaign/brand"]', "protected: []"),
        ("spend_floor: 1000 INR", "spend_floor: 0 INR"),
    )
    return estimate(report, campaigns=(), economics=Economics(), policy=under, file="orders.csv")


def test_money_that_was_moved_earlier_on_the_day_counts(report: BacktestReport) -> None:
    assert [one.opened for one in report.conditions] == [report.first, report.first]
    alone = done(report, "own_amount > 1000.0")
    assert (alone.would_act, alone.would_hold) == (2, 0)
    together = done(report, "amount > 1000.0")
    assert (together.would_act, together.would_hold) == (1, 1)
