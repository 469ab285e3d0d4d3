"""Impacts of one day add up exactly."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossloop.errors import InputError, UnknownName
from crossloop.store import Store, Tx, impacts
from crossloop.store.impacts import Impacted
from tests.support.stores import DAY, admit, decide, open_store


@pytest.fixture
def store(store: Store) -> Store:
    store.write(lambda tx: [admit(tx, "sig_a"), *(decide(tx, f"dec_{n}", "sig_a") for n in range(12))])
    return store


def add(
    tx: Tx, decision: str, share: float, amount: str, *, resource: str = "ads/C1", currency: str = "INR"
) -> bool:
    return impacts.add(
        tx,
        decision_id=decision,
        resource=resource,
        day=DAY,
        share=share,
        amount=Decimal(amount),
        currency=currency,
    )


def total(store: Store, resource: str = "ads/C1") -> Impacted:
    return store.read(lambda read: impacts.total(read, resource, DAY))


def test_nothing_was_moved_of_a_resource_nobody_touched(store: Store):
    assert total(store) == Impacted(0.0, Decimal(0))


def test_ten_small_shares_come_to_exactly_their_sum(store: Store):
    store.write(lambda tx: [add(tx, f"dec_{n}", 0.015, "150.10") for n in range(10)])
    assert sum([0.015] * 10) > 0.15, "as floats they would not"
    assert total(store) == Impacted(0.15, Decimal("1501.00"), "INR")


def test_nothing_is_lost_of_a_share_that_is_small_beside_the_others(store: Store):
    small = 1e-40
    store.write(
        lambda tx: [add(tx, "dec_1", 0.1, "999999999999999999.999999"), add(tx, "dec_2", small, "0.000001")]
    )
    assert total(store).amount == Decimal(10**18)
    store.write(lambda tx: impacts.release(tx, "dec_1"))
    assert total(store) == Impacted(small, Decimal("0.000001"), "INR")


SHARES = st.floats(0.0, 1.0)
AMOUNTS = st.decimals(-(10**17), 10**17, places=6)
MOVES = st.lists(st.tuples(st.integers(0, 5), st.none() | st.tuples(SHARES, AMOUNTS)), max_size=12)


@settings(max_examples=40, deadline=None)
@given(MOVES)
def test_whatever_is_added_and_released_the_total_is_the_exact_sum_of_what_is_counted(
    moves: list[tuple[int, tuple[float, Decimal] | None]],
):
    counted: dict[int, tuple[float, Decimal]] = {}
    with TemporaryDirectory() as folder, open_store(Path(folder) / "store.db") as store:
        store.write(lambda tx: [admit(tx, "sig_a"), *(decide(tx, f"dec_{n}", "sig_a") for n in range(6))])
        for number, impact in moves:
            if impact is None:
                released = store.write(lambda tx, number=number: impacts.release(tx, f"dec_{number}"))
                assert released == (counted.pop(number, None) is not None)
            else:
                share, amount = impact
                new = store.write(
                    lambda tx, number=number, share=share, amount=amount: add(
                        tx, f"dec_{number}", share, str(amount)
                    )
                )
                assert new == (number not in counted)
                counted.setdefault(number, impact)
            exact = sum((Fraction(share) for share, _ in counted.values()), Fraction(0))
            assert Fraction(total(store).amount) == sum(Fraction(amount) for _, amount in counted.values())
            assert total(store).share == pytest.approx(float(exact), rel=1e-15, abs=0)
            currency = store.read(lambda read: impacts.total(read, "ads/C1", DAY).currency)
            assert (currency is None) == (not counted)


def test_a_total_is_read_from_one_row_however_many_impacts_there_are(store: Store):
    store.write(lambda tx: [add(tx, f"dec_{n}", 0.015, "150.10") for n in range(10)])
    steps = store.read(
        lambda read: read.rows("EXPLAIN QUERY PLAN " + impacts._TOTAL, resource="ads/C1", day=DAY.isoformat())
    )
    assert [step[3] for step in steps] == [
        "SEARCH impact_totals USING INDEX sqlite_autoindex_impact_totals_1 (resource=? AND day=?)"
    ]


def test_a_day_of_which_all_was_released_may_be_counted_in_another_currency(store: Store):
    store.write(lambda tx: [add(tx, "dec_1", 0.1, "10"), impacts.release(tx, "dec_1")])
    assert store.write(lambda tx: add(tx, "dec_2", 0.1, "10", currency="EUR"))
    assert store.read(lambda read: impacts.total(read, "ads/C1", DAY).currency) == "EUR"


def test_another_day_and_another_resource_are_counted_apart(store: Store):
    store.write(lambda tx: [add(tx, "dec_1", 0.1, "10"), add(tx, "dec_1", 0.2, "20", resource="ads/C2")])
    assert total(store) == Impacted(0.1, Decimal(10), "INR")
    assert total(store, "ads/C2") == Impacted(0.2, Decimal(20), "INR")
    following = store.read(lambda read: impacts.total(read, "ads/C1", DAY + timedelta(days=1)))
    assert following == Impacted(0.0, Decimal(0))


def test_a_decision_is_counted_once(store: Store):
    assert store.write(lambda tx: add(tx, "dec_1", 0.1, "10"))
    assert not store.write(lambda tx: add(tx, "dec_1", 0.1, "10"))
    assert total(store) == Impacted(0.1, Decimal(10), "INR")


def test_a_released_decision_is_counted_no_longer(store: Store):
    store.write(lambda tx: [add(tx, "dec_1", 0.1, "10"), add(tx, "dec_2", 0.05, "5")])
    assert store.write(lambda tx: impacts.release(tx, "dec_1")) == 1
    assert store.write(lambda tx: impacts.release(tx, "dec_1")) == 0
    assert total(store) == Impacted(0.05, Decimal(5), "INR")


def test_one_resource_is_counted_in_one_currency(store: Store):
    store.write(lambda tx: add(tx, "dec_1", 0.1, "10"))
    with pytest.raises(InputError, match="counted in INR, got EUR"):
        store.write(lambda tx: add(tx, "dec_2", 0.1, "10", currency="EUR"))


def test_an_impact_of_an_unknown_decision_is_refused(store: Store):
    with pytest.raises(UnknownName, match="dec_99"):
        store.write(lambda tx: add(tx, "dec_99", 0.1, "10"))


def test_the_currency_of_a_day_is_known_once_something_is_counted(store: Store):
    assert store.read(lambda read: impacts.total(read, "ads/C1", DAY).currency) is None
    store.write(lambda tx: add(tx, "dec_1", 0.1, "10", currency="EUR"))
    assert store.read(lambda read: impacts.total(read, "ads/C1", DAY).currency) == "EUR"
    assert store.read(lambda read: impacts.total(read, "ads/C1", DAY + timedelta(days=1)).currency) is None
