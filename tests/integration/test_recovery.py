"""Killed anywhere, taken up by another process: nothing twice, nothing lost, the same end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crossloop.faults import POINTS
from crossloop.store import verify
from tests.support import undertaking_story
from tests.support.crashing import die_at, final_state, play
from tests.support.killing import killed
from tests.support.project import PROJECT
from tests.support.stores import open_store

OF_THIS_STORY = [one for one in POINTS if "compensat" not in one]
"""This one takes nothing back; ``test_undertakings`` does."""

NOT_AGAIN = [("store.while_created", 2)]
"""A store is created once."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The end of the story when nobody is killed."""
    path = tmp_path_factory.mktemp("undisturbed")
    play(path)
    return final_state(path)


def test_the_story_has_everything_that_can_be_interrupted(undisturbed: dict[str, Any]) -> None:
    assert undisturbed["verified"]
    assert {state for _, state in undisturbed["signals"]} == {"finished"}
    assert {state for _, state, *_ in undisturbed["approvals"]} == {"approved", "rejected"}
    performed = [one for one in undisturbed["actions"] if one[1] != "dropped"]
    assert len(undisturbed["effects"]) == len(performed) == 5
    lifted = {(campaign, code): gone for campaign, _, code, gone, _ in undisturbed["restrictions"]}
    assert lifted == {
        ("everywhere", "KARNATAKA"): 1,
        ("karnataka", "KARNATAKA"): 1,
        ("everywhere", "KERALA"): 0,
    }


def test_telling_the_story_again_changes_nothing(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    for _ in range(2):
        play(tmp_path)
    assert final_state(tmp_path) == undisturbed


def test_the_same_story_told_with_the_same_clock_and_salts_gives_the_same_ledger(tmp_path: Path) -> None:
    roots: set[str] = set()
    for place in ("one", "other"):
        (tmp_path / place).mkdir()
        play(tmp_path / place)
        with open_store(tmp_path / place / "store.db") as store:
            roots.add(store.read(verify).root)
    assert len(roots) == 1


def test_every_point_is_interrupted_by_one_of_the_stories() -> None:
    assert {*OF_THIS_STORY, *undertaking_story.POINTS} == set(POINTS)


@pytest.mark.parametrize(
    ("point", "passage"),
    [(one, passage) for one in OF_THIS_STORY for passage in (1, 2) if (one, passage) not in NOT_AGAIN],
)
def test_a_process_killed_anywhere_is_followed_by_one_that_comes_to_the_same_end(
    tmp_path: Path, undisturbed: dict[str, Any], point: str, passage: int
) -> None:
    killed(die_at, tmp_path, f"{point}:{passage}")
    play(tmp_path)
    assert final_state(tmp_path) == undisturbed


def test_two_processes_killed_one_after_the_other_change_nothing_either(
    tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    for point in ("act.after_effect", "act.after_started", "decide.before_commit", "answer.after_commit"):
        killed(die_at, tmp_path, point)
    play(tmp_path)
    assert final_state(tmp_path) == undisturbed


def test_a_process_of_its_own_dies_where_the_environment_says(
    tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    program = [sys.executable, "-m", "tests.support.crashing", str(tmp_path)]
    environment = {**os.environ, "CROSSLOOP_CRASH_AT": "decide.after_commit:2"}
    died = subprocess.run(program, cwd=PROJECT, env=environment, timeout=120)
    assert died.returncode == -signal.SIGKILL
    del environment["CROSSLOOP_CRASH_AT"]
    followed = subprocess.run(program, cwd=PROJECT, env=environment, timeout=120)
    assert followed.returncode == 0
    assert final_state(tmp_path) == undisturbed
