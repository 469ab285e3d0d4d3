"""Importing crossloop loads nothing heavy: that waits until it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "crossloop"

HEAVY = {"langgraph", "langchain_core", "ibis", "duckdb", "scipy", "numpy", "pandas", "pyarrow"}
LIGHT = ["signals", "governance", "store", "actions"]
"""Packages that must stay light by themselves; so must the door."""

MODULES = ["crossloop", *(f"crossloop.{name}" for name in LIGHT if (PACKAGE / name / "__init__.py").exists())]


def loaded_by(statement: str) -> set[str]:
    """Top-level names in ``sys.modules`` of a fresh process after a statement."""
    code = f"import sys\n{statement}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


@pytest.mark.parametrize("module", MODULES)
def test_importing_loads_nothing_heavy(module: str) -> None:
    loaded = loaded_by(f"import {module}")
    assert "crossloop" in loaded
    assert loaded & HEAVY == set()


def test_something_heavy_would_be_seen() -> None:
    assert "numpy" in loaded_by("import numpy")
