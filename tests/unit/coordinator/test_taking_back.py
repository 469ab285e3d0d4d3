"""Taking back is read from the store each time, and left to whoever works under the rules in force."""

from __future__ import annotations

from typing import Any

import pytest

from crossloop.coordinator import sagas
from crossloop.coordinator.taking_back import take_back
from crossloop.store import actions, decisions
from crossloop.store.ledger.redaction import redact
from tests.support.trials import Trial, policy
from tests.support.wayward import Wayward, make_wayward, steps


@pytest.fixture
def ads(opened: Trial) -> Wayward:
    return make_wayward(opened)


@pytest.fixture
def broken(opened: Trial, ads: Wayward, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """An undertaking whose third step failed, of which nothing was taken back yet."""

    async def later(*_: object) -> list[Any]:
        return []

    with monkeypatch.context() as not_yet:
        not_yet.setattr("crossloop.coordinator.runtime.take_back", later)
        ads.refused = {"C3"}
        opened.ask(*steps())
    return opened


def work(opened: Trial, **changes: Any) -> Any:
    runtime = opened.runtime(**changes)
    return opened.wait(
        take_back(runtime.store, runtime.company.adapters, runtime._executor, runtime.policy, runtime.lease)
    )


def test_the_last_step_in_force_is_due_first(broken: Trial) -> None:
    (due,) = broken.store.read(sagas.due)
    row = broken.store.read(lambda read: actions.get(read, due.action.key))
    assert row is not None
    assert "/C2/" in row.resource
    assert due.because == "step 2 of spring_sale, cut, was failed"


def test_everything_due_is_taken_back_until_nothing_is(broken: Trial, ads: Wayward) -> None:
    receipts = work(broken)
    assert [one.outcome for one in receipts] == ["done", "done"]
    assert ads.performed[-2:] == ["lift C2", "lift C1"]
    assert broken.store.read(sagas.due) == []
    assert work(broken) == []


def test_who_works_under_other_rules_takes_nothing_back(broken: Trial, ads: Wayward) -> None:
    other = policy(("respond_within: 24h", "respond_within: 23h"))
    assert work(broken, policy=other) == []
    assert not any(one.startswith("lift") for one in ads.performed)


def test_what_was_removed_from_the_ledger_is_for_a_person_to_take_back(broken: Trial) -> None:
    (due,) = broken.store.read(sagas.due)
    decision = broken.store.read(lambda read: decisions.get(read, due.action.decision_id))
    assert decision is not None
    broken.store.write(lambda tx: redact(tx, decision.entry, "asked for"))
    assert work(broken) == []
    (incident,) = broken.coordinator.incidents(state="open")
    assert "removed from the ledger" in str(incident["because"])


def test_a_system_that_fails_to_say_how_is_an_incident_and_stops_nobody_else(
    broken: Trial, ads: Wayward, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_: object) -> None:
        raise KeyError("defect")

    monkeypatch.setattr(ads, "undo_request", defect)
    assert work(broken) == []
    (incident,) = broken.coordinator.incidents(state="open")
    assert "KeyError: 'defect'" in str(incident["because"])


def test_a_system_that_takes_nothing_back_says_so(broken: Trial, ads: Wayward, monkeypatch: Any) -> None:
    can = ads.capabilities.model_copy(update={"undo": False})
    monkeypatch.setattr(Wayward, "capabilities", can)
    work(broken)
    (incident,) = broken.coordinator.incidents(state="open")
    assert "ads takes nothing back" in str(incident["because"])


def test_what_governance_does_not_permit_is_an_incident(
    broken: Trial, ads: Wayward, monkeypatch: Any
) -> None:
    def elsewhere(request: Any, _performed: Any) -> Any:
        return request.model_copy(update={"resource": "erp/invoice/1"})

    monkeypatch.setattr(ads, "undo_request", elsewhere)
    work(broken)
    (incident,) = broken.coordinator.incidents(state="open")
    assert "what is to take it back is on erp/invoice/1" in str(incident["because"])
