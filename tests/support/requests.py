"""Requests to the four embedded systems."""

from __future__ import annotations

from datetime import date

from crossloop.adapters.arguments import (
    AdjustStock,
    CreateParty,
    DeactivateParty,
    Lift,
    OnArea,
    PostJournalEntry,
    ReduceBid,
)
from crossloop.signals import ActionRequest
from crossloop.signals.entities import Area, JournalEntry, Party
from tests.support.embedded import RAJASTHAN

DAY = date(2026, 6, 30)


def suppress(campaign_id: str = "C1", area: Area = RAJASTHAN) -> ActionRequest:
    return OnArea(campaign_id=campaign_id, area=area).request("ads", "suppress_cod")


def reduce(modifier: str = "0.7", area: Area = RAJASTHAN) -> ActionRequest:
    arguments = ReduceBid.model_validate({"campaign_id": "C1", "area": area, "bid_modifier": modifier})
    return arguments.request("ads", "reduce_bid")


def lift(reference: str, campaign_id: str = "C1", area: Area = RAJASTHAN) -> ActionRequest:
    return Lift(campaign_id=campaign_id, area=area, restriction=reference).request("ads", "lift")


def create_party(code: str) -> ActionRequest:
    party = Party(code=code, name=f"Party {code}", kind="customer")
    return CreateParty(party=party).request("crm", "create_party")


def deactivate(code: str) -> ActionRequest:
    return DeactivateParty(code=code).request("crm", "deactivate_party")


def entry(reference: str, *lines: tuple[str, str, str]) -> ActionRequest:
    """A booking of (account, side, amount in rupees)."""
    body = {
        "reference": reference,
        "booked_on": DAY,
        "lines": [
            {"account": account, "side": side, "amount": {"amount": amount, "currency": "INR"}}
            for account, side, amount in lines
        ],
    }
    arguments = PostJournalEntry(entry=JournalEntry.model_validate(body))
    return arguments.request("erp", "post_journal_entry")


def adjust(direction: str, quantity: int, sku: str = "KURTA-M", location: str = "BLR") -> ActionRequest:
    arguments = AdjustStock.model_validate(
        {"sku": sku, "location": location, "direction": direction, "quantity": quantity, "reason": "count"}
    )
    return arguments.request("wms", "adjust_stock")
