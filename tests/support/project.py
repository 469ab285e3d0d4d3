"""The project's own files, without what tools and runs leave behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

LEFT_BEHIND = {
    ".git",
    ".venv",
    ".benchmarks",
    "__pycache__",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    ".ipynb_checkpoints",
    "build",
    "dist",
    "crossloop-demo",
}
"""Directories that hold nothing written by hand."""


def project_files() -> Iterator[Path]:
    """Yield every file of the project that somebody wrote."""
    pending = [PROJECT]
    while pending:
        for entry in sorted(pending.pop().iterdir()):
            if entry.is_dir():
                if entry.name not in LEFT_BEHIND and not entry.name.endswith(".egg-info"):
                    pending.append(entry)
            elif entry.is_file():
                yield entry


def text_of(file: Path) -> str | None:
    """The text of a file, or None when it is binary."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
