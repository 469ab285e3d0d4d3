"""What comes next of an undertaking, case by case; and whatever happens, it ends whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.actions.saga import Next, Step, comes_next
from crossloop.store.actions import IN_FORCE

GO = Step("planned", may_go=True)
HELD = Step("planned")
DONE = Step("done")


def of(state: Any, **changes: Any) -> Step:
    return Step(state, **changes)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([GO, GO], Next("permit", 0)),
        ([DONE, GO], Next("permit", 1)),
        ([of("reconciled"), GO], Next("permit", 1)),
        ([DONE, DONE], Next("over")),
        ([HELD, GO], Next("wait")),
        ([DONE, HELD, GO], Next("wait")),
        ([of("permitted"), GO], Next("wait")),
        ([of("started"), GO], Next("wait")),
        ([of("unknown"), GO], Next("wait")),
        ([], Next("over")),
    ],
)
def test_it_goes_forward_one_step_at_a_time(steps: list[Step], expected: Next) -> None:
    assert comes_next(steps) == expected


@pytest.mark.parametrize("nothing", ["refused", "failed", "dropped"])
def test_what_comes_to_nothing_drops_the_later_steps_the_last_one_first(nothing: str) -> None:
    broken = of(nothing)
    assert comes_next([DONE, broken, GO, HELD]) == Next("drop", 3, 1)
    assert comes_next([DONE, broken, GO, of("dropped")]) == Next("drop", 2, 1)
    assert comes_next([DONE, broken, of("dropped"), of("dropped")]) == Next("take_back", 0, 1)


def test_nothing_is_begun_when_a_later_step_was_refused() -> None:
    assert comes_next([GO, of("refused")]) == Next("drop", 0, 1)
    assert comes_next([of("dropped"), of("refused")]) == Next("over")


def test_what_is_under_way_or_unknown_is_waited_for_before_anything_is_taken_back() -> None:
    for state in ("permitted", "started", "unknown"):
        assert comes_next([DONE, of(state), of("dropped")]) == Next("wait")


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (DONE, Next("take_back", 1, 2)),
        (of("reconciled"), Next("take_back", 1, 2)),
        (of("done", back="permitted"), Next("wait", 1, 2)),
        (of("done", back="started"), Next("wait", 1, 2)),
        (of("done", back="unknown"), Next("wait", 1, 2)),
        (of("done", back="failed"), Next("report", 1, 2)),
        (of("done", back="failed", incident="open"), Next("wait")),
        (of("done", incident="open"), Next("wait")),
        (of("done", incident="closed"), Next("take_back", 0, 2)),
        (of("compensated"), Next("take_back", 0, 2)),
    ],
)
def test_it_is_taken_back_the_last_one_first_one_at_a_time(last: Step, expected: Next) -> None:
    assert comes_next([DONE, last, of("failed")]) == expected


def test_a_step_that_was_lifted_ends_what_is_still_to_come_but_no_finished_undertaking() -> None:
    assert comes_next([of("compensated"), GO]) == Next("drop", 1, 0)
    assert comes_next([of("compensated"), DONE]) == Next("over")


FORWARD = ["done", "failed", "unknown"]
FATES = st.fixed_dictionaries(
    {
        "held": st.booleans(),
        "approved": st.booleans(),
        "ends": st.sampled_from(FORWARD),
        "found": st.sampled_from(["reconciled", "failed"]),
        "back": st.sampled_from(["done", "failed"]),
        "by_hand": st.booleans(),
        "refused": st.sampled_from([False, False, False, True]),
    }
)


@given(fates=st.lists(FATES, min_size=1, max_size=5))
def test_whatever_happens_it_ends_whole_or_with_nothing_in_force_that_nobody_looked_at(
    fates: list[dict[str, Any]],
) -> None:
    steps = [
        of("refused") if one["refused"] else of("planned", may_go=not one["held"] or one["approved"])
        for one in fates
    ]
    permitted: list[int] = []
    taken_back: list[int] = []
    for _ in range(20 * len(steps)):
        move = comes_next(steps)
        at = move.step
        if move.kind == "over":
            break
        if move.kind == "permit":
            assert all(one.state in IN_FORCE for one in steps[:at])
            permitted.append(at)
            steps[at] = of(fates[at]["ends"])
        elif move.kind == "drop":
            assert all(one.state != "planned" for one in steps[at + 1 :])
            steps[at] = of("dropped")
        elif move.kind == "take_back":
            later = steps[at + 1 :]
            assert all(one.state not in IN_FORCE or one.incident == "closed" for one in later)
            taken_back.append(at)
            back = fates[at]["back"]
            steps[at] = of("compensated") if back == "done" else replace(steps[at], back=back)
        elif move.kind == "report":
            steps[at] = of("compensated") if fates[at]["by_hand"] else replace(steps[at], incident="closed")
        else:  # somebody has to look, or to answer
            waiting = next(
                (n for n, one in enumerate(steps) if one.state in ("unknown", "planned")), len(steps)
            )
            assert waiting < len(steps)
            found = fates[waiting]["found"] if steps[waiting].state == "unknown" else "dropped"
            steps[waiting] = of(found)
    else:
        raise AssertionError("it never ends")
    assert permitted == sorted(permitted)
    assert taken_back == sorted(taken_back, reverse=True)
    whole = all(one.state in IN_FORCE for one in steps)
    assert whole or all(one.state not in IN_FORCE or one.incident == "closed" for one in steps)
