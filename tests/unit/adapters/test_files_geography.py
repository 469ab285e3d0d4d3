"""Where an area lies is learnt from the shipments."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossloop.adapters.files import Geography, read_shipments
from crossloop.signals.entities import Area
from tests.support.shipment_files import line, write_csv

PLACES = (
    [("396001", "GUJARAT")] * 3
    + [("396230", "DAMAN")] * 2
    + [("396230", "GUJARAT")]
    + [("560001", "B"), ("560001", "A")]
)


@pytest.fixture
def geography(tmp_path: Path) -> Geography:
    lines = [line(shipment_id=f"S{n}", pin_code=pin, state=state) for n, (pin, state) in enumerate(PLACES)]
    with read_shipments(write_csv(tmp_path / "a.csv", lines)) as data:
        return Geography.of(data)


@pytest.mark.parametrize(
    ("code", "state"),
    [("396001", "GUJARAT"), ("396230", "DAMAN"), ("396", "GUJARAT"), ("396999", "GUJARAT"), ("110001", None)],
)
def test_a_code_lies_where_most_of_its_shipments_say(
    geography: Geography, code: str, state: str | None
) -> None:
    assert geography.state_of(code, "IN") == state


def test_states_and_prefixes_are_known_that_shipments_name(geography: Geography) -> None:
    """B is the majority nowhere, and still a state."""
    assert geography.states("IN") == ("A", "B", "DAMAN", "GUJARAT")
    assert geography.states("NP") == ()
    assert geography.went_to("396", "IN")
    assert not geography.went_to("396", "NP")


def test_of_equally_many_the_first_in_the_alphabet_counts(geography: Geography) -> None:
    assert geography.state_of("560001", "IN") == "A"


def test_areas_come_with_the_ancestors_that_are_known(geography: Geography) -> None:
    assert geography.area("pin_code", "396230", "IN").path == "geo/IN/DAMAN/396/396230"
    assert geography.area("pin_prefix", "396", "IN").path == "geo/IN/GUJARAT/396"
    assert geography.area("state", " tamil  nadu", "IN").path == "geo/IN/TAMIL NADU"
    assert geography.area("country", "IN", "IN").path == "geo/IN"
    assert geography.area("pin_code", "110001", "IN") == Area(
        level="pin_code", code="110001", country="IN", state=None, pin_prefix="110"
    )


def test_codes_of_another_country_are_other_codes(geography: Geography) -> None:
    assert geography.state_of("396001", "NP") is None


def test_a_state_covers_its_pin_codes(geography: Geography) -> None:
    assert geography.area("state", "GUJARAT", "IN").covers(geography.area("pin_code", "396001", "IN"))
    assert not geography.area("state", "GUJARAT", "IN").covers(geography.area("pin_code", "396230", "IN"))
