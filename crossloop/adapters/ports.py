"""The ports to the four kinds of system, in the field's terms.

Rules for every implementation:

1. Reading is a method of the port. Writing is an operation of :class:`~crossloop.actions.port.Adapter`,
   with the arguments of :mod:`crossloop.adapters.arguments`: only the executor writes, with a permit.
2. Reading raises :class:`~crossloop.actions.port.AdapterError` when the system cannot be read; an empty
   answer means that there is nothing.
3. Answers are in a fixed order, so that two reads of one state are equal.
"""

from __future__ import annotations

from typing import Protocol

from crossloop.actions.port import Adapter
from crossloop.signals.entities import (
    AccountBalance,
    Campaign,
    Invoice,
    Opportunity,
    OutboundShipment,
    Party,
    Product,
    PurchaseOrder,
    Restriction,
    ScaleUp,
    StockLevel,
)

__all__ = ["AdPlatform", "Crm", "Erp", "Restriction", "ScaleUp", "Wms"]


class AdPlatform(Adapter, Protocol):
    """An advertising platform. Operations: ``suppress_cod``, ``reduce_bid``, ``exclude_area``, ``lift``."""

    async def campaigns(self) -> tuple[Campaign, ...]:
        """Every campaign, paused and ended ones included, by id."""
        ...

    async def scale_ups(self) -> tuple[ScaleUp, ...]:
        """Marketing's standing plans to spend more in an area, by plan id."""
        ...

    async def restrictions(self, campaign_id: str | None = None) -> tuple[Restriction, ...]:
        """Restrictions in force, of one campaign or of all, in the order in which they were made."""
        ...


class Crm(Adapter, Protocol):
    """A customer relationship system. Operations: ``create_party``, ``deactivate_party``,
    ``create_opportunity``, ``move_opportunity``."""

    async def party(self, code: str) -> Party | None:
        """The party with this code, or None."""
        ...

    async def parties(self) -> tuple[Party, ...]:
        """Every active party, by code."""
        ...

    async def opportunities(self, party_code: str | None = None) -> tuple[Opportunity, ...]:
        """Opportunities of one party or of all, by reference."""
        ...


class Erp(Adapter, Protocol):
    """Purchasing and accounting. Operations: ``draft_purchase_order``, ``cancel_purchase_order``,
    ``post_invoice``, ``reverse_invoice``, ``post_journal_entry``."""

    async def products(self) -> tuple[Product, ...]:
        """The item master, by SKU."""
        ...

    async def purchase_orders(self) -> tuple[PurchaseOrder, ...]:
        """Every purchase order, cancelled ones included, by number."""
        ...

    async def invoice(self, number: str) -> Invoice | None:
        """The invoice with this number, or None."""
        ...

    async def balances(self) -> tuple[AccountBalance, ...]:
        """Balance of every account and currency that was ever booked to, by account and currency."""
        ...


class Wms(Adapter, Protocol):
    """A warehouse system. Operations: ``adjust_stock``, ``move_stock``, ``create_shipment``, ``ship``,
    ``cancel_shipment``."""

    async def stock(self, sku: str | None = None, location: str | None = None) -> tuple[StockLevel, ...]:
        """Stock on hand above zero, by SKU and location, narrowed to one SKU or location where given."""
        ...

    async def shipments(self) -> tuple[OutboundShipment, ...]:
        """Every outbound shipment, by number."""
        ...
