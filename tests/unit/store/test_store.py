"""Opening, writing and reading a store."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from crossloop.clock import ManualClock
from crossloop.errors import StoreBusy, StoreNotUsable
from crossloop.store import Store, Tx, sqlite, verify
from crossloop.store.schema import FORMAT
from tests.support.stores import START, open_store


def opened(url: str, *, create: bool = True) -> Store:
    return Store.open(url, clock=ManualClock(START), create=create, patience=0.05)


def append(tx: Tx) -> int:
    return tx.append("drill", None, {})


def size(store: Store) -> int:
    return store.read(lambda read: read.head().size)


# ---------------------------------------------------------------- opening


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("crossloop.db", "not a URL"),
        ("", "not a URL"),
        ("mysql://user:secret@host/db", "unknown scheme"),
        ("sqlite+aiosqlite:///x.db", "unknown scheme"),
        ("sqlite://", "does not name a file"),
        ("sqlite:///:memory:", "does not name a file"),
        ("sqlite:///", "does not name a file"),
        ("sqlite:///%00.db", "does not name a file"),
        ("sqlite:///a\nb.db", "does not name a file"),
        ("sqlite:///x.db?mode=ro", "more than the path"),
        ("sqlite:///x.db?", "more than the path"),
        ("sqlite:///file:x?mode=memory", "more than the path"),
        ("sqlite:///file:x", "more than the path"),
        ("sqlite://user:secret@/x.db", "more than the path"),
        ("sqlite://:8080/x.db", "more than the path"),
        ("sqlite://:port/x.db", "not a URL"),
        ("sqlite:///\udcff.db", "not a URL"),
        ("postgresql://x", "unknown scheme 'postgresql'; expected sqlite"),
        ("sqlite:////nowhere/at/all/x.db", "does not exist"),
        (f"sqlite:///{'x' * 201}", "has 201 bytes; 200 leave room"),
    ],
)
def test_a_url_that_names_no_store_file_is_refused_with_what_to_do(
    url: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreNotUsable, match=said) as caught:
        opened(url)
    assert caught.value.exit_code == 2
    assert caught.value.next_step
    assert "secret" not in str(caught.value)
    assert str(caught.value).isprintable()
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_does_not_exist_is_not_created_unless_asked_for(path: Path):
    with pytest.raises(StoreNotUsable, match="no finished store"):
        opened(f"sqlite:///{path}", create=False)
    assert not path.exists()


def test_an_empty_file_becomes_a_store_only_when_asked_for(path: Path):
    path.touch()
    with pytest.raises(StoreNotUsable, match="no finished store"):
        opened(f"sqlite:///{path}", create=False)
    assert path.read_bytes() == b""
    opened(f"sqlite:///{path}").close()
    opened(f"sqlite:///{path}", create=False).close()


def test_a_file_that_cannot_be_created_is_reported(path: Path):
    path.symlink_to("/nowhere/at/all/store.db")
    with pytest.raises(StoreNotUsable, match="unable to open") as refused:
        opened(f"sqlite:///{path}")
    assert refused.value.next_step == "Check disk space and permissions."


def test_a_file_may_have_any_name(tmp_path: Path):
    path = tmp_path / "my store #1 ₹.db"
    with opened(f"sqlite:///{path}") as store:
        store.write(append)
        assert size(store) == 1
    assert path.exists()


def test_a_python_with_an_old_sqlite_is_told_so(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(StoreNotUsable, match=r"needs SQLite 3\.37\.0"):
        opened(f"sqlite:///{path}")
    assert not path.exists()


def test_a_directory_is_not_a_store(tmp_path: Path):
    with pytest.raises(StoreNotUsable, match="cannot be read"):
        opened(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize("content", [b"x", b"date,order\n" * 50, b"SQLite format 3\x00" + b"\x00" * 20])
def test_a_file_of_something_else_is_refused_and_left_as_it_is(path: Path, content: bytes):
    path.write_bytes(content)
    with pytest.raises(StoreNotUsable, match="not a crossloop store"):
        opened(f"sqlite:///{path}")
    assert path.read_bytes() == content


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_sqlite_file_of_somebody_else_is_refused_and_nothing_is_written_to_it_or_beside_it(
    path: Path, mode: str
):
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA journal_mode = {mode}")
    other.execute("CREATE TABLE head (id INTEGER)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreNotUsable, match="SQLite file, but not a crossloop store"):
        opened(f"sqlite:///{path}")
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_store_of_another_format_is_refused(path: Path):
    with open_store(path) as store:
        store.write(lambda tx: tx.execute("UPDATE head SET format = 7"))
    with pytest.raises(StoreNotUsable, match=f"format 7; this version of crossloop knows format {FORMAT}"):
        opened(f"sqlite:///{path}")


def test_a_store_without_its_head_table_is_refused(path: Path):
    with open_store(path) as store:
        store.write(lambda tx: tx.execute("DROP TABLE head"))
    with pytest.raises(StoreNotUsable, match="not complete"):
        opened(f"sqlite:///{path}")


def test_a_store_without_its_head_row_opens_so_that_it_can_be_verified(path: Path):
    with open_store(path) as store:
        store.write(append)
        store.write(lambda tx: tx.execute("DELETE FROM head"))
    with open_store(path) as store:
        assert not store.read(verify).ok


def test_a_damaged_file_is_refused_with_the_next_step(path: Path):
    with open_store(path) as store:
        store.write(append)
    content = bytearray(path.read_bytes())
    content[100:3000] = b"\xff" * 2900
    path.write_bytes(content)
    with pytest.raises(StoreNotUsable, match="damaged") as refused:
        opened(f"sqlite:///{path}")
    assert refused.value.next_step == "Restore it from a copy."


def cut_off_while_creating(path: Path) -> None:
    """Leave what a death in the middle of the creating commit leaves: some pages, and the journal that says
    that the file was empty before (magic, no records, nonce, nought pages, sector and page size)."""
    sqlite.create(path, 1)
    path.write_bytes(path.read_bytes()[: 3 * 4096])
    fields = (0).to_bytes(4) + (7).to_bytes(4) + (0).to_bytes(4) + (512).to_bytes(4) + (4096).to_bytes(4)
    journal = (bytes.fromhex("d9d505f920a163d7") + fields).ljust(512, b"\x00")
    path.with_name(path.name + "-journal").write_bytes(journal)


def test_a_store_whose_creation_was_cut_off_is_created_again(path: Path):
    cut_off_while_creating(path)
    with pytest.raises(StoreNotUsable, match="no finished store"):
        opened(f"sqlite:///{path}", create=False)
    with opened(f"sqlite:///{path}") as store:
        assert store.write(append) == 0
        assert store.read(verify).ok


def test_a_store_that_another_process_is_creating_is_waited_for_and_then_reported_busy(path: Path):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy):
        opened(f"sqlite:///{path}")
    other.close()


def test_a_store_is_opened_again_with_all_that_was_written(path: Path):
    with open_store(path) as store:
        store.write(append)
        assert store.url == f"sqlite:///{path}"
    with open_store(path, create=False) as store:
        assert store.write(append) == 1


def test_a_store_keeps_its_file_when_the_working_directory_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with opened("sqlite:///here.db") as store:
        monkeypatch.chdir("/")
        store.write(append)
        assert size(store) == 1
    assert (tmp_path / "here.db").exists()


def test_closing_twice_does_nothing(store: Store):
    store.write(append)
    store.close()
    store.close()


def test_commits_are_synced_and_readers_do_not_wait(store: Store):
    def settings(tx: Tx) -> list[object]:
        names = ("synchronous", "journal_mode", "foreign_keys")
        return [tx.rows(f"PRAGMA {name}")[0][0] for name in names]

    assert store.write(settings) == [2, "wal", 1]


# ---------------------------------------------------------------- writing


def test_a_write_returns_what_the_work_returns_once_it_is_committed(store: Store, path: Path):
    assert store.write(lambda tx: (append(tx), "said")[1]) == "said"
    with open_store(path) as other:
        assert size(other) == 1


def test_an_error_rolls_everything_back_and_reaches_the_caller(store: Store):
    class Ours(Exception):
        pass

    def work(tx: Tx) -> None:
        append(tx)
        raise Ours

    with pytest.raises(Ours):
        store.write(work)
    assert size(store) == 0
    assert store.write(append) == 0
    assert store.read(verify).ok


def test_a_row_that_breaks_a_constraint_is_the_programs_mistake_and_rolls_back(store: Store):
    store.write(lambda tx: tx.append("drill", "case_x", {}))

    def work(tx: Tx) -> None:
        append(tx)
        tx.execute("INSERT INTO cases (key, id) VALUES (99, 'case_x')")

    with pytest.raises(sqlite3.IntegrityError):
        store.write(work)
    assert size(store) == 1


def test_a_transaction_inside_a_transaction_is_refused_instead_of_waiting_for_itself(store: Store):
    with pytest.raises(RuntimeError, match="cannot start another"):
        store.write(lambda tx: store.write(append))


def test_writes_from_many_threads_are_all_kept_one_after_the_other(store: Store):
    with ThreadPoolExecutor(8) as threads:
        positions = list(threads.map(lambda _: store.write(append), range(64)))
    assert sorted(positions) == list(range(64))
    assert store.read(verify).ok


def test_whoever_waits_for_another_writer_looks_again_before_much_more_time_has_passed(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    # Who writes one transaction after the other leaves gaps of a millisecond.
    now, looks = [0.0], list[float]()
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY

    def sleep(seconds: float) -> None:
        now[0] += seconds

    def attempt() -> None:
        looks.append(now[0])
        if now[0] < 3:
            raise busy

    monkeypatch.setattr(sqlite, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: now[0]))
    sqlite.patiently(attempt, path, 10)
    for sooner, later in pairwise(looks):
        assert later - sooner <= max(0.001, min(0.05 * sooner, 0.05)) + 1e-9
    assert len(looks) < 200


def test_a_store_that_another_process_holds_is_waited_for_and_then_reported_busy(store: Store, path: Path):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match="held for writing by another process"):
        store.write(append)
    other.execute("ROLLBACK")
    other.close()
    assert store.write(append) == 0


def test_a_write_that_waits_succeeds_when_the_other_one_lets_go(path: Path):
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    with Store.open(f"sqlite:///{path}", clock=ManualClock(START)) as store:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(store.write, append)
            other.execute("ROLLBACK")
            assert waiting.result() == 0
    other.close()


def test_a_file_that_cannot_be_written_is_reported(store: Store):
    def work(tx: Tx) -> None:
        tx.execute("PRAGMA query_only = ON")
        append(tx)

    with pytest.raises(StoreNotUsable, match="cannot be used"):
        store.write(work)
    assert store.write(append) == 0


# ---------------------------------------------------------------- writing from a loop


def test_an_awaited_write_returns_what_the_work_returns(store: Store):
    assert asyncio.run(store.write_async(append)) == 0


def test_an_error_in_an_awaited_write_reaches_the_task_and_rolls_back(store: Store):
    def work(tx: Tx) -> None:
        append(tx)
        raise LookupError("ours")

    with pytest.raises(LookupError, match="ours"):
        asyncio.run(store.write_async(work))
    assert size(store) == 0


@pytest.mark.parametrize("fails", [False, True])
def test_a_cancelled_task_is_cancelled_after_its_transaction_has_ended(store: Store, fails: bool):
    begun, go_on = threading.Event(), threading.Event()

    def work(tx: Tx) -> int:
        begun.set()
        go_on.wait(10)
        position = append(tx)
        if fails:
            raise LookupError("nobody is left to hear it")
        return position

    async def main() -> None:
        task = asyncio.create_task(store.write_async(work))
        await asyncio.to_thread(begun.wait, 10)
        for _ in range(3):  # cancelled again while it waits for the transaction
            task.cancel()
            await asyncio.sleep(0)
        assert not task.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert size(store) == (0 if fails else 1)
    assert store.read(verify).ok


def test_a_loop_that_ends_waits_for_the_transaction_it_began(store: Store):
    begun, go_on = threading.Event(), threading.Event()

    def work(tx: Tx) -> int:
        begun.set()
        go_on.wait(10)
        return append(tx)

    async def main() -> None:
        asyncio.create_task(store.write_async(work))  # noqa: RUF006 (left behind on purpose)
        await asyncio.to_thread(begun.wait, 10)
        asyncio.get_running_loop().call_soon(go_on.set)

    asyncio.run(main())
    assert size(store) == 1


# ---------------------------------------------------------------- reading


def test_a_reader_sees_one_state_while_another_process_writes(store: Store, path: Path):
    with open_store(path) as other:
        other.write(append)

        def work(read: object) -> None:
            assert size_of(read) == 1
            other.write(append)
            assert size_of(read) == 1

        def size_of(read: object) -> int:
            return read.head().size  # pyright: ignore[reportAttributeAccessIssue]

        store.read(work)
        assert size(store) == 2


def test_reading_does_not_wait_for_a_transaction_that_is_under_way(store: Store, path: Path):
    with open_store(path) as other:

        def work(tx: Tx) -> tuple[int, int]:
            append(tx)
            return size(store), size(other)

        assert store.write(work) == (0, 0)


def test_a_reader_cannot_write(store: Store):
    with pytest.raises(StoreNotUsable, match="readonly"):
        store.read(lambda read: read.rows("DELETE FROM entries"))


def test_reading_from_many_threads_works(store: Store):
    store.write(append)
    with ThreadPoolExecutor(12) as threads:
        assert set(threads.map(lambda _: size(store), range(60))) == {1}


def test_an_error_of_the_reading_work_reaches_the_caller(store: Store):
    with pytest.raises(ZeroDivisionError):
        store.read(lambda read: 1 // 0)


def test_closing_leaves_the_whole_store_in_one_file(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/whole.db", clock=ManualClock(START)) as store:
        store.write(lambda tx: tx.append("said", None, {"x": 1}))
        store.read(lambda read: read.head())
    assert [file.name for file in tmp_path.iterdir()] == ["whole.db"]
