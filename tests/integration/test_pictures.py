"""Pictures of results are the same bytes for the same results, and tell no time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from benchmarks import pictures


def document(folder: Path, name: str, **measured: float) -> Path:
    file = folder / f"{name}.json"
    values = {key: {"value": value, "unit": ""} for key, value in measured.items()}
    notes = {"crewai_flow": "not durable: in memory"}
    file.write_text(json.dumps({"measured": values, "ratios": {}, "notes": notes}), encoding="utf-8")
    return file


@pytest.fixture
def results(tmp_path: Path) -> list[Path]:
    rates = {"crossloop_1": 300.0, "crossloop_64": 1500.0, "dbos_4": 30.0, "crewai_flow_8": 20.0}
    latency = {f"accepted_to_executed_{part}": value for part, value in (("p50", 2.0), ("p99", 4.0))}
    costs = {f"{name}_{size}": 2.0 for name in pictures._COSTS for size in ("10k", "1m")}
    return [document(tmp_path, "throughput", **rates, **latency), document(tmp_path, "size", **costs)]


def test_what_can_be_drawn_is_drawn_and_the_same_again(tmp_path: Path, results: list[Path]) -> None:
    drawn = pictures.draw(results, tmp_path / "pictures")
    assert [file.name for file in drawn] == ["throughput.svg", "latency.svg", "size.svg"]
    before = [file.read_bytes() for file in drawn]
    assert [file.read_bytes() for file in pictures.draw(results, tmp_path / "pictures")] == before
    for content in before:
        assert b"<svg" in content
        assert b"dc:date" not in content
        assert b"fill: #ffffff" not in content


def test_bars_that_differ_much_are_drawn_on_a_logarithmic_scale() -> None:
    near = pictures._bars(["a", "b"], [("", [10.0, 100.0], ["#000000"] * 2)], "")
    far = pictures._bars(["a", "b"], [("", [10.0, 1000.0], ["#000000"] * 2)], "")
    assert [figure.axes[0].get_xscale() for figure in (near, far)] == ["linear", "log"]


def test_the_best_number_at_once_is_drawn_of_each() -> None:
    figure = pictures._throughput({"crossloop_1": 300.0, "crossloop_64": 1500.0, "dbos_4": 30.0}, {})
    assert [bar.get_width() for bar in figure.axes[0].patches] == [1500.0, 30.0]


def test_results_without_a_picture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="throughput or size"):
        pictures.draw([document(tmp_path, "detection", whole_1m=1.0)], tmp_path)
