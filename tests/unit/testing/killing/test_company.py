"""The company that is killed is told the same things by every process, and all kinds of them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from crossloop.ids import case_id
from crossloop.signals.codec import body
from crossloop.testing.killing import company
from crossloop.testing.killing.company import ALARM, DEPARTMENTS, OVER, QUESTION, SYSTEMS, Alarm, Load
from crossloop.testing.killing.crash_points import PROGRAM, SEED

BEGAN = datetime(2025, 3, 1, tzinfo=UTC)
LOAD = Load(7, BEGAN)


def asks(load: Load, numbers: range) -> list[company.Ask]:
    data = [load.signal(number).data for number in numbers]
    return [ask for one in data if isinstance(one, Alarm) for ask in one.asks]


def test_a_number_is_the_same_signal_each_time_and_another_number_another_one() -> None:
    assert all(body(LOAD.signal(number)) == body(Load(7, BEGAN).signal(number)) for number in range(50))
    assert len({LOAD.signal(number).id for number in range(50)}) == 50
    assert LOAD.signal(1).id != Load(8, BEGAN).signal(1).id


def test_the_program_has_everything_that_can_be_interrupted() -> None:
    load, numbers = Load(SEED, BEGAN), range(len(PROGRAM))
    kinds = Counter(load.signal(number).type for number in numbers)
    assert set(kinds) == {ALARM.name, QUESTION.name, OVER.name}
    told = asks(load, numbers)
    assert {ask.system for ask in told} == set(SYSTEMS)
    assert {ask.department for ask in told} == set(DEPARTMENTS)
    assert any(ask.share > 0.15 for ask in told)
    assert any(ask.fickle for ask in told)
    data = [load.signal(number).data for number in numbers]
    assert any(isinstance(one, Alarm) and one.undertaking and one.asks[-1].impossible for one in data)


def test_now_and_then_two_departments_want_the_opposite() -> None:
    assert {ask.direction for ask in asks(LOAD, range(200))} == {"increase", "decrease"}


def test_what_is_over_belongs_to_the_case_of_an_earlier_alarm() -> None:
    signals = [LOAD.signal(number) for number in range(200)]
    alarms = {case_id(one.id): one for one in signals if one.type == ALARM.name}
    over = [one for one in signals if one.type == OVER.name]
    assert over
    assert all(alarms[one.correlation_id].time < one.time for one in over)


def test_every_combination_of_promises_has_a_system() -> None:
    assert len({(one.idempotent, one.find) for one in SYSTEMS.values()}) == 4


def test_the_rules_let_the_company_act_in_every_loop() -> None:
    rules = company.policy()
    assert not rules.shadow_only
    assert set(rules.document.loops) == {"north-alarm", "south-alarm", "east-question"}
