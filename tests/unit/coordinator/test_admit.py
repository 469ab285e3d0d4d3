"""What is taken into the inbox: whole observations, in time order, and only what the company can read."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from crossloop.clock import end_of_day
from crossloop.coordinator.admit import admit, admit_signals, known_conditions
from crossloop.coordinator.decide import PolicyReplaced
from crossloop.coordinator.loop import Change, Condition, Inputs, Standing
from crossloop.errors import InputError, SignalRefused
from crossloop.governance import Policy
from crossloop.ids import LoopName
from crossloop.signals import Claim, Signal
from crossloop.store import claims, inbox, policies
from crossloop.store.ledger.redaction import redact
from tests.support.fake_loop import FakeLoop
from tests.support.samples import geo_risk, geo_risk_signal
from tests.support.trials import Ask, Trial, policy

DAY = date(2025, 3, 1)


def observed(opened: Trial, loop: FakeLoop, *, as_of: date = DAY, **settings: str) -> bool:
    async def work() -> bool:
        observation = await loop.observe(
            Inputs(),
            as_of=as_of,
            timezone="Asia/Kolkata",
            settings=loop.settings(settings),
            conditions=(),
        )
        return await admit(opened.runtime(), loop, observation, chosen=settings)

    return opened.wait(work())


def published(opened: Trial, *signals: Signal) -> int:
    return opened.wait(admit_signals(opened.runtime(), signals))


def size(opened: Trial) -> int:
    return opened.store.read(lambda read: read.head().size)


def condition(signal: Signal, state: Any = "open") -> Condition:
    return Condition(
        path="rto/geo/IN/KARNATAKA",
        metric="rto",
        level="state",
        code="KARNATAKA",
        state=state,
        signal_id=signal.id,
        case=signal.correlation_id,
        since=DAY,
    )


def standing(
    days: int, starts: date = DAY, *, interest: str = "marketing", argument: str = "growth"
) -> Standing:
    instant = end_of_day(starts, "Asia/Kolkata")
    claim = Claim.model_validate(
        {
            "resource": "ads/campaign/C1/geo/IN",
            "direction": "increase",
            "starts": instant,
            "ends": instant + timedelta(days=days),
            "interest": interest,
        }
    )
    return Standing("marketing plan P-7", claim, argument)


def test_signals_conditions_and_standing_claims_are_admitted_together(opened: Trial) -> None:
    signal = opened.said(Ask())
    loop = FakeLoop(
        signals=(signal,), changes=(Change("opened", condition(signal)),), standing=(standing(7),)
    )
    assert observed(opened, loop)
    kinds = [one.kind for one in opened.store.read(lambda read: list(read.entries()))]
    assert kinds == [
        "policy.adopted",
        "settings.changed",
        "observation",
        "signal.received",
        "condition.opened",
        "claim",
    ]
    assert opened.store.read(lambda read: known_conditions(read, loop.name, "", opened.clock.now())) == [
        condition(signal)
    ]
    (body,) = opened.entries("observation")
    assert body["conditions"] == [{"path": "rto/geo/IN/KARNATAKA", "change": "opened", "signal": signal.id}]
    assert body["rows"] == {"read": 2, "used": 1, "set_aside": [{"reason": "bad", "count": 1}]}


def test_the_same_observation_is_admitted_once_however_often_it_is_made(opened: Trial) -> None:
    loop = FakeLoop(signals=(opened.said(),))
    assert observed(opened, loop)
    before = size(opened)
    assert not observed(opened, loop)
    assert size(opened) == before


def test_what_is_new_is_admitted_though_the_observation_is_known(opened: Trial) -> None:
    first, again = opened.said(), opened.said()
    loop = FakeLoop(signals=(first,), changes=(Change("opened", condition(first)),))
    assert observed(opened, loop)
    loop.signals, loop.changes = (first, again), (Change("cleared", condition(again, "cleared")),)
    assert observed(opened, loop)
    assert [one["id"] for one in opened.entries("signal.received")] == [first.id, again.id]
    (found,) = opened.store.read(lambda read: known_conditions(read, loop.name, "", opened.clock.now()))
    assert (found.state, found.signal_id) == ("cleared", again.id)
    assert len(opened.entries("observation")) == 1
    assert not observed(opened, loop)


@pytest.mark.parametrize("differs", ["settings", "data", "day", "loop"])
def test_other_settings_data_days_and_loops_make_another_observation(opened: Trial, differs: str) -> None:
    observed(opened, FakeLoop())
    again = FakeLoop(digest="data-2") if differs == "data" else FakeLoop()
    if differs == "loop":
        again.name = LoopName("trial-sales")
    settings = {"threshold": "0.3"} if differs == "settings" else {}
    as_of = DAY + timedelta(days=1) if differs == "day" else DAY
    assert observed(opened, again, as_of=as_of, **settings)


def test_time_runs_forward_and_a_refusal_writes_nothing(opened: Trial) -> None:
    observed(opened, FakeLoop(), as_of=DAY)
    before = size(opened)
    with pytest.raises(InputError, match="2025-02-28 is earlier") as refused:
        observed(opened, FakeLoop(signals=(opened.said(),)), as_of=DAY - timedelta(days=1))
    assert "--store" in refused.value.next_step
    assert size(opened) == before


def test_a_day_that_was_observed_before_a_later_one_is_over_too(opened: Trial) -> None:
    loop = FakeLoop(standing=(standing(7),))
    observed(opened, loop)
    observed(opened, FakeLoop(), as_of=DAY + timedelta(days=1))
    before = size(opened)
    with pytest.raises(InputError, match="2025-03-01 is earlier"):
        observed(opened, loop)
    assert size(opened) == before


def test_a_condition_that_is_seen_again_and_then_over_is_kept_in_step(opened: Trial) -> None:
    signal, over = opened.said(), opened.said()
    observed(opened, FakeLoop(changes=(Change("opened", condition(signal)),), signals=(signal,)))
    observed(opened, FakeLoop(changes=(Change("seen", condition(signal)),)), as_of=DAY + timedelta(1))
    observed(
        opened,
        FakeLoop(changes=(Change("cleared", condition(over, "cleared")),), signals=(over,)),
        as_of=DAY + timedelta(2),
    )
    (found,) = opened.store.read(lambda read: known_conditions(read, FakeLoop().name, "", opened.clock.now()))
    assert (found.state, found.signal_id, found.since) == ("cleared", over.id, DAY + timedelta(2))


def test_a_standing_claim_that_has_ended_makes_room_for_the_one_that_follows_it(opened: Trial) -> None:
    observed(opened, FakeLoop(standing=(standing(7),)))
    later = DAY + timedelta(days=7)
    observed(opened, FakeLoop(standing=(standing(7, later),)), as_of=later)
    instant = end_of_day(later, "Asia/Kolkata")
    (found,) = opened.store.read(
        lambda read: claims.overlapping(read, "ads/campaign/C1", instant, instant + timedelta(days=1))
    )
    assert found.ends == instant + timedelta(days=7)


def test_claims_that_have_ended_by_the_instant_of_an_observation_are_given_back_with_it(
    opened: Trial,
) -> None:
    opened.ask(Ask(days=7))
    opened.clock.advance(timedelta(days=30))
    opened.publish()
    assert opened.entries("claim.expired") == []  # the clock of the wall tells nothing about the facts
    observed(opened, FakeLoop(), as_of=DAY + timedelta(days=6))
    assert opened.entries("claim.expired") == []
    observed(opened, FakeLoop(), as_of=DAY + timedelta(days=7))
    (expired,) = opened.entries("claim.expired")
    assert len(expired["claims"]) == 1


def test_the_same_signal_published_twice_is_one(opened: Trial) -> None:
    signal = opened.said()
    assert published(opened, signal, signal, opened.said()) == 2
    assert published(opened, signal) == 0


def test_a_type_that_the_catalogue_does_not_know_is_refused_and_nothing_is_written(opened: Trial) -> None:
    before = size(opened)
    with pytest.raises(SignalRefused, match=r"no signal type 'logistics.geo_risk/1'") as refused:
        published(opened, opened.said(), geo_risk_signal())
    assert refused.value.where.field == "type"
    assert "trial.notice/1" in refused.value.next_step
    assert size(opened) == before


def test_a_payload_of_another_type_is_refused_and_nothing_is_written(opened: Trial) -> None:
    before = size(opened)
    with pytest.raises(SignalRefused, match=r"expected Notice for trial\.notice/1, got GeoRisk"):
        published(opened, opened.said(data=geo_risk()))
    assert size(opened) == before


def test_a_loop_may_not_admit_what_it_could_not_publish(opened: Trial) -> None:
    before = size(opened)
    with pytest.raises(SignalRefused):
        observed(opened, FakeLoop(signals=(geo_risk_signal(),)))
    assert size(opened) == before


def test_text_that_the_ledger_cannot_keep_is_refused_with_its_place(opened: Trial) -> None:
    before = size(opened)
    with pytest.raises(SignalRefused, match="U\\+0000") as refused:
        published(opened, opened.said(), opened.said(subject="a\x00b"))
    assert refused.value.where.field == "subject"
    assert size(opened) == before


def test_the_document_is_put_in_force_with_the_first_signal(opened: Trial, tmp_path: Path) -> None:
    assert opened.store.read(policies.present) is None
    published(opened, opened.said())
    published(opened, opened.said())
    present = opened.store.read(policies.present)
    assert present is not None
    assert (present.digest, len(opened.entries("policy.adopted"))) == (opened.policy.digest, 1)


OTHER, THIRD = (policy(("within: 4h}\ndepartments", f"within: {hours}h}}\ndepartments")) for hours in (5, 6))


def under(opened: Trial, governed: Policy, **changes: Any) -> Any:
    runtime = opened.runtime(policy=governed, **changes)
    return opened.wait(admit_signals(runtime, [opened.said()]))


def test_a_document_takes_the_place_of_the_one_that_was_in_force_when_it_was_read(opened: Trial) -> None:
    published(opened, opened.said())
    assert under(opened, OTHER, replaces=opened.policy.digest) == 1
    assert len(opened.entries("policy.adopted")) == 2
    assert under(opened, OTHER, replaces=opened.policy.digest) == 1  # it is in force already


@pytest.mark.parametrize("read_when", ["there was none", "another was in force"])
def test_an_old_document_never_comes_back_by_itself(opened: Trial, read_when: str) -> None:
    published(opened, opened.said())
    under(opened, THIRD)
    before = size(opened)
    with pytest.raises(PolicyReplaced):
        under(opened, OTHER, replaces="" if read_when == "there was none" else opened.policy.digest)
    assert size(opened) == before


def test_the_same_facts_under_other_rules_are_another_observation(opened: Trial) -> None:
    observed(opened, FakeLoop())

    async def work() -> bool:
        loop = FakeLoop()
        observation = await loop.observe(
            Inputs(), as_of=DAY, timezone="Asia/Kolkata", settings=loop.settings({}), conditions=()
        )
        return await admit(opened.runtime(policy=OTHER), loop, observation, chosen={})

    assert opened.wait(work())
    assert not opened.wait(work())


def test_publishing_nothing_admits_nothing(opened: Trial) -> None:
    assert published(opened) == 0
    assert opened.store.read(lambda read: inbox.waiting(read, 10)) == []


@pytest.mark.parametrize("now", [(), (standing(9),)])
def test_a_plan_that_was_withdrawn_or_changed_gives_its_claim_back_with_the_next_observation(
    opened: Trial, now: tuple[Standing, ...]
) -> None:
    observed(opened, FakeLoop(standing=(standing(7),)))
    later = DAY + timedelta(days=1)
    observed(opened, FakeLoop(standing=now), as_of=later)
    instant = end_of_day(later, "Asia/Kolkata")
    found = opened.store.read(
        lambda read: claims.overlapping(read, "ads/campaign/C1", instant, instant + timedelta(days=30))
    )
    assert [one.ends for one in found] == [one.claim.ends for one in now]
    (released,) = opened.entries("claim.released")
    assert released["holder"] == "marketing plan P-7"


def test_a_plan_that_stands_keeps_its_claim_and_another_loop_takes_nothing_from_it(opened: Trial) -> None:
    observed(opened, FakeLoop(standing=(standing(7),)))
    observed(opened, FakeLoop(standing=(standing(7),)), as_of=DAY + timedelta(days=1))
    observed(opened, FakeLoop(name=LoopName("trial-sales")), as_of=DAY + timedelta(days=2))
    assert opened.entries("claim.released") == []
    assert len(opened.entries("claim")) == 1


def test_a_plan_that_was_withdrawn_and_is_back_on_the_same_day_has_its_claim_again(opened: Trial) -> None:
    there, gone = FakeLoop(standing=(standing(7),)), FakeLoop(digest="data-2")
    for loop, expected in ((there, 1), (gone, 0), (there, 1), (there, 1)):
        observed(opened, loop)
        assert len(placed(opened)) == expected
    assert len(opened.entries("claim")) == 2
    assert len(opened.entries("claim.released")) == 1


def placed(opened: Trial) -> list[claims.ClaimRow]:
    return opened.store.read(lambda read: claims.standing(read, FakeLoop().name))


@pytest.mark.parametrize("changed", [{"interest": "logistics"}, {"argument": "the festival"}])
def test_a_plan_of_another_interest_or_argument_is_another_claim(
    opened: Trial, changed: dict[str, str]
) -> None:
    observed(opened, FakeLoop(standing=(standing(7),)))
    other = FakeLoop(standing=(standing(7, **changed),), digest="data-2")
    observed(opened, other)
    assert len(placed(opened)) == 1
    last = {"interest": "marketing", "argument": "growth", **changed}
    assert opened.entries("claim")[-1].items() >= last.items()
    assert not observed(opened, other)


def test_what_was_removed_from_the_ledger_moves_no_plan_and_is_not_written_again(opened: Trial) -> None:
    observed(opened, FakeLoop(standing=(standing(7),)))
    entries = opened.store.read(lambda read: list(read.entries()))
    about = [one.position for one in entries if one.kind in ("observation", "claim")]
    opened.store.write(lambda tx: [redact(tx, one, "asked for") for one in about])
    before = placed(opened)
    observed(opened, FakeLoop(standing=(standing(7),), digest="data-2"))
    assert placed(opened) == before
    observed(opened, FakeLoop(digest="data-3"))
    assert placed(opened) == []


def test_a_plan_that_is_over_is_not_placed_again_and_again(opened: Trial) -> None:
    loop, later = FakeLoop(standing=(standing(7),)), DAY + timedelta(days=7)
    observed(opened, loop)
    observed(opened, loop, as_of=later)
    assert placed(opened) == []
    assert not observed(opened, loop, as_of=later)
    assert len(opened.entries("claim")) == 1


def test_of_two_plans_for_one_claim_the_first_one_stands(opened: Trial) -> None:
    loop = FakeLoop(standing=(standing(7), standing(9)))
    observed(opened, loop)
    assert not observed(opened, loop)
    assert [one.ends for one in placed(opened)] == [standing(7).claim.ends]
