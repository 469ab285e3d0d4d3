"""The system that the example shows to copy passes the public suite."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

from crossloop.signals import ActionRequest
from crossloop.testing import AdapterConformance, SystemUnderTest
from tests.support.project import PROJECT


def example() -> ModuleType:
    """The script as a module."""
    spec = spec_from_file_location("own_department", PROJECT / "examples" / "own_department.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(place: str, **changes: object) -> ActionRequest:
    return ActionRequest.model_validate(
        {
            "system": "calls",
            "operation": "confirm_orders",
            "resource": f"calls/{place}",
            "arguments": {"area": place, "until": "2026-05-12T00:00:00+00:00", **changes},
        }
    )


class TestCallCentre(AdapterConformance):
    def system(self) -> SystemUnderTest:
        centre = example().CallCentre()
        return SystemUnderTest(
            adapter=centre,
            request=call("geo/IN/KERALA"),
            other=call("geo/IN/DELHI"),
            invalid=[call("geo/IN/KERALA", area="geo/IN/DELHI"), call("geo/IN/KERALA", area=None)],
            effects=lambda key: int(key in centre.lists),
            state=lambda: sorted(centre.lists.values()),
        )
