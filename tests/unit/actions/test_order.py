"""What may be performed at the same time: an order for actions on one resource, and for no others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crossloop.actions.order import rounds

PATHS = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join), max_size=25)


def ordered(paths: list[str]) -> list[list[str]]:
    return rounds(paths, lambda path: path)


def meet(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def test_actions_on_different_resources_share_a_round():
    assert ordered(["a/1", "a/2", "b"]) == [["a/1", "a/2", "b"]]


def test_actions_on_one_resource_follow_one_another():
    assert ordered(["a", "a", "a"]) == [["a"], ["a"], ["a"]]


def test_what_contains_a_resource_and_what_lies_below_it_wait_for_one_another():
    assert ordered(["a/1", "a", "a/2"]) == [["a/1"], ["a"], ["a/2"]]


def test_a_name_that_only_begins_alike_is_another_resource():
    assert ordered(["a/1", "a/10"]) == [["a/1", "a/10"]]


def test_nothing_needs_no_round():
    assert ordered([]) == []


@given(PATHS)
def test_whatever_meets_keeps_its_order_and_whatever_does_not_is_not_held_up(paths: list[str]):
    numbered = list(enumerate(paths))
    found = rounds(numbered, lambda one: one[1])
    turn = {number: position for position, together in enumerate(found) for number, _ in together}
    assert sorted(turn) == list(range(len(paths)))
    for number, path in numbered:
        waited_for = [turn[other] for other, theirs in numbered[:number] if meet(path, theirs)]
        assert turn[number] == max((one + 1 for one in waited_for), default=0)
