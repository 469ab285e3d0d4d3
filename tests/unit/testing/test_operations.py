"""Every operation alone leaves a company in order, whatever the seed draws for it."""

from __future__ import annotations

from typing import Any

import pytest

from crossloop.testing import operations, said
from crossloop.testing.company import Ask
from crossloop.testing.simulation import simulate


@pytest.mark.parametrize("operation", [one for one, _ in operations.OPERATIONS], ids=lambda one: one.__name__)
def test_an_operation_after_signals_that_were_published(
    operation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(sim: Any) -> Any:
        return operation if len(sim.program) % 2 else operations.publish

    monkeypatch.setattr(operations, "draw_operation", draw)
    for seed in range(3):
        outcome = simulate(seed)
        assert [str(one) for one in outcome.violations] == []
        assert {one.operation for one in outcome.program} == {operation.__name__, "publish"}


def test_undertakings_that_are_over_before_they_have_begun_are_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask = Ask(mood="undertakes", confidence=0.99, share=0.01, claims=False)
    monkeypatch.setattr(said, "draw_ask", lambda _: ask)
    outcomes = [simulate(seed) for seed in range(3)]
    assert [str(violation) for one in outcomes for violation in one.violations] == []
    assert outcomes[0].notices["dropped"] > 2


def test_nothing_but_publishing_is_drawn_while_nothing_was_said() -> None:
    class Fresh:
        said = ()

    empty: Any = Fresh()
    assert operations.draw_operation(empty) is operations.publish


def test_weights_are_positive_and_names_unique() -> None:
    assert all(weight > 0 for _, weight in operations.OPERATIONS)
    assert len({one.__name__ for one, _ in operations.OPERATIONS}) == len(operations.OPERATIONS)
