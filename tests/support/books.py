"""What stands in the files of a store after a command: read with plain SQL, not with the code under test."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

Row = tuple[Any, ...]


def rows(file: Path, query: str) -> list[Row]:
    """The rows of one query; nothing where the file does not exist."""
    if not file.exists():
        return []
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


def effects(folder: Path) -> list[Row]:
    """Every effect in the embedded company's systems: idempotency key, reference, detail."""
    return rows(
        folder / "crossloop-company.db", "SELECT key, system, reference, detail FROM effect ORDER BY key"
    )


def restrictions(folder: Path) -> list[Row]:
    """Every restriction that the ad platform ever had, and whether it was lifted."""
    return rows(
        folder / "crossloop-company.db",
        "SELECT campaign_id, kind, area, lifted, count(*) FROM restriction"
        " GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
    )


def in_force(folder: Path) -> list[Row]:
    """Campaign, kind and code of the restrictions in force."""
    return rows(
        folder / "crossloop-company.db",
        "SELECT campaign_id, kind, code FROM restriction WHERE lifted = 0 ORDER BY 1, 2, 3",
    )


def state(folder: Path) -> dict[str, list[Row]]:
    """Everything that a run leaves, without times and positions."""
    store = folder / "crossloop.db"
    queries = {
        "signals": "SELECT id, state FROM signals ORDER BY 1",
        "decisions": "SELECT id, intervention, verdict FROM decisions ORDER BY 1",
        "actions": "SELECT id, state, digest FROM actions ORDER BY 1",
        "approvals": "SELECT id, state, digest, people, quorum FROM approvals ORDER BY 1",
        "claims": "SELECT holder, resource, direction, interest, state FROM claims ORDER BY 1, 2, 3",
        "impacts": "SELECT resource, day, share, amount FROM impacts ORDER BY 1, 2, 3",
        "conditions": "SELECT path, state, since, last_seen FROM conditions ORDER BY 1",
    }
    found = {name: rows(store, query) for name, query in queries.items()}
    kinds = Counter(kind for (kind,) in rows(store, "SELECT kind FROM entries"))
    return found | {
        "entries": sorted(kinds.items()),
        "effects": effects(folder),
        "restrictions": restrictions(folder),
    }


def files(folder: Path) -> dict[str, str]:
    """Every file below a folder with the hash of its bytes.

    The shared memory of SQLite and an empty write-ahead log come with opening a database, also for reading.
    """
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not _opened_only(file)
    }


def _opened_only(file: Path) -> bool:
    return file.name.endswith("-shm") or (file.name.endswith("-wal") and file.stat().st_size == 0)
