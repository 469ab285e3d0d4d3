"""The embedded warehouse."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossloop.actions.port import Conflict, NotFound, Performed
from crossloop.adapters.arguments import CreateShipment, MoveStock, OnShipment
from crossloop.adapters.embedded.wms import EmbeddedWms
from crossloop.adapters.ports import Wms
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest
from crossloop.signals.entities import OutboundLine, OutboundShipment, StockLevel
from tests.support import embedded
from tests.support.embedded import run
from tests.support.requests import adjust


def move(quantity: int, origin: str = "BLR", target: str = "DEL") -> ActionRequest:
    arguments = MoveStock(sku="KURTA-M", from_location=origin, to_location=target, quantity=quantity)
    return arguments.request("wms", "move_stock")


def create_shipment(number: str, quantity: int, location: str = "BLR") -> ActionRequest:
    shipment = OutboundShipment(
        number=number,
        order_reference=f"O-{number}",
        location=location,
        lines=(OutboundLine(sku="KURTA-M", quantity=quantity),),
    )
    return CreateShipment(shipment=shipment).request("wms", "create_shipment")


def on_shipment(operation: str, number: str) -> ActionRequest:
    return OnShipment(number=number).request("wms", operation)


def perform(wms: EmbeddedWms, key: str, request: ActionRequest) -> Performed:
    return run(wms.perform(ActionKey(key), request))


def stock(wms: EmbeddedWms) -> dict[str, int]:
    return {level.location: level.quantity for level in run(wms.stock("KURTA-M"))}


@pytest.fixture
def wms(tmp_path: Path) -> Iterator[EmbeddedWms]:
    with embedded.wms(tmp_path / "company.db") as opened:
        perform(opened, "given", adjust("in", 10))
        yield opened


def test_it_is_a_warehouse(wms: EmbeddedWms) -> None:
    port: Wms = wms
    assert run(port.stock()) == (StockLevel(sku="KURTA-M", location="BLR", quantity=10, unit="piece"),)


def test_stock_moves_between_locations(wms: EmbeddedWms) -> None:
    perform(wms, "k1", move(4))
    assert stock(wms) == {"BLR": 6, "DEL": 4}
    assert run(wms.stock(location="DEL"))[0].quantity == 4


@pytest.mark.parametrize(
    "request_", [move(11), adjust("out", 11), create_shipment("S1", 11), move(1, "DEL", "BLR")]
)
def test_stock_never_goes_below_zero(wms: EmbeddedWms, request_: ActionRequest) -> None:
    with pytest.raises(Conflict, match="fewer than"):
        perform(wms, "k1", request_)
    assert stock(wms) == {"BLR": 10}
    assert run(wms.find(ActionKey("k1"))) is None


def test_a_shipment_takes_its_stock_whole_or_not_at_all(wms: EmbeddedWms) -> None:
    shipment = OutboundShipment(
        number="S1",
        order_reference="O1",
        location="BLR",
        lines=(OutboundLine(sku="KURTA-M", quantity=5), OutboundLine(sku="KURTA-L", quantity=1)),
    )
    with pytest.raises(Conflict, match="KURTA-L"):
        perform(wms, "k1", CreateShipment(shipment=shipment).request("wms", "create_shipment"))
    assert stock(wms) == {"BLR": 10}
    assert run(wms.shipments()) == ()


def test_a_cancelled_shipment_puts_its_stock_back_once(wms: EmbeddedWms) -> None:
    perform(wms, "k1", create_shipment("S1", 4))
    assert stock(wms) == {"BLR": 6}
    perform(wms, "k2", on_shipment("cancel_shipment", "S1"))
    with pytest.raises(Conflict, match="is cancelled"):
        perform(wms, "k3", on_shipment("cancel_shipment", "S1"))
    assert stock(wms) == {"BLR": 10}


def test_a_shipment_that_left_cannot_be_cancelled(wms: EmbeddedWms) -> None:
    perform(wms, "k1", create_shipment("S1", 4))
    perform(wms, "k2", on_shipment("ship", "S1"))
    with pytest.raises(Conflict, match="is shipped"):
        perform(wms, "k3", on_shipment("cancel_shipment", "S1"))
    assert [one.status for one in run(wms.shipments())] == ["shipped"]


def test_a_shipment_number_is_unique(wms: EmbeddedWms) -> None:
    perform(wms, "k1", create_shipment("S1", 1))
    with pytest.raises(Conflict, match="'S1' already"):
        perform(wms, "k2", create_shipment("S1", 1))
    assert stock(wms) == {"BLR": 9}


@pytest.mark.parametrize(
    "request_",
    [
        adjust("in", 1, sku="SARI"),
        adjust("in", 1, location="MOON"),
        move(1, target="MOON"),
        on_shipment("ship", "S9"),
    ],
)
def test_nothing_is_created_by_a_typing_mistake(wms: EmbeddedWms, request_: ActionRequest) -> None:
    with pytest.raises(NotFound):
        perform(wms, "k1", request_)
    assert stock(wms) == {"BLR": 10}


quantities = st.integers(1, 6)
requests = st.one_of(
    st.builds(
        adjust,
        st.sampled_from(["in", "out"]),
        quantities,
        st.just("KURTA-M"),
        st.sampled_from(["BLR", "DEL"]),
    ),
    st.builds(move, quantities),
    st.builds(move, quantities, st.just("DEL"), st.just("BLR")),
)


@settings(max_examples=15, deadline=None)
@given(st.lists(requests, max_size=15))
def test_stock_is_what_came_in_less_what_went_out(wanted: list[ActionRequest]) -> None:
    expected = 0
    with tempfile.TemporaryDirectory() as folder, embedded.wms(Path(folder) / "company.db") as wms:
        for number, request in enumerate(wanted):
            try:
                perform(wms, f"k{number}", request)
            except Conflict:
                continue
            if request.operation == "adjust_stock":
                quantity = request.arguments["quantity"]
                assert isinstance(quantity, int)
                expected += quantity if request.arguments["direction"] == "in" else -quantity
        levels = run(wms.stock())
        assert all(level.quantity > 0 for level in levels)
        assert sum(level.quantity for level in levels) == expected
