"""Impacts: how much of a resource's day the decisions move together, those that wait included.

Shares and amounts are added as decimals. Added as floats, ten shares of 0.015 come to more than 0.15, and
a limit of 0.15 would hold the tenth.

An impact is told in the entry of its decision, and its release in the entry of whatever ended that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from crossloop.errors import InputError
from crossloop.store.decisions import key_and_case
from crossloop.store.session import Read, Tx

_OF_DAY = "SELECT share, amount, currency FROM impacts WHERE resource = :resource AND day = :day"
_CURRENCY = _OF_DAY + " LIMIT 1"
_ADD = (
    "INSERT INTO impacts (resource, day, decision_key, share, amount, currency)"
    " VALUES (:resource, :day, :decision_key, :share, :amount, :currency)"
    " ON CONFLICT (resource, day, decision_key) DO NOTHING"
)
_RELEASE = "DELETE FROM impacts WHERE decision_key = :decision_key"


@dataclass(frozen=True, slots=True)
class Impacted:
    """What is moved of one resource on one day."""

    share: float
    """Share of the day's budget, 0.15 meaning 15 %."""

    amount: Decimal
    """The same as money; the resource's one currency."""


def add(
    tx: Tx, *, decision_id: str, resource: str, day: date, share: float, amount: Decimal, currency: str
) -> bool:
    """Count a decision's impact; return False when it was counted before.

    Raises:
        UnknownName: there is no such decision.
        InputError: the resource's day is counted in another currency.
    """
    decision_key, _ = key_and_case(tx, decision_id)
    counted = tx.row(_CURRENCY, resource=resource, day=day.isoformat())
    if counted is not None and counted[2] != currency:
        raise InputError(
            f"the impact on {resource} is counted in {counted[2]}, got {currency}.",
            next_step="Give every impact on one resource in one currency.",
        )
    added = tx.execute(
        _ADD,
        resource=resource,
        day=day.isoformat(),
        decision_key=decision_key,
        share=repr(float(share)),
        amount=format(amount, "f"),
        currency=currency,
    )
    return added == 1


def total(read: Read, resource: str, day: date) -> Impacted:
    """Return what all counted decisions move of a resource on a day."""
    rows = read.rows(_OF_DAY, resource=resource, day=day.isoformat())
    share = sum((Decimal(row[0]) for row in rows), Decimal(0))
    amount = sum((Decimal(row[1]) for row in rows), Decimal(0))
    return Impacted(float(share), amount)


def currency(read: Read, resource: str, day: date) -> str | None:
    """Return the currency in which a resource's day is counted; None while nothing is counted."""
    row = read.row(_CURRENCY, resource=resource, day=day.isoformat())
    return None if row is None else str(row[2])


def release(tx: Tx, decision_id: str) -> int:
    """Count a decision's impacts no longer; return how many there were."""
    decision_key, _ = key_and_case(tx, decision_id)
    return tx.execute(_RELEASE, decision_key=decision_key)
