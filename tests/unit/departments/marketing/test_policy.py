"""How marketing answers a risk, rule by rule, and how it takes its own restriction back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.adapters.arguments import Lift, OnArea, ReduceBid, parse
from crossloop.canonical import canonical_json, to_json
from crossloop.departments import InForce, View
from crossloop.departments.boundary import ask
from crossloop.departments.marketing import marketing
from crossloop.departments.marketing.policy import answer_cleared, answer_risk
from crossloop.money import Money
from crossloop.signals import NO_ACTION, Option, Proposal, Signal
from crossloop.signals.entities import Area, Restriction
from crossloop.signals.types import GEO_RISK
from crossloop.testing import strategies
from tests.support.departments import MARKETING, run, view
from tests.support.marketing import (
    ALL,
    BENGALURU,
    INDIA,
    KARNATAKA,
    KERALA,
    MYSURU,
    campaign,
    cleared,
    in_force,
    risky,
    seen,
    strategy,
)


def answers(signal: Signal, known: View) -> tuple[Proposal, ...]:
    """What marketing answers, through the boundary as in production, unless it failed."""
    handler = marketing().handler(signal.type)
    assert handler is not None
    told = run(ask(MARKETING, handler, signal, known))
    assert not [one.rationale for one in told if "could not answer" in one.rationale]
    for one in told:
        canonical_json(to_json(one))
    return told


def only(signal: Signal, known: View) -> Proposal:
    (one,) = answers(signal, known)
    return one


def taken(*signals: Proposal) -> list[str]:
    return [one.intervention for one in signals]


def by_name(proposal: Proposal) -> dict[str, Option]:
    return {one.intervention: one for one in proposal.options}


# The change it asks for.


def test_a_worthwhile_change_is_asked_for_in_full() -> None:
    """50 % come back: half the orders at 75 %, half at 25 %. An order brings 300 - 500 f and costs 100;
    the campaign spends 1,000 a day on 10 orders there, and ten days count."""
    signal = risky(0.5)
    asked = only(signal, seen(campaign("C1")))
    assert asked.intervention == "suppress_cod"
    assert asked.action is not None
    assert (asked.action.system, asked.action.operation) == ("ads", "suppress_cod")
    assert asked.action.resource == "ads/campaign/C1/geo/IN/KARNATAKA"
    assert asked.impact is not None
    assert asked.impact.resource == "ads/campaign/C1/budget"
    assert (asked.impact.share, asked.impact.amount) == (0.04, Money.of(400, "INR"))
    assert (asked.signal_id, asked.department, asked.step) == (signal.id, "marketing", 0)
    assert asked.confidence == signal.confidence
    assert asked.risk == "reversible"
    # 40 reached orders lose 100 - (300 - 375) each; 4 of them pay in advance and earn 300 - 125 - 100.
    options = by_name(asked)
    assert list(options) == ["do_nothing", *ALL]
    assert options["suppress_cod"].expected_value == Money.of(40 * 175 + 4 * 75, "INR")
    assert options["exclude"].expected_value == Money.of(100 * (100 - 50), "INR")
    assert options["reduce_bid"].expected_value == Money.of(30 * (100 - 50), "INR")
    assert all(one.low.amount <= one.expected_value.amount <= one.high.amount for one in asked.options)


def test_it_says_why_in_words() -> None:
    assert only(risky(0.5), seen(campaign("C1"))).rationale == (
        "About 50.0% of parcels to state KARNATAKA come back; advertising there pays below 40.0%. "
        "For campaign C1, suppress_cod is worth about 7,300 INR over 10 days (4,400 to 10,200) and moves "
        "4.0% of its daily budget."
    )


def test_it_says_so_where_advertising_never_pays() -> None:
    told = only(risky(0.5, orders_per_day=1.0), seen(campaign("C1"))).rationale
    assert "advertising there does not pay, however few do. For campaign C1" in told


def test_failed_attempts_are_not_called_returns() -> None:
    told = only(risky(0.9, metric="ndr"), seen(campaign("C1"), ndr_to_rto=0.6)).rationale
    assert told.startswith(
        "About 54.0% of parcels to state KARNATAKA come back (90.0% have a failed delivery attempt);"
    )


def test_failed_attempts_that_do_not_come_back_change_nothing() -> None:
    attempts = risky(0.5, metric="ndr")
    assert only(attempts, seen(campaign("C1"), ndr_to_rto=1.0)).intervention == "suppress_cod"
    assert only(attempts, seen(campaign("C1"), ndr_to_rto=0.3)).intervention == NO_ACTION


def test_doing_nothing_is_the_baseline_that_is_worth_nothing() -> None:
    nothing = by_name(only(risky(), seen(campaign("C1"))))["do_nothing"]
    zero = Money.of(0, "INR")
    assert (nothing.expected_value, nothing.low, nothing.high, nothing.share) == (zero, zero, zero, 0)


def test_the_change_claims_the_campaign_in_the_area_in_the_interest_of_whoever_said_it() -> None:
    signal = risky()
    (claim,) = only(signal, seen(campaign("C1"))).claims
    assert (claim.resource, claim.direction) == ("ads/campaign/C1/geo/IN/KARNATAKA", "decrease")
    assert (claim.starts, claim.ends) == (signal.time, signal.time + timedelta(days=10))
    assert claim.interest == "logistics"


@pytest.mark.parametrize(
    ("intervention", "operation", "direction", "risk"),
    [
        ("suppress_cod", "suppress_cod", "decrease", "reversible"),
        ("reduce_bid", "reduce_bid", "decrease", "reversible"),
        ("exclude", "exclude_area", "exclude", "costly"),
    ],
)
def test_every_intervention_is_a_request_that_the_ad_platform_understands(
    intervention: str, operation: str, direction: str, risk: str
) -> None:
    asked = only(risky(), seen(campaign("C1"), declared=strategy(interventions=(intervention,))))
    assert asked.action is not None
    assert (asked.intervention, asked.action.operation, asked.risk) == (intervention, operation, risk)
    assert [one.direction for one in asked.claims] == [direction]
    arguments = parse(asked.action, ReduceBid if intervention == "reduce_bid" else OnArea)
    assert (arguments.campaign_id, arguments.area) == ("C1", KARNATAKA)


@pytest.mark.parametrize(
    ("cut", "modifier"), [(0.3, "0.7"), (0.125, "0.875"), (0.9, "0.1"), (0.0333, "0.9667")]
)
def test_the_bid_is_cut_by_what_was_assumed(cut: float, modifier: str) -> None:
    asked = only(risky(), seen(campaign("C1"), declared=strategy(interventions=("reduce_bid",)), bid_cut=cut))
    assert asked.action is not None
    assert asked.action.arguments["bid_modifier"] == modifier


def test_every_number_that_values_rest_on_is_recorded() -> None:
    asked = only(risky(cod_share=None), seen(campaign("C1"), margin=0.25, cod_share=0.4))
    assert asked.assumptions["margin"] == 0.25
    assert asked.assumptions["cod_share_used"] == 0.4
    assert asked.assumptions["order_value_used"] == "1000.00"
    assert asked.assumptions["budget_share_of_area"] == 0.1
    assert asked.assumptions["break_even_rate"] == pytest.approx((250 - 100) / 450, abs=1e-4)
    assert asked.assumptions["attribution"] == "assumed: spend in the area divided by the cost of an order"


def test_the_cost_of_a_return_that_the_signal_states_is_the_one_recorded() -> None:
    stated = risky(rto_cost_low=Money.of(150, "INR"), rto_cost_high=Money.of(250, "INR"))
    recorded = only(stated, seen(campaign("C1"))).assumptions
    assert (recorded["rto_cost_low"], recorded["rto_cost_high"]) == ("150.00", "250.00")


# Which campaigns are answered for.


def test_each_live_campaign_that_reaches_the_area_is_answered_for_in_order_of_its_id() -> None:
    known = seen(campaign("C3", BENGALURU), campaign("C1"), campaign("C4", KERALA), campaign("C2", KARNATAKA))
    told = answers(risky(), known)
    assert [one.step for one in told] == [0, 1, 2]
    assert [one.action.resource.split("/")[2] for one in told if one.action] == ["C1", "C2", "C3"]


@pytest.mark.parametrize("status", ["paused", "ended"])
def test_a_campaign_that_does_not_run_is_not_answered_for(status: str) -> None:
    told = answers(risky(), seen(campaign("C1"), campaign("C2", status=status)))
    assert [one.action.resource.split("/")[2] for one in told if one.action] == ["C1"]


def test_without_any_campaign_nothing_is_changed_and_no_saving_is_claimed() -> None:
    told = only(risky(), seen())
    assert told.intervention == NO_ACTION
    assert told.rationale == "no campaign known: nothing can be changed and no saving is claimed"
    assert told.options == ()


def test_where_no_live_campaign_reaches_the_area_that_is_said() -> None:
    told = only(risky(), seen(campaign("C1", KERALA), campaign("C2", status="paused")))
    assert told.intervention == NO_ACTION
    assert told.rationale == "no live campaign is aimed at state KARNATAKA"


def test_of_many_areas_the_first_few_are_named() -> None:
    prefixes = tuple(
        BENGALURU.model_copy(update={"code": f"{number}", "pin_prefix": f"{number}"})
        for number in range(560, 567)
    )
    told = only(risky(areas=prefixes), seen(campaign("C1", KERALA)))
    assert told.rationale == ("no live campaign is aimed at pin prefix 560, 561, 562, 563, 564 and others")


def test_each_area_of_a_signal_is_answered_for() -> None:
    told = answers(risky(areas=(BENGALURU, MYSURU)), seen(campaign("C2"), campaign("C1", MYSURU)))
    assert [one.step for one in told] == [0, 1, 2]
    assert [one.action.resource for one in told if one.action] == [
        "ads/campaign/C2/geo/IN/KARNATAKA/560",
        "ads/campaign/C1/geo/IN/KARNATAKA/570",
        "ads/campaign/C2/geo/IN/KARNATAKA/570",
    ]
    assert [one.impact.share for one in told if one.impact] == pytest.approx([0.02, 0.4, 0.02])


# Which of them are left as they are.


@pytest.mark.parametrize("area", [KARNATAKA, INDIA])
@pytest.mark.parametrize("intervention", ALL)
def test_a_campaign_restricted_there_or_around_is_left_as_it_is(area: Area, intervention: str) -> None:
    told = only(risky(), seen(campaign("C1"), in_force=(in_force("C1", area, intervention),)))
    assert (told.intervention, told.action, told.options) == (NO_ACTION, None, ())
    assert told.rationale == f"{intervention} is already in force for campaign C1 in {area.path}"


@pytest.mark.parametrize(
    "elsewhere",
    [
        in_force("C2", KARNATAKA),
        in_force("C10", KARNATAKA),
        in_force("C1", KERALA),
        in_force("C1", BENGALURU),
        in_force("C1", KARNATAKA.model_copy(update={"code": "KARNA", "state": "KARNA"})),
        in_force("C1", KARNATAKA, "lift"),
        in_force("C1", KARNATAKA, resource="wms/stock/S1"),
    ],
)
def test_what_is_in_force_elsewhere_does_not_matter(elsewhere: InForce) -> None:
    assert only(risky(), seen(campaign("C1"), in_force=(elsewhere,))).intervention == "suppress_cod"


def test_only_the_restricted_campaign_is_left_as_it_is() -> None:
    told = answers(risky(), seen(campaign("C1"), campaign("C2"), in_force=(in_force("C1"),)))
    assert taken(*told) == [NO_ACTION, "suppress_cod"]


def test_a_campaign_of_whose_spend_there_nothing_is_known_is_left_as_it_is() -> None:
    known = seen(campaign("C1"), campaign("C2", KARNATAKA))
    told = answers(risky(area_order_share={}), known)
    assert taken(*told) == [NO_ACTION, "suppress_cod"]
    assert told[0].rationale == (
        "campaign C1 is aimed at more than state KARNATAKA, and the signal does not say what part of its "
        "orders comes from there: no saving is claimed"
    )


def test_a_campaign_that_spends_nothing_there_is_left_as_it_is() -> None:
    idle = only(risky(), seen(campaign("C1", budget="0 INR")))
    assert idle.rationale == "campaign C1 spends nothing in state KARNATAKA"
    elsewhere = only(risky(area_order_share={INDIA.path: 0.0}), seen(campaign("C1")))
    assert elsewhere.rationale == "campaign C1 spends nothing in state KARNATAKA"


def test_a_campaign_in_another_currency_than_the_assumptions_is_left_as_it_is_and_nothing_is_claimed() -> (
    None
):
    dollars = campaign("C1", budget="100 USD")
    told = answers(risky(), seen(dollars, campaign("C2")))
    assert taken(*told) == [NO_ACTION, "suppress_cod"]
    assert (told[0].options, told[0].assumptions, told[0].impact) == ((), {}, None)
    assert told[0].rationale == (
        "nothing is done for campaign C1: the budget is in USD, what is assumed in INR, and amounts are not "
        "converted: no saving is claimed; set currency=USD, and rto_cost_low, rto_cost_high and order_value "
        "in USD"
    )


def test_with_assumptions_in_their_currency_campaigns_are_valued_in_it() -> None:
    cost = Money.of(200, "USD")
    signal = risky(rto_cost_low=cost, rto_cost_high=cost)
    told = only(signal, seen(campaign("C1", budget="10000 USD"), currency="USD"))
    assert told.intervention == "suppress_cod"
    assert {one.expected_value.currency for one in told.options} == {"USD"}
    assert told.assumptions["currency"] == "USD"


def restriction(kind: str, area: Area = KARNATAKA, campaign_id: str = "C1") -> Restriction:
    return Restriction.model_validate(
        {
            "reference": "set by hand",
            "campaign_id": campaign_id,
            "kind": kind,
            "area": area,
            "bid_modifier": "0.8" if kind == "reduce_bid" else None,
        }
    )


@pytest.mark.parametrize("area", [KARNATAKA, INDIA])
def test_what_somebody_else_set_in_the_ad_platform_is_not_asked_for_again(area: Area) -> None:
    told = only(risky(), seen(campaign("C1"), restrictions=(restriction("suppress_cod", area),)))
    assert told.intervention == "exclude"
    assert by_name(told)["suppress_cod"].because == "the ad platform has it in force there already"


@pytest.mark.parametrize(
    "elsewhere",
    [restriction("suppress_cod", BENGALURU), restriction("suppress_cod", campaign_id="C2"),
     restriction("reduce_bid")],
)  # fmt: skip
def test_what_somebody_else_set_elsewhere_does_not_matter(elsewhere: Restriction) -> None:
    assert only(risky(), seen(campaign("C1"), restrictions=(elsewhere,))).intervention == "suppress_cod"


# The strategy.


def test_by_value_the_best_option_is_taken_and_by_order_the_teams_first() -> None:
    order = ("reduce_bid", "exclude", "suppress_cod")
    by_value = seen(campaign("C1"), declared=strategy(interventions=order))
    by_order = seen(campaign("C1"), declared=strategy(interventions=order, choose="order"))
    assert only(risky(), by_value).intervention == "suppress_cod"
    assert only(risky(), by_order).intervention == "reduce_bid"


def test_where_advertising_still_pays_nothing_is_done_and_every_option_is_shown() -> None:
    told = only(risky(0.05), seen(campaign("C1")))
    assert told.intervention == NO_ACTION
    assert told.action is None
    assert told.rationale.startswith("doing nothing is best for campaign C1")
    assert list(by_name(told)) == ["do_nothing", *ALL]
    assert all(one.permitted for one in told.options)
    assert told.assumptions["break_even_rate"] == 0.4


def test_a_protected_campaign_is_not_touched_and_its_options_are_kept_with_the_reason() -> None:
    known = seen(campaign("brand"), campaign("C1"), declared=strategy(protected=("campaign/brand",)))
    other, brand = answers(risky(), known)
    assert taken(other, brand) == ["suppress_cod", NO_ACTION]
    assert {one.because for one in brand.options if not one.permitted} == {"campaign/brand is protected"}
    assert [one.permitted for one in brand.options] == [True, False, False, False]
    assert by_name(brand)["suppress_cod"].expected_value == by_name(other)["suppress_cod"].expected_value


@pytest.mark.parametrize(("region", "expected"), [("geo/IN", "suppress_cod"), ("geo/IN/KERALA", NO_ACTION)])
def test_only_allowed_regions_are_touched(region: str, expected: str) -> None:
    known = seen(campaign("C1"), declared=strategy(allowed_regions=(region,)))
    assert only(risky(), known).intervention == expected


def floored(floor: str, *campaigns: str, holding: tuple[InForce, ...] = ()) -> list[str]:
    known = seen(
        *(campaign(one) for one in campaigns), declared=strategy(spend_floor=floor), in_force=holding
    )
    return taken(*answers(risky(), known))


def test_all_live_campaigns_together_keep_spending_the_floor() -> None:
    # Each campaign spends 10,000 a day; suppressing takes 400 of one, bidding less 300.
    assert floored("9600 INR", "C1") == ["suppress_cod"]
    assert floored("9601 INR", "C1") == ["reduce_bid"]
    assert floored("9700.01 INR", "C1") == [NO_ACTION]
    assert floored("19600 INR", "C1", "C2") == ["suppress_cod", NO_ACTION]


def test_changes_of_one_answer_count_together() -> None:
    assert floored("29200 INR", "C1", "C2", "C3") == ["suppress_cod", "suppress_cod", NO_ACTION]
    assert floored("28900 INR", "C1", "C2", "C3") == ["suppress_cod", "suppress_cod", "reduce_bid"]


def test_what_is_in_force_has_left_the_spend() -> None:
    elsewhere = in_force("C1", KERALA, amount="500 INR")
    assert floored("9600 INR", "C1", holding=(elsewhere,)) == [NO_ACTION]
    assert floored("9100 INR", "C1", holding=(elsewhere,)) == ["suppress_cod"]


def test_paused_campaigns_are_no_spend() -> None:
    known = seen(
        campaign("C1"), campaign("C2", status="paused"), declared=strategy(spend_floor="9700.01 INR")
    )
    assert taken(*answers(risky(), known)) == [NO_ACTION]


def test_without_a_declared_strategy_nothing_is_done() -> None:
    known = view(records=dict(seen(campaign("C1")).records))
    assert only(risky(), known).rationale.endswith("ruled out, the loop does not permit it")


# Taking it back.


def test_each_restriction_of_the_case_is_lifted() -> None:
    mine = in_force("C1", case="case_x"), in_force("C2", BENGALURU, "reduce_bid", case="case_x")
    lifts = answers(cleared("case_x"), seen(in_force=(mine[0], in_force("C3"), mine[1])))
    assert taken(*lifts) == ["lift", "lift"]
    assert [one.step for one in lifts] == [0, 1]
    assert [one.undoes for one in lifts] == [one.action_key for one in mine]
    assert [one.risk for one in lifts] == ["reversible", "reversible"]
    for lift, one, area in zip(lifts, mine, (KARNATAKA, BENGALURU), strict=True):
        assert lift.action is not None
        assert lift.action.resource == one.resource
        arguments = parse(lift.action, Lift)
        assert (arguments.restriction, arguments.area) == (one.reference, area)
        assert lift.impact is not None
        assert (lift.impact.share, lift.impact.amount) == (one.share, one.amount)
        assert lift.impact.resource == f"ads/campaign/{arguments.campaign_id}/budget"


def test_what_it_asked_for_can_be_lifted_from_what_the_store_kept_of_it() -> None:
    asked = only(risky(), seen(campaign("C1"), declared=strategy(interventions=("reduce_bid",))))
    assert asked.action is not None
    kept = in_force(intervention="reduce_bid", case="case_x", arguments=asked.action.arguments)
    lift = only(cleared("case_x"), seen(in_force=(kept,)))
    assert lift.action is not None
    assert parse(lift.action, Lift).resource == asked.action.resource


def test_a_restriction_without_a_known_amount_is_lifted_all_the_same() -> None:
    lift = only(cleared("case_x"), seen(in_force=(in_force(case="case_x", amount=None),)))
    assert (lift.intervention, lift.impact) == ("lift", None)


def test_a_restriction_without_a_reference_has_to_be_lifted_by_hand() -> None:
    told = only(cleared("case_x"), seen(in_force=(in_force(case="case_x", reference=None),)))
    assert told.action is None
    assert told.rationale == (
        "exclude on ads/campaign/C1/geo/IN/KARNATAKA has no reference: it has to be lifted by hand"
    )


@pytest.mark.parametrize(
    "other",
    [
        in_force(case="case_y"),
        in_force(case="case_x", intervention="lift"),
        in_force(case="case_x", intervention="hold_stock", resource="wms/stock/S1"),
        in_force(case="case_x", resource="wms/stock/S1"),
    ],
)
def test_where_nothing_of_its_own_holds_there_is_nothing_to_lift(other: InForce) -> None:
    told = only(cleared("case_x"), seen(in_force=(other,)))
    assert told.intervention == NO_ACTION
    assert told.rationale == "nothing to lift: no restriction of this case is in force"


# Whatever the signal says.


@st.composite
def any_risk(draw: st.DrawFn) -> Signal:
    payload = draw(strategies.geo_risks())
    areas = payload.areas[:2]
    tame: dict[str, Any] = {
        "areas": areas,
        "codes": tuple(one.code for one in areas),
        "orders_per_day": draw(st.floats(0, 1e6)),
        "order_value": draw(
            st.none() | st.decimals(0, 10**6, places=2).map(lambda one: Money.of(one, "INR"))
        ),
        "rto_cost_low": Money.of(draw(st.integers(0, 10**4)), "INR"),
        "rto_cost_high": Money.of(draw(st.integers(0, 10**4)), "INR"),
    }
    return risky().model_copy(update={"data": payload.model_copy(update=tame)})


@given(any_risk(), st.integers(0, 10**6), st.sampled_from(["value", "order"]), st.booleans())
def test_every_risk_is_answered_in_a_form_that_the_ledger_keeps(
    signal: Signal, budget: int, way: str, floored: bool
) -> None:
    floor = "1000000 INR" if floored else None
    known = seen(
        campaign("C1", budget=f"{budget} INR"),
        campaign("C2", BENGALURU, KERALA, budget="10 USD"),
        declared=strategy(choose=way, spend_floor=floor),
    )
    told = answers(signal, known)
    assert told
    assert told == answers(signal, known)
    for one in told:
        assert (one.action is None) == (one.intervention == NO_ACTION)
        if one.impact is not None:
            chosen = by_name(one)[one.intervention]
            assert chosen.permitted
            assert chosen.expected_value.amount >= 0
            assert 0 <= one.impact.share <= 1
            assert one.impact.amount.amount <= max(budget, 10)
            assert one.action is not None
            assert [claim.resource for claim in one.claims] == [one.action.resource]
            assert GEO_RISK.intervention(one.intervention).risk == one.risk


def test_the_policies_are_the_handlers_of_the_department() -> None:
    handles = {one.signal_type: one.handle for one in marketing().handlers}
    assert list(handles.values()) == [answer_risk, answer_cleared]
