"""An undertaking: three steps in two systems that are done whole, or taken back.

Operations answers an order: reserve the stock, book the invoice, hand the parcel to a courier. The systems
share no transaction. When the courier does not serve an address, the invoice is cancelled and the stock is
released, in that order, each once; what cannot be told becomes an incident for a person. The company stays
at work while orders come in.

    python examples/undertaking.py
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import crossloop
from crossloop.actions import Conflict, Invalid, Unsupported

SALES, OPERATIONS = crossloop.DepartmentName("sales"), crossloop.DepartmentName("operations")
FULFIL = crossloop.LoopName("order-to-parcel")


# 1. What is said, and what may be answered.
class OrderPlaced(crossloop.SignalData):
    """A buyer has ordered."""

    order: str
    sku: str
    pieces: int
    pin: str
    """Postal code of the buyer."""


STEPS = (
    crossloop.Intervention("reserve", "reversible", "Reserve pieces in the warehouse."),
    crossloop.Intervention("invoice", "costly", "Book an invoice."),
    crossloop.Intervention("hand_over", "costly", "Hand a parcel to a courier."),
)
ORDER_PLACED = crossloop.SignalType(
    name="sales.order_placed/1",
    data=OrderPlaced,
    summary="A buyer has ordered.",
    confidence_means="Probability that the order is genuine.",
    thresholds="None: every order is said.",
    interventions=STEPS,
)


# 2. Two systems. Each knows a key again, can be asked for it, and says how to take back what it did.
class Shelf:
    """A system that keeps what it did by key. Its operations come in pairs: do, and take back."""

    def __init__(self, system: str, operations: dict[str, str], backwards: dict[str, str]) -> None:
        self.system, self.operations, self.backwards = system, operations, backwards
        self.capabilities = crossloop.Capabilities(idempotent=True, find=True, undo=True)
        self.done: dict[str, str] = {}

    async def perform(self, key: str, request: crossloop.ActionRequest) -> crossloop.Performed:
        if request.operation not in self.operations:
            raise Unsupported(f"{self.system} does not know {request.operation}.")
        order, pin = request.arguments.get("order"), str(request.arguments.get("pin", ""))
        if not order:
            raise Invalid("expected an order.")
        if pin.startswith("79"):
            raise Conflict(f"no courier serves {pin}.")
        self.done.setdefault(key, f"{request.operation} {order}")
        return crossloop.Performed(reference=f"{self.system}-{key[-6:]}", detail=self.done[key])

    async def find(self, key: str) -> crossloop.Performed | None:
        if key not in self.done:
            return None
        return crossloop.Performed(reference=f"{self.system}-{key[-6:]}", detail=self.done[key])

    def undo_request(
        self, request: crossloop.ActionRequest, performed: crossloop.Performed
    ) -> crossloop.ActionRequest | None:
        back = self.backwards.get(request.operation)
        if back is None:
            return None
        arguments = {"order": request.arguments["order"], "reference": performed.reference}
        return request.model_copy(update={"operation": back, "arguments": arguments})


def warehouse() -> Shelf:
    return Shelf(
        "wms",
        {"reserve": "Reserve pieces.", "release": "Release them.", "hand_over": "Hand a parcel over."},
        {"reserve": "release"},
    )


def books() -> Shelf:
    return Shelf("erp", {"invoice": "Book an invoice.", "cancel": "Cancel it."}, {"invoice": "cancel"})


# 3. A department: proposals that name the same undertaking are its steps, in their order.
def fulfil(signal: crossloop.Signal, _view: crossloop.View) -> tuple[crossloop.Proposal, ...]:
    placed = cast("OrderPlaced", signal.data)
    where = {"reserve": "wms/stock", "invoice": "erp/invoice", "hand_over": "wms/parcel"}
    return tuple(
        crossloop.Proposal(
            signal_id=signal.id,
            department=OPERATIONS,
            step=place,
            loop=FULFIL,
            saga="fulfil",
            intervention=step.name,
            risk=step.risk,
            action=crossloop.ActionRequest(
                system=where[step.name].split("/")[0],
                operation=step.name,
                resource=crossloop.Resource(f"{where[step.name]}/{placed.order}"),
                arguments={"order": placed.order, "sku": placed.sku, "pieces": placed.pieces}
                | ({"pin": placed.pin} if step.name == "hand_over" else {}),
            ),
            confidence=signal.confidence,
            rationale=f"{placed.pieces} of {placed.sku} to {placed.pin}.",
        )
        for place, step in enumerate(STEPS)
    )


# 4. The rules that let it act.
RULES = """
governance: 1
company: Acme D2C
timezone: Asia/Kolkata
people:
  neha: {name: Neha Shah, email: neha@acme.example, heads: sales}
  omar: {name: Omar Khan, email: omar@acme.example, heads: operations}
departments:
  sales: {owns: [], stage: shadow}                      # it says, and changes nothing
  operations: {owns: ["wms/**", "erp/invoice/**"], stage: autonomous}
loops:
  order-to-parcel:
    signal: sales.order_placed/1
    owner: operations
    stakeholders: [sales]
    stage: autonomous
    respond_within: 4h
    interventions:
      reserve: {act: 0.80, ask: 0.50}
      invoice: {act: 0.80, ask: 0.50}
      hand_over: {act: 0.80, ask: 0.50}
"""


def placed(order: str, pin: str) -> crossloop.Signal:
    now = datetime.now(UTC)
    return crossloop.Signal.said(
        type=ORDER_PLACED.name,
        source="/sales/web-shop",
        department=SALES,
        subject=f"order/{order}",
        dedup_key=order,
        time=now,
        valid_until=now + timedelta(days=2),
        confidence=0.99,
        data=OrderPlaced(order=order, sku="kurta-blue-m", pieces=1, pin=pin),
    )


def main(folder: Path) -> None:
    rules = folder / "governance.yaml"
    rules.write_text(RULES, encoding="utf-8")
    systems = (warehouse(), books())
    company = crossloop.Company(
        catalogue=crossloop.Catalogue([ORDER_PLACED]),
        departments={
            SALES: crossloop.Department(SALES, emits=(ORDER_PLACED.name,)),
            OPERATIONS: crossloop.Department(
                OPERATIONS, (crossloop.Handler(ORDER_PLACED.name, FULFIL, fulfil),)
            ),
        },
        loops={},
        adapters={one.system: one for one in systems},
    )
    orders = placed("SO-1001", "560001"), placed("SO-1002", "790001")
    with crossloop.open_company(
        f"sqlite:///{folder}/crossloop.db", company=company, governance=rules
    ) as coordinator:
        with coordinator.working() as work:
            for order in orders:
                work.admit([order])  # durable when this returns; answered meanwhile
            work.admit([orders[0]])  # said twice is said once
            work.wait()
        for order in orders:
            print(f"{order.subject}, to {cast('OrderPlaced', order.data).pin}")
            for step in coordinator.explain(order.id).steps:
                if step.kind == "receipt":
                    print(f"  {step.what}")
        waiting, checked = coordinator.incidents(state="open"), coordinator.verify()
        print(f"\n{len(waiting)} incidents, {checked.entries} entries, ok: {checked.ok}")
    for system in systems:
        print(f"{system.system}: {', '.join(system.done.values())}")
    print("Look next at STEPS above: with hand_over in front, nothing is done that has to be taken back.")


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        main(Path(temporary))
