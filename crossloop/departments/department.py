"""A department: what it listens to, what it says, and the handlers that answer.

A handler is written for one signal and returns proposals. It gets a read-only :class:`View` and can
reach nothing else: a department can ask, it cannot do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from crossloop.canonical import writable
from crossloop.departments.view import View
from crossloop.frozen import Frozen
from crossloop.ids import DepartmentName, LoopName
from crossloop.signals import NO_ACTION, NO_ANSWER, Proposal, Signal

Answer = Sequence[Proposal]
"""Proposals, one for each thing the department asks for. To ask for nothing and say why, return
:func:`no_action`; an empty answer is recorded as having nothing to say."""

Handle = Callable[[Signal, View], Answer | Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Handler:
    """How a department answers one signal type."""

    signal_type: str
    loop: LoopName
    handle: Handle
    reads: tuple[type[Frozen], ...] = ()
    """Entities whose records it needs, for example ``(Campaign,)``: its view shows these and no others."""

    slow: bool = False
    """True when it waits for a model or the network: such signals never share a wave, and a synchronous
    ``handle`` runs in a thread."""

    deadline: timedelta = timedelta(seconds=30)
    """Without an answer by then the department is recorded as not having answered. A synchronous handler
    that is not slow cannot be interrupted."""


@dataclass(frozen=True)
class Department:
    """One department of the company."""

    name: DepartmentName
    handlers: tuple[Handler, ...] = ()
    emits: tuple[str, ...] = ()
    """Signal types it publishes."""

    def __post_init__(self) -> None:
        types = [one.signal_type for one in self.handlers]
        twice = {one for one in types if types.count(one) > 1}
        if twice:
            raise ValueError(f"department {self.name} handles {', '.join(sorted(twice))} twice")

    @property
    def listens(self) -> tuple[str, ...]:
        """Signal types it answers."""
        return tuple(one.signal_type for one in self.handlers)

    def handler(self, signal_type: str) -> Handler | None:
        """Return the handler of a type, or None when the department does not listen to it."""
        return next((one for one in self.handlers if one.signal_type == signal_type), None)


def no_action(
    signal: Signal, department: DepartmentName, loop: LoopName, because: str, *, step: int = 0
) -> Proposal:
    """An answer that asks for nothing and says why; it is recorded like any other.

    Args:
        because: the reason; it may hold text from outside, and is cut at 2,000 characters.
    """
    return _asking_for_nothing(signal, department, loop, because, NO_ACTION, step)


def no_answer(signal: Signal, department: DepartmentName, loop: LoopName, because: str) -> Proposal:
    """What stands for an answer that a department could not give; its condition is signalled again."""
    return _asking_for_nothing(signal, department, loop, because, NO_ANSWER, 0)


def _asking_for_nothing(
    signal: Signal, department: DepartmentName, loop: LoopName, because: str, intervention: str, step: int
) -> Proposal:
    return Proposal(
        signal_id=signal.id,
        department=department,
        step=step,
        loop=loop,
        intervention=intervention,
        risk="reversible",
        confidence=signal.confidence,
        rationale=writable(because)[:2000],
    )
