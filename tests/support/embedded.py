"""Embedded companies for tests, with the master data that requests of the four systems need."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from crossloop.adapters.embedded import EmbeddedCompany
from crossloop.adapters.embedded.ads import EmbeddedAds
from crossloop.adapters.embedded.crm import EmbeddedCrm
from crossloop.adapters.embedded.erp import EmbeddedErp
from crossloop.adapters.embedded.wms import EmbeddedWms
from crossloop.money import Money
from crossloop.signals.entities import Account, Area, Campaign, GeoTarget, Product

T = TypeVar("T")

INDIA = Area(level="country", code="IN", country="IN")
RAJASTHAN = Area(level="state", code="RAJASTHAN", country="IN", state="RAJASTHAN")
JAIPUR = Area(level="pin_prefix", code="302", country="IN", state="RAJASTHAN", pin_prefix="302")


def run(work: Coroutine[object, object, T]) -> T:
    """Run one call of an adapter to its end."""
    return asyncio.run(work)


def campaign(campaign_id: str, status: str = "live") -> Campaign:
    """A country-wide campaign of 10,000 rupees a day."""
    return Campaign.model_validate(
        {
            "campaign_id": campaign_id,
            "name": f"Campaign {campaign_id}",
            "status": status,
            "daily_budget": Money.of(10_000, "INR"),
            "targets": (GeoTarget(area=INDIA),),
        }
    )


CAMPAIGNS = (campaign("C1"), campaign("C2"), campaign("C3", "ended"))


@contextmanager
def company(path: Path) -> Iterator[EmbeddedCompany]:
    """An embedded company at a path, with campaigns, products, locations and accounts."""
    with EmbeddedCompany.open(path) as opened:
        opened.load_campaigns(CAMPAIGNS)
        opened.load_items(
            products=[Product(sku="KURTA-M", name="Kurta M"), Product(sku="KURTA-L", name="Kurta L")],
            locations=["BLR", "DEL"],
            accounts=[
                Account(code="1100", name="Receivables"),
                Account(code="2100", name="Payables"),
                Account(code="4000", name="Revenue"),
                Account(code="5000", name="Purchases"),
            ],
        )
        yield opened


@contextmanager
def ads(path: Path) -> Iterator[EmbeddedAds]:
    """The ad platform of such a company."""
    with company(path) as opened:
        yield opened.ads


@contextmanager
def crm(path: Path) -> Iterator[EmbeddedCrm]:
    """The CRM of such a company."""
    with company(path) as opened:
        yield opened.crm


@contextmanager
def erp(path: Path) -> Iterator[EmbeddedErp]:
    """The ERP of such a company."""
    with company(path) as opened:
        yield opened.erp


@contextmanager
def wms(path: Path) -> Iterator[EmbeddedWms]:
    """The warehouse of such a company."""
    with company(path) as opened:
        yield opened.wms
