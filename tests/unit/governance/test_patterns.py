"""Resource patterns: what they match, what they never match, and what overlaps."""

from __future__ import annotations

import pytest

from crossloop.governance.patterns import Pattern, area_of, overlap, touches_protected


@pytest.mark.parametrize(
    ("pattern", "resource", "matches"),
    [
        ("ads/**", "ads/campaign/C1", True),
        ("ads/**", "ads/x", True),
        ("ads/**", "ads", False),
        ("ads/**", "adsense/x", False),
        ("ads/**", "crm/ads/x", False),
        ("ads/*/C1", "ads/campaign/C1", True),
        ("ads/*/C1", "ads/campaign/C1/geo", False),
        ("ads/*/C1", "ads/a/b/C1", False),
        ("ads/**/geo/**", "ads/campaign/C1/geo/IN", True),
        ("ads/**/geo/**", "ads/campaign/C1/budget", False),
        ("ads/campaign/C.1", "ads/campaign/C.1", True),
        ("ads/campaign/C.1", "ads/campaign/CX1", False),
        ("**", "erp/invoice/1", True),
        ("ads/**", "ads/../erp/invoice/1", False),
        ("ads/**", "ads/./x", False),
    ],
)
def test_a_star_is_one_segment_and_two_are_one_or_more(pattern: str, resource: str, matches: bool) -> None:
    assert Pattern.of(pattern).matches(resource) is matches


@pytest.mark.parametrize(
    "text", ["", "/ads", "ads/", "ads//x", "ads/a*", "ads/***", "ads/..", "ads/?", "**/" * 4 + "x"]
)
def test_what_is_not_a_pattern_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        Pattern.of(text)


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
