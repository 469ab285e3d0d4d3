"""Who brings signals, departments, rules and systems together: graphs, mediator, runtime."""

from crossloop.coordinator.company import Company
from crossloop.coordinator.facade import Coordinator, Given
from crossloop.coordinator.loop import Change, Condition, Inputs, Loop, Observation, Standing
from crossloop.coordinator.report import PublishReport, RunReport
from crossloop.coordinator.run import loop_settings
from crossloop.coordinator.runtime import Runtime

__all__ = [
    "Change",
    "Company",
    "Condition",
    "Coordinator",
    "Given",
    "Inputs",
    "Loop",
    "Observation",
    "PublishReport",
    "RunReport",
    "Runtime",
    "Standing",
    "loop_settings",
]
