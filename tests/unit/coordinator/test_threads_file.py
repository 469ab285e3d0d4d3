"""The file of the approval threads: whose it is, before anything opens it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from crossloop.coordinator.threads_file import APPLICATION_ID, check_threads_file
from crossloop.errors import StoreNotUsable


def database(file: Path, application_id: int) -> Path:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"PRAGMA application_id = {application_id}")
        connection.execute("CREATE TABLE letters (id INTEGER)")
    return file


def test_a_file_of_ours_and_one_that_is_not_there_yet_may_be_used(tmp_path: Path) -> None:
    check_threads_file(tmp_path / "none.db")
    check_threads_file(database(tmp_path / "ours.db", APPLICATION_ID))
    (tmp_path / "empty.db").write_bytes(b"")
    check_threads_file(tmp_path / "empty.db")


def test_what_is_no_database_is_for_sqlite_to_say(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_bytes(b"not a database" * 100)
    check_threads_file(tmp_path / "text.db")


@pytest.mark.parametrize("application_id", [0, 1, 0x43524C50])
def test_a_database_of_somebody_else_is_refused_with_the_next_step(
    tmp_path: Path, application_id: int
) -> None:
    other = database(tmp_path / "other.db", application_id)
    with pytest.raises(StoreNotUsable, match="another program or another store") as refused:
        check_threads_file(other)
    assert str(other) in refused.value.message
    assert "--store" in refused.value.next_step


def test_what_is_no_file_is_refused_without_being_opened(tmp_path: Path) -> None:
    with pytest.raises(StoreNotUsable, match="is a directory"):
        check_threads_file(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StoreNotUsable, match="is no file"):
        check_threads_file(tmp_path / "pipe")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    file = database(tmp_path / "ours.db", APPLICATION_ID)
    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(StoreNotUsable, match="cannot be read: Permission denied"):
        check_threads_file(file)
