"""``python -m crossloop.testing``: its commands, its exit codes, its JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crossloop.testing import __main__ as door
from crossloop.testing import simulate_command, simulation
from crossloop.testing.campaign import Found
from crossloop.testing.evidence import Violation
from crossloop.testing.simulation import Outcome


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


def test_a_seed_whose_two_runs_differ_shows_that_when_it_is_run_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledgers = iter(("one", "other"))

    def simulate(seed: int) -> Outcome:
        return replace(simulation.simulate(seed), ledger=next(ledgers))

    monkeypatch.setattr(simulate_command, "simulate", simulate)
    assert door.main(["simulate", "--seed", "5", "--json"]) == 1
    told = capsys.readouterr()
    assert [one["invariant"] for one in json.loads(told.out)["violations"]] == [10]
    assert "invariant 10" in told.err


@pytest.mark.parametrize(
    "wrong",
    [["--seeds", "0"], ["--seeds", "-5"], ["--processes", "0"], ["--from", "-1"], ["--seeds", "many"]],
)
def test_a_count_that_is_none_is_wrong_usage(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        door.main(["simulate", *wrong])
    assert ended.value.code == 2
    assert "argument" in capsys.readouterr().err


def test_a_folder_that_is_a_file_or_cannot_be_read_is_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    assert door.main(["simulate", "--seeds", "1", "--folder", str(file)]) == 2
    assert "cannot be used as a folder" in capsys.readouterr().err
    for damaged in ("{", "[]", "{}"):
        (tmp_path / "seeds-00000000-00000001.json").write_text(damaged)
        assert door.main(["simulate", "--seeds", "1", "--folder", str(tmp_path)]) == 2
        assert "Remove it" in capsys.readouterr().err


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any, **__: Any) -> Found:
        raise KeyboardInterrupt

    monkeypatch.setattr(simulate_command, "campaign", stopped)
    assert door.main(["simulate", "--seeds", "1"]) == 130
    assert "with --folder it could go on" in capsys.readouterr().err
    assert door.main(["simulate", "--seeds", "1", "--folder", str(tmp_path)]) == 130
    assert "goes on from here" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["explode"], 2), (["--help"], 0)])
def test_whoever_names_no_command_is_told_which_there_are(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert door.main(arguments) == code
    told = capsys.readouterr()
    assert "simulate" in (told.out if code == 0 else told.err)
