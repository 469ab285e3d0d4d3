"""A small department that keeps every rule of departments; its mutants break one each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import Field

from crossloop.departments import Answer, Department, Handler, View, no_action
from crossloop.ids import DepartmentName, LoopName
from crossloop.money import Money
from crossloop.signals import (
    ActionRequest,
    Catalogue,
    Claim,
    Impact,
    Intervention,
    Option,
    Proposal,
    Signal,
    SignalData,
    SignalType,
)
from crossloop.testing import DepartmentConformance

BUYING, LOOP = DepartmentName("buying"), LoopName("stock-to-buying")


class Stock(SignalData):
    """What is on hand of one article."""

    sku: Annotated[str, Field(pattern=r"^[A-Z]{3}-[0-9]{2}$")]
    days_of_cover: Annotated[int, Field(ge=0, le=60)]


STOCK = SignalType(
    "operations.stock/1",
    Stock,
    "Stock of an article was counted.",
    "That it lasts so long.",
    "days_of_cover, set by buying.",
    (Intervention("reorder", "costly", "Order more of it."),),
)


def proposal(signal: Signal, **changes: Any) -> Proposal:
    """What is asked for when stock is short."""
    assert isinstance(signal.data, Stock)
    resource, cost = f"erp/purchase_order/{signal.data.sku}", Money.of(1000, "INR")
    request = {"system": "erp", "operation": "draft", "resource": resource, "arguments": {"of": []}}
    window = {"starts": signal.time, "ends": signal.time + timedelta(days=7), "interest": BUYING}
    known = {
        "signal_id": signal.id,
        "department": BUYING,
        "step": 0,
        "loop": LOOP,
        "intervention": "reorder",
        "risk": "costly",
        "action": ActionRequest.model_validate(request),
        "claims": (Claim.model_validate({"resource": resource, "direction": "increase", **window}),),
        "confidence": signal.confidence,
        "impact": Impact.model_validate({"resource": resource, "share": 0.1, "amount": cost}),
        "options": (Option(intervention="do_nothing", expected_value=cost, low=cost, high=cost),),
        "rationale": "It does not last until the next delivery.",
        **changes,
    }
    return Proposal.model_validate(known)


def answer(signal: Signal, _view: View) -> Answer:
    """Order what does not last for 30 days."""
    assert isinstance(signal.data, Stock)
    if signal.data.days_of_cover >= 30:
        return (no_action(signal, BUYING, LOOP, f"it lasts {signal.data.days_of_cover} days"),)
    return (proposal(signal),)


HANDLER = Handler(STOCK.name, LOOP, answer)


def buying(**changes: Any) -> Department:
    """The department, with its handler changed."""
    return Department(BUYING, (replace(HANDLER, **changes),))


class BuyingConformance(DepartmentConformance):
    """The suite on it."""

    made: ClassVar[Department] = buying()
    examples = 8

    def department(self) -> Department:
        return self.made

    def catalogue(self) -> Catalogue:
        return Catalogue([STOCK])

    def owns(self) -> Sequence[str]:
        return ("erp/**",)
