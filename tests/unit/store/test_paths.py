"""Ranges of text answer for trees of paths."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crossloop.store.paths import ancestors, below, prefixed

segment = st.text(st.sampled_from("ab01 -.&()_'"), min_size=1, max_size=3)
paths = st.lists(segment, min_size=1, max_size=4).map("/".join)


def test_the_ancestors_of_a_path_are_its_beginnings_by_segment():
    assert ancestors("ads/campaign/C1") == ["ads", "ads/campaign"]
    assert ancestors("ads") == []


@given(paths, paths)
def test_a_path_lies_in_the_range_below_another_exactly_when_the_other_is_its_ancestor(one: str, other: str):
    low, high = below(other)
    assert (low <= one < high) == (other in ancestors(one))


@given(st.text(max_size=5), st.text(max_size=5))
def test_a_text_lies_in_the_range_of_a_prefix_exactly_when_it_begins_with_it(text: str, prefix: str):
    if "\U0010ffff" in text:
        return
    low, high = prefixed(prefix)
    assert (low <= text < high) == text.startswith(prefix)
