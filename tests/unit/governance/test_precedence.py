"""Conflicts between claims, and whose interest goes first."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.governance import compatible, conflict_kind, in_conflict, resolve
from tests.support.governed import AREA, AS_OF, claim, policy

POLICY = policy()
AGREEING = {
    ("increase", "increase"),
    ("decrease", "decrease"),
    ("exclude", "exclude"),
    ("decrease", "exclude"),
    ("exclude", "decrease"),
    ("hold", "hold"),
}


@pytest.mark.parametrize(
    ("one", "other"), list(product(("increase", "decrease", "exclude", "hold"), repeat=2))
)
def test_directions_agree_only_where_both_can_be_followed(one: str, other: str) -> None:
    assert compatible(one, other) is ((one, other) in AGREEING)


def against(**changes: object) -> bool:
    """Does logistics wanting less of an area meet this claim of marketing's?"""
    other = claim(**{"interest": "marketing", "direction": "increase", **changes})
    assert in_conflict(claim(), other) == in_conflict(other, claim())
    return in_conflict(claim(), other)


def test_scaling_up_where_another_department_wants_less_is_a_conflict() -> None:
    assert against()


def test_the_same_interest_never_conflicts_with_itself() -> None:
    assert not against(interest="logistics")


def test_going_the_same_way_is_no_conflict() -> None:
    assert not against(direction="exclude")


@pytest.mark.parametrize(
    ("resource", "conflict"),
    [
        ("ads/campaign/C1", True),
        (AREA + "/560001", True),
        ("ads/campaign/C1/geo/IN/KARNATAKA/561", False),
        ("ads/campaign/C2/geo/IN/KARNATAKA/560", False),
        ("ads/campaign/C1/budget", False),
    ],
)
def test_only_overlapping_resources_conflict(resource: str, conflict: bool) -> None:
    assert against(resource=resource) is conflict


@pytest.mark.parametrize(
    ("starts", "ends", "conflict"), [(0, 1, True), (6, 9, True), (7, 9, False), (-3, 0, False), (-3, 1, True)]
)
def test_only_overlapping_windows_conflict(starts: int, ends: int, conflict: bool) -> None:
    window = {"starts": AS_OF + timedelta(days=starts), "ends": AS_OF + timedelta(days=ends)}
    assert against(**window) is conflict


def test_the_kind_is_that_of_the_narrower_resource() -> None:
    assert conflict_kind("ads/campaign/C1", AREA) == conflict_kind(AREA, AREA) == "geography"
    assert conflict_kind("ads/campaign/C1", "ads/campaign/C1/budget") == "other"


def test_the_interest_that_stands_first_wins() -> None:
    resolution = resolve("geography", ["marketing", "logistics", "marketing"], POLICY)
    assert (resolution.winner, resolution.losers) == ("logistics", ("marketing",))
    assert "logistics before marketing" in resolution.rule
    turned = policy(("order: [logistics, marketing]", "order: [marketing, logistics]"))
    assert resolve("geography", ["marketing", "logistics"], turned).winner == "marketing"


@pytest.mark.parametrize(
    ("kind", "interests"),
    [("other", ["marketing", "logistics"]), ("geography", ["marketing", "finance"]), ("geography", [])],
)
def test_without_an_order_over_every_interest_nobody_wins(kind: str, interests: list[str]) -> None:
    resolution = resolve(kind, interests, POLICY)
    assert (resolution.winner, resolution.losers) == (None, ())
    assert resolution.rule


@given(st.permutations(["marketing", "logistics"]))
def test_the_order_in_which_interests_arrive_does_not_matter(interests: list[str]) -> None:
    assert resolve("geography", interests, POLICY) == resolve("geography", ["logistics", "marketing"], POLICY)
