"""Importing crossloop loads nothing heavy: that waits until it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from crossloop.clock import SystemClock
from crossloop.store import Store

PACKAGE = Path(__file__).resolve().parents[2] / "crossloop"

HEAVY = {"langgraph", "langchain_core", "ibis", "duckdb", "scipy", "numpy", "pandas", "pyarrow", "hypothesis"}
LIGHT = ["signals", "governance", "store", "actions", "coordinator", "loops", "testing"]
"""Packages that must stay light by themselves; so must the door."""

MODULES = ["crossloop", *(f"crossloop.{name}" for name in LIGHT if (PACKAGE / name / "__init__.py").exists())]


def loaded_by(statement: str) -> set[str]:
    """Top-level names in ``sys.modules`` of a fresh process after a statement."""
    code = f"import sys\n{statement}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("module", MODULES)
def test_importing_loads_nothing_heavy(module: str) -> None:
    loaded = loaded_by(f"import {module}")
    assert "crossloop" in loaded
    assert loaded & HEAVY == set()


COMMAND = """
sys.argv = ["crossloop", *{arguments!r}]
from crossloop.console.cli import main
try:
    main()
except SystemExit as end:
    assert end.code in {codes}, end.code
"""


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("loops", 0),
        ("signals", 0),
        ("approvals list", 0),
        ("approvals show apr_aaaaaaaa", 2),
        ("explain sig_aaaaaaaa", 2),
        ("ledger tail", 0),
        ("ledger verify", 0),
    ],
)
def test_a_command_that_does_not_think_loads_nothing_heavy(command: str, code: int, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/crossloop.db"
    Store.open(store, clock=SystemClock()).close()
    statement = COMMAND.format(arguments=[*command.split(), "--store", store], codes={code})
    assert loaded_by(statement) & HEAVY == set()


def test_a_command_that_thinks_is_seen(tmp_path: Path) -> None:
    arguments = ["run", "logistics-to-marketing", "--store", f"sqlite:///{tmp_path}/crossloop.db"]
    assert {"langgraph", "ibis"} <= loaded_by(COMMAND.format(arguments=arguments, codes={0}))


def test_something_heavy_would_be_seen() -> None:
    assert "numpy" in loaded_by("import numpy")
