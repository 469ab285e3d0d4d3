"""The SQLite store passes the public suite."""

from __future__ import annotations

from pathlib import Path

from crossloop.clock import Clock
from crossloop.store import Store
from crossloop.testing import StoreConformance


class TestSqlite(StoreConformance):
    def open_store(self, folder: Path, clock: Clock) -> Store:
        return Store.open(f"sqlite:///{folder}/store.db", clock=clock)
