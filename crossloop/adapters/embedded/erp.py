"""The embedded ERP: item master, purchase orders, invoices and books.

Rules it enforces:

1. Purchase order numbers, invoice numbers and journal references are unique for ever, those of cancelled
   and reversed ones included.
2. Books balance: an entry whose debits differ from its credits is no entry (the arguments refuse it), and
   an invoice books its total to the control account against its lines.
3. Nothing in the books is changed or deleted. To reverse is to book the opposite.
4. It drafts purchase orders; placing one is a person's act and no operation here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, Literal, cast

from crossloop.actions.port import Conflict, NotFound, Performed
from crossloop.adapters.arguments import (
    CancelPurchaseOrder,
    DraftPurchaseOrder,
    PostInvoice,
    PostJournalEntry,
    ReverseInvoice,
)
from crossloop.adapters.embedded.crm import require_party
from crossloop.adapters.embedded.system import EmbeddedSystem, Operation, stored
from crossloop.ids import ActionKey
from crossloop.money import Money
from crossloop.signals import ActionRequest
from crossloop.signals.entities import (
    Account,
    AccountBalance,
    Invoice,
    JournalEntry,
    Product,
    PurchaseOrder,
)

_HUNDREDTH = Decimal("0.01")


def _draft_purchase_order(
    connection: sqlite3.Connection, arguments: DraftPurchaseOrder, _key: ActionKey
) -> Performed:
    order = arguments.order
    if require_party(connection, order.supplier_code).kind != "supplier":
        raise Conflict(f"'{order.supplier_code}' is no supplier.")
    for line in order.lines:
        if connection.execute("SELECT 1 FROM product WHERE sku = ?", (line.sku,)).fetchone() is None:
            raise NotFound(f"there is no product '{line.sku}'.")
    if connection.execute("SELECT 1 FROM purchase_order WHERE number = ?", (order.number,)).fetchone():
        raise Conflict(f"there is a purchase order '{order.number}' already.")
    connection.execute(
        "INSERT INTO purchase_order (number, supplier_code, status, body) VALUES (?, ?, 'draft', ?)",
        (order.number, order.supplier_code, order.model_dump_json()),
    )
    return Performed(
        reference=f"purchase_order/{order.number}",
        detail=f"Drafted for {order.supplier_code}, {order.total}; a person has to place it.",
    )


def _cancel_purchase_order(
    connection: sqlite3.Connection, arguments: CancelPurchaseOrder, _key: ActionKey
) -> Performed:
    number = arguments.number
    row = connection.execute("SELECT status FROM purchase_order WHERE number = ?", (number,)).fetchone()
    if row is None:
        raise NotFound(f"there is no purchase order '{number}'.")
    if row[0] != "draft":
        raise Conflict(f"the purchase order '{number}' is {row[0]}.")
    connection.execute("UPDATE purchase_order SET status = 'cancelled' WHERE number = ?", (number,))
    return Performed(reference=f"purchase_order/{number}", detail=f"The draft {number} was cancelled.")


def _post_invoice(connection: sqlite3.Connection, arguments: PostInvoice, _key: ActionKey) -> Performed:
    invoice = arguments.invoice
    if require_party(connection, invoice.party_code).kind != invoice.kind:
        raise Conflict(f"'{invoice.party_code}' is no {invoice.kind}.")
    if connection.execute("SELECT 1 FROM invoice WHERE number = ?", (invoice.number,)).fetchone():
        raise Conflict(f"there is an invoice '{invoice.number}' already.")
    connection.execute(
        "INSERT INTO invoice (number, party_code, status, body) VALUES (?, ?, 'posted', ?)",
        (invoice.number, invoice.party_code, invoice.model_dump_json()),
    )
    _book_invoice(connection, invoice, "posted", invoice.issued_on)
    return Performed(
        reference=f"invoice/{invoice.number}", detail=f"Posted for {invoice.party_code}, {invoice.total}."
    )


def _reverse_invoice(connection: sqlite3.Connection, arguments: ReverseInvoice, _key: ActionKey) -> Performed:
    invoice = _find_invoice(connection, arguments.number)
    if invoice is None:
        raise NotFound(f"there is no invoice '{arguments.number}'.")
    if invoice.status == "reversed":
        raise Conflict(f"the invoice '{invoice.number}' was reversed before.")
    connection.execute("UPDATE invoice SET status = 'reversed' WHERE number = ?", (invoice.number,))
    _book_invoice(connection, invoice, "reversed", arguments.reversed_on)
    return Performed(reference=f"invoice/{invoice.number}", detail=f"{invoice.number} was reversed.")


def _post_journal_entry(
    connection: sqlite3.Connection, arguments: PostJournalEntry, _key: ActionKey
) -> Performed:
    entry = arguments.entry
    lines = [(line.account, line.amount, 1 if line.side == "debit" else -1) for line in entry.lines]
    _book(connection, entry.reference, entry.booked_on, lines)
    return Performed(
        reference=f"journal/{entry.reference}",
        detail=f"{len(entry.lines)} lines were booked on {entry.booked_on}.",
    )


def _book_invoice(
    connection: sqlite3.Connection, invoice: Invoice, event: Literal["posted", "reversed"], on: date
) -> None:
    """A customer's invoice debits the control account; a supplier's, and every reversal, turns that round."""
    sign = 1 if (invoice.kind == "customer") == (event == "posted") else -1
    lines = [(invoice.control_account, invoice.total, sign)]
    lines += [(line.account, line.amount, -sign) for line in invoice.lines]
    # A reference given from outside has no slash, so these cannot meet one.
    _book(connection, f"invoice/{invoice.number}/{event}", on, lines)


def _book(
    connection: sqlite3.Connection, reference: str, booked_on: date, lines: Sequence[tuple[str, Money, int]]
) -> None:
    """Book lines of account, amount and sign (1 is debit, -1 is credit)."""
    if connection.execute("SELECT 1 FROM journal_entry WHERE reference = ?", (reference,)).fetchone():
        raise Conflict(f"there is a journal entry '{reference}' already.")
    for account, _, _ in lines:
        if connection.execute("SELECT 1 FROM account WHERE code = ?", (account,)).fetchone() is None:
            raise NotFound(f"there is no account '{account}'.")
    connection.execute(
        "INSERT INTO journal_entry (reference, booked_on) VALUES (?, ?)", (reference, booked_on.isoformat())
    )
    connection.executemany(
        "INSERT INTO journal_line (reference, account, currency, hundredths) VALUES (?, ?, ?, ?)",
        [
            (reference, account, money.currency, sign * int(money.amount / _HUNDREDTH))
            for account, money, sign in lines
        ],
    )


def _find_invoice(connection: sqlite3.Connection, number: str) -> Invoice | None:
    row = cast(
        "tuple[str, str] | None",
        connection.execute("SELECT body, status FROM invoice WHERE number = ?", (number,)).fetchone(),
    )
    if row is None:
        return None
    return stored(Invoice, row[0]).model_copy(update={"status": row[1]})


def _cancelling(arguments: DraftPurchaseOrder, _performed: Performed) -> ActionRequest:
    return CancelPurchaseOrder(number=arguments.order.number).request("erp", "cancel_purchase_order")


def _reversing(arguments: PostInvoice, _performed: Performed) -> ActionRequest:
    """Booked on the day of the invoice: the period in which it counted counts it no more."""
    invoice = arguments.invoice
    return ReverseInvoice(number=invoice.number, reversed_on=invoice.issued_on).request(
        "erp", "reverse_invoice"
    )


def _booking_back(arguments: PostJournalEntry, _performed: Performed) -> ActionRequest:
    entry = arguments.entry
    turned = tuple(
        line.model_copy(update={"side": "credit" if line.side == "debit" else "debit"})
        for line in entry.lines
    )
    opposite = {**entry.model_dump(), "reference": f"{entry.reference}-reversed", "lines": turned}
    return PostJournalEntry(entry=JournalEntry.model_validate(opposite)).request("erp", "post_journal_entry")


class EmbeddedErp(EmbeddedSystem):
    """Implements :class:`crossloop.adapters.ports.Erp`."""

    name: ClassVar[str] = "erp"
    known: ClassVar[Mapping[str, Operation[Any]]] = {
        "draft_purchase_order": Operation(
            "Draft a purchase order for a person to place.",
            DraftPurchaseOrder,
            _draft_purchase_order,
            _cancelling,
        ),
        "cancel_purchase_order": Operation(
            "Cancel a drafted purchase order.", CancelPurchaseOrder, _cancel_purchase_order
        ),
        "post_invoice": Operation("Post an invoice and book it.", PostInvoice, _post_invoice, _reversing),
        "reverse_invoice": Operation(
            "Reverse a posted invoice by the opposite booking.", ReverseInvoice, _reverse_invoice
        ),
        "post_journal_entry": Operation(
            "Book a balanced entry.", PostJournalEntry, _post_journal_entry, _booking_back
        ),
    }

    async def products(self) -> tuple[Product, ...]:
        """The item master, by SKU."""
        rows = await self._database.rows("SELECT sku, name, unit FROM product ORDER BY sku")
        return tuple(Product(sku=sku, name=name, unit=unit) for sku, name, unit in rows)

    async def purchase_orders(self) -> tuple[PurchaseOrder, ...]:
        """Every purchase order, cancelled ones included, by number."""
        rows = await self._database.rows("SELECT body, status FROM purchase_order ORDER BY number")
        return tuple(
            stored(PurchaseOrder, body).model_copy(update={"status": status}) for body, status in rows
        )

    async def invoice(self, number: str) -> Invoice | None:
        """The invoice with this number, or None."""
        return await self._database.read(lambda connection: _find_invoice(connection, number))

    async def balances(self) -> tuple[AccountBalance, ...]:
        """Balance of every account and currency that was ever booked to, by account and currency."""
        rows = await self._database.rows(
            "SELECT account, name, currency, sum(hundredths) FROM journal_line "
            "JOIN account ON account.code = journal_line.account "
            "GROUP BY account, name, currency ORDER BY account, currency"
        )
        return tuple(
            AccountBalance(
                account=account,
                name=name,
                balance=Money(amount=Decimal(hundredths) * _HUNDREDTH, currency=currency),
            )
            for account, name, currency, hundredths in rows
        )

    def load_products(self, products: Iterable[Product]) -> None:
        """Add products to the item master, or give known ones another name; the unit of one stays."""
        rows = [(product.sku, product.name, product.unit) for product in products]
        self._database.write_now(
            lambda connection: connection.executemany(
                "INSERT INTO product (sku, name, unit) VALUES (?, ?, ?) "
                "ON CONFLICT (sku) DO UPDATE SET name = excluded.name",
                rows,
            )
        )

    def load_accounts(self, accounts: Iterable[Account]) -> None:
        """Add accounts to the chart, or rename known ones."""
        rows = [(account.code, account.name) for account in accounts]
        self._database.write_now(
            lambda connection: connection.executemany(
                "INSERT INTO account (code, name) VALUES (?, ?) "
                "ON CONFLICT (code) DO UPDATE SET name = excluded.name",
                rows,
            )
        )
