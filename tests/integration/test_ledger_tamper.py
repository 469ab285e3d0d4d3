"""Somebody with the file and a SQLite shell: whatever they change, verification finds it and names where.

Each drill changes one thing inside a transaction of a plain SQLite connection, verifies, and rolls back.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

import orjson
import pytest

from crossloop.errors import StoreNotUsable
from crossloop.store import Tx, Verification, verify
from crossloop.store.ledger.entries import SALT_SIZE, head_digest, stored_leaf
from crossloop.store.ledger.merkle import Frontier, perfect_root
from crossloop.store.schema import FORMAT
from tests.support.ledger_drills import reading
from tests.support.stores import open_store

SIZE = 25
"""Entries of the small ledger: subtrees over 16, over 8 and over 1 of them."""

LONG = 700
"""Entries of the long one: two full runs of 256, subtrees over 512, 128, 32, 16, 8 and 4."""

COLUMNS = ("kind", "case_key", "at", "salt", "body", "body_hash", "leaf")

LOOSE = (
    "ALTER TABLE entries RENAME TO kept",
    "CREATE TABLE entries (position, kind, case_key, at, salt, body, body_hash, leaf)",
    "INSERT INTO entries SELECT * FROM kept",
)
"""Puts a table without types and constraints in the place of the entries."""


def made(path: Path, size: int) -> Path:
    def work(tx: Tx) -> None:
        for number in range(size):
            case = None if number % 5 == 4 else f"case_{number % 3}"
            tx.append("drill" if number % 2 else "drill.received", case, {"n": number})

    with open_store(path) as store:
        store.write(work)
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("small") / "store.db", SIZE)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("long") / "store.db", LONG)


class Shell:
    """A plain connection to the file, and verification through it."""

    def __init__(self, path: Path) -> None:
        self.sql = sqlite3.connect(path, isolation_level=None)
        self._read = reading(self.sql)

    def verify(self) -> Verification:
        return verify(self._read)

    def after(self, *changes: tuple[str, tuple[object, ...]] | str) -> Verification:
        """Verify after some statements, and take them back."""
        self.sql.execute("BEGIN")
        try:
            for change in changes:
                statement, values = (change, ()) if isinstance(change, str) else change
                changed = self.sql.execute(statement, values).rowcount
                assert changed != 0, f"the drill changed nothing: {statement}"
            return self.verify()
        finally:
            self.sql.execute("ROLLBACK")

    def value(self, statement: str, *values: object) -> object:
        return self.sql.execute(statement, values).fetchone()[0]


@contextmanager
def shell(path: Path) -> Iterator[Shell]:
    opened = Shell(path)
    assert opened.verify().ok
    try:
        yield opened
        assert opened.verify().ok, "a drill left something behind"
    finally:
        opened.sql.close()


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


def flips(value: object) -> Iterator[tuple[str, object]]:
    """Every way to flip one bit of a value, as an SQL expression and its parameter."""
    if isinstance(value, int):
        for bit in range(64):
            yield "?", signed((value & (1 << 64) - 1) ^ 1 << bit)
    elif isinstance(value, str):
        for bit in range(len(value.encode()) * 8):
            yield "CAST(? AS TEXT)", flipped(value.encode(), bit)  # also no UTF-8 at all
    else:
        data = cast("bytes", value)
        for bit in range(len(data) * 8):
            yield "?", flipped(data, bit)


def assert_not_an_entry(found: Verification, said: str) -> None:
    assert not found.ok
    assert found.first_bad is None, found
    assert said in found.problem


def assert_named(found: Verification, position: int) -> None:
    assert not found.ok
    assert found.first_bad == position, found
    assert found.problem


# ---------------------------------------------------------------- one column of one entry


@pytest.mark.parametrize("column", COLUMNS)
def test_any_flipped_bit_of_any_column_of_any_entry_is_found_and_the_entry_named(small: Path, column: str):
    drills = 0
    with shell(small) as attacker:
        for position in range(SIZE):
            value = attacker.value(f"SELECT {column} FROM entries WHERE position = ?", position)
            for expression, changed in () if value is None else flips(value):
                found = attacker.after(
                    (f"UPDATE entries SET {column} = {expression} WHERE position = ?", (changed, position))
                )
                assert_named(found, position)
                drills += 1
    assert drills > SIZE * 32


def test_any_flipped_bit_of_a_position_is_found_as_the_entry_that_is_missing_there(small: Path):
    with shell(small) as attacker:
        for position in range(SIZE):
            for _, changed in flips(position):
                if 0 <= cast("int", changed) < SIZE:
                    continue  # taken by another entry: the table itself refuses
                found = attacker.after(
                    ("UPDATE entries SET position = ? WHERE position = ?", (changed, position))
                )
                assert_named(found, position)


def test_any_flipped_bit_of_a_cases_label_is_found_at_the_first_entry_of_the_case(small: Path):
    with shell(small) as attacker:
        for key in range(3):
            label = attacker.value("SELECT id FROM cases WHERE key = ?", key)
            for expression, changed in flips(label):
                try:
                    found = attacker.after(
                        (f"UPDATE cases SET id = {expression} WHERE key = ?", (changed, key))
                    )
                except sqlite3.IntegrityError:
                    continue  # became the label of another case: the table itself refuses
                assert_named(found, key)


def test_a_deleted_case_is_found_at_its_first_entry(small: Path):
    with shell(small) as attacker:
        for key in range(3):
            assert_named(attacker.after(("DELETE FROM cases WHERE key = ?", (key,))), key)


@pytest.mark.parametrize("column", ["position", *COLUMNS])
@pytest.mark.parametrize(
    "other", ["NULL", "CAST({} AS TEXT)", "CAST({} AS BLOB)", "CAST({} AS REAL)", "hex({})"]
)
def test_any_column_of_another_type_is_found_and_the_entry_named(small: Path, column: str, other: str):
    """A STRICT table refuses this, so the drill puts a table without types and constraints in its place."""
    expression = other.format(column)
    with shell(small) as attacker:
        assert attacker.after(*LOOSE).ok
        for position in range(SIZE):
            same = attacker.value(
                f"SELECT typeof({column}) = typeof({expression}) AND {column} IS {expression} FROM entries"
                " WHERE position = ?",
                position,
            )
            if same:
                continue
            found = attacker.after(
                *LOOSE, (f"UPDATE entries SET {column} = {expression} WHERE position = ?", (position,))
            )
            assert_named(found, position)


def test_salt_and_body_taken_away_together_are_found(small: Path):
    with shell(small) as attacker:
        for position in range(SIZE):
            found = attacker.after(
                ("UPDATE entries SET salt = NULL, body = NULL WHERE position = ?", (position,))
            )
            assert_named(found, position)


def test_a_byte_that_wanders_from_the_salt_into_the_body_is_found(small: Path):
    with shell(small) as attacker:
        for position in range(SIZE):
            found = attacker.after(
                (
                    "UPDATE entries SET salt = substr(salt, 1, 15),"
                    " body = CAST(substr(salt, 16) || body AS BLOB) WHERE position = ?",
                    (position,),
                )
            )
            assert_named(found, position)


# ---------------------------------------------------------------- whole rows


def test_any_deleted_row_is_found_and_named(small: Path):
    with shell(small) as attacker:
        for position in range(SIZE):
            assert_named(attacker.after(("DELETE FROM entries WHERE position = ?", (position,))), position)


def test_all_rows_deleted_are_found_from_the_first(small: Path):
    with shell(small) as attacker:
        assert_named(attacker.after("DELETE FROM entries"), 0)


def test_any_two_rows_that_changed_places_are_found_at_the_first_of_them(small: Path):
    swap = "UPDATE entries SET position = ? WHERE position = ?"
    with shell(small) as attacker:
        for first in range(SIZE):
            for second in range(first + 1, SIZE):
                found = attacker.after((swap, (-1, first)), (swap, (first, second)), (swap, (second, -1)))
                assert_named(found, first)


def test_any_row_overwritten_with_a_copy_of_another_is_found(small: Path):
    with shell(small) as attacker:
        for position in range(SIZE):
            source = (position + 7) % SIZE
            found = attacker.after(
                ("DELETE FROM entries WHERE position = ?", (position,)),
                (
                    "INSERT INTO entries SELECT ?, kind, case_key, at, salt, body, body_hash, leaf"
                    " FROM entries WHERE position = ?",
                    (position, source),
                ),
            )
            assert_named(found, position)


def test_later_entries_moved_down_over_a_deleted_one_are_found_where_it_was(small: Path):
    with shell(small) as attacker:
        for position in range(SIZE - 1):
            found = attacker.after(
                ("DELETE FROM entries WHERE position = ?", (position,)),
                ("UPDATE entries SET position = -position WHERE position > ?", (position,)),
                "UPDATE entries SET position = -position - 1 WHERE position < 0",
            )
            assert_named(found, position)


@pytest.mark.parametrize("where", [SIZE, SIZE + 1, 10**9, -1, -(10**9)])
def test_a_row_added_outside_the_head_is_found_and_named(small: Path, where: int):
    copy = (
        "INSERT INTO entries SELECT ?, kind, case_key, at, salt, body, body_hash, leaf FROM entries"
        " WHERE position = 3"
    )
    with shell(small) as attacker:
        assert_named(attacker.after((copy, (where,))), where)


def test_a_well_made_row_added_behind_the_head_is_found_and_named(small: Path):
    salt, body = b"s" * SALT_SIZE, b"{}"
    hashed = hashlib.sha256(salt + body).digest()
    leaf = stored_leaf(SIZE, "drill", None, 1, hashed)
    add = "INSERT INTO entries VALUES (?, 'drill', NULL, 1, ?, ?, ?, ?)"
    with shell(small) as attacker:
        assert_named(attacker.after((add, (SIZE, salt, body, hashed, leaf))), SIZE)


def test_any_row_that_stands_there_twice_is_found_and_named(small: Path):
    with shell(small) as attacker:
        for position in range(SIZE):
            twice = ("INSERT INTO entries SELECT * FROM kept WHERE position = ?", (position,))
            assert_named(attacker.after(*LOOSE, twice), position)


def test_a_row_without_a_position_is_found(small: Path):
    with shell(small) as attacker:
        found = attacker.after(*LOOSE, "INSERT INTO entries (kind) VALUES ('drill')")
        assert_not_an_entry(found, f"{SIZE + 1} rows stand in the table")


def test_rows_behind_the_head_that_cannot_be_read_are_found(small: Path):
    """A view in place of the table, which fails on what lies behind the last entry."""
    copy = (
        "INSERT INTO entries SELECT 99, kind, case_key, at, salt, body, body_hash, leaf FROM entries"
        " WHERE position = 3"
    )
    view = (
        f"CREATE VIEW entries AS SELECT * FROM kept WHERE position < {SIZE}"
        " OR abs(position - position - 9223372036854775807 - 1) > 0"
    )
    with shell(small) as attacker:
        found = attacker.after(copy, "ALTER TABLE entries RENAME TO kept", view)
        assert_not_an_entry(found, "cannot be counted")


def test_a_missing_table_of_entries_is_found(small: Path):
    with shell(small) as attacker:
        assert_named(attacker.after("ALTER TABLE entries RENAME TO elsewhere"), 0)


# ---------------------------------------------------------------- hashes made anew


def rewrite(attacker: Shell, position: int, body: bytes) -> tuple[str, tuple[object, ...]]:
    """A statement that changes an entry's body and makes its hashes fit again."""
    kind, case, at, salt = attacker.sql.execute(
        "SELECT kind, c.id, at, salt FROM entries LEFT JOIN cases c ON c.key = case_key WHERE position = ?",
        (position,),
    ).fetchone()
    hashed = hashlib.sha256(salt + body).digest()
    leaf = stored_leaf(position, kind, case, at, hashed)
    return (
        "UPDATE entries SET body = ?, body_hash = ?, leaf = ? WHERE position = ?",
        (body, hashed, leaf, position),
    )


@pytest.mark.parametrize("body", [orjson.dumps({"n": "forged"}), b"no json", b"\xff\xfe", b""])
def test_an_entry_rewritten_with_fitting_hashes_is_found_within_the_heads_subtree(small: Path, body: bytes):
    with shell(small) as attacker:
        for position in range(SIZE):
            found = attacker.after(rewrite(attacker, position, body))
            if position == 24:
                assert_named(found, 24)
                assert "entry 24 was rewritten" in found.problem
                continue
            first, last = (0, 15) if position < 16 else (16, 23)
            assert_named(found, first)
            assert f"between {first} and {last}" in found.problem


@pytest.mark.parametrize(
    ("position", "first", "last"),
    [
        (0, 0, 255),
        (255, 0, 255),
        (256, 256, 511),
        (300, 256, 511),
        (520, 512, 639),
        (650, 640, 671),
        (699, 696, 699),
    ],
)
def test_an_entry_rewritten_in_a_long_ledger_is_found_within_its_run(
    long: Path, position: int, first: int, last: int
):
    with shell(long) as attacker:
        found = attacker.after(rewrite(attacker, position, b"{}"))
        assert_named(found, first)
        assert f"between {first} and {last}" in found.problem


def test_an_entry_rewritten_together_with_its_stored_hash_is_found_within_the_heads_subtree(long: Path):
    with shell(long) as attacker:
        forged = rewrite(attacker, 300, b"{}")
        leaves = [
            row[0]
            for row in attacker.sql.execute("SELECT leaf FROM entries WHERE position BETWEEN 256 AND 511")
        ]
        leaves[300 - 256] = cast("bytes", forged[1][2])
        found = attacker.after(
            forged, ("UPDATE tiles SET hash = ? WHERE number = 1", (perfect_root(leaves),))
        )
        assert_named(found, 0)
        assert "between 0 and 511" in found.problem


def test_the_first_of_two_changed_entries_is_named(long: Path):
    later = ("UPDATE entries SET at = at + 1 WHERE position = 600", ())
    with shell(long) as attacker:
        assert_named(attacker.after(("UPDATE entries SET at = at + 1 WHERE position = 9", ()), later), 9)
        assert_named(attacker.after(rewrite(attacker, 300, b"{}"), later), 256)
        same_run = ("UPDATE entries SET at = at + 1 WHERE position = 310", ())
        assert_named(attacker.after(rewrite(attacker, 300, b"{}"), same_run), 310)


def test_a_changed_stored_hash_does_not_hide_the_entry_that_was_changed_later(long: Path):
    tile = ("UPDATE tiles SET hash = zeroblob(32) WHERE number = 0", ())
    with shell(long) as attacker:
        assert_named(attacker.after(tile, ("DELETE FROM entries WHERE position = 600", ())), 600)
        assert_named(attacker.after(tile, ("DELETE FROM entries WHERE position = 699", ())), 699)
        gone = "DELETE FROM tiles WHERE number = 0"
        assert_named(attacker.after(gone, ("DELETE FROM entries WHERE position = 400", ())), 400)


# ---------------------------------------------------------------- head and stored hashes


@pytest.mark.parametrize("column", ["format", "size", "frontier", "digest"])
@pytest.mark.parametrize("which", ["small", "long"])
def test_any_flipped_bit_of_the_head_is_found_and_blamed_on_the_head(
    request: pytest.FixtureRequest, which: str, column: str
):
    with shell(request.getfixturevalue(which)) as attacker:
        value = attacker.value(f"SELECT {column} FROM head")
        for expression, changed in list(flips(value))[:: 1 if which == "small" else 37]:
            found = attacker.after((f"UPDATE head SET {column} = {expression}", (changed,)))
            assert_not_an_entry(found, "head")


def test_a_missing_head_is_found(small: Path):
    with shell(small) as attacker:
        assert_not_an_entry(attacker.after("DELETE FROM head"), "0 heads")
        assert_not_an_entry(attacker.after("ALTER TABLE head RENAME TO elsewhere"), "head")


def test_two_heads_are_found(small: Path):
    loose = ("ALTER TABLE head RENAME TO kept", "CREATE TABLE head (id, format, size, frontier, digest)")
    copy = "INSERT INTO head SELECT * FROM kept"
    with shell(small) as attacker:
        assert_not_an_entry(attacker.after(*loose, copy, copy), "2 heads")
        wrong = "UPDATE head SET size = 'many'"
        assert_not_an_entry(attacker.after(*loose, copy, wrong), "wrong type")


def test_a_well_made_earlier_head_leaves_later_entries_outside(small: Path):
    tree = Frontier()
    with shell(small) as attacker:
        for (leaf,) in attacker.sql.execute("SELECT leaf FROM entries ORDER BY position LIMIT 20"):
            tree.append(leaf)
        packed = tree.packed()
        found = attacker.after(
            ("UPDATE head SET size = 20, frontier = ?, digest = ?", (packed, head_digest(FORMAT, 20, packed)))
        )
        assert_named(found, 20)
        assert "added" in found.problem


def test_a_changed_entry_is_named_although_the_head_is_changed_too(small: Path):
    with shell(small) as attacker:
        found = attacker.after("UPDATE head SET size = 3", "UPDATE entries SET at = 0 WHERE position = 7")
        assert_named(found, 7)


def test_an_entry_rewritten_while_the_head_is_changed_too_is_found_by_its_stored_hash(long: Path):
    with shell(long) as attacker:
        found = attacker.after("UPDATE head SET size = 3", rewrite(attacker, 300, b"{}"))
        assert_named(found, 256)
        assert "stored hash" in found.problem
        assert "head" in found.problem


@pytest.mark.parametrize("number", [0, 1])
def test_any_changed_stored_hash_is_found_and_no_entry_is_blamed(long: Path, number: int):
    with shell(long) as attacker:
        value = attacker.value("SELECT hash FROM tiles WHERE number = ?", number)
        for _, changed in flips(value):
            found = attacker.after(("UPDATE tiles SET hash = ? WHERE number = ?", (changed, number)))
            assert_not_an_entry(
                found, f"stored hash over entries {number * 256} to {number * 256 + 255} was changed"
            )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DELETE FROM tiles WHERE number = 1", "is missing"),
        ("UPDATE tiles SET number = 7 WHERE number = 1", "is missing"),
        ("INSERT INTO tiles VALUES (2, zeroblob(32))", "3 stored hashes"),
        ("UPDATE tiles SET hash = zeroblob(31) WHERE number = 1", "stored hash"),
        ("ALTER TABLE tiles RENAME TO elsewhere", "stored hash"),
    ],
)
def test_a_missing_added_or_malformed_stored_hash_is_found(long: Path, change: str, said: str):
    with shell(long) as attacker:
        assert_not_an_entry(attacker.after(change), said)


# ---------------------------------------------------------------- the bytes of the file


def test_a_flipped_byte_anywhere_in_the_file_is_found_or_changed_no_entry_and_never_crashes(
    small: Path, tmp_path: Path
):
    """SQLite's own structure is hit as well: rows vanish, text stops being text, pages do not parse."""
    content = small.read_bytes()
    copy = tmp_path / "store.db"
    everything = "SELECT * FROM entries ORDER BY position"
    with closing(sqlite3.connect(small)) as whole:
        before = whole.execute(everything).fetchall()
        [root] = whole.execute("SELECT rootpage FROM sqlite_master WHERE name = 'entries'").fetchone()
    page = range((root - 1) * 4096, root * 4096)  # the entries are few: one page holds them
    offsets = {*page[::5], *range(0, 8 * 4096, 31), *range(0, len(content), 997)}
    found_bad = 0
    for offset in offsets:
        copy.write_bytes(
            content[:offset] + bytes([content[offset] ^ 1 << offset % 8]) + content[offset + 1 :]
        )
        for beside in ("-wal", "-shm", "-journal"):
            copy.with_name(copy.name + beside).unlink(missing_ok=True)
        try:
            with open_store(copy, create=False) as store:
                found = store.read(verify)
        except StoreNotUsable:
            continue  # no longer recognisable: said in one sentence too
        if found.ok:
            with closing(sqlite3.connect(copy)) as changed:
                assert changed.execute(everything).fetchall() == before
        else:
            found_bad += 1
            assert found.problem
    assert found_bad > 300


def test_every_byte_of_a_body_in_the_file_belongs_to_an_entry_that_is_named(small: Path, tmp_path: Path):
    content = small.read_bytes()
    copy = tmp_path / "store.db"
    for position in range(SIZE):
        body = orjson.dumps({"n": position})
        assert content.count(body) == 1
        at = content.index(body)
        for offset in range(at, at + len(body)):
            copy.write_bytes(content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :])
            with open_store(copy, create=False) as store:
                assert_named(store.read(verify), position)


def test_a_file_that_was_cut_off_is_refused_as_damaged(long: Path, tmp_path: Path):
    content = long.read_bytes()
    copy = tmp_path / "store.db"
    copy.write_bytes(content[: len(content) - 20 * 4096])
    with pytest.raises(StoreNotUsable, match="damaged") as refused:
        open_store(copy, create=False)
    assert refused.value.exit_code == 2
