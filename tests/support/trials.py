"""A small company for the coordinator's tests: its departments ask for exactly what a signal tells them to.

Real are the store, the embedded company, the governance document, the gates, the graphs and the executor.
Made for the tests are two signal types and departments whose answer stands in the signal.
"""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from crossloop.adapters.embedded import EmbeddedCompany
from crossloop.clock import ManualClock
from crossloop.coordinator import Company, Coordinator, PublishReport, Runtime
from crossloop.coordinator.approval_graph import ApprovalThreads
from crossloop.coordinator.holding import LASTS, NAME
from crossloop.departments import Department, Handler, View
from crossloop.departments.department import Handle
from crossloop.frozen import Frozen
from crossloop.governance import Policy, parse_policy
from crossloop.ids import CaseId, DepartmentName, LoopName
from crossloop.money import Money
from crossloop.signals import (
    ActionRequest,
    Catalogue,
    Claim,
    Impact,
    Proposal,
    Signal,
    SignalData,
    SignalType,
)
from crossloop.signals.catalogue import Intervention
from crossloop.signals.entities import Area, Campaign
from crossloop.signals.proposal import Direction
from crossloop.store import Lease, Store, inbox, leases
from crossloop.store.session import Value
from tests.support.embedded import campaign
from tests.support.stores import START, require_verified

MARKETING, SALES, LOGISTICS = (DepartmentName(name) for name in ("marketing", "sales", "logistics"))
CAMPAIGNS = 200


class Ask(Frozen):
    """What one department is to ask for."""

    by: str = "marketing"
    campaign: str = "C1"
    pin: str = "560001"
    wants: Direction | None = "decrease"
    """Direction of the claim; none claims nothing."""

    interest: str = "logistics"
    share: float | None = 0.01
    """Share of the campaign's daily budget that is moved; without one there is no impact."""

    currency: str = "INR"
    days: int = 7
    operation: str = "suppress_cod"
    confidence: float = 0.99
    intervention: str = "cut"
    undoes: str | None = None
    """Key of the action to take back, with the reference the platform gave it."""

    restriction: str | None = None
    saga: str | None = None
    risk: str = "reversible"


class Notice(SignalData):
    """Somebody is to be asked for something."""

    number: int = 0
    asks: tuple[Ask, ...] = ()


CUT = Intervention("cut", "reversible", "Less advertising in an area.")
RAISE = Intervention("raise", "reversible", "More advertising in an area.")
TAKE_BACK = Intervention("take_back", "reversible", "Undo a cut.")

NOTICE, QUESTION, UNHEARD = (
    SignalType(
        name=name,
        data=Notice,
        summary="A notice.",
        confidence_means="Nothing: it is made for tests.",
        thresholds="None.",
        interventions=(CUT, RAISE),
    )
    for name in ("trial.notice/1", "trial.question/1", "trial.unheard/1")
)
OVER = SignalType(
    name="trial.over/1",
    data=Notice,
    summary="What a notice said is over.",
    confidence_means="Nothing: it is made for tests.",
    thresholds="None.",
    interventions=(TAKE_BACK,),
    clears=NOTICE.name,
)
CATALOGUE = Catalogue([NOTICE, QUESTION, UNHEARD, OVER])

DOCUMENT = """
governance: 1
company: Trial
timezone: Asia/Kolkata
people:
  asha: {name: Asha Rao, email: asha@trial.example, heads: marketing}
  ravi: {name: Ravi Iyer, email: ravi@trial.example, heads: logistics}
  mina: {name: Mina Das, email: mina@trial.example, heads: sales}
rules:
  large_change: {when: "daily_budget_share > 0.15", from: {all: [asha, ravi]}, within: 4h}
departments:
  marketing:
    owns: ["ads/**"]
    stage: autonomous
    escalate: {to: [asha], within: 4h, then: [mina]}
  sales:
    owns: ["ads/**"]
    stage: autonomous
  logistics:
    owns: ["wms/**"]
    stage: autonomous
loops:
  trial-marketing:
    signal: trial.notice/1
    owner: marketing
    stage: autonomous
    respond_within: 24h
    interventions:
      cut: {act: 0.85, ask: 0.60, approvals: [large_change]}
      take_back: {act: 0.85, ask: 0.60}
    notify: {done: [logistics], held: [mina]}
    adjustable: {threshold: [0.1, 0.3]}
  trial-sales:
    signal: trial.notice/1
    owner: sales
    stage: autonomous
    respond_within: 24h
    interventions:
      raise: {act: 0.85, ask: 0.60, approvals: [large_change]}
  trial-questions:
    signal: trial.question/1
    owner: marketing
    stage: autonomous
    respond_within: 24h
    interventions:
      cut: {act: 0.85, ask: 0.60}
precedence:
  - {conflict: geography, order: [logistics, sales]}
"""

LOOPS = {MARKETING: LoopName("trial-marketing"), SALES: LoopName("trial-sales")}
QUESTIONS = LoopName("trial-questions")


def policy(*changes: tuple[str, str]) -> Policy:
    """The trial document with pieces of text replaced; each piece must be there."""
    text = DOCUMENT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return parse_policy(text, file=Path("governance.yaml"), catalogue=CATALOGUE)


def area(pin: str) -> Area:
    """A pin code of Karnataka."""
    return Area(level="pin_code", code=pin, country="IN", state="KARNATAKA", pin_prefix=pin[:3])


def proposal(signal: Signal, ask: Ask, step: int = 0, *, loop: LoopName | None = None) -> Proposal:
    """The proposal that an ask stands for."""
    place = area(ask.pin)
    resource = f"ads/campaign/{ask.campaign}/{place.path}"
    arguments = {"campaign_id": ask.campaign, "area": place.model_dump(mode="json")}
    if ask.restriction is not None:
        arguments["restriction"] = ask.restriction
    moved = Money.of(round((ask.share or 0.0) * 10_000, 2), ask.currency)
    return Proposal.model_validate(
        {
            "signal_id": signal.id,
            "department": ask.by,
            "step": step,
            "loop": loop or LOOPS[DepartmentName(ask.by)],
            "intervention": ask.intervention,
            "risk": ask.risk,
            "saga": ask.saga,
            "action": ActionRequest.model_validate(
                {
                    "system": "ads",
                    "operation": ask.operation,
                    "resource": resource,
                    "arguments": arguments,
                }
            ),
            "claims": () if ask.wants is None else (_claim(signal, ask, resource),),
            "confidence": ask.confidence,
            "impact": Impact.model_validate(
                {"resource": f"ads/campaign/{ask.campaign}/budget", "share": ask.share, "amount": moved}
            )
            if ask.share is not None
            else None,
            "rationale": f"{ask.by} was told to {ask.intervention} {ask.campaign} in {ask.pin}.",
            "undoes": ask.undoes,
        }
    )


def _claim(signal: Signal, ask: Ask, resource: str) -> Claim:
    return Claim.model_validate(
        {
            "resource": resource,
            "direction": ask.wants,
            "starts": signal.time,
            "ends": signal.time + timedelta(days=ask.days),
            "interest": ask.interest,
        }
    )


def asking(department: DepartmentName, loop: LoopName) -> Handle:
    """A handler that asks for what the signal tells its department to."""

    def handle(signal: Signal, view: View) -> list[Proposal]:
        assert isinstance(signal.data, Notice)
        own = [ask for ask in signal.data.asks if ask.by == department]
        return [proposal(signal, ask, step, loop=loop) for step, ask in enumerate(own)]

    return handle


def departments(*, slow: Handle | None = None) -> tuple[Department, ...]:
    """Marketing and sales, asked by the signal itself; marketing answers questions slowly."""
    obedient = [Handler(NOTICE.name, loop, asking(name, loop)) for name, loop in LOOPS.items()]
    question = Handler(QUESTION.name, QUESTIONS, slow or asking(MARKETING, QUESTIONS), slow=True)
    over = Handler(OVER.name, LOOPS[MARKETING], asking(MARKETING, LOOPS[MARKETING]))
    return (
        Department(LOGISTICS, emits=(NOTICE.name, OVER.name)),
        Department(MARKETING, (obedient[0], question, over)),
        Department(SALES, (obedient[1],)),
    )


def lift(key: str, reference: str | None, **changes: Any) -> Ask:
    """The ask that takes a cut back."""
    back = {"wants": None, "share": None, "operation": "lift", "intervention": "take_back"}
    return Ask(**{**back, "undoes": key, "restriction": reference, **changes})


@dataclass(frozen=True)
class Trial:
    """Everything that is open during a test."""

    path: Path
    clock: ManualClock
    store: Store
    systems: EmbeddedCompany
    company: Company
    policy: Policy
    coordinator: Coordinator
    numbers: Iterator[int]
    tampered: list[str]
    """Statements that changed rows behind the back of the ledger, which must find out."""

    def tamper(self, statement: str, **values: Value) -> None:
        """Change one row behind the back of the ledger."""
        assert self.store.write(lambda tx: tx.execute(statement, **values)) == 1
        self.tampered.append(statement)

    def said(self, *asks: Ask, type: str = NOTICE.name, **changes: Any) -> Signal:
        """A signal of its own that tells departments what to ask for."""
        number = next(self.numbers)
        return Signal.said(
            **{
                "type": type,
                "source": "/trial",
                "department": "logistics",
                "subject": f"trial/{number}",
                "dedup_key": f"trial-{number}",
                "time": self.clock.now(),
                "valid_until": self.clock.now() + timedelta(days=30),
                "confidence": 0.99,
                "data": Notice(number=number, asks=asks),
                **changes,
            }
        )

    def over(self, case: CaseId, *asks: Ask, **changes: Any) -> Signal:
        """The signal that says that what opened a case is over."""
        return self.said(*asks, type=OVER.name, correlation_id=case, **changes)

    def publish(self, *signals: Signal) -> PublishReport:
        return self.coordinator.publish(signals)

    def ask(self, *asks: Ask, **changes: Any) -> PublishReport:
        """Publish one signal with these asks."""
        return self.publish(self.said(*asks, **changes))

    def restrictions(self) -> list[str]:
        """What is in force in the world: campaign and area of each restriction, in their order."""
        with closing(sqlite3.connect(self.path / "company.db")) as connection:
            found = connection.execute(
                "SELECT campaign_id, code FROM restriction WHERE lifted = 0 ORDER BY id"
            )
            return [f"{campaign} {code}" for campaign, code in found]

    def wait(self, work: Any) -> Any:
        return self.coordinator._background.run(work)

    def runtime(self, **changes: Any) -> Runtime:
        """A runtime without a lease, for what the façade does not show."""
        return Runtime(
            **{
                "store": self.store,
                "company": self.company,
                "policy": self.policy,
                "threads": ApprovalThreads(self.path / "threads.db"),
                "clock": self.clock,
                **changes,
            }
        )

    def take_over(self) -> Lease:
        """Another worker follows whoever holds the lease of the coordinator."""
        owner = f"host:{next(self.numbers)}"
        return self.store.write(
            lambda tx: leases.acquire(tx, NAME, owner=owner, ttl=LASTS, alive=lambda _: False)
        )

    def state(self, signal: Signal) -> str:
        row = self.store.read(lambda read: inbox.get(read, signal.id))
        assert row is not None
        return row.state

    def outcome(self, signal: Signal) -> str:
        """What the entry that finished a signal says."""
        (found,) = self.entries("signal.finished", signal.correlation_id)
        return str(found["outcome"])

    def entries(self, kind: str, case: str | None = None) -> list[Any]:
        """Bodies of the entries of a kind, of one case or of all."""
        found = self.store.read(lambda read: list(read.entries(case=case)))
        return [one.body for one in found if one.kind == kind]


def salts(seed: str) -> Any:
    """Salts that repeat, different for each seed."""
    counter = itertools.count()
    return lambda: hashlib.sha256(f"{seed} {next(counter)}".encode()).digest()[:16]


@contextmanager
def trial(
    path: Path,
    *changes: tuple[str, str],
    departments: tuple[Department, ...] = departments(),
    under: Policy | None = None,
    clock: ManualClock | None = None,
    first: int = 0,
) -> Iterator[Trial]:
    """Open the trial company in a directory; open it again there to go on.

    At the end its ledger has to verify, unless the test tampered with it.

    Args:
        first: number of the first signal; another one than before says other things.
    """
    time = clock or ManualClock(START)
    systems = EmbeddedCompany.open(path / "company.db")
    systems.load_campaigns(_campaigns())
    company = Company(
        catalogue=CATALOGUE,
        departments={one.name: one for one in departments},
        loops={},
        adapters={"ads": systems.ads},
        readers={Campaign: systems.ads.campaigns},
        close=systems.close,
    )
    store = Store.open(f"sqlite:///{path / 'store.db'}", clock=time, salts=salts("trial"), patience=2.0)
    governed = under or policy(*changes)
    coordinator = Coordinator(store, company, governed, threads=path / "threads.db", clock=time)
    numbers, tampered = itertools.count(first), list[str]()
    with coordinator:
        yield Trial(path, time, store, systems, company, governed, coordinator, numbers, tampered)
    require_verified(path / "store.db", tampered=bool(tampered))


def _campaigns() -> list[Campaign]:
    return [campaign(f"C{number}") for number in range(CAMPAIGNS)]
