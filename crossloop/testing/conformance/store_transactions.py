"""What a transaction promises on every store: all or nothing, in order, by whoever may."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from crossloop.errors import StaleLease, StoreBusy
from crossloop.store import Lease, Read, Store, Tx, inbox, leases
from crossloop.testing.conformance.store_base import StoreSuite
from crossloop.testing.conformance.store_samples import admit, at_once, expect_verified, given
from crossloop.testing.conformance.suite import expect, proves

WRITERS = 4
EACH = 12


class _Failed(Exception):
    """What a piece of work raises on purpose."""


class TransactionChecks(StoreSuite):
    """Order, rollback, leases, readers, reopening."""

    @proves("order")
    def test_entries_are_in_the_order_of_commits_and_a_reader_at_the_tail_skips_none(self) -> None:
        stores = [self.opened() for _ in range(WRITERS)]
        done, seen = threading.Event(), list[int]()

        def write(number: int) -> list[int]:
            own: list[int] = []
            for count in range(EACH):
                body = {"writer": number, "count": count}
                own += stores[number].write(lambda tx, body=body: _told_twice(tx, body))
            return own

        def follow() -> None:
            reader, over = self.opened(), False
            while True:
                entries = reader.read(lambda read: list(read.entries(start=len(seen))))
                seen.extend(one.position for one in entries)
                if over:
                    return
                over = done.is_set()  # and once more, for what was written before it was

        with ThreadPoolExecutor(1) as threads:
            following = threads.submit(follow)
            try:
                positions = at_once([lambda number=number: write(number) for number in range(WRITERS)])
            finally:
                done.set()
            following.result()
        count = WRITERS * EACH * 2
        told = sorted(position for own in positions for position in own)
        expect(told == list(range(count)), f"expected positions 0 to {count - 1}, got {told}")
        expect(all(own == sorted(own) for own in positions), "a later commit has an earlier position")
        expect(
            seen == list(range(count)), f"a reader at the tail saw {len(seen)} of {count}, or out of order"
        )
        entries = stores[0].read(lambda read: [one.body for one in read.entries()])
        for first, second in zip(entries[::2], entries[1::2], strict=True):
            expect(
                first is not None and {**first, "n": 1} == second, f"mixed transactions: {first}, {second}"
            )
        expect_verified(stores[0], "after concurrent writers")

    @proves("rollback")
    def test_work_that_fails_leaves_nothing_and_its_error_reaches_whoever_asked(self) -> None:
        store = self.opened()
        store.write(lambda tx: admit(tx, "before"))
        before = store.read(_state)

        def work(tx: Tx) -> None:
            given(tx)
            raise _Failed

        expect(_raises(store, work), "the error of the work did not reach the caller")
        expect(store.read(_state) == before, "work that failed left something behind")
        expect(store.write(admit), "what failed cannot be done again")
        expect_verified(store, "after work that failed")

    @proves("rollback")
    def test_work_that_fails_takes_nothing_from_those_who_write_at_the_same_time(self) -> None:
        store = self.opened()

        def write(number: int) -> bool:
            def work(tx: Tx) -> None:
                admit(tx, f"s{number}")
                if number % 2:
                    raise _Failed

            return _raises(store, work)

        failed = at_once([lambda number=number: write(number) for number in range(8)])
        expect(failed == [False, True] * 4, f"expected every other one to fail, got {failed}")
        kept = sorted(row.id for row in store.read(lambda read: inbox.listing(read)))
        expect(kept == ["s0", "s2", "s4", "s6"], f"expected s0, s2, s4 and s6, got {kept}")
        expect_verified(store, "after some of those who wrote together failed")

    @proves("leases")
    def test_a_lease_is_held_by_one_until_its_time_is_up_and_every_token_is_larger(self) -> None:
        store = self.opened()
        first = store.write(lambda tx: _acquire(tx, "one"))
        try:
            store.write(lambda tx: _acquire(tx, "two"))
        except StoreBusy:
            pass
        else:
            raise AssertionError("a lease that is held was taken")
        self.clock.advance(timedelta(minutes=1))
        second = store.write(lambda tx: _acquire(tx, "two"))
        expect(second.token > first.token, f"expected a token above {first.token}, got {second.token}")

    @proves("leases")
    def test_a_stale_lease_changes_nothing(self) -> None:
        store, other = self.opened(), self.opened()
        old = store.write(lambda tx: _acquire(tx, "one"))
        expect(store.write(lambda tx: _told(tx, {}), lease=old) == 0, "the holder could not write")
        self.clock.advance(timedelta(minutes=1))
        waiting, stale = threading.Event(), list[bool]()

        def late() -> None:
            waiting.set()
            try:
                store.write(admit, lease=old)
            except StaleLease:
                stale.append(True)

        with ThreadPoolExecutor(1) as threads:

            def follow(tx: Tx) -> Lease:
                # The stale one asks while somebody follows: it must look again once it is its turn.
                threads.submit(late)
                waiting.wait()
                return _acquire(tx, "two")

            new = other.write(follow)
        expect(stale == [True], "a stale worker was not told")
        expect(store.read(lambda read: inbox.get(read, "s1")) is None, "a stale worker has written")
        expect(other.write(admit, lease=new), "the present holder could not write")

    @proves("readers")
    def test_a_reader_sees_one_state_and_nothing_that_is_not_committed(self) -> None:
        store, other = self.opened(), self.opened()
        store.write(admit)

        def twice(read: Read) -> tuple[int, int]:
            first = read.head().size
            other.write(lambda tx: admit(tx, "s2"))
            return first, read.head().size

        expect(store.read(twice) == (1, 1), "what was written meanwhile came into a reader's state")

        def meanwhile(tx: Tx) -> int:
            admit(tx, "s3")
            return other.read(lambda read: read.head().size)

        seen = store.write(meanwhile)
        expect(seen == 2, f"while somebody writes: expected 2 committed entries, got {seen}")
        expect(other.read(lambda read: read.head().size) == 3, "a committed entry is not seen")

    @proves("reopening")
    def test_a_store_that_is_opened_again_goes_on_where_it_was(self) -> None:
        with self.open_store(self.folder, self.clock) as store:
            store.write(given)
            before = store.read(_state)
        again = self.opened()
        expect(again.read(_state) == before, "another state after opening again")
        size = again.read(lambda read: read.head().size)
        expect(again.write(lambda tx: _told(tx, {})) == size, "positions do not go on")
        expect(not again.write(admit), "a signal was admitted again after opening again")
        expect_verified(again, "after opening again")


def _told(tx: Tx, body: dict[str, int]) -> int:
    return tx.append("drill", "case_x", body)


def _told_twice(tx: Tx, body: dict[str, int]) -> list[int]:
    return [_told(tx, {**body, "n": n}) for n in (0, 1)]


def _acquire(tx: Tx, owner: str) -> Lease:
    return leases.acquire(tx, "worker", owner=owner, ttl=timedelta(seconds=30))


def _state(read: Read) -> tuple[object, ...]:
    return read.head(), inbox.listing(read), [one.leaf for one in read.entries()]


def _raises(store: Store, work: Callable[[Tx], None]) -> bool:
    try:
        store.write(work)
    except _Failed:
        return True
    return False
