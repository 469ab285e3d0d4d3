"""A stale worker writes no checkpoint, no pending write, and removes no thread."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver

from crossloop.coordinator.fenced_saver import FenceDamaged, FencedSaver
from crossloop.coordinator.serializer import JsonSerializer
from crossloop.errors import StaleLease
from crossloop.store import Lease

UNTIL = datetime(2025, 3, 1, tzinfo=UTC)
THREAD: Any = {"configurable": {"thread_id": "one", "checkpoint_ns": ""}}
AT: Any = {"configurable": {**THREAD["configurable"], "checkpoint_id": "0"}}


def lease(token: int, name: str = "coordinator") -> Lease:
    return Lease(name, token, f"host:{token}", UNTIL)


def put(saver: FencedSaver, said: str = "x") -> None:
    saver.put(THREAD, {**empty_checkpoint(), "channel_values": {"said": said}}, {"source": "input"}, {})


def half(saver: SqliteSaver) -> None:
    """A write that fails after its first statement."""
    with saver.cursor() as writing:
        writing.execute("INSERT INTO checkpoints (thread_id, checkpoint_id) VALUES ('half', '1')")
        raise TypeError("on its way")


Write = Callable[[FencedSaver], object]

WRITES: dict[str, Write] = {
    "put": put,
    "put_writes": lambda saver: saver.put_writes(AT, [("channel", 1)], "task"),
    "delete_thread": lambda saver: saver.delete_thread("one"),
    "pass_fence": FencedSaver.pass_fence,
    "aput": lambda saver: asyncio.run(saver.aput(THREAD, empty_checkpoint(), {"source": "input"}, {})),
    "aput_writes": lambda saver: asyncio.run(saver.aput_writes(AT, [("channel", 1)], "task")),
    "adelete_thread": lambda saver: asyncio.run(saver.adelete_thread("one")),
}
every_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


class File:
    """A file of checkpoints, opened by one worker after the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: list[sqlite3.Connection] = []

    def open(self, token: int | None, name: str = "coordinator", **options: Any) -> FencedSaver:
        connection = sqlite3.connect(self.path, check_same_thread=False, timeout=0, **options)
        self._open.append(connection)
        return FencedSaver(connection, None if token is None else lease(token, name), serde=JsonSerializer())

    def content(self) -> list[str]:
        with closing(sqlite3.connect(self.path)) as connection:
            return list(connection.iterdump())

    def said(self) -> list[str]:
        """What stands in the checkpoints, in the order in which it was written."""
        with closing(sqlite3.connect(self.path)) as connection:
            rows = connection.execute("SELECT checkpoint FROM checkpoints ORDER BY rowid").fetchall()
        values = [
            JsonSerializer().loads_typed(("crossloop+json", blob))["channel_values"] for (blob,) in rows
        ]
        return [one["said"] for one in values]

    def fence(self) -> dict[str, int]:
        with closing(sqlite3.connect(self.path)) as connection:
            return dict(connection.execute("SELECT name, token FROM fence"))

    def close(self) -> None:
        for one in self._open:
            one.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[File]:
    found = File(tmp_path / "threads.db")
    yield found
    found.close()


@every_write
def test_whoever_was_followed_writes_nothing_any_more(file: File, write: Write) -> None:
    stale = file.open(4)
    put(stale)
    stale.put_writes(AT, [("before", 0)], "task")
    file.open(5).pass_fence()
    before = file.content()
    with pytest.raises(StaleLease, match=r"held by host:4 \(token 4\): token 5"):
        write(stale)
    assert file.content() == before


@every_write
def test_the_holder_of_the_largest_token_writes_and_keeps_those_before_out(file: File, write: Write) -> None:
    put(file.open(4))
    write(file.open(5))
    assert file.fence() == {"coordinator": 5}
    with pytest.raises(StaleLease):
        put(file.open(4))


def test_every_method_of_langgraphs_saver_is_known_so_that_a_new_one_that_writes_is_noticed() -> None:
    known = {"put", "put_writes", "delete_thread", "setup", "cursor", "from_conn_string", "get_next_version"}
    reads = {"get_tuple", "list", "get_delta_channel_history"}
    asynchronous = {"aput", "aget_tuple", "alist"}
    found = {name for name, one in vars(SqliteSaver).items() if not name.startswith("_") and callable(one)}
    assert found | {"from_conn_string"} == known | reads | asynchronous


def test_reading_is_not_fenced(file: File) -> None:
    stale = file.open(4)
    put(stale, "before")
    put(file.open(5), "after")
    newest = stale.get_tuple(THREAD)
    assert newest is not None
    assert newest.checkpoint["channel_values"] == {"said": "after"}
    assert len(list(stale.list(THREAD))) == 2


def test_leases_of_other_names_have_tokens_of_their_own(file: File) -> None:
    put(file.open(9))
    put(file.open(1, "somebody else"))
    assert file.fence() == {"coordinator": 9, "somebody else": 1}


def test_without_a_lease_nothing_is_checked_and_no_fence_is_raised(file: File) -> None:
    put(file.open(None))
    assert file.fence() == {}
    put(file.open(5))
    put(file.open(None))
    assert file.fence() == {"coordinator": 5}


def test_the_check_follows_the_lock_as_a_statement_of_its_own_in_the_transaction_that_writes(
    file: File,
) -> None:
    saver = file.open(4)
    saver.setup()
    seen: list[str] = []
    saver.conn.set_trace_callback(lambda sql: seen.append(sql.split(" (")[0]))
    put(saver)
    assert seen == [
        "BEGIN IMMEDIATE",
        "SELECT token FROM fence WHERE name = 'coordinator'",
        "INSERT OR REPLACE INTO fence",
        "INSERT OR REPLACE INTO checkpoints",
        "COMMIT",
    ]


def test_a_successor_waits_for_a_write_that_has_begun_and_then_keeps_its_writer_out(file: File) -> None:
    early, late = file.open(4), file.open(5)
    put(early, "before")
    with early.cursor() as writing:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            put(late)
        writing.execute("DELETE FROM writes")
    assert file.fence() == {"coordinator": 4}
    put(late, "after")
    with pytest.raises(StaleLease):
        put(early, "stale")
    assert file.said() == ["before", "after"]


def test_a_write_that_fails_on_its_way_leaves_nothing_not_even_a_raised_fence(file: File) -> None:
    put(file.open(4))
    before = file.content()
    saver = file.open(5)
    with pytest.raises(TypeError):
        half(saver)
    assert file.content() == before
    put(saver)  # and the connection can be used again
    assert file.fence() == {"coordinator": 5}


@every_write
def test_many_writes_in_one_transaction_pass_the_fence_once_and_are_whole(file: File, write: Write) -> None:
    saver = file.open(5)
    saver.setup()
    seen: list[str] = []
    saver.conn.set_trace_callback(seen.append)
    with saver.together():
        put(saver)
        write(saver)
    fence = "SELECT token FROM fence WHERE name = 'coordinator'"
    assert (seen[0], seen.count(fence), seen.count("COMMIT")) == ("BEGIN IMMEDIATE", 1, 1)
    assert seen[-1] == "COMMIT"


@every_write
def test_whoever_was_followed_begins_no_transaction(file: File, write: Write) -> None:
    stale = file.open(4)
    put(stale)
    file.open(5).pass_fence()
    before = file.content()

    def many() -> None:
        with stale.together():
            write(stale)

    with pytest.raises(StaleLease):
        many()
    assert file.content() == before
    with pytest.raises(StaleLease):
        write(stale)


def test_what_fails_inside_a_transaction_takes_all_of_it_back(file: File) -> None:
    saver = file.open(4)
    put(saver, "before")
    before = file.content()

    def many() -> None:
        with saver.together():
            put(saver, "lost")
            half(saver)

    with pytest.raises(TypeError):
        many()
    assert file.content() == before
    put(saver, "after")
    assert file.said() == ["before", "after"]


def test_a_write_that_fails_inside_a_transaction_can_be_passed_over(file: File) -> None:
    saver = file.open(4)
    with saver.together():
        put(saver, "first")
        with pytest.raises(TypeError):
            half(saver)
        put(saver, "second")
    assert file.said() == ["first", "second"]


def test_langgraphs_own_saver_commits_half_of_a_write_that_fails(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "plain.db", check_same_thread=False)) as connection:
        saver = SqliteSaver(connection)
        with pytest.raises(TypeError):
            half(saver)
        assert connection.execute("SELECT count(*) FROM checkpoints").fetchone() == (1,)


def test_a_file_from_before_there_was_a_fence_gets_one(file: File) -> None:
    with closing(sqlite3.connect(file.path, check_same_thread=False)) as connection:
        SqliteSaver(connection, serde=JsonSerializer()).setup()
    put(file.open(4))
    assert file.fence() == {"coordinator": 4}


def test_a_fence_that_holds_no_token_is_named(file: File) -> None:
    with closing(sqlite3.connect(file.path)) as connection, connection:
        connection.execute("CREATE TABLE fence (name TEXT PRIMARY KEY, token INTEGER NOT NULL)")
        connection.execute("INSERT INTO fence VALUES ('coordinator', 'a lot')")
    with pytest.raises(FenceDamaged, match="for coordinator is no token"):
        put(file.open(4))


def test_somebody_who_lists_keeps_nobody_from_writing(file: File) -> None:
    saver = file.open(4)
    put(saver, "one")
    put(saver, "two")

    async def write_while_listing() -> list[str]:
        found: list[str] = []
        async for one in saver.alist(THREAD):
            found.append(one.checkpoint["channel_values"]["said"])
            await saver.adelete_thread("one")
        return found

    assert asyncio.run(write_while_listing()) == ["two", "one"]
    assert file.said() == []


def test_the_history_of_a_channel_is_the_same_read_asynchronously(file: File) -> None:
    saver = file.open(4)
    put(saver)
    wanted: Any = {"config": THREAD, "channels": ["said"]}
    assert asyncio.run(saver.aget_delta_channel_history(**wanted)) == saver.get_delta_channel_history(
        **wanted
    )


@given(st.lists(st.integers(1, 6), min_size=1, max_size=30))
def test_in_any_order_of_writers_the_tokens_that_got_in_never_fall(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    file = File(tmp_path_factory.mktemp("order") / "threads.db")
    savers = {token: file.open(token) for token in order}
    got_in: list[str] = []
    for token in order:
        try:
            put(savers[token], str(token))
        except StaleLease:
            assert got_in, "the first writer is nobody's predecessor"
            assert int(got_in[-1]) > token
        else:
            got_in.append(str(token))
    assert file.said() == got_in == sorted(got_in)
    assert file.fence() == {"coordinator": max(order)}
    file.close()
