"""What every adapter must do: :mod:`crossloop.actions.port`, claim by claim.

Rules:

1. Every capability that the adapter declares is exercised; one that it does not declare is skipped, and so
   is, as *not shown*, what cannot be looked at with what was given. An undo that is declared and not given
   is a failure. Where the author gives nothing that shows effects, and the system finds none, a check that
   says what has happened, or that nothing has, is not shown: it has only the system's answers to go by.
2. Keys are drawn anew for each check, so that a shared sandbox of a real system can be tested, too. Requests
   are the author's: ``system()`` is asked once for each check and gives requests that are still possible.
"""

from __future__ import annotations

import asyncio
import re
from abc import abstractmethod
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from pydantic import JsonValue

from crossloop.actions import boundary
from crossloop.actions.port import AdapterError, Conflict, Invalid, OutcomeUnknown, Unsupported
from crossloop.ids import ActionKey
from crossloop.testing.conformance.suite import Suite, expect, not_shown, proves
from crossloop.testing.conformance.system import (
    SystemUnderTest,
    expect_answer,
    expect_effects,
    expect_nothing,
    expect_one_effect,
    expect_refused,
    hostile_arguments,
    new_key,
    reference_of,
    require_capability,
    require_shown,
    state_of,
    value_of,
)

__all__ = ["AdapterConformance", "SystemUnderTest"]

AT_ONCE: Final = 8
"""Calls with one key that are under way at the same time."""

DEADLINE: Final = 60.0
"""Seconds within which a system answers a hostile request."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,59}")


class AdapterConformance(Suite):
    """Inherit, give ``system``, and name the class ``Test…``."""

    @abstractmethod
    def system(self) -> SystemUnderTest:
        """Return the adapter and its requests; called once for each check, while its event loop runs.

        What has to be closed is entered with ``self.enter(...)`` or closed by ``aclose``.
        """

    @asynccontextmanager
    async def _given(self) -> AsyncGenerator[SystemUnderTest]:
        given = self.system()
        try:
            yield given
        finally:
            if given.aclose is not None:
                await given.aclose()

    # -- perform ------------------------------------------------------------------------------------

    @proves("perform")
    async def test_a_request_changes_the_system_once(self) -> None:
        async with self._given() as given:
            key, before = new_key(), await state_of(given)
            await given.adapter.perform(key, given.request)
            if given.effects is None and given.state is None:
                not_shown("neither effects nor state is given, so nothing shows what was changed")
            await expect_effects(given, key, 1, "after one request")
            if given.state is not None:
                expect(await state_of(given) != before, "the state is what it was before the request")

    @proves("perform")
    async def test_an_answer_has_a_reference_of_1_to_300_characters_and_can_be_recorded(self) -> None:
        async with self._given() as given:
            expect_answer("perform", await given.adapter.perform(new_key(), given.request))

    @proves("perform")
    async def test_what_was_done_outlives_the_connection(self) -> None:
        async with self._given() as given:
            if given.reopen is None:
                not_shown("reopen is not given")
            key = new_key()
            performed = await given.adapter.perform(key, given.request)
            seen, again = await state_of(given), given.reopen()
            if not (again.capabilities.find or given.effects or given.state):
                not_shown("nothing shows what another connection sees: no find, effects or state")
            if again.capabilities.find:
                found = await again.find(key)
                expect(found == performed, f"another connection: expected {performed!r}, found {found!r}")
            expect(await state_of(given) == seen, "opening another connection changed the state")
            await expect_effects(given, key, 1, "after another connection was opened")

    # -- idempotent ---------------------------------------------------------------------------------

    @proves("idempotent")
    async def test_the_same_key_again_answers_the_same_and_changes_nothing(self) -> None:
        async with self._given() as given:
            require_capability(given, "idempotent")
            key = new_key()
            first = await given.adapter.perform(key, given.request)
            seen = await state_of(given)
            adapters = [given.adapter, given.reopen()] if given.reopen else [given.adapter]
            for adapter in adapters:
                again = await adapter.perform(key, given.request)
                expect(again == first, f"the same key again: expected {first!r}, got {again!r}")
            await expect_one_effect(given, key, seen)

    @proves("idempotent")
    async def test_the_same_key_several_times_at_once_has_one_effect(self) -> None:
        async with self._given() as given:
            require_capability(given, "idempotent")
            key = new_key()
            calls = (given.adapter.perform(key, given.request) for _ in range(AT_ONCE))
            answers = await asyncio.gather(*calls, return_exceptions=True)
            # A system may ask those who come second to try again; that is what they do.
            refused = [one for one in answers if isinstance(one, BaseException)]
            for one in refused:
                if not (isinstance(one, AdapterError) and one.transient):
                    raise one
            first = await given.adapter.perform(key, given.request)
            told = [one for one in answers if not isinstance(one, BaseException)]
            expect(all(one == first for one in told), f"one key, several answers: {[*told, first]!r}")
            await expect_one_effect(given, key, await state_of(given))

    @proves("idempotent")
    async def test_a_key_that_was_used_does_nothing_else(self) -> None:
        async with self._given() as given:
            require_capability(given, "idempotent")
            key = new_key()
            first = await given.adapter.perform(key, given.request)
            seen = await state_of(given)
            try:
                again = await given.adapter.perform(key, given.other)
            except Conflict:
                pass
            else:
                expect(again == first, f"expected Conflict or the first answer {first!r}, got {again!r}")
            await expect_one_effect(given, key, seen)

    # -- find ---------------------------------------------------------------------------------------

    @proves("find")
    async def test_a_key_that_was_never_used_is_not_found(self) -> None:
        async with self._given() as given:
            require_capability(given, "find")
            await given.adapter.perform(new_key(), given.request)
            found = await given.adapter.find(new_key())
            expect(found is None, f"a key that was never used: expected None, found {found!r}")

    @proves("find")
    async def test_what_was_done_is_found_with_the_reference_it_was_answered_with(self) -> None:
        async with self._given() as given:
            require_capability(given, "find")
            key = new_key()
            performed = await given.adapter.perform(key, given.request)
            await given.adapter.perform(new_key(), given.other)
            found = await given.adapter.find(key)
            expect_answer("find", found)
            expect(reference_of(found) == performed.reference, f"expected {performed!r}, found {found!r}")

    @proves("find")
    async def test_what_was_done_is_found_when_its_answer_was_lost(self) -> None:
        async with self._given() as given:
            require_capability(given, "find")
            if given.losing is None:
                not_shown("losing is not given, so no answer can be lost")
            key = new_key()
            await value_of(given.losing())
            try:
                answer = await given.adapter.perform(key, given.request)
            except OutcomeUnknown:
                pass
            else:
                raise AssertionError(f"no answer came: expected OutcomeUnknown, got {answer!r}")
            found = await given.adapter.find(key)
            expect_answer("find", found)
            if given.adapter.capabilities.idempotent:
                again = await given.adapter.perform(key, given.request)
                expect(again == found, f"sent again: expected {found!r}, got {again!r}")
            await expect_effects(given, key, 1, "after a lost answer")

    # -- undo ---------------------------------------------------------------------------------------

    @proves("undo")
    async def test_what_was_done_can_be_taken_back(self) -> None:
        async with self._given() as given:
            require_capability(given, "undo")
            await given.adapter.perform(new_key(), given.other)
            before, undo = await state_of(given), new_key()
            performed = await given.adapter.perform(new_key(), given.request)
            request = given.adapter.undo_request(given.request, performed)
            if request is None:
                raise AssertionError("the adapter declares undo, and no request takes the one given back")
            expect_answer("perform", await given.adapter.perform(undo, request))
            if given.state is None:
                not_shown("state is not given, so nothing shows that it is as before")
            after = await state_of(given)
            expect(after == before, f"taken back: expected the state {before!r}, got {after!r}")

    # -- errors -------------------------------------------------------------------------------------

    @proves("errors")
    async def test_wrong_arguments_are_invalid_and_nothing_has_happened(self) -> None:
        async with self._given() as given:
            expect(len(given.invalid) > 0, "give at least one invalid request")
            for wrong in given.invalid:
                await expect_refused(given, wrong, Invalid, f"the invalid request {wrong.arguments!r}")
            require_shown(given)

    @proves("errors")
    async def test_a_key_that_was_refused_may_be_used_for_a_request_that_is_right(self) -> None:
        async with self._given() as given:
            key = new_key()
            try:
                await given.adapter.perform(key, given.invalid[0])
            except AdapterError:
                expect_answer("perform", await given.adapter.perform(key, given.request))
            else:
                raise AssertionError(f"expected Invalid for {given.invalid[0].arguments!r}")
            require_shown(given)
            await expect_effects(given, key, 1, "after a refused request and one that is right")

    # -- operations ---------------------------------------------------------------------------------

    @proves("operations")
    async def test_every_operation_has_a_name_and_says_in_a_sentence_what_it_does(self) -> None:
        async with self._given() as given:
            adapter = given.adapter
            for name in (adapter.system, *adapter.operations):
                expect(bool(_NAME.fullmatch(name)), f"no request can name {name!r}: expected {_NAME.pattern}")
            for name, summary in adapter.operations.items():
                said = isinstance(summary, str) and summary.strip().endswith(".") and " " in summary.strip()  # pyright: ignore[reportUnnecessaryIsInstance]
                expect(said, f"{name}: expected a sentence that ends with a full stop, got {summary!r}")
            for one in (given.request, given.other):
                expect(one.system == adapter.system, f"expected a request to {adapter.system}, got {one!r}")
                expect(one.operation in adapter.operations, f"{one.operation} is not among its operations")

    @proves("operations")
    async def test_an_unknown_operation_is_unsupported_and_nothing_has_happened(self) -> None:
        async with self._given() as given:
            unknown = given.request.model_copy(update={"operation": "make_coffee"})
            await expect_refused(given, unknown, Unsupported, "an unknown operation")
            require_shown(given)

    @proves("operations")
    async def test_a_request_for_another_system_is_unsupported_and_nothing_has_happened(self) -> None:
        async with self._given() as given:
            elsewhere = given.request.model_copy(update={"system": "elsewhere"})
            await expect_refused(given, elsewhere, Unsupported, "a request for another system")
            require_shown(given)

    # -- arguments ----------------------------------------------------------------------------------

    @proves("arguments")
    async def test_an_argument_that_nobody_declared_is_refused(self) -> None:
        """Ignored, it would be permitted and not done."""
        async with self._given() as given:
            arguments: dict[str, JsonValue] = {**given.request.arguments, "nobody_declared": "this"}
            foreign = given.request.model_copy(update={"arguments": arguments})
            await expect_refused(given, foreign, Invalid, "an argument that nobody declared")
            require_shown(given)

    @proves("arguments")
    async def test_hostile_arguments_are_refused_or_taken_for_what_they_are(self) -> None:
        """Raised raw, a refusal would count as an outcome that nobody knows."""
        async with self._given() as given:
            for arguments in hostile_arguments(given.request):
                key, said = new_key(), repr(arguments)[:200]
                before = await state_of(given)
                hostile = given.request.model_copy(update={"arguments": arguments})
                try:
                    await boundary.perform(given.adapter, key, hostile, deadline=DEADLINE)
                except OutcomeUnknown as lost:
                    raise AssertionError(f"arguments {said}: expected a refusal, got: {lost}") from lost
                except AdapterError:
                    await expect_nothing(given, key, before, f"refused arguments {said}")
            require_shown(given)

    # -- keys ---------------------------------------------------------------------------------------

    @proves("keys")
    async def test_different_keys_are_different_effects_however_alike_they_are(self) -> None:
        """A system that keeps the first characters of a key takes two actions for one."""
        async with self._given() as given:
            key = new_key()
            alike = ActionKey(key[:-1] + ("a" if key[-1] != "a" else "b"))
            first = await given.adapter.perform(key, given.request)
            second = await given.adapter.perform(alike, given.other)
            expect(first != second, f"two keys with two requests were answered alike: {first!r}")
            require_shown(given)
            for one, performed in ((key, first), (alike, second)):
                await expect_effects(given, one, 1, "with two keys used")
                if given.adapter.capabilities.find:
                    found = await given.adapter.find(one)
                    expect(found == performed, f"key {one}: expected {performed!r}, found {found!r}")
