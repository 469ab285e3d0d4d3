"""The simulated company: departments in every mood, systems of every kind, documents of every number."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import timedelta
from typing import Any, get_args

import pytest

from crossloop.departments import View
from crossloop.departments.boundary import ask
from crossloop.governance import STRICTNESS, GateState, SignalFacts, judge
from crossloop.signals import Proposal, Signal
from crossloop.testing import company
from crossloop.testing.company import ALARM, DEPARTMENTS, MINDS, QUESTION, Alarm, Ask, Minds, Mood
from crossloop.testing.documents import PEOPLE, STRANGER, VARIANTS, document, policy
from crossloop.testing.running import START
from crossloop.testing.virtual_time import VirtualLoop, run


def said(mood: Mood, **changes: Any) -> Signal:
    asks = {name: Ask(mood=mood, **changes) for name in DEPARTMENTS}
    return Signal.said(
        type=ALARM.name,
        source="/simulated",
        department="north",
        subject="simulated/1",
        dedup_key="1",
        time=START,
        valid_until=START + timedelta(days=1),
        confidence=0.99,
        data=Alarm(asks=asks),
    )


def answers(name: str, mood: Mood, *, times: int = 1) -> tuple[list[tuple[Proposal, ...]], Counter[str]]:
    """What a department answers, through the boundary around every handler."""
    faults: Counter[str] = Counter()
    department = DEPARTMENTS[next(one for one in DEPARTMENTS if one == name)]
    handler, signal = department.handlers[0], said(mood)

    async def main(_: VirtualLoop) -> list[tuple[Proposal, ...]]:
        MINDS.set(Minds(random.Random(1), faults))
        view = View(as_of=START, timezone="Asia/Kolkata")
        return [await ask(department.name, handler, signal, view) for _ in range(times)]

    return run(main), faults


@pytest.mark.parametrize("name", list(DEPARTMENTS))
@pytest.mark.parametrize("mood", get_args(Mood))
def test_every_department_answers_in_every_mood(name: str, mood: Mood) -> None:
    (answer,), faults = answers(name, mood)
    wanted = {"raises": "no_answer", "exits": "no_answer", "foreign": "no_answer", "late": "no_answer"}
    wanted |= {"nothing": "no_action", "refuses": "forbidden"}
    if name == "north":
        del wanted["late"]  # nobody can interrupt what computes on the loop: it is believed when it returns
    assert {one.intervention for one in answer} == {wanted.get(mood, "change")}
    assert len(answer) == (company.STEPS if mood in ("several", "undertakes") else 1)
    assert {one.saga is not None for one in answer} == {mood == "undertakes"}
    assert bool(faults) == (mood in company.TROUBLED)


def test_only_a_fickle_department_answers_otherwise_the_second_time() -> None:
    for mood in ("plain", "several"):
        (first, second), _ = answers("north", mood, times=2)
        assert first == second
    (first, second), _ = answers("north", "fickle", times=2)
    assert first[0].action != second[0].action
    assert first[0].action_key == second[0].action_key


def test_an_undertaking_has_a_step_that_its_system_refuses_and_one_that_stays() -> None:
    signal = said("undertakes", impossible=2, stays=0)
    steps = company._answer("north", signal, View(as_of=START, timezone="UTC"), signal.data.asks["north"])
    assert [one.action.arguments.get("impossible") for one in steps if one.action] == [None, None, True]
    assert [one.action.arguments.get("stays") for one in steps if one.action] == [True, None, None]
    assert len({one.action.system for one in steps if one.action}) == company.STEPS


def test_fast_departments_hear_alarms_and_slow_ones_questions() -> None:
    heard = {name: one.listens for name, one in DEPARTMENTS.items()}
    slow = {name: any(handler.slow for handler in one.handlers) for name, one in DEPARTMENTS.items()}
    assert {name for name, types in heard.items() if QUESTION.name in types} == {
        name for name, waits in slow.items() if waits
    }
    kinds = {asyncio.iscoroutinefunction(one.handlers[0].handle) for one in DEPARTMENTS.values()}
    assert kinds == {True, False}


def test_the_same_number_is_the_same_document_and_they_differ() -> None:
    assert document(3) == document(3)
    assert len({policy(number).digest for number in range(8)}) == 8


def test_documents_permit_refuse_and_ask() -> None:
    verdicts: set[str] = set()
    (proposals,), _ = answers("north", "several")
    signal = said("several")
    for number in range(0, VARIANTS, 4):
        for proposal in proposals:
            facts = SignalFacts.of(signal, as_of=START)
            for state in (GateState(), GateState(share_today=0.5)):
                verdicts.add(judge(proposal, facts, state, policy(number), now=START).outcome)
    assert {"act", "hold", "shadow"} <= verdicts <= set(STRICTNESS)


def test_nobody_knows_the_stranger() -> None:
    assert STRANGER not in PEOPLE
    assert all(STRANGER not in document(number) for number in range(VARIANTS))
