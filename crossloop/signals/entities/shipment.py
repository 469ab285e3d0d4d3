"""The canonical shipment: one parcel of one order, with attempts apart from the final outcome."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import Field

from crossloop.frozen import Frozen

ShipmentOutcome = Literal["delivered", "returned", "lost", "in_transit", "not_shipped"]
"""``returned`` is returned to origin (RTO). ``lost`` includes damaged. ``in_transit`` is neither success
nor failure yet. ``not_shipped`` never left (cancelled, pending)."""

Payment = Literal["cod", "prepaid"]


class Shipment(Frozen):
    """One parcel. NDR events (failed attempts) and RTO (final return) are different facts."""

    shipment_id: Annotated[str, Field(min_length=1)]
    """Unique in a data set; the order id where a company ships an order in one parcel."""

    ordered_on: date
    """Local calendar day of the order: cohorts count by it."""

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    state: Annotated[str, Field(min_length=1)]
    """Name in capitals, normalised by the mapping."""

    pin_code: Annotated[str, Field(pattern=r"^([0-9]{6})?$")]
    """Six digits; empty where the company's export has no postal codes."""

    outcome: ShipmentOutcome
    outcome_on: date | None = None
    """Day on which the outcome became known; none where the company does not record it."""

    attempts: Annotated[int, Field(ge=0)] | None = None
    """Delivery attempts so far; none where the company does not record them."""

    failed_attempts: Annotated[int, Field(ge=0)] | None = None
    """Attempts that ended in a non-delivery report (NDR)."""

    first_attempt_on: date | None = None
    """Day of the first delivery attempt."""

    payment: Payment | None = None
    amount: Decimal | None = None
    """Value of the goods in major units of ``currency``."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None


SHIPMENT_COLUMNS: Final[dict[str, str]] = {
    "shipment_id": "string",
    "ordered_on": "date",
    "country": "string",
    "state": "string",
    "pin_code": "string",
    "outcome": "string",
    "outcome_on": "date",
    "attempts": "int32",
    "failed_attempts": "int32",
    "first_attempt_on": "date",
    "payment": "string",
    "amount": "decimal(18,2)",
    "currency": "string",
}
"""The same record as columns of a table, in ibis type names; a column that is not known is all null."""
