"""A department listens to each type once, and can answer that it asks for nothing."""

from __future__ import annotations

import pytest

from crossloop.canonical import canonical_json, to_json
from crossloop.departments import Department, no_action
from crossloop.departments.marketing import marketing
from crossloop.signals.types import GEO_RISK, GEO_RISK_CLEARED
from tests.support.departments import LOOP, MARKETING, handler
from tests.support.samples import geo_risk_signal


def test_it_listens_to_the_types_of_its_handlers_in_their_order() -> None:
    first, second = handler(signal_type="a.b/1"), handler(signal_type="a.b/2")
    department = Department(MARKETING, (first, second))
    assert department.listens == ("a.b/1", "a.b/2")
    assert department.handler("a.b/2") is second
    assert department.handler("a.b/3") is None


def test_one_type_has_one_handler() -> None:
    with pytest.raises(ValueError, match=r"marketing handles logistics\.geo_risk/1 twice"):
        Department(MARKETING, (handler(), handler(signal_type="a.b/1"), handler()))


def test_marketing_answers_a_risk_and_its_end_without_waiting_for_anything() -> None:
    department = marketing()
    assert department.listens == (GEO_RISK.name, GEO_RISK_CLEARED.name)
    assert not any(one.slow for one in department.handlers)
    assert {one.loop for one in department.handlers} == {LOOP}


def test_no_action_asks_for_nothing_and_says_why() -> None:
    signal = geo_risk_signal()
    nothing = no_action(signal, MARKETING, LOOP, "no campaign known", step=3)
    assert (nothing.action, nothing.claims, nothing.impact) == (None, (), None)
    assert (nothing.intervention, nothing.rationale, nothing.step) == ("no_action", "no campaign known", 3)
    assert (nothing.signal_id, nothing.confidence) == (signal.id, signal.confidence)


def test_a_reason_from_outside_becomes_one_that_the_ledger_can_keep() -> None:
    nothing = no_action(geo_risk_signal(), MARKETING, LOOP, "courier said \x00 and \ud83d" + "!" * 3000)
    assert nothing.rationale.startswith("courier said \ufffd and \ufffd!!!")
    assert len(nothing.rationale) == 2000
    canonical_json(to_json(nothing))
