"""Whatever an adapter does, what comes out is an effect or an error of the port."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from crossloop.actions import (
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
    boundary,
)
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest
from tests.support.governed import proposal
from tests.support.systems import FakeSystem, Killed, Trouble, after, before

KEY = ActionKey("act_1")
REQUEST = proposal().action
assert REQUEST is not None

Call = Callable[[Adapter, float], Awaitable[Performed | None]]


def perform(adapter: Adapter, deadline: float = 20) -> Awaitable[Performed | None]:
    assert REQUEST is not None
    return boundary.perform(adapter, KEY, REQUEST, deadline=deadline)


def find(adapter: Adapter, deadline: float = 20) -> Awaitable[Performed | None]:
    return boundary.find(adapter, KEY, system="ads", deadline=deadline)


BOTH = pytest.mark.parametrize("call", [perform, find])


def answer(call: Call, trouble: Trouble | None = None, deadline: float = 20) -> Performed | None:
    troubles = [trouble] if trouble else []

    async def main() -> Performed | None:
        return await call(FakeSystem(performing=troubles, finding=troubles), deadline)

    return asyncio.run(main())


def test_an_effect_is_handed_on() -> None:
    assert answer(perform) == Performed(reference="ads-0", detail="It is done.")


def test_what_does_not_exist_is_not_found() -> None:
    assert answer(find) is None


@BOTH
@pytest.mark.parametrize(
    "error",
    [
        AdapterError("no"),
        Conflict("no"),
        Invalid("no"),
        NotFound("no"),
        RateLimited("no", retry_after=3),
        Unavailable("no"),
        Unsupported("no"),
        OutcomeUnknown("who knows"),
    ],
)
def test_an_error_of_the_port_passes_as_it_is(call: Call, error: AdapterError) -> None:
    with pytest.raises(type(error)) as caught:
        answer(call, before(error))
    assert caught.value is error


@BOTH
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("id"), "ads failed outside of its contract: KeyError: 'id'."),
        (ConnectionResetError("peer"), "ads failed outside of its contract: ConnectionResetError: peer."),
        (TimeoutError("read"), "ads failed outside of its contract: TimeoutError: read."),
    ],
)
def test_any_other_error_says_nothing_about_the_effect(call: Call, error: Exception, said: str) -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        answer(call, after(error))
    assert str(caught.value) == said
    assert caught.value.__cause__ is error


@BOTH
def test_an_answer_that_is_no_effect_says_nothing(call: Call) -> None:
    with pytest.raises(OutcomeUnknown, match="dict, which says nothing"):
        answer(call, Trouble(answer={"id": 7}))


def test_no_answer_to_a_request_says_nothing() -> None:
    class Silent(FakeSystem):
        async def perform(self, key: ActionKey, request: object) -> Performed:
            return None  # type: ignore[return-value]

    with pytest.raises(OutcomeUnknown, match="ads answered NoneType, which says nothing"):
        asyncio.run(_wait_for(perform(Silent())))


async def _wait_for(work: Awaitable[Performed | None]) -> Performed | None:
    return await work


class Hanging(FakeSystem):
    async def perform(self, key: ActionKey, request: object) -> Performed:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nobody answers")

    async def find(self, key: ActionKey) -> Performed | None:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nobody answers")

    def undo_request(self, request: ActionRequest, performed: Performed) -> ActionRequest | None:
        return None


@BOTH
def test_no_answer_within_the_deadline_says_nothing(call: Call) -> None:
    async def main() -> None:
        await call(Hanging(), 0.001)

    with pytest.raises(OutcomeUnknown, match=r"ads did not answer within 0\.001 s"):
        asyncio.run(main())


@BOTH
def test_a_cancelled_task_of_the_adapters_own_says_nothing(call: Call) -> None:
    with pytest.raises(OutcomeUnknown, match="something it waited for was cancelled"):
        answer(call, after(asyncio.CancelledError()))


@BOTH
def test_cancellation_of_the_calling_task_passes(call: Call) -> None:
    async def main() -> bool:
        async def calling() -> None:
            await call(Hanging(), 20)

        task = asyncio.create_task(calling())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(main())


@BOTH
def test_an_adapter_that_wants_to_end_the_process_has_failed_like_any_other(call: Call) -> None:
    with pytest.raises(OutcomeUnknown, match="failed outside of its contract: SystemExit: 3"):
        answer(call, after(SystemExit(3)))


@BOTH
@pytest.mark.parametrize("error", [KeyboardInterrupt(), Killed()])
def test_the_end_of_the_process_passes(call: Call, error: BaseException) -> None:
    with pytest.raises(type(error)):
        answer(call, after(error))


def test_a_system_says_which_request_takes_a_change_back() -> None:
    request, performed = REQUEST, Performed(reference="r-1")
    assert request is not None
    undoing = boundary.undo_request(FakeSystem(), request, performed)
    assert undoing is not None
    assert undoing.arguments == {"reference": "r-1"}
    assert boundary.undo_request(Hanging(), request, performed) is None


class Wrong(Hanging):
    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def undo_request(self, request: ActionRequest, performed: Performed) -> ActionRequest | None:
        if isinstance(self.answer, Exception | SystemExit):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (KeyError("defect"), "could not say how to take it back: KeyError: 'defect'"),
        ("lift", "expected ActionRequest, got str"),
        (
            ActionRequest.model_construct(system="ads"),
            r"ActionRequest is not valid: operation: Field required; resource: Field required\.$",
        ),
        (
            REQUEST.model_copy(update={"arguments": {"x": object()}}),
            r"back: ActionRequest is not valid: arguments\.x: input was not a valid JSON value\.$",
        ),
        (TypeError(f"no {object()}"), r"back: TypeError: no <object>\.$"),
        (SystemExit(3), r"could not say how to take it back: SystemExit: 3\.$"),
        (REQUEST, "would take suppress_audience back by the same request, which does it again"),
        (REQUEST.model_copy(), "by the same request"),
        (REQUEST.model_copy(update={"operation": "zzz"}), "back by 'zzz', which is none of its operations"),
        (Unavailable("down"), "down"),
    ],
)
def test_whatever_goes_wrong_there_means_that_nothing_was_done(answer: object, said: str) -> None:
    assert REQUEST is not None
    with pytest.raises(AdapterError, match=said):
        boundary.undo_request(Wrong(answer), REQUEST, Performed(reference="r-1"))


class Nameless(Wrong):
    """A system that fails to say its name, too."""

    @property
    def system(self) -> str:
        raise KeyError("defect")

    @system.setter
    def system(self, _: str) -> None: ...

    async def perform(self, key: ActionKey, request: object) -> Performed:
        return self.answer

    async def find(self, key: ActionKey) -> Performed | None:
        return self.answer


@BOTH
@pytest.mark.parametrize("answer", [7, Performed.model_construct()])
def test_a_system_that_cannot_say_its_name_is_called_as_it_was_asked_for(call: Call, answer: object) -> None:
    async def main() -> None:
        await call(Nameless(answer), 20)

    with pytest.raises(OutcomeUnknown, match=r"^ads "):
        asyncio.run(main())
    request = REQUEST
    assert request is not None
    with pytest.raises(AdapterError, match=r"^ads could not say how to take it back"):
        boundary.undo_request(Nameless(KeyError("defect")), request, Performed(reference="r-1"))


@BOTH
@pytest.mark.parametrize("fields", [{"reference": 7}, {"reference": ""}, {}])
def test_an_answer_that_was_built_past_the_rules_of_the_port_says_nothing(
    call: Call, fields: dict[str, Any]
) -> None:
    with pytest.raises(OutcomeUnknown, match="what says nothing"):
        answer(call, Trouble(after=True, answer=Performed.model_construct(**fields)))


class Unsure(FakeSystem):
    """A system that cannot say what it promises."""

    said: Any = None

    @property
    def capabilities(self) -> Any:
        if isinstance(self.said, Exception):
            raise self.said
        return self.said

    @capabilities.setter
    def capabilities(self, said: Any) -> None: ...


NOTHING = Capabilities(idempotent=False, find=False, undo=False)


@pytest.mark.parametrize("said", [KeyError("defect"), None, "all", Capabilities.model_construct(find=True)])
def test_a_system_that_cannot_say_what_it_promises_promises_nothing(
    said: object, caplog: pytest.LogCaptureFixture
) -> None:
    system = Unsure()
    system.said = said
    assert boundary.capabilities(system) == NOTHING
    assert "could not say what it promises" in caplog.text
    assert boundary.capabilities(FakeSystem()) == Capabilities(idempotent=True, find=True, undo=True)


def test_that_a_system_cannot_say_what_it_promises_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    class Slotted:
        __slots__ = ()
        system = "ads"

    one, other = Unsure(), Unsure()
    one.said = other.said = RuntimeError("not today")
    for _ in range(3):
        assert boundary.capabilities(one) == boundary.capabilities(other) == NOTHING
        assert boundary.capabilities(cast("Adapter", Slotted())) == NOTHING
    assert caplog.text.count("not today") == 2
