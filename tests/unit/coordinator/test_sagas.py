"""What comes next of an undertaking is read from its rows, and done in the transaction that moves it."""

from __future__ import annotations

from typing import Any

import pytest

from crossloop.coordinator import sagas
from crossloop.governance import PermitRefused
from crossloop.store import Read, actions, approvals, decisions, inbox
from crossloop.store.decisions import DecisionRow, SagaKey
from crossloop.store.ledger.redaction import redact
from tests.support.executing import rewrite
from tests.support.trials import Ask, Trial, lift
from tests.support.wayward import SAGA, Wayward, make_wayward, steps


@pytest.fixture
def ads(opened: Trial) -> Wayward:
    return make_wayward(opened)


def under_way(opened: Trial) -> list[SagaKey]:
    """The undertakings of signals that are not finished."""

    def found(read: Read) -> list[SagaKey]:
        signals = {one.signal_id for one in decisions.listing(read)}
        rows = [inbox.get(read, one) for one in signals]
        waiting = [row.id for row in rows if row is not None and row.state != "finished"]
        return [key for one in waiting for key in decisions.sagas(read, one)]

    return opened.store.read(found)


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
    assert opened.store.read(lambda read: decisions.sagas(read, said.id)) == [key]
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
    (told,) = [one for one in opened.entries("notice") if one["decision_id"] == middle.id]
    assert (told["kind"], told["recipients"]) == ("dropped", ["logistics", "marketing"])
    assert told["text"] == "Not done: cut, what was decided was removed from the ledger."


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


# What cannot be permitted.


def first_in_doubt(opened: Trial, ads: Wayward, *changes: Ask) -> list[str]:
    """Begin an undertaking that waits for what became of its first step, and return the keys of all steps."""
    ads.lost = {"C1"}
    said = opened.said(*changes)
    opened.publish(said)
    made = opened.store.read(lambda read: decisions.for_signal(read, said.id))
    rows = [opened.store.read(lambda read, one=one: actions.for_decision(read, one.id)) for one in made]
    return [row.key for some in rows for row in some]


def go_on(opened: Trial, ads: Wayward) -> None:
    """Let the drain find that the first step was done."""
    ads.lost, ads.blind = set(), False
    opened.publish()


def states_of(opened: Trial, keys: list[str]) -> list[str]:
    rows = [opened.store.read(lambda read, key=key: actions.get(read, key)) for key in keys]
    return ["" if row is None else row.state for row in rows]


def test_a_yes_that_nobody_gave_is_not_acted_on_and_the_undertaking_is_taken_back(
    opened: Trial, ads: Wayward
) -> None:
    first, second, third = steps()
    keys = first_in_doubt(opened, ads, first, second.model_copy(update={"share": 0.2}), third)
    opened.tamper("UPDATE approvals SET state = 'approved', person = 'asha' WHERE state = 'waiting'")
    for place, person in enumerate(("asha", "ravi")):
        opened.tamper(
            "INSERT INTO approval_votes (key, approval_key, person) SELECT :key, key, :person FROM approvals",
            key=900_000 + place,
            person=person,
        )
    go_on(opened, ads)
    assert states_of(opened, keys) == ["compensated", "dropped", "dropped"]
    assert ads.performed == ["suppress_cod C1", "lift C1"]
    told = [one["text"] for one in opened.entries("notice") if one["kind"] == "dropped"]
    assert "its approval says something else than the ledger" in told[0]
    assert "crossloop ledger verify" in told[0]


def test_a_step_whose_decision_lacks_a_part_ends_and_the_receipt_of_its_neighbour_is_written(
    opened: Trial, ads: Wayward
) -> None:
    keys = first_in_doubt(opened, ads, *steps())
    second = opened.store.read(lambda read: actions.get(read, keys[1]))
    assert second is not None
    row = opened.store.read(lambda read: decisions.get(read, second.decision_id))
    assert row is not None
    rewrite(opened.store, "decision", lambda body: body.pop("verdict"), at=row.entry)
    opened.tampered.append("a decision")
    go_on(opened, ads)
    assert states_of(opened, keys) == ["compensated", "dropped", "dropped"]
    told = [one["text"] for one in opened.entries("notice") if one["kind"] == "dropped"]
    assert "does not say what such an entry says: 'verdict' is missing" in told[0]


def test_a_step_that_was_dropped_and_set_back_is_not_permitted(opened: Trial, ads: Wayward) -> None:
    keys = first_in_doubt(opened, ads, *steps())
    opened.store.write(lambda tx: actions.drop(tx, keys[1], "it is over"))
    opened.tamper("UPDATE actions SET state = 'planned', dropped = NULL WHERE id = :key", key=keys[1])
    go_on(opened, ads)
    assert states_of(opened, keys)[1:] == ["dropped", "dropped"]
    assert "suppress_cod C2" not in ads.performed


def test_a_step_that_governance_does_not_permit_ends_and_the_receipt_of_its_neighbour_is_written(
    opened: Trial, ads: Wayward, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = first_in_doubt(opened, ads, *steps())

    def refused(*_: object, **__: object) -> None:
        raise PermitRefused("it is not granted.")

    monkeypatch.setattr(sagas, "permit_for", refused)
    go_on(opened, ads)
    assert states_of(opened, keys) == ["compensated", "dropped", "dropped"]
    told = [one["text"] for one in opened.entries("notice") if one["kind"] == "dropped"]
    assert told[0] == "Not done: cut, it is not permitted: it is not granted."
    assert len(told) == 2


def test_a_step_that_would_take_back_what_was_taken_back_meanwhile_ends(opened: Trial, ads: Wayward) -> None:
    (done,) = opened.ask(Ask(campaign="C5")).receipts
    back = lift(done.action_key, done.reference, campaign="C5", intervention="cut", saga=SAGA, share=0.01)
    keys = first_in_doubt(opened, ads, steps()[0], back)
    opened.store.write(lambda tx: actions.compensate(tx, done.action_key, None))
    go_on(opened, ads)
    assert states_of(opened, keys) == ["compensated", "dropped"]
    assert "lift C5" not in ads.performed


def test_moving_on_reads_each_step_once_however_many_are_dropped(
    opened: Trial, ads: Wayward, monkeypatch: pytest.MonkeyPatch
) -> None:
    ads.refused = {"C1"}
    asked = tuple(Ask(campaign=f"C{number}", saga=SAGA) for number in range(1, 13))
    read: list[str] = []
    loaded = sagas._loaded

    def counted(store: Read, decision: DecisionRow) -> object:
        read.append(decision.id)
        return loaded(store, decision)

    monkeypatch.setattr(sagas, "_loaded", counted)
    opened.ask(*asked)
    assert max(read.count(one) for one in read) <= 8


def test_nothing_is_read_of_undertakings_that_wait(
    opened: Trial, ads: Wayward, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_in_doubt(opened, ads, *steps())
    with monkeypatch.context() as none_read:
        none_read.setattr(sagas, "_steps", None)
        assert opened.store.read(sagas.due) == []
    assert len(under_way(opened)) == 1


def test_what_somebody_else_was_to_take_back_is_due_when_that_comes_to_nothing(
    opened: Trial, ads: Wayward
) -> None:
    first, second, third = steps()
    ads.lost = {"C3"}
    said = opened.said(first, second, third)
    opened.publish(said)
    made = opened.store.read(lambda read: decisions.for_signal(read, said.id))
    (row,) = opened.store.read(lambda read: actions.for_decision(read, made[1].id))
    held = lift(row.key, row.reference, campaign="C2", confidence=0.7)
    opened.publish(opened.over(said.correlation_id, held))
    (asked,) = [one for one in opened.store.read(approvals.listing) if one.state == "waiting"]
    (doubt,) = opened.coordinator.incidents(state="open")
    ads.lost = set()
    close: Any = {"person": "asha", "reason": "it is not there", "asserted": "test"}
    opened.coordinator.close_incident(str(doubt["id"]), happened=False, **close)
    assert ads.performed[-1] != "lift C2"
    opened.coordinator.answer(asked.id, person="asha", decision="reject", reason="no", asserted="test")
    assert ads.performed[-2:] == ["lift C2", "lift C1"]
    assert opened.state(said) == "finished"
