"""A real company is killed, with kill -9 and at every named point; what is left is as it has to be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crossloop.faults import POINTS
from crossloop.testing import crash_at_every_point, kill
from crossloop.testing.evidence import Violation
from crossloop.testing.killing import kill as killing
from crossloop.testing.killing.kill import Campaign, Result
from tests.support.project import PROJECT


def require_well(result: Result) -> None:
    assert result.violations == []
    assert (result.acknowledged_lost, result.effects_doubled, result.runs_stuck) == (0, 0, 0)


def test_killed_eight_times_nothing_is_lost_doubled_or_stuck(tmp_path: Path) -> None:
    result = kill(8, seed=20250301, folder=tmp_path)
    require_well(result)
    assert result.kills == result.plans.total() == result.phases.total() == 8
    assert result.signals >= result.acknowledged > 0
    assert result.effects > 0


def test_a_campaign_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(campaign: Campaign) -> None:
        if campaign.journal.kills.total() == 2:
            raise Stopped

    with pytest.raises(Stopped):
        kill(100, seed=1, folder=tmp_path, progress=stop)
    result = kill(4, seed=1, folder=tmp_path)
    require_well(result)
    assert result.kills == 4
    assert kill(4, seed=1, folder=tmp_path).kills == 4


def test_what_was_wrong_before_a_stop_is_still_wrong_afterwards(tmp_path: Path) -> None:
    wrong = Violation(2, "two effects", "act_1")

    def see(campaign: Campaign) -> None:
        campaign.journal.violated([wrong])

    assert kill(1, seed=1, folder=tmp_path, progress=see).violations == [wrong]
    assert kill(2, seed=1, folder=tmp_path).violations == [wrong]


def test_interrupted_from_the_keyboard_it_ends_at_once_and_can_go_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "crossloop.testing", "kill", "--folder", str(tmp_path), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    running = subprocess.Popen([*command, "--times", "1000"], stderr=subprocess.PIPE, env=environment)
    journal = tmp_path / "journal.jsonl"
    with running:
        while not (journal.exists() and b'"is":"life"' in journal.read_bytes()):
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert (running.returncode, b"goes on from here" in said) == (130, True), said
    after = subprocess.run([*command, "--times", "3"], capture_output=True, env=environment, timeout=120)
    assert after.returncode == 0, after.stderr
    assert json.loads(after.stdout)["acknowledged_lost"] == 0


def test_a_company_that_forgets_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness itself: a world in which something happened that nobody remembers."""
    finish = Campaign.finish

    async def forgetful(self: Campaign) -> Result:
        self.world.by_key["ads", "act_never"] = self.world.effects[:1] * 2
        self.journal.acknowledged.add(10_000)
        return await finish(self)

    monkeypatch.setattr(killing.Campaign, "finish", forgetful)
    result = kill(2, seed=2, folder=tmp_path)
    assert result.acknowledged_lost == 1


@pytest.mark.slow
def test_killed_at_every_named_point_in_a_first_run_and_in_a_recovery_it_ends_well() -> None:
    found = crash_at_every_point(most=1)
    assert [one.point for one in found] == list(POINTS)
    assert [one.point for one in found if not one.ok] == []
