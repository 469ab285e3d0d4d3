"""Certify and break: what tests of a company, its systems and its departments are made of. Public.

What is listed here is public, and docs/testing.md says what it is for; every other name of this package is
private. Names are loaded when they are used: a test of an adapter needs neither LangGraph nor hypothesis.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from crossloop.testing import strategies as strategies
    from crossloop.testing.conformance import AdapterConformance as AdapterConformance
    from crossloop.testing.conformance import DepartmentConformance as DepartmentConformance
    from crossloop.testing.conformance import Report as Report
    from crossloop.testing.conformance import StoreConformance as StoreConformance
    from crossloop.testing.conformance import SystemUnderTest as SystemUnderTest
    from crossloop.testing.conformance import report as report
    from crossloop.testing.evidence import Evidence as Evidence
    from crossloop.testing.evidence import Violation as Violation
    from crossloop.testing.invariants import check as check
    from crossloop.testing.killing.crash_points import Tried as Tried
    from crossloop.testing.killing.crash_points import crash_at_every_point as crash_at_every_point
    from crossloop.testing.killing.kill import Result as Result
    from crossloop.testing.killing.kill import kill as kill
    from crossloop.testing.ledger import Ledger as Ledger
    from crossloop.testing.simulation import Outcome as Outcome
    from crossloop.testing.simulation import simulate as simulate
    from crossloop.testing.systems import Effect as Effect
    from crossloop.testing.systems import SimulatedSystem as SimulatedSystem
    from crossloop.testing.systems import World as World
    from crossloop.testing.virtual_time import VirtualClock as VirtualClock
    from crossloop.testing.virtual_time import VirtualLoop as VirtualLoop

_MODULES: Final = {
    # certify what is yours
    "AdapterConformance": "conformance",
    "DepartmentConformance": "conformance",
    "Report": "conformance",
    "StoreConformance": "conformance",
    "SystemUnderTest": "conformance",
    "report": "conformance",
    "strategies": "strategies",
    # judge a company of your own
    "Effect": "systems",
    "Evidence": "evidence",
    "Ledger": "ledger",
    "Violation": "evidence",
    "check": "invariants",
    # a whole company over virtual time
    "Outcome": "simulation",
    "SimulatedSystem": "systems",
    "VirtualClock": "virtual_time",
    "VirtualLoop": "virtual_time",
    "World": "systems",
    "simulate": "simulation",
    # a real company that is killed
    "Result": "killing.kill",
    "Tried": "killing.crash_points",
    "crash_at_every_point": "killing.crash_points",
    "kill": "killing.kill",
}

__all__ = sorted(_MODULES)  # pyright: ignore[reportUnsupportedDunderAll] - one list, kept in one place


def __getattr__(name: str) -> object:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module 'crossloop.testing' has no attribute {name!r}")
    loaded = import_module(f"crossloop.testing.{module}")
    return loaded if name == module else getattr(loaded, name)
