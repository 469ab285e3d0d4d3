"""The one place where an adapter's code may fail: whatever it does ends in the port's terms.

Rules:

1. An error of the port passes: the adapter itself says whether the effect can have happened.
2. Anything else that is raised, no answer within the deadline, and an answer that the port does not know
   mean :class:`OutcomeUnknown`: the request may have arrived. An adapter's defect never loses an action.
3. Whatever goes wrong while it says how to take a change back means that nothing was done.
4. Cancellation of the calling task and the end of the process pass. The action is then *started* in the
   store, and recovery looks it up.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import TypeVar

from crossloop.actions.port import Adapter, AdapterError, OutcomeUnknown, Performed
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest
from crossloop.tasks import being_cancelled

AnswerT = TypeVar("AnswerT")


async def perform(adapter: Adapter, key: ActionKey, request: ActionRequest, *, deadline: float) -> Performed:
    """Have an adapter carry a request out.

    Args:
        deadline: seconds after which it is not waited for any longer.

    Raises:
        AdapterError: and nothing else.
    """
    answer = await _within(deadline, adapter.system, lambda: adapter.perform(key, request))
    if not isinstance(answer, Performed):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise OutcomeUnknown(f"{adapter.system} answered {type(answer).__name__}, which says nothing.")
    return answer


async def find(adapter: Adapter, key: ActionKey, *, deadline: float) -> Performed | None:
    """Have an adapter look an effect up; an answer that says nothing is no proof that there is none.

    Raises:
        AdapterError: and nothing else.
    """
    answer = await _within(deadline, adapter.system, lambda: adapter.find(key))
    if answer is not None and not isinstance(answer, Performed):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise OutcomeUnknown(f"{adapter.system} found {type(answer).__name__}, which says nothing.")
    return answer


def undo_request(adapter: Adapter, request: ActionRequest, performed: Performed) -> ActionRequest | None:
    """Have an adapter say which request takes a change back; None where none does.

    Raises:
        AdapterError: and nothing else; nothing was done.
    """
    try:
        undoing = adapter.undo_request(request, performed)
        if undoing is not None and not isinstance(undoing, ActionRequest):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise AdapterError(f"{adapter.system} answered {type(undoing).__name__}, which is no request.")
        if undoing is not None:
            undoing.digest()  # what has no canonical form cannot be permitted
    except AdapterError:
        raise
    except Exception as failure:
        said = "".join(traceback.format_exception_only(failure)).strip()
        raise AdapterError(f"{adapter.system} could not say how to take it back: {said}.") from failure
    return undoing


async def _within(deadline: float, system: str, call: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
    timeout = asyncio.timeout(deadline)
    try:
        async with timeout:
            return await call()
    except AdapterError:
        raise
    except asyncio.CancelledError as met:
        if being_cancelled():
            raise
        raise OutcomeUnknown(f"{system}: something it waited for was cancelled.") from met
    except Exception as failure:
        if isinstance(failure, TimeoutError) and timeout.expired():
            raise OutcomeUnknown(f"{system} did not answer within {deadline:g} s.") from failure
        said = "".join(traceback.format_exception_only(failure)).strip()
        raise OutcomeUnknown(f"{system} failed outside of its contract: {said}.") from failure
