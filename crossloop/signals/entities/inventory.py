"""Products, where they lie, and what leaves the warehouse."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from crossloop.frozen import Frozen
from crossloop.signals.entities.common import Code, Name, Units


class Product(Frozen):
    """One stock-keeping unit."""

    sku: Code
    name: Name
    unit: Annotated[str, Field(min_length=1, max_length=40)] = "piece"
    """Unit that every quantity of this product counts."""


class StockLevel(Frozen):
    """Stock on hand of one product at one location."""

    sku: Code
    location: Code
    quantity: Annotated[int, Field(strict=True, ge=0)]
    """In ``unit``; never below zero."""

    unit: Annotated[str, Field(min_length=1, max_length=40)] = "piece"


class OutboundLine(Frozen):
    """One product on an outbound shipment."""

    sku: Code
    quantity: Units


class OutboundShipment(Frozen):
    """One delivery order of the warehouse: its stock is picked when it is created."""

    number: Code
    """Unique over all outbound shipments."""

    order_reference: Code
    """The customer order it fulfils."""

    location: Code
    """Where it is picked."""

    lines: Annotated[tuple[OutboundLine, ...], Field(min_length=1, max_length=1000)]
    status: Literal["picked", "shipped", "cancelled"] = "picked"
