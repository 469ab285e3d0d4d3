"""A department as a subgraph: each type to its handler, answers merged by key."""

from __future__ import annotations

import asyncio
from typing import Annotated, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from crossloop.departments import Answer, Department, View
from crossloop.departments.graph import Answers, Asked, build, merged
from crossloop.ids import DepartmentName, SignalId
from crossloop.signals import Signal
from tests.support.departments import MARKETING, answer, handler, plain, run, view
from tests.support.samples import geo_risk_signal

OPERATIONS = DepartmentName("operations")
RISK, OTHER = "logistics.geo_risk/1", "logistics.geo/1"


def signals(count: int, type: str = RISK) -> tuple[Signal, ...]:
    return tuple(geo_risk_signal(type=type, dedup_key=f"{type} {number}") for number in range(count))


def answered(department: Department, wave: tuple[Signal, ...], seen: View | None = None) -> Answers:
    result = run(build(department).ainvoke({"signals": wave}, context=Asked(seen or view())))
    return {} if result is None else result["answers"]  # LangGraph's word for a run that wrote nothing


class Hearing:
    """A handle that notes what it was asked, and answers for its department."""

    def __init__(self, department: DepartmentName = MARKETING) -> None:
        self.department = department
        self.heard: list[Signal] = []
        self.seen: list[View] = []

    def __call__(self, signal: Signal, seen: View) -> Answer:
        self.heard.append(signal)
        self.seen.append(seen)
        return (answer(signal, department=self.department),)


def test_every_signal_of_the_wave_is_answered_under_its_id_and_department() -> None:
    wave = signals(3)
    assert answered(Department(MARKETING, (handler(),)), wave) == {
        one.id: {MARKETING: (answer(one),)} for one in wave
    }


def test_only_types_that_it_listens_to_reach_a_node() -> None:
    risk, other = Hearing(), Hearing()
    department = Department(MARKETING, (handler(risk), handler(other, signal_type=OTHER)))
    wave = (*signals(2), *signals(1, OTHER), *signals(1, "logistics.weather/1"))
    answers = answered(department, wave)
    assert [one.id for one in risk.heard] == [one.id for one in wave[:2]]
    assert [one.id for one in other.heard] == [wave[2].id]
    assert set(answers) == {one.id for one in wave[:3]}


def test_types_that_differ_in_a_dot_only_are_kept_apart() -> None:
    one, other = Hearing(), Hearing()
    department = Department(MARKETING, (
        handler(one, signal_type="a.b_c/1"), handler(other, signal_type="a_b.c/1"),
    ))  # fmt: skip
    answered(department, (*signals(1, "a.b_c/1"), *signals(1, "a_b.c/1")))
    assert [len(one.heard), len(other.heard)] == [1, 1]


def test_a_wave_without_anything_for_it_has_no_answers() -> None:
    assert answered(Department(MARKETING, (handler(),)), signals(2, OTHER)) == {}
    assert answered(Department(MARKETING, (handler(),)), ()) == {}


def test_a_department_that_listens_to_nothing_is_a_graph_too() -> None:
    assert answered(Department(DepartmentName("logistics")), signals(1)) == {}


def test_every_handler_sees_the_view_of_the_run() -> None:
    hearing, seen = Hearing(), view(timezone="Asia/Dubai")
    answered(Department(MARKETING, (handler(hearing),)), signals(2), seen)
    assert [one is seen for one in hearing.seen] == [True, True]


def test_one_bad_signal_does_not_fail_its_wave() -> None:
    good, bad, late = signals(3)

    def handle(signal: Signal, seen: View) -> Answer:
        if signal.id == bad.id:
            raise ValueError("no such area")
        return plain(signal, seen)

    answers = answered(Department(MARKETING, (handler(handle),)), (good, bad, late))
    assert answers[good.id] == {MARKETING: (answer(good),)}
    assert answers[late.id] == {MARKETING: (answer(late),)}
    (recorded,) = answers[bad.id][MARKETING]
    assert recorded.rationale == "marketing could not answer: ValueError: no such area"


def test_signals_of_one_wave_are_asked_about_at_the_same_time() -> None:
    wave, waiting = signals(3), 3

    async def handle(signal: Signal, seen: View) -> Answer:
        nonlocal waiting
        waiting -= 1
        while waiting:
            await asyncio.sleep(0)
        return plain(signal, seen)

    assert len(answered(Department(MARKETING, (handler(handle),)), wave)) == 3


def test_control_flow_of_the_graph_passes_through_the_node() -> None:
    def handle(signal: Signal, seen: View) -> Answer:
        raise GraphBubbleUp("on its way")

    with pytest.raises(GraphBubbleUp, match="on its way"):
        answered(Department(MARKETING, (handler(handle),)), signals(1))


# Inside a parent graph, as the supervisor uses it.


class Wave(TypedDict):
    wave: tuple[Signal, ...]
    answers: Annotated[Answers, merged]


def asked_in_parallel(departments: list[Department], state: Wave, seen: View) -> Wave:
    graph = StateGraph(Wave, context_schema=Asked)
    for one in departments:
        graph.add_node(one.name, build(one))
        graph.add_edge(one.name, END)

    def route(state: Wave) -> list[Send]:
        return [Send(one.name, {"signals": state["wave"]}) for one in departments]

    graph.add_conditional_edges(START, route, [one.name for one in departments])
    return run(graph.compile().ainvoke(state, context=Asked(seen)))  # type: ignore[return-value]


def test_departments_in_parallel_answer_side_by_side() -> None:
    marketing, operations, seen = Hearing(), Hearing(OPERATIONS), view()
    wave = signals(2)
    result = asked_in_parallel(
        [Department(MARKETING, (handler(marketing),)), Department(OPERATIONS, (handler(operations),))],
        {"wave": wave, "answers": {}},
        seen,
    )
    assert result["answers"] == {
        one.id: {
            MARKETING: (answer(one),),
            OPERATIONS: (answer(one, department=OPERATIONS),),
        }
        for one in wave
    }
    assert all(one is seen for one in [*marketing.seen, *operations.seen])


def test_departments_in_parallel_start_at_the_same_time() -> None:
    started: set[str] = set()

    def meeting(department: DepartmentName):
        async def handle(signal: Signal, seen: View) -> Answer:
            started.add(department)
            while len(started) < 2:
                await asyncio.sleep(0)
            return (answer(signal, department=department),)

        return Department(department, (handler(handle),))

    result = asked_in_parallel(
        [meeting(MARKETING), meeting(OPERATIONS)], {"wave": signals(1), "answers": {}}, view()
    )
    assert [set(one) for one in result["answers"].values()] == [{MARKETING, OPERATIONS}]


def test_a_subgraph_does_not_double_what_its_parent_holds_already() -> None:
    (old,), wave = signals(1, OTHER), signals(2)
    held: Answers = {old.id: {MARKETING: (answer(old),)}}
    result = asked_in_parallel([Department(MARKETING, (handler(),))], {"wave": wave, "answers": held}, view())
    assert result["answers"] == {
        **held,
        **{one.id: {MARKETING: (answer(one),)} for one in wave},
    }


# The reducer.

SIGNALS = signals(3)


@st.composite
def answer_sets(draw: st.DrawFn) -> Answers:
    found: Answers = {}
    for one in draw(st.lists(st.sampled_from(SIGNALS), unique_by=lambda one: one.id)):
        names = draw(st.lists(st.sampled_from(["finance", "marketing", "sales"]), unique=True))
        found[one.id] = {name: (answer(one, rationale=draw(st.sampled_from("abc"))),) for name in names}
    return found


def flat(answers: Answers) -> dict[tuple[SignalId, str], object]:
    return {(one, name): told for one, by_name in answers.items() for name, told in by_name.items()}


@given(answer_sets(), answer_sets())
def test_merging_keeps_every_key_and_the_later_of_two(left: Answers, right: Answers) -> None:
    assert flat(merged(left, right)) == {**flat(left), **flat(right)}


@given(answer_sets(), answer_sets())
def test_merging_changes_neither_side_and_doubles_nothing(left: Answers, right: Answers) -> None:
    before = flat(left), flat(right)
    both = merged(left, right)
    assert (flat(left), flat(right)) == before
    assert merged(both, right) == both
    assert merged(left, left) == left


@pytest.mark.parametrize("side", [{}, {SIGNALS[0].id: {MARKETING: (answer(SIGNALS[0]),)}}])
def test_merging_with_nothing_changes_nothing(side: Answers) -> None:
    assert merged(side, {}) == side
    assert merged({}, side) == side
