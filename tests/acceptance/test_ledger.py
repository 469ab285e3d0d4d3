"""``crossloop ledger``: whatever is done to the entries behind its back, ``verify`` says so and where."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from crossloop.store.ledger.entries import head_digest
from crossloop.store.schema import FORMAT
from tests.support import books
from tests.support.console import DEMO, LOOP, Done, crossloop, warm
from tests.support.run_shape import check_error, check_verification
from tests.support.stores import open_store

SEED = 7
COLUMNS = ("kind", "case_key", "at", "salt", "body", "body_hash", "leaf")
Tamper = Callable[[sqlite3.Connection], object]


def verify(folder: Path) -> Done:
    return warm("ledger", "verify", "--json", cwd=folder)


def broken(folder: Path) -> dict[str, object]:
    """The document of a verification that fails."""
    found = verify(folder).expect(1).json
    check_verification(found)
    assert found["ok"] is False
    assert found["problem"]
    return found


def tampered(folder: Path, tamper: Tamper) -> Path:
    """Change the file as somebody would who has it and SQLite."""
    with closing(sqlite3.connect(folder / "crossloop.db")) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        tamper(connection)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


def size(folder: Path) -> int:
    return int(books.rows(folder / "crossloop.db", "SELECT count(*) FROM entries")[0][0])


def flipped(value: object, at: random.Random) -> object:
    """The same value with one bit changed."""
    if isinstance(value, bytes):
        position = at.randrange(len(value))
        return value[:position] + bytes([value[position] ^ 1 << at.randrange(8)]) + value[position + 1 :]
    if isinstance(value, str):
        position = at.randrange(len(value))
        return value[:position] + chr(ord(value[position]) ^ 1) + value[position + 1 :]
    assert isinstance(value, int)
    return value ^ 1 << at.randrange(8)


def test_an_untouched_ledger_is_good_and_says_its_root(june: Path) -> None:
    found = verify(june).expect(0).json
    check_verification(found)
    assert found["ok"] is True
    assert found["first_bad"] is None
    assert found["entries"] == size(june)
    assert found["root"] in warm("ledger", "verify", cwd=june).expect(0).out


@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_byte_of_any_column_is_found_and_its_entry_named(column: str, asked: Path) -> None:
    chosen = random.Random(f"{SEED} {column}")
    known = books.rows(asked / "crossloop.db", f"SELECT position, {column} FROM entries")
    whole = (asked / "crossloop.db").read_bytes()
    for position, value in chosen.sample([row for row in known if row[1] not in (None, b"")], 4):
        wrong = flipped(value, chosen)
        tampered(
            asked,
            lambda db, wrong=wrong, position=position: db.execute(
                f"UPDATE entries SET {column} = ? WHERE position = ?", (wrong, position)
            ),
        )
        assert broken(asked)["first_bad"] == position
        (asked / "crossloop.db").write_bytes(whole)


def test_a_changed_position_is_found(asked: Path) -> None:
    tampered(asked, lambda db: db.execute("UPDATE entries SET position = 100000 WHERE position = 9"))
    assert broken(asked)["first_bad"] == 9


@pytest.mark.parametrize("which", ["first", "middle", "last"])
def test_a_deleted_entry_is_found_where_it_was(which: str, asked: Path) -> None:
    position = {"first": 0, "middle": size(asked) // 2, "last": size(asked) - 1}[which]
    tampered(asked, lambda db: db.execute("DELETE FROM entries WHERE position = ?", (position,)))
    assert broken(asked)["first_bad"] == position


def test_two_swapped_entries_are_found_at_the_first_of_them(asked: Path) -> None:
    def swap(db: sqlite3.Connection) -> None:
        for old, new in ((7, -7), (12, 7), (-7, 12)):
            db.execute("UPDATE entries SET position = ? WHERE position = ?", (new, old))

    tampered(asked, swap)
    assert broken(asked)["first_bad"] == 7


def test_swapped_contents_are_found_at_the_first_of_them(asked: Path) -> None:
    def swap(db: sqlite3.Connection) -> None:
        rows = db.execute(
            "SELECT salt, body, body_hash, leaf FROM entries WHERE position IN (5, 6)"
        ).fetchall()
        for position, row in ((5, rows[1]), (6, rows[0])):
            db.execute(
                "UPDATE entries SET salt = ?, body = ?, body_hash = ?, leaf = ? WHERE position = ?",
                (*row, position),
            )

    tampered(asked, swap)
    assert broken(asked)["first_bad"] == 5


@pytest.mark.parametrize("further", [0, 5])
def test_an_appended_entry_is_found(further: int, asked: Path) -> None:
    added = size(asked) + further
    tampered(
        asked,
        lambda db: db.execute(
            "INSERT INTO entries SELECT ?, kind, case_key, at, salt, body, body_hash, leaf"
            " FROM entries WHERE position = 3",
            (added,),
        ),
    )
    assert broken(asked)["first_bad"] == added


def test_a_duplicated_entry_is_found_even_without_the_key_that_forbids_it(asked: Path) -> None:
    def duplicate(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE copied AS SELECT * FROM entries")
        db.execute("INSERT INTO copied SELECT * FROM entries WHERE position = 4")
        db.execute("DROP TABLE entries")
        db.execute("ALTER TABLE copied RENAME TO entries")

    tampered(asked, duplicate)
    assert broken(asked)["first_bad"] in (4, 5)


def test_an_entry_without_its_body_is_found(asked: Path) -> None:
    tampered(asked, lambda db: db.execute("UPDATE entries SET body = NULL, salt = NULL WHERE position = 6"))
    assert broken(asked)["first_bad"] == 6


def test_a_ledger_cut_short_is_found_at_its_new_end(asked: Path) -> None:
    left = size(asked) - 10
    tampered(asked, lambda db: db.execute("DELETE FROM entries WHERE position >= ?", (left,)))
    assert broken(asked)["first_bad"] == left


def test_a_ledger_cut_short_with_its_head_is_found(asked: Path) -> None:
    def cut(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM entries WHERE position >= 20")
        db.execute("UPDATE head SET size = 20")

    tampered(asked, cut)
    broken(asked)


def test_the_message_for_people_names_the_entry_and_fits_a_line(asked: Path) -> None:
    tampered(asked, lambda db: db.execute("UPDATE entries SET kind = 'nothing' WHERE position = 11"))
    done = warm("ledger", "verify", cwd=asked).expect(1)
    assert "broken" in done.out
    assert "entry 11" in done.out
    assert done.err == ""


def overwritten(folder: Path, start: int, content: bytes) -> Path:
    """Overwrite a part of the file, as a failing disk does."""
    tampered(folder, lambda db: None)
    file = folder / "crossloop.db"
    whole = bytearray(file.read_bytes())
    whole[start : start + len(content)] = content
    file.write_bytes(whole)
    return folder


def test_a_page_of_entries_that_cannot_be_read_is_found(asked: Path) -> None:
    file = asked / "crossloop.db"
    ((page_size,),) = books.rows(file, "PRAGMA page_size")
    ((root,),) = books.rows(file, "SELECT rootpage FROM sqlite_master WHERE name = 'entries'")
    overwritten(asked, (root - 1) * page_size, b"\xff" * page_size)
    assert broken(asked)["first_bad"] == 0


def test_a_file_whose_tables_cannot_be_told_any_more_is_broken_and_says_what_to_do(asked: Path) -> None:
    overwritten(asked, 100, b"\x5a" * 400)
    found = broken(asked)
    assert found["first_bad"] is None
    assert "damaged" in str(found["problem"])
    done = warm("ledger", "verify", cwd=asked).expect(1)
    assert "Restore it from a copy" in " ".join(done.out.split())


def test_a_cut_off_file_is_broken(asked: Path) -> None:
    tampered(asked, lambda db: None)
    file = asked / "crossloop.db"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    broken(asked)


def test_verifying_changes_nothing(asked: Path) -> None:
    before = books.files(asked)
    verify(asked).expect(0)
    assert books.files(asked) == before


def test_the_newest_entries_stand_last(june: Path) -> None:
    entries = warm("ledger", "tail", "-n", "5", "--json", cwd=june).expect(0).json["entries"]
    assert [one["position"] for one in entries] == list(range(size(june) - 5, size(june)))
    for one in entries:
        assert isinstance(one["kind"], str)
        assert isinstance(one["body"], dict)
        assert datetime.fromisoformat(one["at"]).tzinfo is not None


def test_a_tail_longer_than_the_ledger_shows_it_whole(june: Path) -> None:
    entries = warm("ledger", "tail", "-n", "10000", "--json", cwd=june).expect(0).json["entries"]
    assert [one["position"] for one in entries] == list(range(size(june)))


@pytest.mark.parametrize("columns", [80, 120])
def test_the_tail_for_people_has_a_row_for_each_entry_and_cuts_nothing(columns: int, june: Path) -> None:
    lines = warm("ledger", "tail", "-n", "12", cwd=june, columns=columns).expect(0).out.splitlines()
    assert all(len(line) <= columns for line in lines)
    assert sum(line.split()[0].isdecimal() for line in lines[1:]) == 12
    assert len(lines) > 13, "what an entry says is longer than a line"
    assert not any("…" in line for line in lines)
    assert any("coordinator tells" in line for line in lines)
    assert not any("{" in line for line in lines)


def test_a_new_interpreter_verifies_without_anything_heavy(june: Path) -> None:
    code = crossloop("ledger", "verify", "--json", cwd=june).expect(0)
    assert code.json["ok"] is True


def test_a_tail_of_no_entries_is_refused(june: Path) -> None:
    refused = warm("ledger", "tail", "-n", "0", "--json", cwd=june).expect(2)
    check_error(refused.json)


def test_a_copy_of_the_store_verifies_elsewhere(june: Path, tmp_path: Path) -> None:
    shutil.copytree(june, tmp_path / "auditor")
    found = verify(tmp_path / "auditor").expect(0).json
    assert found["root"] == verify(june).json["root"]


@pytest.mark.parametrize(
    "command",
    [
        "ledger verify",
        "ledger tail",
        "loops",
        "signals",
        "approvals list",
        "approvals show apr_abcd",
        "approvals approve apr_abcd",
        "explain sig_abcd",
        f"run {LOOP} --governance {DEMO}",
    ],
)
def test_a_store_that_another_version_wrote_is_refused_and_left_as_it_is(
    command: str, tmp_path: Path
) -> None:
    """Nobody is accused of tampering: the tables of another version are not compared with these entries."""
    file = tmp_path / "crossloop.db"
    with open_store(file) as store:
        store.write(lambda tx: tx.append("drill", None, {"n": 1}))
    older = FORMAT - 1
    with closing(sqlite3.connect(file)) as database:
        size, frontier = database.execute("SELECT size, frontier FROM head").fetchone()
        digest = head_digest(older, size, frontier)
        database.execute("UPDATE head SET format = ?, digest = ?", (older, digest))
        database.execute("DROP TABLE approvals")
        database.commit()
    before = file.read_bytes()
    error = check_error(warm(*command.split(), "--json", cwd=tmp_path).expect(2).json)
    assert f"has format {older}; this version of crossloop knows format {FORMAT}" in error["message"]
    assert "the version of crossloop that wrote it" in error["next_step"]
    assert file.read_bytes() == before
