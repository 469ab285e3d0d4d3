"""Every notebook runs from top to bottom in a directory that holds only the examples."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests.support.project import PROJECT

# One that does not exist stands in where there is none, so that the test fails and is not skipped.
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb")) or [PROJECT / "notebooks" / "none.ipynb"]
SECONDS = 300


def run(file: Path, where: Path) -> None:
    """Execute a notebook with the interpreter of this installation.

    Raises:
        CellExecutionError: a cell failed.
    """
    notebook = nbformat.read(file, as_version=4)
    resources = {"metadata": {"path": str(where)}}
    NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=resources).execute()


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.name)
def test_every_notebook_runs(file: Path, tmp_path: Path) -> None:
    assert file.exists(), "notebooks/ holds no notebook"
    if (PROJECT / "examples").is_dir():
        shutil.copytree(PROJECT / "examples", tmp_path / "examples")
    run(file, tmp_path)


def test_a_failing_cell_is_seen(tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell("x = 1"), nbformat.v4.new_code_cell("assert x == 2")]
    file = tmp_path / "failing.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), file)
    with pytest.raises(CellExecutionError, match="assert x == 2"):
        run(file, tmp_path)
