"""The simulated company: what it goes through, that it repeats itself, and that nothing is violated."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from crossloop import faults
from crossloop.testing import operations, running
from crossloop.testing.simulation import Outcome, simulate

SEEDS = range(60)

_ELSEWHERE = "from crossloop.testing.simulation import simulate; print(simulate(3).ledger)"


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return [simulate(seed) for seed in SEEDS]


def test_no_invariant_is_violated(outcomes: list[Outcome]) -> None:
    assert [(one.seed, str(violation)) for one in outcomes for violation in one.violations] == []


def test_many_kinds_of_fault_really_occur(outcomes: list[Outcome]) -> None:
    found = sum((one.faults for one in outcomes), Counter[str]())
    assert {"crash", "worker.frozen", "store.busy", "system.lost_reply", "people.forged"} <= set(found)
    assert len(found) >= 30


def test_every_operation_is_drawn_and_something_comes_of_it(outcomes: list[Outcome]) -> None:
    drawn = {step.operation for one in outcomes for step in one.program}
    assert drawn == {operation.__name__ for operation, _ in operations.OPERATIONS}
    assert sum(one.effects for one in outcomes) > 2 * len(outcomes)
    assert all(one.entries for one in outcomes)


def test_every_crash_point_there_is_is_passed(outcomes: list[Outcome]) -> None:
    passed = sum((one.points for one in outcomes), Counter[str]())
    assert [point for point in faults.POINTS if not passed[point]] == []


def test_undertakings_come_to_nothing_in_every_way(outcomes: list[Outcome]) -> None:
    found = sum((one.faults for one in outcomes), Counter[str]())
    assert {"system.impossible", "incident.looked_into", "incident.forged"} <= set(found)
    told = sum((one.notices for one in outcomes), Counter[str]())
    assert {"compensated", "not_compensated", "dropped", "incident"} <= set(told)


def test_the_same_seed_leaves_the_same_ledger_and_another_one_another() -> None:
    assert simulate(5) == simulate(5)
    assert simulate(5).ledger != simulate(6).ledger


@pytest.mark.parametrize("hashing", ["1", "2"])
def test_the_ledger_does_not_depend_on_how_texts_are_hashed(hashing: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": hashing}
    ended = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE], env=environment, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == simulate(3).ledger


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    random.seed(1)
    before = random.getstate()
    simulate(1, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert random.getstate() == before
    assert faults._told is None


def test_an_error_that_nobody_foresaw_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: Any) -> None:
        raise LookupError("a defect of the simulation itself")

    monkeypatch.setattr(operations, "draw_operation", lambda _: broken)
    (violation,) = simulate(1).violations
    assert (violation.invariant, "a defect" in violation.what) == (0, True)


def test_waiting_for_what_never_comes_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_: Any) -> None:
        await running.asyncio.Event().wait()

    monkeypatch.setattr(operations, "draw_operation", lambda _: hang)
    (violation,) = simulate(1).violations
    assert (violation.invariant, violation.where) == (0, "the event loop")
