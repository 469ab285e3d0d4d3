"""Invoices, journal entries and balances, in double entry."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from crossloop.frozen import Frozen
from crossloop.money import Money
from crossloop.signals.entities.common import Code, Name

_HUNDREDTH = Decimal("0.01")
_LARGEST = Decimal(10) ** 12


def _bookable(money: Money) -> Money:
    if not 0 < money.amount <= _LARGEST or money.amount != money.amount.quantize(_HUNDREDTH):
        raise ValueError(f"an amount in the books is above zero and in whole hundredths, got {money.amount}")
    return money


BookedMoney = Annotated[Money, AfterValidator(_bookable)]
"""Money as it stands in the books: above zero, at most 10**12, in whole hundredths."""


class Account(Frozen):
    """One account of the chart of accounts."""

    code: Code
    name: Name


class JournalLine(Frozen):
    """One side of a journal entry."""

    account: Code
    side: Literal["debit", "credit"]
    amount: BookedMoney


class JournalEntry(Frozen):
    """A balanced booking: the debits of every currency equal its credits."""

    reference: Code
    """Unique over all journal entries."""

    booked_on: date
    """Local calendar day of the booking."""

    lines: Annotated[tuple[JournalLine, ...], Field(min_length=2, max_length=1000)]

    @model_validator(mode="after")
    def _balanced(self) -> JournalEntry:
        for currency in {line.amount.currency for line in self.lines}:
            mine = [line for line in self.lines if line.amount.currency == currency]
            debits = sum((line.amount.amount for line in mine if line.side == "debit"), Decimal(0))
            credits = sum((line.amount.amount for line in mine if line.side == "credit"), Decimal(0))
            if debits != credits:
                raise ValueError(
                    f"debits of {debits} {currency} do not equal credits of {credits} {currency}"
                )
        return self


class InvoiceLine(Frozen):
    """One line of an invoice, booked to one account."""

    account: Code
    """Revenue account on a customer's invoice, expense account on a supplier's."""

    description: Name
    amount: BookedMoney


class Invoice(Frozen):
    """One posted invoice."""

    number: Code
    """Unique over all invoices, those that were reversed included."""

    kind: Literal["customer", "supplier"]
    party_code: Code
    issued_on: date
    """Local calendar day of issue."""

    control_account: Code
    """Receivables for a customer's invoice, payables for a supplier's."""

    lines: Annotated[tuple[InvoiceLine, ...], Field(min_length=1, max_length=1000)]
    status: Literal["posted", "reversed"] = "posted"

    @model_validator(mode="after")
    def _one_currency(self) -> Invoice:
        if len({line.amount.currency for line in self.lines}) > 1:
            raise ValueError("all lines of an invoice must have one currency")
        return self

    @property
    def total(self) -> Money:
        """Sum of the lines."""
        amount = sum((line.amount.amount for line in self.lines), Decimal(0))
        return Money(amount=amount, currency=self.lines[0].amount.currency)


class AccountBalance(Frozen):
    """What stands on one account in one currency."""

    account: Code
    name: Name
    balance: Money
    """Debits less credits: a credit balance is negative."""
