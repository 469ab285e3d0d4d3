"""A simulated process that has died changes nothing, one that was frozen does not know, and all is noted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crossloop.errors import StaleLease, StoreBusy
from crossloop.faults import crash_point, on_pass
from crossloop.store import Lease, leases
from crossloop.testing import invariants
from crossloop.testing.evidence import Commit, Evidence
from crossloop.testing.processes import COMMIT, LASTS, NAME, Holder, Killed, Life, live, open_store, passed
from crossloop.testing.virtual_time import VirtualClock, VirtualLoop, run
from tests.support.stores import START, counted_salts


def play(path: Path, work: Callable[[Any], Awaitable[Any]]) -> Any:
    """Run something on a store of a process called ``one``."""

    async def main(loop: VirtualLoop) -> Any:
        clock, salts = VirtualClock(loop, START), counted_salts()

        class Open:
            commits: list[Commit] = []  # noqa: RUF012 - one for each run

            @staticmethod
            def store(name: str) -> Any:
                return open_store(path / "store.db", clock, salts).watch(Life(name), Open.commits)

        Open.commits = []
        with on_pass(passed):
            return await work(Open)

    return run(main)


def write(store: Any, lease: Lease | None = None) -> Any:
    return store.write_async(lambda tx: tx.append("note", None, {}), lease=lease)


def test_every_commit_that_writes_is_noted_with_its_place_and_its_token(tmp_path: Path) -> None:
    async def work(opened: Any) -> list[Commit]:
        store = opened.store("one")
        await write(store)
        lease = await store.write_async(lambda tx: leases.acquire(tx, NAME, owner="one", ttl=LASTS))
        await write(store, lease)
        with pytest.raises(ZeroDivisionError):
            await store.write_async(lambda tx: 1 / 0)
        return opened.commits

    assert play(tmp_path, work) == [Commit("one", None, None, 0, 1), Commit("one", 1, 1, 1, 2)]


def test_a_stale_write_to_a_table_that_no_entry_tells_of_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the bug that is planted here: nobody looks at the fence."""
    monkeypatch.setattr("crossloop.store.writer.leases.check", lambda _read, _lease: None)

    async def work(opened: Any) -> list[Commit]:
        store = opened.store("worker-1")

        def acquire(owner: str) -> Awaitable[Lease]:
            return store.write_async(
                lambda tx: leases.acquire(tx, NAME, owner=owner, ttl=LASTS, alive=lambda _: False)
            )

        first = await acquire("one")
        await acquire("two")
        untold = "INSERT INTO cases (key, id) VALUES (7, 'of no entry')"
        await store.write_async(lambda tx: tx.execute(untold), lease=first)
        await store.write_async(lambda tx: tx.execute("DELETE FROM cases"))
        await store.write_async(lambda tx: leases.release(tx, first), lease=first)
        return opened.commits

    commits = play(tmp_path, work)
    assert [(one.token, one.present, one.rows) for one in commits] == [(1, 2, 1), (None, 2, 1)]
    found = invariants.check(Evidence(commits=commits), (invariants.stale_changes_nothing,))
    assert [one.what for one in found] == [
        "worker-1 wrote under token 1, when token 2 held the lease",
        "worker-1 wrote without a lease",
    ]


def test_a_dead_process_neither_reads_nor_writes(tmp_path: Path) -> None:
    async def work(opened: Any) -> int:
        store, other = opened.store("one"), opened.store("two")
        await write(store)
        store.life.die()
        for call in (lambda: store.read(lambda read: read.head()), lambda: store.write(lambda tx: None)):
            with pytest.raises(Killed):
                call()
        with pytest.raises(Killed):
            await write(store)
        return other.read(lambda read: read.head().size)

    assert play(tmp_path, work) == 1


def test_a_death_ends_every_task_of_the_process_and_their_clean_up_changes_nothing(tmp_path: Path) -> None:
    async def work(opened: Any) -> tuple[bool, int, bool]:
        store, other = opened.store("one"), opened.store("two")
        waiting: list[asyncio.Task[Any]] = []

        async def tidy() -> None:
            try:
                await asyncio.sleep(1000)
            finally:
                await write(store)

        async def main() -> None:
            waiting.append(asyncio.create_task(tidy()))
            await asyncio.sleep(1)
            crash_point("decide.before_commit")

        def kill(life: Life, point: str) -> None:
            if point == "decide.before_commit":
                raise Killed(point)

        store.life.on_pass = kill
        ended = await live(store.life, main())
        return (
            store.life.dead,
            other.read(lambda read: read.head().size),
            all(one.done() for one in (ended, *waiting)),
        )

    assert play(tmp_path, work) == (True, 0, True)


def test_a_crash_point_tells_only_the_process_that_passes_it(tmp_path: Path) -> None:
    async def work(opened: Any) -> list[str]:
        one, two, told = Life("one"), Life("two"), list[str]()
        one.on_pass = two.on_pass = lambda life, point: told.append(f"{life.name} {point}")

        async def go() -> None:
            crash_point("act.after_effect")

        await live(two, go())
        crash_point("act.after_effect")  # the simulation itself
        return told

    assert play(tmp_path, work) == ["two act.after_effect"]


def test_a_transaction_inside_of_which_the_process_dies_is_not_there(tmp_path: Path) -> None:
    async def work(opened: Any) -> int:
        store, other = opened.store("one"), opened.store("two")

        def dying(tx: Any) -> None:
            tx.append("note", None, {})
            raise Killed

        with pytest.raises(Killed):
            await store.write_async(dying)
        return other.read(lambda read: read.head().size)

    assert play(tmp_path, work) == 0


def always(_: str) -> bool:
    return True


def test_the_lease_is_renewed_for_as_long_as_something_runs_and_given_back(tmp_path: Path) -> None:
    async def work(opened: Any) -> None:
        one, two = (opened.store(name) for name in ("one", "two"))

        async def long(_: Lease) -> None:
            await asyncio.sleep(10 * LASTS.total_seconds())

        running = asyncio.create_task(Holder(one, "one", always).hold(long))
        await asyncio.sleep(3 * LASTS.total_seconds())
        with pytest.raises(StoreBusy):
            await Holder(two, "two", always).hold(long)
        await running
        await Holder(two, "two", always).hold(long)

    play(tmp_path, work)


def test_a_frozen_worker_is_followed_when_its_time_is_up_and_finds_out_when_it_writes(tmp_path: Path) -> None:
    async def work(opened: Any) -> list[int | None]:
        one, two = opened.store("one"), opened.store("two")

        async def busy(lease: Lease) -> None:
            await write(one, lease)
            await asyncio.sleep(1)
            await write(one, lease)

        def stop(life: Life, point: str) -> None:
            if point == COMMIT and opened.commits:
                life.on_pass = None
                life.freeze(100)

        one.life.on_pass = stop
        first = asyncio.create_task(live(one.life, Holder(one, "one", always).hold(busy)))
        await asyncio.sleep(1)
        patience = 2 * LASTS.total_seconds()
        await Holder(two, "two", always).hold(lambda lease: write(two, lease), patience=patience)
        assert isinstance((await first).exception(), StaleLease)
        return [one.token for one in opened.commits]

    assert play(tmp_path, work) == [1, 2]


def test_whoever_is_known_to_be_dead_is_followed_at_once(tmp_path: Path) -> None:
    async def work(opened: Any) -> timedelta:
        one, two = opened.store("one"), opened.store("two")
        before = asyncio.get_running_loop().time()
        await one.write_async(lambda tx: leases.acquire(tx, NAME, owner="one", ttl=LASTS))
        await Holder(two, "two", lambda owner: owner != "one").hold(lambda lease: write(two, lease))
        return timedelta(seconds=asyncio.get_running_loop().time() - before)

    assert play(tmp_path, work) == timedelta(0)
