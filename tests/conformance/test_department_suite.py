"""The department suite itself: a good department passes it, and every check finds a bad one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from crossloop.departments import Answer, Department, View, no_action
from crossloop.money import Money
from crossloop.signals import Option, Proposal, Signal
from crossloop.testing import DepartmentConformance, report
from crossloop.testing.conformance.reporting import Finding, run_check
from crossloop.testing.conformance.suite import checks_of
from tests.support.reordering import BUYING, LOOP, BuyingConformance, answer, buying, proposal


class TestBuying(BuyingConformance):
    """Collected by pytest, as an author's own would be."""


def over(handle: Callable[..., Any], **changes: Any) -> Department:
    return buying(handle=handle, **changes)


def changed(**changes: Any) -> Department:
    """A department that asks for something else."""

    def handle(signal: Signal, view: View) -> Answer:
        return tuple(
            one if one.action is None else proposal(signal, **changes) for one in answer(signal, view)
        )

    return over(handle)


async def waits(signal: Signal, view: View) -> Answer:
    await asyncio.sleep(0)
    return answer(signal, view)


def trusts_its_input(signal: Signal, view: View) -> Answer:
    if signal.confidence < 0.5:
        raise ValueError("cannot be sure")
    return answer(signal, view)


def expects_it_to_be_valid(signal: Signal, view: View) -> Answer:
    if signal.valid_until < signal.time + timedelta(microseconds=2):
        raise ValueError("too late")
    return answer(signal, view)


def expects_a_strategy(signal: Signal, view: View) -> Answer:
    assert view.settings[LOOP]
    return answer(signal, view)


def says_the_same(signal: Signal, view: View) -> Answer:
    return (no_action(signal, BUYING, LOOP, "nothing to do"),)


COUNT = iter(range(10**9))


def counts(signal: Signal, view: View) -> Answer:
    return (no_action(signal, BUYING, LOOP, f"asked {next(COUNT)} times"),)


SHARED: list[Any] = ["of all answers"]


def shares(signal: Signal, view: View) -> Answer:
    """Every answer has the list of the module in its arguments."""
    given = answer(signal, view)
    for one in given:
        if one.action is not None:
            one.action.arguments["of"] = SHARED
    return given


def two_currencies() -> dict[str, Any]:
    dollars = Money.of(5, "USD")
    return {
        "options": (Option(intervention="do_nothing", expected_value=dollars, low=dollars, high=dollars),)
    }


class LooksAtEverything(BuyingConformance):
    """A department that needs its settings, which the author shows it."""

    made = over(expects_a_strategy)

    def views(self, signal: Signal) -> Any:
        return super().views(signal).map(lambda view: View(view.as_of, "UTC", settings={LOOP: {"days": 30}}))


MUTANTS: dict[str, Department] = {
    "test_what_it_listens_to_and_says_is_in_the_catalogue": Department(
        BUYING, buying().handlers, emits=("buying.ordered/1",)
    ),
    "test_every_handler_says_by_when_it_answers": buying(deadline=timedelta(days=400)),
    "test_a_handler_that_waits_says_that_it_is_slow": over(waits),
    "test_every_generated_signal_is_answered": over(trusts_its_input),
    "test_a_signal_that_is_over_is_answered_and_raises_nothing": over(expects_it_to_be_valid),
    "test_where_it_sees_nothing_it_answers_and_raises_nothing": over(expects_a_strategy),
    "test_it_does_not_answer_every_input_alike": over(says_the_same),
    "test_it_asks_only_for_what_the_signal_type_enumerates": changed(intervention="buy_everything"),
    "test_what_it_asks_for_lies_inside_its_decision_boundary": changed(
        impact={"resource": "ads/budget", "share": 0.1, "amount": "1 INR"}
    ),
    "test_what_it_asks_to_change_it_claims": changed(claims=()),
    "test_all_amounts_of_one_proposal_are_in_one_currency": changed(**two_currencies()),
    "test_the_same_signal_and_view_are_answered_the_same": over(counts),
    "test_what_is_done_to_an_answer_reaches_nobody_else": over(shares),
}


def on(department: Department, **more: Any) -> type[BuyingConformance]:
    return type("OnAMutant", (BuyingConformance,), {"made": department, **more})


def failed(suite: type[DepartmentConformance]) -> dict[str, str]:
    return {one.check.name: one.reason for one in report(suite).findings if one.found == "failed"}


def finding(suite: type[DepartmentConformance], name: str) -> Finding:
    (check,) = (one for one in checks_of(suite) if one.name == name)
    return run_check(suite, check)


@pytest.mark.parametrize("check", MUTANTS)
def test_a_bad_department_is_found_by_the_check_that_is_for_it(check: str) -> None:
    told = finding(on(MUTANTS[check]), check)
    assert told.found == "failed"
    assert told.reason


def test_every_check_has_a_bad_department_that_it_finds() -> None:
    assert set(MUTANTS) == {one.name for one in checks_of(DepartmentConformance)}


def test_everything_of_a_good_department_is_looked_at() -> None:
    found = report(BuyingConformance)
    assert {one.result for one in found.capabilities} == {"passed"}, str(found)


def test_what_an_author_shows_a_department_is_what_it_sees() -> None:
    assert set(failed(LooksAtEverything)) == {"test_where_it_sees_nothing_it_answers_and_raises_nothing"}


@pytest.mark.parametrize(
    "changes", [{"risk": "reversible"}, {"loop": None}], ids=["another risk", "another loop"]
)
def test_risk_and_loop_are_those_that_are_declared(changes: dict[str, Any]) -> None:
    check = "test_it_asks_only_for_what_the_signal_type_enumerates"
    assert finding(on(changed(**changes)), check).found == "failed"


def test_a_handler_that_computes_for_long_says_that_it_is_slow() -> None:
    def timer(self: BuyingConformance) -> float:
        self.__dict__["now"] = self.__dict__.get("now", 0.0) + 1.0
        return self.__dict__["now"]

    check = "test_a_handler_that_waits_says_that_it_is_slow"
    assert "took 1.000 s; declare slow=True" in finding(on(buying(), timer=timer), check).reason
    assert finding(on(buying(slow=True), timer=timer), check).found == "passed"


def test_a_coroutine_that_only_computes_is_not_slow() -> None:
    async def computes(signal: Signal, view: View) -> tuple[Proposal, ...]:
        return tuple(answer(signal, view))

    assert finding(on(over(computes)), "test_a_handler_that_waits_says_that_it_is_slow").found == "passed"
