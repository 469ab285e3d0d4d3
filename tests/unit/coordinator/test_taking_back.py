"""Taking back is read from the store each time, and left to whoever works under the rules in force."""

from __future__ import annotations

from typing import Any

import pytest

from crossloop.coordinator import sagas
from crossloop.coordinator.taking_back import take_back
from crossloop.ids import CaseId
from crossloop.store import actions, decisions
from crossloop.store.ledger.redaction import redact
from tests.support.executing import rewrite
from tests.support.trials import Ask, Trial, lift, policy
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
        not_yet.setattr("crossloop.coordinator.in_step.take_back", later)
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


FORGERIES = (
    "UPDATE actions SET reference = 'r-9' WHERE id = :key",
    "UPDATE actions SET reference = CAST(zeroblob(301) AS TEXT) WHERE id = :key",
    "UPDATE actions SET resource = 'ads/campaign/C9' WHERE id = :key",
)


@pytest.mark.parametrize("statement", FORGERIES)
def test_a_step_whose_row_the_ledger_does_not_bear_out_is_not_taken_back(
    broken: Trial, ads: Wayward, statement: str
) -> None:
    (due,) = broken.store.read(sagas.due)
    broken.tamper(statement, key=due.action.key)
    asked: list[Any] = []
    ads.undo_request = lambda *it: asked.append(it)  # pyright: ignore[reportAttributeAccessIssue]
    assert work(broken) == []
    (incident,) = broken.coordinator.incidents(state="open")
    assert "its rows say something else than the ledger" in str(incident["because"])
    assert "crossloop ledger verify" in str(incident["because"])
    assert (asked, [one for one in ads.performed if one.startswith("lift")]) == ([], [])


def test_a_row_that_is_changed_while_its_system_is_asked_is_not_taken_back(
    broken: Trial, ads: Wayward
) -> None:
    (due,) = broken.store.read(sagas.due)
    asked = broken.store.read(lambda read: sagas.answered(read, due, broken.company.adapters))
    assert asked.request is not None
    broken.tamper("UPDATE actions SET reference = 'r-9' WHERE id = :key", key=due.action.key)
    assert broken.store.write(lambda tx: sagas.take_back(tx, [asked], broken.policy)) == ([], 1)
    assert len(broken.coordinator.incidents(state="open")) == 1


def test_a_step_that_did_not_fail_takes_nothing_back(opened: Trial, ads: Wayward) -> None:
    ads.lost = {"C3"}
    opened.ask(*steps())
    opened.tamper("UPDATE actions SET state = 'failed' WHERE state = 'unknown'")
    opened.publish()
    told = [str(one["because"]) for one in opened.coordinator.incidents(state="open")]
    assert any("its rows say something else than the ledger" in one for one in told)
    assert not any(one.startswith("lift") for one in ads.performed)


def test_a_reference_that_no_entry_tells_of_any_more_and_that_is_none_is_an_incident(
    broken: Trial, ads: Wayward
) -> None:
    (due,) = broken.store.read(sagas.due)
    assert due.action.finished is not None
    receipt = due.action.finished
    broken.store.write(lambda tx: redact(tx, receipt, "asked for"))
    forged = "UPDATE actions SET reference = :it WHERE id = :key"
    broken.store.write(lambda tx: tx.execute(forged, it="r" * 301, key=due.action.key))
    assert work(broken) == []
    (incident,) = broken.coordinator.incidents(state="open")
    assert "its reference is none that a system gives" in str(incident["because"])


def test_a_decision_that_does_not_say_what_a_decision_says_is_for_a_person(
    broken: Trial, ads: Wayward
) -> None:
    (due,) = broken.store.read(sagas.due)
    row = broken.store.read(lambda read: decisions.get(read, due.action.decision_id))
    assert row is not None
    rewrite(broken.store, "decision", lambda body: body.pop("proposal"), at=row.entry)
    broken.tampered.append("a decision")
    assert work(broken) == []
    (incident,) = broken.coordinator.incidents(state="open")
    assert "decision, does not say what such an entry says" in str(incident["because"])


def test_what_is_due_is_found_by_the_next_work_though_a_row_hides_it(broken: Trial, ads: Wayward) -> None:
    hidden = "UPDATE actions SET back_due = 0 WHERE back_due = 1"
    assert broken.store.write(lambda tx: tx.execute(hidden)) == 1
    assert broken.store.read(sagas.due) == []
    broken.publish()
    assert ads.performed[-2:] == ["lift C2", "lift C1"]
    assert broken.store.read(sagas.misnoted) == []


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


@pytest.mark.parametrize("operation", [None, "zzz"])
def test_a_request_that_takes_nothing_back_is_never_performed(
    broken: Trial, ads: Wayward, monkeypatch: Any, operation: str | None
) -> None:
    def again(request: Any, _performed: Any) -> Any:
        return request if operation is None else request.model_copy(update={"operation": operation})

    monkeypatch.setattr(ads, "undo_request", again)
    performed = list(ads.performed)
    assert work(broken) == []
    (incident,) = broken.coordinator.incidents(state="open")
    said = "the same request" if operation is None else "'zzz', which is none of its operations"
    assert incident["kind"] == "not_compensated"
    assert said in str(incident["because"])
    assert ads.performed == performed


@pytest.mark.parametrize("resource", ["ads/campaign/C9", "ads/campaign/C2"])
def test_a_request_on_something_else_than_was_changed_is_never_performed(
    broken: Trial, ads: Wayward, monkeypatch: Any, resource: str
) -> None:
    def elsewhere(request: Any, _performed: Any) -> Any:
        return request.model_copy(update={"resource": resource, "operation": "lift"})

    monkeypatch.setattr(ads, "undo_request", elsewhere)
    assert work(broken) == []
    (incident,) = broken.coordinator.incidents(state="open")
    assert f"what is to take it back is on {resource}" in str(incident["because"])
    assert not any(one.startswith("lift") for one in ads.performed)


def test_a_system_that_cannot_say_what_it_promises_stops_its_own_undertakings_only(
    broken: Trial, ads: Wayward, monkeypatch: Any
) -> None:
    def defect(_: object) -> None:
        raise KeyError("defect")

    with monkeypatch.context() as defective:
        defective.setattr(Wayward, "capabilities", property(defect))
        assert work(broken) == []
        (receipt,) = broken.ask(Ask(campaign="C9")).receipts
        assert receipt.outcome == "done"
    (incident,) = broken.coordinator.incidents(state="open")
    assert "ads takes nothing back" in str(incident["because"])


def test_when_the_department_takes_it_back_itself_nobody_has_to_look_any_more(
    broken: Trial, ads: Wayward
) -> None:
    ads.for_good = {"C2"}
    work(broken)
    (incident,) = broken.coordinator.incidents(state="open")
    row = broken.store.read(lambda read: actions.get(read, str(incident["action"])))
    assert row is not None
    report = broken.publish(broken.over(CaseId(row.case), lift(row.key, row.reference, campaign="C2")))
    assert [one.outcome for one in report.receipts] == ["done", "done"]
    assert ads.performed[-2:] == ["lift C2", "lift C1"]
    assert broken.coordinator.incidents(state="open") == []
    closed: Any = broken.coordinator.incident(str(incident["id"]))["closed"]
    assert (closed["person"], closed["happened"]) == (None, True)
    assert closed["reason"] == f"{report.receipts[0].action_key} took it back: take_back of marketing"
    told = [one for one in broken.entries("notice") if one["kind"] == "incident_closed"]
    assert [one["recipients"] for one in told] == [["asha", "logistics", "marketing"]]


def test_a_step_that_took_a_change_back_is_not_taken_back_by_a_machine(opened: Trial, ads: Wayward) -> None:
    (done,) = opened.ask(Ask(campaign="C5")).receipts
    ads.refused = {"C1"}
    back = lift(
        done.action_key, done.reference, campaign="C5", intervention="cut", saga="spring_sale", share=0.01
    )
    opened.ask(back, steps()[0])
    assert ads.performed == ["suppress_cod C5", "lift C5"]
    (incident,) = opened.coordinator.incidents(state="open")
    assert f"it took {done.action_key} back itself" in str(incident["because"])
