"""What people are told about an incident, and what closing one takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crossloop.console import approvals, incidents, listing, options
from crossloop.coordinator import Coordinator
from crossloop.coordinator.incidents import open_
from crossloop.errors import InputError
from crossloop.store import actions, decisions
from tests.support.trials import UNHEARD, Ask, Trial, trial
from tests.support.wayward import make_wayward


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Trial]:
    with trial(tmp_path) as found:
        make_wayward(found).lost = {"C1"}
        found.ask(Ask())
        yield found


@pytest.fixture
def id(opened: Trial) -> str:
    (one,) = opened.coordinator.incidents()
    return str(one["id"])


def ran(opened: Trial, app: Any, *arguments: str) -> Any:
    url = f"sqlite:///{opened.path}/store.db"
    environment = {"COLUMNS": "100", "NO_COLOR": "1"}
    return CliRunner().invoke(app, [*arguments, "--store", url], env=environment)


def said(opened: Trial, *arguments: str, app: Any = incidents.app) -> str:
    done = ran(opened, app, *arguments)
    assert done.exit_code == 0, done.output
    return " ".join(done.stdout.split())


def test_an_open_one_says_what_to_find_out_where_and_how_to_say_it(opened: Trial, id: str) -> None:
    assert f"{id} open: cut" in said(opened, "list")
    assert "Was it done? it may have been carried out before" in said(opened, "list")
    shown = said(opened, "show", id)
    assert "Where: ads, suppress_cod, under the key act_" in shown
    assert f"incidents close {id} --happened --reference '…' --reason '…' --as asha" in shown
    assert f"incidents close {id} --did-not-happen --reason '…' --as asha" in shown


def test_a_closed_one_says_who_found_what(opened: Trial, id: str) -> None:
    opened.coordinator.close_incident(
        id, person="asha", happened=True, reference="r-1", reason="it is there", asserted="test"
    )
    shown = said(opened, "show", id)
    assert "It is known there as r-1." in shown
    assert "asha found out, 2025-03-01 15:00 Asia/Kolkata: yes. it is there" in shown
    assert "Who closes it" not in shown
    assert f"{id} closed: cut" in said(opened, "list", "--state", "closed")
    assert said(opened, "list", "--state", "open") == "Nothing has to be looked into."


def test_as_json_it_is_what_the_coordinator_shows(opened: Trial, id: str) -> None:
    assert json.loads(said(opened, "show", id, "--json")) == opened.coordinator.incident(id)
    assert json.loads(said(opened, "list", "--json")) == {"incidents": opened.coordinator.incidents()}


def test_a_state_that_there_is_not_is_refused(opened: Trial) -> None:
    refused = ran(opened, incidents.app, "list", "--state", "done")
    assert isinstance(refused.exception, InputError)


@pytest.mark.parametrize("as_json", [False, True])
def test_closing_says_what_became_of_the_action(
    opened: Trial, id: str, as_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def company(_store: str, **_: object) -> Iterator[Coordinator]:
        yield opened.coordinator

    monkeypatch.setattr(options, "company", company)
    arguments = ["close", id, "--did-not-happen", "--reason", "not there", "--as", "asha"]
    out = said(opened, *arguments, *(["--json"] if as_json else []))
    (one,) = opened.coordinator.incidents()
    if as_json:
        told = {"incident": id, "happened": False, "action_key": one["action"], "action_state": "failed"}
        assert json.loads(out) == {**told, "receipts": [], "incidents": []}
    else:
        assert out == f"{id}: closed {one['action']} is failed."


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ([], "what did you find?"),
        (["--happened", "--did-not-happen"], "it cannot be both"),
        (["--did-not-happen", "--happened"], "it cannot be both"),
    ],
)
def test_closing_needs_either_a_yes_or_a_no(opened: Trial, id: str, found: list[str], says: str) -> None:
    refused = ran(opened, incidents.app, "close", id, *found, "--reason", "x", "--as", "asha")
    assert isinstance(refused.exception, InputError)
    assert says in refused.exception.message


@pytest.mark.parametrize("as_json", [False, True])
def test_a_yes_whose_outcome_nobody_can_tell_ends_with_three_and_says_where_to_look(
    opened: Trial, as_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def company(_store: str, **_: object) -> Iterator[Coordinator]:
        yield opened.coordinator

    monkeypatch.setattr(options, "company", company)
    make_wayward(opened).lost = {"C2"}
    (asked,) = opened.ask(Ask(campaign="C2", share=0.2)).waiting
    known = {str(one["id"]) for one in opened.coordinator.incidents()}
    first = ran(opened, approvals.app, "approve", asked.approval_id, "--as", "asha", "--json")
    assert (first.exit_code, json.loads(first.stdout)["incidents"]) == (3, [])  # another one has to agree
    more = ["--json"] if as_json else []
    done = ran(opened, approvals.app, "approve", asked.approval_id, "--as", "ravi", *more)
    assert done.exit_code == 3, done.output
    (found,) = {str(one["id"]) for one in opened.coordinator.incidents()} - known
    if as_json:
        told = json.loads(done.stdout)
        assert (told["state"], told["incidents"]) == ("approved", [found])
        assert [one["outcome"] for one in told["receipts"]] == ["unknown"]
    else:
        said = " ".join(done.stdout.split())
        assert "asha has to look into it: Was it done?" in said
        assert f"crossloop incidents list --store sqlite:///{opened.path}/store.db" in said


@pytest.mark.parametrize("answer", ["approve", "close"])
def test_an_incident_of_somebody_elses_work_is_not_laid_at_the_door_of_an_answer(
    opened: Trial, id: str, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def company(_store: str, **_: object) -> Iterator[Coordinator]:
        yield opened.coordinator

    monkeypatch.setattr(options, "company", company)
    opened.ask(Ask(campaign="C2"))
    (asked,) = opened.ask(Ask(campaign="C3", share=0.2)).waiting
    (done,) = [row for row in opened.store.read(actions.in_force) if "/C2" in row.resource]
    follow = opened.coordinator._follow

    async def beside_others() -> Any:
        decision = opened.store.read(lambda read: decisions.get(read, done.decision_id))
        assert decision is not None
        because, policy = "elsewhere", opened.policy
        opened.store.write(lambda tx: open_(tx, done.key, "not_compensated", decision, because, policy))
        return await follow()

    monkeypatch.setattr(opened.coordinator, "_follow", beside_others)
    if answer == "approve":
        opened.coordinator.answer(asked.approval_id, person="asha", decision="approve", asserted="test")
        said = ran(opened, approvals.app, "approve", asked.approval_id, "--as", "ravi", "--json")
    else:
        found = ["--did-not-happen", "--reason", "not there", "--as", "asha", "--json"]
        said = ran(opened, incidents.app, "close", id, *found)
    assert (said.exit_code, json.loads(said.stdout)["incidents"]) == (0, [])
    assert done.key in {one["action"] for one in opened.coordinator.incidents(state="open")}


def test_a_no_that_has_steps_taken_back_names_the_one_that_nobody_could(
    opened: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    ads = make_wayward(opened)
    ads.lost, ads.kept = set(), {"C4"}
    first, held = Ask(campaign="C4", saga="sale"), Ask(campaign="C5", share=0.2, saga="sale")
    (asked,) = opened.ask(first, held).waiting
    given = opened.coordinator.answer(
        asked.approval_id, person="asha", decision="reject", reason="no", asserted="test"
    )
    (one,) = given.incidents
    assert opened.coordinator.incident(one)["kind"] == "not_compensated"


def test_a_signal_that_rests_says_whose_it_is_and_why(opened: Trial) -> None:
    unheard = opened.said(type=UNHEARD.name)
    opened.publish(unheard)
    assert unheard.id in said(opened, "--state", "parked", app=listing.signals)
    assert unheard.id in said(opened, "list", "--state", "parked", app=listing.signals)
    shown = said(opened, "show", unheard.id, app=listing.signals)
    assert "reason: no department listens to trial.unheard/1" in shown
    assert "whose: ravi" in shown
    told = json.loads(said(opened, "show", unheard.id[:12], "--json", app=listing.signals))
    assert (told["state"], told["people"], told["signal"]["id"]) == ("parked", ["ravi"], unheard.id)
