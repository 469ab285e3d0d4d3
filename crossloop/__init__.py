"""crossloop: departments' agents act on each other's signals, under rules that both heads agreed on.

The public door. What is not named here, or in a sub-package's ``__init__``, is private. Names are loaded
when they are used, so that importing crossloop stays light.

    import crossloop

    with crossloop.open_company("sqlite:///crossloop.db") as company:
        report = company.run("logistics-to-marketing")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from crossloop.actions import Adapter as Adapter
    from crossloop.actions import AdapterError as AdapterError
    from crossloop.actions import Capabilities as Capabilities
    from crossloop.actions import Performed as Performed
    from crossloop.clock import SystemClock as SystemClock
    from crossloop.coordinator import Company as Company
    from crossloop.coordinator import Coordinator as Coordinator
    from crossloop.coordinator import Loop as Loop
    from crossloop.coordinator import RunReport as RunReport
    from crossloop.coordinator import Working as Working
    from crossloop.departments import Department as Department
    from crossloop.departments import Handler as Handler
    from crossloop.departments import View as View
    from crossloop.departments import no_action as no_action
    from crossloop.errors import CrossloopError as CrossloopError
    from crossloop.errors import InputError as InputError
    from crossloop.governance import Policy as Policy
    from crossloop.governance import load_policy as load_policy
    from crossloop.ids import ActionKey as ActionKey
    from crossloop.ids import DepartmentName as DepartmentName
    from crossloop.ids import LoopName as LoopName
    from crossloop.ids import Resource as Resource
    from crossloop.loops import open_company as open_company
    from crossloop.loops import ready_catalogue as ready_catalogue
    from crossloop.loops import ready_company as ready_company
    from crossloop.money import Money as Money
    from crossloop.signals import ActionRequest as ActionRequest
    from crossloop.signals import Catalogue as Catalogue
    from crossloop.signals import Claim as Claim
    from crossloop.signals import Evidence as Evidence
    from crossloop.signals import Intervention as Intervention
    from crossloop.signals import Proposal as Proposal
    from crossloop.signals import Signal as Signal
    from crossloop.signals import SignalData as SignalData
    from crossloop.signals import SignalType as SignalType
    from crossloop.store import Store as Store

_DOORS: Final = {
    # run the ready-made company
    "open_company": "loops",
    "ready_company": "loops",
    "ready_catalogue": "loops",
    "SystemClock": "clock",
    "Coordinator": "coordinator",
    "Company": "coordinator",
    "Loop": "coordinator",
    "RunReport": "coordinator",
    "Working": "coordinator",
    # say something
    "Signal": "signals",
    "SignalData": "signals",
    "SignalType": "signals",
    "Catalogue": "signals",
    "Evidence": "signals",
    "Intervention": "signals",
    "DepartmentName": "ids",
    "LoopName": "ids",
    "Resource": "ids",
    # ask for something
    "Department": "departments",
    "Handler": "departments",
    "View": "departments",
    "no_action": "departments",
    "Proposal": "signals",
    "Claim": "signals",
    "ActionRequest": "signals",
    "Money": "money",
    # permit something
    "Policy": "governance",
    "load_policy": "governance",
    # do something
    "ActionKey": "ids",
    "Adapter": "actions",
    "AdapterError": "actions",
    "Capabilities": "actions",
    "Performed": "actions",
    # remember, and go wrong
    "Store": "store",
    "CrossloopError": "errors",
    "InputError": "errors",
}

__all__ = sorted(_DOORS)  # pyright: ignore[reportUnsupportedDunderAll] - one list, kept in one place


def __getattr__(name: str) -> object:
    door = _DOORS.get(name)
    if door is None:
        raise AttributeError(f"module 'crossloop' has no attribute {name!r}")
    found: object = getattr(import_module(f"crossloop.{door}"), name)
    globals()[name] = found  # asked once: handlers name these for every signal
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *_DOORS])
