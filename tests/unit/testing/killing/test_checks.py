"""The checks find what they are there for: each is shown something wrong, and something right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crossloop.coordinator.holding import NAME
from crossloop.ids import ActionKey, Resource
from crossloop.signals import ActionRequest
from crossloop.store import Store, inbox, leases
from crossloop.store.ledger.merkle import Frontier
from crossloop.testing.killing import checks
from crossloop.testing.killing.checks import Recorded
from crossloop.testing.ledger import Asked, Ledger, Permitted
from crossloop.testing.systems import Effect
from tests.support import trials
from tests.support.stores import LATER, START, admit, open_store
from tests.support.trials import Ask

REQUEST = ActionRequest(system="ads", operation="change", resource=Resource("ads/campaign/1"))
EFFECT = Effect("ads", ActionKey("act_1"), REQUEST, "ads-0", START, START)
GOOD = Permitted(
    entry=3,
    key="act_1",
    decision="dec_1",
    digest=REQUEST.digest(),
    named=REQUEST.digest(),
    expires_at=LATER,
    approval=None,
    started=4,
    receipt=5,
    outcome="done",
    told=("done",),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.db") as opened:
        yield opened


def recorded(*permits: Permitted) -> Recorded:
    ledger = Ledger()
    ledger.by_key = {one.key: one for one in permits}
    return Recorded(ledger)


def test_an_effect_that_was_permitted_and_begun_is_well() -> None:
    assert checks.after_a_death(recorded(GOOD), [EFFECT], []) == []


@pytest.mark.parametrize(
    ("permits", "invariant"),
    [
        ([], 3),
        ([replace(GOOD, digest="other")], 3),
        ([replace(GOOD, named="other")], 3),
        ([replace(GOOD, expires_at=START - timedelta(seconds=1))], 3),
        ([replace(GOOD, started=None)], 2),
    ],
)
def test_an_effect_that_was_not_permitted_so_is_a_violation(permits: list[Permitted], invariant: int) -> None:
    assert [one.invariant for one in checks.after_a_death(recorded(*permits), [EFFECT], [])] == [invariant]


def test_a_second_effect_of_a_key_is_a_violation() -> None:
    others = [replace(EFFECT, key=ActionKey("act_2")), replace(EFFECT, system="crm")]
    assert not list(checks.doubled([EFFECT, *others]))
    assert [one.where for one in checks.doubled([EFFECT, *others, EFFECT])] == ["act_1"]


def test_what_was_acknowledged_and_is_not_there_is_lost() -> None:
    known = recorded()
    known.ledger.received["sig_1"] = 0
    assert [one.where for one in checks.after_a_death(known, [], ["sig_1", "sig_2"])] == ["sig_2"]


def test_whatever_has_not_come_to_its_end_is_stuck(store: Store) -> None:
    unfinished = [
        replace(GOOD, key="act_2", receipt=None),
        replace(GOOD, key="act_3", receipt=None, started=None),
    ]
    known = recorded(GOOD, *unfinished)
    known.ledger.moves = {
        "sig_1": [inbox.RECEIVED, inbox.DECIDED, inbox.FINISHED],
        "sig_2": [inbox.RECEIVED],
        "sig_3": [inbox.RECEIVED, inbox.DECIDED],
    }
    known.ledger.asked = {
        "apr_1": Asked(0, "dec_1", (), 1, state="approved"),
        "apr_2": Asked(0, "dec_2", (), 1),
    }
    found = {one.where for one in checks.stuck(store, known)}
    assert found == {"sig_2", "sig_3", "act_2", "act_3", "apr_2"}


def test_a_ledger_is_read_on_from_where_it_was_read_to(store: Store) -> None:
    known = Recorded()
    for name in ("sig_1", "sig_2"):
        store.write(lambda tx, name=name: admit(tx, name))
        assert known.read_on(store) == []
    assert set(known.ledger.received) == {"sig_1", "sig_2"}
    assert known.frontier.size == len(known.ledger.entries) == store.read(lambda read: read.head().size)


def test_a_ledger_that_does_not_begin_as_it_did_is_found(store: Store, tmp_path: Path) -> None:
    known = Recorded()
    store.write(lambda tx: (admit(tx, "sig_1"), admit(tx, "sig_2")))
    known.read_on(store)
    with open_store(tmp_path / "other.db") as other:
        other.write(lambda tx: admit(tx, "sig_1"))
        assert [one.invariant for one in known.read_on(other)] == [7], "it is shorter"
        other.write(lambda tx: (admit(tx, "sig_3"), admit(tx, "sig_4")))
        assert [one.invariant for one in known.read_on(other)] == [7], "it is another one"


def test_a_reader_of_the_tail_that_meets_another_entry_than_the_next_one_finds_it(store: Store) -> None:
    known = Recorded()
    store.write(lambda tx: (admit(tx, "sig_1"), admit(tx, "sig_2")))

    class Skips:
        """With the bug that is planted here: a reader of this store does not see the first entry."""

        def read(self, work: Any) -> Any:
            return store.read(lambda read: work(SimpleNamespace(head=read.head, entries=skipping(read))))

    def skipping(read: Any) -> Any:
        return lambda start: list(read.entries(start))[1:]

    skips: Any = Skips()
    assert 8 in {one.invariant for one in known.read_on(skips)}


def test_who_was_followed_is_not_let_in_and_whoever_lets_them_in_is_found(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for owner in ("one", "two"):
        assert checks.followed(store) == [], "nobody has followed anybody"
        store.write(
            lambda tx, owner=owner: leases.acquire(
                tx, NAME, owner=owner, ttl=timedelta(seconds=30), alive=lambda _: False
            )
        )
    assert checks.followed(store) == []
    before = store.read(lambda read: read.head())
    monkeypatch.setattr("crossloop.store.writer.leases.check", lambda _read, _lease: None)
    assert [one.invariant for one in checks.followed(store)] == [9]
    assert store.read(lambda read: read.head()) == before, "the attempt leaves nothing"


def test_at_the_end_what_the_store_counts_is_compared_with_the_ledger(tmp_path: Path) -> None:
    with trials.trial(tmp_path) as opened:
        opened.ask(Ask(share=0.05))
        known = Recorded()
        assert known.read_on(opened.store) == []

        def found() -> set[int]:
            effects = checks.at_the_end(opened.store, known, [], [])
            return {one.invariant for one in effects} - {2}  # the trial's systems are not shown

        assert found() == set()
        opened.store.write(lambda tx: tx.execute("UPDATE impact_totals SET amount = '1'"))
        assert 6 in found()


def test_at_the_end_every_invariant_that_one_run_can_violate_is_checked(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[Any] = []
    monkeypatch.setattr(checks.invariants, "check", lambda _, *given: checked.append(given) or [])
    checks.at_the_end(store, Recorded(), [], [])
    assert checked == [()], "no invariant is left out"


def test_at_the_end_a_store_that_is_well_is_found_well(store: Store) -> None:
    known = Recorded()
    signal = {"signal": "sig_1"}
    store.write(
        lambda tx: (
            admit(tx, "sig_1"),
            inbox.decided(tx, "sig_1", signal),
            inbox.finished(tx, "sig_1", signal),
        )
    )
    known.read_on(store)
    assert checks.at_the_end(store, known, [], ["sig_1"]) == []
    assert checks.stuck(store, known) == []


def test_at_the_end_what_is_recorded_twice_or_does_not_verify_is_found(store: Store) -> None:
    known = Recorded()
    store.write(lambda tx: admit(tx, "sig_1"))
    known.read_on(store)
    known.frontier = Frontier()  # it is read once more
    known.read_on(store)
    assert {one.invariant for one in checks.at_the_end(store, known, [], [])} >= {5}
    store.write(lambda tx: tx.execute("UPDATE entries SET kind = 'another'"))
    assert {one.invariant for one in checks.at_the_end(store, known, [], [])} >= {7}


def test_at_the_end_a_receipt_that_is_not_true_is_found(store: Store) -> None:
    for permit, effects in ((GOOD, []), (replace(GOOD, outcome="failed"), [EFFECT])):
        found = checks.at_the_end(store, recorded(permit), effects, [])
        assert [one.what for one in found if "a receipt says" in one.what]
