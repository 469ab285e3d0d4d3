"""``crossloop approvals``: what waits is answered by those who were asked, once, and then done once."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crossloop.clock import SystemClock
from crossloop.store import Store, decisions
from crossloop.store.ledger.redaction import redact
from tests.acceptance.conftest import Months
from tests.support import books, orders
from tests.support.asked import ONE, TWO, rules, waiting_for
from tests.support.console import LOOP, Done, warm
from tests.support.run_shape import check_approval, check_approvals, check_error


@pytest.fixture(scope="module")
def _alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return waiting_for(tmp_path_factory.mktemp("alone"), ONE)


@pytest.fixture(scope="module")
def _both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return waiting_for(tmp_path_factory.mktemp("both"), TWO)


@pytest.fixture
def alone(_alone: Path, tmp_path: Path) -> Path:
    """One change waits for asha."""
    return Path(shutil.copytree(_alone, tmp_path / "store"))


@pytest.fixture
def both(_both: Path, tmp_path: Path) -> Path:
    """One change waits for asha and ravi."""
    return Path(shutil.copytree(_both, tmp_path / "store"))


def approvals(folder: Path, *arguments: str) -> Done:
    return warm("approvals", *arguments, "--json", cwd=folder)


def question(folder: Path) -> dict[str, Any]:
    """The only question of a store."""
    found = approvals(folder, "list").expect(0).json
    check_approvals(found)
    (one,) = found["approvals"]
    return one


def listed(folder: Path) -> list[dict[str, Any]]:
    """Everything that waits or waited in a store."""
    found: list[dict[str, Any]] = approvals(folder, "list").expect(0).json["approvals"]
    return found


def test_what_waits_is_listed_with_all_that_an_answer_needs(both: Path) -> None:
    one = question(both)
    assert one["state"] == "waiting"
    assert one["from"] == ["asha", "ravi"]
    assert one["quorum"] == 2
    assert one["approved_by"] == []
    assert one["impact"]["share"] > 0
    assert one["action"]["resource"].startswith("ads/campaign/generic/")
    assert "come back" in one["evidence"]
    assert {option["intervention"] for option in one["options"]} >= {"suppress_cod", "reduce_bid", "exclude"}


def test_one_is_shown_by_its_id_or_the_beginning_of_it(both: Path) -> None:
    one = question(both)
    for identifier in (one["id"], one["id"][:12]):
        shown = approvals(both, "show", identifier).expect(0).json
        check_approval(shown)
        assert shown == one


@pytest.mark.parametrize("columns", [80, 120])
def test_one_screen_tells_action_evidence_alternatives_and_how_to_answer(both: Path, columns: int) -> None:
    one = question(both)
    out = warm("approvals", "show", one["id"], cwd=both, columns=columns).expect(0).out
    for said in (
        one["intervention"],
        "campaign generic in Rajasthan",
        "of the daily budget",
        "do_nothing",
        "← asked for",
        "Why you are asked",
        "2 must approve, so far nobody",
        "If nobody answers, nothing is done",
        f"crossloop approvals approve {one['id']} --as asha",
        f"crossloop approvals reject {one['id']} --as asha --reason",
    ):
        assert said in " ".join(out.split()), said
    lines = out.splitlines()
    assert len(lines) <= 40
    assert all(len(line) <= columns for line in lines if "crossloop" not in line)


def test_the_screen_of_an_escalation_tells_who_is_asked_when_nobody_answers(tmp_path: Path) -> None:
    unsure = ("act: 0.85, ask: 0.60", "act: 0.9999, ask: 0.9999")
    one = question(waiting_for(tmp_path, unsure))
    assert (one["from"], one["next"]["from"]) == (["asha"], ["ravi"])
    out = " ".join(warm("approvals", "show", one["id"], cwd=tmp_path).expect(0).out.split())
    until = datetime.fromisoformat(one["next"]["due_at"]).astimezone(ZoneInfo("Asia/Kolkata"))
    assert f"then ravi is asked, until {until:%Y-%m-%d %H:%M} Asia/Kolkata or later." in out
    assert "nothing is done" not in out


@pytest.mark.parametrize("columns", [80, 120])
def test_the_list_for_people_cuts_nothing_off(both: Path, columns: int) -> None:
    one = question(both)
    out = warm("approvals", "list", cwd=both, columns=columns).expect(0).out
    assert one["id"] in out
    assert "asha and ravi" in out
    assert "…" not in out
    assert all(len(line) <= columns for line in out.splitlines())


def test_a_question_that_is_too_old_ends_and_what_is_still_so_is_asked_again(
    asked: Path, months: Months
) -> None:
    """Other changes of the same area are in force meanwhile; they are left as they are."""
    (old,) = (one for one in listed(asked) if one["state"] == "waiting")
    later = warm("run", LOOP, *months.options, "--as-of", "2026-06-20", "--json", cwd=asked).expect(3).json
    assert {one["kind"] for one in later["notices"]} >= {"expired", "hold"}
    by_id = {one["id"]: one for one in listed(asked)}
    assert by_id[old["id"]]["state"] == "expired"
    assert "was valid until" in by_id[old["id"]]["ended"]["reason"]
    (new,) = (one for one in by_id.values() if one["state"] == "waiting")
    assert new["action"]["resource"] == old["action"]["resource"]
    assert datetime.fromisoformat(new["valid_until"]) > datetime.fromisoformat(old["valid_until"])
    again = warm("run", LOOP, *months.options, "--as-of", "2026-06-20", "--json", cwd=asked).expect(3).json
    assert (again["decisions"], again["looked_at_before"]) == ([], True)
    refused = warm("approvals", "approve", old["id"], "--as", "asha", "--json", cwd=asked).expect(2).json
    assert "was valid until" in check_error(refused)["message"]


def test_one_approval_is_enough_where_one_was_asked_and_it_is_done_at_once(alone: Path) -> None:
    one = question(alone)
    assert one["from"] == ["asha"]
    given = approvals(alone, "approve", one["id"], "--as", "asha").expect(0).json
    assert given["state"] == "approved"
    assert given["still_needed"] == 0
    assert [receipt["outcome"] for receipt in given["receipts"]] == ["done"]
    assert [key for key, *_ in books.effects(alone)] == [given["action_key"]]
    assert question(alone)["state"] == "approved"


def test_where_two_are_asked_nothing_is_done_before_both_have_approved(both: Path) -> None:
    one = question(both)
    first = approvals(both, "approve", one["id"], "--as", "asha").expect(3).json
    assert (first["state"], first["still_needed"], first["receipts"]) == ("waiting", 1, [])
    assert books.effects(both) == []
    assert question(both)["approved_by"] == ["asha"]
    second = approvals(both, "approve", one["id"], "--as", "ravi", "--reason", "agreed").expect(0).json
    assert second["state"] == "approved"
    assert len(books.effects(both)) == 1
    assert question(both)["approved_by"] == ["asha", "ravi"]


def test_nobody_approves_twice_to_stand_in_for_the_other(both: Path) -> None:
    one = question(both)
    approvals(both, "approve", one["id"], "--as", "asha").expect(3)
    refused = approvals(both, "approve", one["id"], "--as", "asha").expect(2)
    assert check_error(refused.json)["code"] == "approval.already_answered"
    assert books.effects(both) == []


@pytest.mark.parametrize(
    ("person", "code"), [("ravi", "approval.not_asked"), ("mallory", "approval.unknown_person")]
)
def test_who_was_not_asked_cannot_answer(person: str, code: str, alone: Path) -> None:
    one, before = question(alone), books.state(alone)
    for answer in (("approve", one["id"]), ("reject", one["id"], "--reason", "no")):
        refused = approvals(alone, *answer, "--as", person).expect(2)
        error = check_error(refused.json)
        assert error["code"] == code
        assert "asha" in error["next_step"], "who was asked is said"
    assert books.state(alone) == before


def test_an_answer_counts_once(alone: Path) -> None:
    one = question(alone)
    approvals(alone, "approve", one["id"], "--as", "asha").expect(0)
    before = books.state(alone)
    for answer in (("approve", one["id"]), ("reject", one["id"], "--reason", "changed my mind")):
        refused = approvals(alone, *answer, "--as", "asha").expect(2)
        assert check_error(refused.json)["code"] == "approval.already_answered"
    assert books.state(alone) == before


def test_one_rejection_ends_it_and_nothing_is_done(both: Path) -> None:
    one = question(both)
    approvals(both, "approve", one["id"], "--as", "asha").expect(3)
    given = approvals(both, "reject", one["id"], "--as", "ravi", "--reason", "sale week").expect(0).json
    assert (given["state"], given["receipts"], given["action_key"]) == ("rejected", [], None)
    refused = approvals(both, "approve", one["id"], "--as", "ravi").expect(2)
    assert check_error(refused.json)["code"] == "approval.already_answered"
    assert books.effects(both) == []
    assert question(both)["state"] == "rejected"


def test_a_rejection_says_why(alone: Path) -> None:
    one, before = question(alone), books.state(alone)
    for reason in ((), ("--reason", "  ")):
        refused = approvals(alone, "reject", one["id"], "--as", "asha", *reason).expect(2)
        assert "--reason" in check_error(refused.json)["next_step"]
    assert books.state(alone) == before


def test_an_unknown_id_is_refused_and_says_where_ids_are(alone: Path) -> None:
    for answer in (("show", "apr_zzz"), ("approve", "apr_zzz", "--as", "asha")):
        error = check_error(approvals(alone, *answer).expect(2).json)
        assert "apr_zzz" in error["message"]
        assert "approvals list" in error["next_step"]


def test_without_a_name_the_rules_must_know_the_user(alone: Path) -> None:
    error = check_error(approvals(alone, "approve", question(alone)["id"]).expect(2).json)
    assert error["field"] == "--as"
    assert "asha, ravi" in error["next_step"]


def test_other_rules_withdraw_an_old_question_and_say_so(alone: Path) -> None:
    one = question(alone)
    options = orders.write_company(alone, days=51)
    warm("run", LOOP, *options, "--governance", rules(alone, TWO), cwd=alone)
    refused = check_error(approvals(alone, "approve", one["id"], "--as", "asha").expect(2).json)
    assert refused["code"] == "approval.already_answered"
    assert "superseded, the rules changed" in refused["message"]
    found = {item["id"]: item["state"] for item in approvals(alone, "list").expect(0).json["approvals"]}
    assert found[one["id"]] == "superseded"
    assert books.effects(alone) == []


def test_a_question_whose_content_was_removed_is_listed_and_can_be_rejected(alone: Path) -> None:
    one = question(alone)
    with Store.open(f"sqlite:///{alone / 'crossloop.db'}", clock=SystemClock()) as store:
        found = store.read(lambda read: [row.entry for row in decisions.listing(read)])
        store.write(lambda tx: [redact(tx, entry, "asked for") for entry in found])
    (listed,) = approvals(alone, "list").expect(0).json["approvals"]
    assert (listed["id"], listed["redacted"], listed["action"]) == (one["id"], True, None)
    for shown in (("list",), ("show", one["id"])):
        assert "redacted" in warm("approvals", *shown, cwd=alone).expect(0).out
    refused = check_error(approvals(alone, "approve", one["id"], "--as", "asha").expect(2).json)
    assert "redacted" in refused["message"]
    said = approvals(alone, "reject", one["id"], "--as", "asha", "--reason", "unseen").expect(0).json
    assert said["state"] == "rejected"


def test_damaged_threads_stop_no_answer_and_a_directory_in_their_place_is_refused(alone: Path) -> None:
    one, threads = question(alone), alone / "crossloop-threads.db"
    kept = threads.rename(alone / "elsewhere.db")
    threads.mkdir()
    before = books.state(alone)
    refused = check_error(approvals(alone, "approve", one["id"], "--as", "asha").expect(2).json)
    assert "is a directory" in refused["message"]
    assert books.state(alone) == before
    threads.rmdir()
    threads.write_bytes(kept.read_bytes()[:5000])
    approvals(alone, "approve", one["id"], "--as", "asha").expect(0)
    assert len(books.effects(alone)) == 1
    assert (alone / "crossloop-threads.db.damaged-1").exists()


def test_the_database_of_somebody_else_in_the_place_of_the_threads_is_refused_and_not_touched(
    alone: Path,
) -> None:
    one, threads = question(alone), alone / "crossloop-threads.db"
    shutil.copyfile(alone / "crossloop.db", threads)  # the store of another company
    before = books.state(alone), threads.read_bytes()
    refused = check_error(approvals(alone, "approve", one["id"], "--as", "asha").expect(2).json)
    assert refused["code"] == "store.not_usable"
    assert str(threads) in refused["message"]
    assert "--store" in refused["next_step"]
    assert (books.state(alone), threads.read_bytes()) == before
    assert not list(alone.glob("*damaged*"))


def test_the_states_asked_for_are_listed(alone: Path) -> None:
    one = question(alone)
    approvals(alone, "approve", one["id"], "--as", "asha").expect(0)
    assert approvals(alone, "list", "--state", "waiting").expect(0).json["approvals"] == []
    found = approvals(alone, "list", "--state", "approved").expect(0).json["approvals"]
    assert [item["id"] for item in found] == [one["id"]]


def test_where_nothing_waits_the_list_says_so(tmp_path: Path) -> None:
    options = orders.write_company(tmp_path, days=40)
    warm("run", LOOP, *options, cwd=tmp_path).expect(0)
    assert "Nothing waits" in warm("approvals", "list", cwd=tmp_path).expect(0).out


def test_the_story_of_a_question_tells_who_was_asked_who_answered_and_what_followed(both: Path) -> None:
    one = question(both)
    approvals(both, "approve", one["id"], "--as", "asha").expect(3)
    approvals(both, "approve", one["id"], "--as", "ravi", "--reason", "agreed in the weekly").expect(0)
    story = warm("explain", one["id"], "--json", cwd=both).expect(0).json
    assert set(story) >= {"case", "steps"}
    for step in story["steps"]:
        assert set(step) >= {"entry", "at", "kind", "who", "what", "because"}
    kinds = [step["kind"] for step in story["steps"]]
    for kind in (
        "signal.received",
        "decision",
        "approval.requested",
        "approval.answered",
        "permit",
        "receipt",
    ):
        assert kind in kinds
    assert kinds.index("approval.requested") < kinds.index("approval.answered") < kinds.index("receipt")
    told = warm("explain", one["id"], cwd=both, columns=80).expect(0).out
    assert "agreed in the weekly" in " ".join(told.split())
    assert all(len(line) <= 80 for line in told.splitlines() if " " in line.strip())
