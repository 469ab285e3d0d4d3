"""From shipments to counts: what is a failure, what is known when, and what is not counted."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from crossloop.loops.logistics_to_marketing.counts import (
    NEVER,
    Counts,
    Place,
    count_shipments,
    from_day,
    lacks_attempts,
    looked_at_days,
    to_day,
)
from crossloop.loops.logistics_to_marketing.settings import Settings
from tests.support.shipment_rows import Row, shipment, table_of

RTO = Settings.parse({})
NDR = Settings.parse({"metric": "ndr"})
NEW_YEAR = date(2025, 1, 1)


def counted(*rows: Row, settings: Settings = RTO, as_of: date | None = None) -> Counts:
    return count_shipments(table_of(rows), settings, as_of=as_of)


def known_days(counts: Counts) -> list[date | None]:
    return [None if day == NEVER else to_day(int(day)) for day in counts.outcomes.known]


def test_returned_orders_are_failures_among_the_finished_ones() -> None:
    rows = [shipment(outcome=one) for one in ("delivered", "delivered", "returned", "lost", "in_transit")]
    outcomes = counted(*rows).outcomes
    assert outcomes.finished.sum() == 3
    assert outcomes.failures.sum() == 1
    assert outcomes.lost.sum() == 1
    assert outcomes.shipped.sum() == 5


def test_what_never_left_is_not_counted_but_the_data_speaks_of_its_day() -> None:
    later = shipment(outcome="not_shipped", ordered_on=date(2025, 2, 1))
    counts = counted(shipment(), later)
    assert counts.outcomes.shipped.sum() == 1
    assert to_day(counts.last_day) == date(2025, 2, 1)


def test_without_an_outcome_date_the_outcome_is_known_at_maturity() -> None:
    assert known_days(counted(shipment())) == [NEW_YEAR + timedelta(days=10)]


@pytest.mark.parametrize(("after", "known"), [(0, 10), (7, 10), (10, 10), (11, 11), (25, 25)])
def test_a_dated_outcome_is_known_from_its_date_but_not_before_maturity(after: int, known: int) -> None:
    row = shipment(outcome="returned", outcome_on=NEW_YEAR + timedelta(days=after))
    assert known_days(counted(row)) == [NEW_YEAR + timedelta(days=known)]


def test_an_order_in_transit_is_never_known() -> None:
    assert known_days(counted(shipment(outcome="in_transit"))) == [None]


def test_ndr_counts_attempted_orders_and_is_known_from_the_first_attempt() -> None:
    counts = counted(
        shipment(attempts=1, failed_attempts=0, first_attempt_on=date(2025, 1, 3)),
        shipment(attempts=3, failed_attempts=2, first_attempt_on=date(2025, 1, 20)),
        shipment(attempts=0, failed_attempts=0, outcome="in_transit"),
        shipment(attempts=0, failed_attempts=0, outcome="lost"),
        settings=NDR,
    )
    assert counts.outcomes.finished.sum() == 2
    assert counts.outcomes.failures.sum() == 1
    assert counts.outcomes.lost.sum() == 1
    assert sorted(known_days(counts), key=str) == [date(2025, 1, 11), date(2025, 1, 20), None]


@pytest.mark.parametrize(
    ("rows", "lacks"),
    [
        ([], False),  # nothing to look at: that is said elsewhere
        ([shipment()], True),
        ([shipment(attempts=0)], True),
        ([shipment(attempts=1, outcome="not_shipped"), shipment()], True),
        ([shipment(), shipment(attempts=1)], False),
    ],
)
def test_shipments_without_a_delivery_attempt_are_found(rows: list[Row], lacks: bool) -> None:
    assert lacks_attempts(table_of(rows), NDR) is lacks


def test_attempts_outside_the_days_that_are_looked_at_do_not_count() -> None:
    as_of = date(2025, 6, 1)
    first, last = looked_at_days(NDR, as_of)
    assert (first, last) == (date(2025, 2, 20), date(2025, 5, 22))
    for number, lacks in ((-1, True), (0, False)):
        attempted = shipment(attempts=1, ordered_on=first + timedelta(days=number))
        table = table_of([attempted, shipment(ordered_on=last)])
        assert lacks_attempts(table, NDR, as_of=as_of) is lacks


def test_ndr_of_an_empty_table_is_merely_empty() -> None:
    counts = counted(settings=NDR)
    assert len(counts.outcomes.day) == 0
    assert counts.places == ()


def test_payment_and_value_are_counted_where_they_are_known() -> None:
    baskets = counted(
        shipment(payment="cod", amount=Decimal("100.10")),
        shipment(payment="prepaid", amount=Decimal("200.20")),
        shipment(payment=None, amount=None, currency=None),
    ).baskets
    assert baskets.cod.sum() == 1
    assert baskets.paid.sum() == 2
    assert baskets.valued.sum() == 2
    assert baskets.amount.sum() == pytest.approx(300.30)


def test_places_are_sorted_and_told_apart_by_all_three_names() -> None:
    counts = counted(
        shipment(state="PUNJAB", pin_code="160055"),
        shipment(state="CHANDIGARH", pin_code="160055"),
        shipment(state="CHANDIGARH", pin_code="160001"),
    )
    assert counts.places == (
        Place("IN", "CHANDIGARH", "160001"),
        Place("IN", "CHANDIGARH", "160055"),
        Place("IN", "PUNJAB", "160055"),
    )
    assert sorted(counts.outcomes.place) == sorted(counts.baskets.place) == [0, 1, 2]


def test_for_a_day_only_its_mature_history_is_counted() -> None:
    as_of = date(2025, 6, 1)
    mature = as_of - timedelta(days=RTO.maturity_days)
    oldest = mature - timedelta(days=RTO.history_days)
    rows = [
        shipment(ordered_on=one)
        for one in (oldest - timedelta(days=1), oldest, mature, mature + timedelta(days=1), as_of)
    ]
    counts = counted(*rows, as_of=as_of)
    assert sorted(counts.outcomes.day) == [from_day(oldest), from_day(mature)]
    assert to_day(counts.last_day) == as_of


def test_the_data_speaks_of_outcome_days_too() -> None:
    row = shipment(outcome_on=date(2025, 1, 9))
    assert to_day(counted(row).last_day) == date(2025, 1, 9)
