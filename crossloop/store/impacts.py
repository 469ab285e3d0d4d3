"""Impacts: how much of a resource's day the decisions move together, those that wait included.

Rules:

1. Shares and amounts are added as decimals, without rounding. Added as floats, ten shares of 0.015 come to
   more than 0.15, and a limit of 0.15 would hold the tenth.
2. The sum of a resource's day is kept beside its parts and changes with them, so that the thousandth
   proposal on one budget is judged as quickly as the first.
3. A resource's day is counted in the currency of its first impact, for as long as one is counted.

An impact is told in the entry of its decision, and its release in the entry of whatever ended that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal, Inexact, Overflow
from typing import Final

from crossloop.errors import InputError
from crossloop.store import fields
from crossloop.store.decisions import key_and_case
from crossloop.store.session import Read, Tx

_EXACT: Final = Context(prec=2000, traps=[Inexact, Overflow])
"""Room for any two floats and for money; a sum that would be rounded is an error."""

_TOTAL = "SELECT share, amount, currency FROM impact_totals WHERE resource = :resource AND day = :day"
_ADD = (
    "INSERT INTO impacts (resource, day, decision_key, share, amount)"
    " VALUES (:resource, :day, :decision_key, :share, :amount) ON CONFLICT DO NOTHING"
)
_SET_TOTAL = (
    "INSERT INTO impact_totals (resource, day, share, amount, currency)"
    " VALUES (:resource, :day, :share, :amount, :currency)"
    " ON CONFLICT (resource, day) DO UPDATE SET share = excluded.share, amount = excluded.amount"
)
_OF_DECISION = "SELECT resource, day, share, amount FROM impacts WHERE decision_key = :decision_key"
_RELEASE = "DELETE FROM impacts WHERE decision_key = :decision_key"
_ANY_LEFT = "SELECT 1 FROM impacts WHERE resource = :resource AND day = :day LIMIT 1"
_FORGET = "DELETE FROM impact_totals WHERE resource = :resource AND day = :day"


@dataclass(frozen=True, slots=True)
class Impacted:
    """What is moved of one resource on one day."""

    share: float
    """Share of the day's budget, 0.15 meaning 15 %."""

    amount: Decimal
    """The same as money, in ``currency``."""

    currency: str | None = None
    """Currency in which the day is counted; none while nothing is counted."""


def add(
    tx: Tx, *, decision_id: str, resource: str, day: date, share: float, amount: Decimal, currency: str
) -> bool:
    """Count a decision's impact; return False when it was counted before.

    Raises:
        UnknownName: there is no such decision.
        InputError: the resource's day is counted in another currency.
    """
    decision_key, _ = key_and_case(tx, decision_id)
    where = {"resource": resource, "day": day.isoformat()}
    share_so_far, amount_so_far, counted = _total(tx, where)
    if counted not in (None, currency):
        raise InputError(
            f"the impact on {resource} is counted in {counted}, got {currency}.",
            next_step="Give every impact on one resource in one currency.",
        )
    own_share = Decimal(repr(float(share)))
    own = {"decision_key": decision_key, "share": _text(own_share), "amount": _text(amount)}
    if not tx.execute(_ADD, **where, **own):
        return False
    tx.execute(
        _SET_TOTAL,
        **where,
        share=_text(_EXACT.add(share_so_far, own_share)),
        amount=_text(_EXACT.add(amount_so_far, amount)),
        currency=currency,
    )
    return True


def total(read: Read, resource: str, day: date) -> Impacted:
    """Return what all counted decisions move of a resource on a day."""
    share, amount, currency = _total(read, {"resource": resource, "day": day.isoformat()})
    return Impacted(float(share), amount, currency)


def release(tx: Tx, decision_id: str) -> int:
    """Count a decision's impacts no longer; return how many there were."""
    decision_key, _ = key_and_case(tx, decision_id)
    counted = tx.rows(_OF_DECISION, decision_key=decision_key)
    tx.execute(_RELEASE, decision_key=decision_key)
    for resource, day, share, amount in counted:
        where = {"resource": resource, "day": day}
        if tx.row(_ANY_LEFT, **where) is None:
            tx.execute(_FORGET, **where)
            continue
        share_so_far, amount_so_far, of_day = _total(tx, where)
        tx.execute(
            _SET_TOTAL,
            **where,
            share=_text(_EXACT.subtract(share_so_far, fields.decimal("impacts", resource, "share", share))),
            amount=_text(
                _EXACT.subtract(amount_so_far, fields.decimal("impacts", resource, "amount", amount))
            ),
            currency=of_day,
        )
    return len(counted)


def _total(read: Read, where: dict[str, str]) -> tuple[Decimal, Decimal, str | None]:
    row = read.row(_TOTAL, **where)
    if row is None:
        return Decimal(0), Decimal(0), None
    share = fields.decimal("impact_totals", where["resource"], "share", row[0])
    return share, fields.decimal("impact_totals", where["resource"], "amount", row[1]), row[2]


def _text(exact: Decimal) -> str:
    return format(exact, "f")
