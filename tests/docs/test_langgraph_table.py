"""docs/langgraph.md lists the tests of each line, and every contract test says to which line it belongs."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

from tests.support.project import PROJECT

MEASURED = {*range(1, 17), 18, 22, 23, 24}
"""Lines that were reproduced on the pinned version; the others rest on what was reported."""


def by_line() -> dict[int, set[str]]:
    """Names of the contract tests by the numbers at the beginning of their docstrings."""
    found: dict[int, set[str]] = defaultdict(set)
    for file in sorted((PROJECT / "tests" / "contract").glob("test_*.py")):
        for one in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(one, ast.FunctionDef) and one.name.startswith("test_"):
                numbers = re.match(r"(\d+(?:, \d+)*): ", ast.get_docstring(one) or "")
                assert numbers, f"{file.name}: {one.name} does not say to which line it belongs"
                for number in numbers[1].split(", "):
                    found[int(number)].add(one.name.removeprefix("test_"))
    return found


def rows(heading: str) -> dict[int, str]:
    """Rows of the first table after a heading, by the number in front."""
    text = (PROJECT / "docs" / "langgraph.md").read_text(encoding="utf-8")
    section = text.split(f"{heading}\n", 1)[1].split("\n## ")[0]
    return {
        int(number): rest for number, rest in re.findall(r"^\| (\d+) \|(.*)$", section, flags=re.MULTILINE)
    }


def test_every_line_names_its_tests_and_no_others() -> None:
    listed = {number: set(re.findall(r"`(\w+)`", cells)) for number, cells in rows("## The tests").items()}
    assert listed == by_line()


def test_every_line_has_a_test_of_langgraph_and_one_of_the_defence() -> None:
    for number, names in by_line().items():
        assert {name.startswith("so_") for name in names} == {True, False}, number


def test_every_line_that_was_measured_is_there() -> None:
    assert set(rows("# LangGraph: what it does, and what we do about it")) == MEASURED
    assert set(by_line()) == MEASURED
