"""Many permitted actions at once: started together where that is safe, ended one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from crossloop.actions import Performed, load
from crossloop.actions import executor as executor_module
from crossloop.clock import ManualClock
from crossloop.ids import ActionKey, Resource
from crossloop.signals import ActionRequest, Proposal
from crossloop.store import Store, actions, verify
from tests.support.executing import dying_at, executor, recover, row
from tests.support.governed import proposal
from tests.support.systems import FakeSystem, Killed, permitted


def asked(number: int, resource: str | None = None, system: str = "ads") -> Proposal:
    """A proposal of its own signal, on a resource of its own unless another one is named."""
    whole = proposal(signal_id=f"sig_{number}")
    assert whole.action is not None
    path = Resource(resource or f"{system}/campaign/C{number}")
    action = whole.action.model_copy(update={"resource": path, "system": system})
    return whole.model_copy(update={"action": action})


def keys(store: Store, *proposals: Proposal) -> list[ActionKey]:
    return [permitted(store, one) for one in proposals]


def kinds(store: Store) -> list[str]:
    found = store.read(lambda read: [one.kind for one in read.entries()])
    return [one for one in found if one in (actions.STARTED, actions.RECEIPT)]


class Paused(FakeSystem):
    """Holds one action up until it is told to go on."""

    def __init__(self, held_up: ActionKey | None = None) -> None:
        super().__init__()
        self.held_up = held_up
        self.go = asyncio.Event()
        self.under_way = 0
        self.most = 0

    async def perform(self, key: ActionKey, request: ActionRequest) -> Performed:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        if self.held_up is None or key == self.held_up:
            await self.go.wait()
        self.under_way -= 1
        return await super().perform(key, request)


def test_what_is_permitted_is_started_and_ended_together(store: Store, clock: ManualClock) -> None:
    chosen = keys(store, *map(asked, range(5)))
    receipts = asyncio.run(executor(store, clock, FakeSystem()).perform_all(chosen))
    assert [one.action_key for one in receipts] == chosen
    assert kinds(store) == [actions.STARTED] * 5 + [actions.RECEIPT] * 5
    assert store.read(verify).ok


def test_no_receipt_waits_for_an_action_that_is_still_under_way(store: Store, clock: ManualClock) -> None:
    chosen = keys(store, *map(asked, range(4)))
    system = Paused(chosen[0])

    async def main() -> list[str]:
        performing = asyncio.create_task(executor(store, clock, system).perform_all(chosen))
        while [row(store, key).state for key in chosen[1:]] != ["done"] * 3:
            await asyncio.sleep(0)
        meanwhile = row(store, chosen[0]).state
        system.go.set()
        await performing
        return [meanwhile, row(store, chosen[0]).state]

    assert asyncio.run(main()) == ["started", "done"]


def test_so_many_are_under_way_at_once_and_no_more(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor_module, "AT_ONCE", 3)
    chosen = keys(store, *map(asked, range(7)))

    async def main() -> int:
        system = Paused()
        performing = asyncio.create_task(executor(store, clock, system).perform_all(chosen))
        while system.under_way < 3:
            await asyncio.sleep(0)
        system.go.set()
        await performing
        return system.most

    assert asyncio.run(main()) == 3


def test_on_one_resource_the_first_has_its_receipt_before_the_second_is_started(
    store: Store, clock: ManualClock
) -> None:
    path = "ads/campaign/C1"
    chosen = keys(store, asked(1, path), asked(2, f"{path}/geo/IN"), asked(3))
    asyncio.run(executor(store, clock, FakeSystem()).perform_all(chosen))
    first, second, apart = (row(store, key) for key in chosen)
    assert first.finished is not None
    assert second.started is not None
    assert apart.started is not None
    assert first.finished < second.started
    assert apart.started < first.finished


def test_where_a_doubt_could_not_be_settled_one_is_started_at_a_time(
    store: Store, clock: ManualClock
) -> None:
    chosen = keys(store, *map(asked, range(3)))
    asyncio.run(executor(store, clock, FakeSystem(find=False, idempotent=False)).perform_all(chosen))
    assert kinds(store) == [actions.STARTED, actions.RECEIPT] * 3
    entries = [(row(store, key).started or 0, row(store, key).finished or 0) for key in chosen]
    assert all(before[1] < after[0] for before, after in pairwise(entries))


def test_a_crash_leaves_one_in_doubt_where_a_doubt_could_not_be_settled(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = keys(store, *map(asked, range(3)))
    system = FakeSystem(find=False, idempotent=False)
    dying_at(monkeypatch, "act.after_started")
    with pytest.raises(Killed):
        asyncio.run(executor(store, clock, system).perform_all(chosen))
    assert [row(store, key).state for key in chosen] == ["started", "permitted", "permitted"]


def test_what_is_still_under_way_here_is_no_matter_for_recovery(store: Store, clock: ManualClock) -> None:
    (key,) = keys(store, asked(1))
    system = Paused(key)

    async def main() -> int:
        own = executor(store, clock, system)
        performing = asyncio.create_task(own.perform_all([key]))
        while not system.under_way:
            await asyncio.sleep(0)
        recovered = await own.recover()
        system.go.set()
        await performing
        return len(recovered)

    assert asyncio.run(main()) == 0
    assert system.calls == [f"perform {key}"]
    assert row(store, key).state == "done"


def test_what_was_started_before_the_crash_is_looked_up_together(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, system = keys(store, *map(asked, range(4))), FakeSystem()
    dying_at(monkeypatch, "act.after_effect")
    with pytest.raises(Killed):
        asyncio.run(executor(store, clock, system).perform_all(chosen))
    assert [row(store, key).state for key in chosen] == ["started"] * 4
    assert len(recover(executor(store, clock, system))) == 4
    assert [row(store, key).state for key in chosen] == ["done"] * 4
    assert len(system.effects) == 4


async def until(reached: Callable[[], bool]) -> None:
    while not reached():
        await asyncio.sleep(0)


def test_the_order_on_one_resource_holds_whoever_hands_the_actions_over(
    store: Store, clock: ManualClock
) -> None:
    path = "ads/campaign/C1"
    first, second, apart = keys(store, asked(1, path), asked(2, f"{path}/geo/IN"), asked(3))
    system = Paused(first)

    async def main() -> list[str]:
        own = executor(store, clock, system)
        calls = [asyncio.create_task(own.perform_all([key])) for key in (first, second, apart)]
        await until(lambda: row(store, apart).state == "done")
        meanwhile = [row(store, first).state, row(store, second).state]
        system.go.set()
        await asyncio.gather(*calls)
        return meanwhile

    assert asyncio.run(main()) == ["started", "permitted"]
    assert system.calls == [f"perform {key}" for key in (apart, first, second)]


def test_so_many_are_under_way_at_once_whoever_hands_them_over(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor_module, "AT_ONCE", 3)
    chosen, system = keys(store, *map(asked, range(8))), Paused()

    async def main() -> int:
        own = executor(store, clock, system)
        calls = [asyncio.create_task(own.perform_all(chosen[at : at + 2])) for at in range(0, 8, 2)]
        await until(lambda: system.under_way == 3)
        for _ in range(50):
            await asyncio.sleep(0)
        system.go.set()
        await asyncio.gather(*calls)
        return system.most

    assert asyncio.run(main()) == 3
    assert [row(store, key).state for key in chosen] == ["done"] * 8


def test_what_a_slow_system_has_to_do_leaves_room_for_others(store: Store, clock: ManualClock) -> None:
    slow, ads = Paused(), FakeSystem()
    slow.system = "erp"
    chosen = keys(store, *(asked(number, system="erp") for number in range(40)), asked(99))

    async def main() -> list[int]:
        own = executor(store, clock, slow, ads)
        performing = asyncio.create_task(own.perform_all(chosen))
        await until(lambda: row(store, chosen[-1]).state == "done")
        under_way = slow.under_way
        slow.go.set()
        return [under_way, len(await performing)]

    assert asyncio.run(main()) == [24, 41]


def test_what_stands_in_line_is_not_taken_in_again(store: Store, clock: ManualClock) -> None:
    (key,) = keys(store, asked(1))
    system = Paused(key)

    async def main() -> list[int]:
        own = executor(store, clock, system)
        performing = asyncio.create_task(own.perform_all([key, key]))
        await until(lambda: system.under_way == 1)
        again = [len(await own.perform_all([key])), len(await own.perform_permitted())]
        assert not store.read(own.unattended)
        system.go.set()
        return [*again, len(await performing)]

    assert asyncio.run(main()) == [0, 0, 1]


def test_what_a_call_that_failed_had_started_is_passed_by_nothing_until_it_was_recovered(
    store: Store, clock: ManualClock
) -> None:
    path = "ads/campaign/C1"
    first, second = keys(store, asked(1, path), asked(2, path))
    system = Paused(first)

    async def main() -> list[str]:
        own = executor(store, clock, system)
        failing = asyncio.create_task(own.perform_all([first]))
        following = asyncio.create_task(own.perform_all([second]))
        await until(lambda: system.under_way == 1)
        failing.cancel()
        await asyncio.gather(failing, return_exceptions=True)
        for _ in range(50):
            await asyncio.sleep(0)
        meanwhile = row(store, second).state
        assert store.read(own.unattended)
        system.go.set()
        recovered = await own.recover()
        await following
        return [meanwhile, recovered[0].action_key, row(store, second).state]

    assert asyncio.run(main()) == ["permitted", first, "done"]


def test_what_a_call_left_behind_and_another_process_ended_holds_nobody_up(
    store: Store, clock: ManualClock
) -> None:
    path = "ads/campaign/C1"
    first, second = keys(store, asked(1, path), asked(2, path))
    system = Paused(first)

    async def main() -> str:
        own = executor(store, clock, system)
        failing = asyncio.create_task(own.perform_all([first]))
        await until(lambda: system.under_way == 1)
        failing.cancel()
        await asyncio.gather(failing, return_exceptions=True)
        await executor(store, clock, FakeSystem()).recover()
        assert await own.recover() == ()
        await own.perform_all([second])
        return row(store, second).state

    assert asyncio.run(main()) == "done"


def test_new_permits_are_performed_in_their_order_whoever_gave_them(store: Store, clock: ManualClock) -> None:
    path = "ads/campaign/C1"
    by_a_person, by_a_wave = keys(store, asked(1, path), asked(2, path))
    system = FakeSystem()

    async def main() -> list[str]:
        own = executor(store, clock, system)
        known = {by_a_wave: store.read(lambda read: load(read, by_a_wave))}
        receipts = await own.perform_new(known=known)
        return [*(one.action_key for one in receipts), *(await own.perform_new(known={}))]

    assert asyncio.run(main()) == [by_a_person, by_a_wave]
