"""The system that an adapter is tried on: what the author gives of it, and how it is looked at.

What happened in it is seen through ``find`` where that is declared, and through ``effects`` and ``state``
where the author gives them. What nobody can see is not claimed.
"""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from crossloop.actions.port import Adapter, AdapterError, Performed
from crossloop.canonical import canonical_json, to_json
from crossloop.ids import ActionKey, SignalId, action_key
from crossloop.signals import ActionRequest
from crossloop.testing.conformance.suite import expect, not_offered, not_shown

HOSTILE: Final[tuple[JsonValue, ...]] = (
    None,
    True,
    -1,
    2**53 - 1,
    1.5,
    "",
    "x" * 100_000,
    "\x00",
    "'; DROP TABLE effect; --",
    "../../../etc/passwd",
    "{{7*7}}${7*7}",
    "\N{RIGHT-TO-LEFT OVERRIDE}\N{ZERO WIDTH JOINER}",
    [],
    {},
    {"$ne": None},
    [[[[[[[[[[[[]]]]]]]]]]]],
)
"""Values that an argument may arrive with although nobody meant it."""

_LONGEST_REFERENCE: Final = 300


@dataclass(frozen=True)
class SystemUnderTest:
    """One adapter with what the suite needs to try it."""

    adapter: Adapter
    request: ActionRequest
    """A request that the system can carry out."""

    other: ActionRequest
    """Another one, on another resource, that it can carry out before or after the first."""

    invalid: Sequence[ActionRequest]
    """Requests of known operations that it must refuse as Invalid. Where the arguments name the resource
    again, one whose two names differ: it would be permitted for one thing and change another."""

    effects: Callable[[ActionKey], int | Awaitable[int]] | None = None
    """How many effects a key has had in the system, looked up behind the adapter's back."""

    state: Callable[[], object] | None = None
    """What can be seen of the system, as a value to compare; may be awaitable."""

    reopen: Callable[[], Adapter] | None = None
    """Another adapter on the same system, as after a restart of this process."""

    losing: Callable[[], object] | None = None
    """Arranges that the next request is carried out and its answer is lost; may be awaitable."""

    aclose: Callable[[], Awaitable[object]] | None = None
    """Awaited when the check is over."""


def new_key() -> ActionKey:
    """A key that nobody has used, of the form that the executor sends."""
    return action_key(SignalId(secrets.token_hex(16)), "conformance", 0)


def hostile_arguments(request: ActionRequest) -> list[dict[str, JsonValue]]:
    """Arguments of a request, spoilt: nothing, each missing, and each with every hostile value."""
    given = request.arguments
    spoilt: list[dict[str, JsonValue]] = [{}]
    for name in given:
        spoilt.append({other: value for other, value in given.items() if other != name})
        spoilt += [{**given, name: value} for value in HOSTILE]
    return spoilt


def require_capability(given: SystemUnderTest, capability: str) -> None:
    """Skip the check unless the adapter declares a capability."""
    if not getattr(given.adapter.capabilities, capability):
        not_offered(f"the adapter does not declare {capability}")


async def value_of(maybe: object) -> object:
    """What the author gave, awaited where it has to be."""
    return await maybe if inspect.isawaitable(maybe) else maybe


async def state_of(given: SystemUnderTest) -> object:
    """What can be seen of the system now; None where the author shows nothing."""
    return None if given.state is None else await value_of(given.state())


def require_shown(given: SystemUnderTest) -> None:
    """End the check as not shown where nothing but the system's answers says what has happened."""
    if given.effects is None and given.state is None and not given.adapter.capabilities.find:
        not_shown("the answers are right; no effects, state or find shows what has happened")


async def expect_effects(given: SystemUnderTest, key: ActionKey, expected: int, when: str) -> None:
    """Fail unless a key has had so many effects, where that can be seen."""
    if given.effects is not None:
        count = await value_of(given.effects(key))
        expect(count == expected, f"{when}: expected {expected} effect(s) of the key, got {count}")


async def expect_one_effect(given: SystemUnderTest, key: ActionKey, seen: object) -> None:
    """Fail unless a key has had one effect and all else is as it was seen."""
    if given.effects is None and given.state is None:
        not_shown("the answers agree; neither effects nor state is given to show that nothing else happened")
    await expect_effects(given, key, 1, "the same key again")
    now = await state_of(given)
    expect(now == seen, f"the same key again: expected the state {seen!r}, got {now!r}")


async def expect_nothing(given: SystemUnderTest, key: ActionKey, before: object, what: str) -> None:
    """Fail when a refused request left anything behind."""
    await expect_effects(given, key, 0, what)
    now = await state_of(given)
    expect(now == before, f"{what}: expected the state {before!r}, got {now!r}")
    if given.adapter.capabilities.find:
        found = await given.adapter.find(key)
        expect(found is None, f"{what}: expected nothing to be found, found {found!r}")


async def expect_refused(
    given: SystemUnderTest, request: ActionRequest, kind: type[AdapterError], what: str
) -> None:
    """Fail unless a request is refused with one error of the port and leaves nothing behind."""
    key, before = new_key(), await state_of(given)
    try:
        answer = await given.adapter.perform(key, request)
    except kind:
        await expect_nothing(given, key, before, what)
    except AdapterError as other:
        raise AssertionError(
            f"{what}: expected {kind.__name__}, got {type(other).__name__}: {other}"
        ) from other
    else:
        raise AssertionError(f"{what}: expected {kind.__name__}, got {answer!r}")


def expect_answer(call: str, answer: object) -> None:
    """A Performed that was not made past its own rules, and that the ledger can keep."""
    if not isinstance(answer, Performed):
        raise AssertionError(f"{call}: expected a Performed, got {type(answer).__name__}")
    size = len(answer.reference)
    expect(
        1 <= size <= _LONGEST_REFERENCE,
        f"{call}: expected a reference of 1 to {_LONGEST_REFERENCE} characters, got {size}",
    )
    canonical_json(to_json(answer))


def reference_of(answer: object) -> str | None:
    """The reference of an answer; None where there is none."""
    return answer.reference if isinstance(answer, Performed) else None
