"""What the companies of the simulation and of the kills have in common: systems, changes, their undoing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from crossloop.departments import View
from crossloop.ids import DepartmentName, LoopName, Resource
from crossloop.signals import ActionRequest, Intervention, Proposal, Signal, SignalData, SignalType

UNDERTAKING: Final = "undertaking"
"""Name of the undertaking that a department may have about a signal."""


@dataclass(frozen=True, slots=True)
class Promises:
    """What a system promises."""

    idempotent: bool
    find: bool


SYSTEMS: Final[Mapping[str, Promises]] = {
    "ads": Promises(idempotent=True, find=True),
    "crm": Promises(idempotent=True, find=False),
    "erp": Promises(idempotent=False, find=True),
    "wms": Promises(idempotent=False, find=False),
}
"""Every combination of promises that the port knows."""

OPERATIONS: Final[Mapping[str, str]] = {"change": "Change a resource.", "take_back": "Take a change back."}
"""What every system can do."""

IMPOSSIBLE: Final = "impossible"
"""Argument of a request that its system refuses whenever it is asked."""

STAYS: Final = "stays"
"""Argument of a request that its system cannot take back."""

CHANGE: Final = Intervention("change", "reversible", "Change a resource.")
TAKE_BACK: Final = Intervention("take_back", "reversible", "Take a change back.")


def signal_type(
    name: str, data: type[SignalData], *answers: Intervention, clears: str | None = None
) -> SignalType:
    """A type of signal that says nothing but what departments are to make of it."""
    return SignalType(
        name=name,
        data=data,
        summary="Something happened in a company that is tried.",
        confidence_means="Nothing: it is drawn.",
        thresholds="Those of its governance document.",
        interventions=answers,
        clears=clears,
    )


def undo_request(request: ActionRequest, reference: str) -> ActionRequest | None:
    """How every system takes a change back; what took one back stays, and so does what says so."""
    if request.operation != "change" or request.arguments.get(STAYS):
        return None
    return request.model_copy(update={"operation": "take_back", "arguments": {"reference": reference}})


def taking_back(department: DepartmentName, loop: LoopName, signal: Signal, view: View) -> Sequence[Proposal]:
    """What takes back what a department has done in the case of a signal, and what is in force."""
    own = [
        one
        for one in view.in_force_for(signal.correlation_id)
        if one.arguments.get("department") == department and one.reference is not None
    ]
    return [
        Proposal(
            signal_id=signal.id,
            department=department,
            step=step,
            loop=loop,
            intervention=TAKE_BACK.name,
            risk=TAKE_BACK.risk,
            action=ActionRequest(
                system=one.resource.split("/")[0],
                operation="take_back",
                resource=Resource(one.resource),
                arguments={
                    "signal": signal.id,
                    "department": department,
                    "step": step,
                    "reference": one.reference,
                },
            ),
            confidence=0.95,
            rationale="It is over.",
            undoes=one.action_key,
        )
        for step, one in enumerate(own)
    ]
