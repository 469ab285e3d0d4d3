"""Combining: the strictest outcome, everybody who was named, the earliest deadline."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.governance.combine import STRICTNESS, Finding, required, strictest
from crossloop.governance.policy import Asking
from crossloop.signals import Outcome
from tests.support.governed import NOW


def asking(*groups: tuple[str, bool, int]) -> list[Finding]:
    return [
        Finding("hold", "x", Asking(tuple(people.split()), every, timedelta(hours=hours)))
        for people, every, hours in groups
    ]


def test_refuse_beats_shadow_beats_escalate_beats_hold_beats_act() -> None:
    assert STRICTNESS == ("act", "hold", "escalate", "shadow", "refuse")
    for milder, stricter in pairwise(STRICTNESS):
        assert strictest([milder, stricter]) == strictest([stricter, milder]) == stricter


def test_no_finding_at_all_is_a_refusal() -> None:
    assert strictest([]) == "refuse"


@given(st.lists(st.sampled_from(STRICTNESS), min_size=1))
def test_the_order_of_findings_does_not_matter(outcomes: list[Outcome]) -> None:
    assert strictest(outcomes) == strictest(reversed(outcomes)) == max(outcomes, key=STRICTNESS.index)


@pytest.mark.parametrize(
    ("groups", "people", "quorum"),
    [
        ([("asha ravi", True, 4)], "asha ravi", 2),
        ([("asha ravi", False, 4)], "asha ravi", 1),
        ([("asha", False, 4), ("asha", True, 4)], "asha", 1),
        ([("asha ravi", False, 4), ("ravi asha", False, 4)], "asha ravi", 1),
        ([("asha", True, 4), ("asha ravi", False, 4)], "asha", 1),
        ([("asha", True, 4), ("ravi uma", False, 4)], "asha ravi uma", 3),
        ([("asha ravi", False, 4), ("ravi uma", False, 4)], "asha ravi uma", 3),
        ([("asha", False, 4), ("asha ravi", True, 4)], "asha ravi", 2),
    ],
)
def test_everybody_whom_a_gate_demands_has_to_approve(
    groups: list[tuple[str, bool, int]], people: str, quorum: int
) -> None:
    merged = required(asking(*groups), NOW)
    assert merged is not None
    assert set(merged.people) == set(people.split())
    assert merged.quorum == quorum


def test_the_earliest_deadline_counts() -> None:
    merged = required(asking(("asha", True, 4), ("ravi", True, 2)), NOW)
    assert merged is not None
    assert merged.due == NOW + timedelta(hours=2)


def test_nobody_is_required_where_nobody_was_named() -> None:
    assert required([Finding("hold", "x")], NOW) is None


_groups = st.lists(
    st.tuples(
        st.sets(st.sampled_from("abcd"), min_size=1).map(sorted).map(" ".join), st.booleans(), st.just(1)
    ),
    min_size=1,
    max_size=4,
)


@given(_groups, st.sets(st.sampled_from("abcd")))
def test_whoever_satisfies_the_merged_demand_satisfies_every_gate(
    groups: list[tuple[str, bool, int]], approving: set[str]
) -> None:
    merged = required(asking(*groups), NOW)
    assert merged is not None
    if len(approving & set(merged.people)) >= merged.quorum:
        for people, every, _ in groups:
            named = set(people.split())
            assert named <= approving if every else named & approving
