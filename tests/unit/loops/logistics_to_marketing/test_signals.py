"""When the end of a condition is said again: once for each ending, and once a day while something holds."""

from __future__ import annotations

from datetime import date, timedelta

from crossloop.clock import end_of_day
from crossloop.coordinator.loop import IN_FORCE, Condition
from crossloop.ids import CaseId, SignalId
from crossloop.loops.logistics_to_marketing.detection import Detection
from crossloop.loops.logistics_to_marketing.findings import Finding
from crossloop.loops.logistics_to_marketing.settings import Settings
from crossloop.loops.logistics_to_marketing.signals import tell
from crossloop.money import Money
from crossloop.signals.entities import Area

DAY = date(2025, 6, 30)
GOA = Area(level="state", code="GOA", country="IN", state="GOA")
OVER = Finding(
    area=GOA,
    first=date(2025, 6, 14),
    last=date(2025, 6, 20),
    orders=40,
    failures=1,
    earlier_orders=300,
    earlier_failures=60,
    pending=0,
    lost=0,
    rate=0.025,
    estimate=0.03,
    interval=(0.01, 0.08),
    confidence=0.01,
    clear_confidence=0.99,
    trend_per_week=0.0,
    assessment="sustained",
    orders_per_day=6.0,
    order_value=None,
    cod_share=None,
    clears=True,
)


def said(condition: Condition, day: date) -> list[str]:
    told = tell(
        Detection(day, (OVER,), ()),
        [condition],
        settings=Settings(),
        rto_cost=(Money.of(180, "INR"), Money.of(240, "INR")),
        instant=end_of_day(day, "Asia/Kolkata"),
        as_of=day,
        file="orders.csv",
    )
    return [one.id for one in told.signals]


def condition(state: str, again: str | None = None) -> Condition:
    return Condition(
        path=f"rto/{GOA.path}",
        metric="rto",
        level="state",
        code="GOA",
        state="open" if state == "open" else "cleared",
        signal_id=SignalId("sig_opened"),
        case=CaseId("case_x"),
        since=date(2025, 6, 1) if state == "open" else DAY,
        again=again,
    )


def test_an_end_is_the_same_signal_however_often_the_day_is_run() -> None:
    (first,) = said(condition("open"), DAY)
    assert said(condition("cleared"), DAY) == [first]
    assert said(condition("cleared", IN_FORCE), DAY) == [first]


def test_what_is_still_in_force_is_said_again_on_the_next_day_and_what_was_lifted_is_not() -> None:
    (first,) = said(condition("open"), DAY)
    later = DAY + timedelta(days=1)
    (again,) = said(condition("cleared", IN_FORCE), later)
    assert again != first
    assert said(condition("cleared", IN_FORCE), later) == [again]
    assert said(condition("cleared"), later) == []


def test_what_came_to_nothing_is_said_again_on_the_same_day_once_for_each_ending() -> None:
    (first,) = said(condition("open"), DAY)
    (second,) = said(condition("cleared", "again_1"), DAY)
    (third,) = said(condition("cleared", "again_2"), DAY)
    assert len({first, second, third}) == 3
