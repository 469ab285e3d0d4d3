"""A crash point kills its process the counted time it is passed, and is nothing when not armed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from crossloop.faults import POINTS, arm, crash_point, on_pass

PASSES = """
from crossloop.faults import crash_point
for count in range(1, 6):
    print(count, flush=True)
    crash_point("decide.before_commit")
    crash_point("act.after_effect")
"""


def child(armed: str | None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "CROSSLOOP_CRASH_AT"}
    if armed is not None:
        environment["CROSSLOOP_CRASH_AT"] = armed
    return subprocess.run(
        [sys.executable, "-c", PASSES], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("armed", "reached"), [("decide.before_commit", 1), ("act.after_effect:3", 3)])
def test_the_process_dies_by_sigkill_at_the_count(armed: str, reached: int) -> None:
    result = child(armed)
    assert result.returncode == -signal.SIGKILL
    assert result.stdout.split() == [str(count) for count in range(1, reached + 1)]


@pytest.mark.parametrize("armed", [None, "", "decide.before_commit:6", "answer.after_commit"])
def test_a_point_that_is_not_armed_or_not_reached_does_nothing(armed: str | None) -> None:
    result = child(armed)
    assert (result.returncode, len(result.stdout.split())) == (0, 5)


def test_arming_an_unknown_point_is_an_error_that_names_the_known_ones() -> None:
    result = child("decide.sometime")
    assert result.returncode == 1
    assert "decide.before_commit" in result.stderr


def test_points_are_unique_and_pass_unarmed() -> None:
    assert len(set(POINTS)) == len(POINTS)
    for point in POINTS:
        crash_point(point)


def test_whoever_watches_is_told_of_every_point_that_is_passed_inside_the_block() -> None:
    told: list[str] = []
    with on_pass(told.append):
        crash_point("decide.before_commit")
        crash_point("act.after_effect")
    crash_point("act.after_receipt")
    assert told == ["decide.before_commit", "act.after_effect"]


def test_what_a_watcher_raises_goes_up_from_the_point_and_ends_the_watch() -> None:
    class Died(BaseException):
        pass

    def die(_: str) -> None:
        raise Died

    with pytest.raises(Died), on_pass(die):
        crash_point("decide.before_commit")
    crash_point("decide.before_commit")


def test_a_watch_inside_another_one_gives_way_to_it_again() -> None:
    outer: list[str] = []
    inner: list[str] = []
    with on_pass(outer.append):
        with on_pass(inner.append):
            crash_point("admit.before_commit")
        crash_point("admit.after_commit")
    assert (outer, inner) == (["admit.after_commit"], ["admit.before_commit"])


def test_a_process_that_runs_already_is_armed_as_by_the_environment() -> None:
    program = 'from crossloop.faults import arm; arm("act.after_effect:2")\n' + PASSES
    died = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (died.returncode, died.stdout.split()) == (-signal.SIGKILL, ["1", "2"])
    with pytest.raises(ValueError, match=r"decide\.before_commit"):
        arm("decide.sometime")
