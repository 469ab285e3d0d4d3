"""Instants survive being stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from crossloop.store.instants import instant, micros, zulu


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_comes_back_to_the_microsecond(moment: datetime):
    assert instant(micros(moment)) == moment


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_is_written_as_models_write_it(moment: datetime):
    assert zulu(micros(moment)) == TypeAdapter(datetime).dump_python(moment, mode="json")


def test_the_same_instant_in_another_zone_is_stored_as_the_same_number():
    moment = datetime(2025, 3, 1, 9, 30, tzinfo=UTC)
    assert micros(moment) == micros(moment.astimezone(timezone(timedelta(hours=5, minutes=30))))


def test_a_datetime_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        micros(datetime(2025, 3, 1))
