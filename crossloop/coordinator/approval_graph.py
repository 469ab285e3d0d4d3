"""The approval graph: one question to people, as a LangGraph thread.

A thread is a projection of its row in the approvals table and can be rebuilt from it at any time. The
row decides; the graph shows the question where LangGraph's own tools look for it, and nowhere else: when
the row has ended, its thread is removed. Defences, each against a measured behaviour:

* the gate node is one ``interrupt`` and nothing else, since everything before it would run again;
* no thread is ever resumed here, and what somebody else resumes has no effect: it is built anew;
* a thread gets input once: a second start of the same thread is not attempted while it waits;
* ``durability="sync"``, our own JSON-only serializer, and a saver that keeps stale workers out;
* a thread whose checkpoint cannot be read is thrown away and built anew;
* a file of ours that is damaged, or whose tables have another shape, is set aside and made anew. A file
  that is not ours, or cannot be used now, is left as it is.
"""

from __future__ import annotations

import itertools
import logging
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, Final, TypedDict, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Interrupt, interrupt
from pydantic import JsonValue

from crossloop.canonical import canonical_json
from crossloop.coordinator.fenced_saver import FenceDamaged, FencedSaver
from crossloop.coordinator.serializer import MAX_BYTES, CheckpointRefused, JsonSerializer
from crossloop.coordinator.threads_file import APPLICATION_ID, check_threads_file
from crossloop.errors import StoreNotUsable, ThreadsUnusable
from crossloop.store import Lease

GRAPH_VERSION: Final = 1
"""Stands in the state of every thread, so that a later version can tell old threads apart."""

RECURSION_LIMIT: Final = 4
"""One node and the way out: more steps than this are a defect."""

_LARGEST: Final = MAX_BYTES // 4
"""Bytes of a question; it stands in a checkpoint more than once."""

_UNREADABLE = (CheckpointRefused, KeyError, TypeError, AttributeError, ValueError)
"""What LangGraph raises over a checkpoint that is refused, or whose JSON has another shape than its own."""

_DAMAGED: Final = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
"""SQLite's primary codes for a file that has to be made anew; a busy one or a full disk is left alone."""

_SHAPE: Final = (
    "SELECT one.name, part.name, part.pk FROM sqlite_master one JOIN pragma_table_info(one.name) part"
    " WHERE one.name IN ('checkpoints', 'writes', 'fence')"
)
"""LangGraph's own tables and the fence: their columns and primary keys."""

_TOGETHER: Final = 100
"""Most threads that are written in one commit: whoever else wants the file waits no longer than for these."""

_PATIENCE: Final = 30.0
"""Seconds to wait for another program that holds the file."""

_LOG: Final = logging.getLogger(__name__)

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


class _WrongShape(Exception):
    """The tables are not those that LangGraph makes."""


_UNUSABLE: Final = (sqlite3.Error, UnicodeDecodeError, FenceDamaged, _WrongShape)
"""What says that the file cannot be used."""


class ApprovalThreads:
    """The threads of the approval graph, in a database file of their own.

    A file of ours that is damaged is set aside, and another one takes its place.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.made = 0
        """How often the file had to be made: whatever was asked before is not in it then."""

    @property
    def there(self) -> bool:
        """False where the file has not been made, or was removed: then no question has its thread."""
        return self._file.exists()

    def ask(self, questions: Mapping[str, Shown], *, lease: Lease | None = None) -> None:
        """Open the threads of these approvals, by id; those that show them already are left alone.

        Args:
            lease: keeps those out of the file who held it before; None checks nothing.

        Raises:
            ThreadsUnusable: the file can neither be used nor be set aside.
            StaleLease: somebody who holds the lease since has been here; nothing was changed.
        """
        if questions:
            self._use(lambda threads: threads.ask_all(questions), lease)

    def end(self, approval_ids: Collection[str], *, lease: Lease | None = None) -> None:
        """Remove the threads of approvals that have ended, if they are there.

        Args:
            lease: as in :meth:`ask`.

        Raises:
            ThreadsUnusable: the file can neither be used nor be set aside.
            StaleLease: somebody who holds the lease since has been here; nothing was changed.
        """
        if approval_ids:
            self._use(lambda threads: threads.end_all(approval_ids), lease)

    def set_aside(self, why: Exception) -> None:
        """Keep the file under another name, and begin with a new one.

        Raises:
            ThreadsUnusable: it cannot be moved.
        """
        beside = (self._file.with_name(f"{self._file.name}.damaged-{n}") for n in itertools.count(1))
        kept = next(one for one in beside if not one.exists())
        try:
            for part in ("-wal", "-shm", ""):  # the database itself last: it says that this is still to do
                file = self._file.with_name(self._file.name + part)
                if file.exists():
                    file.rename(kept.with_name(kept.name + part))
        except OSError as failed:
            raise self._unusable(failed) from why
        _LOG.warning(
            "the approval threads in %s could not be used (%s); the file is kept as %s and was made anew.",
            self._file,
            why,
            kept.name,
        )

    def _use(self, work: Callable[[_Threads], object], lease: Lease | None) -> None:
        try:
            self._once(work, lease)
            return
        except _UNUSABLE as wrong:
            if not _is_damage(wrong):
                raise self._unusable(wrong) from wrong
            self.set_aside(wrong)
        try:
            self._once(work, lease)
        except _UNUSABLE as wrong:
            raise self._unusable(wrong) from wrong

    def _once(self, work: Callable[[_Threads], object], lease: Lease | None) -> None:
        try:
            check_threads_file(self._file)
        except StoreNotUsable as refused:
            raise ThreadsUnusable(refused.message, next_step=refused.next_step) from refused
        self.made += not self.there
        with closing(sqlite3.connect(self._file, timeout=_PATIENCE, check_same_thread=False)) as connection:
            _claim(connection)
            saver = FencedSaver(connection, lease, serde=JsonSerializer())
            saver.setup()
            if _shape(connection) != _expected_shape():
                raise _WrongShape("its tables have another shape")
            saver.pass_fence()  # also where nothing has to be written: those before are kept out from here on
            work(_Threads(saver))

    def _unusable(self, wrong: Exception) -> ThreadsUnusable:
        return ThreadsUnusable(
            f"the approval threads in {self._file} cannot be used: {wrong}. What was decided is not touched.",
            next_step="Move the file away, or end the program that holds it: it is rebuilt from the store.",
        )


def _is_damage(wrong: Exception) -> bool:
    """True for what only another file mends."""
    if isinstance(wrong, sqlite3.Error):
        code = getattr(wrong, "sqlite_errorcode", None)
        return isinstance(code, int) and code & 0xFF in _DAMAGED
    return True  # a shape, a fence, or a damaged schema that SQLite quotes and the driver cannot decode


def _claim(connection: sqlite3.Connection) -> None:
    """Give a new file our application id, before LangGraph makes it a WAL: so that it stands in the file."""
    if connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,):
        return
    if connection.execute("PRAGMA page_count").fetchone() != (0,):
        raise sqlite3.OperationalError("another program has just made it its own")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _shape(connection: sqlite3.Connection) -> frozenset[tuple[str, str, int]]:
    return frozenset(connection.execute(_SHAPE))


@cache
def _expected_shape() -> frozenset[tuple[str, str, int]]:
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as connection:
        FencedSaver(connection, None).setup()
        return _shape(connection)


class _State:
    """Where a thread stands."""

    def __init__(self, interrupts: tuple[Interrupt, ...], answer: Shown) -> None:
        self.interrupts = interrupts
        self.answer = answer


class _Threads:
    """The threads over one open connection."""

    def __init__(self, saver: FencedSaver) -> None:
        self._saver = saver
        self._graph = build_approval_graph(saver)

    def ask_all(self, questions: Mapping[str, Shown]) -> None:
        """Bring threads to their questions, many of them in one commit."""
        for some in _batches(questions):
            with self._saver.together():
                for one in some:
                    self.ask(one, questions[one])

    def end_all(self, threads: Collection[str]) -> None:
        """Remove threads, many of them in one commit."""
        for some in _batches(threads):
            with self._saver.together():
                for one in some:
                    self.end(one)

    def state(self, thread: str) -> _State:
        """Where a thread stands; one that cannot be read is thrown away and stands nowhere."""
        try:
            return self._read(thread)
        except _UNREADABLE:
            self._saver.delete_thread(thread)
            return self._read(thread)

    def ask(self, thread: str, approval: Shown) -> None:
        """Bring a thread to its question. One that has ended was answered behind the row's back."""
        shown = _fitting(thread, approval)
        if self._is_known(thread):
            state = self.state(thread)
            if any(one.value == shown for one in state.interrupts):
                return
            if state.interrupts or state.answer:
                self._saver.delete_thread(thread)
        question: Question = {"version": GRAPH_VERSION, "approval": shown}
        self._graph.invoke(question, _config(thread), durability="sync")  # pyright: ignore[reportUnknownMemberType]

    def end(self, thread: str) -> None:
        self._saver.delete_thread(thread)

    def _is_known(self, thread: str) -> bool:
        """False where nothing stands of a thread: finding that out through LangGraph costs a millisecond."""
        with self._saver.cursor(transaction=False) as reading:
            found = reading.execute("SELECT 1 FROM checkpoints WHERE thread_id = ? LIMIT 1", (thread,))
            return found.fetchone() is not None

    def _read(self, thread: str) -> _State:
        found = self._graph.get_state(_config(thread))
        values = cast("dict[str, Any]", found.values)
        return _State(found.interrupts, values.get("answer", {}))


def _batches(threads: Collection[str]) -> Iterator[tuple[str, ...]]:
    rest = iter(threads)
    while some := tuple(itertools.islice(rest, _TOGETHER)):
        yield some


def _fitting(thread: str, approval: Shown) -> Shown:
    """The question, or where it is too large for a checkpoint, where to read it."""
    if len(canonical_json(approval)) <= _LARGEST:
        return approval
    return {"id": thread, "evidence": f"too large to show here; see: crossloop approvals show {thread}"}


def _config(thread: str) -> RunnableConfig:
    # A run of one node writes one thing after the other; without the limit it starts a thread for each.
    return {"configurable": {"thread_id": thread}, "recursion_limit": RECURSION_LIMIT, "max_concurrency": 1}
