"""A geo-risk signal cannot contradict itself."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from crossloop.signals.entities import Area
from crossloop.signals.types import GeoRisk
from tests.support.samples import geo_risk

KERALA = Area(level="state", code="KERALA", country="IN", state="KERALA")
COUNTRY = Area(level="country", code="IN", country="IN")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"failures": 201}, "failures cannot exceed orders"),
        ({"codes": ("KERALA",)}, "codes must be the codes of areas"),
        ({"areas": (KERALA,)}, "codes must be the codes of areas"),
        ({"codes": ("IN",), "areas": (COUNTRY,)}, "at the level of the signal"),
        ({"interval": (0.2, 0.1)}, "interval must not be empty"),
        ({"window": {"first": date(2022, 6, 5), "last": date(2022, 6, 4)}}, "end before it starts"),
        ({"codes": (), "areas": ()}, "at least 1"),
        ({"metric": "returns"}, "'ndr' or 'rto'"),
        ({"rate": 1.1}, "less than or equal to 1"),
        ({"pending": -1}, "greater than or equal to 0"),
        ({"narrative": "it is bad"}, "Extra inputs"),
    ],
)
def test_what_contradicts_itself_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        GeoRisk(**{**geo_risk().__dict__, **changes})


def test_a_window_of_one_day_and_an_exact_interval_are_allowed() -> None:
    day = date(2022, 6, 5)
    same = {"window": {"first": day, "last": day}, "interval": (0.1, 0.1), "failures": 200}
    assert GeoRisk(**{**geo_risk().__dict__, **same}).window.first == day
