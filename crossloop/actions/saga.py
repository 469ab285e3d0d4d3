"""What comes next of an undertaking: actions of one department that only make sense together. Pure.

Rules, in the order the code follows them:

1. It has *come to nothing* when one of its steps was refused, was dropped, or failed, and also when one was
   taken back while others are still to come. Else it goes on: the first step that is not in force is
   permitted when it is planned and may go (its verdict is to act, or people have approved it). A step that
   waits for people, is under way, or of which nobody knows whether it was done, is waited for.
2. When it has come to nothing, what is still planned is dropped, the last step first.
3. What is under way, or unknown, is waited for.
4. What is in force is taken back, the last step first, one at a time: each by an action of its own, and the
   one before only when that is done.
5. A step that cannot be taken back, or whose taking back failed, is reported to a person. That stops the way
   back: the steps before it may depend on it. When the person has looked at it, it goes on with them.
6. It is over when no step is left to permit, to wait for, or to take back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from crossloop.store.actions import IN_FORCE, ActionState

StepState = ActionState | Literal["refused"]

_UNDER_WAY: Final = frozenset({"permitted", "started", "unknown"})
_NOTHING: Final = frozenset({"refused", "dropped", "failed"})


@dataclass(frozen=True, slots=True)
class Step:
    """How far one step has come."""

    state: StepState
    """State of its action; *refused* where governance let none come about."""

    may_go: bool = False
    """Whether a planned one may be permitted when it is its turn."""

    back: ActionState | None = None
    """State of the action that takes it back; none where there is none yet."""

    incident: Literal["open", "closed"] | None = None
    """Whether a person was told that it could not be taken back, and has looked at it."""


@dataclass(frozen=True, slots=True)
class Next:
    """What comes next, and of which step."""

    kind: Literal["permit", "drop", "wait", "take_back", "report", "over"]
    step: int = -1
    """Its place among the steps; none where nothing is to be done."""

    because_of: int = -1
    """For *drop*, *take_back* and *report*: the place of the step by which it came to nothing."""


def comes_next(steps: Sequence[Step]) -> Next:
    """Return what comes next of an undertaking.

    Args:
        steps: in their order.
    """
    cause = _cause(steps)
    return _forward(steps) if cause is None else _back(steps, cause)


def _cause(steps: Sequence[Step]) -> int | None:
    """The place of the step by which it came to nothing (rule 1)."""
    failed = next((at for at, one in enumerate(steps) if one.state in _NOTHING), None)
    if failed is not None:
        return failed
    to_come = any(one.state == "planned" or one.state in _UNDER_WAY for one in steps)
    return next((at for at, one in enumerate(steps) if one.state == "compensated" and to_come), None)


def _forward(steps: Sequence[Step]) -> Next:
    for at, one in enumerate(steps):
        if one.state == "planned" and one.may_go:
            return Next("permit", at)
        if one.state not in IN_FORCE and one.state != "compensated":
            return Next("wait")
    return Next("over")


def _back(steps: Sequence[Step], cause: int) -> Next:
    last_first = [(at, steps[at]) for at in reversed(range(len(steps)))]
    for at, one in last_first:
        if one.state == "planned":
            return Next("drop", at, cause)
    if any(one.state in _UNDER_WAY for one in steps):
        return Next("wait")
    for at, one in last_first:
        if one.state not in IN_FORCE or one.incident == "closed":
            continue
        if one.incident == "open":
            return Next("wait")
        if one.back is None:
            return Next("take_back", at, cause)
        return Next("report" if one.back == "failed" else "wait", at, cause)
    return Next("over")
