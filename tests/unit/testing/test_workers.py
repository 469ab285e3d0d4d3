"""What people see of the approval graph in a simulation keeps stale workers out, as the real file does."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossloop.errors import StaleLease
from crossloop.store import Lease
from crossloop.testing.workers import Shown, ShownInMemory
from tests.support.stores import START


def lease(token: int) -> Lease:
    return Lease("coordinator", token, f"worker-{token}", START)


def test_questions_are_shown_until_they_end_whichever_process_looks(tmp_path: Path) -> None:
    shown = Shown()
    ShownInMemory(tmp_path / "threads.db", shown).ask({"apr_1": {"id": "apr_1"}, "apr_2": {}}, lease=lease(1))
    ShownInMemory(tmp_path / "threads.db", shown).end(["apr_1", "apr_3"], lease=lease(2))
    assert shown.questions == {"apr_2": {}}


def test_a_worker_that_was_followed_changes_nothing(tmp_path: Path) -> None:
    shown = Shown()
    threads = ShownInMemory(tmp_path / "threads.db", shown)
    threads.ask({"apr_1": {}}, lease=lease(2))
    for change in (
        lambda: threads.ask({"apr_2": {}}, lease=lease(1)),
        lambda: threads.end(["apr_1"], lease=lease(1)),
    ):
        with pytest.raises(StaleLease):
            change()
    assert shown.questions == {"apr_1": {}}
