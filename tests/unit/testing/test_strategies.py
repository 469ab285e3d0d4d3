"""Generated values are what their models allow, for any type a company declares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from pydantic import Field

from crossloop.canonical import canonical_json, to_json
from crossloop.governance import Policy, parse_policy
from crossloop.money import Money
from crossloop.resources import covers
from crossloop.signals import Catalogue, Intervention, Proposal, Signal, SignalData, SignalType
from crossloop.signals.codec import decode, encode
from crossloop.signals.types import GEO_RISK
from crossloop.testing import strategies
from tests.support.governed import CATALOGUE


class Stocked(SignalData):
    """A payload with no strategy of its own."""

    sku: Annotated[str, Field(pattern=r"^[A-Z]{3}-[0-9]{2}$")]
    on_hand: Annotated[int, Field(ge=0, le=500)]
    cover: Annotated[float, Field(gt=0.0, lt=90.0)]
    value: Money | None = None
    urgency: Literal["low", "high"] = "low"


STOCKED = SignalType(
    "operations.stocked/1",
    Stocked,
    "Stock has changed.",
    "That it is still so tomorrow.",
    "None.",
    (Intervention("reorder", "costly", "Order more."),),
)
OWN = Catalogue((*CATALOGUE, STOCKED))
QUICK = settings(database=None, phases=[Phase.generate], deadline=None)
"""To find one example, not the smallest."""


@given(strategies.signals(OWN))
def test_a_generated_signal_survives_the_way_through_the_codec(signal: Signal) -> None:
    assert decode(encode(signal), OWN) == signal


@pytest.mark.parametrize("kind", list(OWN), ids=lambda kind: kind.name)
def test_every_type_of_a_catalogue_is_generated(kind: SignalType) -> None:
    assert find(strategies.signals([kind]), lambda signal: signal.type == kind.name, settings=QUICK)


@given(st.data())
def test_a_type_may_have_a_strategy_of_its_own(data: st.DataObject) -> None:
    stocked = Stocked(sku="ABC-01", on_hand=1, cover=2.0)
    drawn = data.draw(strategies.signals([STOCKED], own={STOCKED.name: st.just(stocked)}))
    assert drawn.data == stocked


@given(strategies.proposals())
def test_a_generated_proposal_can_be_recorded_and_is_in_one_currency(proposal: Proposal) -> None:
    canonical_json(to_json(proposal))
    amounts = [amount for one in proposal.options for amount in (one.expected_value, one.low, one.high)]
    amounts += [proposal.impact.amount] if proposal.impact else []
    assert len({one.currency for one in amounts}) <= 1
    assert all(one.low.amount <= one.expected_value.amount <= one.high.amount for one in proposal.options)
    assert (proposal.action is None) is (proposal.intervention == "no_action")


@given(st.data(), strategies.signals())
def test_a_proposal_is_about_the_signal_it_is_generated_for(data: st.DataObject, signal: Signal) -> None:
    proposal = data.draw(strategies.proposals(signal))
    assert (proposal.signal_id, proposal.confidence) == (signal.id, signal.confidence)


@given(st.data(), strategies.proposals())
def test_a_permit_is_for_the_action_of_its_proposal(data: st.DataObject, proposal: Proposal) -> None:
    permit = data.draw(strategies.permits(proposal))
    assert permit.action_key == proposal.action_key
    assert proposal.action is None or permit.action_digest == proposal.action.digest()
    assert permit.granted_at < permit.expires_at


@given(st.data(), strategies.resources("wms"))
def test_a_claim_lasts_and_is_on_the_resource_it_is_generated_for(data: st.DataObject, resource: str) -> None:
    claim = data.draw(strategies.claims(strategies.Resource(resource)))
    assert claim.resource == resource
    assert covers("wms", claim.resource)
    assert claim.starts < claim.ends


@given(strategies.action_requests("crm"))
def test_a_request_is_to_the_system_it_is_generated_for(request: strategies.ActionRequest) -> None:
    assert request.system == "crm"
    assert len(request.digest()) == 64


def read(text: str) -> Policy:
    return parse_policy(text, file=Path("governance.yaml"), catalogue=OWN)


@given(strategies.governance_documents(OWN))
def test_a_generated_governance_document_is_accepted(text: str) -> None:
    document = read(text).document
    assert {loop.signal for loop in document.loops.values()} == {GEO_RISK.name, STOCKED.name}


@pytest.mark.parametrize("stage", ["shadow", "supervised", "autonomous"])
def test_governance_documents_differ_in_how_far_a_loop_may_go(stage: str) -> None:
    def goes(text: str) -> bool:
        return any(loop.stage == stage for loop in read(text).document.loops.values())

    assert find(strategies.governance_documents(OWN), goes, settings=QUICK)
