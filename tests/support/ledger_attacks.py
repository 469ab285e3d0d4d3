"""What can be done to a ledger of 200 entries, and who finds it.

``python -m tests.support.ledger_drills`` does each in turn: every bit, every deletion, swap, insertion and
duplication, every length to cut at, every older copy, every rewrite. It says how many there were, how many
verification (or, in the last three rows, the witness file) found, how many still gave an export that shows
the change, and how many of those the stand-alone verifier refused. Ends with 1 when one was missed.

With its head and its hashes made anew a ledger agrees with itself: verification is then expected to find
nothing, and the checkpoints kept elsewhere everything.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import cast

import orjson

from crossloop.errors import LedgerBroken
from crossloop.store import Verification, verify
from crossloop.store.ledger.entries import stored_leaf
from crossloop.store.ledger.records import records
from tests.support.ledger_drills import (
    COLUMNS,
    SIGNER,
    STAND_ALONE,
    compared,
    copied,
    exported,
    fill,
    flips,
    made,
    opened,
    reading,
    witnessed,
)

Change = tuple[str, tuple[object, ...]]

_WITHIN = "kind, case_key, at, salt, body, body_hash, leaf"
_COPY = f"INSERT INTO entries SELECT ?, {_WITHIN} FROM {{}} WHERE position = ?"
_MOVE = "UPDATE entries SET position = ? WHERE position = ?"
_LOOSE: tuple[Change, ...] = (
    ("ALTER TABLE entries RENAME TO kept", ()),
    ("CREATE TABLE entries (position, kind, case_key, at, salt, body, body_hash, leaf)", ()),
    ("INSERT INTO entries SELECT * FROM kept", ()),
)


@dataclass
class Tally:
    """What became of one sort of attack."""

    what: str
    drills: int = 0
    found: int = 0
    exports: int = 0
    """How many of them still gave an export, other than that of the untouched ledger."""

    refused: int = 0
    """How many of those the stand-alone verifier refused."""

    def add(self, found: bool, refused: bool | None) -> None:
        self.drills += 1
        self.found += found
        self.exports += refused is not None
        self.refused += bool(refused)

    @property
    def whole(self) -> bool:
        """Whether nothing was missed."""
        return 0 < self.drills == self.found and self.exports == self.refused


def stand_alone_module() -> ModuleType:
    """The stand-alone verifier, in this interpreter: a hundred thousand new ones would take hours."""
    spec = importlib.util.spec_from_file_location("verify_ledger", STAND_ALONE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Auditor:
    """The stand-alone verifier with a witness file and the key that signed it."""

    def __init__(self, witness: Path) -> None:
        self._alone = stand_alone_module()
        name, id, data = str(SIGNER.verifier).split("+", 2)
        keys = {f"{name}+{id}": self._alone.b64decode(data)[1:]}
        with contextlib.redirect_stdout(io.StringIO()):
            self._kept = self._alone.checkpoints(witness.read_text(), keys)

    def refuses(self, lines: Sequence[str]) -> bool:
        """Whether it refuses a whole export."""
        try:
            self._alone.check_export(list(lines), self._kept)
        except Exception:  # noqa: BLE001  the script says whatever is raised in one line and ends with 1
            return True
        return False

    def refuses_entry(self, line: str, position: int) -> bool:
        """Whether it refuses one line of an export, which is where it stops."""
        try:
            self._alone.leaf_of(orjson.loads(line), position)
        except Exception:  # noqa: BLE001  as above
            return True
        return False


class Shell:
    """A plain connection to the file; each attack is taken back."""

    def __init__(self, path: Path, auditor: Auditor) -> None:
        self.sql = sqlite3.connect(path, isolation_level=None)
        self.auditor = auditor
        self._read = reading(self.sql)
        self.size = self._read.head().size
        self.untouched = self._export(0, self.size)

    def after(self, *changes: Change, entry: int | None = None) -> tuple[Verification, bool | None]:
        """Verification after some changes, and whether the stand-alone verifier refuses the export, if any.

        Args:
            entry: give only this entry to the stand-alone verifier; no other one was changed.
        """
        self.sql.execute("BEGIN")
        try:
            for statement, values in changes:
                assert self.sql.execute(statement, values).rowcount != 0, statement
            return verify(self._read), self._refused(entry)
        finally:
            self.sql.execute("ROLLBACK")

    def _refused(self, entry: int | None) -> bool | None:
        start, stop = (0, self.size) if entry is None else (entry, entry + 1)
        try:
            found = self._export(start, stop)
        except (LedgerBroken, sqlite3.DatabaseError, AttributeError, TypeError):
            return None  # the command ends without a whole file
        if found == self.untouched[start:stop]:
            return None  # what was added behind the last entry is not exported
        if entry is None:
            return self.auditor.refuses(found)
        return self.auditor.refuses_entry(found[0], entry)

    def _export(self, start: int, stop: int) -> list[str]:
        chunks = records(self._read, start, stop)
        return [orjson.dumps(one.document()).decode() for chunk in chunks for one in chunk]


def bits(shell: Shell, column: str) -> Tally:
    """Every bit of a column of every entry; the entry has to be named."""
    tally = Tally(f"a bit of `{column}` flipped")
    for position in range(shell.size):
        query = f"SELECT {column} FROM entries WHERE position = ?"
        value = shell.sql.execute(query, (position,)).fetchone()[0]
        for number, (expression, changed) in enumerate(() if value is None else flips(value)):
            change = (f"UPDATE entries SET {column} = {expression} WHERE position = ?", (changed, position))
            found, refused = shell.after(change, entry=position if number else None)
            tally.add(not found.ok and found.first_bad == position, refused)
    return tally


def attacks(shell: Shell, what: str, each: Iterator[tuple[Change, ...]]) -> Tally:
    """Attacks that verification has to find."""
    tally = Tally(what)
    for changes in each:
        found, refused = shell.after(*changes)
        tally.add(not found.ok, refused)
    return tally


def deletions(size: int) -> Iterator[tuple[Change, ...]]:
    for position in range(size):
        yield (("DELETE FROM entries WHERE position = ?", (position,)),)


def deletions_closed_up(size: int) -> Iterator[tuple[Change, ...]]:
    for position in range(size - 1):
        yield (
            ("DELETE FROM entries WHERE position = ?", (position,)),
            ("UPDATE entries SET position = -position WHERE position > ?", (position,)),
            ("UPDATE entries SET position = -position - 1 WHERE position < 0", ()),
        )


def swaps(size: int) -> Iterator[tuple[Change, ...]]:
    for first in range(size):
        for second in range(first + 1, size):
            yield (_MOVE, (-1, first)), (_MOVE, (first, second)), (_MOVE, (second, -1))


def insertions(size: int) -> Iterator[tuple[Change, ...]]:
    """A well-made entry between any two, before the first and after the last."""
    for position in range(size + 1):
        salt, body = b"s" * 16, b'{"n":"forged"}'
        hashed = hashlib.sha256(salt + body).digest()
        leaf = stored_leaf(position, "drill", None, 1, hashed)
        room: tuple[Change, ...] = (
            ("UPDATE entries SET position = -position - 1 WHERE position >= ?", (position,)),
            ("UPDATE entries SET position = -position WHERE position < 0", ()),
        )
        values = (position, salt, body, hashed, leaf)
        added = ("INSERT INTO entries VALUES (?, 'drill', NULL, 1, ?, ?, ?, ?)", values)
        yield (*(room if position < size else ()), added)


def duplications(size: int) -> Iterator[tuple[Change, ...]]:
    """Each entry twice at its position, in a table without a key, and in the place of its neighbour."""
    for position in range(size):
        yield (*_LOOSE, (_COPY.format("kept"), (position, position)))
        beside = (position + 1) % size
        over = (
            f"UPDATE entries SET ({_WITHIN}) = (SELECT {_WITHIN} FROM entries WHERE position = ?)"
            " WHERE position = ?"
        )
        yield ((over, (position, beside)),)


def rewritten(shell: Shell) -> Iterator[tuple[Change, ...]]:
    """Each entry with another body and with its own hashes made anew."""
    rows = shell.sql.execute(
        "SELECT position, kind, c.id, at, salt FROM entries LEFT JOIN cases c ON c.key = case_key"
    ).fetchall()
    for position, kind, case, at, salt in rows:
        body = b'{"n":"forged"}'
        hashed = hashlib.sha256(cast("bytes", salt) + body).digest()
        values = (body, hashed, stored_leaf(position, kind, case, at, hashed), position)
        yield (("UPDATE entries SET body = ?, body_hash = ?, leaf = ? WHERE position = ?", values),)


def cuts(size: int) -> Iterator[tuple[Change, ...]]:
    for length in range(size):
        yield (("DELETE FROM entries WHERE position >= ?", (length,)),)


def consistent(what: str, size: int, witness: Path, make: Callable[[Path, int], None]) -> Tally:
    """Ledgers that agree with themselves; the witness file has to find them."""
    tally = Tally(what)
    auditor = Auditor(witness)
    for number in range(size):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "store.db"
            make(path, number)
            lines = exported(path, Path(folder) / "export.jsonl").read_text().splitlines()
            tally.add(bool(compared(path, witness)), auditor.refuses(lines))
    return tally


def tallies(folder: Path, size: int) -> Iterator[Tally]:
    """Every sort of attack on a ledger of so many entries, four of its sizes witnessed, the last one too."""
    path, witness = folder / "store.db", folder / "witness.txt"
    with opened(path) as store:
        for length in sorted({max(1, size * part // 4) for part in range(5)}):
            fill(store, length)
            witnessed(store, witness)
    shell = Shell(path, Auditor(witness))
    with contextlib.closing(shell.sql):
        untouched, _ = shell.after()
        assert untouched.ok
        assert not shell.auditor.refuses(shell.untouched)
        for column in COLUMNS:
            yield bits(shell, column)
        yield attacks(shell, "an entry deleted", deletions(size))
        yield attacks(shell, "an entry deleted, the later ones moved up", deletions_closed_up(size))
        yield attacks(shell, "two entries swapped", swaps(size))
        yield attacks(shell, "a well-made entry inserted", insertions(size))
        yield attacks(shell, "an entry duplicated", duplications(size))
        yield attacks(shell, "an entry rewritten, its own hashes made anew", rewritten(shell))
        yield attacks(shell, "cut off at a length", cuts(size))

    def cut(path: Path, length: int) -> None:
        made(path, length)

    def older(path: Path, length: int) -> None:
        backup = copied(made(path, length), path.with_name("backup.db"))
        with opened(path) as store:
            fill(store, size)
        copied(backup, path)
        with opened(path) as store:
            fill(store, size, mark="after the copy")

    def anew(path: Path, position: int) -> None:
        with opened(path) as store:
            fill(store, position)
            fill(store, position + 1, mark="forged")
            fill(store, size)

    yield consistent("cut off at a length, head and hashes made anew", size, witness, cut)
    yield consistent("an older copy put back, and worked on", size, witness, older)
    yield consistent("an entry and all hashes written anew", size, witness, anew)


def report(size: int) -> int:
    """Print the table, row by row; return 1 when something was missed."""
    whole = True
    titles = ("attack", "times", "found", "exports that show it", "refused by the stand-alone verifier")
    sys.stdout.write(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}\n")
    with tempfile.TemporaryDirectory() as folder:
        for one in tallies(Path(folder), size):
            whole = whole and one.whole
            figures = (one.drills, one.found, one.exports, one.refused)
            sys.stdout.write(f"| {one.what} | {' | '.join(f'{figure:,}' for figure in figures)} |\n")
            sys.stdout.flush()
    return 0 if whole else 1
