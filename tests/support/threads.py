"""Threads of the approval graph as LangGraph's own tools see them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite import SqliteSaver

from crossloop.coordinator.approval_graph import build_approval_graph
from crossloop.coordinator.serializer import JsonSerializer


def look(file: Path, thread: str = "apr_1") -> Any:
    """Where a thread stands."""
    with closing(sqlite3.connect(file, check_same_thread=False)) as connection:
        graph = build_approval_graph(SqliteSaver(connection, serde=JsonSerializer()))
        return graph.get_state({"configurable": {"thread_id": thread}})


def waits(file: Path, thread: str = "apr_1") -> bool:
    """True while a thread stands at its question."""
    return bool(look(file, thread).interrupts)
