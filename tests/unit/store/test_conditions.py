"""A condition opens, is seen, clears, and may open again."""

from __future__ import annotations

from datetime import date

from crossloop.store import Read, Store, Tx, conditions
from crossloop.store.conditions import ConditionRow
from tests.support.stores import DAY

PATH = "geo/IN/KARNATAKA"


def on(day: int) -> date:
    return DAY.replace(day=day)


def open_(tx: Tx, day: int, *, path: str = PATH, signal: str = "sig_a", loop: str = "l") -> bool:
    return conditions.open_(
        tx,
        loop=loop,
        metric="rto",
        path=path,
        level="state",
        code="KARNATAKA",
        signal_id=signal,
        case="case_x",
        day=on(day),
    )


def seen(tx: Tx, day: int) -> bool:
    return conditions.seen(tx, loop="l", metric="rto", path=PATH, day=on(day))


def clear(tx: Tx, day: int) -> bool:
    return conditions.clear(tx, loop="l", metric="rto", path=PATH, signal_id="sig_c", day=on(day))


def only(read: Read) -> ConditionRow:
    [row] = conditions.current(read, "l")
    return row


def test_an_opened_condition_comes_back_as_it_was_given(store: Store):
    assert store.write(lambda tx: open_(tx, 3))
    assert store.read(only) == ConditionRow(
        loop="l",
        metric="rto",
        path=PATH,
        level="state",
        code="KARNATAKA",
        state="open",
        signal_id="sig_a",
        case="case_x",
        since=on(3),
        last_seen=on(3),
        entry=0,
    )
    assert store.read(lambda read: read.entry(0).kind) == "condition.opened"


def test_an_open_condition_does_not_open_again(store: Store):
    assert store.write(lambda tx: open_(tx, 3))
    assert not store.write(lambda tx: open_(tx, 4, signal="sig_b"))
    assert store.read(only).signal_id == "sig_a"


def test_seeing_an_open_condition_moves_its_last_day_forward_only_and_leaves_no_entry(store: Store):
    store.write(lambda tx: open_(tx, 3))
    assert store.write(lambda tx: seen(tx, 5))
    assert not store.write(lambda tx: seen(tx, 5))
    assert not store.write(lambda tx: seen(tx, 4))
    row = store.read(only)
    assert (row.since, row.last_seen) == (on(3), on(5))
    assert store.read(lambda read: read.head().size) == 1


def test_a_condition_clears_once_and_in_the_case_that_opened_it(store: Store):
    assert not store.write(lambda tx: clear(tx, 2))
    store.write(lambda tx: open_(tx, 3))
    assert store.write(lambda tx: clear(tx, 6))
    assert not store.write(lambda tx: clear(tx, 7))
    row = store.read(only)
    assert (row.state, row.signal_id, row.since, row.last_seen) == ("cleared", "sig_c", on(6), on(6))
    assert not store.write(lambda tx: seen(tx, 8))
    entry = store.read(lambda read: read.entry(row.entry))
    assert (entry.kind, entry.case) == ("condition.cleared", "case_x")


def test_a_cleared_condition_opens_again_as_a_new_one(store: Store):
    store.write(lambda tx: (open_(tx, 3), clear(tx, 6)))
    assert store.write(lambda tx: open_(tx, 9, signal="sig_b"))
    row = store.read(only)
    assert (row.state, row.signal_id, row.since, row.last_seen) == ("open", "sig_b", on(9), on(9))


def test_conditions_of_another_loop_are_not_shown(store: Store):
    store.write(lambda tx: (open_(tx, 3, path="b"), open_(tx, 3, path="a"), open_(tx, 3, loop="other")))
    paths = store.read(lambda read: [row.path for row in conditions.current(read, "l")])
    assert paths == ["a", "b"]
