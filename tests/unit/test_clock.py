"""Real time moves forward only; an as-of day ends with the local day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.clock import ManualClock, SystemClock, end_of_day, local_day, require_aware

ZONES = st.sampled_from(["Asia/Kolkata", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "UTC"])
DAYS = st.dates(date(1980, 1, 1), date(2100, 1, 1))


def test_a_manual_clock_stands_until_it_is_moved() -> None:
    clock = ManualClock(datetime(2022, 6, 12, 5, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))))
    assert clock.now() == clock.now() == datetime(2022, 6, 12, tzinfo=UTC)
    clock.advance(timedelta(seconds=1))
    assert clock.now() == datetime(2022, 6, 12, 0, 0, 1, tzinfo=UTC)


def test_time_never_runs_back() -> None:
    clock = ManualClock(datetime(2022, 6, 12, tzinfo=UTC))
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(timedelta(microseconds=-1))


def test_the_system_clock_is_aware_and_in_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        require_aware(datetime(2022, 6, 12))
    with pytest.raises(ValueError, match="no time zone"):
        ManualClock(datetime(2022, 6, 12))


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-14))),
    ],
)
def test_an_instant_outside_the_calendar_is_a_value_error(moment: datetime) -> None:
    with pytest.raises(ValueError, match="outside the calendar"):
        require_aware(moment)


@given(DAYS, ZONES)
def test_the_end_of_a_day_is_its_last_microsecond(day: date, zone: str) -> None:
    end = end_of_day(day, zone)
    assert end.tzinfo is UTC
    assert local_day(end, zone) <= day
    assert local_day(end + timedelta(microseconds=1), zone) > day


def test_an_indian_day_ends_at_half_past_six_in_the_evening_utc() -> None:
    assert end_of_day(date(2022, 6, 12), "Asia/Kolkata") == datetime(
        2022, 6, 12, 18, 29, 59, 999999, tzinfo=UTC
    )
    assert local_day(datetime(2022, 6, 12, 18, 30, tzinfo=UTC), "Asia/Kolkata") == date(2022, 6, 13)
