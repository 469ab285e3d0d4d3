"""The embedded warehouse: stock by SKU and location, and outbound shipments.

Rules it enforces:

1. Stock never goes below zero. A request that would take more than there is changes nothing.
2. Products and locations must be known; nothing is created by a typing mistake.
3. Creating a shipment takes its stock; cancelling it before it left puts the stock back. A shipment that
   left cannot be cancelled.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, cast

from crossloop.actions.port import Conflict, NotFound, Performed
from crossloop.adapters.arguments import AdjustStock, CreateShipment, MoveStock, OnShipment
from crossloop.adapters.embedded.system import EmbeddedSystem, Operation, stored
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest
from crossloop.signals.entities import OutboundShipment, StockLevel

_SHIPMENT = "SELECT body, status FROM shipment"


def _adjust_stock(connection: sqlite3.Connection, arguments: AdjustStock, key: ActionKey) -> Performed:
    change = _put if arguments.direction == "in" else _take
    change(connection, arguments.sku, arguments.location, arguments.quantity)
    sign = "+" if arguments.direction == "in" else "-"
    return Performed(
        reference=f"stock/{key}",
        detail=f"{arguments.sku} at {arguments.location}: {sign}{arguments.quantity} ({arguments.reason}).",
    )


def _move_stock(connection: sqlite3.Connection, arguments: MoveStock, key: ActionKey) -> Performed:
    _take(connection, arguments.sku, arguments.from_location, arguments.quantity)
    _put(connection, arguments.sku, arguments.to_location, arguments.quantity)
    return Performed(
        reference=f"stock/{key}",
        detail=(
            f"{arguments.quantity} of {arguments.sku} moved "
            f"from {arguments.from_location} to {arguments.to_location}."
        ),
    )


def _create_shipment(connection: sqlite3.Connection, arguments: CreateShipment, _key: ActionKey) -> Performed:
    shipment = arguments.shipment
    if connection.execute("SELECT 1 FROM shipment WHERE number = ?", (shipment.number,)).fetchone():
        raise Conflict(f"there is a shipment '{shipment.number}' already.")
    for line in shipment.lines:
        _take(connection, line.sku, shipment.location, line.quantity)
    connection.execute(
        "INSERT INTO shipment (number, status, body) VALUES (?, ?, ?)",
        (shipment.number, shipment.status, shipment.model_dump_json()),
    )
    return Performed(
        reference=f"shipment/{shipment.number}",
        detail=f"Picked at {shipment.location} for {shipment.order_reference}.",
    )


def _ship(connection: sqlite3.Connection, arguments: OnShipment, _key: ActionKey) -> Performed:
    shipment = _require_picked(connection, arguments.number)
    connection.execute("UPDATE shipment SET status = 'shipped' WHERE number = ?", (shipment.number,))
    return Performed(reference=f"shipment/{shipment.number}", detail=f"{shipment.number} left.")


def _cancel_shipment(connection: sqlite3.Connection, arguments: OnShipment, _key: ActionKey) -> Performed:
    shipment = _require_picked(connection, arguments.number)
    for line in shipment.lines:
        _put(connection, line.sku, shipment.location, line.quantity)
    connection.execute("UPDATE shipment SET status = 'cancelled' WHERE number = ?", (shipment.number,))
    return Performed(
        reference=f"shipment/{shipment.number}", detail=f"{shipment.number} was cancelled, its stock is back."
    )


def _require_picked(connection: sqlite3.Connection, number: str) -> OutboundShipment:
    row = cast(
        "tuple[str, str] | None",
        connection.execute(f"{_SHIPMENT} WHERE number = ?", (number,)).fetchone(),
    )
    if row is None:
        raise NotFound(f"there is no shipment '{number}'.")
    if row[1] != "picked":
        raise Conflict(f"the shipment '{number}' is {row[1]}.")
    return stored(OutboundShipment, row[0])


def _take(connection: sqlite3.Connection, sku: str, location: str, quantity: int) -> None:
    _require_known(connection, sku, location)
    taken = connection.execute(
        "UPDATE stock SET quantity = quantity - ? WHERE sku = ? AND location = ? AND quantity >= ?",
        (quantity, sku, location, quantity),
    )
    if taken.rowcount == 0:
        raise Conflict(f"there are fewer than {quantity} of '{sku}' at '{location}'.")


def _put(connection: sqlite3.Connection, sku: str, location: str, quantity: int) -> None:
    _require_known(connection, sku, location)
    connection.execute(
        "INSERT INTO stock (sku, location, quantity) VALUES (?, ?, ?) "
        "ON CONFLICT (sku, location) DO UPDATE SET quantity = quantity + excluded.quantity",
        (sku, location, quantity),
    )


def _require_known(connection: sqlite3.Connection, sku: str, location: str) -> None:
    if connection.execute("SELECT 1 FROM product WHERE sku = ?", (sku,)).fetchone() is None:
        raise NotFound(f"there is no product '{sku}'.")
    if connection.execute("SELECT 1 FROM location WHERE code = ?", (location,)).fetchone() is None:
        raise NotFound(f"there is no location '{location}'.")


def _adjusting_back(arguments: AdjustStock, _performed: Performed) -> ActionRequest:
    direction = "out" if arguments.direction == "in" else "in"
    reason = f"taken back: {arguments.reason}"[:200]
    back = arguments.model_copy(update={"direction": direction, "reason": reason})
    return back.request("wms", "adjust_stock")


def _moving_back(arguments: MoveStock, _performed: Performed) -> ActionRequest:
    back = {"from_location": arguments.to_location, "to_location": arguments.from_location}
    return arguments.model_copy(update=back).request("wms", "move_stock")


def _cancelling(arguments: CreateShipment, _performed: Performed) -> ActionRequest:
    return OnShipment(number=arguments.shipment.number).request("wms", "cancel_shipment")


class EmbeddedWms(EmbeddedSystem):
    """Implements :class:`crossloop.adapters.ports.Wms`."""

    name: ClassVar[str] = "wms"
    known: ClassVar[Mapping[str, Operation[Any]]] = {
        "adjust_stock": Operation(
            "Take stock in, or write it off.", AdjustStock, _adjust_stock, _adjusting_back
        ),
        "move_stock": Operation("Move stock between two locations.", MoveStock, _move_stock, _moving_back),
        "create_shipment": Operation(
            "Pick an outbound shipment.", CreateShipment, _create_shipment, _cancelling
        ),
        "ship": Operation("Hand a picked shipment to the courier.", OnShipment, _ship),
        "cancel_shipment": Operation(
            "Cancel a picked shipment and put its stock back.", OnShipment, _cancel_shipment
        ),
    }

    async def stock(self, sku: str | None = None, location: str | None = None) -> tuple[StockLevel, ...]:
        """Stock on hand above zero, by SKU and location, narrowed to one SKU or location where given."""
        rows = await self._database.rows(
            "SELECT stock.sku, location, quantity, unit FROM stock JOIN product USING (sku) "
            "WHERE quantity > 0 AND (:sku IS NULL OR stock.sku = :sku) "
            "AND (:location IS NULL OR location = :location) "
            "ORDER BY stock.sku, location",
            {"sku": sku, "location": location},
        )
        return tuple(
            StockLevel(sku=code, location=place, quantity=quantity, unit=unit)
            for code, place, quantity, unit in rows
        )

    async def shipments(self) -> tuple[OutboundShipment, ...]:
        """Every outbound shipment, by number."""
        rows = await self._database.rows(f"{_SHIPMENT} ORDER BY number")
        return tuple(
            stored(OutboundShipment, body).model_copy(update={"status": status}) for body, status in rows
        )

    def load_locations(self, codes: Iterable[str]) -> None:
        """Add warehouse locations."""
        rows = [(code,) for code in codes]
        self._database.write_now(
            lambda connection: connection.executemany(
                "INSERT INTO location (code) VALUES (?) ON CONFLICT (code) DO NOTHING", rows
            )
        )
