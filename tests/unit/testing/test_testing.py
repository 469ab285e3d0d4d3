"""The door of the testing package: names are loaded on use, and a missing extra says how to install it."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import crossloop.testing
import crossloop.testing.conformance
from crossloop.actions import port
from crossloop.actions.port import AdapterError
from crossloop.errors import MissingExtra
from tests.support.project import PROJECT

DOORS = [crossloop.testing, crossloop.testing.conformance]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_every_name_that_is_listed_can_be_loaded(door: object) -> None:
    for name in door.__all__:  # pyright: ignore[reportAttributeAccessIssue]
        assert getattr(door, name) is not None


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_a_name_that_is_not_listed_is_none(door: object) -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        door.Nothing  # noqa: B018 # pyright: ignore[reportAttributeAccessIssue]


def test_every_public_name_is_documented() -> None:
    page = (PROJECT / "docs" / "testing.md").read_text(encoding="utf-8")
    assert [name for name in crossloop.testing.__all__ if f"`{name}`" not in page] == []


def test_the_table_of_errors_has_every_error_of_the_port() -> None:
    page = (PROJECT / "docs" / "testing.md").read_text(encoding="utf-8")
    errors = [one for one in vars(port).values() if isinstance(one, type) and issubclass(one, AdapterError)]
    assert len(errors) == 8
    rows = {line.split("`")[1].partition("(")[0] for line in page.splitlines() if line.startswith("| `")}
    assert [one.__name__ for one in errors if one.__name__ not in rows] == []


@pytest.mark.parametrize("name", ["from_schema", "strategies", "conformance.department"])
def test_without_hypothesis_it_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    for known in [one for one in sys.modules if one.startswith("crossloop.testing.")]:
        monkeypatch.delitem(sys.modules, known)
    with pytest.raises(MissingExtra, match="'testing' extra") as caught:
        importlib.import_module(f"crossloop.testing.{name}")
    assert caught.value.next_step == "Install it with: pip install 'crossloop[testing]'"


def test_adapters_and_stores_are_certified_without_hypothesis_and_without_pytest() -> None:
    code = (
        "import sys; sys.modules['hypothesis'] = sys.modules['pytest'] = None\n"
        "from crossloop.testing import AdapterConformance, StoreConformance, SystemUnderTest, report"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
