"""Held decisions of the demonstration company: from the question to the effect, whatever comes between."""

from __future__ import annotations

import multiprocessing
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command

from crossloop import faults
from crossloop.clock import ManualClock
from crossloop.coordinator.approval_graph import build_approval_graph
from crossloop.coordinator.serializer import JsonSerializer
from crossloop.errors import AnswerRefused, StoreBusy
from crossloop.governance import AlreadyAnswered, DeadlinePassed, NotAsked, PolicyChanged, UnknownPerson
from crossloop.store import approvals, claims, impacts
from tests.support.acme import Acme, acme, risk
from tests.support.governed import policy
from tests.support.hostile import hostile_pickle
from tests.support.stores import START
from tests.support.threads import look

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.support.acme"])

KARNATAKA = risk("KARNATAKA", START)
BUDGET = "ads/campaign/karnataka/budget"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def company(tmp_path: Path, clock: ManualClock) -> Iterator[Acme]:
    with acme(tmp_path, clock=clock) as opened:
        opened.coordinator.publish([KARNATAKA])
        yield opened


def held(company: Acme) -> dict[str, Any]:
    """The only decision that is held: asha and ravi have to approve a large change."""
    (found,) = company.coordinator.approvals()
    return found


def answer(company: Acme, person: str, decision: Any = "approve", reason: str = "") -> Any:
    return company.coordinator.answer(
        held(company)["id"], person=person, decision=decision, reason=reason, asserted="asserted by a test"
    )


def restricted(path: Path) -> list[str]:
    with closing(sqlite3.connect(path / "company.db")) as world:
        return [
            row[0] for row in world.execute("SELECT campaign_id FROM restriction WHERE lifted = 0 ORDER BY 1")
        ]


def taken(company: Acme) -> tuple[int, float]:
    resource = "ads/campaign/karnataka"
    claimed = company.store.read(lambda read: claims.overlapping(read, resource, START, START + timedelta(1)))
    counted = company.store.read(lambda read: impacts.total(read, BUDGET, START.date()))
    return len(claimed), counted.share


def kinds(company: Acme, kind: str) -> int:
    return sum(one.kind == kind for one in company.store.read(lambda read: list(read.entries())))


def test_both_of_a_quorum_of_two_have_to_approve_before_anything_is_done(
    company: Acme, tmp_path: Path
) -> None:
    assert (held(company)["from"], held(company)["quorum"]) == (["asha", "ravi"], 2)
    first = answer(company, "asha")
    assert (first.answered.state, first.answered.still_needed, first.receipts) == ("waiting", 1, ())
    assert restricted(tmp_path) == ["everywhere"]
    second = answer(company, "ravi")
    assert [one.outcome for one in second.receipts] == ["done"]
    assert restricted(tmp_path) == ["everywhere", "karnataka"]
    assert company.coordinator.verify().ok


@pytest.mark.parametrize(
    ("person", "refusal"), [("asha", AlreadyAnswered), ("zoe", UnknownPerson), ("ASHA", UnknownPerson)]
)
def test_the_same_person_twice_and_a_stranger_do_not_count(
    company: Acme, person: str, refusal: type[AnswerRefused], tmp_path: Path
) -> None:
    answer(company, "asha")
    with pytest.raises(refusal):
        answer(company, person)
    assert held(company)["approved_by"] == ["asha"]
    assert restricted(tmp_path) == ["everywhere"]


def test_a_colleague_who_was_not_asked_does_not_count(tmp_path: Path) -> None:
    with_mina = ("  ravi: {", "  mina: {name: Mina Das, email: mina@acme.example}\n  ravi: {")
    with acme(tmp_path, under=policy(with_mina)) as company:
        company.coordinator.publish([KARNATAKA])
        with pytest.raises(NotAsked):
            answer(company, "mina")


def test_a_late_answer_does_not_count_and_the_next_run_ends_the_question(
    company: Acme, clock: ManualClock, tmp_path: Path
) -> None:
    answer(company, "asha")
    clock.advance(timedelta(hours=4, seconds=1))
    with pytest.raises(DeadlinePassed):
        answer(company, "ravi")
    company.coordinator.publish([])
    assert held(company)["state"] == "expired"
    assert taken(company) == (0, 0.0)
    with pytest.raises(AlreadyAnswered):
        answer(company, "ravi")
    assert restricted(tmp_path) == ["everywhere"]


def test_after_another_document_was_put_in_force_the_question_is_superseded(
    tmp_path: Path, clock: ManualClock
) -> None:
    stricter = policy(
        ("within: 4h                    # no answer", "within: 3h                    # no answer")
    )
    with acme(tmp_path, clock=clock) as company:
        company.coordinator.publish([KARNATAKA])
        with acme(tmp_path, clock=clock, under=stricter) as other:
            with pytest.raises(PolicyChanged, match="opened under"):
                answer(other, "asha")
            other.coordinator.publish([])
            with pytest.raises(AlreadyAnswered, match="superseded, the rules changed"):
                answer(other, "asha")
        with pytest.raises(AlreadyAnswered, match="superseded, the rules changed"):
            answer(company, "asha")
        assert held(company)["approved_by"] == []
        assert taken(company) == (0, 0.0)


def test_a_rejection_needs_a_reason_and_then_releases_what_was_held(company: Acme, tmp_path: Path) -> None:
    assert taken(company)[0] == 1
    with pytest.raises(AnswerRefused, match="needs a reason"):
        answer(company, "ravi", "reject")
    given = answer(company, "ravi", "reject", "the festival is next week")
    assert (given.answered.state, given.receipts) == ("rejected", ())
    assert taken(company) == (0, 0.0)
    assert restricted(tmp_path) == ["everywhere"]
    again = risk("KARNATAKA", START + timedelta(minutes=1), dedup_key="again")
    report = company.coordinator.publish([again])
    assert len(report.waiting) == 1  # it fits again, and is asked again


def _approve(path: Path, point: str | None, people: tuple[str, ...]) -> None:
    """Approve in this process; die at a crash point where one is given."""
    if point is not None:
        faults._countdown[point] = 1
    with acme(path, clock=ManualClock(START)) as company:
        for person in people:
            answer(company, person)


@pytest.mark.parametrize("point", ["answer.after_commit", "act.after_started", "act.after_effect"])
def test_an_approval_whose_process_died_before_the_end_is_performed_once_on_the_next_open(
    company: Acme, tmp_path: Path, clock: ManualClock, point: str
) -> None:
    answer(company, "asha")
    company.coordinator.close()
    process = PROCESSES.Process(target=_approve, args=(tmp_path, point, ("ravi",)))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    with acme(tmp_path, clock=clock) as again:
        receipts = again.coordinator.publish([]).receipts
        assert [one.outcome for one in receipts] == ["done"]
        assert again.coordinator.publish([]).receipts == ()
        assert restricted(tmp_path) == ["everywhere", "karnataka"]
        assert kinds(again, "permit") == 2  # one for each action
        assert again.coordinator.verify().ok


def _answer_when_told(path: Path, person: str, told: Any, told_back: Any) -> None:
    with acme(path, clock=ManualClock(START)) as company:
        told_back.put("ready")
        told.wait(60)
        try:
            given = answer(company, person)
            told_back.put((given.answered.state, len(given.receipts)))
        except (AnswerRefused, StoreBusy) as refused:
            told_back.put((type(refused).__name__, 0))


@pytest.mark.parametrize("people", [("asha", "ravi"), ("ravi", "ravi")])
def test_two_processes_that_answer_at_once_mint_one_permit_and_cause_one_effect(
    company: Acme, tmp_path: Path, people: tuple[str, str]
) -> None:
    if people[0] == people[1]:
        answer(company, "asha")
    told, told_back = PROCESSES.Event(), PROCESSES.Queue()
    processes = [
        PROCESSES.Process(target=_answer_when_told, args=(tmp_path, person, told, told_back))
        for person in people
    ]
    for process in processes:
        process.start()
    assert [told_back.get(timeout=60) for _ in people] == ["ready", "ready"]
    told.set()
    said = sorted(told_back.get(timeout=60) for _ in people)
    for process in processes:
        process.join(60)
    expected = (
        [("approved", 1), ("waiting", 0)]
        if people[0] != people[1]
        else [("AlreadyAnswered", 0), ("approved", 1)]
    )
    assert said == sorted(expected)
    assert kinds(company, "permit") == 2
    assert restricted(tmp_path) == ["everywhere", "karnataka"]


def test_in_shadow_nothing_is_asked_and_nothing_can_be_approved_into_being(tmp_path: Path) -> None:
    with acme(tmp_path, under=policy().in_shadow()) as company:
        report = company.coordinator.publish([KARNATAKA])
        assert {one.verdict for one in report.decisions} == {"shadow", "refuse"}
        assert company.coordinator.approvals() == []
        assert restricted(tmp_path) == []


def test_what_was_held_before_cannot_be_approved_once_the_company_is_in_shadow(
    company: Acme, tmp_path: Path, clock: ManualClock
) -> None:
    company.coordinator.close()
    with acme(tmp_path, clock=clock, under=policy().in_shadow()) as shadow:
        for refusal in (PolicyChanged, AlreadyAnswered):  # before and after shadow is put in force
            with pytest.raises(refusal):
                answer(shadow, "asha")
            shadow.coordinator.publish([])


# -- the thread of the approval graph ---------------------------------------------------------------


def thread(path: Path, key: str) -> Any:
    return look(path / "threads.db", key)


def history(path: Path, key: str) -> list[Any]:
    with closing(sqlite3.connect(path / "threads.db", check_same_thread=False)) as connection:
        graph = build_approval_graph(SqliteSaver(connection, serde=JsonSerializer()))
        return list(graph.get_state_history({"configurable": {"thread_id": key}}))


def test_the_thread_shows_the_question_that_the_row_holds(company: Acme, tmp_path: Path) -> None:
    since = ("approved_by", "overdue", "answers", "ended")  # what came of it stands in the row alone
    question = {key: value for key, value in held(company).items() if key not in since}
    (shown,) = thread(tmp_path, held(company)["id"]).interrupts
    assert shown.value == question


def test_the_thread_got_its_input_once_and_is_gone_when_its_question_has_ended(
    company: Acme, tmp_path: Path
) -> None:
    key = held(company)["id"]
    company.coordinator.publish([])
    answer(company, "asha")
    assert thread(tmp_path, key).interrupts  # one of two is no answer yet
    sources = [one.metadata["source"] for one in history(tmp_path, key)]
    assert sources.count("input") == 1
    answer(company, "ravi")
    company.coordinator.publish([])
    assert history(tmp_path, key) == []


def test_a_thread_whose_file_was_deleted_is_rebuilt_from_the_row(
    company: Acme, tmp_path: Path, clock: ManualClock
) -> None:
    key = held(company)["id"]
    (before,) = thread(tmp_path, key).interrupts
    for file in tmp_path.glob("threads.db*"):
        file.unlink()
    company.coordinator.publish([])
    (after,) = thread(tmp_path, key).interrupts
    assert after.value == before.value
    for file in tmp_path.glob("threads.db*"):
        file.unlink()
    answer(company, "asha")
    answer(company, "ravi")
    assert history(tmp_path, key) == []
    assert restricted(tmp_path) == ["everywhere", "karnataka"]


@pytest.mark.parametrize("left", [0.0, 0.3])
def test_a_file_of_threads_that_was_damaged_stops_neither_a_run_nor_an_answer(
    company: Acme, tmp_path: Path, clock: ManualClock, left: float
) -> None:
    key = held(company)["id"]
    company.coordinator.close()
    file = tmp_path / "threads.db"
    whole = file.read_bytes()
    kept = int(len(whole) * left)
    file.write_bytes(whole[:kept] if 0 < left < 1 else b"\x00 no database" * 1000)
    with acme(tmp_path, clock=clock) as again:
        answer(again, "asha")
        again.coordinator.publish([])
        assert thread(tmp_path, key).interrupts
        file.write_bytes(b"garbage" * 1000)
        assert [one.outcome for one in answer(again, "ravi").receipts] == ["done"]
        assert again.store.read(approvals.ended_with_thread) == []
    assert restricted(tmp_path) == ["everywhere", "karnataka"]
    assert len(list(tmp_path.glob("threads.db.damaged-*"))) == 2


def test_an_approval_given_behind_the_stores_back_in_the_thread_permits_nothing(
    company: Acme, tmp_path: Path
) -> None:
    key = held(company)["id"]
    with closing(sqlite3.connect(tmp_path / "threads.db", check_same_thread=False)) as connection:
        graph = build_approval_graph(SqliteSaver(connection, serde=JsonSerializer()))
        (asked,) = graph.get_state({"configurable": {"thread_id": key}}).interrupts
        forged = {asked.id: {"state": "approved", "by": "asha", "reason": ""}}
        graph.invoke(Command(resume=forged), {"configurable": {"thread_id": key}})
    company.coordinator.publish([])
    assert held(company)["state"] == "waiting"
    assert restricted(tmp_path) == ["everywhere"]
    answer(company, "ravi", "reject", "not like this")
    assert history(tmp_path, key) == []


@pytest.mark.parametrize("tag", ["pickle", "msgpack", "crossloop+json", "crossloop+interrupts"])
@pytest.mark.parametrize("table", ["checkpoints", "writes"])
def test_a_hostile_blob_in_the_checkpoint_file_is_never_executed_and_the_question_is_asked_anew(
    company: Acme, tmp_path: Path, clock: ManualClock, tag: str, table: str
) -> None:
    key, trace = held(company)["id"], tmp_path / "executed"
    blob = hostile_pickle(trace)
    if tag == "msgpack":
        blob = JsonPlusSerializer(pickle_fallback=True).dumps_typed({"file": trace})[1]
    company.coordinator.close()
    column = "checkpoint" if table == "checkpoints" else "value"
    with closing(sqlite3.connect(tmp_path / "threads.db")) as connection, connection:
        changed = connection.execute(f"UPDATE {table} SET type = ?, {column} = ?", (tag, blob))
        assert changed.rowcount > 0
    with acme(tmp_path, clock=clock) as again:
        again.coordinator.publish([])
        (shown,) = thread(tmp_path, key).interrupts
        assert shown.value["id"] == key
        answer(again, "asha")
        assert [one.outcome for one in answer(again, "ravi").receipts] == ["done"]
        assert again.store.read(approvals.ended_with_thread) == []
    assert not trace.exists()
