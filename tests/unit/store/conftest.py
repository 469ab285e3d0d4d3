"""A fresh store for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crossloop.clock import ManualClock
from crossloop.store import Store
from tests.support.stores import START, open_store


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path, clock: ManualClock) -> Iterator[Store]:
    with open_store(path, clock=clock) as opened:
        yield opened
