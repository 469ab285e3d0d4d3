"""The approval graph: one question to people, as a LangGraph thread.

A thread is a projection of its row in the approvals table and can be rebuilt from it at any time. The
row decides; the graph shows the question where LangGraph's own tools look for it, and ends when the row
was answered. Defences, each against a measured behaviour:

* the gate node is one ``interrupt`` and nothing else, since everything before it would run again;
* a thread is resumed by the interrupt id read at that moment, never by a bare value;
* a thread gets input once: a second start of the same thread is not attempted while it waits;
* ``durability="sync"``, and our own JSON-only serializer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypedDict, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, interrupt
from pydantic import JsonValue

from crossloop.coordinator.serializer import JsonSerializer

GRAPH_VERSION = 1
"""Stands in the state of every thread, so that a later version can tell old threads apart."""


class Question(TypedDict):
    version: int
    approval: dict[str, JsonValue]


class Answered(Question):
    answer: dict[str, JsonValue]


ApprovalGraph = CompiledStateGraph[Answered, None, Question, Answered]


def _gate(state: Question) -> dict[str, object]:
    return {"answer": interrupt(state["approval"])}


def build_approval_graph(checkpointer: SqliteSaver | None = None) -> ApprovalGraph:
    """Compile the graph; without a checkpointer it can be looked at but not run."""
    graph = StateGraph(Answered, input_schema=Question, output_schema=Answered)
    graph.add_node("gate", _gate)  # pyright: ignore[reportUnknownMemberType]
    graph.add_edge(START, "gate")
    graph.add_edge("gate", END)
    return graph.compile(checkpointer=checkpointer, name="approval")  # pyright: ignore[reportUnknownMemberType]


class ApprovalThreads:
    """The threads of the approval graph, in a database file of their own."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def ask(self, approval_id: str, approval: dict[str, JsonValue]) -> None:
        """Open the thread of an approval, unless it was opened already."""
        with self._graph() as graph:
            _ask(graph, approval_id, approval)

    def answer(
        self, approval_id: str, approval: dict[str, JsonValue], answer: dict[str, JsonValue]
    ) -> dict[str, JsonValue]:
        """Resume the thread with the answer its row holds; open it first where it is missing.

        Returns:
            The answer that the finished thread holds. It is the first one given: a thread that has
            ended is left as it is.
        """
        with self._graph() as graph:
            _ask(graph, approval_id, approval)
            waiting = graph.get_state(_config(approval_id)).interrupts
            if waiting:
                resume: Command[None] = Command(resume={waiting[0].id: answer})
                graph.invoke(resume, _config(approval_id), durability="sync")  # pyright: ignore[reportUnknownMemberType]
            return _held(graph, approval_id)

    def waiting(self, approval_id: str) -> bool:
        """True while the thread stands at its question."""
        with self._graph() as graph:
            return bool(graph.get_state(_config(approval_id)).interrupts)

    @contextmanager
    def _graph(self) -> Generator[ApprovalGraph]:
        with closing(sqlite3.connect(self._file, timeout=30, check_same_thread=False)) as connection:
            yield build_approval_graph(SqliteSaver(connection, serde=JsonSerializer()))


def _ask(graph: ApprovalGraph, approval_id: str, approval: dict[str, JsonValue]) -> None:
    if graph.get_state(_config(approval_id)).interrupts or _held(graph, approval_id):
        return
    question: Question = {"version": GRAPH_VERSION, "approval": approval}
    graph.invoke(question, _config(approval_id), durability="sync")  # pyright: ignore[reportUnknownMemberType]


def _held(graph: ApprovalGraph, approval_id: str) -> dict[str, JsonValue]:
    values = cast("dict[str, Any]", graph.get_state(_config(approval_id)).values)
    return values.get("answer", {})


def _config(approval_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": approval_id}, "recursion_limit": 4}
