"""Threads of the approval graph: a question that is shown, resumed once, and rebuilt at any time."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver

from crossloop.coordinator import approval_graph
from crossloop.coordinator.approval_graph import GRAPH_VERSION, ApprovalThreads, build_approval_graph
from crossloop.coordinator.serializer import JsonSerializer
from crossloop.errors import StoreNotUsable

QUESTION: dict[str, Any] = {"id": "apr_1", "intervention": "cut", "impact": {"share": 0.2}}
YES: dict[str, Any] = {"state": "approved", "by": "asha", "reason": ""}
NO: dict[str, Any] = {"state": "rejected", "by": "ravi", "reason": "too early"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "threads.db"


@pytest.fixture
def threads(file: Path) -> ApprovalThreads:
    return ApprovalThreads(file)


def look(file: Path, thread: str = "apr_1") -> Any:
    """The thread as LangGraph's own tools see it."""
    with closing(sqlite3.connect(file, check_same_thread=False)) as connection:
        graph = build_approval_graph(SqliteSaver(connection, serde=JsonSerializer()))
        return graph.get_state({"configurable": {"thread_id": thread}})


def checkpoints(file: Path, thread: str = "apr_1") -> int:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(
            "SELECT count(*) FROM checkpoints WHERE thread_id = ?", (thread,)
        ).fetchone()[0]


def test_a_thread_stands_at_its_question(threads: ApprovalThreads, file: Path) -> None:
    threads.ask({"apr_1": QUESTION})
    assert threads.waiting("apr_1")
    (shown,) = look(file).interrupts
    assert shown.value == QUESTION
    assert look(file).values["version"] == GRAPH_VERSION


def test_a_question_that_was_asked_is_not_asked_again(threads: ApprovalThreads, file: Path) -> None:
    threads.ask({"apr_1": QUESTION})
    before, (asked,) = checkpoints(file), look(file).interrupts
    for again in (threads, ApprovalThreads(file)):
        again.ask({"apr_1": {**QUESTION, "intervention": "other"}})
    assert checkpoints(file) == before
    assert look(file).interrupts == (asked,)


def test_a_thread_that_was_seen_costs_nothing_more(
    threads: ApprovalThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads.ask({f"apr_{number}": QUESTION for number in range(3)})
    monkeypatch.setattr(approval_graph.sqlite3, "connect", None)
    threads.ask({f"apr_{number}": QUESTION for number in range(3)})


def test_an_answer_ends_the_thread_and_stands_in_it(threads: ApprovalThreads, file: Path) -> None:
    threads.ask({"apr_1": QUESTION})
    threads.answer("apr_1", QUESTION, YES)
    assert not threads.waiting("apr_1")
    assert look(file).values["answer"] == YES


def test_a_thread_that_was_told_its_answer_is_left_alone(threads: ApprovalThreads, file: Path) -> None:
    threads.answer("apr_1", QUESTION, YES)
    before = checkpoints(file)
    threads.answer("apr_1", QUESTION, YES)
    assert checkpoints(file) == before


def test_a_thread_that_was_answered_otherwise_than_its_row_says_is_built_anew(
    threads: ApprovalThreads, file: Path
) -> None:
    threads.answer("apr_1", QUESTION, YES)
    threads.answer("apr_1", QUESTION, NO)
    assert look(file).values["answer"] == NO
    ApprovalThreads(file).ask({"apr_1": QUESTION})
    assert threads.waiting("apr_1")
    assert "answer" not in look(file).values


def test_a_thread_that_was_never_opened_is_opened_by_its_answer(threads: ApprovalThreads, file: Path) -> None:
    threads.answer("apr_1", QUESTION, NO)
    assert look(file).values["approval"] == QUESTION
    assert look(file).values["answer"] == NO


def test_a_deleted_file_is_rebuilt(threads: ApprovalThreads, file: Path) -> None:
    threads.ask({"apr_1": QUESTION, "apr_2": QUESTION})
    for one in file.parent.iterdir():
        one.unlink()
    threads.ask({"apr_1": QUESTION, "apr_2": QUESTION})
    assert threads.waiting("apr_1")
    assert threads.waiting("apr_2")


def test_answers_reach_their_own_thread(threads: ApprovalThreads, file: Path) -> None:
    threads.ask({"apr_1": QUESTION, "apr_2": QUESTION})
    threads.answer("apr_2", QUESTION, NO)
    assert threads.waiting("apr_1")
    assert look(file, "apr_2").values["answer"] == NO


def test_a_thread_is_resumed_by_the_id_it_has_at_that_moment(
    threads: ApprovalThreads, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads.ask({"apr_1": QUESTION})
    (asked,) = look(file).interrupts
    resumed: list[Any] = []
    real = approval_graph.Command

    def watched(**arguments: Any) -> Any:
        resumed.append(arguments["resume"])
        return real(**arguments)

    monkeypatch.setattr(approval_graph, "Command", watched)
    threads.answer("apr_1", QUESTION, YES)
    assert resumed == [{asked.id: YES}]


def test_a_start_that_was_cut_off_before_the_question_is_begun_again(
    threads: ApprovalThreads, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(SqliteSaver, "put_writes", cut_off)
        with pytest.raises(KeyboardInterrupt):
            threads.ask({"apr_1": QUESTION})
    threads.ask({"apr_1": QUESTION})
    threads.answer("apr_1", QUESTION, YES)
    assert look(file).values["answer"] == YES


@pytest.mark.parametrize(
    ("tag", "blob"),
    [
        ("pickle", b"cos\nsystem\n(S'touch executed'\ntR."),
        ("msgpack", b"\xc7\x01\x05x"),
        ("crossloop+json", b"{"),
        ("crossloop+json", b"[]"),
        ("crossloop+json", b'{"v": 4}'),
        ("crossloop+json", b"7"),
    ],
)
def test_a_checkpoint_that_cannot_be_read_is_thrown_away_and_the_question_asked_anew(
    file: Path, tag: str, blob: bytes
) -> None:
    ApprovalThreads(file).ask({"apr_1": QUESTION, "apr_2": QUESTION})
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "UPDATE checkpoints SET type = ?, checkpoint = ? WHERE thread_id = 'apr_1'", (tag, blob)
        )
    threads = ApprovalThreads(file)
    threads.ask({"apr_1": QUESTION, "apr_2": QUESTION})
    assert threads.waiting("apr_1")
    assert threads.waiting("apr_2")
    threads.answer("apr_1", QUESTION, YES)
    assert look(file).values["answer"] == YES


def test_a_pending_write_that_cannot_be_read_is_thrown_away_too(file: Path) -> None:
    ApprovalThreads(file).ask({"apr_1": QUESTION})
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE writes SET type = 'pickle', value = x'80'")
    ApprovalThreads(file).answer("apr_1", QUESTION, YES)
    assert look(file).values["answer"] == YES


def test_a_file_that_holds_something_else_is_named_and_left_alone(file: Path) -> None:
    file.write_bytes(b"not a database, but somebody's file" * 50)
    with pytest.raises(StoreNotUsable, match="not a database") as refused:
        ApprovalThreads(file).ask({"apr_1": QUESTION})
    assert "rebuilt" in refused.value.next_step
    assert file.read_bytes().startswith(b"not a database")


def test_a_question_too_large_for_a_checkpoint_says_where_to_read_it(
    threads: ApprovalThreads, file: Path
) -> None:
    threads.ask({"apr_1": {**QUESTION, "action": "x" * 2_000_000}})
    (shown,) = look(file).interrupts
    assert shown.value["id"] == "apr_1"
    assert "crossloop approvals show apr_1" in shown.value["evidence"]
    threads.answer("apr_1", QUESTION, YES)
    assert look(file).values["answer"] == YES


def test_the_graph_can_be_looked_at_without_a_database() -> None:
    assert set(build_approval_graph().get_graph().nodes) == {"__start__", "gate", "__end__"}
