"""How LangGraph runs graphs where this code relies on it or defends against it: retries, reducers, limits."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict, cast

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphRecursionError, InvalidUpdateError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, RetryPolicy, Send, interrupt

from crossloop.actions.once import Once
from crossloop.actions.port import Invalid, Unavailable
from crossloop.coordinator import approval_graph, supervisor
from crossloop.coordinator.approval_graph import build_approval_graph
from crossloop.departments.graph import build, merged
from tests.support.graphs import CONFIG, YES, State, gated
from tests.support.trials import Ask, Trial, departments


class Declined(Exception):
    """A class that no list of LangGraph's names."""


def built() -> Any:
    """Our supervisor over the departments of the trial company."""

    async def nothing(*_: Any) -> Any:
        return []

    asked = {one.name: one for one in departments()}
    return supervisor.build_supervisor(asked, mediate=lambda *_: {}, decide=nothing, act=nothing)


@pytest.mark.parametrize(
    ("failure", "attempts"),
    [(Declined("no"), 3), (ConnectionError(), 3), (TimeoutError(), 1), (OSError(), 1), (ValueError(), 1)],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else "",
)
def test_the_default_retry_policy_repeats_classes_it_does_not_know_and_no_time_out(
    failure: Exception, attempts: int
) -> None:
    """14: ``RetryPolicy()`` retries classes it does not know, and no TimeoutError (langgraph#8702)."""
    ran: list[str] = []

    def pay(state: State) -> Any:
        ran.append("paid")
        raise failure

    policy = RetryPolicy(initial_interval=0, jitter=False)
    with pytest.raises(type(failure)):
        gated(pay, retry_policy=policy).invoke({"amount": 1}, CONFIG)
    assert len(ran) == attempts


def test_so_no_node_of_ours_is_retried_by_its_graph() -> None:
    """14: Neither of the supervisor's and its departments' nodes nor the gate has a retry policy."""
    graphs = [built(), build_approval_graph(), *(build(one) for one in departments())]
    nodes = [node for graph in graphs for node in graph.nodes.values()]
    assert len(nodes) > 10
    assert [node.retry_policy for node in nodes if node.retry_policy] == []


@pytest.mark.parametrize("failure", [Declined("no"), ConnectionError(), TimeoutError(), OSError()])
def test_so_the_executor_repeats_what_says_that_nothing_happened_and_no_other_class(
    failure: Exception,
) -> None:
    """14: Only errors of the port that are transient are tried again; what may have happened is looked up."""
    once = cast("Once", None)  # which errors are tried again depends on nothing else
    assert not Once._again(once, failure)
    assert not Once._again(once, Invalid("no such campaign"))
    assert Once._again(once, Unavailable("busy"))


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
    """22: Parallel subgraphs that write one key raise ``InvalidUpdateError`` (langgraph#6446)."""
    with pytest.raises(InvalidUpdateError):
        fan(Plain, subgraph(Plain), [])


def test_an_additive_reducer_doubles_what_passes_through_subgraphs() -> None:
    """22: An additive reducer counts what passes through a subgraph again (langgraph#6446)."""
    assert fan(Additive, subgraph(Additive), ["seed"])["found"].count("seed") > 1


def test_so_answers_are_merged_by_key_and_each_department_has_one(opened: Trial) -> None:
    """22: Our reducer merges by key: the same answer twice is one answer."""
    one = {"sig": {"marketing": ("a",)}}
    other = {"sig": {"sales": ("b",)}}
    once = merged(one, other)
    assert once == {"sig": {"marketing": ("a",), "sales": ("b",)}}
    assert merged(once, one) == once
    signal = opened.said(Ask(), Ask(by="sales", campaign="C2", intervention="raise"))
    opened.publish(signal)
    asked = [one["proposal"]["department"] for one in opened.entries("decision", signal.correlation_id)]
    assert asked == ["marketing", "sales"]


LIMITED: Any = {"recursion_limit": supervisor.RECURSION_LIMIT}


class Counted(TypedDict):
    steps: int


def test_a_graph_that_turns_in_a_circle_runs_thousands_of_steps_before_it_is_stopped() -> None:
    """23: The recursion limit is 10,007 unless one is given."""
    ran: list[int] = []

    def turn(state: Counted) -> Any:
        ran.append(1)
        return {"steps": state["steps"] + 1}

    graph = StateGraph(Counted)
    graph.add_node("turn", turn)
    graph.add_edge(START, "turn")
    graph.add_edge("turn", "turn")
    for limit, config in ((10_007, None), (supervisor.RECURSION_LIMIT, LIMITED)):
        ran.clear()
        with pytest.raises(GraphRecursionError):
            graph.compile().invoke({"steps": 0}, config)
        assert len(ran) == limit


def test_so_both_our_graphs_run_within_a_bound_of_their_own(opened: Trial, tmp_path: Path) -> None:
    """23: Both our graphs are invoked with a limit of their own."""
    assert supervisor.RECURSION_LIMIT < 20
    assert approval_graph._config("apr_1")["recursion_limit"] == approval_graph.RECURSION_LIMIT < 10
    opened.ask(Ask(share=0.2))  # passes through both


@dataclass
class Guard:
    allowed: bool


def test_context_is_gone_when_a_thread_is_resumed_without_it() -> None:
    """24: ``context=`` is not checkpointed: it is ``None`` on resume."""
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
    """24: Our graph with a context has no checkpointer, and the one with a checkpointer has no context."""
    supervised = built()
    assert supervised.checkpointer is None
    assert supervised.context_schema is not None
    assert build_approval_graph().context_schema is None
