"""The four embedded systems pass the public suite, with every capability exercised."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from crossloop.adapters.embedded.ads import EmbeddedAds
from crossloop.adapters.embedded.crm import EmbeddedCrm
from crossloop.adapters.embedded.erp import EmbeddedErp
from crossloop.adapters.embedded.wms import EmbeddedWms
from crossloop.signals import ActionRequest
from crossloop.testing import report
from tests.support import embedded
from tests.support.embedded_conformance import EmbeddedConformance
from tests.support.requests import adjust, create_party, entry, reduce, suppress


class TestAds(EmbeddedConformance):
    opener = staticmethod(embedded.ads)

    def requests(self) -> tuple[ActionRequest, ActionRequest]:
        return suppress(), reduce("0.5")

    def invalid(self) -> list[ActionRequest]:
        good = reduce()
        return [
            good.model_copy(update={"arguments": {**good.arguments, **wrong}})
            for wrong in (
                {"bid_modifier": "0.05"},
                {"bid_modifier": "1.01"},
                {"bid_modifier": 0.7},
                {"bid_modifier": "cheap"},
                {"bid_modifier": None},
                {"campaign_id": "C1/C2"},
                {"area": {"level": "galaxy", "code": "MILKY WAY", "country": "IN"}},
                {"spend": "1"},
            )
        ]

    def seen(self, adapter: EmbeddedAds) -> Awaitable[object]:
        return adapter.restrictions()


class TestCrm(EmbeddedConformance):
    opener = staticmethod(embedded.crm)

    def requests(self) -> tuple[ActionRequest, ActionRequest]:
        return create_party("ACME"), create_party("BETA")

    def invalid(self) -> list[ActionRequest]:
        return [
            create_party("ACME").model_copy(update={"arguments": wrong})
            for wrong in (
                {},
                {"party": {"code": "ACME", "name": "Acme", "kind": "friend"}},
                {"party": {"code": "A/B", "name": "Acme", "kind": "customer"}},
                {"party": {"code": "ACME", "name": "Acme", "kind": "customer", "active": False}},
            )
        ]

    async def seen(self, adapter: EmbeddedCrm) -> object:
        return await adapter.parties(), await adapter.opportunities()


class TestErp(EmbeddedConformance):
    opener = staticmethod(embedded.erp)

    def requests(self) -> tuple[ActionRequest, ActionRequest]:
        return (
            entry("J1", ("1100", "debit", "250.25"), ("4000", "credit", "250.25")),
            entry("J2", ("5000", "debit", "40"), ("2100", "credit", "40")),
        )

    def invalid(self) -> list[ActionRequest]:
        good, _ = self.requests()

        def lines(*lines: tuple[str, str, object]) -> ActionRequest:
            body = [
                {"account": account, "side": side, "amount": {"amount": amount, "currency": "INR"}}
                for account, side, amount in lines
            ]
            arguments = {"entry": {"reference": "J1", "booked_on": "2026-06-30", "lines": body}}
            return good.model_copy(update={"arguments": arguments})

        return [
            lines(("1100", "debit", "10"), ("4000", "credit", "9.99")),
            lines(("1100", "debit", "10"), ("4000", "debit", "10")),
            lines(("1100", "debit", "10")),
            lines(("1100", "debit", "0"), ("4000", "credit", "0")),
            lines(("1100", "debit", "-5"), ("4000", "credit", "-5")),
            lines(("1100", "debit", "0.005"), ("4000", "credit", "0.005")),
            lines(("1100", "debit", 10.0), ("4000", "credit", 10.0)),
            lines(("1100", "left", "10"), ("4000", "right", "10")),
        ]

    async def seen(self, adapter: EmbeddedErp) -> object:
        return tuple(one for one in await adapter.balances() if one.balance.amount)


class TestWms(EmbeddedConformance):
    opener = staticmethod(embedded.wms)

    def requests(self) -> tuple[ActionRequest, ActionRequest]:
        return adjust("in", 10), adjust("in", 3, sku="KURTA-L", location="DEL")

    def invalid(self) -> list[ActionRequest]:
        good = adjust("in", 10)
        return [
            good.model_copy(update={"arguments": {**good.arguments, **wrong}})
            for wrong in (
                {"quantity": 0},
                {"quantity": -1},
                {"quantity": 1.5},
                {"quantity": "10"},
                {"direction": "up"},
            )
        ]

    def seen(self, adapter: EmbeddedWms) -> Awaitable[object]:
        return adapter.stock()


@pytest.mark.parametrize("suite", [TestAds, TestCrm, TestErp, TestWms])
def test_every_capability_of_an_embedded_system_is_exercised(suite: type[EmbeddedConformance]) -> None:
    found = report(suite)
    assert [one.result for one in found.capabilities] == ["passed"] * len(found.capabilities), str(found)
