"""Arguments of the operations, the same for every implementation of a port.

Rules:

1. A request names the one resource it changes, and governance judges that resource. The arguments name
   it again. :func:`parse` refuses a request whose two names differ: else a request could be permitted
   for one campaign and change another.
2. A new thing starts in the first state of its life; only an operation moves it on.
3. Arguments are closed: a field nobody declared is refused.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import date
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError, model_validator

from crossloop.actions.port import Invalid
from crossloop.canonical import to_json
from crossloop.frozen import Frozen
from crossloop.ids import Resource
from crossloop.signals import ActionRequest
from crossloop.signals.entities import (
    Area,
    BidModifier,
    Code,
    Invoice,
    JournalEntry,
    Opportunity,
    OpportunityStage,
    OutboundShipment,
    Party,
    PurchaseOrder,
    Units,
)


class Arguments(Frozen, ABC):
    """Base of the typed arguments of one operation."""

    @property
    @abstractmethod
    def resource(self) -> str:
        """Path of the one resource that the operation changes."""

    def request(self, system: str, operation: str) -> ActionRequest:
        """The request that performs ``operation`` with these arguments."""
        return ActionRequest(
            system=system,
            operation=operation,
            resource=Resource(self.resource),
            arguments=to_json(self),  # pyright: ignore[reportArgumentType]
        )


ArgumentsT = TypeVar("ArgumentsT", bound=Arguments)


def parse(request: ActionRequest, model: type[ArgumentsT]) -> ArgumentsT:
    """Return the typed arguments of a request.

    Raises:
        Invalid: a field is missing, unknown or wrong, or the request names another resource.
    """
    try:
        arguments = model.model_validate(request.arguments)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        path = ".".join(str(part) for part in first["loc"]) or "arguments"
        message = first["msg"].removeprefix("Value error, ")
        raise Invalid(f"{request.system}.{request.operation}: {path}: {message}.") from None
    if arguments.resource != request.resource:
        raise Invalid(
            f"{request.system}.{request.operation}: the request is for '{request.resource}', "
            f"its arguments are for '{arguments.resource}'."
        )
    return arguments


class OnArea(Arguments):
    """One campaign in one area: ``suppress_cod`` and ``exclude_area``."""

    campaign_id: Code
    area: Area

    @property
    def resource(self) -> str:
        return f"ads/campaign/{self.campaign_id}/{self.area.path}"


class ReduceBid(OnArea):
    """``reduce_bid``."""

    bid_modifier: BidModifier
    """Factor on the bid, written as text."""


class Lift(OnArea):
    """``lift``."""

    restriction: Annotated[str, Field(min_length=1, max_length=300)]
    """Reference of the restriction to take back."""


class CreateParty(Arguments):
    """``create_party``."""

    party: Party

    @model_validator(mode="after")
    def _new(self) -> CreateParty:
        if not self.party.active:
            raise ValueError("a new party is active")
        return self

    @property
    def resource(self) -> str:
        return f"crm/party/{self.party.code}"


class DeactivateParty(Arguments):
    """``deactivate_party``."""

    code: Code

    @property
    def resource(self) -> str:
        return f"crm/party/{self.code}"


class CreateOpportunity(Arguments):
    """``create_opportunity``."""

    opportunity: Opportunity

    @model_validator(mode="after")
    def _new(self) -> CreateOpportunity:
        if self.opportunity.stage != "new":
            raise ValueError("a new opportunity has the stage 'new'")
        return self

    @property
    def resource(self) -> str:
        return f"crm/opportunity/{self.opportunity.reference}"


class MoveOpportunity(Arguments):
    """``move_opportunity``: from one stage, which must be the present one, to another."""

    reference: Code
    from_stage: OpportunityStage
    to_stage: OpportunityStage

    @property
    def resource(self) -> str:
        return f"crm/opportunity/{self.reference}"


class DraftPurchaseOrder(Arguments):
    """``draft_purchase_order``."""

    order: PurchaseOrder

    @model_validator(mode="after")
    def _new(self) -> DraftPurchaseOrder:
        if self.order.status != "draft":
            raise ValueError("a new purchase order is a draft")
        return self

    @property
    def resource(self) -> str:
        return f"erp/purchase_order/{self.order.number}"


class PostInvoice(Arguments):
    """``post_invoice``."""

    invoice: Invoice

    @model_validator(mode="after")
    def _new(self) -> PostInvoice:
        if self.invoice.status != "posted":
            raise ValueError("a new invoice has the status 'posted'")
        return self

    @property
    def resource(self) -> str:
        return f"erp/invoice/{self.invoice.number}"


class PostJournalEntry(Arguments):
    """``post_journal_entry``."""

    entry: JournalEntry

    @property
    def resource(self) -> str:
        return f"erp/journal/{self.entry.reference}"


class CancelPurchaseOrder(Arguments):
    """``cancel_purchase_order``."""

    number: Code

    @property
    def resource(self) -> str:
        return f"erp/purchase_order/{self.number}"


class ReverseInvoice(Arguments):
    """``reverse_invoice``."""

    number: Code
    reversed_on: date
    """Local calendar day on which the opposite is booked."""

    @property
    def resource(self) -> str:
        return f"erp/invoice/{self.number}"


class MoveStock(Arguments):
    """``move_stock``."""

    sku: Code
    from_location: Code
    to_location: Code
    quantity: Units

    @model_validator(mode="after")
    def _two_places(self) -> MoveStock:
        if self.from_location == self.to_location:
            raise ValueError("stock moves between two different locations")
        return self

    @property
    def resource(self) -> str:
        return f"wms/stock/{self.sku}"


class AdjustStock(Arguments):
    """``adjust_stock``: goods received, counted, damaged or written off."""

    sku: Code
    location: Code
    direction: Literal["in", "out"]
    quantity: Units
    reason: Annotated[str, Field(min_length=1, max_length=200)]

    @property
    def resource(self) -> str:
        return f"wms/stock/{self.sku}"


class CreateShipment(Arguments):
    """``create_shipment``."""

    shipment: OutboundShipment

    @model_validator(mode="after")
    def _new(self) -> CreateShipment:
        if self.shipment.status != "picked":
            raise ValueError("a new shipment has the status 'picked'")
        return self

    @property
    def resource(self) -> str:
        return f"wms/shipment/{self.shipment.number}"


class OnShipment(Arguments):
    """``ship`` and ``cancel_shipment``."""

    number: Code

    @property
    def resource(self) -> str:
        return f"wms/shipment/{self.number}"
