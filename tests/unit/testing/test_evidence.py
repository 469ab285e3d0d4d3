"""A violation says what it is about, and a commit whether it changed anything."""

from __future__ import annotations

from crossloop.testing.evidence import Commit, Violation


def test_a_violation_says_its_number_and_place() -> None:
    assert str(Violation(2, "2 effects in erp", "act_1")) == "invariant 2: 2 effects in erp [act_1]"


def test_a_commit_that_wrote_an_entry_or_changed_a_row_has_changed_something() -> None:
    assert not Commit("one", 1, 1, 3, 3).changed
    assert Commit("one", 1, 1, 3, 4).changed
    assert Commit("one", 1, 1, 3, 3, rows=1).changed
