"""Executors that die, are paused or meet: one action, one effect, one receipt, whatever goes wrong."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossloop.actions import Performed
from crossloop.adapters.arguments import OnArea
from crossloop.adapters.embedded.ads import EmbeddedAds
from crossloop.clock import ManualClock
from crossloop.errors import StaleLease
from crossloop.faults import on_pass
from crossloop.ids import ActionKey
from crossloop.signals import Receipt
from crossloop.store import Lease, Store, leases
from tests.support import embedded
from tests.support.embedded import RAJASTHAN
from tests.support.executing import (
    DOWN,
    LOST,
    Told,
    died,
    dying_at,
    executor,
    perform,
    receipts,
    recover,
    remove,
    row,
)
from tests.support.governed import proposal
from tests.support.stores import START, open_store
from tests.support.systems import FakeSystem, Killed, Trouble, after, before, permitted

# Dying on the way.


@pytest.mark.parametrize("able", [{"idempotent": False}, {"find": False}, {}])
@pytest.mark.parametrize("point", ["act.after_started", "act.after_effect", "act.after_receipt"])
def test_whoever_dies_on_the_way_is_recovered_with_one_effect_and_one_receipt(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, point: str, able: dict[str, bool]
) -> None:
    key, system, told = permitted(store), FakeSystem(**able), Told()
    dying_at(monkeypatch, point)
    died(executor(store, clock, system, told=told), key)
    recovered = recover(executor(store, clock, system, told=told))
    assert [receipt.outcome for receipt in recovered] == ([] if point == "act.after_receipt" else ["done"])
    assert len(system.effects) == 1
    assert (row(store, key).state, row(store, key).reference) == ("done", "ads-0")
    assert [receipt["outcome"] for receipt in receipts(store)] == ["done"]
    assert len(told.receipts) == 1


@pytest.mark.parametrize("trouble", [before(Killed()), after(Killed())])
def test_whoever_dies_inside_the_call_is_recovered_with_one_effect(
    store: Store, clock: ManualClock, trouble: Trouble
) -> None:
    key, system = permitted(store), FakeSystem(performing=[trouble], idempotent=False)
    died(executor(store, clock, system), key)
    assert row(store, key).state == "started"
    (receipt,) = recover(executor(store, clock, system))
    assert receipt.outcome == "done"
    assert len(system.effects) == 1


@pytest.mark.parametrize("point", ["act.after_started", "act.after_effect"])
def test_what_a_system_can_neither_tell_nor_repeat_is_unknown_after_a_death(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    key, system = permitted(store), FakeSystem(find=False, idempotent=False)
    dying_at(monkeypatch, point)
    died(executor(store, clock, system), key)
    calls = list(system.calls)
    (receipt,) = recover(executor(store, clock, system))
    assert receipt.outcome == "unknown"
    assert row(store, key).state == "unknown"
    assert system.calls == calls


@pytest.mark.parametrize(
    ("point", "outcome"), [("act.after_started", "failed"), ("act.after_effect", "done")]
)
def test_after_a_death_an_expired_permit_permits_nothing_new(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, point: str, outcome: str
) -> None:
    key, system = permitted(store), FakeSystem()
    dying_at(monkeypatch, point)
    died(executor(store, clock, system), key)
    clock.advance(timedelta(days=3))
    (receipt,) = recover(executor(store, clock, system))
    assert receipt.outcome == outcome
    assert len(system.effects) == (1 if outcome == "done" else 0)


@pytest.mark.parametrize("systems", [[], [FakeSystem(finding=[before(DOWN)] * 9)]])
def test_after_a_death_a_system_that_cannot_be_asked_leaves_it_unknown(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, systems: list[FakeSystem]
) -> None:
    key = permitted(store)
    dying_at(monkeypatch, "act.after_effect")
    died(executor(store, clock, FakeSystem()), key)
    (receipt,) = recover(executor(store, clock, *systems))
    assert receipt.outcome == "unknown"


@pytest.mark.parametrize("lost", ["decision", "permit"])
def test_what_was_started_and_then_removed_from_the_ledger_is_unknown_while_the_rest_is_recovered(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    keys = [permitted(store, proposal(step=step)) for step in (0, 1)]
    system, told = FakeSystem(), Told()
    for key in keys:
        dying_at(monkeypatch, "act.after_started")
        died(executor(store, clock, system), key)
    remove(store, keys[0], lost)
    recovered = recover(executor(store, clock, system, told=told))
    assert [receipt.outcome for receipt in recovered] == ["unknown", "done"]
    assert "removed from the ledger after it was started" in recovered[0].detail
    assert told.receipts == list(recovered)
    assert [key for key, _ in system.effects] == [keys[1]]
    assert row(store, keys[0]).state == "unknown"


def test_recovering_again_finds_nothing_to_do(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, system = permitted(store), FakeSystem()
    dying_at(monkeypatch, "act.after_effect")
    died(executor(store, clock, system), key)
    assert len(recover(executor(store, clock, system))) == 1
    calls = list(system.calls)
    assert recover(executor(store, clock, system)) == ()
    assert system.calls == calls


def test_a_cancelled_action_stays_started_and_is_recovered(store: Store, clock: ManualClock) -> None:
    key = permitted(store)

    class Hanging(FakeSystem):
        async def perform(self, key: ActionKey, request: Any) -> Performed:
            await super().perform(key, request)
            entered.set()
            await asyncio.get_running_loop().create_future()
            raise AssertionError("nobody answers")

    system, entered = Hanging(), asyncio.Event()

    async def main() -> bool:
        task = asyncio.create_task(executor(store, clock, system).perform(key))
        await entered.wait()
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(main())
    assert row(store, key).state == "started"
    (receipt,) = recover(executor(store, clock, system))
    assert receipt.outcome == "done"
    assert len(system.effects) == 1


# Two at once.


def test_of_two_executors_on_one_key_one_performs_it(store: Store, clock: ManualClock) -> None:
    key, system, told = permitted(store), FakeSystem(idempotent=False), Told()
    one, other = (executor(store, clock, system, told=told) for _ in range(2))

    async def both() -> list[Receipt | None]:
        return await asyncio.gather(one.perform(key), other.perform(key))

    results = asyncio.run(both())
    assert sorted(result is None for result in results) == [False, True]
    assert len(system.effects) == 1
    assert len(receipts(store)) == len(told.receipts) == 1


def test_of_two_executors_on_one_queue_each_action_is_performed_by_one(
    store: Store, clock: ManualClock
) -> None:
    keys = [permitted(store, proposal(step=step)) for step in range(4)]
    system = FakeSystem(idempotent=False)

    async def both() -> list[tuple[Receipt, ...]]:
        return await asyncio.gather(*(executor(store, clock, system).perform_permitted() for _ in range(2)))

    performed = [receipt.action_key for done in asyncio.run(both()) for receipt in done]
    assert sorted(performed) == sorted(keys)
    assert sorted(key for key, _ in system.effects) == sorted(keys)


def test_of_two_recoveries_one_writes_the_receipt(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, system, told = permitted(store), FakeSystem(), Told()
    dying_at(monkeypatch, "act.after_effect")
    died(executor(store, clock, system), key)

    async def both() -> list[tuple[Receipt, ...]]:
        return await asyncio.gather(*(executor(store, clock, system, told=told).recover() for _ in range(2)))

    assert sorted(len(one) for one in asyncio.run(both())) == [0, 1]
    assert len(receipts(store)) == len(told.receipts) == 1


def test_an_action_that_somebody_else_has_finished_meanwhile_gets_no_second_receipt(
    store: Store, clock: ManualClock
) -> None:
    """A paused worker comes back after another one has recovered what it was at."""
    key, told = permitted(store), Told()
    system = FakeSystem()
    other = executor(store, clock, system, told=told)

    async def paused() -> Receipt | None:
        class Pausing(FakeSystem):
            async def perform(self, key: ActionKey, request: Any) -> Performed:
                (recovered,) = await other.recover()
                assert recovered.outcome == "done"
                return await system.perform(key, request)

        return await executor(store, clock, Pausing(), told=told).perform(key)

    assert asyncio.run(paused()) is None
    assert len(system.effects) == 1
    assert len(receipts(store)) == len(told.receipts) == 1
    assert row(store, key).state == "done"


def test_a_worker_whose_lease_was_taken_performs_nothing(store: Store, clock: ManualClock) -> None:
    def acquire(owner: str) -> Lease:
        return store.write(lambda tx: leases.acquire(tx, "worker", owner=owner, ttl=timedelta(seconds=30)))

    key, system = permitted(store), FakeSystem()
    stale = acquire("one")
    clock.advance(timedelta(minutes=1))
    present = acquire("other")
    with pytest.raises(StaleLease):
        perform(executor(store, clock, system), key, stale)
    assert system.calls == []
    assert row(store, key).state == "permitted"
    assert perform(executor(store, clock, system), key, present) is not None


@pytest.mark.parametrize("find", [True, False])
def test_a_worker_that_is_followed_after_it_has_claimed_sends_nothing(
    store: Store, clock: ManualClock, find: bool
) -> None:
    """It was paused before it sent. Whoever followed has looked, found nothing, and may have sent it."""

    def acquire(owner: str) -> Lease:
        return store.write(lambda tx: leases.acquire(tx, "worker", owner=owner, ttl=timedelta(seconds=30)))

    def follow(point: str) -> None:
        if point == "act.after_started":
            clock.advance(timedelta(minutes=1))
            acquire("other")

    key, system = permitted(store), FakeSystem(idempotent=False, find=find)
    stale = acquire("one")
    with on_pass(follow), pytest.raises(StaleLease):
        perform(executor(store, clock, system), key, stale)
    assert system.calls == []
    assert row(store, key).state == "started"
    (receipt,) = recover(executor(store, clock, system))
    assert (receipt.outcome, len(system.effects)) == (("done", 1) if find else ("unknown", 0))


def test_a_failure_to_tell_the_coordinator_leaves_the_action_for_recovery(
    store: Store, clock: ManualClock
) -> None:
    def failing(*_: object) -> None:
        raise LookupError("no such decision")

    key, system = permitted(store), FakeSystem()
    with pytest.raises(LookupError):
        perform(executor(store, clock, system, told=failing), key)
    assert row(store, key).state == "started"
    assert receipts(store) == []
    (receipt,) = recover(executor(store, clock, system))
    assert receipt.outcome == "done"
    assert len(system.effects) == 1


# Whatever goes wrong.

TROUBLES = {
    "fine": Trouble(after=True),
    "down": before(DOWN),
    "lost before": before(LOST),
    "lost after": after(LOST),
    "defect before": before(KeyError("defect")),
    "defect after": after(KeyError("defect")),
    "death before": before(Killed()),
    "death after": after(Killed()),
}


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(sorted(TROUBLES)), max_size=12),
    st.lists(st.sampled_from(["fine", "down", "lost before", "defect before", "death before"]), max_size=8),
    st.sampled_from([(True, True), (True, False), (False, True), (False, False)]),
)
def test_one_key_has_at_most_one_effect_and_the_receipt_tells_the_truth(
    performing: list[str], finding: list[str], able: tuple[bool, bool]
) -> None:
    idempotent, find = able
    system = FakeSystem(
        idempotent=idempotent,
        find=find,
        performing=[TROUBLES[one] for one in performing],
        finding=[TROUBLES[one] for one in finding],
    )
    clock = ManualClock(START)
    with TemporaryDirectory() as folder, open_store(Path(folder) / "store.db", clock=clock) as store:
        key = permitted(store)

        async def until_it_ends() -> None:
            while row(store, key).state in ("permitted", "started"):
                try:
                    one = executor(store, clock, system)
                    await one.recover()
                    await one.perform_permitted()
                except Killed:
                    continue

        asyncio.run(until_it_ends())
        (receipt,) = receipts(store)
        assert len(system.effects) <= 1
        if receipt["outcome"] == "done":
            assert len(system.effects) == 1
            assert receipt["reference"] == "ads-0"
        if receipt["outcome"] == "failed":
            assert system.effects == []
        assert row(store, key).state == receipt["outcome"]


# On the embedded company.


def test_a_restriction_is_made_once_on_the_embedded_ad_platform(
    store: Store, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = OnArea(campaign_id="C1", area=RAJASTHAN).request("ads", "suppress_cod")
    key = permitted(store, proposal(action=request))
    dying_at(monkeypatch, "act.after_effect")
    with embedded.ads(tmp_path / "company.db") as ads:
        assert isinstance(ads, EmbeddedAds)
        died(executor(store, clock, ads), key)
        (receipt,) = recover(executor(store, clock, ads))
        (restriction,) = asyncio.run(ads.restrictions())
    assert (receipt.outcome, receipt.reference) == ("done", restriction.reference)
