"""A proposal is keyed by its place and never by its content; its request is what a permit permits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from crossloop.canonical import digest
from crossloop.ids import DecisionId, DepartmentName, Resource, SignalId, action_key, decision_id
from crossloop.signals import NO_ACTION, ActionRequest, Claim, Proposal
from tests.support.samples import AS_OF


def proposal(**changes: Any) -> Proposal:
    return Proposal(
        **{
            "signal_id": SignalId("sig_a"),
            "department": DepartmentName("marketing"),
            "step": 0,
            "intervention": NO_ACTION,
            "risk": "reversible",
            "confidence": 0.9,
            "rationale": "nothing to do",
            **changes,
        }
    )


def request(**changes: Any) -> ActionRequest:
    return ActionRequest(
        **{"system": "ads", "operation": "reduce_bid", "resource": "ads/campaign/C1", **changes}
    )


def claim(**changes: Any) -> Claim:
    return Claim(
        **{
            "resource": Resource("ads/campaign/C1"),
            "direction": "decrease",
            "starts": AS_OF,
            "ends": AS_OF + timedelta(days=7),
            "interest": DepartmentName("logistics"),
            **changes,
        }
    )


def test_ids_depend_on_signal_department_and_step_and_not_on_what_is_proposed() -> None:
    one = proposal()
    other = proposal(intervention="exclude", action=request(), confidence=0.1, rationale="thought again")
    assert (one.id, one.action_key) == (other.id, other.action_key)
    assert one.id == decision_id(SignalId("sig_a"), "marketing", 0)
    assert one.action_key == action_key(SignalId("sig_a"), "marketing", 0)
    assert proposal(step=1).action_key != one.action_key


def test_ids_are_derived_once_and_anew_for_a_copy_with_another_place(monkeypatch: pytest.MonkeyPatch) -> None:
    derived: list[int] = []

    def counted(signal: SignalId, department: str, step: int) -> DecisionId:
        derived.append(step)
        return decision_id(signal, department, step)

    monkeypatch.setattr("crossloop.signals.proposal.decision_id", counted)
    one = proposal()
    assert one.id == one.id == decision_id(SignalId("sig_a"), "marketing", 0)
    assert derived == [0]
    assert one == proposal()
    assert "id" not in one.model_dump()
    assert one.model_copy(update={"step": 1}).id == proposal(step=1).id != one.id


def test_the_digest_of_a_request_changes_with_everything_in_it() -> None:
    requests = [
        request(),
        request(system="crm"),
        request(operation="exclude_area"),
        request(resource="ads/campaign/C2"),
        request(arguments={"factor": "0.5"}),
        request(arguments={"factor": 0.5}),
    ]
    assert len({one.digest() for one in requests}) == len(requests)
    assert request(arguments={"b": 1, "a": 2}).digest() == request(arguments={"a": 2, "b": 1}).digest()
    assert request().digest() == digest(request().model_dump(mode="json"))


@pytest.mark.parametrize(
    "resource", ["ads/campaign/C1", "ads/campaign/C1/geo/IN/JAMMU & KASHMIR", "stock/SKU-1.a (old)"]
)
def test_resources_are_paths(resource: str) -> None:
    assert claim(resource=resource).resource == resource


@pytest.mark.parametrize("resource", ["", "/ads", "ads/", "ads//C1", "ads/**", "ads/C1\n", "é", "x" * 301])
def test_what_is_no_path_or_a_pattern_is_refused(resource: str) -> None:
    for build in (claim, request):
        with pytest.raises(ValidationError):
            build(resource=resource)


def test_a_claim_ends_after_it_starts_and_knows_its_zone() -> None:
    for changes in ({"ends": AS_OF}, {"starts": AS_OF.replace(tzinfo=None)}):
        with pytest.raises(ValidationError):
            claim(**changes)


@pytest.mark.parametrize(
    "changes",
    [{"step": -1}, {"step": 10000}, {"confidence": 2}, {"intervention": "Do It"}, {"rationale": ""}],
)
def test_values_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        proposal(**changes)
