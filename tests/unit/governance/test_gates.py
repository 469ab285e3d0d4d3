"""The gates: each on both sides, every reason kept, and a verdict for every proposal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossloop.canonical import digest_of
from crossloop.governance import GateState, Resolution, SignalFacts, judge
from crossloop.governance.gates import GATES
from crossloop.signals import NO_ACTION, NO_ANSWER, ActionRequest, Impact, Proposal
from tests.support.governed import (
    AREA,
    AS_OF,
    LOOP,
    NOW,
    claim,
    found,
    impact,
    policy,
    proposal,
    signal,
    state,
    verdict_on,
)

DEMO = policy()


def on(resource: str, **changes: str) -> ActionRequest:
    return ActionRequest(
        **{"system": "ads", "operation": "suppress_audience", "resource": resource, **changes}
    )


def test_a_proposal_inside_every_limit_acts_alone_and_keeps_the_reason_of_every_gate() -> None:
    verdict = verdict_on(under=DEMO)
    assert verdict.outcome == "act"
    assert [reason.gate for reason in verdict.reasons] == [name for name, _ in GATES]
    assert {reason.outcome for reason in verdict.reasons} == {"act"}
    assert verdict.required is None
    assert verdict.policy == DEMO.digest


def test_the_gates_are_asked_in_the_documented_order() -> None:
    assert [name for name, _ in GATES] == [
        "substance",
        "validity",
        "loop",
        "boundary",
        "strategy",
        "conflict",
        "stage",
        "confidence",
        "approvals",
    ]


def test_every_gate_is_asked_even_when_an_early_one_refuses() -> None:
    expired = signal(valid_until=AS_OF - timedelta(seconds=1))
    verdict = verdict_on(proposal(confidence=0.1), said=expired, under=DEMO)
    assert verdict.outcome == "refuse"
    assert found(verdict, "validity")[0] == "refuse"
    assert found(verdict, "confidence")[0] == "escalate"
    assert len(verdict.reasons) == len(GATES)


def test_the_same_question_has_the_same_verdict() -> None:
    assert verdict_on(under=DEMO) == verdict_on(under=policy())


# substance


def test_nothing_to_do_is_refused_with_the_rationale_and_only_that() -> None:
    verdict = verdict_on(proposal(intervention=NO_ACTION, action=None, rationale="no campaign known"))
    assert verdict.outcome == "refuse"
    assert [(one.gate, one.text) for one in verdict.reasons] == [
        ("substance", "nothing to do: no campaign known")
    ]


@pytest.mark.parametrize(
    "changes", [{"action": None}, {"intervention": NO_ACTION}, {"intervention": NO_ANSWER}]
)
def test_an_intervention_without_a_request_and_a_request_without_intervention_are_refused(
    changes: dict[str, object],
) -> None:
    verdict = verdict_on(proposal(**changes), under=DEMO)
    assert verdict.outcome == "refuse"
    assert found(verdict, "substance")[0] == "refuse"


@pytest.mark.parametrize("argument", [2**60, {"schlüssel": 1}, "a\x00b"])
def test_a_request_without_a_canonical_form_is_refused(argument: object) -> None:
    action = ActionRequest(system="ads", operation="set_bid", resource=AREA, arguments={"x": argument})
    verdict = verdict_on(proposal(action=action), under=DEMO)
    assert verdict.outcome == "refuse"
    assert "canonical" in found(verdict, "substance")[1]


# validity


@pytest.mark.parametrize(("late_by", "outcome"), [(0, "act"), (1, "refuse")])
def test_a_signal_starts_an_action_until_its_last_instant(late_by: int, outcome: str) -> None:
    at = AS_OF + timedelta(seconds=late_by)
    verdict = verdict_on(said=signal(valid_until=AS_OF, time=at), under=DEMO)
    assert verdict.outcome == found(verdict, "validity")[0] == outcome


def test_validity_is_business_time_and_does_not_care_for_real_time() -> None:
    verdict = judge(proposal(), signal(), state(), DEMO, now=datetime(2099, 1, 1, tzinfo=UTC))
    assert verdict.outcome == "act"


# loop: default deny


@pytest.mark.parametrize("name", [None, "marketing-to-operations"])
def test_a_loop_that_the_document_does_not_have_is_denied(name: str | None) -> None:
    verdict = verdict_on(proposal(loop=name), under=DEMO)
    assert verdict.outcome == found(verdict, "loop")[0] == "refuse"


def test_an_intervention_that_the_document_does_not_list_is_denied() -> None:
    without = policy(("      exclude:      {act: 0.95, ask: 0.70, approvals: [large_change]}\n", ""))
    asked = proposal(intervention="exclude")
    assert verdict_on(asked, under=DEMO).outcome == "act"
    verdict = verdict_on(asked, under=without)
    assert verdict.outcome == "refuse"
    assert found(verdict, "loop")[1] == f"the document does not permit 'exclude' in {LOOP}."


def test_taking_a_suppression_back_is_permitted_only_where_the_document_lists_it() -> None:
    lift = proposal(intervention="lift", undoes="act_aaaaaaaaaaaaaaaaaaaaaaaaaa", impact=None)
    cleared = signal(type="logistics.geo_risk_cleared/1")
    without = policy(("      lift:         {act: 0.80, ask: 0.50}   # taking our own suppression back\n", ""))
    assert verdict_on(lift, said=cleared, under=DEMO).outcome == "act"
    assert verdict_on(lift, said=cleared, under=without).outcome == "refuse"


def test_an_intervention_answers_only_the_signal_type_that_declares_it() -> None:
    cleared = signal(type="logistics.geo_risk_cleared/1")
    assert found(verdict_on(proposal(), said=cleared, under=DEMO), "loop")[0] == "refuse"
    assert found(verdict_on(proposal(intervention="lift"), under=DEMO), "loop")[0] == "refuse"
    assert found(verdict_on(said=signal(type="finance.anomaly/1"), under=DEMO), "loop")[0] == "refuse"


def test_a_stakeholder_gives_input_and_does_not_act() -> None:
    verdict = verdict_on(proposal(department="logistics", action=on("wms/x", system="wms")), under=DEMO)
    assert verdict.outcome == found(verdict, "loop")[0] == "refuse"


# boundary


@pytest.mark.parametrize(
    ("resource", "system", "outcome"),
    [
        (AREA, "ads", "act"),
        ("ads", "ads", "refuse"),
        ("erp/invoice/1", "erp", "refuse"),
        ("adsense/campaign/C1", "adsense", "refuse"),
        ("ads/../erp/invoice/1", "ads", "refuse"),
        ("ads/campaign/C1", "erp", "refuse"),
    ],
)
def test_a_department_changes_only_what_it_owns(resource: str, system: str, outcome: str) -> None:
    asked = proposal(action=on(resource, system=system), claims=(), impact=None, intervention="lift")
    verdict = verdict_on(asked, said=signal(type="logistics.geo_risk_cleared/1"), under=DEMO)
    assert found(verdict, "boundary")[0] == outcome
    assert verdict.outcome == outcome


@pytest.mark.parametrize(
    "changes",
    [{"claims": (claim(), claim(resource="wms/stock/1"))}, {"impact": impact(0.01, "wms/stock/1")}],
)
def test_claims_and_impact_lie_inside_the_boundary_too(changes: dict[str, object]) -> None:
    verdict = verdict_on(proposal(**changes), under=DEMO)
    assert verdict.outcome == "refuse"
    assert "wms/stock/1" in found(verdict, "boundary")[1]


def test_a_department_that_the_document_does_not_have_owns_nothing() -> None:
    verdict = verdict_on(proposal(department="finance"), under=DEMO)
    assert verdict.outcome == found(verdict, "boundary")[0] == found(verdict, "strategy")[0] == "refuse"
    assert found(verdict, "stage")[0] == "refuse"


# strategy


@pytest.mark.parametrize(
    ("resource", "outcome"),
    [
        ("ads/campaign/brand/geo/IN/KARNATAKA", "refuse"),
        ("ads/campaign/brand", "refuse"),
        ("ads/campaign", "refuse"),
        ("ads/campaign/branding/geo/IN/KARNATAKA", "act"),
        ("ads/campaign/C1/geo/IN/KARNATAKA", "act"),
    ],
)
def test_a_protected_campaign_is_touched_neither_directly_nor_from_above(resource: str, outcome: str) -> None:
    verdict = verdict_on(proposal(action=on(resource)), under=DEMO)
    assert verdict.outcome == found(verdict, "strategy")[0] == outcome


def test_a_claim_on_a_protected_campaign_is_refused_too() -> None:
    verdict = verdict_on(proposal(claims=(claim(resource="ads/campaign/brand/geo/IN"),)), under=DEMO)
    assert verdict.outcome == found(verdict, "strategy")[0] == "refuse"


@pytest.mark.parametrize(
    ("area", "outcome"),
    [
        ("geo/IN/KARNATAKA/560", "act"),
        ("geo/IN/KARNATAKA", "act"),
        ("geo/IN/KARNATAKA WEST", "refuse"),
        ("geo/IN", "refuse"),
        ("geo/IN/KERALA", "refuse"),
    ],
)
def test_an_area_must_lie_inside_an_allowed_region(area: str, outcome: str) -> None:
    narrow = policy(('["geo/IN"]', '["geo/IN/KARNATAKA"]'))
    verdict = verdict_on(proposal(action=on(f"ads/campaign/C1/{area}"), claims=()), under=narrow)
    assert verdict.outcome == found(verdict, "strategy")[0] == outcome


def test_without_allowed_regions_every_region_is_allowed() -> None:
    anywhere = policy(('      allowed_regions: ["geo/IN"]\n', ""))
    asked = proposal(action=on("ads/campaign/C1/geo/AE/DUBAI"), claims=())
    assert found(verdict_on(asked, under=anywhere), "strategy")[0] == "act"
    assert found(verdict_on(asked, under=DEMO), "strategy")[0] == "refuse"


# conflict


def conflict(winner: str | None) -> GateState:
    resolution = Resolution("geography", ("logistics", "marketing"), winner, "order for geography")
    return state(conflict=resolution)


@pytest.mark.parametrize(
    ("winner", "outcome"), [("logistics", "act"), ("marketing", "refuse"), (None, "escalate")]
)
def test_a_conflict_is_won_lost_or_decided_by_a_person(winner: str | None, outcome: str) -> None:
    verdict = verdict_on(at=conflict(winner), under=DEMO)
    assert verdict.outcome == found(verdict, "conflict")[0] == outcome
    if winner:
        assert winner in found(verdict, "conflict")[1]


def test_a_proposal_that_serves_a_losing_interest_besides_the_winning_one_is_refused() -> None:
    both = proposal(claims=(claim(), claim(interest="marketing", direction="increase")))
    assert verdict_on(both, at=conflict("logistics"), under=DEMO).outcome == "refuse"


# stage


def staged(department: str, loop: str) -> str:
    text = ("    stage: autonomous             # the most", f"    stage: {department}             # the most")
    inner = (
        "    stage: autonomous\n    respond_within",
        f"    stage: {loop}\n    respond_within",
    )
    return verdict_on(under=policy(text, inner)).outcome


@pytest.mark.parametrize(
    ("department", "loop", "outcome"),
    [
        ("autonomous", "autonomous", "act"),
        ("supervised", "autonomous", "hold"),
        ("autonomous", "supervised", "hold"),
        ("shadow", "autonomous", "shadow"),
        ("autonomous", "shadow", "shadow"),
        ("shadow", "supervised", "shadow"),
    ],
)
def test_the_stage_is_the_least_of_department_and_loop(department: str, loop: str, outcome: str) -> None:
    assert staged(department, loop) == outcome


@pytest.mark.parametrize(
    ("changes", "otherwise"),
    [({}, "would act"), ({"impact": impact(0.2)}, "would hold"), ({"confidence": 0.3}, "would escalate")],
)
def test_shadow_executes_nothing_and_says_what_would_have_happened(
    changes: dict[str, object], otherwise: str
) -> None:
    verdict = verdict_on(proposal(**changes), under=DEMO.in_shadow())
    assert verdict.outcome == "shadow"
    assert otherwise in found(verdict, "stage")[1]
    assert verdict.required is None


def test_a_refusal_stays_a_refusal_in_shadow() -> None:
    verdict = verdict_on(proposal(action=on("erp/invoice/1", system="erp")), under=DEMO.in_shadow())
    assert verdict.outcome == "refuse"
    assert "would refuse" in found(verdict, "stage")[1]


def test_a_supervised_stage_holds_for_the_owners_head() -> None:
    held = policy(("    stage: autonomous\n    respond_within", "    stage: supervised\n    respond_within"))
    verdict = verdict_on(under=held)
    assert verdict.required is not None
    assert verdict.required.people == ("asha",)
    assert verdict.required.due == NOW + timedelta(hours=24)


# confidence


@pytest.mark.parametrize(
    ("signalled", "proposed", "outcome"),
    [
        (0.85, 0.85, "act"),
        (0.99, 0.8499999, "hold"),
        (0.8499999, 0.99, "hold"),
        (0.60, 0.99, "hold"),
        (0.99, 0.5999999, "escalate"),
        (0.0, 0.99, "escalate"),
    ],
)
def test_the_smaller_confidence_acts_asks_or_escalates(
    signalled: float, proposed: float, outcome: str
) -> None:
    verdict = verdict_on(proposal(confidence=proposed), said=signal(confidence=signalled), under=DEMO)
    assert verdict.outcome == found(verdict, "confidence")[0] == outcome


def test_a_graver_intervention_needs_its_own_confidence() -> None:
    assert verdict_on(proposal(intervention="exclude", confidence=0.90), under=DEMO).outcome == "hold"
    assert verdict_on(proposal(intervention="exclude", confidence=0.95), under=DEMO).outcome == "act"


@pytest.mark.parametrize("confidence", [float("nan"), 1.5, -0.1, float("inf")])
def test_a_signal_confidence_that_is_no_probability_is_refused(confidence: float) -> None:
    assert verdict_on(said=signal(confidence=confidence), under=DEMO).outcome == "refuse"


# approvals and cumulative impact


def test_a_large_change_waits_for_both_heads_within_the_rules_time() -> None:
    verdict = verdict_on(proposal(impact=impact(0.16)), under=DEMO)
    assert verdict.outcome == found(verdict, "approvals")[0] == "hold"
    assert verdict.required is not None
    assert (verdict.required.people, verdict.required.quorum) == (("asha", "ravi"), 2)
    assert verdict.required.due == NOW + timedelta(hours=4)


@pytest.mark.parametrize(("share", "outcome"), [(0.10, "act"), (0.1000001, "hold")])
def test_impact_counts_what_was_moved_earlier_today(share: float, outcome: str) -> None:
    verdict = verdict_on(proposal(impact=impact(share)), at=state(share=0.05, amount="500"), under=DEMO)
    assert verdict.outcome == outcome
    assert verdict.facts["own_share"] == share


@given(st.lists(st.integers(min_value=1, max_value=400), min_size=1, max_size=12))
def test_splitting_a_change_into_pieces_evades_nothing(pieces: list[int]) -> None:
    """However a change is cut, as soon as the day's sum passes the limit everything further is held."""
    moved, held = 0, False
    for piece in pieces:
        verdict = verdict_on(proposal(impact=impact(piece / 1000)), at=state(share=moved / 1000), under=DEMO)
        moved += piece
        held = held or verdict.outcome == "hold"
        assert (verdict.outcome == "hold") == (moved > 150)
    assert held == (sum(pieces) > 150)


def test_a_share_is_not_too_large_by_the_noise_of_floating_point() -> None:
    assert 0.05 + 0.05 + 0.05 > 0.15
    verdict = verdict_on(proposal(impact=impact(0.05)), at=state(share=0.05 + 0.05), under=DEMO)
    assert verdict.outcome == "act"


@pytest.mark.parametrize("share", [float("nan"), float("inf"), -0.5])
def test_a_senseless_sum_of_the_day_refuses_and_names_the_rule(share: float) -> None:
    verdict = verdict_on(at=state(share=share), under=DEMO)
    assert verdict.outcome == "refuse"
    assert "large_change" in found(verdict, "approvals")[1]
    assert "daily_budget_share" not in verdict.facts


def test_a_proposal_that_states_no_impact_does_not_evade_a_rule_about_impact() -> None:
    verdict = verdict_on(proposal(impact=None), under=DEMO)
    assert verdict.outcome == "refuse"
    assert "'large_change'" in found(verdict, "approvals")[1]
    assert "daily_budget_share" in found(verdict, "approvals")[1]


def test_a_department_cannot_state_the_facts_of_governance() -> None:
    verdict = verdict_on(proposal(impact=None, facts={"daily_budget_share": 0.0, "confidence": 1.0}))
    assert verdict.outcome == "refuse"
    verdict = verdict_on(proposal(impact=impact(0.9), facts={"daily_budget_share": 0.0}))
    assert verdict.facts["daily_budget_share"] == 0.9


def test_an_error_in_a_rule_refuses_and_names_the_rule() -> None:
    dividing = policy(("daily_budget_share > 0.15", "failures / orders > 0.5"))
    assert verdict_on(under=dividing).outcome == "act"
    verdict = verdict_on(proposal(facts={"orders": 0, "failures": 0}), under=dividing)
    assert verdict.outcome == "refuse"
    assert "'large_change'" in found(verdict, "approvals")[1]


@pytest.mark.parametrize("facts", [{}, {"rate": "high"}, {"rate": True}])
def test_a_loop_fact_that_is_missing_or_of_another_type_refuses(facts: dict[str, object]) -> None:
    by_rate = policy(("daily_budget_share > 0.15", "rate > 0.5 && orders > 10"))
    verdict = verdict_on(proposal(facts={"orders": 5, **facts}), under=by_rate)
    assert verdict.outcome == "refuse"
    assert "rate" in found(verdict, "approvals")[1]


def test_every_rule_of_an_intervention_is_asked() -> None:
    two = policy(
        ("rules:\n", 'rules:\n  many: {when: "orders > 100", from: {any: [ravi]}, within: 1h}\n'),
        ("suppress_cod: {act: 0.85, ask: 0.60, approvals: [large_change]}",) * 2,
        (
            "0.60, approvals: [large_change]}\n      reduce",
            "0.60, approvals: [large_change, many]}\n      reduce",
        ),
    )
    verdict = verdict_on(under=two)
    assert [one.outcome for one in verdict.reasons if one.gate == "approvals"] == ["act", "hold"]
    assert verdict.required is not None
    assert verdict.required.people == ("ravi",)
    assert verdict.required.due == NOW + timedelta(hours=1)


def test_an_escalation_does_not_spare_the_approval_that_a_rule_demands() -> None:
    verdict = verdict_on(proposal(confidence=0.3, impact=impact(0.5)), under=DEMO)
    assert verdict.outcome == "escalate"
    assert verdict.required is not None
    assert (set(verdict.required.people), verdict.required.quorum) == ({"asha", "ravi"}, 2)


def test_an_escalation_follows_the_owners_chain_and_its_time() -> None:
    chain = policy(
        ("escalate: {to: [asha], within: 4h, then: [ravi]}", "escalate: {to: [ravi, asha], within: 30m}")
    )
    verdict = verdict_on(proposal(confidence=0.3), under=chain)
    assert verdict.required is not None
    assert (verdict.required.people, verdict.required.quorum) == (("ravi", "asha"), 1)
    assert verdict.required.due == NOW + timedelta(minutes=30)


def test_without_a_chain_the_head_is_asked_within_the_loops_time() -> None:
    plain = policy(("    escalate: {to: [asha], within: 4h, then: [ravi]}\n", ""))
    verdict = verdict_on(proposal(confidence=0.3), under=plain)
    assert verdict.required is not None
    assert verdict.required.people == ("asha",)
    assert verdict.required.due == NOW + timedelta(hours=24)


# totality

_names = st.sampled_from(["marketing", "logistics", "finance", "x"])
_resources = st.one_of(
    st.sampled_from([AREA, "ads", "ads/../x", "ads/campaign/brand", "wms/stock"]),
    st.from_regex(r"[A-Za-z0-9_.&()' -]{1,8}(/[A-Za-z0-9_.&()' -]{1,8}){0,5}", fullmatch=True),
)
_floats = st.floats(allow_nan=False, allow_infinity=False)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | _floats | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_actions = st.builds(
    ActionRequest,
    system=st.sampled_from(["ads", "erp"]),
    operation=st.just("set_bid"),
    resource=_resources,
    arguments=st.dictionaries(st.text(max_size=8), _json, max_size=3),
)
_impacts = st.builds(
    Impact,
    resource=_resources,
    share=st.floats(min_value=0, allow_infinity=False),
    amount=st.decimals(min_value=0, max_value=10**9, places=2).map(
        lambda amount: {"amount": amount, "currency": "INR"}
    ),
)
_proposals = st.builds(
    Proposal,
    signal_id=st.just("sig_aaaaaaaaaaaaaaaaaaaaaaaaaa"),
    department=_names,
    step=st.integers(0, 9999),
    loop=st.none() | st.sampled_from([LOOP, "other", ""]),
    intervention=st.sampled_from(["suppress_cod", "exclude", "lift", NO_ACTION, "delete"]),
    risk=st.sampled_from(["reversible", "costly", "irreversible"]),
    action=st.none() | _actions,
    claims=st.lists(
        st.builds(
            claim, resource=_resources, interest=_names, direction=st.sampled_from(["increase", "hold"])
        ),
        max_size=3,
    ).map(tuple),
    confidence=st.floats(0, 1),
    impact=st.none() | _impacts,
    facts=st.dictionaries(
        st.sampled_from(["orders", "failures", "rate", "metric", "own_share", "ä"]) | st.text(max_size=5),
        _floats | st.integers() | st.booleans() | st.text(max_size=9),
        max_size=5,
    ),
    rationale=st.text(min_size=1, max_size=2000),
)
_states = st.builds(
    GateState,
    share_today=st.floats(),
    amount_today=st.decimals(),
    conflict=st.none()
    | st.builds(
        Resolution,
        kind=st.just("geography"),
        interests=st.lists(_names, max_size=2).map(tuple),
        winner=st.none() | _names,
        rule=st.text(max_size=20),
    ),
)
_signals = st.builds(
    SignalFacts,
    type=st.sampled_from(["logistics.geo_risk/1", "logistics.geo_risk_cleared/1", "x.y/1"]),
    department=_names,
    confidence=st.floats(),
    valid_until=st.datetimes(timezones=st.just(UTC)),
    time=st.datetimes(timezones=st.just(UTC)),
)
_policies = st.sampled_from([DEMO, DEMO.in_shadow(), policy(("daily_budget_share > 0.15", "rate > amount"))])


@settings(max_examples=400, deadline=None)
@given(_proposals, _signals, _states, _policies)
def test_every_proposal_has_a_verdict_that_can_be_written_to_the_ledger(
    asked: Proposal, said: SignalFacts, at: GateState, under: object
) -> None:
    verdict = judge(asked, said, at, under, now=NOW)
    assert len(digest_of(verdict)) == 64
    if verdict.outcome in ("act", "hold", "escalate"):
        assert asked.action is not None
        assert asked.loop == LOOP
        assert asked.department == "marketing"
        assert asked.action.resource.startswith("ads/")
        assert all(one.resource.startswith("ads/") for one in asked.claims)
    assert (verdict.required is not None) == (verdict.outcome in ("hold", "escalate"))


def test_a_rationale_of_full_length_still_fits_into_the_reason() -> None:
    verdict = verdict_on(proposal(intervention=NO_ACTION, action=None, rationale="x" * 2000), under=DEMO)
    assert len(verdict.reasons[0].text) == 2000
    assert verdict.reasons[0].text.endswith("…")


def test_amounts_of_the_day_are_cumulative_too() -> None:
    by_amount = policy(("daily_budget_share > 0.15", "amount > 1000 && currency == 'INR'"))
    small = proposal(impact=impact(0.05))
    assert verdict_on(small, at=state(amount="500"), under=by_amount).outcome == "act"
    assert verdict_on(small, at=state(amount="500.01"), under=by_amount).outcome == "hold"
    for senseless in (Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal(-1)):
        assert verdict_on(small, at=GateState(amount_today=senseless), under=by_amount).outcome == "refuse"
