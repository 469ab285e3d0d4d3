"""Do it once: the adapter port and the executor."""

from crossloop.actions.action import Action, Permitted, load
from crossloop.actions.executor import Executor
from crossloop.actions.once import Retry
from crossloop.actions.port import (
    Adapter,
    AdapterError,
    Capabilities,
    Conflict,
    Invalid,
    NotFound,
    OutcomeUnknown,
    Performed,
    RateLimited,
    Unavailable,
    Unsupported,
)

__all__ = [
    "Action",
    "Adapter",
    "AdapterError",
    "Capabilities",
    "Conflict",
    "Executor",
    "Invalid",
    "NotFound",
    "OutcomeUnknown",
    "Performed",
    "Permitted",
    "RateLimited",
    "Retry",
    "Unavailable",
    "Unsupported",
    "load",
]
