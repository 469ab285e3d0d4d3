"""How incidents are found and shown, and who may close one when people change."""

from __future__ import annotations

from typing import Any

import pytest

from crossloop.coordinator import incidents
from crossloop.errors import InputError, UnknownName
from crossloop.store import incidents as stored
from tests.support.trials import Ask, Trial, policy
from tests.support.wayward import make_wayward


@pytest.fixture
def two(opened: Trial) -> list[str]:
    make_wayward(opened).lost = {"C1", "C2"}
    opened.ask(Ask(), Ask(campaign="C2"))
    return [row.id for row in opened.store.read(stored.listing)]


def test_open_ones_come_first_then_the_oldest(opened: Trial, two: list[str]) -> None:
    first, second = two
    opened.coordinator.close_incident(
        first, person="asha", happened=False, reason="not there", asserted="test"
    )
    assert [one["id"] for one in opened.coordinator.incidents()] == [second, first]
    assert [one["id"] for one in opened.coordinator.incidents(state="closed")] == [first]


def test_a_state_that_there_is_not_is_refused(opened: Trial) -> None:
    with pytest.raises(InputError, match="expected one of open, closed"):
        opened.coordinator.incidents(state="done")  # pyright: ignore[reportArgumentType]


def test_what_was_found_is_yes_or_no(opened: Trial, two: list[str]) -> None:
    said: Any = "yes"
    with pytest.raises(InputError, match="expected True or False"):
        opened.coordinator.close_incident(two[0], person="asha", happened=said, reason="x", asserted="test")


def test_the_beginning_of_an_id_has_to_fit_one(opened: Trial, two: list[str]) -> None:
    assert opened.coordinator.incident(two[0][:12])["id"] == two[0]
    with pytest.raises(UnknownName, match="fits 2 incidents"):
        opened.coordinator.incident("inc_")
    with pytest.raises(UnknownName, match="no incident ''"):
        opened.coordinator.incident("")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((), ("asha",)),
        (
            ("escalate: {to: [asha], within: 4h, then: [mina]}", "escalate: {to: [mina], within: 4h}"),
            ("asha",),
        ),
    ],
)
def test_those_who_were_told_may_close_it_as_long_as_the_rules_know_them(
    opened: Trial, two: list[str], changes: tuple[str, str] | tuple[()], expected: tuple[str, ...]
) -> None:
    row = opened.store.read(lambda read: stored.get(read, two[0]))
    assert row is not None
    present = policy(changes) if changes else policy()
    assert incidents.may_close(row, "marketing", present) == expected


def test_when_none_of_them_is_there_any_more_those_of_today_may(opened: Trial, two: list[str]) -> None:
    row = opened.store.read(lambda read: stored.get(read, two[0]))
    assert row is not None
    gone = policy().document.people.keys() - {"asha"}
    document = policy().document
    people = {name: one for name, one in document.people.items() if name in gone}
    departments = {
        **document.departments,
        "marketing": document.departments["marketing"].model_copy(update={"escalate": None}),
    }
    without = document.model_copy(update={"people": people, "departments": departments})
    from dataclasses import replace

    assert incidents.may_close(row, "marketing", replace(policy(), document=without)) == ("ravi", "mina")
