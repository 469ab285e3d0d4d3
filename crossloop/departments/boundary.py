"""The one place where a user's code may fail: whatever a handler raises becomes a recorded answer.

Rules:

1. A handler that answers within its deadline is believed if its answer is about this signal, comes from
   this department, and counts its steps 0, 1, 2 …; anything else is a failure.
2. A failure, whatever its class, becomes one ``no_action`` proposal that says so. The other signals of
   the wave never notice.
3. Control flow of the graph and cancellation are not failures: they pass.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence

from crossloop.departments.department import Answer, Handler, no_action
from crossloop.departments.view import View
from crossloop.ids import DepartmentName
from crossloop.signals import Proposal, Signal


async def ask(
    department: DepartmentName,
    handler: Handler,
    signal: Signal,
    view: View,
    *,
    control_flow: tuple[type[BaseException], ...] = (),
) -> tuple[Proposal, ...]:
    """Ask one department about one signal; never raises for the handler's sake.

    Args:
        control_flow: exceptions that steer the graph and must pass.
    """
    seconds = handler.deadline.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            answer = await _call(handler, signal, view)
        return _checked(answer, department, signal)
    except control_flow:
        raise
    except TimeoutError:
        because = f"{department} did not answer within {seconds:g} s"
    except Exception as failure:  # noqa: BLE001 - the one place where a user's code may fail
        because = f"{department} could not answer: {type(failure).__name__}: {failure}"
    return (no_action(signal, department, handler.loop, because),)


async def _call(handler: Handler, signal: Signal, view: View) -> Answer:
    answer = handler.handle(signal, view)
    return await answer if inspect.isawaitable(answer) else answer


def _checked(answer: Answer, department: DepartmentName, signal: Signal) -> tuple[Proposal, ...]:
    if not isinstance(answer, Sequence) or not all(isinstance(one, Proposal) for one in answer):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"expected a sequence of proposals, got {type(answer).__name__}")
    for position, proposal in enumerate(answer):
        if proposal.signal_id != signal.id or proposal.department != department:
            raise ValueError(f"proposal {position} is not about this signal or not from {department}")
        if proposal.step != position:
            raise ValueError(f"proposal {position} has step {proposal.step}")
    return tuple(answer)
