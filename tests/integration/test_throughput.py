"""The throughput benchmark: what it brings about, what it compares, and what it refuses to compare."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import children, disk, result, slow_lane_child, throughput, throughput_child
from benchmarks.company import Ads
from benchmarks.peers import steps
from benchmarks.peers.environments import CannotInstall
from crossloop.testing import checkout

LATENCY = {"p50": 0.001, "p99": 0.002, "inside_p50": 0.0005, "inside_p99": 0.0015}


def chosen(peers: str, folder: Path) -> argparse.Namespace:
    return argparse.Namespace(signals=64, rounds=2, peers=peers, folder=folder, rate=None, seconds=None)


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """What each script is to answer, by a word of its command; environments are not made."""
    answers: dict[str, dict[str, Any]] = {}

    def child(folder: Path, command: list[str], signals: int, wave: int, arguments: tuple[str, ...]) -> Any:
        (name,) = (name for name in answers if name in " ".join((*command, *arguments)))
        if "fails" in answers[name]:
            raise throughput.NotMeasured(answers[name]["fails"])
        return {"signals": signals, "what": "as it is", **LATENCY, **answers[name]}

    def mixed(folder: Path, rate: int, seconds: float) -> dict[str, Any]:
        spread = {"p50": float(rate), "p99": seconds, "max": 9.0}
        names = "accepted_to_executed", "offered_to_executed", "slow_accepted_to_executed"
        return {"signals": 1, "slow": 1, **dict.fromkeys(names, spread)}

    monkeypatch.setattr(throughput, "_child", child)
    monkeypatch.setattr(throughput, "_mixed", mixed)
    monkeypatch.setattr(throughput, "python_with", lambda name: Path("python"))
    monkeypatch.setattr(children, "require_disk", lambda folder: "ext4")
    answers["throughput_child"] = {"seconds": 0.1, "durable": True}
    return answers


@pytest.mark.parametrize("way", ["working", "publish"])
def test_every_signal_ends_in_one_recorded_effect_however_they_are_handed_in(
    tmp_path: Path, way: throughput_child.Way
) -> None:
    found = throughput_child.measure(tmp_path, signals=10, wave=4, way=way)
    assert len(found.each) == 3
    assert found.seconds >= sum(found.each)
    assert len(found.inside) == 10
    assert 0 < min(found.inside) <= max(found.inside) < found.seconds


def test_an_action_that_is_performed_twice_fails_the_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    perform = Ads.perform

    async def twice(self: Ads, key: str, request: Any) -> Any:
        await perform(self, key, request)
        return await perform(self, key, request)

    monkeypatch.setattr(Ads, "perform", twice)
    with pytest.raises(AssertionError, match="performed again"):
        throughput_child.measure(tmp_path, signals=2, wave=2)


def test_the_commit_is_that_of_the_package_and_not_of_the_folder_it_is_measured_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = result.commit()
    monkeypatch.chdir(tmp_path)
    assert result.commit() == here == (checkout.commit() or "unknown")


def test_beside_slow_signals_each_of_the_others_is_followed_from_its_offer_to_its_receipt(
    tmp_path: Path,
) -> None:
    found = slow_lane_child.measure(tmp_path, rate=100, seconds=0.6, longest=0.01)
    assert (found["signals"], found["slow"]) == (60, 7)
    inside, from_offer = found["accepted_to_executed"], found["offered_to_executed"]
    assert 0 < inside["p50"] <= inside["p99"] <= inside["max"]
    assert inside["p50"] < from_offer["p50"]
    assert found["slow_accepted_to_executed"]["p50"] >= 10


def test_latency_of_one_signal_and_beside_slow_ones_is_told_by_name(
    rates: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    told = throughput.run(chosen("none", tmp_path)).measured
    assert told["accepted_to_executed_p50"] == (0.5, "ms")
    assert told["handed_in_to_executed_p99"] == (2.0, "ms")
    assert told["mixed_p50"] == (throughput.MIXED_RATE, "ms")
    assert told["mixed_p99"] == (throughput.MIXED_SECONDS, "ms")
    assert told["crossloop_publish_64"] == (640.0, "signals/s")


def test_what_was_measured_in_a_folder_at_this_commit_is_not_measured_again(
    rates: dict[str, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = throughput.run(chosen("none", tmp_path))
    assert "kept" not in before.notes
    rates["throughput_child"]["seconds"] = 0.2
    again = throughput.run(chosen("none", tmp_path))
    assert again.measured["crossloop_64"] == before.measured["crossloop_64"]
    assert again.notes["kept"] == "10 of 10 measurements were made before"
    monkeypatch.setattr(children, "commit", lambda: "another")
    assert throughput.run(chosen("none", tmp_path)).measured["crossloop_64"] == (320.0, "signals/s")


def test_why_a_measurement_failed_is_its_last_word() -> None:
    with pytest.raises(children.NotMeasured, match="no such table"):
        children.child([sys.executable, "-c", "raise SystemExit('no such table')"], patience=60, quiet=True)
    with pytest.raises(children.NotMeasured, match="within 0 s"):
        children.child([sys.executable, "-c", "import time; time.sleep(60)"], patience=0)


def test_the_peers_steps_come_to_the_same_end_as_ours() -> None:
    signal = steps.said(1)
    answers = [steps.marketing(signal), steps.service(signal)]
    decision = steps.gate(answers, steps.mediate(answers))
    assert decision["verdicts"] == {"marketing": "act", "service": "refuse"}
    ads = steps.Ads()
    receipts = [ads.perform(action) for action in decision["actions"] * 2]
    assert [one["outcome"] for one in receipts] == ["done", "done"]
    assert len(ads.done) == 1


def test_only_what_is_durable_is_compared(rates: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    rates["dbos_workflow"] = {"seconds": 1.0, "durable": True}
    rates["agent_framework_files"] = {"seconds": 0.5, "durable": False}
    result = throughput.run(chosen("dbos,agent_framework", tmp_path))
    assert set(result.ratios) == {"vs_dbos"}
    assert result.measured["agent_framework_64"] == (128.0, "signals/s")
    assert result.notes["agent_framework"].startswith("not durable: ")


def test_the_best_of_both_sides_is_compared(
    rates: dict[str, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = {"throughput_child": {1: 8.0, 8: 4.0, 64: 2.0}, "dbos": {1: 6.0, 2: 12.0, 4: 24.0}}

    def child(folder: Path, command: list[str], signals: int, wave: int, arguments: Any) -> Any:
        (name,) = (name for name in seconds if name in " ".join(command))
        answer = {"durable": True, "what": "", **LATENCY}
        return {**answer, "signals": 24, "seconds": seconds[name][wave]}

    monkeypatch.setattr(throughput, "_child", child)
    assert throughput.run(chosen("dbos", tmp_path)).ratios == {"vs_dbos": 3.0}


def test_a_peer_that_cannot_be_run_or_installed_is_named_with_its_reason(
    rates: dict[str, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates["dbos_workflow"] = {"fails": "no such table"}

    def python_with(name: str) -> Path:
        if name == "crewai":
            raise CannotInstall("no matching distribution")
        return Path("python")

    monkeypatch.setattr(throughput, "python_with", python_with)
    result = throughput.run(chosen("dbos,crewai_flow", tmp_path))
    assert result.ratios == {}
    assert "no such table" in result.notes["dbos"]
    assert "no matching distribution" in result.notes["crewai_flow"]
    assert not any(name.startswith(("dbos", "crewai")) for name in result.measured)


def test_an_unknown_peer_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no peer temporal"):
        throughput.run(chosen("temporal", tmp_path))


def test_a_folder_in_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\ntmpfs {tmp_path} tmpfs rw 0 0\n", encoding="utf-8")
    monkeypatch.setattr(disk, "_MOUNTS", mounts)
    assert disk.require_disk(Path("/")) == "ext4"
    with pytest.raises(disk.NotADisk, match="tmpfs"):
        disk.require_disk(tmp_path)
