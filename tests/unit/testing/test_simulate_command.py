"""``python -m crossloop.testing``: its commands, its exit codes, its JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crossloop.testing import __main__ as door
from crossloop.testing import simulate_command
from crossloop.testing.campaign import Found
from crossloop.testing.evidence import Violation


def test_seeds_that_violate_nothing_end_with_0_and_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert door.main(["simulate", "--seeds", "3", "--from", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["seeds"], document["violations"]) == (3, [])
    assert document["operations"] >= 3
    assert document["faults"]


def test_one_seed_is_told_in_its_steps(capsys: pytest.CaptureFixture[str]) -> None:
    assert door.main(["simulate", "--seed", "5"]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "publish" in told.err
    assert "0 violations" in told.err


def test_a_violation_ends_with_1_and_says_how_to_see_it_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = Found(seeds=1, violations=[(17, Violation(2, "2 effects in erp", "act_1"))])

    def campaign(*_: Any, progress: Any, **__: Any) -> Found:
        progress(bad, 1)
        return bad

    monkeypatch.setattr(simulate_command, "campaign", campaign)
    assert door.main(["simulate", "--seeds", "1", "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["violations"][0]["seed"] == 17
    assert "2 effects in erp" in told.err
    assert "python -m crossloop.testing simulate --seed 17" in told.err


def test_what_is_kept_is_found_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["simulate", "--seeds", "2", "--folder", str(tmp_path / "kept"), "--json"]
    assert door.main(command) == 0
    first = json.loads(capsys.readouterr().out)
    assert door.main(command) == 0
    second = json.loads(capsys.readouterr().out)
    assert first["faults"] == second["faults"]
    assert len(list((tmp_path / "kept").iterdir())) == 1


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["explode"], 2), (["--help"], 0)])
def test_whoever_names_no_command_is_told_which_there_are(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert door.main(arguments) == code
    told = capsys.readouterr()
    assert "simulate" in (told.out if code == 0 else told.err)
