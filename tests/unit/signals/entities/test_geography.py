"""Which area lies in which can be told from the values alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crossloop.signals.entities import LEVELS, Area
from crossloop.testing.strategies import areas

INDIA = Area(level="country", code="IN", country="IN")
KARNATAKA = Area(level="state", code="KARNATAKA", country="IN", state="KARNATAKA")
PREFIX = Area(level="pin_prefix", code="560", country="IN", state="KARNATAKA", pin_prefix="560")
PIN = Area(level="pin_code", code="560001", country="IN", state="KARNATAKA", pin_prefix="560")


def test_a_path_goes_down_to_its_level() -> None:
    assert [one.path for one in (INDIA, KARNATAKA, PREFIX, PIN)] == [
        "geo/IN",
        "geo/IN/KARNATAKA",
        "geo/IN/KARNATAKA/560",
        "geo/IN/KARNATAKA/560/560001",
    ]


def test_an_area_covers_itself_and_what_lies_in_it() -> None:
    chain = [INDIA, KARNATAKA, PREFIX, PIN]
    for outer, one in enumerate(chain):
        assert [one.covers(other) for other in chain] == [outer <= inner for inner in range(len(chain))]


def test_a_name_that_starts_alike_is_another_area() -> None:
    longer = Area(level="state", code="KARNATAKA EAST", country="IN", state="KARNATAKA EAST")
    assert not KARNATAKA.covers(longer)
    assert not longer.covers(KARNATAKA)


def test_an_unknown_state_or_prefix_still_has_a_place() -> None:
    assert Area(level="pin_code", code="560001", country="IN").path == "geo/IN/-/560/560001"


@given(*[st.sampled_from(LEVELS).flatmap(areas)] * 3)
def test_covering_is_an_order(a: Area, b: Area, c: Area) -> None:
    assert a.covers(a)
    if a.covers(b) and b.covers(a):
        assert a.path == b.path
    if a.covers(b) and b.covers(c):
        assert a.covers(c)
    assert INDIA.covers(a)
