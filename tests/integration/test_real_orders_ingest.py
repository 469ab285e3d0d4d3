"""The public order export of an Indian marketplace seller, read by the mapping that ships with the project.

The file is not part of the project. The figures were counted once by hand-written SQL over the raw file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from crossloop.adapters.files import Geography, ShipmentData, ShipmentMapping, load_mapping, read_shipments
from crossloop.adapters.files.untyped import rows_of
from crossloop.errors import MappingError
from tests.support.project import PROJECT
from tests.support.shipment_files import aside

FOLDER = os.environ.get("CROSSLOOP_REAL_DATA")
pytestmark = [
    pytest.mark.skipif(FOLDER is None, reason="CROSSLOOP_REAL_DATA does not name the folder with real data"),
]
LINES = 128_975
MARKETPLACE = "outcome is not recorded for orders fulfilled by the marketplace"
NEVER_LEFT = "never left the warehouse (cancelled or pending)"
NO_ADDRESS = "no address: state or postal code is missing"


def export() -> Path:
    return Path(FOLDER or "") / "amazon_india" / "Amazon_Sale_Report.csv.gz"


def mapping() -> ShipmentMapping:
    return load_mapping(PROJECT / "examples" / "mappings" / "amazon_india.yaml")


@pytest.fixture(scope="module")
def orders() -> Iterator[ShipmentData]:
    with read_shipments(export(), mapping()) as data:
        yield data


def outcomes(data: ShipmentData) -> dict[str, int]:
    counted = data.table.group_by("outcome").aggregate(orders=data.table.count())
    return {row["outcome"]: row["orders"] for row in rows_of(counted)}


def test_every_line_is_used_or_set_aside_under_one_reason(orders: ShipmentData) -> None:
    assert orders.rows.read == LINES
    assert orders.rows.used == 31_882
    assert aside(orders.rows) == {NO_ADDRESS: 33, MARKETPLACE: 89_678, NEVER_LEFT: 7_382}


def test_the_outcomes_are_those_of_the_orders(orders: ShipmentData) -> None:
    counted = outcomes(orders)

    assert counted == {"delivered": 26_559, "returned": 1_989, "in_transit": 950, "lost": 5}
    resolved = counted["delivered"] + counted["returned"]
    assert resolved == 28_548
    assert round(counted["returned"] / resolved, 4) == 0.0697


def test_seventy_spellings_become_the_states_of_the_country(orders: ShipmentData) -> None:
    states = {row["state"] for row in rows_of(orders.table.select("state").distinct())}

    assert len(states) == 36
    assert states <= set(mapping().states.known)


def test_what_the_export_does_not_say_stays_unknown(orders: ShipmentData) -> None:
    assert (orders.has_ndr, orders.has_outcome_days, orders.has_payment) == (False, False, False)
    assert orders.currency == "INR"
    assert (orders.first_day, orders.last_day) == (date(2022, 3, 31), date(2022, 6, 27))


def test_a_pin_code_lies_in_its_state(orders: ShipmentData) -> None:
    assert Geography.of(orders).area("pin_code", "560085", "IN").path == "geo/IN/KARNATAKA/560/560085"


def test_orders_after_the_as_of_day_are_set_aside_as_such() -> None:
    with read_shipments(export(), mapping(), as_of=date(2022, 6, 12)) as data:
        assert data.rows.read == LINES
        assert aside(data.rows)["later than as_of"] == 20_070
        assert data.last_day == date(2022, 6, 12)


def test_a_status_that_the_vocabulary_does_not_list_names_its_line() -> None:
    declared = mapping()
    shorter = {text: outcome for text, outcome in declared.outcomes.items() if text != "Shipped - Damaged"}

    with pytest.raises(MappingError) as caught:
        read_shipments(export(), declared.model_copy(update={"outcomes": shorter}))

    assert "'Shipped - Damaged'" in str(caught.value)
    assert caught.value.where.field == "Status"
    assert caught.value.where.line is not None
