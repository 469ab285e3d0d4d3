"""Whose turn it is: an order for actions on one resource, for no others, and room for every system."""

from __future__ import annotations

import random
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from crossloop.actions.order import Place, Turns

PATHS = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join), max_size=25)


class Went:
    """A line, and what had its turn."""

    def __init__(self, at_once: int = 1000) -> None:
        self.turns = Turns(at_once)
        self.went: list[Place] = []

    def place(self, entry: int, path: str, system: str = "ads", *, alone: bool = False) -> Place:
        made: list[Place] = []
        made.append(Place(entry, path, system, alone, lambda: self.went.append(made[0])))
        return made[0]

    def enter(self, *paths: str, first: int = 0, **how: bool) -> list[Place]:
        made = [self.place(number, path, **how) for number, path in enumerate(paths, first)]
        self.turns.enter(made)
        return made

    @property
    def paths(self) -> list[str]:
        return [one.path for one in self.went]


def meet(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def test_actions_on_different_resources_have_their_turn_together() -> None:
    line = Went()
    line.enter("a/1", "a/2", "b")
    assert line.paths == ["a/1", "a/2", "b"]


def test_actions_on_one_resource_follow_one_another() -> None:
    line = Went()
    first, second, third = line.enter("a", "a", "a")
    assert line.went == [first]
    line.turns.leave([first])
    assert line.went == [first, second]
    line.turns.leave([second])
    assert line.went == [first, second, third]


def test_what_contains_a_resource_and_what_lies_below_it_wait_for_one_another() -> None:
    line = Went()
    below, whole, other = line.enter("a/1", "a", "a/2")
    assert line.went == [below]
    line.turns.leave([below])
    assert line.went == [below, whole]
    line.turns.leave([whole])
    assert line.went == [below, whole, other]


def test_a_name_that_only_begins_alike_is_another_resource() -> None:
    line = Went()
    line.enter("a/1", "a/10")
    assert line.paths == ["a/1", "a/10"]


def test_what_was_permitted_before_goes_before_what_came_into_the_line_before() -> None:
    line = Went()
    (busy,) = line.enter("a", first=5)
    (late,) = line.enter("a", first=9)
    (early,) = line.enter("a", first=7)
    line.turns.leave([busy])
    assert line.went == [busy, early]
    line.turns.leave([early])
    assert line.went == [busy, early, late]


def test_who_goes_away_without_a_turn_holds_nobody_up_and_gets_none() -> None:
    line = Went()
    first, second, third = line.enter("a", "a", "a")
    line.turns.leave([second])
    line.turns.leave([first])
    assert line.went == [first, third]


def test_so_many_have_their_turn_at_once_and_no_system_has_them_all() -> None:
    line = Went(at_once=4)
    slow = [line.place(number, f"slow/{number}", "slow") for number in range(9)]
    others = [line.place(20 + number, f"ads/{number}") for number in range(3)]
    line.turns.enter(slow)
    assert line.went == slow[:3]
    line.turns.enter(others)
    assert line.went == [*slow[:3], others[0]]
    line.turns.leave([others[0]])
    assert line.went == [*slow[:3], *others[:2]]
    line.turns.leave([slow[1]])
    assert line.went == [*slow[:3], *others[:2], slow[3]]


def test_of_those_that_nobody_could_find_again_one_goes_at_a_time() -> None:
    line = Went()
    first, second = line.enter("a", "b", alone=True)
    line.enter("c", first=7)
    assert line.paths == ["a", "c"]
    line.turns.leave([first])
    assert line.went[-1] is second


@given(PATHS, st.integers(1, 6), st.randoms(use_true_random=False))
def test_whatever_meets_keeps_its_order_and_everything_has_its_turn_once(
    paths: list[str], at_once: int, chance: random.Random
) -> None:
    line = Went(at_once)
    made = [line.place(entry, path, chance.choice(("ads", "erp"))) for entry, path in enumerate(paths)]
    left: list[Place] = []
    to_come = made[:]
    while to_come or len(left) < len(made):
        if to_come and chance.random() < 0.5:
            count = chance.randint(1, len(to_come))
            line.turns.enter([to_come.pop(0) for _ in range(count)])
        at_work = [one for one in line.went if one not in left]
        assert len(at_work) <= at_once
        assert not any(meet(one.path, other.path) for one, other in combinations(at_work, 2))
        assert at_work or to_come
        if at_work and chance.random() < 0.7:
            left.append(chance.choice(at_work))
            line.turns.leave([left[-1]])
    assert len(line.went) == len(made)
    for one, other in combinations(line.went, 2):
        assert one.entry < other.entry or not meet(one.path, other.path)
    assert (line.turns._on, line.turns._below, line.turns._turns.total()) == ({}, {}, 0)
