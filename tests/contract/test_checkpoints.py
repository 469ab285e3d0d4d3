"""What LangGraph writes into checkpoints, what reading them can do, and how ours stay small and harmless."""

from __future__ import annotations

import operator
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, TypedDict

import ormsgpack
import pytest
from langgraph.checkpoint.serde.jsonplus import EXT_CONSTRUCTOR_SINGLE_ARG, JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph

from crossloop.canonical import NotCanonical
from crossloop.coordinator.approval_graph import ApprovalThreads
from crossloop.coordinator.serializer import CheckpointRefused, JsonSerializer
from tests.support.graphs import CONFIG
from tests.support.hostile import hostile_pickle


class Stage(Enum):
    SHADOW = "shadow"


@dataclass
class Held:
    amount: int


def test_types_behind_any_come_back_as_plain_values() -> None:
    """15: Under strict msgpack, types behind ``Any`` come back as plain values (langgraph#6718, #8184)."""
    strict = JsonPlusSerializer(allowed_msgpack_modules=None)
    written = {"held": Held(1), "stage": {"now": Stage.SHADOW}, "pair": (1, 2)}
    read = strict.loads_typed(strict.dumps_typed(written))
    assert read == {"held": {"amount": 1}, "stage": {"now": "shadow"}, "pair": [1, 2]}


def test_so_state_is_json_and_anything_else_is_refused_when_it_is_written() -> None:
    """15: What would come back as something else is refused when it is written."""
    ours = JsonSerializer()
    for value in (Held(1), Stage.SHADOW, {"held": Held(1)}):
        with pytest.raises((NotCanonical, TypeError)):
            ours.dumps_typed(value)


def pickled(trace: Path) -> tuple[str, bytes]:
    return "pickle", hostile_pickle(trace)


def called(trace: Path) -> tuple[str, bytes]:
    """A msgpack extension that names a function of any module, and its argument."""
    call = ormsgpack.packb(("os", "mkdir", str(trace)))
    return "msgpack", ormsgpack.packb(ormsgpack.Ext(EXT_CONSTRUCTOR_SINGLE_ARG, call))


def test_reading_a_checkpoint_executes_what_stands_in_it_unless_that_was_forbidden(tmp_path: Path) -> None:
    """16: Unless set to strict, which is not the default, a blob calls what it names (langgraph#8522)."""
    trace = tmp_path / "executed"
    JsonPlusSerializer(allowed_msgpack_modules=None).loads_typed(called(trace))
    assert not trace.exists()
    JsonPlusSerializer().loads_typed(called(trace))
    assert trace.exists()


def test_reading_a_checkpoint_unpickles_it_where_that_was_allowed(tmp_path: Path) -> None:
    """16: With ``pickle_fallback``, what is unpickled executes (CVE-2025-64439 and its like)."""
    trace = tmp_path / "executed"
    JsonPlusSerializer(pickle_fallback=True).loads_typed(pickled(trace))
    assert trace.exists()


@pytest.mark.parametrize("hostile", [pickled, called])
def test_so_our_serializer_reads_json_and_nothing_else(
    tmp_path: Path, hostile: Callable[[Path], tuple[str, bytes]]
) -> None:
    """16: The blobs that execute something above are refused unread."""
    trace = tmp_path / "executed"
    with pytest.raises(CheckpointRefused):
        JsonSerializer().loads_typed(hostile(trace))
    assert not trace.exists()


STEPS, ITEM = 40, "x" * 1000


class Growing(TypedDict):
    found: Annotated[list[str], operator.add]


def kept(file: Path, item: Callable[[int], str]) -> int:
    """Bytes of the checkpoints of a graph that finds one thing in each of its steps."""
    graph = StateGraph(Growing)
    graph.add_node("find", lambda state: {"found": [item(len(state["found"]))]})
    graph.add_edge(START, "find")
    graph.add_conditional_edges("find", lambda state: "find" if len(state["found"]) < STEPS else END)
    with closing(sqlite3.connect(file, check_same_thread=False)) as connection:
        graph.compile(checkpointer=SqliteSaver(connection)).invoke({"found": []}, CONFIG, durability="sync")
    return size(file)


def size(file: Path) -> int:
    """Bytes of all checkpoints and pending writes in a file."""
    with closing(sqlite3.connect(file)) as connection:
        columns = {"checkpoints": "checkpoint", "writes": "value"}
        sums = (f"SELECT total(length({column})) FROM {table}" for table, column in columns.items())
        return int(sum(connection.execute(one).fetchone()[0] for one in sums))


def test_every_checkpoint_holds_the_whole_state_so_that_threads_grow_by_the_square(tmp_path: Path) -> None:
    """18: With 1 kB found in each step, checkpoints hold it again in every later step (langgraph#8531)."""
    whole, ids = kept(tmp_path / "whole.db", lambda _: ITEM), kept(tmp_path / "ids.db", str)
    assert whole > STEPS**2 / 2 * len(ITEM)
    assert ids < whole / 20


def test_so_a_thread_of_ours_takes_one_step_and_is_gone_when_its_question_has_ended(tmp_path: Path) -> None:
    """18: However often the threads are brought in step, they hold a question as often as at first."""
    file = tmp_path / "threads.db"
    threads = ApprovalThreads(file)
    sizes: set[int] = set()
    for _ in range(10):
        threads.ask({"apr_1": {"evidence": ITEM}})
        sizes.add(size(file))
    assert len(sizes) == 1
    assert len(ITEM) < max(sizes) < 6 * len(ITEM)
    threads.end(["apr_1"])
    assert size(file) == 0
