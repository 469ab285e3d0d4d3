"""Paths of resources: what covers, overlaps and is protected, and the area inside one."""

from __future__ import annotations

import pytest

from crossloop.resources import area_of, covers, overlap, touches_protected


@pytest.mark.parametrize(
    ("protected", "resource", "touches"),
    [
        ("campaign/brand", "ads/campaign/brand", True),
        ("campaign/brand", "ads/campaign/brand/geo/IN", True),
        ("campaign/brand", "ads/campaign", True),
        ("campaign/brand", "ads", True),
        ("campaign/brand", "ads/campaign/C1", False),
        ("campaign/brand", "ads/campaign/brand2", False),
        ("campaign/*/geo/IN/KERALA", "ads/campaign/C1/geo/IN/KERALA/682", True),
        ("campaign/*/geo/IN/KERALA", "ads/campaign/C1/geo/IN/GOA", False),
    ],
)
def test_a_protected_path_is_touched_from_below_and_from_above(
    protected: str, resource: str, touches: bool
) -> None:
    assert touches_protected(protected, resource) is touches


def test_resources_overlap_along_one_path_only() -> None:
    assert overlap("ads/campaign/C1", "ads/campaign/C1/geo/IN")
    assert overlap("ads/campaign/C1/geo/IN", "ads/campaign/C1")
    assert overlap("ads/x", "ads/x")
    assert not overlap("ads/campaign/C1", "ads/campaign/C10")
    assert not overlap("ads/campaign/C1/geo/IN", "ads/campaign/C1/budget")


def test_the_area_inside_a_resource() -> None:
    assert area_of("ads/campaign/C1/geo/IN/KARNATAKA/560") == "geo/IN/KARNATAKA/560"
    assert area_of("ads/campaign/C1/budget") is None


def test_a_path_covers_itself_and_what_lies_below() -> None:
    assert covers("geo/IN", "geo/IN")
    assert covers("geo/IN", "geo/IN/KARNATAKA")
    assert not covers("geo/IN/KARNATAKA", "geo/IN")
    assert not covers("geo/IN/KARNA", "geo/IN/KARNATAKA")
