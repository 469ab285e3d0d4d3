"""Rows that nobody wrote: one clear error of the command that meets them, and never a traceback."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.console import LOOP, warm

FAR = 2**63 - 1
APPROVAL = "(SELECT id FROM approvals WHERE state = 'waiting' ORDER BY key LIMIT 1)"


def change(folder: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(folder / "crossloop.db")) as database:
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute("PRAGMA ignore_check_constraints = ON")
        assert database.execute(statement, values).rowcount >= 1
        database.commit()


def first(folder: Path, query: str) -> str:
    with closing(sqlite3.connect(folder / "crossloop.db")) as database:
        return str(database.execute(query).fetchone()[0])


@pytest.mark.parametrize(
    ("command", "table", "column", "value"),
    [
        ("approvals list", "approvals", "people", "not json"),
        ("approvals list", "approvals", "people", '{"a": 1}'),
        ("approvals list", "approvals", "due", FAR),
        ("approvals show ID", "approvals", "people", "[1]"),
        ("approvals approve ID --as asha", "approvals", "due", -FAR),
        ("signals list", "signals", "valid_until", FAR),
        ("signals --state finished", "signals", "time", -FAR),
        ("explain ID", "approvals", "people", "nobody"),
        (f"run {LOOP} --as-of 2026-06-10", "approvals", "due", FAR),
        (f"run {LOOP} --as-of 2026-06-10", "conditions", "since", "yesterday"),
        (f"run {LOOP} --as-of 2026-06-10", "choices", "settings", "{"),
        (f"run {LOOP} --as-of 2026-06-10", "actions", "expires_at", FAR),
    ],
)
def test_a_row_that_nobody_wrote_is_named_with_its_store_table_row_and_column(
    asked: Path, command: str, table: str, column: str, value: object
) -> None:
    id = first(asked, f"SELECT {APPROVAL}")
    change(asked, f"UPDATE {table} SET {column} = ?", value)
    done = warm(*command.replace("ID", id).split(), "--json", cwd=asked).expect(2)
    told = done.json["error"]
    assert told["code"] == "store.not_usable"
    assert f"store {asked / 'crossloop.db'} cannot be used: table {table}, row " in told["message"]
    assert f"column {column}: expected " in told["message"]
    assert "crossloop ledger verify" in told["next_step"]


@pytest.mark.parametrize(
    ("table", "column", "value", "expected"),
    [
        ("approvals", "due", FAR, "microseconds since 1970"),
        ("approvals", "people", "[asha", "a JSON list of text"),
        ("signals", "time", -FAR, "microseconds since 1970"),
        ("actions", "expires_at", FAR, "microseconds since 1970"),
    ],
)
def test_verifying_names_table_row_and_column_of_what_cannot_be_read(
    asked: Path, table: str, column: str, value: object, expected: str
) -> None:
    id = first(asked, f"SELECT id FROM {table} WHERE {column} IS NOT NULL ORDER BY key LIMIT 1")
    change(asked, f"UPDATE {table} SET {column} = ?", value)
    told = warm("ledger", "verify", "--json", cwd=asked).expect(1).json
    assert f"table {table}, row {id}, column {column}: expected {expected}, got " in told["problem"]


@pytest.mark.parametrize("command", ["ledger tail", "explain CASE"])
@pytest.mark.parametrize("body", ["{}", "[]", '"text"', '{"department": 1, "data": [], "confidence": "x"}'])
def test_an_entry_that_does_not_say_what_it_should_is_named(asked: Path, command: str, body: str) -> None:
    case = first(asked, "SELECT id FROM cases ORDER BY key LIMIT 1")
    change(asked, "UPDATE entries SET body = CAST(? AS BLOB) WHERE kind = 'signal.received'", body)
    arguments = command.replace("CASE", case).split()
    done = warm(*arguments, *(["-n", "10000"] if "tail" in arguments else []), cwd=asked, columns=300)
    done.expect(1)
    assert "error ledger.broken" in done.err
    assert "entry " in done.err
    assert "crossloop ledger verify" in done.err


def test_an_instant_of_an_entry_that_there_is_not_is_named(asked: Path) -> None:
    change(asked, "UPDATE entries SET at = ? WHERE position = 7", FAR)
    done = warm("ledger", "tail", "-n", "10000", "--json", cwd=asked).expect(1)
    assert done.json["error"]["message"].startswith("entry 7 cannot be read back")


@pytest.mark.parametrize("position", [2**63, 2**63 - 1, 10**30])
def test_a_position_beyond_every_ledger_is_no_entry(asked: Path, position: int) -> None:
    for command in (("redact", str(position), "--reason", "x", "--yes"), ("prove", str(position))):
        told = warm("ledger", *command, "--json", cwd=asked).expect(2).json["error"]
        assert told["code"] == "input.unknown_name"
        assert f"no entry {position}" in told["message"]


def test_what_is_looked_at_is_shown_where_nothing_is_odd(asked: Path) -> None:
    found: Any = json.loads(warm("approvals", "list", "--json", cwd=asked).expect(0).out)
    assert found["approvals"]
