"""A catalogue knows its types by name and version, and names them when asked for another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crossloop.errors import UnknownName
from crossloop.signals import Catalogue
from crossloop.signals.types import GEO_RISK, GEO_RISK_CLEARED
from crossloop.signals.types.geo_risk import EXCLUDE


def test_types_are_found_by_name_in_the_order_given() -> None:
    catalogue = Catalogue([GEO_RISK_CLEARED, GEO_RISK])
    assert list(catalogue) == [GEO_RISK_CLEARED, GEO_RISK]
    assert catalogue["logistics.geo_risk/1"] is GEO_RISK
    assert "logistics.geo_risk/1" in catalogue
    assert "logistics.geo_risk/2" not in catalogue


@pytest.mark.parametrize(
    ("catalogue", "known"),
    [(Catalogue([]), "none"), (Catalogue([GEO_RISK]), "logistics.geo_risk/1")],
)
def test_an_unknown_type_is_refused_with_the_known_ones(catalogue: Catalogue, known: str) -> None:
    with pytest.raises(UnknownName, match=f"Known types: {known}"):
        catalogue["logistics.other/1"]


def test_a_type_cannot_be_declared_twice() -> None:
    with pytest.raises(ValueError, match="declared twice"):
        Catalogue([GEO_RISK, GEO_RISK])


def test_a_type_cannot_declare_an_intervention_twice() -> None:
    with pytest.raises(ValueError, match=r"logistics.geo_risk/1 declares exclude twice"):
        replace(GEO_RISK, interventions=(*GEO_RISK.interventions, EXCLUDE))


def test_interventions_are_enumerated_with_their_risk() -> None:
    assert {one.name: one.risk for one in GEO_RISK.interventions} == {
        "suppress_cod": "reversible",
        "reduce_bid": "reversible",
        "exclude": "costly",
    }
    assert GEO_RISK.intervention("exclude").risk == "costly"
    with pytest.raises(UnknownName, match="it has: lift"):
        GEO_RISK_CLEARED.intervention("exclude")


@pytest.mark.parametrize("kind", [GEO_RISK, GEO_RISK_CLEARED])
def test_every_type_says_what_its_confidence_means_and_who_owns_its_thresholds(kind: object) -> None:
    assert isinstance(kind, type(GEO_RISK))
    assert "robability" in kind.confidence_means
    assert "owner of the loop" in kind.thresholds
    assert kind.summary
