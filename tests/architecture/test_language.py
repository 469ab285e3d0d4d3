"""Habits a linter does not see: nothing swallowed, printed, left over or of one machine only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.project import PROJECT, project_files, text_of

MAY_CATCH_ALL = {
    "crossloop/actions/boundary.py",
    "crossloop/console/own_company.py",
    "crossloop/departments/boundary.py",
    "crossloop/store/writer.py",
}
"""The one boundary around an adapter: its defect never loses an action. The one around a user's handler: a
bad signal never fails its wave. The writer: it hands every failure to whoever waits for the work. The
one around the module of a company of one's own: what fails in it is said with file and line."""

MAY_PRINT = "crossloop/console/"
MAX_LINES = 600

# Written in two halves, so that this file does not mention what it forbids.
LEFTOVERS = re.compile(
    r"\b(" + "|".join(["place" + "holder", "TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b"
)
MACHINE = re.compile(r"(?<!\w)/(wo" + r"rk|tmp/w)(/|\b(?=[\s\"'`]))")

CODE = {".py", ".sh", ".yaml", ".yml", ".toml", ".ipynb", ".cfg"}
CODE_NAMES = {"Makefile", "run"}


def broad_excepts(source: str) -> Iterator[int]:
    """Yield the lines that catch every exception and keep it, or suppress it.

    Cleaning up and raising the same exception again keeps nothing.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and not _raises_again(node):
            yield node.lineno
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "suppress":
            yield from (node.lineno for one in node.args if _is_broad(one))


def _is_broad(kind: ast.expr | None) -> bool:
    if kind is None:
        return True
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(ast.unparse(one).split(".")[-1] in ("Exception", "BaseException") for one in kinds)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    leaves = (ast.Return, ast.Break, ast.Continue)
    elsewhere = any(isinstance(node, leaves) for part in handler.body for node in ast.walk(part))
    return isinstance(last, ast.Raise) and last.exc is None and not elsewhere


def prints(source: str) -> Iterator[int]:
    """Yield the lines that call ``print``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield node.lineno


def lines_with(pattern: re.Pattern[str], text: str) -> Iterator[int]:
    for number, line in enumerate(text.splitlines(), 1):
        if pattern.search(line):
            yield number


def modules() -> Iterator[tuple[str, str]]:
    for file in sorted((PROJECT / "crossloop").rglob("*.py")):
        yield file.relative_to(PROJECT).as_posix(), file.read_text(encoding="utf-8")


def texts() -> Iterator[tuple[Path, str]]:
    for file in project_files():
        text = text_of(file)
        if text is not None:
            yield file.relative_to(PROJECT), text


def test_every_exception_is_caught_at_the_named_boundary_only() -> None:
    found = [
        f"{name}:{line}"
        for name, text in modules()
        if name not in MAY_CATCH_ALL
        for line in broad_excepts(text)
    ]
    assert found == []


def test_only_the_console_prints() -> None:
    found = [
        f"{name}:{line}"
        for name, text in modules()
        if not name.startswith(MAY_PRINT)
        for line in prints(text)
    ]
    assert found == []


def test_no_module_is_a_hall() -> None:
    assert [name for name, text in modules() if text.count("\n") > MAX_LINES] == []


def test_nothing_is_left_for_later_in_code() -> None:
    found = [
        f"{file}:{line}"
        for file, text in texts()
        if file.suffix in CODE or file.name in CODE_NAMES
        for line in lines_with(LEFTOVERS, text)
    ]
    assert found == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert [f"{file}:{line}" for file, text in texts() for line in lines_with(MACHINE, text)] == []


# The test of the test.


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    f()\nexcept Exception:\n    pass",
        "try:\n    f()\nexcept (ValueError, BaseException) as e:\n    pass",
        "try:\n    f()\nexcept builtins.Exception:\n    pass",
        "try:\n    f()\nexcept:\n    pass",
        "try:\n    f()\nexcept* Exception:\n    pass",
        "with contextlib.suppress(Exception):\n    f()",
        "try:\n    f()\nexcept Exception as e:\n    raise ValueError from e",
        "while x:\n    try:\n        f()\n    except Exception:\n        break\n        raise",
    ],
)
def test_a_broad_except_is_found(source: str) -> None:
    assert len(list(broad_excepts(source))) == 1


def test_a_narrow_except_and_a_clean_up_are_let_pass() -> None:
    assert list(broad_excepts("try:\n    f()\nexcept (ValueError, errors.InputError):\n    pass")) == []
    assert list(broad_excepts("try:\n    f()\nexcept BaseException:\n    close()\n    raise")) == []


def test_prints_leftovers_and_machine_paths_are_found() -> None:
    assert list(prints("def f():\n    print(1)\n    console.print(2)")) == [2]
    assert list(lines_with(LEFTOVERS, "a\n# TO" + "DO: later\nTODOS")) == [2]
    for path in ("/wo" + "rk/main", '"/tmp/' + 'w/venv"', "see /wo" + "rk "):
        assert list(lines_with(MACHINE, path)) == [1], path
    assert list(lines_with(MACHINE, "net" + "work/ad frame" + "work/b https://x/wo" + "rkshop")) == []
