"""A trial company for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.trials import Trial, trial


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Trial]:
    with trial(tmp_path) as found:
        yield found
