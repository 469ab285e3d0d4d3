"""Publishing from the command line: what the company knows is what may be said."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from crossloop.console.publish import register
from crossloop.loops import ready
from crossloop.signals.cloudevents import to_structured
from tests.support.trials import Ask, Trial, trial


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Trial]:
    """A company whose signal types are its own, in the place of the ready-made one."""
    with trial(tmp_path) as found:
        opening: Any = lambda *_, **__: found.coordinator  # noqa: E731
        monkeypatch.setattr(ready, "open_company", opening)
        yield found


def test_a_signal_of_a_type_that_only_this_company_knows_is_published(opened: Trial, tmp_path: Path) -> None:
    app, signal = typer.Typer(), opened.said(Ask())
    app.callback()(lambda: None)
    register(app)
    (tmp_path / "event.json").write_bytes(to_structured(signal))
    done = CliRunner().invoke(app, ["publish", str(tmp_path / "event.json"), "--json"])
    assert done.exception is None, done.exception
    assert opened.restrictions() == ["C1 560001"]
