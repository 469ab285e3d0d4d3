"""What the suites share: marks, skipping with a reason, and what is opened for one check."""

from __future__ import annotations

from contextlib import contextmanager
from unittest import SkipTest

import pytest

from crossloop.testing.conformance.suite import Suite, checks_of, expect, not_offered, not_shown, proves


class Plain(Suite):
    @proves("one")
    def test_first(self) -> None: ...

    @proves("two")
    async def test_in_a_loop_of_its_own(self) -> None:
        expect(self.folder.is_dir(), "no folder")

    def helper(self) -> None: ...


class Changed(Plain):
    test_first = None

    def test_of_ones_own(self) -> None: ...


def test_checks_are_listed_once_with_what_they_prove() -> None:
    listed = [(one.claim, one.capability) for one in checks_of(Plain)]
    assert listed == [("first", "one"), ("in a loop of its own", "two")]


def test_a_subclass_adds_checks_and_takes_others_away() -> None:
    listed = [(one.name, one.capability) for one in checks_of(Changed)]
    assert listed == [("test_in_a_loop_of_its_own", "two"), ("test_of_ones_own", "own")]


def test_a_check_keeps_its_name_and_takes_nothing_that_pytest_would_look_for() -> None:
    assert Plain.test_in_a_loop_of_its_own.__name__ == "test_in_a_loop_of_its_own"
    assert not hasattr(Plain.test_in_a_loop_of_its_own, "__wrapped__")


def test_what_a_check_opened_is_closed_after_it() -> None:
    told: list[str] = []

    @contextmanager
    def opened():
        told.append("opened")
        yield 7
        told.append("closed")

    one = Plain()
    one.setup_method()
    one.test_in_a_loop_of_its_own()
    assert one.enter(opened()) == 7
    folder = one.folder
    one.teardown_method()
    assert told == ["opened", "closed"]
    assert not folder.exists()


def test_what_is_expected_and_does_not_hold_fails_with_its_sentence() -> None:
    expect(True, "never said")
    with pytest.raises(AssertionError, match="expected 1, got 2"):
        expect(False, "expected 1, got 2")


def test_what_is_not_offered_is_told_from_what_is_not_shown() -> None:
    with pytest.raises(SkipTest, match=r"^no undo$"):
        not_offered("no undo")
    with pytest.raises(SkipTest, match=r"^not shown: no state$"):
        not_shown("no state")
