"""What LangGraph does where this code relies on it or defends against it, and the defence.

Each test shows the behaviour of LangGraph itself on a small graph of its own. Where one of them fails after
an update, the defence named beside it has to be looked at again, and may have become unnecessary.
"""

from __future__ import annotations

import asyncio
import operator
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypedDict, cast

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.errors import GraphRecursionError, InvalidUpdateError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Send, interrupt

from crossloop.canonical import NotCanonical
from crossloop.coordinator import approval_graph, supervisor
from crossloop.coordinator.approval_graph import ApprovalThreads, build_approval_graph
from crossloop.coordinator.decide import request_digest
from crossloop.coordinator.serializer import CheckpointRefused, JsonSerializer
from crossloop.departments import Department, Handler, View
from crossloop.departments.graph import Asked, DepartmentState, build, merged
from crossloop.errors import UnknownName
from crossloop.governance import AlreadyAnswered, PermitMismatch, check_permit
from crossloop.signals import ActionRequest, Permit
from tests.support.hostile import hostile_pickle
from tests.support.stores import START as NOW
from tests.support.trials import LOOPS, MARKETING, NOTICE, Ask, Trial, departments, proposal, trial

CONFIG: Any = {"configurable": {"thread_id": "one"}}
YES: dict[str, Any] = {"state": "approved", "by": "asha", "reason": ""}
NO: dict[str, Any] = {"state": "rejected", "by": "ravi", "reason": "no"}


class State(TypedDict, total=False):
    amount: int
    answer: Any
    done: list[str]


def gated(*nodes: Callable[[State], Any]) -> Any:
    """A graph of these nodes, one after the other, that can pause."""
    graph = StateGraph(State)
    for node in nodes:
        graph.add_node(node.__name__, node)
    names = [START, *(node.__name__ for node in nodes), END]
    for left, right in pairwise(names):
        graph.add_edge(left, right)
    return graph.compile(checkpointer=InMemorySaver())


def gate(state: State) -> Any:
    return {"answer": interrupt({"amount": state["amount"]})}


@pytest.fixture
def opened(tmp_path: Path) -> Any:
    with trial(tmp_path) as found:
        yield found


# -- 5: everything before interrupt() runs again on resume ------------------------------------------


def test_what_stands_before_an_interrupt_runs_again_when_it_is_resumed() -> None:
    ran: list[str] = []

    def busy(state: State) -> Any:
        ran.append("before")
        return {"answer": interrupt("go on?")}

    graph = gated(busy)
    graph.invoke({"amount": 1}, CONFIG)
    (asked,) = graph.get_state(CONFIG).interrupts
    graph.invoke(Command(resume={asked.id: YES}), CONFIG)
    assert ran == ["before", "before"]


def test_so_the_gate_of_an_approval_is_one_interrupt_and_nothing_else() -> None:
    assert approval_graph._gate.__code__.co_names == ("interrupt",)
    assert set(build_approval_graph().get_graph().nodes) == {START, "gate", END}


# -- 6: the id of an interrupt is its place, not what was asked -------------------------------------


def test_an_approval_of_one_price_is_taken_for_another() -> None:
    price, paid = [100], list[int]()

    def buy(state: State) -> Any:
        answered = interrupt({"price": price[0]})
        paid.append(price[0])
        return {"answer": answered}

    graph = gated(buy)
    graph.invoke({"amount": 1}, CONFIG)
    (asked,) = graph.get_state(CONFIG).interrupts
    price[0] = 200
    graph.invoke(Command(resume={asked.id: YES}), CONFIG)
    assert (asked.value, paid) == ({"price": 100}, [200])


def test_so_a_permit_is_bound_to_the_digest_of_the_request(opened: Trial) -> None:
    shown, other = (proposal(opened.said(), Ask(pin=pin)) for pin in ("560001", "560002"))
    granted = {"granted_at": NOW, "expires_at": NOW.replace(year=2030), "policy": opened.policy.digest}
    digest = request_digest(shown)
    permit = Permit.model_validate({"action_key": shown.action_key, "action_digest": digest, **granted})
    check_permit(permit, cast("ActionRequest", shown.action), now=NOW)
    with pytest.raises(PermitMismatch):
        check_permit(permit, cast("ActionRequest", other.action), now=NOW)


# -- 8 and 12: a second resume, an unknown id, and a resume after the end are accepted in silence ----


def test_a_second_resume_and_one_of_an_unknown_question_are_accepted_in_silence() -> None:
    graph = gated(gate)
    graph.invoke({"amount": 1}, CONFIG)
    graph.invoke(Command(resume={"0" * 32: NO}), CONFIG)
    (asked,) = graph.get_state(CONFIG).interrupts  # nobody was told that the id is unknown
    assert graph.invoke(Command(resume={asked.id: YES}), CONFIG)["answer"] == YES
    assert graph.invoke(Command(resume={asked.id: NO}), CONFIG)["answer"] == YES


def test_so_our_answers_are_checked_against_the_row_and_refused_aloud(opened: Trial) -> None:
    (asked,) = opened.ask(Ask(share=0.2)).waiting
    say = partial(opened.coordinator.answer, asked.approval_id, asserted="test")
    say(person="ravi", decision="reject", reason="no")
    with pytest.raises(AlreadyAnswered):
        say(person="asha", decision="approve")
    with pytest.raises(UnknownName, match="no approval"):
        opened.coordinator.answer("apr_zzz", person="asha", decision="approve", asserted="test")


def test_an_empty_answer_answers_nothing_and_none_is_an_error() -> None:
    graph = gated(gate)
    graph.invoke({"amount": 1}, CONFIG)
    graph.invoke(Command(resume={}), CONFIG)
    assert graph.get_state(CONFIG).interrupts
    with pytest.raises(UnboundLocalError):
        graph.invoke(Command(resume=None), CONFIG)


def test_so_nothing_of_ours_resumes_a_thread_and_one_that_has_ended_is_removed(tmp_path: Path) -> None:
    assert not hasattr(approval_graph, "Command")
    file = tmp_path / "threads.db"
    threads = ApprovalThreads(file)
    threads.ask({"apr_1": {"id": "apr_1"}})
    threads.end(["apr_1"])
    assert sources(file) == []


def sources(file: Path) -> list[str]:
    """What made each checkpoint of the thread, the newest first."""
    with closing(sqlite3.connect(file, check_same_thread=False)) as connection:
        graph = build_approval_graph(SqliteSaver(connection, serde=JsonSerializer()))
        history = graph.get_state_history({"configurable": {"thread_id": "apr_1"}})
        return [str((one.metadata or {})["source"]) for one in history]


# -- 9: a new input while a question waits discards it ----------------------------------------------


def test_a_new_input_discards_the_question_that_waits() -> None:
    graph = gated(gate)
    graph.invoke({"amount": 100}, CONFIG)
    graph.invoke({"amount": 200}, CONFIG)
    (asked,) = graph.get_state(CONFIG).interrupts
    assert asked.value == {"amount": 200}


def test_so_a_thread_gets_its_input_once_and_another_question_a_new_thread(tmp_path: Path) -> None:
    file = tmp_path / "threads.db"
    for amount in (100, 100, 200):
        ApprovalThreads(file).ask({"apr_1": {"amount": amount}})
        assert sources(file).count("input") == 1


# -- 11: a bare value is taken by whichever question is next (and nothing of ours resumes, see 8) ----


def test_a_bare_answer_is_taken_by_whichever_question_is_next() -> None:
    def first(state: State) -> Any:
        interrupt("a small thing?")
        return {}

    def second(state: State) -> Any:
        return {"answer": interrupt("a large thing?")}

    graph = gated(first, second)
    graph.invoke({"amount": 1}, CONFIG)
    graph.invoke(Command(resume="for the small thing"), CONFIG)
    assert graph.invoke(Command(resume="for the small thing, sent again"), CONFIG)["answer"] == (
        "for the small thing, sent again"
    )


# -- 13: a broad except around interrupt() swallows it ----------------------------------------------


def test_a_broad_except_swallows_the_question_and_the_graph_goes_on_unapproved() -> None:
    done: list[str] = []

    def careless(state: State) -> Any:
        with suppress(Exception):
            interrupt("may I?")
        done.append("executed")
        return {}

    gated(careless).invoke({"amount": 1}, CONFIG)
    assert done == ["executed"]


def test_so_the_boundary_around_a_handler_lets_a_question_of_the_graph_pass(opened: Trial) -> None:
    def asking_people(signal: Any, view: View) -> Any:
        return interrupt("may I?")

    own = build(Department(MARKETING, (Handler(NOTICE.name, LOOPS[MARKETING], asking_people),)))
    graph = StateGraph(DepartmentState, context_schema=Asked)
    graph.add_node("marketing", own)
    graph.add_edge(START, "marketing")
    context = Asked(View(as_of=NOW, timezone="UTC"))
    given = {"signals": (opened.said(),)}
    out = asyncio.run(graph.compile(checkpointer=InMemorySaver()).ainvoke(given, CONFIG, context=context))
    assert [one.value for one in out["__interrupt__"]] == ["may I?"]
    assert not out.get("answers")


# -- 15 and 16: types are lost, and reading a checkpoint can execute --------------------------------


class Stage(Enum):
    SHADOW = "shadow"


@dataclass
class Held:
    amount: int


def test_types_behind_any_come_back_as_plain_values() -> None:
    strict = JsonPlusSerializer(allowed_msgpack_modules=None)
    written = {"held": Held(1), "stage": {"now": Stage.SHADOW}, "pair": (1, 2)}
    read = strict.loads_typed(strict.dumps_typed(written))
    assert read == {"held": {"amount": 1}, "stage": {"now": "shadow"}, "pair": [1, 2]}


def test_so_state_is_json_and_anything_else_is_refused_when_it_is_written() -> None:
    ours = JsonSerializer()
    for value in (Held(1), Stage.SHADOW, {"held": Held(1)}):
        with pytest.raises((NotCanonical, TypeError)):
            ours.dumps_typed(value)


def test_reading_a_checkpoint_can_execute_what_stands_in_it(tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    blob = ("pickle", hostile_pickle(trace))
    JsonPlusSerializer(pickle_fallback=True).loads_typed(blob)
    assert trace.exists()


def test_so_our_serializer_reads_json_and_nothing_else(tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    with pytest.raises(CheckpointRefused):
        JsonSerializer().loads_typed(("pickle", hostile_pickle(trace)))
    assert not trace.exists()


# -- 22: parallel subgraphs that write one key ------------------------------------------------------


class Additive(TypedDict):
    found: Annotated[list[str], operator.add]


class Plain(TypedDict):
    found: list[str]


def fan(state: Any, child: Any, seed: list[str]) -> Any:
    graph = StateGraph(state)
    for name in ("one", "other"):
        graph.add_node(name, child)
        graph.add_edge(name, END)
    graph.add_conditional_edges(
        START, lambda now: [Send(name, now) for name in ("one", "other")], ["one", "other"]
    )
    return graph.compile().invoke({"found": seed})


def subgraph(state: Any) -> Any:
    graph = StateGraph(state)
    graph.add_node("find", lambda _: {"found": ["x"]})
    graph.add_edge(START, "find")
    graph.add_edge("find", END)
    return graph.compile()


def test_parallel_subgraphs_that_write_one_plain_key_are_an_error() -> None:
    with pytest.raises(InvalidUpdateError):
        fan(Plain, subgraph(Plain), [])


def test_an_additive_reducer_doubles_what_passes_through_subgraphs() -> None:
    assert fan(Additive, subgraph(Additive), ["seed"])["found"].count("seed") > 1


def test_so_answers_are_merged_by_key_and_each_department_has_one(opened: Trial) -> None:
    one = {"sig": {"marketing": ("a",)}}
    other = {"sig": {"sales": ("b",)}}
    once = merged(one, other)
    assert once == {"sig": {"marketing": ("a",), "sales": ("b",)}}
    assert merged(once, one) == once
    signal = opened.said(Ask(), Ask(by="sales", campaign="C2", intervention="raise"))
    opened.publish(signal)
    asked = [one["proposal"]["department"] for one in opened.entries("decision", signal.correlation_id)]
    assert asked == ["marketing", "sales"]


# -- 23: the recursion limit ------------------------------------------------------------------------


class Counted(TypedDict):
    steps: int


def test_a_graph_that_turns_in_a_circle_runs_thousands_of_steps_before_it_is_stopped() -> None:
    graph = StateGraph(Counted)
    graph.add_node("turn", lambda state: {"steps": state["steps"] + 1})
    graph.add_edge(START, "turn")
    graph.add_conditional_edges("turn", lambda state: "turn" if state["steps"] < 5000 else END)
    assert graph.compile().invoke({"steps": 0})["steps"] == 5000
    with pytest.raises(GraphRecursionError):
        graph.compile().invoke({"steps": 0}, {"recursion_limit": supervisor.RECURSION_LIMIT})


def test_so_both_our_graphs_run_within_a_bound_of_their_own(opened: Trial, tmp_path: Path) -> None:
    assert supervisor.RECURSION_LIMIT < 20
    assert approval_graph._config("apr_1")["recursion_limit"] == approval_graph.RECURSION_LIMIT < 10
    opened.ask(Ask(share=0.2))  # passes through both


# -- 24: context is not part of a checkpoint --------------------------------------------------------


@dataclass
class Guard:
    allowed: bool


def test_context_is_gone_when_a_thread_is_resumed_without_it() -> None:
    seen: list[Guard | None] = []

    def guarded(state: State, runtime: Runtime[Guard]) -> Any:
        seen.append(runtime.context)
        return {"answer": interrupt("go on?")}

    graph = StateGraph(State, context_schema=Guard)
    graph.add_node("guarded", guarded)
    graph.add_edge(START, "guarded")
    paused = graph.compile(checkpointer=InMemorySaver())
    paused.invoke({"amount": 1}, CONFIG, context=Guard(True))
    (asked,) = paused.get_state(CONFIG).interrupts
    paused.invoke(Command(resume={asked.id: YES}), CONFIG)
    assert seen == [Guard(True), None]


def test_so_what_thinks_with_a_context_never_pauses_and_what_pauses_has_none() -> None:
    async def nothing(*_: Any) -> Any:
        return []

    built = supervisor.build_supervisor(
        {one.name: one for one in departments()}, mediate=lambda *_: {}, decide=nothing, act=nothing
    )
    assert built.checkpointer is None
    assert built.context_schema is not None
    assert build_approval_graph().context_schema is None
