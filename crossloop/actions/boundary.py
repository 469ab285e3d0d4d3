"""The one place where an adapter's code may fail: whatever it does ends in the port's terms.

Rules:

1. An error of the port passes: the adapter itself says whether the effect can have happened.
2. Anything else that is raised, no answer within the deadline, and an answer that the port does not know
   mean :class:`OutcomeUnknown`: the request may have arrived. An adapter's defect never loses an action.
3. Whatever goes wrong while it says how to take a change back means that nothing was done. So does an answer
   that takes nothing back: the request itself once more, or an operation that the system does not have.
4. A system that cannot say what it can promise promises nothing. What it then leaves in doubt is unknown.
   It is asked again each time; that it could not say so is logged once.
5. Messages name a system as it was asked for; the adapter is not asked for its name.
6. Cancellation of the calling task and Ctrl-C pass. The action is then *started* in the store, and recovery
   looks it up. An adapter that wants to end the process (``SystemExit``) has failed like any other: it would
   end every run that follows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar
from weakref import WeakValueDictionary

from pydantic import ValidationError

from crossloop.actions.port import Adapter, AdapterError, Capabilities, OutcomeUnknown, Performed
from crossloop.failures import told
from crossloop.frozen import Frozen
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest
from crossloop.tasks import being_cancelled

_LOG: Final = logging.getLogger(__name__)

AnswerT = TypeVar("AnswerT")
ModelT = TypeVar("ModelT", bound=Frozen)

_SAID: Final[WeakValueDictionary[int, Adapter]] = WeakValueDictionary()
"""Adapters of which it was logged, by identity: an adapter need not be hashable."""

_NOTHING: Final = Capabilities(idempotent=False, find=False, undo=False)


def capabilities(adapter: Adapter) -> Capabilities:
    """What a system says it can promise; nothing where it cannot say so (rule 4)."""
    try:
        said = _checked(Capabilities, adapter.capabilities)
    except (Exception, SystemExit) as failure:  # noqa: BLE001 - whatever an adapter's code does ends here
        if _SAID.get(id(adapter)) is not adapter:
            with suppress(TypeError):  # of one that cannot be referred to weakly it is said each time
                _SAID[id(adapter)] = adapter
            _LOG.warning(
                "An adapter could not say what it promises, so it promises nothing: %s", told(failure)
            )
        return _NOTHING
    return said


async def perform(adapter: Adapter, key: ActionKey, request: ActionRequest, *, deadline: float) -> Performed:
    """Have an adapter carry a request out.

    Args:
        deadline: seconds after which it is not waited for any longer.

    Raises:
        AdapterError: and nothing else.
    """
    answer = await _within(deadline, request.system, lambda: adapter.perform(key, request))
    return _said(request.system, "answered", answer)


async def find(adapter: Adapter, key: ActionKey, *, system: str, deadline: float) -> Performed | None:
    """Have an adapter look an effect up; an answer that says nothing is no proof that there is none.

    Args:
        system: the name under which it is asked.
        deadline: seconds after which it is not waited for any longer.

    Raises:
        AdapterError: and nothing else.
    """
    answer = await _within(deadline, system, lambda: adapter.find(key))
    return None if answer is None else _said(system, "found", answer)


def undo_request(adapter: Adapter, request: ActionRequest, performed: Performed) -> ActionRequest | None:
    """Have an adapter say which request takes a change back; None where none does.

    Raises:
        AdapterError: and nothing else; nothing was done.
    """
    try:
        answer = adapter.undo_request(request, performed)
        undoing = None if answer is None else _checked(ActionRequest, answer)
        if undoing is not None:
            undoing.digest()  # what has no canonical form cannot be permitted
            _require_takes_back(adapter, request, undoing)
    except AdapterError:
        raise
    except (Exception, SystemExit) as failure:
        said = told(failure).rstrip(".")
        raise AdapterError(f"{request.system} could not say how to take it back: {said}.") from failure
    return undoing


def _require_takes_back(adapter: Adapter, request: ActionRequest, undoing: ActionRequest) -> None:
    system, operation = request.system, undoing.operation
    if undoing.digest() == request.digest():
        raise AdapterError(f"{system} would take {operation} back by the same request, which does it again.")
    # Another system is refused by governance, which names both.
    if undoing.system == system and operation not in adapter.operations:
        raise AdapterError(
            f"{system} would take {request.operation} back by {operation!r}, which is none of its operations."
        )


def _said(system: str, how: str, answer: object) -> Performed:
    if not isinstance(answer, Performed):
        raise OutcomeUnknown(f"{system} {how} {type(answer).__name__}, which says nothing.")
    try:
        return _checked(Performed, answer)
    except ValidationError as failure:
        raise OutcomeUnknown(f"{system} {how} what says nothing: {told(failure).rstrip('.')}.") from failure


def _checked(model: type[ModelT], answer: ModelT) -> ModelT:
    """The same value, looked at field by field: a model can be built past its own rules."""
    if not isinstance(answer, model):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"expected {model.__name__}, got {type(answer).__name__}")
    held = vars(answer)
    return model.model_validate({name: held[name] for name in model.model_fields if name in held})


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
    except (Exception, SystemExit) as failure:
        if isinstance(failure, TimeoutError) and timeout.expired():
            raise OutcomeUnknown(f"{system} did not answer within {deadline:g} s.") from failure
        raise OutcomeUnknown(
            f"{system} failed outside of its contract: {told(failure).rstrip('.')}."
        ) from failure
