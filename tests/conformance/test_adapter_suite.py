"""The adapter suite itself: a good adapter passes it, and every check finds a bad one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from crossloop.actions.port import Capabilities, Conflict, Invalid, OutcomeUnknown, Performed, RateLimited
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest
from crossloop.testing import AdapterConformance, SystemUnderTest, report
from crossloop.testing.conformance.suite import checks_of
from tests.support.shelf import Boxes, Shelf, ShelfConformance


class TestShelf(ShelfConformance):
    """Collected by pytest, as an author's own would be."""


class DoesNothing(Shelf):
    def do(self, key: ActionKey, request: ActionRequest) -> Performed:
        return Performed(reference="box-0")


class NoReference(Shelf):
    def do(self, key: ActionKey, request: ActionRequest) -> Performed:
        super().do(key, request)
        return Performed.model_construct(reference="", detail="")


class ForgetsWhenClosed(Shelf):
    def __init__(self, boxes: Boxes) -> None:
        super().__init__(replace(boxes, keys={}))


class DoesItAgain(Shelf):
    def known(self, key: ActionKey, digest: str) -> None:
        return None


class LooksAndThenLeaps(Shelf):
    async def pause(self) -> None:
        await asyncio.sleep(0)


class KnowsAKeyByItsContent(Shelf):
    def known(self, key: ActionKey, digest: str) -> tuple[str, Performed] | None:
        known = super().known(key, digest)
        return known if known is not None and known[0] == digest else None


class FindsWhateverIsThere(Shelf):
    async def find(self, key: ActionKey) -> Performed | None:
        return next((performed for _, performed in reversed(self.boxes.keys.values())), None)


class FindsAnotherReference(Shelf):
    async def find(self, key: ActionKey) -> Performed | None:
        found = await super().find(key)
        return found and Performed(reference=f"found-{found.reference}")


class KeepsTheKeyWhenAnswered(Shelf):
    def keep(self, key: ActionKey, digest: str, performed: Performed) -> None:
        if not self.boxes.losing:
            super().keep(key, digest, performed)


class UndoesNothing(Shelf):
    def do(self, key: ActionKey, request: ActionRequest) -> Performed:
        return super().do(key, request) if request.operation == "put" else Performed(reference="gone")


class DoesBeforeItLooks(Shelf):
    def check_arguments(self, request: ActionRequest) -> None:
        self.boxes.labels[str(request.arguments.get("name"))] = request.arguments.get("label")
        super().check_arguments(request)


class RemembersRefusals(Shelf):
    refused: bool = False

    def check_arguments(self, request: ActionRequest) -> None:
        if self.refused:
            raise Conflict("this was refused before.")
        try:
            super().check_arguments(request)
        except Invalid:
            self.refused = True
            raise


class SaysNothing(Shelf):
    operations = {"put": "puts", "remove": "Take a box off the shelf."}  # noqa: RUF012


class GuessesTheOperation(Shelf):
    def check_operation(self, request: ActionRequest) -> None:
        if request.operation in self.operations:
            super().check_operation(request)

    def check_arguments(self, request: ActionRequest) -> None:
        if request.operation in self.operations:
            super().check_arguments(request)


class AnswersForOthers(Shelf):
    def check_operation(self, request: ActionRequest) -> None:
        super().check_operation(request.model_copy(update={"system": self.system}))


class IgnoresArguments(Shelf):
    def check_arguments(self, request: ActionRequest) -> None:
        own = {name: value for name, value in request.arguments.items() if name in ("name", "label")}
        super().check_arguments(request.model_copy(update={"arguments": own}))


class RaisesRaw(Shelf):
    def check_arguments(self, request: ActionRequest) -> None:
        if not isinstance(request.arguments.get("label"), str | int):
            raise TypeError("label must be text")
        super().check_arguments(request)


class CutsKeys(Shelf):
    def slot(self, key: ActionKey) -> str:
        return key[:-1]


MUTANTS: dict[str, type[Shelf]] = {
    "test_a_request_changes_the_system_once": DoesNothing,
    "test_an_answer_has_a_reference_of_1_to_300_characters_and_can_be_recorded": NoReference,
    "test_what_was_done_outlives_the_connection": ForgetsWhenClosed,
    "test_the_same_key_again_answers_the_same_and_changes_nothing": DoesItAgain,
    "test_the_same_key_several_times_at_once_has_one_effect": LooksAndThenLeaps,
    "test_a_key_that_was_used_does_nothing_else": KnowsAKeyByItsContent,
    "test_a_key_that_was_never_used_is_not_found": FindsWhateverIsThere,
    "test_what_was_done_is_found_with_the_reference_it_was_answered_with": FindsAnotherReference,
    "test_what_was_done_is_found_when_its_answer_was_lost": KeepsTheKeyWhenAnswered,
    "test_what_was_done_can_be_taken_back": UndoesNothing,
    "test_wrong_arguments_are_invalid_and_nothing_has_happened": DoesBeforeItLooks,
    "test_a_key_that_was_refused_may_be_used_for_a_request_that_is_right": RemembersRefusals,
    "test_every_operation_has_a_name_and_says_in_a_sentence_what_it_does": SaysNothing,
    "test_an_unknown_operation_is_unsupported_and_nothing_has_happened": GuessesTheOperation,
    "test_a_request_for_another_system_is_unsupported_and_nothing_has_happened": AnswersForOthers,
    "test_an_argument_that_nobody_declared_is_refused": IgnoresArguments,
    "test_hostile_arguments_are_refused_or_taken_for_what_they_are": RaisesRaw,
    "test_different_keys_are_different_effects_however_alike_they_are": CutsKeys,
}


def on(adapter: type[Shelf]) -> type[AdapterConformance]:
    return type("OnAMutant", (ShelfConformance,), {"adapter": adapter})


@pytest.mark.parametrize(("check", "mutant"), MUTANTS.items(), ids=lambda one: getattr(one, "__name__", None))
def test_a_bad_adapter_is_found_by_the_check_that_is_for_it(check: str, mutant: type[Shelf]) -> None:
    found = report(on(mutant))
    assert not found.ok
    failed = {one.check.name: one.reason for one in found.findings if one.found == "failed"}
    assert failed.get(check)


def test_every_check_has_a_bad_adapter_that_it_finds() -> None:
    assert set(MUTANTS) == {one.name for one in checks_of(AdapterConformance)}


def test_everything_of_a_good_adapter_is_looked_at() -> None:
    found = report(ShelfConformance)
    assert {one.result for one in found.capabilities} == {"passed"}, str(found)


# What is not offered, and what cannot be seen.


class Plain(Shelf):
    """Promises nothing; keeps no keys."""

    capabilities = Capabilities(idempotent=False, find=False, undo=False)

    def known(self, key: ActionKey, digest: str) -> None:
        return None


def results(suite: type[AdapterConformance]) -> dict[str, str]:
    return {one.capability: one.result for one in report(suite).capabilities}


def test_what_an_adapter_does_not_declare_is_not_offered_and_says_so() -> None:
    found = report(on(Plain))
    assert found.ok
    not_offered = {one.capability for one in found.capabilities if one.result == "not offered"}
    assert not_offered == {"idempotent", "find", "undo"}
    reasons = {one.reason for one in found.findings if one.check.capability == "undo"}
    assert reasons == {"the adapter does not declare undo"}


class Blind(ShelfConformance):
    """The author gives the least that can be given."""

    def system(self) -> SystemUnderTest:
        nothing = {"effects": None, "state": None, "reopen": None, "losing": None}
        return replace(super().system(), **nothing)


def test_what_nobody_can_see_is_not_called_passed() -> None:
    assert results(Blind) == {
        "perform": "partly",
        "idempotent": "not shown",
        "find": "partly",
        "undo": "not shown",
        "errors": "passed",
        "operations": "passed",
        "arguments": "passed",
        "keys": "passed",
    }


class NeitherFindsNorShows(Blind):
    """A double that answers well, and nothing shows what it did."""

    class Answers(Shelf):
        capabilities = Capabilities(idempotent=False, find=False, undo=False)

        def known(self, key: ActionKey, digest: str) -> None:
            return None

        def do(self, key: ActionKey, request: ActionRequest) -> Performed:
            return Performed(reference=f"box-{key}")

    adapter = Answers


def test_a_double_that_only_answers_is_not_shown_to_have_done_anything() -> None:
    assert results(NeitherFindsNorShows) == {
        "perform": "partly",
        "idempotent": "not offered",
        "find": "not offered",
        "undo": "not offered",
        "errors": "not shown",
        "operations": "partly",
        "arguments": "not shown",
        "keys": "not shown",
    }
    passed = [one.check.name for one in report(NeitherFindsNorShows).findings if one.found == "passed"]
    assert passed == [
        "test_an_answer_has_a_reference_of_1_to_300_characters_and_can_be_recorded",
        "test_every_operation_has_a_name_and_says_in_a_sentence_what_it_does",
    ]


class TakesNothingBack(Shelf):
    def undo_request(self, request: ActionRequest, performed: Performed) -> ActionRequest | None:
        return None


class Unshown(ShelfConformance):
    adapter = TakesNothingBack


def test_a_declared_capability_that_nobody_shows_fails() -> None:
    assert results(Unshown)["undo"] == "failed"


class AsksToTryAgain(Shelf):
    """Refuses whoever comes second while the first is at work, as payment systems do."""

    busy: bool = False

    async def perform(self, key: ActionKey, request: ActionRequest) -> Performed:
        if self.busy:
            raise RateLimited("one at a time.", retry_after=0.1)
        self.busy = True
        try:
            await asyncio.sleep(0)
            return await super().perform(key, request)
        finally:
            self.busy = False


def test_a_system_may_ask_those_who_come_second_to_try_again() -> None:
    assert report(on(AsksToTryAgain)).ok


class NeverSure(Shelf):
    def check_arguments(self, request: ActionRequest) -> None:
        try:
            super().check_arguments(request)
        except Invalid as wrong:
            raise OutcomeUnknown("who can tell?") from wrong


def test_a_refusal_that_leaves_the_outcome_open_fails() -> None:
    failed = {one.check.capability for one in report(on(NeverSure)).findings if one.found == "failed"}
    assert {"errors", "arguments"} <= failed


def test_what_has_to_be_awaited_is_awaited_and_the_system_is_closed() -> None:
    closed: list[bool] = []

    class Awaited(ShelfConformance):
        def system(self) -> SystemUnderTest:
            given = super().system()

            async def effects(key: ActionKey) -> int:
                assert given.effects is not None
                count = given.effects(key)
                assert isinstance(count, int)
                return count

            async def aclose() -> None:
                closed.append(True)

            return replace(given, effects=effects, aclose=aclose)

    assert report(Awaited).ok
    assert len(closed) == len(checks_of(AdapterConformance))
