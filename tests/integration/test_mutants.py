"""The simulation finds deliberate bugs: a harness that finds none of them proves nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.mutants import MUTANTS, DoesNotApply, Mutant, hunt, main, mutate

SEEDS = 200


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.name)
def test_every_deliberate_bug_is_found(mutant: Mutant) -> None:
    found = hunt(mutant, SEEDS)
    assert found.seeds is not None, f"{mutant.what}: not found within {SEEDS} seeds"
    assert any(f"invariant {number}:" in found.violation for number in mutant.invariants)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.name)
def test_every_bug_applies_to_the_code_as_it_is(mutant: Mutant, tmp_path: Path) -> None:
    changed = mutate(mutant, tmp_path)
    compile(changed.read_text(encoding="utf-8"), changed.name, "exec")


def test_a_bug_whose_text_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DoesNotApply, match="0 times"):
        mutate(replace(MUTANTS[0], old="no such text"), tmp_path)


def test_a_name_of_no_bug_is_wrong_usage_and_those_that_there_are_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for wrong in (["no_such_bug"], ["unclaimed", "no_such_bug"], ["unclaimed", "--seeds", "0"]):
        with pytest.raises(SystemExit) as ended:
            main(wrong)
        assert ended.value.code == 2
    said = capsys.readouterr().err
    assert all(one.name in said for one in MUTANTS)


def test_the_code_as_it_is_has_none_of_them() -> None:
    harmless = replace(MUTANTS[0], old=MUTANTS[0].old, new=MUTANTS[0].old)
    assert hunt(harmless, 3).seeds is None
