"""A department as a LangGraph subgraph: one node for each signal type it listens to.

The documented state, for those who bring a compiled graph of their own:

* input ``signals``: the signals of this wave that the department listens to;
* output ``answers``: proposals by signal id. The reducer merges by key, never by adding: an additive
  reducer doubles its input when it passes through a subgraph.

The view travels as the graph's runtime context. There is no checkpointer: thinking may be repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Final, TypedDict

from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from crossloop.departments.boundary import ask, computes
from crossloop.departments.department import Department, Handler
from crossloop.departments.view import View
from crossloop.ids import SignalId
from crossloop.signals import Proposal, Signal

_KEPT: Final = 64
"""Departments whose compiled graph is kept; more than a company has."""

Answers = dict[SignalId, dict[str, tuple[Proposal, ...]]]
"""Proposals by signal, then by department."""


def merged(left: Answers, right: Answers) -> Answers:
    """Merge two sets of answers by key; the same key twice keeps the later one."""
    both = {signal: dict(by_department) for signal, by_department in left.items()}
    for signal, by_department in right.items():
        both.setdefault(signal, {}).update(by_department)
    return both


@dataclass(frozen=True, slots=True)
class Asked:
    """Runtime context of a department's graph."""

    view: View


class DepartmentInput(TypedDict):
    signals: tuple[Signal, ...]


class DepartmentOutput(TypedDict):
    answers: Annotated[Answers, merged]


class DepartmentState(DepartmentInput, DepartmentOutput):
    pass


DepartmentGraph = CompiledStateGraph[DepartmentState, Asked, DepartmentInput, DepartmentOutput]


@lru_cache(maxsize=_KEPT)
def build(department: Department) -> DepartmentGraph:
    """Compile a department into a subgraph.

    It holds nothing of a run, so one is made for a department and used again: compiling takes as long as
    asking does.
    """
    graph = StateGraph(
        DepartmentState,
        context_schema=Asked,
        input_schema=DepartmentInput,
        output_schema=DepartmentOutput,
    )
    for handler in department.handlers:
        graph.add_node(handler.signal_type, _node(department, handler))  # pyright: ignore[reportUnknownMemberType]
        graph.add_edge(handler.signal_type, END)

    async def route(state: DepartmentState) -> list[str]:
        present = {signal.type for signal in state["signals"]}
        return [one for one in department.listens if one in present] or [END]

    graph.add_conditional_edges(START, route, [*department.listens, END])
    return graph.compile(name=department.name)  # pyright: ignore[reportUnknownMemberType]


def _node(department: Department, handler: Handler):
    async def answer(state: DepartmentState, runtime: Runtime[Asked]) -> DepartmentOutput:
        mine = [signal for signal in state["signals"] if signal.type == handler.signal_type]
        view = runtime.context.view

        def asked(signal: Signal) -> Coroutine[object, object, tuple[Proposal, ...]]:
            return ask(department.name, handler, signal, view, control_flow=(GraphBubbleUp,))

        if computes(handler):  # one by one: a task for each would take as long as the answers
            answers = [await asked(signal) for signal in mine]
        else:
            answers = await asyncio.gather(*map(asked, mine))
        return {
            "answers": {
                signal.id: {department.name: proposals}
                for signal, proposals in zip(mine, answers, strict=True)
            }
        }

    return answer
