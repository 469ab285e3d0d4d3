"""Packages import downwards only, as the table says; LangGraph stays in a handful of modules.

The root modules (errors, ids, clock, ...) may be imported by everybody and import nobody but each other.
``crossloop/__init__.py`` and ``__main__.py`` are doors to the outside: they may import anything, and nobody
inside uses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.support.imports import Import, imports

PACKAGE = Path(__file__).resolve().parents[2] / "crossloop"

ROOT = "root modules"
DOOR = "door"

BELOW_LOOPS = {
    "signals",
    "store",
    "governance",
    "actions",
    "departments",
    "adapters",
    "monitoring",
    "coordinator",
}
MAY_IMPORT: dict[str, set[str]] = {
    ROOT: set(),
    "signals": set(),
    "store": set(),
    "governance": {"signals", "store"},
    "actions": {"signals", "store", "governance"},
    "departments": {"signals"},
    "adapters": {"signals", "actions"},
    "monitoring": {"signals", "store"},
    "coordinator": {"signals", "store", "governance", "actions", "departments", "monitoring"},
    "loops": BELOW_LOOPS,
    "testing": {*BELOW_LOOPS, "loops"},
    "console": {*BELOW_LOOPS, "loops"},
}
"""Package by package, from the bottom up; root modules and own modules are always allowed."""

LANGGRAPH_IN = {
    "crossloop/coordinator/approval_graph.py",
    "crossloop/coordinator/fenced_saver.py",
    "crossloop/coordinator/serializer.py",
    "crossloop/coordinator/supervisor.py",
    "crossloop/departments/boundary.py",
    "crossloop/departments/graph.py",
}
"""The modules that may import LangGraph, so that the rest can be proved without it."""


def package_of(name: str, package: Path) -> str:
    """The package that a dotted name below ``crossloop`` belongs to."""
    parts = name.split(".")
    if len(parts) == 1 or parts[1] == "__main__":
        return DOOR
    if (package / parts[1]).is_dir():
        return parts[1]
    return ROOT if (package / f"{parts[1]}.py").is_file() else DOOR


def arrows(package: Path) -> Iterator[tuple[str, str, Import]]:
    """Yield (importing package, imported package, import) for imports within the project."""
    for one in imports(package):
        if one.name.split(".")[0] == package.name:
            yield package_of(one.module, package), package_of(one.name, package), one


def wrong_arrows(package: Path) -> list[str]:
    wrong: list[str] = []
    for source, target, one in arrows(package):
        if source in (target, DOOR) or (target == ROOT and source in MAY_IMPORT):
            continue
        if source not in MAY_IMPORT:
            wrong.append(f"{one}: the package '{source}' has no place in the table")
        elif target == DOOR:
            wrong.append(f"{one}: the door is for the outside; import from the module that has it")
        elif target not in MAY_IMPORT[source]:
            wrong.append(f"{one}: {source} may not import {target}")
    return wrong


def circle(edges: Iterable[tuple[str, str]]) -> list[str]:
    """Return the names of one circle, or nothing."""
    graph: dict[str, set[str]] = {}
    for source, target in edges:
        if source != target:
            graph.setdefault(source, set()).add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as found:
        return list(found.args[1])
    return []


def langgraph_outside(package: Path) -> list[str]:
    return [
        str(one)
        for one in imports(package)
        if one.name.split(".")[0] == "langgraph" and one.file.as_posix() not in LANGGRAPH_IN
    ]


def test_every_import_goes_the_way_the_table_allows() -> None:
    assert wrong_arrows(PACKAGE) == []


def test_packages_import_each_other_in_no_circle() -> None:
    assert circle((source, target) for source, target, _ in arrows(PACKAGE) if source != DOOR) == []


def test_root_modules_import_each_other_in_no_circle() -> None:
    inside = [
        (one.module, ".".join(one.name.split(".")[:2]))
        for source, target, one in arrows(PACKAGE)
        if source == target == ROOT
    ]
    assert circle(inside) == []


def test_langgraph_is_imported_in_the_named_modules_only() -> None:
    assert langgraph_outside(PACKAGE) == []


def test_the_table_itself_has_no_circle() -> None:
    assert circle((source, target) for source, below in MAY_IMPORT.items() for target in below) == []


# The test of the test: each kind of mistake is found in a small tree.


@pytest.mark.parametrize(
    ("file", "source", "says"),
    [
        ("signals/codec.py", "from crossloop.store import Store", "signals may not import store"),
        ("signals/codec.py", "def f():\n    import crossloop.store.tables", "may not import store"),
        ("signals/codec.py", "if TYPE_CHECKING:\n    from ..store import Store", "may not import store"),
        ("signals/codec.py", "from .. import store", "may not import store"),
        ("signals/codec.py", "import_module('crossloop.store')", "may not import store"),
        ("errors.py", "from crossloop.signals import Signal", "root modules may not import signals"),
        ("departments/a.py", "from crossloop.actions import x", "departments may not import actions"),
        ("store/__init__.py", "from crossloop import run", "the door is for the outside"),
        ("surprise/a.py", "import crossloop.errors", "no place in the table"),
    ],
)
def test_a_wrong_arrow_is_found(tmp_path: Path, file: str, source: str, says: str) -> None:
    package = _tree(tmp_path, {file: source})
    assert [says in wrong for wrong in wrong_arrows(package)] == [True]


@pytest.mark.parametrize(
    ("file", "source"),
    [
        (
            "signals/codec.py",
            "from crossloop.errors import X\nfrom . import model\nfrom .model import Signal",
        ),
        ("actions/executor.py", "from crossloop.store import S\nfrom crossloop import errors, signals"),
        ("console/cli.py", "import crossloop.loops.first"),
        ("__init__.py", "from crossloop.coordinator import run"),
    ],
)
def test_a_right_arrow_is_let_pass(tmp_path: Path, file: str, source: str) -> None:
    assert wrong_arrows(_tree(tmp_path, {file: source})) == []


def test_langgraph_in_another_module_is_found(tmp_path: Path) -> None:
    hidden = "def f():\n    from langgraph.types import interrupt"
    found = langgraph_outside(_tree(tmp_path, {"governance/gate.py": hidden, "departments/graph.py": hidden}))
    assert found == [
        "crossloop/governance/gate.py:2: crossloop.governance.gate imports langgraph.types.interrupt"
    ]


def test_a_circle_is_found() -> None:
    assert set(circle([("a", "b"), ("b", "c"), ("c", "a"), ("a", "a")])) == {"a", "b", "c"}


def _tree(tmp_path: Path, files: dict[str, str]) -> Path:
    package = tmp_path / "crossloop"
    for name in (*MAY_IMPORT, "surprise"):
        (package / name).mkdir(parents=True)
    (package / "errors.py").touch()
    for name, source in files.items():
        (package / name).write_text(source, encoding="utf-8")
    return package
