"""The approval graph: one question to people, as a LangGraph thread.

A thread is a projection of its row in the approvals table and can be rebuilt from it at any time. The
row decides; the graph shows the question where LangGraph's own tools look for it, and ends when the row
was answered. Defences, each against a measured behaviour:

* the gate node is one ``interrupt`` and nothing else, since everything before it would run again;
* a thread is resumed by the interrupt id read at that moment, never by a bare value;
* a thread gets input once: a second start of the same thread is not attempted while it waits;
* ``durability="sync"``, and our own JSON-only serializer;
* a thread whose checkpoint cannot be read, or that was answered otherwise than its row says, is thrown
  away and built anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, TypedDict, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, Interrupt, interrupt
from pydantic import JsonValue

from crossloop.canonical import canonical_json
from crossloop.coordinator.serializer import MAX_BYTES, CheckpointRefused, JsonSerializer
from crossloop.errors import StoreNotUsable

GRAPH_VERSION: Final = 1
"""Stands in the state of every thread, so that a later version can tell old threads apart."""

RECURSION_LIMIT: Final = 4
"""One node and the way out: more steps than this are a defect."""

_LARGEST: Final = MAX_BYTES // 4
"""Bytes of a question; it stands in a checkpoint more than once."""

_UNREADABLE = (CheckpointRefused, KeyError, TypeError, AttributeError, ValueError)
"""What LangGraph raises over a checkpoint that is refused, or whose JSON has another shape than its own."""

Shown = dict[str, JsonValue]


class Question(TypedDict):
    version: int
    approval: Shown


class Answered(Question):
    answer: Shown


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
        self._asked: set[str] = set()
        """Threads that were seen at their question, or past it, in the file as it is now."""
        self._inode: int | None = None

    def ask(self, questions: Mapping[str, Shown]) -> None:
        """Open the threads of these approvals, by id; those that were opened already are left alone.

        Raises:
            StoreNotUsable: the file is not a database of threads.
        """
        self._forget_if_replaced()
        missing = {key: approval for key, approval in questions.items() if key not in self._asked}
        if missing:
            with self._open() as threads:
                for key, approval in missing.items():
                    threads.ask(key, approval)
        self._asked |= missing.keys()

    def answer(self, approval_id: str, approval: Shown, answer: Shown) -> None:
        """Resume the thread with the answer its row holds; open it first where it is missing.

        Raises:
            StoreNotUsable: the file is not a database of threads.
        """
        with self._open() as threads:
            threads.answer(approval_id, approval, answer)

    def waiting(self, approval_id: str) -> bool:
        """True while the thread stands at its question."""
        with self._open() as threads:
            return bool(threads.state(approval_id).interrupts)

    def _forget_if_replaced(self) -> None:
        inode = self._file.stat().st_ino if self._file.exists() else None
        if inode != self._inode:
            self._asked.clear()
        self._inode = inode

    @contextmanager
    def _open(self) -> Generator[_Threads]:
        try:
            with closing(sqlite3.connect(self._file, timeout=30, check_same_thread=False)) as connection:
                yield _Threads(SqliteSaver(connection, serde=JsonSerializer()))
        except sqlite3.Error as wrong:
            raise StoreNotUsable(
                f"the approval threads in {self._file} cannot be used: {wrong}.",
                next_step="Move the file away: it is rebuilt from the store.",
            ) from wrong
        self._inode = self._file.stat().st_ino


class _State:
    """Where a thread stands."""

    def __init__(self, interrupts: tuple[Interrupt, ...], answer: Shown) -> None:
        self.interrupts = interrupts
        self.answer = answer


class _Threads:
    """The threads over one open connection."""

    def __init__(self, saver: SqliteSaver) -> None:
        self._saver = saver
        self._graph = build_approval_graph(saver)

    def state(self, thread: str) -> _State:
        """Where a thread stands; one that cannot be read is thrown away and stands nowhere."""
        try:
            return self._read(thread)
        except _UNREADABLE:
            self._saver.delete_thread(thread)
            return self._read(thread)

    def ask(self, thread: str, approval: Shown) -> _State:
        """Bring a thread to its question. One that has ended was answered behind the row's back."""
        state = self.state(thread)
        if state.interrupts:
            return state
        if state.answer:
            self._saver.delete_thread(thread)
        question: Question = {"version": GRAPH_VERSION, "approval": _fitting(thread, approval)}
        self._graph.invoke(question, _config(thread), durability="sync")  # pyright: ignore[reportUnknownMemberType]
        return self._read(thread)

    def answer(self, thread: str, approval: Shown, answer: Shown) -> None:
        if self.state(thread).answer == answer:
            return
        state = self.ask(thread, approval)
        resume: Command[None] = Command(resume={state.interrupts[0].id: answer})
        self._graph.invoke(resume, _config(thread), durability="sync")  # pyright: ignore[reportUnknownMemberType]

    def _read(self, thread: str) -> _State:
        found = self._graph.get_state(_config(thread))
        values = cast("dict[str, Any]", found.values)
        return _State(found.interrupts, values.get("answer", {}))


def _fitting(thread: str, approval: Shown) -> Shown:
    """The question, or where it is too large for a checkpoint, where to read it."""
    if len(canonical_json(approval)) <= _LARGEST:
        return approval
    return {"id": thread, "evidence": f"too large to show here; see: crossloop approvals show {thread}"}


def _config(thread: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread}, "recursion_limit": RECURSION_LIMIT}
