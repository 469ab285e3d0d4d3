"""Purchase orders."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from crossloop.frozen import Frozen
from crossloop.money import Money
from crossloop.signals.entities.accounting import BookedMoney
from crossloop.signals.entities.common import Code, Units

_LARGEST = Decimal(10) ** 15


class PurchaseOrderLine(Frozen):
    """One product on a purchase order."""

    sku: Code
    quantity: Units
    unit_price: BookedMoney


class PurchaseOrder(Frozen):
    """One purchase order. A draft binds nobody until a person places it."""

    number: Code
    """Unique over all purchase orders."""

    supplier_code: Code
    lines: Annotated[tuple[PurchaseOrderLine, ...], Field(min_length=1, max_length=1000)]
    status: Literal["draft", "cancelled"] = "draft"

    @model_validator(mode="after")
    def _consistent(self) -> PurchaseOrder:
        if len({line.unit_price.currency for line in self.lines}) > 1:
            raise ValueError("all lines of a purchase order must have one currency")
        if sum(line.unit_price.amount * line.quantity for line in self.lines) > _LARGEST:
            raise ValueError(f"a purchase order is worth at most {_LARGEST}")
        return self

    @property
    def total(self) -> Money:
        """Quantity times price over all lines."""
        amount = sum((line.unit_price.amount * line.quantity for line in self.lines), Decimal(0))
        return Money(amount=amount, currency=self.lines[0].unit_price.currency)
