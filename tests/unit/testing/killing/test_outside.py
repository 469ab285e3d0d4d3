"""The world outside keeps the promises of the port, and goes wrong in every other way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from crossloop.clock import ManualClock
from crossloop.ids import ActionKey, Resource
from crossloop.signals import ActionRequest
from crossloop.testing.killing.company import SYSTEMS
from crossloop.testing.killing.outside import MOMENTS, World
from crossloop.testing.systems import Effect
from tests.support.stores import START

REQUEST = ActionRequest(system="ads", operation="change", resource=Resource("ads/campaign/1"))
WRITTEN = REQUEST.model_dump(mode="json")
T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def quiet(_moment: str) -> None:
    """Nobody is killed."""


def world(seed: int = 0, *, calm: bool = True) -> World:
    return World(random.Random(seed), calm=calm, clock=ManualClock(START))


def test_what_arrives_happens_and_is_told_at_every_moment() -> None:
    made, moments, told = world(), [], list[Effect]()
    made.happened = told.append
    reply = run(made.perform("ads", "act_1", WRITTEN, moments.append))
    assert reply == {"reference": "ads-0"}
    assert made.effects == told == [Effect("ads", ActionKey("act_1"), REQUEST, "ads-0", START, START)]
    assert moments == ["arrived", "happened"]
    assert set(moments) <= set(MOMENTS)


@pytest.mark.parametrize("system", SYSTEMS)
def test_only_an_idempotent_system_has_one_effect_for_two_requests(system: str) -> None:
    async def twice() -> World:
        made = world()
        await asyncio.gather(*(made.perform(system, "act_1", WRITTEN, quiet) for _ in range(2)))
        return made

    assert len(run(twice()).effects) == (1 if SYSTEMS[system].idempotent else 2)


def test_a_request_takes_its_course_when_its_sender_is_gone_and_a_look_up_waits_for_it() -> None:
    async def play() -> dict[str, str | bool]:
        made = world(calm=False)
        made.draw = Drawn(never=True)
        sender = asyncio.create_task(made.perform("erp", "act_1", WRITTEN, quiet))
        await asyncio.sleep(0)
        assert not made.effects
        sender.cancel()
        return await made.find("erp", "act_1", quiet)

    assert run(play()) == {"reference": "erp-0"}


def test_a_person_sees_what_is_so_in_every_system() -> None:
    async def play() -> list[object]:
        made = world()
        await made.perform("wms", "act_1", WRITTEN, quiet)
        return [await made.look("wms", key) for key in ("act_1", "act_2")]

    assert run(play()) == [{"reference": "wms-0"}, {"absent": True}]


def test_what_is_impossible_is_always_refused() -> None:
    impossible = REQUEST.model_copy(update={"arguments": {"impossible": True}}).model_dump(mode="json")
    made = world()
    assert run(made.perform("ads", "act_1", impossible, quiet)) == {"error": "refused"}
    assert not made.effects


class Drawn(random.Random):
    """Draws the longest delay, and nothing that goes wrong."""

    def __init__(self, *, never: bool) -> None:
        super().__init__()
        self._never = never

    def choice(self, seq: Any) -> Any:
        return max(seq)

    def random(self) -> float:
        return 1.0 if self._never else 0.0


def test_what_is_not_there_is_absent() -> None:
    assert run(world().find("erp", "act_1", quiet)) == {"absent": True}


def test_everything_goes_wrong_now_and_then_and_errors_tell_the_truth() -> None:
    async def play() -> World:
        made = world(calm=False)
        made.draw = random.Random(1)

        async def one(number: int) -> None:
            system, key = random.Random(number).choice(list(SYSTEMS)), f"act_{number}"
            reply = await made.perform(system, key, WRITTEN, quiet)
            await made.at_rest()
            happened = bool(made.by_key[system, key])
            if "reference" in reply or reply["error"] == "unknown":
                assert happened
            else:
                assert not happened, reply
            await made.find(system, key, quiet)

        await asyncio.gather(*(one(number) for number in range(800)))
        return made

    found = run(play()).requests
    expected = {"unavailable", "rate_limited", "refused", "reply_first", "lost_reply", "find_unavailable"}
    assert expected <= set(found)


def test_a_refusal_is_for_good_and_never_of_what_was_done() -> None:
    async def play() -> list[dict[str, str]]:
        made = world()
        made.refused.add(("ads", "act_1"))
        again = [await made.perform("ads", "act_1", WRITTEN, quiet) for _ in range(2)]
        assert not made.effects
        return again

    assert run(play()) == [{"error": "refused"}] * 2


def test_nothing_goes_wrong_in_a_calm_world() -> None:
    async def play() -> World:
        made = world()
        for number in range(200):
            assert "reference" in await made.perform("wms", f"act_{number}", WRITTEN, quiet)
        return made

    assert set(run(play()).requests) == {"perform"}
