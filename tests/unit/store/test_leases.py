"""A lease is held by one, and whoever was followed changes nothing any more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crossloop.clock import ManualClock
from crossloop.errors import StaleLease, StoreBusy
from crossloop.store import Lease, Store, Tx, leases
from tests.support.stores import START

TTL = timedelta(seconds=30)


def acquire(store: Store, owner: str, *, dead: tuple[str, ...] = ()) -> Lease:
    return store.write(
        lambda tx: leases.acquire(tx, "worker", owner=owner, ttl=TTL, alive=lambda other: other not in dead)
    )


def append(tx: Tx) -> int:
    return tx.append("drill", None, {})


def test_a_lease_names_its_holder_its_token_and_its_end(store: Store):
    assert acquire(store, "here:1:1") == Lease("worker", 1, "here:1:1", START + TTL)


def test_everybody_can_see_who_holds_a_lease_until_it_is_over(store: Store, clock: ManualClock):
    def holder() -> str | None:
        return store.read(lambda read: leases.holder(read, "worker", clock.now()))

    assert holder() is None
    acquire(store, "ann:1:1")
    assert holder() == "ann:1:1"
    clock.advance(TTL)
    assert holder() is None
    again = acquire(store, "ben:1:1")
    assert holder() == "ben:1:1"
    store.write(lambda tx: leases.release(tx, again))
    assert holder() is None


def test_a_lease_says_since_when_it_is_held_however_often_it_is_renewed(store: Store, clock: ManualClock):
    began = clock.now()
    lease = acquire(store, "here:1:1")
    clock.advance(TTL / 2)
    renewed = store.write(lambda tx: leases.renew(tx, lease))
    found = store.read(lambda read: leases.held(read, "worker", clock.now()))
    assert found == leases.Held("here:1:1", began, renewed.until)
    store.write(lambda tx: leases.release(tx, renewed))
    assert store.read(lambda read: leases.held(read, "worker", clock.now())) is None


def test_the_holder_of_a_lease_may_write(store: Store):
    assert store.write(append, lease=acquire(store, "here:1:1")) == 0


def test_a_lease_that_somebody_living_holds_is_not_given_to_another(store: Store):
    acquire(store, "here:1:1")
    with pytest.raises(StoreBusy, match=r"worker is held by here:1:1 since 2025-03-01T09:30:00"):
        acquire(store, "here:2:2")


def test_without_a_liveness_check_everybody_counts_as_living(store: Store):
    acquire(store, "here:1:1")
    with pytest.raises(StoreBusy):
        store.write(lambda tx: leases.acquire(tx, "worker", owner="here:2:2", ttl=TTL))


def test_a_lease_whose_time_is_up_goes_to_the_next_with_a_larger_token(store: Store, clock: ManualClock):
    first = acquire(store, "here:1:1")
    clock.advance(TTL)
    assert acquire(store, "here:2:2").token > first.token


def test_the_lease_of_a_dead_holder_is_taken_over_at_once(store: Store):
    acquire(store, "here:1:1")
    assert acquire(store, "here:2:2", dead=("here:1:1",)).token == 2


def test_a_holder_that_wakes_up_after_it_was_followed_changes_nothing(store: Store, clock: ManualClock):
    stale = acquire(store, "here:1:1")
    clock.advance(TTL)
    present = acquire(store, "here:2:2")
    ran: list[Tx] = []
    with pytest.raises(StaleLease, match="no longer held by here:1:1"):
        store.write(ran.append, lease=stale)
    assert ran == []
    assert store.write(append, lease=present) == 0


def test_a_holder_that_is_late_but_was_not_followed_has_done_no_harm(store: Store, clock: ManualClock):
    lease = acquire(store, "here:1:1")
    clock.advance(TTL * 10)
    assert store.write(append, lease=lease) == 0


def test_the_token_decides_and_not_the_owner(store: Store):
    first = acquire(store, "here:1:1")
    second = acquire(store, "here:1:1")
    assert second.token == first.token + 1
    with pytest.raises(StaleLease):
        store.write(append, lease=first)
    store.write(append, lease=second)


def test_a_lease_that_was_released_may_not_write_and_is_free(store: Store):
    lease = acquire(store, "here:1:1")
    store.write(lambda tx: leases.release(tx, lease))
    with pytest.raises(StaleLease, match="but by nobody"):
        store.write(append, lease=lease)
    assert acquire(store, "here:2:2").token == 2


def test_releasing_what_another_holds_by_now_does_nothing(store: Store, clock: ManualClock):
    stale = acquire(store, "here:1:1")
    clock.advance(TTL)
    present = acquire(store, "here:2:2")
    store.write(lambda tx: leases.release(tx, stale))
    assert store.write(append, lease=present) == 0


def test_a_renewed_lease_lasts_its_full_time_from_now(store: Store, clock: ManualClock):
    lease = acquire(store, "here:1:1")
    clock.advance(TTL - timedelta(seconds=1))
    renewed = store.write(lambda tx: leases.renew(tx, lease))
    assert renewed == Lease("worker", lease.token, "here:1:1", clock.now() + TTL)
    clock.advance(TTL - timedelta(seconds=1))
    with pytest.raises(StoreBusy):
        acquire(store, "here:2:2")


def test_a_lease_that_was_followed_cannot_be_renewed(store: Store, clock: ManualClock):
    stale = acquire(store, "here:1:1")
    clock.advance(TTL)
    acquire(store, "here:2:2")
    with pytest.raises(StaleLease):
        store.write(lambda tx: leases.renew(tx, stale))


def test_a_name_that_nobody_ever_held_lets_nobody_write(store: Store):
    with pytest.raises(StaleLease, match="but by nobody"):
        store.write(append, lease=Lease("worker", 1, "here:1:1", START + TTL))


def test_leases_of_different_names_do_not_meet(store: Store):
    acquire(store, "here:1:1")
    other = store.write(lambda tx: leases.acquire(tx, "scheduler", owner="here:2:2", ttl=TTL))
    assert store.write(append, lease=other) == 0


def test_leases_are_not_told_in_the_ledger(store: Store):
    acquire(store, "here:1:1")
    assert store.read(lambda read: read.head().size) == 0


def test_a_lease_must_last(store: Store):
    with pytest.raises(ValueError, match="longer"):
        store.write(lambda tx: leases.acquire(tx, "worker", owner="here:1:1", ttl=timedelta(0)))
