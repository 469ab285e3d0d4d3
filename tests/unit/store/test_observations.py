"""The same look at the same data is recorded once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crossloop.store import Store, Tx, observations
from tests.support.stores import DAY


def record(tx: Tx, *, loop: str = "l", days: int = 0, settings: str = "s", given: str = "i") -> bool:
    return observations.record(
        tx,
        loop=loop,
        as_of=DAY + timedelta(days=days),
        settings_digest=settings,
        input_digest=given,
        body={"found": [loop, days, settings, given]},
    )


def test_what_was_found_stands_in_an_entry(store: Store):
    assert store.write(record)
    entry = store.read(lambda read: read.entry(0))
    assert (entry.kind, entry.body) == ("observation", {"found": ["l", 0, "s", "i"]})


def test_the_same_look_is_recorded_once(store: Store):
    assert store.write(record)
    assert not store.write(record)
    assert store.read(lambda read: read.head().size) == 1


@pytest.mark.parametrize("other", [{"loop": "m"}, {"days": 1}, {"settings": "t"}, {"given": "j"}])
def test_another_loop_day_setting_or_input_is_another_look(store: Store, other: dict[str, str]):
    store.write(record)
    assert store.write(lambda tx: record(tx, **other))


def test_the_last_look_of_a_loop_is_the_one_at_the_latest_day(store: Store):
    assert store.read(lambda read: observations.last(read, "l")) is None
    store.write(lambda tx: [record(tx, days=days) for days in (3, 9, 5)])
    store.write(lambda tx: record(tx, loop="m", days=30))
    assert store.read(lambda read: observations.last(read, "l")) == DAY + timedelta(days=9)
