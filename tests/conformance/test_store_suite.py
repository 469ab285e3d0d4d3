"""The store suite itself: every check finds a store that breaks what it is about."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crossloop.clock import Clock
from crossloop.store import (
    Store,
    Tx,
    actions,
    approvals,
    claims,
    decisions,
    impacts,
    inbox,
    incidents,
    leases,
    policies,
)
from crossloop.testing import StoreConformance
from crossloop.testing.conformance import store as store_suite
from crossloop.testing.conformance.reporting import run_check
from crossloop.testing.conformance.suite import checks_of


class Wrapped:
    """A store that does something else than it should; the rest is the store's own."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __enter__(self) -> Wrapped:
        return self

    def __exit__(self, *raised: object) -> None:
        self.inner.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class KeepsWhatFailed(Wrapped):
    def write(self, work: Callable[[Tx], Any], **options: Any) -> Any:
        failed: list[Exception] = []

        def kept(tx: Tx) -> Any:
            try:
                return work(tx)
            except Exception as failure:  # noqa: BLE001 - what is tested
                failed.append(failure)

        result = self.inner.write(kept, **options)
        if failed:
            raise failed[0]
        return result


class BelievesEveryLease(Wrapped):
    def write(self, work: Callable[[Tx], Any], lease: Any = None) -> Any:
        return self.inner.write(work)


class ChangesWhatItKept(Wrapped):
    def write(self, work: Callable[[Tx], Any], **options: Any) -> Any:
        result = self.inner.write(work, **options)
        self.inner.write(lambda tx: tx.execute("UPDATE entries SET kind = 'x' WHERE position = 0"))
        return result


class Passing:
    """A reader whose every question goes to the newest state."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def head(self) -> Any:
        return self.store.read(lambda read: read.head())


class ReadsTheNewest(Wrapped):
    def read(self, work: Callable[[Any], Any]) -> Any:
        return work(Passing(self.inner))


class Lagging:
    """A reader that does not see the last entry."""

    def __init__(self, read: Any) -> None:
        self.own = read

    def entries(self, start: int = 0) -> Iterator[Any]:
        yield from list(self.own.entries(start))[:-1]


class SkipsTheLast(Wrapped):
    def read(self, work: Callable[[Any], Any]) -> Any:
        return self.inner.read(lambda read: work(Lagging(read)))


def always(module: Any, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Whoever comes second is told that it was them."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        own = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given, **named: own(*given, **named) or True)

    return patch


def instead(module: Any, name: str, made: Callable[[Any], Any]) -> Callable[[pytest.MonkeyPatch], None]:
    """A function made from the original one stands in its place."""
    return lambda monkeypatch: monkeypatch.setattr(module, name, made(getattr(module, name)))


MICROSECOND = timedelta(microseconds=1)


def touching(own: Any) -> Any:
    """Windows that only touch meet."""
    return lambda read, resource, starts, ends: own(read, resource, starts - MICROSECOND, ends + MICROSECOND)


def unrecorded(own: Any) -> Any:
    """A redaction without its entry."""
    removed = "UPDATE entries SET salt = NULL, body = NULL WHERE position = :position AND body IS NOT NULL"
    return lambda tx, position, reason: tx.execute(removed, position=position) == 1


Breaking = Callable[[pytest.MonkeyPatch], None] | type[Wrapped]

MUTANTS: dict[str, Breaking] = {
    "test_a_signal_is_admitted_once_whoever_brings_it_and_moves_forward_only": always(inbox, "admit"),
    "test_a_decision_is_recorded_once_and_only_about_a_signal_that_is_known": always(decisions, "record"),
    "test_an_action_is_permitted_once_and_started_by_one_alone": always(actions, "start"),
    "test_an_action_has_one_outcome_and_only_what_is_done_is_taken_back": always(actions, "finish"),
    "test_a_question_is_asked_once_and_its_first_answer_counts": always(approvals, "answer"),
    "test_claims_meet_in_their_windows_above_and_below_and_nowhere_else": instead(
        claims, "overlapping", touching
    ),
    "test_a_claim_is_placed_once_and_ends_when_it_is_released_or_over": instead(
        claims, "expire", lambda own: lambda tx, before: own(tx, before + timedelta(seconds=1))
    ),
    "test_impacts_of_a_day_add_up_exactly_and_are_counted_once": instead(
        impacts, "add", lambda own: lambda tx, *, share, **rest: own(tx, share=share * 1.0000001, **rest)
    ),
    "test_what_is_planned_is_not_started_before_it_is_permitted_and_permitted_once": always(actions, "start"),
    "test_what_is_planned_is_dropped_once_and_never_permitted_afterwards": always(actions, "drop"),
    "test_an_incident_is_opened_once_for_each_kind_and_closed_once": always(incidents, "close"),
    "test_an_undertaking_is_its_steps_in_their_order_and_those_of_its_department_alone": instead(
        decisions, "of_saga", lambda own: lambda read, key: sorted(own(read, key), key=lambda one: one.key)
    ),
    "test_the_document_that_was_adopted_last_is_in_force_and_every_one_is_kept": always(policies, "adopt"),
    "test_entries_are_in_the_order_of_commits_and_a_reader_at_the_tail_skips_none": SkipsTheLast,
    "test_work_that_fails_leaves_nothing_and_its_error_reaches_whoever_asked": KeepsWhatFailed,
    "test_work_that_fails_takes_nothing_from_those_who_write_at_the_same_time": KeepsWhatFailed,
    "test_a_lease_is_held_by_one_until_its_time_is_up_and_every_token_is_larger": instead(
        leases, "acquire", lambda own: lambda tx, name, **rest: own(tx, name, alive=lambda _: False, **rest)
    ),
    "test_a_stale_lease_changes_nothing": BelievesEveryLease,
    "test_a_reader_sees_one_state_and_nothing_that_is_not_committed": ReadsTheNewest,
    "test_a_store_that_is_opened_again_goes_on_where_it_was": lambda _: None,
    "test_the_ledger_verifies_at_every_step_and_every_state_begins_the_next": ChangesWhatItKept,
    "test_redaction_removes_what_was_said_and_keeps_every_proof": instead(store_suite, "redact", unrecorded),
}

FORGETS = "test_a_store_that_is_opened_again_goes_on_where_it_was"


def broken(check: str) -> type[StoreConformance]:
    breaking, opened = MUTANTS[check], itertools.count()

    class Broken(StoreConformance):
        def open_store(self, folder: Path, clock: Clock) -> Store:
            name = f"store-{next(opened)}" if check == FORGETS else "store"
            store: Any = Store.open(f"sqlite:///{folder}/{name}.db", clock=clock)
            return breaking(store) if isinstance(breaking, type) else store

    return Broken


@pytest.mark.parametrize("check", MUTANTS)
def test_a_bad_store_is_found_by_the_check_that_is_for_it(
    check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking = MUTANTS[check]
    if not isinstance(breaking, type):
        breaking(monkeypatch)
    (own,) = (one for one in checks_of(StoreConformance) if one.name == check)
    told = run_check(broken(check), own)
    assert told.found == "failed"
    assert told.reason


def test_every_check_has_a_bad_store_that_it_finds() -> None:
    assert set(MUTANTS) == {one.name for one in checks_of(StoreConformance)}
