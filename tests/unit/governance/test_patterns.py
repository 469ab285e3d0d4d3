"""Resource patterns: what they match, and what they never match."""

from __future__ import annotations

import pytest

from crossloop.governance.patterns import Pattern


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
