"""The marketing department passes the public suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from crossloop.departments import Department, InForce, View
from crossloop.departments.marketing import marketing
from crossloop.ids import CaseId
from crossloop.signals import Catalogue, Signal
from crossloop.signals.types import GeoRisk, GeoRiskCleared
from crossloop.testing import DepartmentConformance
from tests.support.governed import CATALOGUE
from tests.support.marketing import campaign, in_force, seen, strategy


class TestMarketing(DepartmentConformance):
    def department(self) -> Department:
        return marketing()

    def catalogue(self) -> Catalogue:
        return CATALOGUE

    def owns(self) -> Sequence[str]:
        return ("ads/**",)

    def views(self, signal: Signal) -> st.SearchStrategy[View]:
        assert isinstance(signal.data, GeoRisk | GeoRiskCleared)
        area = signal.data.areas[0]
        live = (campaign("brand"), campaign("C1", area), campaign("C2", budget="900 USD"))
        restricted = in_force("C1", area, case=CaseId(signal.correlation_id))
        return st.builds(
            self._view,
            st.just(signal),
            st.sampled_from([(), (restricted,), (restricted.model_copy(update={"reference": None}),)]),
            st.sampled_from([{}, {"protected": ("campaign/brand",)}, {"spend_floor": "500 INR"}]),
            st.sampled_from([(), live[:2], live]),
        )

    def _view(self, signal: Signal, restricted: tuple[InForce, ...], declared: dict, live: tuple) -> View:
        known = seen(*live, declared=strategy(**declared), in_force=restricted)
        return replace(known, as_of=signal.time)
