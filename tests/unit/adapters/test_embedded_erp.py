"""The embedded ERP."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossloop.actions.port import AdapterError, Conflict, Invalid, NotFound, Performed
from crossloop.adapters.arguments import (
    CancelPurchaseOrder,
    CreateParty,
    DraftPurchaseOrder,
    PostInvoice,
    ReverseInvoice,
)
from crossloop.adapters.embedded import EmbeddedCompany
from crossloop.adapters.embedded.erp import EmbeddedErp
from crossloop.adapters.ports import Erp
from crossloop.ids import ActionKey
from crossloop.money import Money
from crossloop.signals import ActionRequest
from crossloop.signals.entities import (
    Invoice,
    InvoiceLine,
    Party,
    PurchaseOrder,
    PurchaseOrderLine,
)
from tests.support import embedded
from tests.support.embedded import run
from tests.support.requests import DAY, entry


def invoice(number: str, amount: str = "999.50", kind: str = "customer") -> ActionRequest:
    customer = kind == "customer"
    body = Invoice.model_validate(
        {
            "number": number,
            "kind": kind,
            "party_code": "ASHA" if customer else "MILL",
            "issued_on": DAY,
            "control_account": "1100" if customer else "2100",
            "lines": [
                InvoiceLine(
                    account="4000" if customer else "5000",
                    description="Cloth",
                    amount=Money.of(amount, "INR"),
                )
            ],
        }
    )
    return PostInvoice(invoice=body).request("erp", "post_invoice")


def order(number: str, supplier: str = "MILL", sku: str = "KURTA-M") -> ActionRequest:
    line = PurchaseOrderLine(sku=sku, quantity=100, unit_price=Money.of("290.25", "INR"))
    body = PurchaseOrder(number=number, supplier_code=supplier, lines=(line,))
    return DraftPurchaseOrder(order=body).request("erp", "draft_purchase_order")


def cancel(number: str) -> ActionRequest:
    return CancelPurchaseOrder(number=number).request("erp", "cancel_purchase_order")


def reverse(number: str) -> ActionRequest:
    return ReverseInvoice(number=number, reversed_on=DAY).request("erp", "reverse_invoice")


def perform(erp: EmbeddedErp, key: str, request: ActionRequest) -> Performed:
    return run(erp.perform(ActionKey(key), request))


def balances(erp: EmbeddedErp) -> dict[str, str]:
    return {one.account: format(one.balance.amount, "f") for one in run(erp.balances())}


@pytest.fixture
def company(tmp_path: Path) -> Iterator[EmbeddedCompany]:
    with embedded.company(tmp_path / "company.db") as opened:
        for code, kind in (("ASHA", "customer"), ("MILL", "supplier")):
            party = Party.model_validate({"code": code, "name": code, "kind": kind})
            request = CreateParty(party=party).request("crm", "create_party")
            run(opened.crm.perform(ActionKey(f"given-{code}"), request))
        yield opened


@pytest.fixture
def erp(company: EmbeddedCompany) -> EmbeddedErp:
    return company.erp


def test_it_is_an_erp(erp: EmbeddedErp) -> None:
    port: Erp = erp
    assert [product.sku for product in run(port.products())] == ["KURTA-L", "KURTA-M"]


def test_a_customers_invoice_debits_receivables_and_credits_revenue(erp: EmbeddedErp) -> None:
    perform(erp, "k1", invoice("INV-1"))
    assert balances(erp) == {"1100": "999.50", "4000": "-999.50"}


def test_a_suppliers_invoice_credits_payables_and_debits_purchases(erp: EmbeddedErp) -> None:
    perform(erp, "k1", invoice("B-1", "120", kind="supplier"))
    assert balances(erp) == {"2100": "-120.00", "5000": "120.00"}


def test_an_invoice_number_is_unique_even_after_a_reversal(erp: EmbeddedErp) -> None:
    perform(erp, "k1", invoice("INV-1"))
    perform(erp, "k2", reverse("INV-1"))
    with pytest.raises(Conflict, match="'INV-1' already"):
        perform(erp, "k3", invoice("INV-1", "10"))
    assert balances(erp) == {"1100": "0.00", "4000": "0.00"}


def test_an_invoice_is_reversed_once_and_stays_readable(erp: EmbeddedErp) -> None:
    perform(erp, "k1", invoice("INV-1"))
    perform(erp, "k2", reverse("INV-1"))
    with pytest.raises(Conflict, match="reversed before"):
        perform(erp, "k3", reverse("INV-1"))
    kept = run(erp.invoice("INV-1"))
    assert kept is not None
    assert (kept.status, kept.total) == ("reversed", Money.of("999.50", "INR"))
    assert run(erp.invoice("INV-2")) is None


def test_an_invoice_on_an_unknown_account_leaves_nothing_behind(erp: EmbeddedErp) -> None:
    request = invoice("INV-1")
    arguments = PostInvoice.model_validate(request.arguments)
    astray = arguments.invoice.model_copy(update={"control_account": "9999"})
    with pytest.raises(NotFound, match="account '9999'"):
        perform(erp, "k1", PostInvoice(invoice=astray).request("erp", "post_invoice"))
    assert run(erp.invoice("INV-1")) is None
    assert balances(erp) == {}


def test_an_invoice_needs_a_party_of_its_kind(erp: EmbeddedErp) -> None:
    arguments = PostInvoice.model_validate(invoice("INV-1").arguments)
    for code, refused in (("MILL", Conflict), ("NOBODY", NotFound)):
        astray = arguments.invoice.model_copy(update={"party_code": code})
        with pytest.raises(refused):
            perform(erp, "k1", PostInvoice(invoice=astray).request("erp", "post_invoice"))


def test_a_journal_reference_is_unique(erp: EmbeddedErp) -> None:
    booking = (("1100", "debit", "10"), ("4000", "credit", "10"))
    perform(erp, "k1", entry("J1", *booking))
    with pytest.raises(Conflict, match="'J1' already"):
        perform(erp, "k2", entry("J1", *booking))
    assert balances(erp) == {"1100": "10.00", "4000": "-10.00"}


def test_an_entry_balances_in_every_currency(erp: EmbeddedErp) -> None:
    lines = [
        {"account": "1100", "side": "debit", "amount": "10 INR"},
        {"account": "4000", "side": "credit", "amount": "10 USD"},
    ]
    request = entry("J1", ("1100", "debit", "10"), ("4000", "credit", "10"))
    mixed = {"entry": {"reference": "J1", "booked_on": "2026-06-30", "lines": lines}}
    with pytest.raises(Invalid, match="do not equal"):
        perform(erp, "k1", request.model_copy(update={"arguments": mixed}))


def test_a_purchase_order_is_drafted_and_cancelled_but_never_placed(erp: EmbeddedErp) -> None:
    performed = perform(erp, "k1", order("PO-1"))
    assert "29,025.00 INR; a person has to place it" in performed.detail
    assert [one.status for one in run(erp.purchase_orders())] == ["draft"]
    perform(erp, "k2", cancel("PO-1"))
    assert [one.status for one in run(erp.purchase_orders())] == ["cancelled"]
    with pytest.raises(Conflict, match="is cancelled"):
        perform(erp, "k3", cancel("PO-1"))
    assert "place_purchase_order" not in erp.operations


def test_a_purchase_order_number_is_unique(erp: EmbeddedErp) -> None:
    perform(erp, "k1", order("PO-1"))
    with pytest.raises(Conflict, match="'PO-1' already"):
        perform(erp, "k2", order("PO-1"))


@pytest.mark.parametrize(
    ("wrong", "refused"),
    [
        (order("PO-1", supplier="ASHA"), Conflict),
        (order("PO-1", supplier="NOBODY"), NotFound),
        (order("PO-1", sku="SARI"), NotFound),
        (cancel("PO-9"), NotFound),
        (reverse("INV-9"), NotFound),
    ],
)
def test_a_document_needs_what_it_names(
    erp: EmbeddedErp, wrong: ActionRequest, refused: type[AdapterError]
) -> None:
    with pytest.raises(refused):
        perform(erp, "k1", wrong)
    assert run(erp.purchase_orders()) == ()


amounts = st.integers(1, 10**14).map(lambda hundredths: format(Decimal(hundredths) / 100, "f"))
bookings = st.lists(
    st.tuples(st.sampled_from(["1100", "2100"]), st.sampled_from(["4000", "5000"]), amounts), max_size=12
)


@settings(max_examples=15, deadline=None)
@given(bookings)
def test_the_books_balance_whatever_is_booked(booked: list[tuple[str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder, embedded.erp(Path(folder) / "company.db") as erp:
        for number, (debit, credit, amount) in enumerate(booked):
            perform(
                erp, f"k{number}", entry(f"J{number}", (debit, "debit", amount), (credit, "credit", amount))
            )
        assert sum((one.balance.amount for one in run(erp.balances())), Decimal(0)) == 0
