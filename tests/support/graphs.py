"""Small LangGraph graphs for showing what LangGraph does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any, TypedDict

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from crossloop.coordinator.approval_graph import build_approval_graph
from crossloop.coordinator.serializer import JsonSerializer

CONFIG: Any = {"configurable": {"thread_id": "one"}}
YES: dict[str, Any] = {"state": "approved", "by": "asha", "reason": ""}
NO: dict[str, Any] = {"state": "rejected", "by": "ravi", "reason": "no"}


class State(TypedDict, total=False):
    amount: int
    answer: Any
    done: list[str]


def gated(
    *nodes: Callable[[State], Any], saver: BaseCheckpointSaver[Any] | None = None, **options: Any
) -> Any:
    """A graph of these nodes, one after the other, that can pause; options are those of every node."""
    graph = StateGraph(State)
    for node in nodes:
        graph.add_node(node.__name__, node, **options)
    names = [START, *(node.__name__ for node in nodes), END]
    for left, right in pairwise(names):
        graph.add_edge(left, right)
    return graph.compile(checkpointer=saver or InMemorySaver())


def gate(state: State) -> Any:
    return {"answer": interrupt({"amount": state["amount"]})}


def sources(file: Path, approval: str = "apr_1") -> list[str]:
    """What made each checkpoint of the thread of an approval, the newest first."""
    with closing(sqlite3.connect(file, check_same_thread=False)) as connection:
        graph = build_approval_graph(SqliteSaver(connection, serde=JsonSerializer()))
        history = graph.get_state_history({"configurable": {"thread_id": approval}})
        return [str((one.metadata or {})["source"]) for one in history]
