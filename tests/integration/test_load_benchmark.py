"""The load benchmark: what is offered ends or waits, people answer meanwhile, and all of it is told."""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import pytest

from benchmarks import children, load, load_child


def test_a_small_load_comes_to_its_end_while_people_answer_from_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_child, "HELD", 0.2)
    found = load_child.measure(tmp_path, rate=60, seconds=2.0, answers=8)
    asked = found["asked"]
    assert found["executed"] - asked.get("approved", 0) + sum(asked.values()) == found["signals"]
    assert found["people"]["answered"] == asked.get("approved", 0) + asked.get("rejected", 0) > 0
    for spread in (found["acknowledged"], found["accepted_to_executed"], found["people"]["answering"]):
        assert 0 < spread["p50"] <= spread["p99"] <= spread["max"]
    assert found["backlog"] >= 0
    assert found["drained"] >= 0
    assert set(found["memory"]) == {"start", "middle", "end"}


def test_bursts_come_by_the_clock_at_the_rate_that_was_asked_for() -> None:
    offered = list(load_child.bursts(500, 100.0, random.Random(1)))
    assert sum(size for _, size in offered) == pytest.approx(50_000, rel=0.05)
    assert {size for _, size in offered} == set(range(1, load_child.LARGEST_BURST + 1))
    assert offered == sorted(offered)
    assert offered[-1][0] < 100


def test_a_load_that_was_measured_is_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spread, asked = {"p50": 1.0, "p99": 2.0, "max": 3.0}, list[str]()

    def child(command: list[str], *, patience: float) -> children.Found:
        asked.append(" ".join(command[4:]))
        return {
            "signals": 10,
            "executed": 9,
            "asked": {"waiting": 1},
            "acknowledged": spread,
            "accepted_to_executed": spread,
            "backlog": 4,
            "drained": 0.5,
            "memory": {"start": 1.0, "middle": 2.0, "end": 3.0},
            "slope": 0.1,
            "entries": 100,
            "people": {"answered": 2, "reading": spread, "answering": {**spread, "p99": 19.0}},
        }

    monkeypatch.setattr(load, "child", child)
    given = argparse.Namespace(rate=20, seconds=3.0, folder=tmp_path)
    first = load.run(given)
    assert asked == ["20 3.0 5"]
    assert first.measured["people_answer_p99"] == (19.0, "ms")
    assert first.measured["still_waiting"] == (1, "questions")
    again = load.run(given)
    assert {**again.measured, "synced_write": None} == {**first.measured, "synced_write": None}
    assert asked == ["20 3.0 5"]
