"""Who brings signals, departments, rules and systems together: graphs, mediator, runtime.

Names are loaded when they are used: who only looks at what was decided needs no LangGraph.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from crossloop.coordinator.company import Company as Company
    from crossloop.coordinator.facade import Coordinator as Coordinator
    from crossloop.coordinator.facade import Given as Given
    from crossloop.coordinator.loop import Backtestable as Backtestable
    from crossloop.coordinator.loop import Backtested as Backtested
    from crossloop.coordinator.loop import Change as Change
    from crossloop.coordinator.loop import Condition as Condition
    from crossloop.coordinator.loop import Inputs as Inputs
    from crossloop.coordinator.loop import Loop as Loop
    from crossloop.coordinator.loop import Observation as Observation
    from crossloop.coordinator.loop import Standing as Standing
    from crossloop.coordinator.report import PublishReport as PublishReport
    from crossloop.coordinator.report import RunReport as RunReport
    from crossloop.coordinator.runtime import Runtime as Runtime
    from crossloop.coordinator.working import Working as Working

_MODULES: Final = {
    "Backtestable": "loop",
    "Backtested": "loop",
    "Change": "loop",
    "Company": "company",
    "Condition": "loop",
    "Coordinator": "facade",
    "Given": "facade",
    "Inputs": "loop",
    "Loop": "loop",
    "Observation": "loop",
    "PublishReport": "report",
    "RunReport": "report",
    "Runtime": "runtime",
    "Standing": "loop",
    "Working": "working",
}

__all__ = sorted(_MODULES)  # pyright: ignore[reportUnsupportedDunderAll] - one list, kept in one place


def __getattr__(name: str) -> object:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module 'crossloop.coordinator' has no attribute {name!r}")
    return getattr(import_module(f"crossloop.coordinator.{module}"), name)
