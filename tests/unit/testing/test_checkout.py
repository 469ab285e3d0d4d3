"""The commit is that of the checkout that the package lies in, and of no other."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from crossloop.testing.checkout import PACKAGE, commit, source_digest


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a package in it, committed."""
    package = tmp_path / "project" / "package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    for asked in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        git(package.parent, *asked)
    return package


def git(root: Path, *asked: str) -> str:
    named = ["-c", "user.name=one", "-c", "user.email=one@example.com"]
    ended = subprocess.run(
        ["git", "-C", str(root), *named, *asked], capture_output=True, text=True, check=True
    )
    return ended.stdout.strip()


def test_it_is_that_of_the_package_wherever_it_is_asked_from(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert commit(checkout) == git(checkout.parent, "rev-parse", "HEAD")


def test_what_differs_is_dirty(checkout: Path) -> None:
    head = commit(checkout)
    (checkout.parent / "figures.json").write_text("{}")
    assert commit(checkout) == head
    (checkout / "more.py").write_text("")
    assert commit(checkout) == f"{head}-dirty"
    (checkout / "more.py").unlink()
    (checkout / "__init__.py").write_text("1")
    assert commit(checkout) == f"{head}-dirty"


def test_a_checkout_around_an_environment_is_somebody_elses(checkout: Path) -> None:
    installed = checkout.parent / "venv" / "package"
    installed.mkdir(parents=True)
    assert commit(installed) is None


def test_the_digest_is_one_of_source() -> None:
    assert len(source_digest()) == 64
    assert (PACKAGE / "__init__.py").exists()
