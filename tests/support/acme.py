"""Acme D2C, the demonstration company: its document, its marketing department, its embedded systems."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from crossloop.adapters.embedded import EmbeddedCompany
from crossloop.clock import Clock, ManualClock
from crossloop.coordinator import Company, Coordinator
from crossloop.departments import Department
from crossloop.departments.marketing import marketing
from crossloop.governance import Policy
from crossloop.ids import DepartmentName
from crossloop.money import Money
from crossloop.signals import Signal
from crossloop.signals.entities import Area, Campaign, GeoTarget
from crossloop.signals.entities.advertising import Restriction
from crossloop.signals.types import GEO_RISK, GEO_RISK_CLEARED, GeoRiskCleared
from crossloop.store import Store
from tests.support.governed import CATALOGUE, policy
from tests.support.samples import geo_risk
from tests.support.stores import START, require_verified
from tests.support.trials import salts

INDIA = Area(level="country", code="IN", country="IN")


def state(name: str) -> Area:
    """A state of India."""
    return Area(level="state", code=name, country="IN", state=name)


def campaign(name: str, budget: int, *areas: Area) -> Campaign:
    """A live campaign with its daily budget in rupees."""
    targets = tuple(GeoTarget(area=one) for one in areas)
    return Campaign(
        campaign_id=name, name=name, status="live", daily_budget=Money.of(budget, "INR"), targets=targets
    )


CAMPAIGNS = (
    campaign("brand", 5_000, INDIA),
    campaign("everywhere", 20_000, INDIA),
    campaign("karnataka", 3_000, state("KARNATAKA")),
    campaign("kerala", 3_000, state("KERALA")),
)
"""In a state at risk, the first is protected, the second changes a little, and the state's own a lot."""


def risk(name: str, at: datetime, **changes: Any) -> Signal:
    """A state in which far too many parcels come back, for certain."""
    area = state(name)
    measured = {
        "codes": (name,),
        "areas": (area,),
        "orders": 400,
        "failures": 120,
        "rate": 0.3,
        "estimate": 0.3,
        "interval": (0.27, 0.33),
        "threshold": 0.1,
        "area_order_share": {"geo/IN": 0.08},
    }
    return Signal.said(
        **{
            "type": GEO_RISK.name,
            "source": "/logistics/geo-risk",
            "department": "logistics",
            "subject": area.path,
            "dedup_key": f"rto:{area.path}:{at.date()}",
            "time": at,
            "valid_until": at + timedelta(days=3),
            "confidence": 0.99,
            "data": geo_risk().model_copy(update=measured),
            **changes,
        }
    )


def cleared(opened: Signal, at: datetime) -> Signal:
    """The signal that the state of an earlier one is well again."""
    shared = {
        name: getattr(opened.data, name) for name in GeoRiskCleared.model_fields if hasattr(opened.data, name)
    }
    data = GeoRiskCleared(**{**shared, "opened_by": opened.id, "open_since": opened.time.date()})
    return Signal.said(
        type=GEO_RISK_CLEARED.name,
        source="/logistics/geo-risk",
        department="logistics",
        subject=opened.subject,
        dedup_key=f"{opened.dedup_key}:cleared",
        time=at,
        valid_until=at + timedelta(days=3),
        confidence=0.99,
        data=data,
        correlation_id=opened.correlation_id,
        causation_id=opened.id,
    )


@dataclass(frozen=True)
class Acme:
    """Everything that is open during a test."""

    path: Path
    clock: Clock
    store: Store
    coordinator: Coordinator


@contextmanager
def acme(
    path: Path, *, clock: Clock | None = None, under: Policy | None = None, loops: Any = None
) -> Iterator[Acme]:
    """Open the company in a directory; open it again there to go on. At the end its ledger has to verify."""
    time = clock or ManualClock(START)
    systems = EmbeddedCompany.open(path / "company.db")
    systems.load_campaigns(CAMPAIGNS)
    departments = (Department(DepartmentName("logistics")), marketing())
    company = Company(
        catalogue=CATALOGUE,
        departments={one.name: one for one in departments},
        loops={one.name: one for one in loops or ()},
        adapters={one.system: one for one in (systems.ads, systems.crm, systems.erp, systems.wms)},
        readers={Campaign: systems.ads.campaigns, Restriction: systems.ads.restrictions},
        close=systems.close,
    )
    store = Store.open(f"sqlite:///{path / 'store.db'}", clock=time, salts=salts("acme"), patience=10.0)
    governed = under or policy()
    coordinator = Coordinator(store, company, governed, threads=path / "threads.db", clock=time)
    with coordinator:
        yield Acme(path, time, store, coordinator)
    require_verified(path / "store.db")
