"""Many seeds: in ranges, on again after a stop, the same on one process as on two."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from crossloop.testing import campaign as module
from crossloop.testing.campaign import Found, campaign, run_seeds
from crossloop.testing.evidence import Violation
from crossloop.testing.running import START, Step
from crossloop.testing.simulation import Outcome


def outcome(seed: int, *violations: Violation, ledger: str = "same") -> Outcome:
    steps = (Step("publish", START, 0),) * 3
    return Outcome(seed, steps, 10, 2, Counter({"crash": 1}), Counter(), Counter(), violations, ledger)


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seeds that were simulated; 7 violates something."""
    seen: list[int] = []

    def simulate(seed: int) -> Outcome:
        seen.append(seed)
        return outcome(seed, *[Violation(2, "twice", "act_1")] * (seed == 7))

    monkeypatch.setattr(module, "simulate", simulate)
    monkeypatch.setattr(module, "RANGE", 10)
    return seen


def test_what_was_found_is_added_up_and_every_violation_has_its_seed(simulated: list[int]) -> None:
    found = campaign(0, 25)
    assert (found.seeds, found.operations, found.entries, found.effects) == (25, 75, 250, 50)
    assert found.faults == {"crash": 25}
    assert found.violations == [(7, Violation(2, "twice", "act_1"))]


def test_every_so_many_seeds_one_is_run_twice_and_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []

    def simulate(seed: int) -> Outcome:
        runs.append(seed)
        return outcome(seed, ledger=str(len(runs)))

    monkeypatch.setattr(module, "simulate", simulate)
    found = run_seeds(range(1, 2 * module.AGAIN))
    assert runs.count(module.AGAIN) == 2
    assert [(seed, one.invariant) for seed, one in found.violations] == [(module.AGAIN, 10)]


def test_a_range_that_is_finished_is_not_run_again(simulated: list[int], tmp_path: Path) -> None:
    first = campaign(0, 20, folder=tmp_path)
    simulated.clear()
    shown: list[int] = []
    second = campaign(0, 30, folder=tmp_path, progress=lambda _, count: shown.append(count))
    assert min(simulated) == 20
    assert shown == [10, 10, 10]
    assert (second.seeds, second.violations) == (30, first.violations)


def test_a_range_that_was_run_on_other_code_is_run_again(
    simulated: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign(0, 10, folder=tmp_path)
    simulated.clear()
    monkeypatch.setattr(module, "source_digest", lambda: "other")
    campaign(0, 10, folder=tmp_path)
    assert len(set(simulated)) == 10


def test_what_was_found_survives_being_written_down(simulated: list[int]) -> None:
    found = campaign(0, 10)
    document: dict[str, Any] = found.document()
    assert document["violations"] == [{"seed": 7, "invariant": 2, "what": "twice", "where": "act_1"}]
    assert Found.of(document) == found


def test_two_processes_find_what_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RANGE", 2)
    assert campaign(1, 4, processes=2) == campaign(1, 4)
