"""The mediator: who stands against whom within a wave, and who goes first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.coordinator import mediator
from crossloop.coordinator.mediator import Rival, settle, settled_within, worst
from crossloop.governance import Resolution, in_conflict
from crossloop.signals import Claim, Proposal
from tests.support.governed import claim, policy, proposal

POLICY = policy()
GEO = "ads/campaign/C1/geo/IN"


def asked(
    number: int, resource: str = GEO, direction: str = "decrease", interest: str = "logistics"
) -> Proposal:
    made = claim(resource=resource, direction=direction, interest=interest)
    return proposal(signal_id=f"sig_{number}", claims=(made,), rationale=f"reason {number}")


def winners(found: Sequence[Proposal]) -> dict[str, str | None]:
    settled = settled_within(found, POLICY)
    by_id = {one.id: one.signal_id for one in found}
    return {by_id[key]: one.resolution.winner for key, one in settled.items() if one.resolution}


def test_proposals_that_can_be_had_together_are_not_settled() -> None:
    same_way = [asked(1), asked(2, direction="exclude", interest="marketing")]
    same_interest = [asked(3), asked(4, direction="increase")]
    elsewhere = [asked(5, f"{GEO}/KARNATAKA"), asked(6, f"{GEO}/KERALA", "increase", "marketing")]
    for pair in (same_way, same_interest, elsewhere):
        assert settled_within(pair, POLICY) == {}


def test_the_first_interest_of_the_order_wins_whatever_the_order_of_the_proposals() -> None:
    pair = [asked(1), asked(2, direction="increase", interest="marketing")]
    for order in permutations(pair):
        assert winners(order) == {"sig_1": "logistics", "sig_2": "logistics"}


def test_a_claim_meets_one_on_a_resource_above_and_one_below() -> None:
    above, middle, below = (
        asked(1, "ads/campaign/C1", "increase", "marketing"),
        asked(2, GEO),
        asked(3, f"{GEO}/KARNATAKA", "increase", "marketing"),
    )
    settled = settled_within([above, middle, below], POLICY)
    assert settled[middle.id].rivals == {above.id, below.id}
    assert settled[above.id].rivals == settled[below.id].rivals == {middle.id}


def test_a_name_that_only_begins_alike_is_another_resource() -> None:
    assert (
        winners([asked(1, "ads/campaign/C1/geo/IN"), asked(2, "ads/campaign/C10/geo/IN", "increase")]) == {}
    )


def test_nobody_wins_where_the_order_leaves_an_interest_out() -> None:
    assert winners([asked(1), asked(2, direction="increase", interest="sales")]) == {
        "sig_1": None,
        "sig_2": None,
    }


def test_the_dissent_keeps_who_wanted_what_why_and_by_which_rule_it_was_settled() -> None:
    loser = asked(2, direction="increase", interest="marketing")
    won, lost = (settled_within([asked(1), loser], POLICY)[one.id] for one in (asked(1), loser))
    assert won.dissent == (
        {
            "conflict": "geography",
            "with": f"proposal {loser.id} of marketing",
            "interest": "marketing",
            "wants": f"increase {GEO}",
            "argument": "reason 2",
            "winner": "logistics",
            "because": "order for geography: logistics before marketing",
        },
    )
    assert lost.dissent[0]["argument"] == "reason 1"


def test_who_could_not_act_anyway_stands_against_nobody_and_is_still_told_that_it_lost() -> None:
    strong, weak = asked(1), asked(2, direction="increase", interest="marketing")
    settled = settled_within([strong, weak], POLICY, stands=lambda one: one.id != strong.id)
    assert weak.id not in settled
    assert settled[strong.id].rivals == {weak.id}


def test_whether_a_proposal_stands_is_only_asked_where_there_is_a_conflict() -> None:
    looked_at: list[str] = []

    def stands(one: Proposal) -> bool:
        looked_at.append(one.signal_id)
        return True

    settled_within(
        [asked(1), asked(2, direction="increase", interest="sales"), asked(3, "ads/x")], POLICY, stands
    )
    assert sorted(looked_at) == ["sig_1", "sig_2"]


def test_lost_counts_more_than_unresolved_and_unresolved_more_than_won() -> None:
    won, open_, lost = (Resolution("k", ("logistics", "x"), who, "") for who in ("logistics", None, "x"))
    for several in permutations([won, open_, lost]):
        assert worst(asked(1), several) is lost
    for several in permutations([won, open_]):
        assert worst(asked(1), several) is open_
    assert worst(asked(1), []) is None


def test_settling_against_several_rivals_records_each() -> None:
    rivals = [
        Rival("plan P-1", claim(resource=GEO, direction="increase", interest="marketing"), "growth"),
        Rival("plan P-2", claim(resource=GEO, direction="increase", interest="sales"), "deal"),
    ]
    fared = settle(asked(1), rivals, POLICY)
    assert [one["with"] for one in fared.dissent] == ["plan P-1", "plan P-2"]
    assert fared.resolution is not None
    assert fared.resolution.winner is None


SEGMENTS = st.lists(st.sampled_from(["C1", "C10", "geo", "IN"]), max_size=3)
PROPOSALS = st.lists(
    st.tuples(
        SEGMENTS.map(lambda parts: "/".join(["ads", *parts])),
        st.sampled_from(["increase", "decrease", "exclude", "hold"]),
        st.sampled_from(["logistics", "marketing", "sales"]),
    ),
    max_size=12,
)


@given(PROPOSALS)
def test_looking_claims_up_by_path_finds_what_comparing_each_with_each_finds(
    drawn: list[tuple[str, str, str]],
) -> None:
    found = [asked(number, *one) for number, one in enumerate(drawn)]
    expected = {
        (one.id, other.id)
        for one in found
        for other in found
        if one is not other and in_conflict(one.claims[0], other.claims[0])
    }
    settled = settled_within(found, POLICY)
    assert {(one, other) for one, fared in settled.items() for other in fared.rivals} == expected


def test_a_wave_of_many_proposals_is_not_compared_each_with_each(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[Claim] = []

    def counted(one: Claim, other: Claim) -> bool:
        compared.append(one)
        return in_conflict(one, other)

    monkeypatch.setattr(mediator, "in_conflict", counted)
    many = [asked(number, f"ads/campaign/C{number}/geo/IN") for number in range(1000)]
    above = asked(1000, "ads/campaign/C7")
    assert settled_within([*many, above], POLICY) == {}
    assert len(compared) == 1
