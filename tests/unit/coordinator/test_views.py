"""What departments are shown: a snapshot that follows what was performed and reads nothing twice."""

from __future__ import annotations

from typing import Any

import pytest

from crossloop.coordinator.views import Views, strategies
from crossloop.departments import InForce, View
from crossloop.frozen import Frozen
from crossloop.ids import ActionKey
from crossloop.signals.entities import Campaign
from crossloop.store import actions
from crossloop.store.ledger.redaction import redact
from tests.support.trials import LOOPS, MARKETING, Ask, Trial, lift, policy


def views(opened: Trial) -> Views:
    return Views(opened.store, opened.company, opened.policy)


def view(opened: Trial, taken_by: Views, *kinds: type[Frozen]) -> View:
    async def take() -> View:
        async with taken_by.take(opened.clock.now(), {}) as taken:
            return await taken.showing(kinds)

    return opened.wait(take())


def shown(found: View) -> list[str]:
    return [one.resource.split("/")[2] for one in found.in_force]


def test_a_view_shows_the_records_of_the_company_at_its_instant(opened: Trial) -> None:
    found = view(opened, views(opened), Campaign)
    assert found.as_of == opened.clock.now()
    assert found.timezone == "Asia/Kolkata"
    assert len(found.read(Campaign)) == 200


def test_what_was_done_is_in_force_until_it_is_taken_back(opened: Trial) -> None:
    signal = opened.said(Ask(share=0.05), Ask(campaign="C2"))
    first, second = opened.publish(signal).receipts
    found = view(opened, views(opened)).in_force
    assert [one.action_key for one in found] == [first.action_key, second.action_key]
    assert found[0] == InForce(
        action_key=ActionKey(first.action_key),
        case=signal.correlation_id,
        intervention="cut",
        resource="ads/campaign/C1/geo/IN/KARNATAKA/560/560001",
        reference=first.reference,
        share=0.05,
        amount=found[0].amount,
        arguments=found[0].arguments,
    )
    assert str(found[0].amount) == "500.00 INR"
    opened.publish(opened.over(signal.correlation_id, lift(first.action_key, first.reference)))
    assert shown(view(opened, views(opened))) == ["C2"]


def test_what_is_held_refused_or_failed_is_not_in_force(opened: Trial) -> None:
    opened.ask(Ask(share=0.2), Ask(campaign="C999"), Ask(campaign="C3", intervention="raise"))
    assert shown(view(opened, views(opened))) == []


def test_a_view_that_follows_is_the_view_that_would_be_read_anew(opened: Trial) -> None:
    following = views(opened)
    assert list(view(opened, following).in_force) == []
    keys = [
        (signal, receipt)
        for number in (3, 1, 2)
        for signal in [opened.said(Ask(campaign=f"C{number}"))]
        for receipt in opened.publish(signal).receipts
    ]
    following.moved(ActionKey(receipt.action_key) for _, receipt in reversed(keys))
    assert list(view(opened, following).in_force) == list(view(opened, views(opened)).in_force)
    signal, receipt = keys[1]
    back = opened.over(signal.correlation_id, lift(receipt.action_key, receipt.reference, campaign="C1"))
    (lifted,) = opened.publish(back).receipts
    following.moved([ActionKey(lifted.action_key)])
    assert shown(view(opened, following)) == shown(view(opened, views(opened))) == ["C3", "C2"]


def test_following_reads_only_what_was_performed(opened: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    opened.ask(*(Ask(campaign=f"C{number}") for number in range(20)))
    following, looked_at = views(opened), list[str]()
    assert len(view(opened, following).in_force) == 20
    (receipt,) = opened.ask(Ask(campaign="C50")).receipts
    real = actions.get

    def get(read: Any, key: str) -> Any:
        looked_at.append(key)
        return real(read, key)

    monkeypatch.setattr(actions, "get", get)
    monkeypatch.setattr(actions, "in_force", None)
    following.moved([ActionKey(receipt.action_key)])
    assert len(view(opened, following).in_force) == 21
    assert len(view(opened, following).in_force) == 21
    assert looked_at == [receipt.action_key]


def test_where_nobody_looks_at_what_is_in_force_nothing_is_read(
    opened: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = views(opened)
    (receipt,) = opened.ask(Ask()).receipts
    following.moved([ActionKey(receipt.action_key)])
    monkeypatch.setattr(actions, "in_force", None)
    monkeypatch.setattr(actions, "get", None)
    view(opened, following)


def test_what_is_in_force_of_one_case_is_read_for_that_case(opened: Trial) -> None:
    one, other = opened.said(Ask()), opened.said(Ask(campaign="C2"))
    opened.publish(one, other)
    looked = view(opened, views(opened))
    (mine,) = looked.in_force_for(one.correlation_id)
    assert mine in looked.in_force
    assert looked.in_force_for(one.correlation_id) == (mine,)


def test_after_somebody_else_has_worked_everything_is_read_anew(opened: Trial) -> None:
    following = views(opened)
    assert list(view(opened, following).in_force) == []
    opened.ask(Ask())
    assert shown(view(opened, following)) == []  # nobody said that it was performed
    following.forget()
    assert shown(view(opened, following)) == ["C1"]


def test_what_failed_is_followed_to_where_it_changes_nothing(opened: Trial) -> None:
    following = views(opened)
    assert list(view(opened, following).in_force) == []
    (receipt,) = opened.ask(Ask(campaign="C999")).receipts
    following.moved([ActionKey(receipt.action_key), ActionKey("act_unknown")])
    assert shown(view(opened, following)) == []


def test_an_action_whose_content_was_removed_is_not_shown(opened: Trial) -> None:
    opened.ask(Ask())
    found = opened.store.read(lambda read: [one for one in read.entries() if one.kind == "decision"])
    opened.store.write(lambda tx: [redact(tx, one.position, "asked for") for one in found])
    assert shown(view(opened, views(opened))) == []


def test_strategies_are_those_of_the_owner_without_what_only_takes_back() -> None:
    declared = policy(
        ("    escalate", '    strategy: {protected: ["campaign/brand"]}\n    escalate'),
        ("notify: {done", "choose: order\n    notify: {done"),
    )
    found = strategies(declared)[LOOPS[MARKETING]]
    assert (found.choose, found.interventions, found.protected) == (
        "order",
        ("cut",),
        ("campaign/brand",),
    )
    assert found.allowed_regions == ()
