"""Permits: only for what governance or people let through, for exactly that, and not for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from crossloop.governance import (
    VALID_FOR,
    ApprovalFacts,
    PermitExpired,
    PermitMismatch,
    PermitRefused,
    check_permit,
    permit_for,
    permit_to_take_back,
)
from crossloop.ids import PersonId, approval_id, undo_key
from crossloop.signals import NO_ACTION, ActionRequest, Permit, Proposal, Verdict
from tests.support.governed import AREA, NOW, impact, policy, proposal, verdict_on

ASHA, RAVI = PersonId("asha"), PersonId("ravi")
LARGE = proposal(impact=impact(0.5))


def granted(asked: Proposal, verdict: Verdict) -> ApprovalFacts:
    assert verdict.required is not None
    assert asked.action is not None
    return ApprovalFacts(
        id=approval_id(asked.id),
        decision_id=asked.id,
        action_digest=asked.action.digest(),
        policy=verdict.policy,
        people=verdict.required.people,
        quorum=verdict.required.quorum,
        due=verdict.required.due,
        approved=verdict.required.people,
        ended="approved by ravi",
    )


def test_what_may_act_alone_gets_a_permit_for_exactly_that() -> None:
    asked = proposal()
    permit = permit_for(asked, verdict_on(asked), now=NOW)
    assert asked.action is not None
    assert permit.action_digest == asked.action.digest()
    assert permit.action_key == asked.action_key
    assert permit.policy == policy().digest
    assert (permit.approvers, permit.approval_id) == ((), None)
    assert permit.expires_at == NOW + timedelta(hours=24)


def test_the_caller_says_how_long_a_permit_lasts() -> None:
    asked = proposal()
    permit = permit_for(asked, verdict_on(asked), now=NOW, valid_for=timedelta(minutes=5))
    assert permit.expires_at == NOW + timedelta(minutes=5)


def test_a_held_action_needs_its_approval() -> None:
    verdict = verdict_on(LARGE)
    with pytest.raises(PermitRefused, match="people have to approve"):
        permit_for(LARGE, verdict, now=NOW)
    permit = permit_for(LARGE, verdict, now=NOW, approval=granted(LARGE, verdict))
    assert permit.approvers == (ASHA, RAVI)
    assert permit.approval_id == approval_id(LARGE.id)


@pytest.mark.parametrize(
    "changes",
    [
        {"decision_id": "dec_other"},
        {"action_digest": "0" * 64},
        {"policy": "0" * 64},
        {"approved": (ASHA,)},
        {"approved": (ASHA, ASHA)},
        {"approved": (ASHA, PersonId("stranger"))},
        {"rejected": (RAVI,)},
        {"proposer": "asha"},
        {"approved": (), "quorum": 0},
    ],
)
def test_an_approval_of_anything_else_or_of_too_few_mints_nothing(changes: dict[str, object]) -> None:
    verdict = verdict_on(LARGE)
    approval = replace(granted(LARGE, verdict), **changes)
    with pytest.raises(PermitRefused):
        permit_for(LARGE, verdict, now=NOW, approval=approval)


def test_shadow_and_refusal_mint_nothing_whoever_approves() -> None:
    approval = granted(LARGE, verdict_on(LARGE))
    shadow = verdict_on(LARGE, under=policy().in_shadow())
    refused = verdict_on(proposal(impact=impact(0.5), department="finance"))
    for verdict in (shadow, refused.model_copy(update={"decision_id": LARGE.id})):
        with pytest.raises(PermitRefused):
            permit_for(LARGE, verdict, now=NOW, approval=replace(approval, policy=verdict.policy))


def test_a_verdict_on_another_request_of_the_same_decision_mints_nothing() -> None:
    asked = proposal()
    assert asked.action is not None
    thought_again = proposal(action=asked.action.model_copy(update={"arguments": {"audience": "all"}}))
    assert thought_again.id == asked.id
    with pytest.raises(PermitRefused, match="not on the action"):
        permit_for(thought_again, verdict_on(asked), now=NOW)
    with pytest.raises(PermitRefused, match="not on the action"):
        permit_for(proposal(step=1), verdict_on(asked), now=NOW)


def test_asking_for_nothing_gets_no_permit() -> None:
    nothing = proposal(intervention=NO_ACTION, action=None)
    with pytest.raises(PermitRefused, match="asks for nothing"):
        permit_for(nothing, verdict_on(nothing), now=NOW)


def test_a_permit_covers_its_request_until_it_expires() -> None:
    asked = proposal()
    assert asked.action is not None
    permit = permit_for(asked, verdict_on(asked), now=NOW)
    check_permit(permit, asked.action, now=permit.expires_at - timedelta(microseconds=1))
    with pytest.raises(PermitExpired):
        check_permit(permit, asked.action, now=permit.expires_at)


@pytest.mark.parametrize(
    "change",
    [
        {"resource": AREA + "/560001"},
        {"operation": "exclude_area"},
        {"system": "erp"},
        {"arguments": {"audience": "cod", "x": 1}},
    ],
)
def test_any_change_of_the_request_voids_the_permit(change: dict[str, object]) -> None:
    asked = proposal()
    assert asked.action is not None
    permit = permit_for(asked, verdict_on(asked), now=NOW)
    with pytest.raises(PermitMismatch):
        check_permit(permit, asked.action.model_copy(update=change), now=NOW)


def step(**changes: Any) -> Proposal:
    return proposal(**{"saga": "spring_sale", **changes})


def back(**changes: Any) -> ActionRequest:
    return ActionRequest(**{"system": "ads", "operation": "lift", "resource": AREA, **changes})


def take_back(asked: Proposal | None = None, request: ActionRequest | None = None) -> Permit:
    return permit_to_take_back(
        asked or step(), request or back(), policy=policy(), because="step 2 failed", now=NOW
    )


def test_what_a_step_did_may_be_taken_back_and_the_permit_says_why_and_names_no_approver() -> None:
    permit = take_back()
    assert permit.action_key == undo_key(step().action_key)
    assert permit.action_digest == back().digest()
    assert (permit.approvers, permit.approval_id) == ((), None)
    assert permit.because == "spring_sale: step 2 failed"
    assert permit.policy == policy().digest
    assert permit.expires_at == NOW + VALID_FOR


@pytest.mark.parametrize(
    "request_",
    [
        back(system="erp"),
        back(resource="erp/invoice/1"),
        back(system="erp", resource="erp/invoice/1"),
        back(resource="ads/campaign/C9"),  # though the department owns it
    ],
)
def test_it_touches_nothing_else(request_: ActionRequest) -> None:
    with pytest.raises(PermitRefused, match="what is to take it back is on"):
        take_back(request=request_)


@pytest.mark.parametrize("alone", [proposal(), step(action=None)])
def test_what_is_no_step_of_an_undertaking_is_not_taken_back_by_itself(alone: Proposal) -> None:
    with pytest.raises(PermitRefused, match="no step of an undertaking"):
        take_back(alone)
