"""A department of one's own: customer service answers the same signal as marketing, in a system of its own.

Where parcels come back, marketing changes campaigns. Customer service can do something else: call the
buyers who chose cash on delivery before their parcel leaves. What it takes is below, in this order: an
intervention, a system, a department, rules that let it act, and the company that has all of it. Nothing else
knows that it exists.

What waits is answered from Python as at the end of ``main``, or on the command line, which is told where the
company stands: in this module, under the name ``company``.

    python examples/own_department.py
    crossloop approvals approve ID --as asha --company examples.own_department:company
"""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import crossloop
from crossloop.actions import Conflict, Invalid, Unsupported
from crossloop.signals.types import GEO_RISK, GEO_RISK_CLEARED, GeoRisk

# 1. What may be answered is enumerated in the signal's type, so that both ends know it.
CONFIRM = crossloop.Intervention(
    "confirm_orders", "reversible", "Call cash-on-delivery buyers before dispatch."
)
CATALOGUE = crossloop.Catalogue(
    (replace(GEO_RISK, interventions=(*GEO_RISK.interventions, CONFIRM)), GEO_RISK_CLEARED)
)


# 2. A system: one method that does, one that finds by key. The executor calls them; a department cannot.
class CallCentre:
    """Keeps lists of areas to call. A real one would send the key along as the idempotency key."""

    system = "calls"
    capabilities = crossloop.Capabilities(idempotent=True, find=True, undo=False)

    def __init__(self) -> None:
        self.operations = {"confirm_orders": CONFIRM.summary}
        self.lists: dict[str, str] = {}

    async def perform(self, key: str, request: crossloop.ActionRequest) -> crossloop.Performed:
        if request.system != self.system or request.operation not in self.operations:
            raise Unsupported(f"{request.system}.{request.operation} is not known.")
        area = request.arguments.get("area")
        if set(request.arguments) != {"area", "until"} or request.resource != f"calls/{area}":
            raise Invalid("expected the area of the resource, and until when.")
        if self.lists.setdefault(key, str(area)) != area:
            raise Conflict(f"{key} was used for {self.lists[key]}.")
        return crossloop.Performed(reference=f"list-{key[-6:]}", detail=f"calling {self.lists[key]}")

    async def find(self, key: str) -> crossloop.Performed | None:
        if key not in self.lists:
            return None
        return crossloop.Performed(reference=f"list-{key[-6:]}", detail=f"calling {self.lists[key]}")

    def undo_request(self, request: crossloop.ActionRequest, performed: crossloop.Performed) -> None:
        """A buyer who was called cannot be un-called."""


# 3. A department: pure functions from a signal and a read-only view to proposals.
SERVICE, CALLS = crossloop.DepartmentName("service"), crossloop.LoopName("service-calls")
CALLS_PER_DAY = 60
"""What the team can make; an area with more orders than this is not worth starting."""


def answer(signal: crossloop.Signal, view: crossloop.View) -> tuple[crossloop.Proposal, ...]:
    risk = cast("GeoRisk", signal.data)
    calls = risk.orders_per_day * (risk.cod_share or 0.6)
    if calls > CALLS_PER_DAY:
        because = f"{calls:.0f} calls a day are needed and {CALLS_PER_DAY} can be made"
        return (crossloop.no_action(signal, SERVICE, CALLS, because),)
    resource = crossloop.Resource(f"calls/{signal.subject}")
    return (
        crossloop.Proposal(
            signal_id=signal.id,
            department=SERVICE,
            step=0,
            loop=CALLS,
            intervention=CONFIRM.name,
            risk=CONFIRM.risk,
            action=crossloop.ActionRequest(
                system="calls",
                operation="confirm_orders",
                resource=resource,
                arguments={"area": signal.subject, "until": signal.valid_until.isoformat()},
            ),
            claims=(
                crossloop.Claim(
                    resource=resource,
                    direction="increase",
                    starts=view.as_of,
                    ends=view.as_of + timedelta(days=7),
                    interest=SERVICE,
                ),
            ),
            confidence=signal.confidence,
            rationale=f"{calls:.0f} calls a day can spare up to {calls * risk.estimate:.0f} returns.",
        ),
    )


CUSTOMER_SERVICE = crossloop.Department(SERVICE, (crossloop.Handler(GEO_RISK.name, CALLS, answer),))

# 4. The rules. Without the lines on service it would speak, be recorded, and be refused.
RULES = """
governance: 1
company: Acme D2C
timezone: Asia/Kolkata
people:
  asha: {name: Asha Rao, email: asha@acme.example, heads: marketing}
  ravi: {name: Ravi Iyer, email: ravi@acme.example, heads: logistics}
  meera: {name: Meera Nair, email: meera@acme.example, heads: service}
departments:
  logistics: {owns: ["wms/**"], stage: autonomous}
  marketing: {owns: ["ads/**"], stage: supervised}      # a person decides about campaigns
  service: {owns: ["calls/**"], stage: autonomous}
loops:
  logistics-to-marketing:
    signal: logistics.geo_risk/1
    owner: marketing
    stakeholders: [logistics]
    stage: autonomous
    respond_within: 24h
    interventions:
      suppress_cod: {act: 0.85, ask: 0.60}
      lift: {act: 0.80, ask: 0.50}
  service-calls:
    signal: logistics.geo_risk/1
    owner: service
    stage: autonomous
    respond_within: 8h
    interventions:
      confirm_orders: {act: 0.80, ask: 0.60}
    notify: {done: [logistics, service]}
"""


# 5. The company: the ready-made one, and what is added to it.
def company(store: str, calls: CallCentre | None = None) -> crossloop.Company:
    ready, calls = crossloop.ready_company(store), calls or CallCentre()
    return replace(
        ready,
        catalogue=CATALOGUE,
        departments={**ready.departments, SERVICE: CUSTOMER_SERVICE},
        adapters={**ready.adapters, calls.system: calls},
    )


def main(folder: Path) -> None:
    rules = folder / "governance.yaml"
    rules.write_text(RULES, encoding="utf-8")
    store, calls = f"sqlite:///{folder}/crossloop.db", CallCentre()
    with crossloop.open_company(store, company=company(store, calls), governance=rules) as coordinator:
        report = coordinator.run("logistics-to-marketing", as_of=date(2026, 5, 10))
        for made in report.decisions:
            print(f"{made.department:<10} {made.verdict:<6} {made.intervention:<15} {made.rationale[:70]}")
        for receipt in report.receipts:
            print(f"executor   {receipt.outcome:<6} {receipt.detail} ({receipt.reference})")
        held = coordinator.approvals(state="waiting")[0]
        given = coordinator.answer(str(held["id"]), person="asha", decision="approve", asserted="the example")
        print(f"asha       {given.answered.state}: {given.receipts[0].outcome}, {given.receipts[0].detail}")
    print(f"\nThe call centre's lists: {calls.lists}")
    print("Look next at answer() and RULES above: lower CALLS_PER_DAY, or take the lines on service away.")


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        main(Path(temporary))
