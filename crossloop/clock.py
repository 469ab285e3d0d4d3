"""Two clocks: real time for the ledger and deadlines, business time for what is being looked at.

Business time is the as-of instant of a run and is always handed in as a value; only real time has a
clock, and it is handed in too, so that a simulation can own it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """Source of real time."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told to: for simulations and tests."""

    def __init__(self, start: datetime) -> None:
        self._now = require_aware(start)

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move forward; time never runs back."""
        if by < timedelta(0):
            raise ValueError(f"a clock cannot go back by {by}")
        self._now += by


def require_aware(moment: datetime) -> datetime:
    """Return the instant in UTC; refuse a datetime without a zone."""
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the first or last day there is, with an offset that leads past it
        raise ValueError(f"{moment.isoformat()} lies outside the calendar in UTC") from None


def end_of_day(day: date, zone: str) -> datetime:
    """The last microsecond of a local calendar day, in UTC: the instant an as-of date stands for."""
    following = datetime.combine(day + timedelta(days=1), time(), tzinfo=ZoneInfo(zone))
    return following.astimezone(UTC) - timedelta(microseconds=1)


def local_day(moment: datetime, zone: str) -> date:
    """The calendar day of an instant in a zone: the day that daily limits count by."""
    return require_aware(moment).astimezone(ZoneInfo(zone)).date()
