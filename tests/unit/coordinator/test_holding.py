"""Who may work on a store: one coordinator at a time, its own calls in turn, the dead not at all."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crossloop.clock import ManualClock
from crossloop.coordinator import holding
from crossloop.coordinator.holding import Holding, somebody_stays
from crossloop.errors import StaleLease, StoreBusy
from crossloop.store import Lease, Store, Tx, leases
from tests.support.stores import START, open_store


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    with open_store(tmp_path / "store.db", clock=clock) as opened:
        yield opened


def check(store: Store, lease: Lease) -> None:
    store.write(lambda tx: tx.append("drill", None, {}), lease=lease)


def test_inside_the_block_its_holder_writes_and_afterwards_it_does_not(store: Store) -> None:
    async def main() -> Lease:
        async with Holding(store).lease() as lease:
            check(store, lease)
        return lease

    with pytest.raises(StaleLease):
        check(store, asyncio.run(main()))


def test_a_second_coordinator_of_the_same_process_is_told_who_is_at_work(store: Store) -> None:
    async def main() -> None:
        async with Holding(store).lease() as lease:
            with pytest.raises(StoreBusy, match="another coordinator is at work on sqlite:///") as busy:
                async with Holding(store).lease():
                    raise AssertionError("two at work")
            assert f"process {os.getpid()} on {socket.gethostname()}, since 2025-03-01T" in busy.value.message
            assert f"at least until {lease.until.isoformat(timespec='seconds')}." in busy.value.message
            assert f"end process {os.getpid()}" in busy.value.next_step
            check(store, lease)

    asyncio.run(main())


def test_of_one_that_stays_it_is_said_that_waiting_is_in_vain_and_what_can_be_done(store: Store) -> None:
    async def main() -> None:
        async with Holding(store).lease(stays=True):
            with pytest.raises(StoreBusy, match="it stays until it is told to stop") as busy:
                async with Holding(store).lease(patience=30):
                    raise AssertionError("two at work")
            assert f"process {os.getpid()} on {socket.gethostname()}, since 2025-03-01T" in busy.value.message
            assert "Hand signals to that process" in busy.value.next_step

    asyncio.run(main())


def test_patience_outlasts_a_coordinator_that_finishes(store: Store) -> None:
    order: list[str] = []

    async def first(at_work: asyncio.Event, waited_for: asyncio.Event) -> None:
        async with Holding(store).lease():
            at_work.set()
            await waited_for.wait()
            order.append("first")

    async def second(waited_for: asyncio.Event) -> None:
        waited_for.set()
        async with Holding(store).lease(patience=30):
            order.append("second")

    async def main() -> None:
        at_work, waited_for = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(first(at_work, waited_for))
        await at_work.wait()
        await second(waited_for)
        await task

    asyncio.run(main())
    assert order == ["first", "second"]


def test_one_that_stays_is_not_waited_for(store: Store, clock: ManualClock) -> None:
    async def main() -> None:
        own = Holding(store)
        assert not store.read(lambda read: somebody_stays(read, clock.now()))
        async with own.lease():
            assert not store.read(lambda read: somebody_stays(read, clock.now()))
        async with own.lease(stays=True):
            assert store.read(lambda read: somebody_stays(read, clock.now()))
            with pytest.raises(StoreBusy):
                async with Holding(store).lease(patience=float("inf")):
                    raise AssertionError("two at work")
            assert not store.read(lambda read: somebody_stays(read, clock.now() + holding.LASTS))
        assert not store.read(lambda read: somebody_stays(read, clock.now()))

    asyncio.run(main())


def test_a_coordinator_follows_itself_however_it_held_the_lease(store: Store) -> None:
    async def main() -> None:
        own = Holding(store)
        async with own.lease(stays=True) as first:
            own._turn.release()  # as where giving the lease back has failed
            async with own.lease() as second:
                assert second.token == first.token + 1
            assert own._turn.acquire(blocking=False)

    asyncio.run(main())


def test_calls_of_one_coordinator_take_turns_instead_of_fencing_each_other_out(store: Store) -> None:
    own, at_once = Holding(store), list[int]()
    inside = 0

    async def call() -> None:
        nonlocal inside
        async with own.lease() as lease:
            inside += 1
            at_once.append(inside)
            await store.write_async(lambda tx: tx.append("drill", None, {}), lease=lease)
            inside -= 1

    async def main() -> None:
        await asyncio.gather(*(call() for _ in range(5)))

    other = threading.Thread(target=lambda: asyncio.run(main()))
    other.start()
    asyncio.run(main())
    other.join()
    assert at_once == [1] * 10


def test_a_failure_inside_gives_the_lease_back(store: Store) -> None:
    own = Holding(store)

    async def main() -> None:
        with pytest.raises(ValueError, match="no"):
            async with own.lease():
                raise ValueError("no")
        async with Holding(store).lease():
            pass
        async with own.lease():
            pass

    asyncio.run(main())


def test_being_cancelled_gives_the_lease_back(store: Store) -> None:
    async def hold(held: asyncio.Event) -> None:
        async with Holding(store).lease():
            held.set()
            await asyncio.get_running_loop().create_future()

    async def main() -> None:
        held = asyncio.Event()
        task = asyncio.create_task(hold(held))
        await held.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with Holding(store).lease():
            pass

    asyncio.run(main())


def test_being_cancelled_while_the_lease_is_taken_gives_it_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hold() -> None:
        async with Holding(store).lease():
            raise AssertionError("it was cancelled before")

    async def main() -> None:
        task = asyncio.create_task(hold())
        loop, acquire = asyncio.get_running_loop(), leases.acquire

        def cancelled_meanwhile(tx: Tx, name: str, **how: Any) -> Lease:
            ended = threading.Event()
            loop.call_soon_threadsafe(lambda: (task.cancel(), ended.set()))
            assert ended.wait(10)
            return acquire(tx, name, **how)

        with monkeypatch.context() as patched:
            patched.setattr(leases, "acquire", cancelled_meanwhile)
            with pytest.raises(asyncio.CancelledError):
                await task
        async with Holding(store).lease() as lease:
            assert lease.token == 2

    asyncio.run(main())


def test_patience_covers_the_turn_of_ones_own_calls(store: Store) -> None:
    async def main() -> None:
        own = Holding(store)
        async with own.lease():
            with pytest.raises(StoreBusy, match="another call of this company") as busy:
                async with own.lease(patience=0.0):
                    raise AssertionError("two at work")
            assert "Wait" in busy.value.next_step
        async with own.lease(patience=0.0):
            pass

    asyncio.run(main())


DEAD = """
import os, sys
from datetime import timedelta
from crossloop.clock import SystemClock
from crossloop.coordinator.holding import NAME
from crossloop.store import Store, leases
from crossloop.store.owners import this_process
with Store.open(sys.argv[1], clock=SystemClock()) as store:
    owner = this_process() + "/1"
    store.write(lambda tx: leases.acquire(tx, NAME, owner=owner, ttl=timedelta(days=9999)))
"""


def test_the_lease_of_a_dead_process_is_taken_over_at_once(store: Store) -> None:
    subprocess.run([sys.executable, "-c", DEAD, store.url], check=True, timeout=60)

    async def main() -> int:
        async with Holding(store).lease() as lease:
            return lease.token

    assert asyncio.run(main()) == 2


def test_a_lease_is_renewed_while_the_loop_is_busy_computing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed, renew = threading.Event(), leases.renew
    results: list[Lease | Exception] = []
    monkeypatch.setattr(holding, "LASTS", timedelta(milliseconds=30))

    def watched(tx: Tx, lease: Lease) -> Lease:
        try:
            results.append(renew(tx, lease))
        except StaleLease as stale:
            results.append(stale)
            raise
        finally:
            renewed.set()
        return lease

    monkeypatch.setattr(leases, "renew", watched)

    async def main() -> None:
        before = set(threading.enumerate())
        async with Holding(store).lease():
            assert renewed.wait(10)  # blocks the loop, as computing would
            assert isinstance(results[0], Lease)
            renewed.clear()
            store.write(
                lambda tx: leases.acquire(
                    tx, holding.NAME, owner="x:1:1", ttl=timedelta(9), alive=lambda _: False
                )
            )
            while not any(isinstance(one, StaleLease) for one in results):
                assert renewed.wait(10)
                renewed.clear()
            (renewal,) = set(threading.enumerate()) - before
            renewal.join(10)  # there is nothing left for it to do
            assert not renewal.is_alive()

    asyncio.run(main())


def test_a_renewal_that_finds_the_store_busy_tries_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried, again = [0], threading.Event()
    monkeypatch.setattr(holding, "LASTS", timedelta(milliseconds=30))

    def busy(tx: Tx, lease: Lease) -> Lease:
        tried[0] += 1
        if tried[0] == 2:
            again.set()
        raise StoreBusy("busy")

    monkeypatch.setattr(leases, "renew", busy)

    async def main() -> None:
        async with Holding(store).lease():
            assert again.wait(10)

    asyncio.run(main())
