"""The common data model: what departments mean by a shipment, a campaign, a party, an invoice."""

from crossloop.signals.entities.accounting import (
    Account,
    AccountBalance,
    BookedMoney,
    Invoice,
    InvoiceLine,
    JournalEntry,
    JournalLine,
)
from crossloop.signals.entities.advertising import BidModifier, Restriction, RestrictionKind, ScaleUp
from crossloop.signals.entities.campaign import Campaign, GeoTarget
from crossloop.signals.entities.common import Code, Name, Units
from crossloop.signals.entities.geography import LEVELS, Area, Level
from crossloop.signals.entities.inventory import OutboundLine, OutboundShipment, Product, StockLevel
from crossloop.signals.entities.party import Opportunity, OpportunityStage, Party, PartyKind
from crossloop.signals.entities.purchasing import PurchaseOrder, PurchaseOrderLine
from crossloop.signals.entities.shipment import SHIPMENT_COLUMNS, Payment, Shipment, ShipmentOutcome

__all__ = [
    "LEVELS",
    "SHIPMENT_COLUMNS",
    "Account",
    "AccountBalance",
    "Area",
    "BidModifier",
    "BookedMoney",
    "Campaign",
    "Code",
    "GeoTarget",
    "Invoice",
    "InvoiceLine",
    "JournalEntry",
    "JournalLine",
    "Level",
    "Name",
    "Opportunity",
    "OpportunityStage",
    "OutboundLine",
    "OutboundShipment",
    "Party",
    "PartyKind",
    "Payment",
    "Product",
    "PurchaseOrder",
    "PurchaseOrderLine",
    "Restriction",
    "RestrictionKind",
    "ScaleUp",
    "Shipment",
    "ShipmentOutcome",
    "StockLevel",
    "Units",
]
