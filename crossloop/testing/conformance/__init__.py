"""What every adapter, department and store must do, as test classes to inherit from.

A subclass gives what is to be tested; pytest collects the rest. :func:`report` runs the same checks without
pytest. Names are loaded when they are used: only departments need hypothesis.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from crossloop.testing.conformance.adapter import AdapterConformance as AdapterConformance
    from crossloop.testing.conformance.adapter import SystemUnderTest as SystemUnderTest
    from crossloop.testing.conformance.department import DepartmentConformance as DepartmentConformance
    from crossloop.testing.conformance.reporting import Report as Report
    from crossloop.testing.conformance.reporting import report as report
    from crossloop.testing.conformance.store import StoreConformance as StoreConformance

_MODULES: Final = {
    "AdapterConformance": "adapter",
    "DepartmentConformance": "department",
    "Report": "reporting",
    "StoreConformance": "store",
    "SystemUnderTest": "adapter",
    "report": "reporting",
}

__all__ = sorted(_MODULES)  # pyright: ignore[reportUnsupportedDunderAll] - one list, kept in one place


def __getattr__(name: str) -> object:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module 'crossloop.testing.conformance' has no attribute {name!r}")
    return getattr(import_module(f"crossloop.testing.conformance.{module}"), name)
