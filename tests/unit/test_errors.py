"""Every error says what happened, where, and what to do next; its code is its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossloop import errors
from crossloop.errors import CrossloopError, InputError, LedgerBroken, MissingExtra, Where

EVERY = [
    value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, CrossloopError)
]


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (Where(), ""),
        (Where(Path("a.yaml")), "a.yaml"),
        (Where("a.yaml", 3), "a.yaml:3"),
        (Where("a.yaml", 3, "loops.x"), "a.yaml:3, field loops.x"),
        (Where(line=3), "line 3"),
        (Where(field="x"), "field x"),
        (Where(line=3, field="x"), "line 3, field x"),
    ],
)
def test_a_place_is_written_as_far_as_it_is_known(where: Where, text: str) -> None:
    assert str(where) == text


def test_an_input_error_reads_place_then_message_then_next_step() -> None:
    error = InputError("is empty.", where=Where("a.yaml", 1), next_step="Write something.")
    assert str(error) == "a.yaml:1: is empty. Write something."
    assert str(InputError("is empty.")) == "is empty."


def test_codes_are_unique_and_input_errors_exit_with_2() -> None:
    assert len({error.code for error in EVERY}) == len(EVERY)
    assert {error.exit_code for error in EVERY if issubclass(error, InputError)} == {2}
    assert {error.exit_code for error in EVERY if not issubclass(error, InputError)} == {1}


def test_a_missing_extra_prints_the_command_that_installs_it() -> None:
    error = MissingExtra("Detection", "loops", "ibis")
    assert "pip install 'crossloop[loops]'" in str(error)
    assert "'ibis'" in str(error)


def test_a_broken_ledger_names_the_first_bad_entry() -> None:
    assert LedgerBroken("entry 7 does not hash.", position=7).position == 7
