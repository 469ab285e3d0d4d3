"""What several acceptance tests look at: months of orders of a made-up company, made once."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.console import DEMO, LOOP, warm


@dataclass(frozen=True)
class Months:
    """A generated company's files."""

    shipments: Path
    campaigns: Path

    @property
    def options(self) -> tuple[str, ...]:
        """How a command is told to look at them."""
        return ("--data", str(self.shipments), "--data", f"campaigns={self.campaigns}")


@pytest.fixture(scope="session")
def months(tmp_path_factory: pytest.TempPathFactory) -> Months:
    """Four months: an area that was cured half-way, one that got worse, one with a problem from its start."""
    from crossloop.adapters.embedded.generator import generate, write_company

    written = write_company(tmp_path_factory.mktemp("months"), generate())
    return Months(written.shipments, written.campaigns)


@pytest.fixture(scope="session")
def june(months: Months, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose store has run two days: things were done, lifted, and wait for people."""
    folder = tmp_path_factory.mktemp("june")
    for as_of, code in (("2026-05-10", 0), ("2026-06-10", 3)):
        done = warm("run", LOOP, *months.options, "--as-of", as_of, "--governance", DEMO, cwd=folder)
        done.expect(code)
    return folder


@pytest.fixture
def asked(june: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to be changed."""
    return Path(shutil.copytree(june, tmp_path / "asked"))
