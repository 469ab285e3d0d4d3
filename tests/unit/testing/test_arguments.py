"""Counts that are none are refused, and a folder is looked at before anything is run."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from crossloop.errors import InputError
from crossloop.testing.arguments import at_least, usable


def test_a_count_is_a_whole_number_that_is_not_smaller() -> None:
    assert at_least(1)("1") == 1
    for wrong in ("0", "-5"):
        with pytest.raises(argparse.ArgumentTypeError, match=f"at least 1, got {wrong}"):
            at_least(1)(wrong)
    with pytest.raises(ValueError, match="many"):
        at_least(0)("many")


def test_a_folder_is_made_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    assert usable(tmp_path / "new" / "one") == tmp_path / "new" / "one"
    assert list((tmp_path / "new" / "one").iterdir()) == []


def test_a_file_or_what_cannot_be_written_into_is_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    for wrong in (file, file / "below"):
        with pytest.raises(InputError, match="cannot be used as a folder"):
            usable(wrong)

    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(InputError, match="Permission denied") as caught:
        usable(tmp_path)
    assert caught.value.next_step == "Name another --folder."
