"""Threads of the approval graph: a question that is shown, removed when it has ended, rebuilt at any time."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command

from crossloop.coordinator import approval_graph
from crossloop.coordinator.approval_graph import GRAPH_VERSION, ApprovalThreads, build_approval_graph
from crossloop.coordinator.fenced_saver import FencedSaver
from crossloop.coordinator.serializer import JsonSerializer
from crossloop.coordinator.threads_file import APPLICATION_ID
from crossloop.errors import StaleLease, ThreadsUnusable
from crossloop.store import Lease
from tests.support.threads import look, waits

QUESTION: dict[str, Any] = {"id": "apr_1", "intervention": "cut", "impact": {"share": 0.2}}
FORGED: dict[str, Any] = {"state": "approved", "by": "asha", "reason": ""}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "threads.db"


@pytest.fixture
def threads(file: Path) -> ApprovalThreads:
    return ApprovalThreads(file)


def checkpoints(file: Path, thread: str = "apr_1") -> int:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(
            "SELECT count(*) FROM checkpoints WHERE thread_id = ?", (thread,)
        ).fetchone()[0]


def test_a_thread_stands_at_its_question(threads: ApprovalThreads, file: Path) -> None:
    threads.ask({"apr_1": QUESTION})
    assert waits(file)
    (shown,) = look(file).interrupts
    assert shown.value == QUESTION
    assert look(file).values["version"] == GRAPH_VERSION


def test_a_question_that_was_asked_is_not_asked_again(threads: ApprovalThreads, file: Path) -> None:
    threads.ask({"apr_1": QUESTION})
    before, (asked,) = checkpoints(file), look(file).interrupts
    for again in (threads, ApprovalThreads(file)):
        again.ask({"apr_1": dict(QUESTION)})
    assert checkpoints(file) == before
    assert look(file).interrupts == (asked,)


def test_where_nothing_waits_and_nothing_has_ended_no_file_is_made(
    threads: ApprovalThreads, file: Path
) -> None:
    threads.ask({})
    threads.end([])
    assert not file.exists()


def test_a_question_that_goes_to_others_is_asked_anew(threads: ApprovalThreads, file: Path) -> None:
    for asked in (threads, ApprovalThreads(file)):
        asked.ask({"apr_1": QUESTION})
        asked.ask({"apr_1": {**QUESTION, "from": ["mina"]}})
        (shown,) = look(file).interrupts
        assert shown.value["from"] == ["mina"]


def test_a_thread_is_removed_when_its_question_has_ended_and_only_that_one(
    threads: ApprovalThreads, file: Path
) -> None:
    threads.ask({"apr_1": QUESTION, "apr_2": QUESTION})
    for _ in range(2):  # whoever died before the row was ticked off does it again
        threads.end(["apr_1", "apr_unknown"])
        assert (checkpoints(file), waits(file, "apr_1"), waits(file, "apr_2")) == (0, False, True)
    threads.ask({"apr_1": QUESTION, "apr_2": QUESTION})
    assert waits(file)


def test_a_thread_that_somebody_answered_behind_its_row_is_asked_anew(
    threads: ApprovalThreads, file: Path
) -> None:
    threads.ask({"apr_1": QUESTION})
    # Whoever answers stays: then nothing of it stands in the file itself, only in its -wal.
    with closing(sqlite3.connect(file, check_same_thread=False)) as connection:
        graph = build_approval_graph(SqliteSaver(connection, serde=JsonSerializer()))
        before = file.stat()
        graph.invoke(Command(resume=FORGED), {"configurable": {"thread_id": "apr_1"}}, durability="sync")
        assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
        assert look(file).values["answer"] == FORGED
        threads.ask({"apr_1": QUESTION})
        assert waits(file)
        assert "answer" not in look(file).values


def test_a_deleted_file_is_rebuilt(threads: ApprovalThreads, file: Path) -> None:
    threads.ask({"apr_1": QUESTION, "apr_2": QUESTION})
    for one in file.parent.iterdir():
        one.unlink()
    threads.ask({"apr_1": QUESTION, "apr_2": QUESTION})
    assert waits(file)
    assert waits(file, "apr_2")


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
    assert waits(file)


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
    assert waits(file)
    assert waits(file, "apr_2")


def test_a_pending_write_that_cannot_be_read_is_thrown_away_too(file: Path) -> None:
    ApprovalThreads(file).ask({"apr_1": QUESTION})
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE writes SET type = 'pickle', value = x'80'")
    threads = ApprovalThreads(file)
    threads.ask({"apr_1": QUESTION})
    assert waits(file)


def garbage(file: Path) -> None:
    file.write_bytes(b"not a database, but somebody's file" * 500)


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def overwritten(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))


def test_the_file_says_whose_it_is_in_its_first_bytes(threads: ApprovalThreads, file: Path) -> None:
    threads.ask({"apr_1": QUESTION})
    assert file.read_bytes()[68:72] == APPLICATION_ID.to_bytes(4, "big")


@pytest.mark.parametrize("damage", [garbage, truncated, overwritten])
def test_a_file_of_ours_that_is_damaged_is_set_aside_and_made_anew(
    threads: ApprovalThreads, file: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    questions = {f"apr_{number}": QUESTION for number in range(20)}
    threads.ask(questions)
    damage(file)
    found = file.read_bytes()
    threads.ask(questions)
    assert all(waits(file, one) for one in questions)
    kept = file.with_name("threads.db.damaged-1")
    assert kept.read_bytes() == found
    assert "threads.db.damaged-1" in caplog.text
    garbage(file)
    threads.end(["apr_1"])
    threads.ask({"apr_2": QUESTION})
    assert waits(file, "apr_2")
    assert file.with_name("threads.db.damaged-2").exists()


@pytest.mark.parametrize("table", ["checkpoints (id INTEGER)", "writes (thread_id TEXT, task_path TEXT)"])
def test_tables_of_another_shape_in_a_file_of_ours_are_set_aside(
    threads: ApprovalThreads, file: Path, table: str
) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"CREATE TABLE {table}")
    threads.ask({"apr_1": QUESTION})
    assert waits(file)
    assert file.with_name("threads.db.damaged-1").exists()


def held(token: int) -> Lease:
    return Lease("coordinator", token, f"host:{token}", datetime(2025, 3, 1, tzinfo=UTC))


def test_whoever_was_followed_neither_asks_nor_removes(threads: ApprovalThreads, file: Path) -> None:
    threads.ask({"apr_1": QUESTION}, lease=held(4))
    threads.ask({"apr_1": QUESTION}, lease=held(5))  # shown already: nothing is written, and yet it counts
    for stale in (
        lambda: threads.ask({"apr_1": {**QUESTION, "from": ["mina"]}, "apr_2": QUESTION}, lease=held(4)),
        lambda: threads.end(["apr_1"], lease=held(4)),
    ):
        with pytest.raises(StaleLease):
            stale()
        assert look(file).interrupts[0].value == QUESTION
        assert not waits(file, "apr_2")
    threads.end(["apr_1"], lease=held(5))
    assert not waits(file)


def test_whoever_is_followed_on_its_way_stops_there(
    threads: ApprovalThreads, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, commits = FencedSaver.together, itertools.count(1)

    @contextmanager
    def followed(saver: FencedSaver) -> Iterator[None]:
        if next(commits) == 2:
            ApprovalThreads(file).ask({"apr_3": QUESTION}, lease=held(5))
        with together(saver):
            yield

    with monkeypatch.context() as racing:
        racing.setattr(approval_graph, "_TOGETHER", 1)
        racing.setattr(FencedSaver, "together", followed)
        with pytest.raises(StaleLease):
            threads.ask({"apr_1": QUESTION, "apr_2": QUESTION}, lease=held(4))
    assert [waits(file, one) for one in ("apr_1", "apr_2", "apr_3")] == [True, False, True]
    threads.ask({"apr_2": QUESTION}, lease=held(5))
    assert waits(file, "apr_2")


def test_many_questions_are_one_commit_and_so_are_many_that_have_ended(
    threads: ApprovalThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, commits = FencedSaver.together, list[FencedSaver]()

    def counted(saver: FencedSaver) -> AbstractContextManager[None]:
        commits.append(saver)
        return together(saver)

    monkeypatch.setattr(FencedSaver, "together", counted)
    many = {f"apr_{number}": QUESTION for number in range(approval_graph._TOGETHER + 1)}
    threads.ask(many, lease=held(4))
    threads.end(list(many), lease=held(4))
    assert len(commits) == 4


def test_a_pass_that_fails_leaves_nothing_of_its_commit(
    threads: ApprovalThreads, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    puts, put = itertools.count(1), SqliteSaver.put
    threads.ask({"apr_1": QUESTION}, lease=held(4))

    def fails_late(saver: SqliteSaver, *arguments: Any) -> Any:
        if next(puts) == 3:
            raise RuntimeError("on its way")
        return put(saver, *arguments)

    with monkeypatch.context() as broken:
        broken.setattr(SqliteSaver, "put", fails_late)
        with pytest.raises(RuntimeError, match="on its way"):
            threads.ask({"apr_2": QUESTION, "apr_3": QUESTION}, lease=held(5))
    assert [checkpoints(file, one) > 0 for one in ("apr_1", "apr_2", "apr_3")] == [True, False, False]


def test_a_thread_that_cannot_be_read_is_not_thrown_away_by_whoever_was_followed(
    threads: ApprovalThreads, file: Path
) -> None:
    threads.ask({"apr_1": QUESTION}, lease=held(5))
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE checkpoints SET type = 'pickle'")
    before = checkpoints(file)
    with pytest.raises(StaleLease):
        threads.ask({"apr_1": QUESTION}, lease=held(4))
    assert checkpoints(file) == before


def test_a_file_without_a_fence_is_used_and_gets_one(threads: ApprovalThreads, file: Path) -> None:
    threads.ask({"apr_1": QUESTION})
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DROP TABLE fence")
    threads.ask({"apr_1": QUESTION}, lease=held(5))
    with pytest.raises(StaleLease):
        threads.end(["apr_1"], lease=held(4))
    assert not list(file.parent.glob("*damaged*"))


@pytest.mark.parametrize(
    "fence", ["fence (id INTEGER)", "fence (name TEXT PRIMARY KEY, token INTEGER NOT NULL)"]
)
def test_a_fence_that_is_none_is_set_aside_with_its_file(
    threads: ApprovalThreads, file: Path, fence: str
) -> None:
    threads.ask({"apr_1": QUESTION})
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DROP TABLE fence")
        connection.execute(f"CREATE TABLE {fence}")
        if "token" in fence:
            connection.execute("INSERT INTO fence VALUES ('coordinator', 'a lot')")
    threads.ask({"apr_1": QUESTION}, lease=held(5))
    assert waits(file)
    assert file.with_name("threads.db.damaged-1").exists()


@pytest.mark.parametrize("table", ["letters (id INTEGER)", "checkpoints (id INTEGER)"])
@pytest.mark.parametrize("application_id", [0, 0x43524C50])
def test_the_file_of_somebody_else_is_left_as_it_is_also_under_an_open_writer(
    threads: ApprovalThreads, file: Path, table: str, application_id: int
) -> None:
    with closing(sqlite3.connect(file)) as writer:
        writer.execute(f"PRAGMA application_id = {application_id}")
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute(f"CREATE TABLE {table}")
        writer.commit()
        before = {one.name: one.read_bytes() for one in file.parent.iterdir()}
        for use in (lambda: threads.ask({"apr_1": QUESTION}), lambda: threads.end(["apr_1"])):
            with pytest.raises(ThreadsUnusable, match="another program or another store") as refused:
                use()
            assert "Move it away" in refused.value.next_step
        assert {one.name: one.read_bytes() for one in file.parent.iterdir()} == before


def test_a_file_that_somebody_else_makes_after_it_was_looked_at_keeps_its_application_id(
    threads: ApprovalThreads, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made_meanwhile(_: Path) -> None:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("CREATE TABLE letters (id INTEGER)")

    monkeypatch.setattr(approval_graph, "check_threads_file", made_meanwhile)
    with pytest.raises(ThreadsUnusable, match="another program has just made it"):
        threads.ask({"apr_1": QUESTION})
    assert file.read_bytes()[68:72] == bytes(4)
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def _error(code: int | None) -> sqlite3.Error:
    error = sqlite3.OperationalError("it went wrong")
    if code is not None:
        error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "damaged"),
    [
        (_error(None), False),
        (sqlite3.ProgrammingError("wrong use"), False),
        (_error(sqlite3.SQLITE_ERROR), False),
        (_error(sqlite3.SQLITE_READONLY), False),
        (_error(sqlite3.SQLITE_FULL), False),
        (_error(sqlite3.SQLITE_IOERR_READ), False),
        (_error(sqlite3.SQLITE_NOTADB), True),
        (_error(sqlite3.SQLITE_CORRUPT), True),
        (_error(sqlite3.SQLITE_CORRUPT_INDEX), True),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "a damaged schema, quoted"), True),
    ],
)
def test_only_what_another_file_mends_is_damage(
    threads: ApprovalThreads, file: Path, error: Exception, damaged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads.ask({"apr_1": QUESTION})
    with monkeypatch.context() as broken:
        broken.setattr(SqliteSaver, "delete_thread", _raising(error))
        with pytest.raises(ThreadsUnusable):
            threads.end(["apr_1"])
    assert file.with_name("threads.db.damaged-1").exists() is damaged


def _raising(error: Exception) -> Callable[..., None]:
    def fails(*_: Any) -> None:
        raise error

    return fails


def test_an_empty_file_is_filled_again(threads: ApprovalThreads, file: Path) -> None:
    threads.ask({"apr_1": QUESTION})
    file.write_bytes(b"")
    threads.ask({"apr_1": QUESTION})
    assert waits(file)


def test_a_file_that_may_not_be_written_is_left_as_it_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ApprovalThreads(file).ask({"apr_1": QUESTION})
    real, inode = sqlite3.connect, file.stat().st_ino

    def connect(database: Path, **options: Any) -> Any:
        if database.exists() and database.stat().st_ino == inode:
            return real(f"file:{database}?mode=ro", uri=True, **options)
        return real(database, **options)

    monkeypatch.setattr(approval_graph.sqlite3, "connect", connect)
    with pytest.raises(ThreadsUnusable, match="readonly"):
        ApprovalThreads(file).ask({"apr_1": QUESTION, "apr_2": QUESTION})
    assert not list(file.parent.glob("*damaged*"))
    assert file.stat().st_ino == inode


def test_a_file_that_another_program_holds_is_left_alone(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = ApprovalThreads(file)
    threads.ask({"apr_1": QUESTION})
    monkeypatch.setattr(approval_graph, "_PATIENCE", 0.0)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ThreadsUnusable, match="locked"):
            threads.ask({"apr_1": QUESTION, "apr_2": QUESTION})
    threads.ask({"apr_1": QUESTION, "apr_2": QUESTION})
    assert waits(file, "apr_2")
    assert not list(file.parent.glob("*damaged*"))


@pytest.mark.parametrize("broken", ["rename", "again"])
def test_what_can_be_neither_used_nor_set_aside_is_said(
    file: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    garbage(file)

    def rename(source: Path, target: Path) -> Path:
        if broken == "rename":
            raise PermissionError("not yours")
        return target  # it stays where it is

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(ThreadsUnusable, match="not yours" if broken == "rename" else "not a database"):
        ApprovalThreads(file).ask({"apr_1": QUESTION})


def test_a_question_too_large_for_a_checkpoint_says_where_to_read_it(
    threads: ApprovalThreads, file: Path
) -> None:
    threads.ask({"apr_1": {**QUESTION, "action": "x" * 2_000_000}})
    (shown,) = look(file).interrupts
    assert shown.value["id"] == "apr_1"
    assert "crossloop approvals show apr_1" in shown.value["evidence"]


def test_the_graph_can_be_looked_at_without_a_database() -> None:
    assert set(build_approval_graph().get_graph().nodes) == {"__start__", "gate", "__end__"}
