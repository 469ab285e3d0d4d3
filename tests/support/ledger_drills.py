"""A ledger, somebody who may write all of its file, and checkpoints that they cannot reach.

``python -m tests.support.ledger_drills`` attacks a ledger of 200 entries in every way that
:mod:`tests.support.ledger_attacks` knows, each bit of it included: some hundred thousand verifications.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from crossloop.clock import ManualClock
from crossloop.store import Read, Store, Tx, Verification, verify
from crossloop.store.ledger import witness
from crossloop.store.ledger.checkpoints import sign
from crossloop.store.ledger.notes import SignerKey
from crossloop.store.ledger.records import records
from crossloop.store.session import Statements
from tests.support.stores import START

SIGNER = SignerKey("acme.example/ledger", Ed25519PrivateKey.from_private_bytes(b"k" * 32))
VERIFIER = str(SIGNER.verifier)
STAND_ALONE = Path(__file__).parents[2] / "docs" / "verify_ledger.py"

COLUMNS = ("kind", "case_key", "at", "salt", "body", "body_hash", "leaf")


def opened(path: Path) -> Store:
    """Open a store whose entries have the same bytes each time they are written."""
    return Store.open(f"sqlite:///{path}", clock=ManualClock(START), salts=lambda: b"0123456789abcdef")


def fill(store: Store, until: int, mark: str = "n") -> None:
    """Append entries until there are so many; another mark makes another history."""

    def work(tx: Tx) -> None:
        for number in range(tx.head().size, until):
            case = None if number % 5 == 4 else f"case_{number % 3}"
            tx.append("drill" if number % 2 else "exercise", case, {mark: number, "name": "Ünal \u2028"})

    store.write(work)


def made(path: Path, size: int, mark: str = "n") -> Path:
    """Make a ledger of so many entries. The same size and mark give the same bytes of every entry."""
    with opened(path) as store:
        fill(store, size, mark)
    return path


def witnessed(store: Store, file: Path) -> None:
    """Append a signed checkpoint of the present head, whatever it is."""
    head = store.read(lambda read: read.head())
    kept = witness.read_witness(file)
    witness.append(kept, sign(head.size, bytes.fromhex(head.root), START, [SIGNER]))


def compared(path: Path, file: Path, *, keys: bool = True) -> list[witness.Finding]:
    """What the witness file says about a ledger that verifies in itself."""
    known = [SIGNER.verifier] if keys else []
    with opened(path) as store:
        assert store.read(verify).ok
        return store.read(lambda read: witness.compare(read, witness.read_witness(file), known))


def exported(path: Path, out: Path) -> Path:
    """Export a whole ledger as ``ledger export`` does."""
    import orjson

    with opened(path) as store, out.open("wb") as file:

        def work(read: Read) -> None:
            for chunk in records(read, 0, read.head().size):
                file.writelines(orjson.dumps(one.document()) + b"\n" for one in chunk)

        store.read(work)
    return out


@dataclass
class Said:
    """What the stand-alone verifier said."""

    code: int
    """0 where all is well, 1 where something is broken, 2 where it could not check."""

    text: str
    lines: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return self.code == 0


def stand_alone(*arguments: Path | str) -> Said:
    """Run the stand-alone verifier, in an interpreter that sees nothing of this project."""
    done = subprocess.run(
        [sys.executable, "-I", str(STAND_ALONE), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=STAND_ALONE.parent,
    )
    assert done.returncode in (0, 1, 2), done.stderr
    assert "Traceback" not in done.stderr
    return Said(done.returncode, done.stdout + done.stderr, done.stdout.splitlines())


@dataclass(frozen=True)
class _Bare:
    """A plain driver connection in the form in which reading takes one."""

    driver_connection: sqlite3.Connection


def reading(connection: sqlite3.Connection) -> Read:
    """Read through a plain connection, in whatever transaction it is."""
    statements = Statements(SQLiteDialect_pysqlite(paramstyle="qmark"))
    return Read(_Bare(connection), statements)  # pyright: ignore[reportArgumentType]


class Attacker:
    """A plain connection to the file, and verification through it."""

    def __init__(self, path: Path) -> None:
        self.sql = sqlite3.connect(path, isolation_level=None)
        self._read = reading(self.sql)

    def after(self, statement: str, *values: object) -> Verification:
        """Verify after a statement, and take it back."""
        self.sql.execute("BEGIN")
        try:
            assert self.sql.execute(statement, values).rowcount == 1
            return verify(self._read)
        finally:
            self.sql.execute("ROLLBACK")


def flips(value: object) -> Iterator[tuple[str, object]]:
    """Every way to flip one bit of a value, as an SQL expression and its parameter."""
    if isinstance(value, int):
        for bit in range(64):
            number = (value & (1 << 64) - 1) ^ 1 << bit
            yield "?", number - (1 << 64) if number >= 1 << 63 else number
        return
    data = value.encode() if isinstance(value, str) else value
    assert isinstance(data, bytes)
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield ("CAST(? AS TEXT)" if isinstance(value, str) else "?"), bytes(changed)


def every_bit(path: Path, positions: Iterator[int] | range) -> Iterator[tuple[int, str, bool]]:
    """Flip every bit of some entries; yield (position, column, whether that entry was named)."""
    attacker = Attacker(path)
    with closing(attacker.sql):
        for position in positions:
            for column in COLUMNS:
                query = f"SELECT {column} FROM entries WHERE position = ?"
                value = attacker.sql.execute(query, (position,)).fetchone()[0]
                for expression, changed in () if value is None else flips(value):
                    change = f"UPDATE entries SET {column} = {expression} WHERE position = ?"
                    found = attacker.after(change, changed, position)
                    yield position, column, not found.ok and found.first_bad == position


def main() -> int:
    """Attack a ledger in every way, and say what was found."""
    from tests.support.ledger_attacks import report  # it is made of what stands here

    parser = argparse.ArgumentParser(prog="python -m tests.support.ledger_drills", description=__doc__)
    parser.add_argument("--entries", type=int, default=200, help="of the ledger (default %(default)s)")
    return report(parser.parse_args().entries)


def copied(path: Path, to: Path) -> Path:
    """Copy a closed store, as a backup does."""
    shutil.copyfile(path, to)
    return to


def digest(path: Path) -> str:
    """SHA-256 of a file, to see that nothing changed it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())
