"""A view is a snapshot: it can be read, and changes nothing."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import datetime
from typing import Any, cast

import pytest
from pydantic import JsonValue

from crossloop.departments import InForce, Strategy
from crossloop.frozen import Frozen
from crossloop.ids import ActionKey, CaseId
from crossloop.signals.entities import Area, Campaign, Restriction
from tests.support.departments import LOOP, view
from tests.support.embedded import RAJASTHAN, campaign


def in_force(key: str, case: str) -> InForce:
    return InForce(
        action_key=ActionKey(key),
        case=CaseId(case),
        intervention="exclude",
        resource="ads/campaign/C1/geo/IN",
        reference="rst_1",
        share=0.1,
        amount=None,
        arguments={},
    )


def test_it_reads_the_records_of_one_entity_only() -> None:
    seen = view(records={Campaign: [campaign("C1"), campaign("C2")], Area: [RAJASTHAN]})
    assert [one.campaign_id for one in seen.read(Campaign)] == ["C1", "C2"]
    assert seen.read(Area) == (RAJASTHAN,)


def test_what_nobody_reads_in_is_empty() -> None:
    assert view().read(Restriction) == ()


def test_it_gives_what_is_in_force_for_one_case() -> None:
    mine, other, again = in_force("act_1", "case_a"), in_force("act_2", "case_b"), in_force("act_3", "case_a")
    seen = view(in_force=[mine, other, again])
    assert seen.in_force_for(CaseId("case_a")) == (mine, again)
    assert seen.in_force_for(CaseId("case_c")) == ()


def test_what_happens_to_the_originals_later_is_not_seen() -> None:
    records: dict[type[Frozen], list[Frozen]] = {Campaign: [campaign("C1")]}
    settings: dict[str, dict[str, JsonValue]] = {LOOP: {"margin": 0.3}}
    strategies, holding = {LOOP: Strategy()}, [in_force("act_1", "case_a")]
    seen = view(records=records, settings=settings, strategies=strategies, in_force=holding)
    records[Campaign].append(campaign("C2"))
    records[Area] = [RAJASTHAN]
    settings[LOOP]["margin"] = 0.9
    strategies.clear()
    holding.clear()
    assert [one.campaign_id for one in seen.read(Campaign)] == ["C1"]
    assert seen.read(Area) == ()
    assert seen.settings[LOOP]["margin"] == 0.3
    assert LOOP in seen.strategies
    assert len(seen.in_force) == 1


@pytest.mark.parametrize("name", ["as_of", "timezone", "strategies", "settings", "in_force", "records"])
def test_no_field_can_be_set(name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(view(), name, None)


def test_no_mapping_can_be_written() -> None:
    seen = view(settings={LOOP: {"margin": 0.3}}, strategies={LOOP: Strategy()}, records={Campaign: []})
    for mapping in (seen.settings, seen.settings[LOOP], seen.strategies, seen.records):
        with pytest.raises(TypeError, match="does not support item assignment"):
            cast("dict[Any, Any]", mapping)["margin"] = 0.9


def test_business_time_is_an_instant() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        view(as_of=datetime(2022, 6, 12))
