"""Which passes a process dies at, and when a point counts as tried."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crossloop.faults import POINTS
from crossloop.testing.evidence import Violation
from crossloop.testing.killing.crash_points import ELSEWHERE, Tried, chosen


@pytest.mark.parametrize(
    ("passes", "most", "expected"),
    [
        (1, 4, [1]),
        (3, 4, [1, 2, 3]),
        (4, 4, [1, 2, 3, 4]),
        (10, 4, [1, 4, 7, 10]),
        (10, 1, [1]),
        (7, 2, [1, 7]),
    ],
)
def test_a_process_dies_at_the_first_pass_the_last_and_some_between(
    passes: int, most: int, expected: list[int]
) -> None:
    assert chosen(passes, most) == expected


def test_a_point_is_well_only_when_processes_died_there_in_both_ways_and_nothing_was_wrong() -> None:
    well = Tried("act.after_effect", 3, crashes=1, recovering=1)
    assert well.ok
    assert well.document()["ok"] is True
    for wrong in (
        {"passes": 0},
        {"crashes": 0},
        {"recovering": 0},
        {"violations": [Violation(2, "two effects", "act_1")]},
    ):
        assert not replace(well, **wrong).ok


def test_those_who_recover_follow_upon_deaths_at_points_that_there_are() -> None:
    assert {one.partition(":")[0] for one in ELSEWHERE} <= set(POINTS)
