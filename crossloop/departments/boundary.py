"""The one place where a user's code may fail: whatever a handler raises becomes a recorded answer.

Rules:

1. A handler that answers within its deadline is believed if its answer is about this signal, comes from
   this department, counts its steps 0, 1, 2 …, and can be written to the ledger; anything else is a
   failure. An empty answer is recorded as having nothing to say.
2. A failure, whatever its class, becomes one ``no_answer`` proposal that says so. The other signals of
   the wave never notice. A handler that falls over a cancelled task of its own has failed, too. So has one
   whose records cannot be read: the time it takes to read them counts towards its deadline.
3. Control flow of the graph, cancellation of the asking task and Ctrl-C are not failures: they pass. A
   handler that wants to end the process (``SystemExit``) has failed like any other: its signal would end
   every run that follows.
4. The deadline interrupts a handler where it awaits. A synchronous one that is declared ``slow`` runs in a
   thread, so that nobody else waits for it and its deadline holds; any other one is expected to compute
   and return.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence

from crossloop.departments.department import Answer, Handler, no_action, no_answer
from crossloop.departments.view import View
from crossloop.failures import told
from crossloop.ids import DepartmentName
from crossloop.signals import Proposal, Signal
from crossloop.tasks import being_cancelled


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
    deadline = asyncio.timeout(seconds)
    try:
        given = handler.handle(signal, view) if computes(handler) else _waited_for(handler, signal, view)
        if inspect.isawaitable(given):
            async with deadline:
                given = await given
        proposals = _checked(given, department, signal)
    except control_flow:
        raise
    except asyncio.CancelledError:
        if being_cancelled():
            raise
        because = f"{department} could not answer: something it waited for was cancelled"
    except (Exception, SystemExit) as failure:  # noqa: BLE001 - the one place where a user's code may fail
        if isinstance(failure, TimeoutError) and deadline.expired():
            because = f"{department} did not answer within {seconds:g} s"
        else:
            because = f"{department} could not answer: {told(failure)}"
    else:
        if proposals:
            return proposals
        return (no_action(signal, department, handler.loop, f"{department} has nothing to say about it"),)
    return (no_answer(signal, department, handler.loop, because),)


def computes(handler: Handler) -> bool:
    """True when a handler neither reads nor waits: it has answered when its function returns."""
    return not (handler.slow or handler.reads or inspect.iscoroutinefunction(handler.handle))


async def _waited_for(handler: Handler, signal: Signal, view: View) -> Answer:
    view = await view.showing(handler.reads)
    if handler.slow and not inspect.iscoroutinefunction(handler.handle):
        answer = await asyncio.to_thread(handler.handle, signal, view)
    else:
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
        # What the ledger cannot keep would fail the transaction that decides the whole wave.
        _ = proposal.written
    return tuple(answer)
