"""The report: results by capability, as a value and as a table."""

from __future__ import annotations

from abc import abstractmethod

import pytest

from crossloop.testing.conformance.reporting import report
from crossloop.testing.conformance.suite import Suite, expect, not_offered, not_shown, proves


class Mixed(Suite):
    @proves("sound")
    def test_fine(self) -> None: ...

    @proves("half")
    def test_looked_at(self) -> None: ...

    @proves("half")
    async def test_unseen(self) -> None:
        not_shown("no state")

    @proves("hidden")
    def test_hidden(self) -> None:
        not_shown("no state")

    @proves("absent")
    def test_absent(self) -> None:
        not_offered("it does not undo")

    @proves("wrong")
    def test_wrong(self) -> None:
        expect(False, "expected one effect,\n got two")

    @proves("wrong")
    def test_raises(self) -> None:
        raise ValueError("boom" + "!" * 400)


def test_each_capability_has_one_result() -> None:
    found = report(Mixed)
    assert not found.ok
    assert {one.capability: one.result for one in found.capabilities} == {
        "sound": "passed",
        "half": "partly",
        "hidden": "not shown",
        "absent": "not offered",
        "wrong": "failed",
    }


def test_the_table_says_why_on_one_line_each() -> None:
    lines = str(report(Mixed)).splitlines()
    assert lines[0] == "Mixed: does not conform"
    assert lines[1] == "  sound   passed       1 of 1 checks"
    assert "    skipped: absent: it does not undo" in lines
    assert "    failed: wrong: expected one effect, got two" in lines
    (raised,) = (line for line in lines if line.startswith("    failed: raises: ValueError: boom!"))
    assert raised.endswith("!…")
    assert len(raised) < 330


class Fine(Suite):
    @proves("sound")
    def test_fine(self) -> None: ...


def test_a_suite_in_which_nothing_fails_conforms() -> None:
    assert report(Fine).ok
    assert str(report(Fine)) == "Fine: conforms\n  sound  passed       1 of 1 checks"


class FailsToClose(Suite):
    @proves("sound")
    def test_fine(self) -> None: ...

    def teardown_method(self) -> None:
        super().teardown_method()
        raise OSError("still open")


def test_what_cannot_be_closed_is_a_failure() -> None:
    (told,) = report(FailsToClose).findings
    assert (told.found, told.reason) == ("failed", "OSError: still open")


class Interrupted(Suite):
    @proves("sound")
    def test_fine(self) -> None:
        raise KeyboardInterrupt


def test_interrupting_interrupts() -> None:
    with pytest.raises(KeyboardInterrupt):
        report(Interrupted)


class Unfinished(Suite):
    @abstractmethod
    def system(self) -> object: ...


def test_what_the_author_forgot_to_give_is_named() -> None:
    with pytest.raises(TypeError, match="system"):
        report(Unfinished)
