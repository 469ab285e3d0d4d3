"""Every example script runs by itself: without arguments, in an empty directory, with warnings as errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project import PROJECT

# One that does not exist stands in where there is none, so that the test fails and is not skipped.
SCRIPTS = sorted((PROJECT / "examples").glob("*.py")) or [PROJECT / "examples" / "none.py"]

WARNINGS = ("-W", "error", "-W", "ignore:fetch_arrow_table:DeprecationWarning")
"""Every warning but one: ibis 12 calls a method that DuckDB has renamed since."""

SECONDS = 300


def run(script: Path, where: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a child process whose current and temporary directory is the one given."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CROSSLOOP_")}
    return subprocess.run(
        [sys.executable, *WARNINGS, str(script)],
        cwd=where,
        env=environment | {"TMPDIR": str(where)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_every_example_script_runs_without_arguments_and_says_something(script: Path, tmp_path: Path) -> None:
    done = run(script, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


# The test of the test.


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("print('fine')", 0),
        ("raise SystemExit(3)", 3),
        ("import warnings; warnings.warn('old', DeprecationWarning)", 1),
    ],
)
def test_a_script_that_fails_or_warns_is_seen(source: str, code: int, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(source, encoding="utf-8")
    assert run(script, tmp_path).returncode == code
