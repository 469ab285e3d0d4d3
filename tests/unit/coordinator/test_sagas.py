"""What comes next of an undertaking is read from its rows, and done in the transaction that moves it."""

from __future__ import annotations

import pytest

from crossloop.coordinator import sagas
from crossloop.store import actions, decisions
from crossloop.store.decisions import SagaKey
from crossloop.store.ledger.redaction import redact
from tests.support.trials import Ask, Trial
from tests.support.wayward import SAGA, Wayward, make_wayward, steps


@pytest.fixture
def ads(opened: Trial) -> Wayward:
    return make_wayward(opened)


def under_way(opened: Trial) -> list[SagaKey]:
    return opened.store.read(decisions.sagas)


def test_a_decision_that_is_no_step_belongs_to_no_undertaking(opened: Trial) -> None:
    opened.ask(Ask())
    assert {sagas.key_of(one) for one in opened.store.read(decisions.listing)} == {None}
    assert under_way(opened) == []


def test_only_what_is_not_over_is_under_way(opened: Trial, ads: Wayward) -> None:
    ads.lost = {"C2"}
    said = opened.said(*steps())
    opened.publish(said, opened.said(*steps(pin="560002")[:1]))
    (key,) = under_way(opened)
    assert key == SagaKey(said.id, "marketing", SAGA)
    assert opened.store.read(lambda read: decisions.sagas(read, signal=said.id)) == [key]
    assert not opened.store.read(lambda read: sagas.is_over(read, key))
    assert opened.store.read(sagas.due) == []
    made = opened.store.read(lambda read: decisions.of_saga(read, key))
    assert [one.step for one in made] == [0, 1, 2]


def test_moving_on_what_waits_changes_nothing(opened: Trial, ads: Wayward) -> None:
    ads.lost = {"C2"}
    opened.ask(*steps())
    (key,) = under_way(opened)
    before = opened.store.read(lambda read: read.head())
    assert opened.store.write(lambda tx: sagas.advance(tx, key, opened.policy)) == []
    assert opened.store.read(lambda read: read.head()) == before


def test_two_undertakings_of_one_answer_are_moved_on_apart(opened: Trial, ads: Wayward) -> None:
    ads.refused = {"C2"}
    first, second, _ = steps()
    third = Ask(campaign="C4", saga="summer_sale")
    opened.ask(first, second, third)
    assert opened.restrictions() == ["C4 560001"]


def test_a_step_whose_decision_was_removed_is_dropped(opened: Trial, ads: Wayward) -> None:
    ads.lost = {"C1"}
    opened.ask(*steps())
    (key,) = under_way(opened)
    *_, last = opened.store.read(lambda read: decisions.of_saga(read, key))
    middle = opened.store.read(lambda read: decisions.of_saga(read, key))[1]
    opened.store.write(lambda tx: redact(tx, middle.entry, "asked for"))
    ads.lost, ads.blind = set(), False
    opened.publish()
    rows = [
        opened.store.read(lambda read, one=one: actions.for_decision(read, one.id)) for one in (middle, last)
    ]
    assert [some[0].state for some in rows] == ["dropped", "dropped"]
    assert opened.restrictions() == []


def test_what_waits_for_its_turn_is_withdrawn_when_the_condition_is_over(opened: Trial, ads: Wayward) -> None:
    ads.lost = {"C1"}
    said = opened.said(*steps())
    opened.publish(said)
    opened.publish(opened.over(said.correlation_id))
    made = [one for one in opened.store.read(decisions.listing) if one.saga is not None]
    states = {
        one.step: opened.store.read(lambda read, one=one: actions.for_decision(read, one.id))[0].state
        for one in made
    }
    assert states == {0: "unknown", 1: "dropped", 2: "dropped"}


def test_a_step_in_shadow_is_recorded_and_nothing_is_planned(opened: Trial) -> None:
    opened.coordinator.policy = opened.policy.in_shadow()
    opened.coordinator._working = None
    opened.ask(*steps())
    assert opened.store.read(lambda read: actions.find(read, "act_")) == []
    assert under_way(opened) == []
