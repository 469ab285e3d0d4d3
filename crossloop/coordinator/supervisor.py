"""The supervisor: one LangGraph graph over a wave of signals.

    route -> departments (in parallel) -> mediate -> decide -> act

Routing is by type: no model, no lossy hand-off. The thinking nodes write nothing; ``decide`` commits
the whole wave in one transaction; ``act`` only hands over keys, so running it twice does nothing. The
graph has no checkpointer: completion is an entry in the store, and what is not decided is thought again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from crossloop.coordinator.mediator import Mediated
from crossloop.departments import Department
from crossloop.departments.graph import Answers, Asked, build, merged
from crossloop.ids import ActionKey, DecisionId, DepartmentName
from crossloop.signals import Signal

Mediate = Callable[[Sequence[Signal], Answers, datetime], dict[DecisionId, Mediated]]
"""Given a wave, what the departments answered, and the business instant at which they looked."""

Decide = Callable[
    [Sequence[Signal], Answers, Mapping[DecisionId, Mediated], datetime], Awaitable[list[ActionKey]]
]
Act = Callable[[Sequence[ActionKey]], Awaitable[None]]


class WaveInput(TypedDict):
    wave: tuple[Signal, ...]


class WaveOutput(TypedDict):
    keys: list[ActionKey]


class WaveState(WaveInput, WaveOutput):
    answers: Annotated[Answers, merged]
    resolutions: dict[DecisionId, Mediated]


SupervisorGraph = CompiledStateGraph[WaveState, Asked, WaveInput, WaveOutput]

RECURSION_LIMIT = 12
"""Five steps and the departments' own: the graph has no cycle, so more than this is a defect."""


def build_supervisor(
    departments: Mapping[DepartmentName, Department], *, mediate: Mediate, decide: Decide, act: Act
) -> SupervisorGraph:
    """Compile the supervisor over the company's departments."""
    graph = StateGraph(WaveState, context_schema=Asked, input_schema=WaveInput, output_schema=WaveOutput)

    # All of them are coroutines: LangGraph runs a plain function in a thread, which costs more than it does.
    async def route(state: WaveState) -> list[Send] | str:
        sends: list[Send] = []
        for name, department in departments.items():
            heard = tuple(one for one in state["wave"] if one.type in department.listens)
            if heard:
                sends.append(Send(_node(name), {"signals": heard}))
        return sends or "mediate"

    async def mediate_node(state: WaveState, runtime: Runtime[Asked]) -> dict[str, object]:
        as_of = runtime.context.view.as_of
        return {"resolutions": mediate(state["wave"], state.get("answers", {}), as_of)}

    async def decide_node(state: WaveState, runtime: Runtime[Asked]) -> dict[str, object]:
        as_of, answers = runtime.context.view.as_of, state.get("answers", {})
        return {"keys": await decide(state["wave"], answers, state["resolutions"], as_of)}

    async def act_node(state: WaveState) -> dict[str, object]:
        await act(state["keys"])
        return {}

    for name, department in departments.items():
        graph.add_node(_node(name), build(department))  # pyright: ignore[reportUnknownMemberType]
        graph.add_edge(_node(name), "mediate")
    graph.add_node("mediate", mediate_node)  # pyright: ignore[reportUnknownMemberType]
    graph.add_node("decide", decide_node)  # pyright: ignore[reportUnknownMemberType]
    graph.add_node("act", act_node)  # pyright: ignore[reportUnknownMemberType]
    graph.add_conditional_edges(START, route, [*map(_node, departments), "mediate"])
    graph.add_edge("mediate", "decide")
    graph.add_edge("decide", "act")
    graph.add_edge("act", END)
    return graph.compile(name="supervisor")  # pyright: ignore[reportUnknownMemberType]


def _node(department: str) -> str:
    """The node of a department, which may be called what one of the supervisor's own steps is."""
    return f"departments/{department}"
