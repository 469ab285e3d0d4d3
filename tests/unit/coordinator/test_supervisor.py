"""The supervisor graph: by type, in parallel, decided together, acted upon by key."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from crossloop.coordinator.mediator import Mediated
from crossloop.coordinator.supervisor import RECURSION_LIMIT, build_supervisor
from crossloop.departments import Department, Handler, View
from crossloop.departments.graph import Answers, Asked
from crossloop.ids import ActionKey, DecisionId, DepartmentName
from crossloop.signals import Signal
from tests.support.stores import START
from tests.support.trials import LOOPS, MARKETING, NOTICE, QUESTION, SALES, Ask, Trial, asking, departments

KEYS = [ActionKey("act_1"), ActionKey("act_2")]


class Watched:
    """A supervisor whose steps are written down."""

    def __init__(self, *asked: Department) -> None:
        self.steps: list[str] = []
        self.answers: Answers = {}
        self.graph = build_supervisor(
            {one.name: one for one in asked}, mediate=self.mediate, decide=self.decide, act=self.act
        )

    def mediate(
        self, wave: Sequence[Signal], answers: Answers, as_of: datetime
    ) -> dict[DecisionId, Mediated]:
        assert as_of == START
        self.steps.append(f"mediate {len(wave)}")
        return {DecisionId("dec_1"): Mediated(None, ())}

    async def decide(
        self,
        wave: Sequence[Signal],
        answers: Answers,
        settled: Mapping[DecisionId, Mediated],
        as_of: datetime,
    ) -> list[ActionKey]:
        assert as_of == START
        self.steps.append(f"decide {len(wave)} {list(settled)}")
        self.answers = answers
        return KEYS

    async def act(self, keys: Sequence[ActionKey]) -> None:
        self.steps.append(f"act {list(keys)}")

    async def run(self, *wave: Signal) -> Any:
        context = Asked(View(as_of=START, timezone="UTC"))
        return await self.graph.ainvoke({"wave": wave}, {"recursion_limit": RECURSION_LIMIT}, context=context)

    def think(self, *wave: Signal) -> Any:
        return asyncio.run(self.run(*wave))


def test_a_wave_is_mediated_decided_and_acted_upon_once_each(opened: Trial) -> None:
    watched = Watched(*departments())
    out = watched.think(opened.said(Ask()), opened.said(), opened.said(type=QUESTION.name))
    assert watched.steps == ["mediate 3", "decide 3 ['dec_1']", "act ['act_1', 'act_2']"]
    assert out == {"keys": KEYS}


def test_each_signal_is_answered_by_everybody_who_listens_to_its_type_and_by_nobody_else(
    opened: Trial,
) -> None:
    notice, question, unheard = (
        opened.said(Ask()),
        opened.said(type=QUESTION.name),
        opened.said(type="trial.unheard/1"),
    )
    watched = Watched(*departments())
    watched.think(notice, question, unheard)
    answered = {key: set(by) for key, by in watched.answers.items()}
    assert answered == {notice.id: {MARKETING, SALES}, question.id: {MARKETING}}


def test_a_wave_that_nobody_listens_to_is_decided_all_the_same(opened: Trial) -> None:
    watched = Watched(*departments())
    watched.think(opened.said(type="trial.unheard/1"))
    assert watched.steps[1] == "decide 1 ['dec_1']"
    assert watched.answers == {}


def test_every_listening_department_has_begun_before_any_has_ended(opened: Trial) -> None:
    begun = {name: asyncio.Event() for name in (MARKETING, SALES)}

    def meeting(own: DepartmentName, other: DepartmentName) -> Department:
        async def handle(signal: Signal, view: View) -> list[Any]:
            begun[own].set()
            await begun[other].wait()
            return []

        return Department(own, (Handler(NOTICE.name, LOOPS[own], handle),))

    watched = Watched(meeting(MARKETING, SALES), meeting(SALES, MARKETING))
    watched.think(opened.said())
    ((by_department),) = watched.answers.values()
    assert all("nothing to say" in one.rationale for (one,) in by_department.values())


def test_the_signals_of_a_wave_are_asked_about_at_the_same_time(opened: Trial) -> None:
    signals = [opened.said() for _ in range(3)]
    begun: list[str] = []

    async def main() -> None:
        all_begun = asyncio.Event()

        async def handle(signal: Signal, view: View) -> list[Any]:
            begun.append(signal.id)
            if len(begun) == 3:
                all_begun.set()
            await all_begun.wait()
            return []

        await Watched(Department(MARKETING, (Handler(NOTICE.name, LOOPS[MARKETING], handle),))).run(*signals)

    asyncio.run(asyncio.wait_for(main(), 30))
    assert begun == [one.id for one in signals]


def test_a_handler_that_fails_answers_so_and_the_rest_of_the_wave_does_not_notice(opened: Trial) -> None:
    good, bad = opened.said(Ask(), Ask(by="sales")), opened.said(Ask(by="sales"))

    def handle(signal: Signal, view: View) -> Any:
        if signal.id == bad.id:
            raise RuntimeError("a bug \x00 of theirs")
        return asking(MARKETING, LOOPS[MARKETING])(signal, view)

    _, _, sales = departments()
    watched = Watched(Department(MARKETING, (Handler(NOTICE.name, LOOPS[MARKETING], handle),)), sales)
    watched.think(bad, good)
    (failed,) = watched.answers[bad.id][MARKETING]
    assert failed.action is None
    assert "RuntimeError: a bug \N{REPLACEMENT CHARACTER} of theirs" in failed.rationale
    for signal, by in ((bad, SALES), (good, SALES), (good, MARKETING)):
        (answer,) = watched.answers[signal.id][by]
        assert answer.action is not None


def test_what_deciding_raises_ends_the_wave_and_nothing_is_acted_upon(opened: Trial) -> None:
    class Broken(Watched):
        async def decide(self, *_: Any) -> list[ActionKey]:
            raise ValueError("the store is away")

    broken = Broken(*departments())
    with pytest.raises(ValueError, match="the store is away"):
        broken.think(opened.said(Ask()))
    assert broken.steps == ["mediate 1"]


@pytest.mark.parametrize("name", ["mediate", "decide", "act", "route", "departments"])
def test_a_department_may_be_called_what_a_step_of_the_supervisor_is(opened: Trial, name: str) -> None:
    own = DepartmentName(name)
    watched = Watched(Department(own, (Handler(NOTICE.name, LOOPS[MARKETING], lambda signal, view: ()),)))
    watched.think(opened.said())
    ((by_department),) = watched.answers.values()
    assert list(by_department) == [own]
