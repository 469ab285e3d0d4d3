"""crossloop's own part of the throughput benchmark: so many signals, in waves, in a process of its own.

A small company: logistics says that an area returns parcels; marketing asks for a campaign to leave the
area out, service looks and finds nothing to do. Rules, claims, limits, notices and the ledger are those of
any company; only the system that acts keeps what it did in memory, so that what is measured is ours.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import crossloop
from crossloop.clock import SystemClock
from crossloop.ids import DepartmentName, LoopName, Resource
from crossloop.signals import Impact, Intervention

LOGISTICS, MARKETING, SERVICE = (DepartmentName(name) for name in ("logistics", "marketing", "service"))
SUPPRESS, CALLS = LoopName("returns-to-marketing"), LoopName("returns-to-service")
WARM_UP = 8
"""Signals before the clock starts: imports, compiled statements, first pages of the files."""


class Returns(crossloop.SignalData):
    """Parcels come back from an area."""

    area: str
    campaign: str
    share: float


LEAVE_OUT = Intervention("leave_out", "reversible", "Leave an area out of a campaign.")
CALL = Intervention("call", "reversible", "Call buyers before dispatch.")
RETURNS = crossloop.SignalType(
    name="logistics.returns/1",
    data=Returns,
    summary="Parcels come back from an area.",
    confidence_means="Probability that the share is above what is normal.",
    thresholds="None: it is made for measuring.",
    interventions=(LEAVE_OUT, CALL),
)
CATALOGUE = crossloop.Catalogue([RETURNS])

RULES = """
governance: 1
company: Throughput
timezone: UTC
people:
  asha: {name: Asha Rao, email: asha@throughput.example, heads: marketing}
  ravi: {name: Ravi Iyer, email: ravi@throughput.example, heads: logistics}
  meera: {name: Meera Nair, email: meera@throughput.example, heads: service}
rules:
  large_change: {when: "daily_budget_share > 0.15", from: {all: [asha, ravi]}, within: 4h}
departments:
  logistics: {owns: ["wms/**"], stage: autonomous}
  marketing: {owns: ["ads/**"], stage: autonomous}
  service: {owns: ["calls/**"], stage: autonomous}
loops:
  returns-to-marketing:
    signal: logistics.returns/1
    owner: marketing
    stakeholders: [logistics]
    stage: autonomous
    respond_within: 24h
    interventions:
      leave_out: {act: 0.85, ask: 0.60, approvals: [large_change]}
  returns-to-service:
    signal: logistics.returns/1
    owner: service
    stage: autonomous
    respond_within: 8h
    interventions:
      call: {act: 0.85, ask: 0.60}
"""


@dataclass(frozen=True)
class Measured:
    """One measurement; what was done was looked at afterwards."""

    seconds: float
    each: tuple[float, ...]
    """Seconds of each wave, from handing its signals in to the last receipt."""


class Ads:
    """The advertising platform, in memory: one effect per key, and it can be found by key."""

    system = "ads"
    capabilities = crossloop.Capabilities(idempotent=True, find=True, undo=False)

    def __init__(self) -> None:
        self.operations = {"leave_out": LEAVE_OUT.summary}
        self.done: dict[str, str] = {}

    async def perform(self, key: str, request: crossloop.ActionRequest) -> crossloop.Performed:
        self.done.setdefault(key, str(request.arguments["area"]))
        return crossloop.Performed(reference=f"left-out-{key[-12:]}", detail=self.done[key])

    async def find(self, key: str) -> crossloop.Performed | None:
        return crossloop.Performed(reference=f"left-out-{key[-12:]}") if key in self.done else None

    def undo_request(self, request: crossloop.ActionRequest, performed: crossloop.Performed) -> None:
        """Nothing is taken back here."""


def ask_marketing(signal: crossloop.Signal, view: crossloop.View) -> tuple[crossloop.Proposal, ...]:
    """Marketing leaves the area out of the campaign."""
    found = signal.data
    assert isinstance(found, Returns)
    resource = Resource(f"ads/campaign/{found.campaign}/{found.area}")
    action = crossloop.ActionRequest(
        system="ads",
        operation="leave_out",
        resource=resource,
        arguments={"campaign": found.campaign, "area": found.area},
    )
    claim = crossloop.Claim(
        resource=resource,
        direction="exclude",
        starts=view.as_of,
        ends=view.as_of + timedelta(days=7),
        interest=MARKETING,
    )
    impact = Impact(
        resource=Resource(f"ads/campaign/{found.campaign}/budget"),
        share=found.share,
        amount=crossloop.Money.of(round(found.share * 10_000, 2), "INR"),
    )
    proposal = crossloop.Proposal(
        signal_id=signal.id,
        department=MARKETING,
        step=0,
        loop=SUPPRESS,
        intervention=LEAVE_OUT.name,
        risk=LEAVE_OUT.risk,
        action=action,
        claims=(claim,),
        confidence=signal.confidence,
        impact=impact,
        rationale=f"Parcels come back from {found.area}.",
    )
    return (proposal,)


def ask_service(signal: crossloop.Signal, view: crossloop.View) -> tuple[crossloop.Proposal, ...]:
    """Service looks and finds nothing to do; that is recorded, too."""
    assert view.as_of is not None
    return (crossloop.no_action(signal, SERVICE, CALLS, "nobody chose cash on delivery there"),)


def company(ads: Ads) -> crossloop.Company:
    """The company over one advertising platform."""
    departments = (
        crossloop.Department(LOGISTICS, emits=(RETURNS.name,)),
        crossloop.Department(MARKETING, (crossloop.Handler(RETURNS.name, SUPPRESS, ask_marketing),)),
        crossloop.Department(SERVICE, (crossloop.Handler(RETURNS.name, CALLS, ask_service),)),
    )
    return crossloop.Company(
        catalogue=CATALOGUE,
        departments={one.name: one for one in departments},
        loops={},
        adapters={ads.system: ads},
    )


def said(number: int, now: datetime) -> crossloop.Signal:
    """A signal about an area and a campaign of its own."""
    return crossloop.Signal.said(
        type=RETURNS.name,
        source="/throughput",
        department=LOGISTICS,
        subject=f"area/{number}",
        dedup_key=f"returns-{number}",
        time=now,
        valid_until=now + timedelta(days=7),
        confidence=0.95,
        data=Returns(area=f"area-{number}", campaign=f"C{number}", share=0.01),
    )


def measure(folder: Path, signals: int, wave: int) -> Measured:
    """Bring so many signals to their receipts, ``wave`` of them at a time, in a new store.

    Raises:
        AssertionError: a signal came to another end than one recorded effect, or the ledger is broken.
    """
    rules = folder / "governance.yaml"
    rules.write_text(RULES, encoding="utf-8")
    policy = crossloop.load_policy(rules, catalogue=CATALOGUE)
    clock, ads = SystemClock(), Ads()
    store = crossloop.Store.open(f"sqlite:///{folder / 'crossloop.db'}", clock=clock)
    with crossloop.Coordinator(
        store, company(ads), policy, threads=folder / "threads.db", clock=clock
    ) as coordinator:
        now = datetime.now(UTC)
        coordinator.publish([said(-1 - number, now) for number in range(WARM_UP)])
        waves = [
            [said(number, now) for number in range(first, min(first + wave, signals))]
            for first in range(0, signals, wave)
        ]
        each: list[float] = []
        receipts = 0
        began = time.perf_counter()
        for one in waves:
            handed_in = time.perf_counter()
            report = coordinator.publish(one)
            each.append(time.perf_counter() - handed_in)
            receipts += sum(receipt.outcome == "done" for receipt in report.receipts)
        seconds = time.perf_counter() - began
        assert receipts == signals, f"{receipts} receipts for {signals} signals"
        assert len(ads.done) == signals + WARM_UP, f"{len(ads.done)} effects"
        assert coordinator.verify().ok, "the ledger is broken"
    return Measured(seconds, tuple(each))


def percentile(seconds: Sequence[float], percent: int) -> float:
    """A percentile of durations, by linear interpolation."""
    if len(seconds) == 1:
        return seconds[0]
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1]


def main() -> None:
    folder, signals, wave = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    found = measure(folder, signals, wave)
    document = {
        "signals": signals,
        "seconds": found.seconds,
        "durable": True,
        "what": "every transaction is committed to SQLite in WAL mode with synchronous=FULL",
        "p50": percentile(found.each, 50),
        "p99": percentile(found.each, 99),
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main()
