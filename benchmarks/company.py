"""The small company that the benchmarks measure, and what it is told.

Logistics says that an area returns parcels; marketing asks for a campaign to leave the area out, service
looks and finds nothing to do. Rules, claims, limits, notices and the ledger are those of any company; only
the system that acts keeps what it did in memory, so that what is measured is ours.

A signal of the second type is the same, but marketing takes seconds to answer it, as a model would. One of
which logistics is not sure enough is held for the head of marketing.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import crossloop
from crossloop.ids import DepartmentName, LoopName, Resource
from crossloop.signals import Impact, Intervention

LOGISTICS, MARKETING, SERVICE = (DepartmentName(name) for name in ("logistics", "marketing", "service"))
SUPPRESS, PONDER = LoopName("returns-to-marketing"), LoopName("questions-to-marketing")
CALLS = LoopName("returns-to-service")
SURE, UNSURE = 0.95, 0.70
"""Confidence with which marketing may act alone, and with which its head is asked."""


class Returns(crossloop.SignalData):
    """Parcels come back from an area."""

    area: str
    campaign: str
    share: float


class Question(Returns):
    """The same, to somebody who takes time to answer."""

    seconds: float
    """How long it takes to answer."""


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
QUESTION = crossloop.SignalType(
    name="logistics.question/1",
    data=Question,
    summary="Parcels come back from an area, and it takes thought what to do.",
    confidence_means=RETURNS.confidence_means,
    thresholds=RETURNS.thresholds,
    interventions=(LEAVE_OUT,),
)
CATALOGUE = crossloop.Catalogue([RETURNS, QUESTION])

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
  questions-to-marketing:
    signal: logistics.question/1
    owner: marketing
    stage: autonomous
    respond_within: 24h
    interventions:
      leave_out: {act: 0.85, ask: 0.60}
  returns-to-service:
    signal: logistics.returns/1
    owner: service
    stage: autonomous
    respond_within: 8h
    interventions:
      call: {act: 0.85, ask: 0.60}
"""


class Ads:
    """The advertising platform, in memory: one effect per key, and it can be found by key."""

    system = "ads"
    capabilities = crossloop.Capabilities(idempotent=True, find=True, undo=False)

    def __init__(self) -> None:
        self.operations = {"leave_out": LEAVE_OUT.summary}
        self.done: dict[str, str] = {}
        self.doubled: list[str] = []
        """Keys that were performed again: nobody died and no answer was lost, so that is a mistake."""

    def require_once(self) -> None:
        """Raise AssertionError where an action was performed twice."""
        if self.doubled:
            raise AssertionError(
                f"{len(self.doubled)} actions were performed again, such as {self.doubled[0]}"
            )

    async def perform(self, key: str, request: crossloop.ActionRequest) -> crossloop.Performed:
        if key in self.done:
            self.doubled.append(key)
        self.done.setdefault(key, str(request.arguments["area"]))
        return crossloop.Performed(reference=f"left-out-{key[-12:]}", detail=self.done[key])

    async def find(self, key: str) -> crossloop.Performed | None:
        return crossloop.Performed(reference=f"left-out-{key[-12:]}") if key in self.done else None

    def undo_request(self, request: crossloop.ActionRequest, performed: crossloop.Performed) -> None:
        """Nothing is taken back here."""


def ask_marketing(signal: crossloop.Signal, view: crossloop.View) -> tuple[crossloop.Proposal, ...]:
    """Marketing leaves the area out of the campaign."""
    return (_leave_out(signal, view, SUPPRESS),)


async def ponder(signal: crossloop.Signal, view: crossloop.View) -> tuple[crossloop.Proposal, ...]:
    """Marketing thinks it over and does the same."""
    assert isinstance(signal.data, Question)
    await asyncio.sleep(signal.data.seconds)
    return (_leave_out(signal, view, PONDER),)


def _leave_out(signal: crossloop.Signal, view: crossloop.View, loop: LoopName) -> crossloop.Proposal:
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
    return crossloop.Proposal(
        signal_id=signal.id,
        department=MARKETING,
        step=0,
        loop=loop,
        intervention=LEAVE_OUT.name,
        risk=LEAVE_OUT.risk,
        action=action,
        claims=(claim,),
        confidence=signal.confidence,
        impact=impact,
        rationale=f"Parcels come back from {found.area}.",
    )


def ask_service(signal: crossloop.Signal, view: crossloop.View) -> tuple[crossloop.Proposal, ...]:
    """Service looks and finds nothing to do; that is recorded, too."""
    assert view.as_of is not None
    return (crossloop.no_action(signal, SERVICE, CALLS, "nobody chose cash on delivery there"),)


def company(ads: Ads) -> crossloop.Company:
    """The company over one advertising platform."""
    departments = (
        crossloop.Department(LOGISTICS, emits=(RETURNS.name, QUESTION.name)),
        crossloop.Department(
            MARKETING,
            (
                crossloop.Handler(RETURNS.name, SUPPRESS, ask_marketing),
                crossloop.Handler(QUESTION.name, PONDER, ponder, slow=True),
            ),
        ),
        crossloop.Department(SERVICE, (crossloop.Handler(RETURNS.name, CALLS, ask_service),)),
    )
    return crossloop.Company(
        catalogue=CATALOGUE,
        departments={one.name: one for one in departments},
        loops={},
        adapters={ads.system: ads},
    )


def said(
    number: int, now: datetime, *, confidence: float = SURE, takes: float | None = None
) -> crossloop.Signal:
    """A signal about an area and a campaign of its own.

    Args:
        takes: seconds that its answer takes; none where it is computed.
    """
    returns = {"area": f"area-{number}", "campaign": f"C{number}", "share": 0.01}
    return crossloop.Signal.said(
        type=RETURNS.name if takes is None else QUESTION.name,
        source="/throughput",
        department=LOGISTICS,
        subject=f"area/{number}",
        dedup_key=f"returns-{number}",
        time=now,
        valid_until=now + timedelta(days=7),
        confidence=confidence,
        data=Returns(**returns) if takes is None else Question(**returns, seconds=takes),
    )


def rules(folder: Path) -> crossloop.Policy:
    """Write the company's document into a folder, and read it."""
    file = folder / "governance.yaml"
    file.write_text(RULES, encoding="utf-8")
    return crossloop.load_policy(file, catalogue=CATALOGUE)
