"""A simulated system goes wrong as it should, and keeps every promise that it makes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from crossloop.actions import Adapter, AdapterError, OutcomeUnknown, Performed, Unsupported
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest
from crossloop.testing import systems
from crossloop.testing.systems import SimulatedSystem, World
from crossloop.testing.virtual_time import VirtualClock, VirtualLoop, run

START = datetime(2026, 1, 5, tzinfo=UTC)
KEY = ActionKey("act_one")
PROMISES = [(True, True), (True, False), (False, True), (False, False)]


def request(**changes: Any) -> ActionRequest:
    return ActionRequest(**{"system": "ads", "operation": "change", "resource": "ads/c1", **changes})


def with_system(
    work: Callable[[SimulatedSystem, World], Awaitable[Any]],
    *,
    idempotent: bool = True,
    find: bool = True,
    trouble: float = 0.0,
    seed: int = 1,
    **changes: Any,
) -> Any:
    async def main(loop: VirtualLoop) -> Any:
        world, source = World(), random.Random(seed)
        clock = VirtualClock(loop, START)
        one = SimulatedSystem(
            "ads", world, clock, source, idempotent=idempotent, find=find, trouble=trouble, **changes
        )
        return await work(one, world)

    return run(main)


async def attempt(call: Awaitable[Any]) -> Any:
    """The answer, or the error, within the time that anybody waits."""
    try:
        async with asyncio.timeout(300):
            return await call
    except Exception as failure:  # noqa: BLE001 - whatever it is, it is what the test looks at
        return failure
    except asyncio.CancelledError as cancelled:
        return cancelled


def test_it_is_an_adapter() -> None:
    async def work(one: SimulatedSystem, _: World) -> None:
        adapter: Adapter = one
        assert adapter.capabilities.undo
        assert all(adapter.operations.values())

    with_system(work)


@pytest.mark.parametrize(("idempotent", "find"), PROMISES)
def test_the_same_key_twice(idempotent: bool, find: bool) -> None:
    async def work(one: SimulatedSystem, world: World) -> tuple[int, bool]:
        first, second = await one.perform(KEY, request()), await one.perform(KEY, request())
        return len(world.effects), first.reference == second.reference

    assert with_system(work, idempotent=idempotent, find=find) == ((1, True) if idempotent else (2, False))


def test_find_tells_what_is_there_and_what_is_not() -> None:
    async def work(one: SimulatedSystem, _: World) -> None:
        assert await one.find(KEY) is None
        done = await one.perform(KEY, request())
        assert await one.find(KEY) == Performed(reference=done.reference)

    with_system(work)


def test_what_cannot_be_asked_and_what_it_does_not_know_is_unsupported() -> None:
    async def work(one: SimulatedSystem, world: World) -> None:
        with pytest.raises(Unsupported):
            await one.find(KEY)
        with pytest.raises(Unsupported):
            await one.perform(KEY, request(operation="explode"))
        assert world.effects == []

    with_system(work, find=False)


@pytest.mark.parametrize("kind", systems.BEFORE)
def test_what_goes_wrong_before_leaves_nothing_behind(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(one: SimulatedSystem, world: World) -> None:
        answer = await attempt(one.perform(KEY, request()))
        assert not isinstance(answer, Performed | OutcomeUnknown)
        assert (world.effects, world.faults[kind]) == ([], 1)

    monkeypatch.setattr(SimulatedSystem, "_kinds", lambda _: [kind])
    with_system(work, trouble=1.0)


@pytest.mark.parametrize("kind", [*systems.AFTER, systems.TWICE])
def test_what_goes_wrong_afterwards_leaves_one_effect_and_no_error_that_denies_it(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(one: SimulatedSystem, world: World) -> None:
        answer = await attempt(one.perform(KEY, request()))
        assert not isinstance(answer, AdapterError) or isinstance(answer, OutcomeUnknown)
        assert (len(world.effects), world.faults[kind]) == (1, 1)

    monkeypatch.setattr(SimulatedSystem, "_kinds", lambda _: [kind])
    with_system(work, trouble=1.0)


@pytest.mark.parametrize("looked", [False, True])
def test_what_is_on_its_way_arrives_unless_somebody_was_told_that_it_is_not_there(
    looked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(one: SimulatedSystem, world: World) -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await one.perform(KEY, request())
        world.calm = True
        if looked:
            assert await one.find(KEY) is None
        await asyncio.sleep(1000)
        return len(world.effects)

    monkeypatch.setattr(SimulatedSystem, "_kinds", lambda _: [systems.LATE])
    assert with_system(work, trouble=1.0) == (0 if looked else 1)


def test_a_system_that_only_finds_never_has_a_request_under_way_behind_a_look() -> None:
    async def work(one: SimulatedSystem, _: World) -> bool:
        return systems.LATE in one._kinds()

    assert not with_system(work, idempotent=False, find=True)
    assert all(with_system(work, idempotent=one, find=two) for one, two in PROMISES if one or not two)


def test_a_refusal_is_remembered() -> None:
    async def work(one: SimulatedSystem, world: World) -> None:
        world.refused[one.system, KEY] = "refused"
        with pytest.raises(AdapterError):
            await one.perform(KEY, request())
        assert world.effects == []

    with_system(work)


@pytest.mark.parametrize("kind", systems.FINDING)
def test_a_look_up_that_goes_wrong_never_says_that_there_is_none(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(one: SimulatedSystem, world: World) -> None:
        await one.perform(KEY, request())
        answers = [await attempt(one.find(KEY)) for _ in range(3)]
        assert None not in answers
        assert world.faults[kind] == 3

    monkeypatch.setattr(systems, "FINDING", (kind,))
    monkeypatch.setattr(SimulatedSystem, "_kinds", lambda _: ["system.slow"])
    with_system(work, trouble=1.0)


@pytest.mark.parametrize(("idempotent", "find"), PROMISES)
def test_it_keeps_its_promises_whatever_is_drawn(idempotent: bool, find: bool) -> None:
    async def work(one: SimulatedSystem, world: World) -> None:
        for number in range(30):
            key = ActionKey(f"act_{number}")
            answers = [await attempt(one.perform(key, request())) for _ in range(3 if idempotent else 1)]
            await asyncio.sleep(1000)
            effects = [effect for effect in world.effects if effect.key == key]
            assert len(effects) <= 1
            references = {one.reference for one in answers if isinstance(one, Performed)}
            assert references <= {effect.reference for effect in effects}

    for seed in range(5):
        with_system(work, idempotent=idempotent, find=find, trouble=0.8, seed=seed)


def test_nothing_goes_wrong_once_the_world_is_calm() -> None:
    async def work(one: SimulatedSystem, world: World) -> None:
        world.calm = True
        for number in range(50):
            await one.perform(ActionKey(f"act_{number}"), request())
        assert not world.faults

    with_system(work, trouble=1.0)


def test_a_dead_process_sends_nothing() -> None:
    class Dead(BaseException):
        pass

    def die() -> None:
        raise Dead

    async def work(one: SimulatedSystem, world: World) -> int:
        with pytest.raises(Dead):
            await one.perform(KEY, request())
        return len(world.effects)

    assert with_system(work, before_sending=die) == 0
