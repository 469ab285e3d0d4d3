"""The command shows a table of the points; one that is never passed is an error."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from crossloop.faults import POINTS
from crossloop.testing.__main__ import main
from crossloop.testing.evidence import Violation
from crossloop.testing.killing import crash_points_command
from crossloop.testing.killing.crash_points import Tried

WELL = Tried("act.after_effect", 3, crashes=3, recovering=1)


def found(monkeypatch: pytest.MonkeyPatch, *tried: Tried) -> list[tuple[Sequence[str], int]]:
    asked: list[tuple[Sequence[str], int]] = []

    def crash(points: Sequence[str], *, most: int, progress: Callable[[Tried], None]) -> None:
        asked.append((points, most))
        for one in tried:
            progress(one)

    monkeypatch.setattr(crash_points_command, "crash_at_every_point", crash)
    return asked


def test_all_points_are_tried_unless_some_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = found(monkeypatch, *(replace(WELL, point=point) for point in POINTS))
    assert main(["crash-points", "--json"]) == 0
    assert main(["crash-points", "--point", "act.after_effect", "--passes", "1"]) == 0
    assert asked == [(POINTS, 4), (["act.after_effect"], 1)]
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["crashes"], said["points"][0]["passes"]) == (True, 4 * len(POINTS), 3)


def test_a_point_of_which_nothing_is_heard_was_never_passed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found(monkeypatch, WELL)
    assert main(["crash-points", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert [one["point"] for one in said["points"] if one["passes"]] == [WELL.point]
    assert {one["point"] for one in said["points"]} == set(POINTS)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Tried(POINTS[0], 0), "never passed"),
        (Tried(POINTS[0], 3, crashes=3), "not reached"),
        (Tried(POINTS[0], 3, 3, 1, [Violation(2, "two effects", "act_1")]), "two effects"),
    ],
)
def test_a_point_that_is_never_passed_or_goes_wrong_is_exit_code_1(
    wrong: Tried, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found(monkeypatch, *(replace(WELL, point=point) for point in POINTS[1:]), wrong)
    assert main(["crash-points"]) == 1
    assert said in capsys.readouterr().err


def test_ctrl_c_says_how_far_it_came(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(crash_points_command, "crash_at_every_point", stopped)
    assert main(["crash-points"]) == 130
    assert f"stopped after 0 of {len(POINTS)} points" in capsys.readouterr().err
