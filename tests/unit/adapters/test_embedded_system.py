"""Which request takes a change of an embedded system back, and that the system is as before then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from crossloop.adapters.arguments import (
    AdjustStock,
    CancelPurchaseOrder,
    CreateOpportunity,
    CreateShipment,
    MoveOpportunity,
    MoveStock,
    OnShipment,
)
from crossloop.adapters.embedded import EmbeddedCompany
from crossloop.ids import ActionKey
from crossloop.money import Money
from crossloop.signals import ActionRequest
from crossloop.signals.entities import Opportunity, OutboundLine, OutboundShipment
from tests.support import embedded
from tests.support.embedded import run
from tests.support.requests import adjust, create_party, deactivate, entry, lift, reduce, suppress


@pytest.fixture
def company(tmp_path: Path) -> Iterator[EmbeddedCompany]:
    with embedded.company(tmp_path / "company.db") as opened:
        run(opened.wms.perform(ActionKey("stock"), adjust("in", 10)))
        run(opened.crm.perform(ActionKey("party"), create_party("ACME")))
        wanted = Opportunity(reference="O1", party_code="ACME", title="Renewal", amount=Money.of(5000, "INR"))
        asked = CreateOpportunity(opportunity=wanted).request("crm", "create_opportunity")
        run(opened.crm.perform(ActionKey("opportunity"), asked))
        yield opened


async def seen(company: EmbeddedCompany) -> Any:
    return (
        await company.ads.restrictions(),
        await company.wms.stock(),
        await company.crm.parties(),
        await company.crm.opportunities(),
        tuple(one for one in await company.erp.balances() if one.balance.amount),
    )


def moved(reference: str, first: str, then: str) -> ActionRequest:
    stages = {"reference": reference, "from_stage": first, "to_stage": then}
    return MoveOpportunity.model_validate(stages).request("crm", "move_opportunity")


SHIPMENT = OutboundShipment(
    number="S1", order_reference="O1", location="BLR", lines=(OutboundLine(sku="KURTA-M", quantity=3),)
)
WRITTEN_OFF = AdjustStock(sku="KURTA-M", location="BLR", direction="out", quantity=2, reason="x" * 200)


@pytest.mark.parametrize(
    "request_",
    [
        suppress(),
        reduce("0.5"),
        adjust("in", 5),
        WRITTEN_OFF.request("wms", "adjust_stock"),
        MoveStock(sku="KURTA-M", from_location="BLR", to_location="DEL", quantity=4).request(
            "wms", "move_stock"
        ),
        CreateShipment(shipment=SHIPMENT).request("wms", "create_shipment"),
        create_party("BETA"),
        moved("O1", "new", "qualified"),
        entry("J1", ("1100", "debit", "250.25"), ("4000", "credit", "250.25")),
    ],
    ids=lambda request: request.operation,
)
def test_what_takes_a_change_back_leaves_the_company_as_it_was(
    company: EmbeddedCompany, request_: ActionRequest
) -> None:
    system: Any = getattr(company, request_.system)
    before = run(seen(company))
    performed = run(system.perform(ActionKey("act_done"), request_))
    assert run(seen(company)) != before
    back = system.undo_request(request_, performed)
    assert back is not None
    run(system.perform(ActionKey("act_back"), back))
    assert run(seen(company)) == before


@pytest.mark.parametrize(
    "request_",
    [
        lift("rst_1"),
        deactivate("ACME"),
        OnShipment(number="S1").request("wms", "ship"),
        OnShipment(number="S1").request("wms", "cancel_shipment"),
        CancelPurchaseOrder(number="P1").request("erp", "cancel_purchase_order"),
    ],
    ids=lambda request: request.operation,
)
def test_what_nothing_takes_back_says_so(company: EmbeddedCompany, request_: ActionRequest) -> None:
    system: Any = getattr(company, request_.system)
    assert system.undo_request(request_, run(company.wms.find(ActionKey("stock")))) is None


def test_a_request_for_another_system_is_none_of_its_business(company: EmbeddedCompany) -> None:
    performed = run(company.wms.find(ActionKey("stock")))
    assert performed is not None
    assert company.crm.undo_request(adjust("in", 5), performed) is None


def test_an_invoice_is_reversed_on_its_own_day(company: EmbeddedCompany) -> None:
    from tests.unit.adapters.test_embedded_erp import invoice

    request = invoice("I1")
    performed = run(company.wms.find(ActionKey("stock")))
    assert performed is not None
    back = company.erp.undo_request(request, performed)
    assert back is not None
    assert (back.operation, back.resource) == ("reverse_invoice", request.resource)
    assert date.fromisoformat(str(back.arguments["reversed_on"]))
