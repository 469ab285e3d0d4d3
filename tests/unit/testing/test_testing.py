"""The door of the testing package: names are loaded on use, and a missing extra says how to install it."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import crossloop.testing
import crossloop.testing.conformance
from crossloop.errors import MissingExtra

DOORS = [crossloop.testing, crossloop.testing.conformance]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_every_name_that_is_listed_can_be_loaded(door: object) -> None:
    for name in door.__all__:  # pyright: ignore[reportAttributeAccessIssue]
        assert getattr(door, name) is not None


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_a_name_that_is_not_listed_is_none(door: object) -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        door.Nothing  # noqa: B018 # pyright: ignore[reportAttributeAccessIssue]


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
