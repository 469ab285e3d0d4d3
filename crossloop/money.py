"""Money: an exact decimal amount with its ISO 4217 currency. Written ``"180 INR"``."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import Field, field_serializer, field_validator, model_validator

from crossloop.frozen import Frozen

_WRITTEN = re.compile(r"^\s*([-+]?\d[\d,]*(?:\.\d+)?)\s*([A-Z]{3})\s*$")
_CENT = Decimal("0.01")


class Money(Frozen):
    """An amount of one currency. Accepts ``"180 INR"`` as well as the two fields."""

    amount: Annotated[Decimal, Field(max_digits=24, decimal_places=6)]
    """Exact amount in major units, at most six decimal places."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    """ISO 4217 code."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        match = _WRITTEN.match(value)
        if match is None:
            raise ValueError(f"expected an amount with its currency such as '180 INR', got {value!r}")
        return {"amount": match[1].replace(",", ""), "currency": match[2]}

    @field_validator("amount", mode="before")
    @classmethod
    def _exact(cls, value: Any) -> Any:
        if isinstance(value, float):
            raise ValueError("money is never a float: write the amount as text or Decimal")
        if not isinstance(value, str):
            return value
        # Parsed here because strict validation lets a value that passed a "before" validator be no text.
        try:
            return Decimal(value)
        except InvalidOperation:
            raise ValueError(f"expected an amount such as '180.50', got {value[:40]!r}") from None

    @field_serializer("amount")
    def _as_text(self, amount: Decimal) -> str:
        return format(amount, "f")

    @classmethod
    def of(cls, amount: Decimal | int | str | float, currency: str) -> Money:
        """Build money rounded half to even to the cent; a float is rounded on its way in."""
        try:
            exact = Decimal(str(amount)).quantize(_CENT, rounding=ROUND_HALF_EVEN)
        except InvalidOperation as wrong:
            raise ValueError(f"{amount!r} is not an amount") from wrong
        return cls(amount=exact + 0, currency=currency)  # + 0 turns -0.00 into 0.00

    def plus(self, other: Money) -> Money:
        """Add; both sides must have the same currency."""
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(amount=self.amount + other.amount, currency=self.currency)

    def __str__(self) -> str:
        return f"{self.amount:,.2f} {self.currency}"
