"""What a loop looks with is recorded whenever it is other than before, and known when its entry is not."""

from __future__ import annotations

import pytest

from crossloop.store import Store, Tx, choices, verify
from crossloop.store.choices import ChoiceRow
from crossloop.store.ledger.redaction import redact


def record(tx: Tx, value: float = 0.25, /, *, loop: str = "l", **chosen: str) -> bool:
    settings = {"threshold": value, "level": None}
    return choices.record(tx, loop=loop, chosen=chosen, settings=settings, body={"as_of": "2025-03-01"})


def test_what_was_recorded_comes_back_and_is_told_by_an_entry(store: Store):
    assert store.read(lambda read: choices.last(read, "l")) is None
    assert store.write(lambda tx: record(tx, 0.1, threshold="0.1"))
    settings = {"threshold": 0.1, "level": None}
    assert store.read(lambda read: choices.last(read, "l")) == ChoiceRow({"threshold": "0.1"}, settings, 0)
    entry = store.read(lambda read: read.entry(0))
    assert entry.kind == "settings.changed"
    assert entry.body == {
        "loop": "l",
        "chosen": {"threshold": "0.1"},
        "settings": settings,
        "as_of": "2025-03-01",
    }
    assert store.read(verify).ok


@pytest.mark.parametrize("differs", ["settings", "chosen"])
def test_only_what_is_other_than_the_last_time_is_recorded(store: Store, differs: str):
    other = (
        (lambda tx: record(tx, 0.3)) if differs == "settings" else (lambda tx: record(tx, threshold="0.25"))
    )
    added = [store.write(work) for work in (record, record, other, other, record)]
    assert added == [True, False, True, False, True]
    assert len(store.read(lambda read: choices.of_loop(read, "l"))) == 3


def test_each_loop_has_its_own(store: Store):
    assert store.write(record)
    assert store.write(lambda tx: record(tx, loop="m"))
    assert not store.write(record)
    assert [one.entry for one in store.read(lambda read: choices.of_loop(read, "m"))] == [1]


def test_a_choice_is_known_though_its_entry_was_redacted(store: Store):
    store.write(lambda tx: record(tx, 0.1, threshold="0.1"))
    before = store.read(lambda read: choices.last(read, "l"))
    store.write(lambda tx: redact(tx, 0, "asked for"))
    assert store.read(lambda read: choices.last(read, "l")) == before
    assert not store.write(lambda tx: record(tx, 0.1, threshold="0.1"))
    assert store.read(verify).ok
