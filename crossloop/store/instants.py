"""Instants and days as the tables keep them: whole microseconds since 1970 in UTC, and ISO dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crossloop.clock import require_aware

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Return an aware instant as microseconds since 1970, exactly (no float on the way)."""
    return (require_aware(moment) - _EPOCH) // _MICROSECOND


def instant(count: int) -> datetime:
    """Return microseconds since 1970 as an aware instant in UTC.

    Raises:
        OverflowError: the count lies outside the years 1 to 9999.
    """
    return _EPOCH + timedelta(microseconds=count)


def zulu(count: int) -> str:
    """Return microseconds since 1970 as signals write an instant: ISO 8601 in UTC, ending in ``Z``.

    Raises:
        OverflowError: the count lies outside the years 1 to 9999.
    """
    return instant(count).isoformat().removesuffix("+00:00") + "Z"
