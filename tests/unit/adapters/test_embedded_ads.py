"""The embedded ad platform."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from crossloop.actions.port import Conflict, Invalid, NotFound, Performed
from crossloop.adapters.arguments import OnArea
from crossloop.adapters.embedded import EmbeddedCompany
from crossloop.adapters.embedded.ads import EmbeddedAds
from crossloop.adapters.ports import AdPlatform
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest
from crossloop.signals.entities import Area, Restriction, ScaleUp
from tests.support import embedded
from tests.support.embedded import JAIPUR, RAJASTHAN, campaign, run
from tests.support.requests import lift, reduce, suppress


def perform(ads: EmbeddedAds, key: str, request: ActionRequest) -> Performed:
    return run(ads.perform(ActionKey(key), request))


@pytest.fixture
def ads(tmp_path: Path):
    with embedded.ads(tmp_path / "company.db") as opened:
        yield opened


def test_it_is_an_ad_platform(ads: EmbeddedAds) -> None:
    platform: AdPlatform = ads
    assert set(platform.operations) == {"suppress_cod", "reduce_bid", "exclude_area", "lift"}


@pytest.mark.parametrize(
    ("request_", "kind", "modifier"),
    [
        (suppress(), "suppress_cod", None),
        (reduce("0.7"), "reduce_bid", "0.7"),
        (OnArea(campaign_id="C1", area=RAJASTHAN).request("ads", "exclude_area"), "exclude", None),
    ],
)
def test_a_restriction_in_force_is_listed_with_its_reference(
    ads: EmbeddedAds, request_: ActionRequest, kind: str, modifier: str | None
) -> None:
    performed = perform(ads, "k1", request_)
    assert run(ads.restrictions()) == (
        Restriction.model_validate(
            {
                "reference": performed.reference,
                "campaign_id": "C1",
                "kind": kind,
                "area": RAJASTHAN,
                "bid_modifier": modifier,
            }
        ),
    )


def test_restrictions_can_be_narrowed_to_one_campaign(ads: EmbeddedAds) -> None:
    perform(ads, "k1", suppress("C1"))
    second = perform(ads, "k2", suppress("C2"))
    assert [one.reference for one in run(ads.restrictions("C2"))] == [second.reference]
    assert len(run(ads.restrictions())) == 2


def test_a_campaign_must_exist(ads: EmbeddedAds) -> None:
    with pytest.raises(NotFound, match="no campaign 'C9'"):
        perform(ads, "k1", suppress("C9"))


def test_an_ended_campaign_takes_no_new_restriction(ads: EmbeddedAds) -> None:
    with pytest.raises(Conflict, match="has ended"):
        perform(ads, "k1", suppress("C3"))


def test_a_campaign_has_one_restriction_of_a_kind_in_one_area(ads: EmbeddedAds) -> None:
    perform(ads, "k1", reduce("0.7"))
    with pytest.raises(Conflict, match="reduce_bid in IN/RAJASTHAN already"):
        perform(ads, "k2", reduce("0.5"))
    perform(ads, "k3", suppress())
    perform(ads, "k4", reduce("0.5", JAIPUR))
    assert len(run(ads.restrictions())) == 3


def test_an_area_is_the_same_whether_its_ancestors_are_written_or_not(ads: EmbeddedAds) -> None:
    perform(ads, "k1", suppress(area=JAIPUR))
    with pytest.raises(Conflict):
        perform(ads, "k2", suppress(area=JAIPUR.model_copy(update={"state": None})))


def test_a_lifted_restriction_can_be_made_again(ads: EmbeddedAds) -> None:
    first = perform(ads, "k1", suppress())
    perform(ads, "k2", lift(first.reference))
    again = perform(ads, "k3", suppress())
    assert again.reference != first.reference
    assert [one.reference for one in run(ads.restrictions())] == [again.reference]


def test_lifting_takes_back_the_one_it_names_and_leaves_the_others(ads: EmbeddedAds) -> None:
    kept = perform(ads, "k1", reduce())
    gone = perform(ads, "k2", suppress())
    perform(ads, "k3", lift(gone.reference))
    assert [one.reference for one in run(ads.restrictions())] == [kept.reference]


def test_a_restriction_is_lifted_once(ads: EmbeddedAds) -> None:
    first = perform(ads, "k1", suppress())
    perform(ads, "k2", lift(first.reference))
    with pytest.raises(Conflict, match="lifted before"):
        perform(ads, "k3", lift(first.reference))


def test_lifting_what_does_not_exist_is_not_found(ads: EmbeddedAds) -> None:
    with pytest.raises(NotFound):
        perform(ads, "k1", lift("rst_unknown"))


@pytest.mark.parametrize(("campaign_id", "area"), [("C2", RAJASTHAN), ("C1", JAIPUR)])
def test_a_restriction_is_not_lifted_under_the_name_of_another_campaign_or_area(
    ads: EmbeddedAds, campaign_id: str, area: Area
) -> None:
    first = perform(ads, "k1", suppress())
    with pytest.raises(Conflict, match="is not on"):
        perform(ads, "k2", lift(first.reference, campaign_id, area))
    assert len(run(ads.restrictions())) == 1


def test_a_permit_for_one_campaign_cannot_restrict_another(ads: EmbeddedAds) -> None:
    disguised = suppress("C2").model_copy(update={"resource": suppress("C1").resource})
    with pytest.raises(Invalid):
        perform(ads, "k1", disguised)
    assert run(ads.restrictions()) == ()


def test_loading_replaces_the_list_and_ends_what_is_missing(tmp_path: Path) -> None:
    with EmbeddedCompany.open(tmp_path / "company.db") as company:
        company.load_campaigns([campaign("A"), campaign("B")])
        perform(company.ads, "k1", suppress("B"))
        company.load_campaigns([campaign("A", "paused"), campaign("D")])
        assert [(one.campaign_id, one.status) for one in run(company.ads.campaigns())] == [
            ("A", "paused"),
            ("B", "ended"),
            ("D", "live"),
        ]
        assert len(run(company.ads.restrictions("B"))) == 1


def test_a_campaign_reads_as_it_was_loaded(ads: EmbeddedAds) -> None:
    assert run(ads.campaigns()) == embedded.CAMPAIGNS


def test_loading_scale_ups_replaces_those_before(ads: EmbeddedAds) -> None:
    def plan(plan_id: str) -> ScaleUp:
        return ScaleUp(
            plan_id=plan_id,
            campaign_id="C1",
            area=RAJASTHAN,
            starts=datetime(2026, 6, 1, tzinfo=UTC),
            ends=datetime(2026, 7, 1, tzinfo=UTC),
            reason="monsoon sale",
        )

    ads.load_scale_ups([plan("p1"), plan("p2")])
    ads.load_scale_ups([plan("p3"), plan("p2")])
    assert run(ads.scale_ups()) == (plan("p2"), plan("p3"))


def test_a_bid_modifier_belongs_to_reduce_bid_alone() -> None:
    common = {"reference": "r", "campaign_id": "C1", "area": RAJASTHAN}
    with pytest.raises(ValidationError, match="bid_modifier"):
        Restriction.model_validate({**common, "kind": "exclude", "bid_modifier": "0.5"})
    with pytest.raises(ValidationError, match="bid_modifier"):
        Restriction.model_validate({**common, "kind": "reduce_bid"})
