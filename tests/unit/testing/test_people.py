"""People look into incidents: what they find is so, and nobody else's word counts."""

from __future__ import annotations

from typing import Any

import pytest

from crossloop.ids import ActionKey
from crossloop.store.incidents import IncidentRow
from crossloop.testing import operations, people, said
from crossloop.testing.company import Ask
from crossloop.testing.simulation import Outcome, simulate
from crossloop.testing.systems import World


@pytest.fixture
def undertaking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every department undertakes something that fails at its last step, and cannot take its first back."""
    ask = Ask(mood="undertakes", confidence=0.99, share=0.01, claims=False, impossible=2, stays=0)
    monkeypatch.setattr(said, "draw_ask", lambda _: ask)
    monkeypatch.setattr(operations, "draw_operation", lambda _: operations.publish)


def outcomes() -> list[Outcome]:
    return [simulate(seed) for seed in range(6)]


@pytest.mark.usefixtures("undertaking")
def test_what_stays_is_looked_into_and_everything_comes_to_its_end() -> None:
    found = outcomes()
    assert [str(violation) for one in found for violation in one.violations] == []
    assert sum(one.notices["compensated"] for one in found) > 0
    assert sum(one.notices["incident"] for one in found) > 0
    assert sum(one.faults["incident.looked_into"] for one in found) > 0


@pytest.mark.usefixtures("undertaking")
def test_a_stranger_whose_word_counts_is_an_intruder(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the bug that is planted here: nobody asks who closes an incident."""
    monkeypatch.setattr("crossloop.coordinator.reconciling._check", lambda *_: None)
    look_into = people.look_into

    async def by_a_stranger(sim: Any, row: IncidentRow, *, by: str | None = None) -> None:
        await look_into(sim, row, by=by or people.STRANGER)

    monkeypatch.setattr(people, "look_into", by_a_stranger)
    violations = [violation for one in outcomes() for violation in one.violations]
    assert {one.invariant for one in violations} == {4}
    assert "an answer counted that must not have" in {one.what for one in violations}


def test_who_looks_ends_what_is_still_on_its_way() -> None:
    world = World()
    assert world.look("ads", ActionKey("act_1")) is None
    assert world.dropped["ads", ActionKey("act_1")] == 1
