"""The command says what came of it, as a document or in words, and its exit code tells whether it is well."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from crossloop.errors import InputError
from crossloop.testing.__main__ import main
from crossloop.testing.evidence import Violation
from crossloop.testing.killing import kill_command
from crossloop.testing.killing.kill import Result


def led_to(monkeypatch: pytest.MonkeyPatch, outcome: Result | BaseException) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = []

    def kill(times: int, **more: Any) -> Result:
        asked.append({"times": times, **more})
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(kill_command, "kill", kill)
    return asked


def result(**more: Any) -> Result:
    return Result(kills=3, acknowledged_lost=0, effects_doubled=0, runs_stuck=0, **more)


def test_the_document_has_the_four_counts_and_what_was_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = led_to(monkeypatch, result(plans=Counter({"anywhere": 3}), signals=9))
    code = main(["kill", "--times", "3", "--seed", "5", "--folder", str(tmp_path), "--json"])
    said = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (asked[0]["times"], asked[0]["seed"], asked[0]["folder"]) == (3, 5, tmp_path)
    expected = {"kills": 3, "acknowledged_lost": 0, "effects_doubled": 0, "runs_stuck": 0, "signals": 9}
    assert expected.items() <= said.items()
    assert (said["plans"], said["seed"], said["violations"]) == ({"anywhere": 3}, 5, [])
    assert {"commit", "seconds"} <= said.keys()


def test_a_violation_is_told_and_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    led_to(monkeypatch, result(violations=[Violation(2, "two effects", "act_1")]))
    assert main(["kill", "--times", "3"]) == 1
    assert "invariant 2: two effects [act_1]" in capsys.readouterr().err


def test_a_stop_and_a_wrong_folder_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    led_to(monkeypatch, KeyboardInterrupt())
    assert main(["kill"]) == 130
    led_to(monkeypatch, InputError("another seed."))
    assert main(["kill"]) == 2
    said = capsys.readouterr().err
    assert "with --folder it could go on" in said
    assert "another seed" in said


@pytest.mark.parametrize("count", ["0", "-5", "many"])
def test_a_count_that_is_none_is_wrong_usage(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["kill", "--times", count], ["crash-points", "--passes", count]):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 2
    assert "argument --times" in capsys.readouterr().err


def test_a_folder_that_is_a_file_or_whose_journal_is_damaged_is_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "journal.jsonl"
    file.write_text("{}\n")
    assert main(["kill", "--times", "1", "--folder", str(file)]) == 2
    assert "cannot be used as a folder" in capsys.readouterr().err
    assert main(["kill", "--times", "1", "--folder", str(tmp_path)]) == 2
    assert "is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["other"], 2), (["--help"], 0)])
def test_the_commands_are_listed(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == code
    printed = capsys.readouterr()
    assert "crash-points" in (printed.out if code == 0 else printed.err)
