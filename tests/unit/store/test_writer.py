"""The writer: groups of work in one commit, each piece of work on its own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from crossloop.clock import ManualClock
from crossloop.errors import StaleLease, StoreNotUsable
from crossloop.store import Store, Tx, leases, verify
from crossloop.store.writer import MOST, Job, Transactions
from tests.support.stores import START, open_store

Write = Callable[[Callable[[Tx], object]], Future[object]]


def append(tx: Tx) -> int:
    return tx.append("drill", None, {})


def size(store: Store) -> int:
    return store.read(lambda read: read.head().size)


@contextmanager
def held_up(store: Store) -> Generator[Write]:
    """Hold the writer up until the block ends: what is handed in meanwhile becomes one group."""
    begun, go = threading.Event(), threading.Event()

    def work(_: Tx) -> None:
        begun.set()
        assert go.wait(30)

    store.submit(work)
    assert begun.wait(30)
    try:
        yield lambda one: store.submit(one)
    finally:
        go.set()


@pytest.fixture
def commits(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the groups that were run."""
    sizes: list[int] = []
    run = Transactions.run

    def counted(self: Transactions, jobs: Iterator[Job], patience: float) -> None:
        taken: list[Job] = []

        def seen() -> Iterator[Job]:
            for job in jobs:
                taken.append(job)
                yield job

        run(self, seen(), patience)
        sizes.append(len(taken))

    monkeypatch.setattr(Transactions, "run", counted)
    return sizes


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group ends by the number of its pieces only: how fast this machine is decides nothing."""
    monkeypatch.setattr("crossloop.store.writer.LONGEST", 60.0)


@pytest.mark.usefixtures("unhurried")
def test_what_is_urgent_goes_before_what_waited_for_longer(store: Store):
    with held_up(store) as write:
        ordinary = [write(append) for _ in range(3)]
        urgent = [store.submit(append, urgent=True) for _ in range(2)]
    assert [one.result() for one in [*urgent, *ordinary]] == [0, 1, 2, 3, 4]


def test_work_is_told_to_make_way_for_what_is_urgent_and_after_a_while_for_anybody(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("crossloop.store.writer.HOLD", 60.0)
    monkeypatch.setattr("crossloop.store.writer.LONGEST", 0.0)
    begun, handed_in, looked = threading.Event(), threading.Event(), list[bool]()

    def work(_: Tx) -> None:
        looked.append(store.pressed())
        begun.set()
        assert handed_in.wait(30)
        looked.append(store.pressed())
        monkeypatch.setattr("crossloop.store.writer.HOLD", 0.0)

    first = store.submit(work)
    assert begun.wait(30)
    second = store.submit(append, urgent=True)
    handed_in.set()
    first.result()
    second.result()
    assert looked == [False, True]
    assert store.write(lambda _: store.pressed())


@pytest.mark.usefixtures("unhurried")
def test_work_that_waits_is_committed_together(store: Store, commits: list[int]):
    with held_up(store) as write:
        written = [write(append) for _ in range(20)]
    assert [one.result() for one in written] == list(range(20))
    # The first one may have begun alone, or have taken the others in.
    assert sum(commits) == 21
    assert len(commits) <= 2


@pytest.mark.usefixtures("unhurried")
def test_a_group_has_an_end(store: Store, commits: list[int]):
    with held_up(store) as write:
        written = [write(append) for _ in range(2 * MOST)]
    assert [one.result() for one in written] == list(range(2 * MOST))
    assert max(commits) <= MOST


@pytest.mark.usefixtures("unhurried")
def test_what_fails_in_a_group_is_taken_back_alone(store: Store):
    def half(tx: Tx) -> None:
        append(tx)
        tx.execute("INSERT INTO leases (name, token, ttl, since, until) VALUES ('half', 1, 1, 1, 1)")
        raise LookupError("ours")

    with held_up(store) as write:
        before, failed, after = write(append), write(half), write(append)
    assert (before.result(), after.result()) == (0, 1)
    with pytest.raises(LookupError, match="ours"):
        failed.result()
    assert store.read(lambda read: read.rows("SELECT name FROM leases")) == []
    assert store.read(verify).ok


@pytest.mark.usefixtures("unhurried")
def test_a_stale_worker_in_a_group_changes_nothing_and_the_others_pass(store: Store):
    stale = store.write(lambda tx: leases.acquire(tx, "work", owner="a", ttl=timedelta(seconds=9)))
    present = store.write(lambda tx: leases.acquire(tx, "work", owner="a", ttl=timedelta(seconds=9)))
    with held_up(store):
        refused = store.submit(append, lease=stale)
        passed = store.submit(append, lease=present)
    assert passed.result() == 0
    with pytest.raises(StaleLease):
        refused.result()
    assert size(store) == 1


@pytest.mark.usefixtures("unhurried")
def test_a_lease_that_is_followed_in_a_group_is_stale_for_what_comes_after_it(store: Store):
    first = store.write(lambda tx: leases.acquire(tx, "work", owner="a", ttl=timedelta(seconds=9)))
    with held_up(store) as write:
        passed = store.submit(append, lease=first)
        follows = write(lambda tx: leases.acquire(tx, "work", owner="a", ttl=timedelta(seconds=9)).token)
        refused = store.submit(append, lease=first)
    assert (passed.result(), follows.result()) == (0, 2)
    with pytest.raises(StaleLease):
        refused.result()


@pytest.mark.usefixtures("unhurried")
def test_a_commit_that_does_not_go_through_is_told_to_everybody_and_leaves_nothing(store: Store):
    def break_the_commit(tx: Tx) -> None:
        # A deferred constraint is looked at when the transaction ends.
        tx.execute("PRAGMA defer_foreign_keys = ON")
        tx.execute("INSERT INTO impacts VALUES ('a', '2026-01-01', 999, '1', '1')")

    with held_up(store) as write:
        written = [write(append), write(break_the_commit), write(append)]
    for one in written:
        with pytest.raises(sqlite3.IntegrityError):
            one.result()
    assert store.write(append) == 0


@pytest.mark.usefixtures("unhurried")
def test_after_the_database_complained_the_next_group_opens_the_file_anew(store: Store):
    def forbid(tx: Tx) -> None:
        tx.execute("PRAGMA query_only = ON")
        append(tx)

    with held_up(store) as write:
        refused = write(forbid)
    with pytest.raises(StoreNotUsable, match="cannot be used"):
        refused.result()
    assert store.write(append) == 0


def test_nothing_is_handed_in_after_closing(path: Path):
    for writer in ("thread", "inline"):
        store = Store.open(f"sqlite:///{path}", clock=ManualClock(START), writer=writer)
        store.close()
        store.close()
        with pytest.raises(RuntimeError, match="closed"):
            store.write(append)


def test_what_was_handed_in_before_closing_is_finished(path: Path):
    store = open_store(path, clock=ManualClock(START))
    with held_up(store) as write:
        written = [write(append) for _ in range(5)]
        closing = threading.Thread(target=store.close)
        closing.start()
    closing.join()
    assert [one.result() for one in written] == [0, 1, 2, 3, 4]


def test_what_was_handed_in_cannot_be_called_off(store: Store):
    with held_up(store) as write:
        written = write(append)
        assert not written.cancel()
    assert written.result() == 0
    assert store.write(append) == 1


def test_keys_of_work_that_was_taken_back_are_forgotten(store: Store):
    def half(tx: Tx) -> None:
        tx.append("drill", "case_a", {})
        raise LookupError("ours")

    with pytest.raises(LookupError):
        store.write(half)
    assert store.write(append) == 0
    store.write(lambda tx: tx.append("drill", "case_a", {}))
    assert store.read(lambda read: read.rows("SELECT key, id FROM cases")) == [(1, "case_a")]
    assert [one.case for one in store.read(lambda read: list(read.entries()))] == [None, "case_a"]


def test_in_line_work_is_done_in_the_calling_thread(path: Path):
    with Store.open(f"sqlite:///{path}", clock=ManualClock(START), writer="inline") as store:
        assert store.write(lambda _: threading.current_thread()) is threading.current_thread()
        with pytest.raises(RuntimeError, match="another one"):
            store.write(lambda _: store.write(append))
        assert store.write(append) == 0
