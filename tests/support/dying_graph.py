"""A graph that pays and ships, in a process that dies on the way: in a node, or before a checkpoint."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.sqlite import SqliteSaver

from tests.support.graphs import CONFIG, State, gated

PAID = 1
"""Step whose checkpoint is the one after paying and before shipping; the input's is -1."""


class Watched(SqliteSaver):
    """Tells when paying was kept, and dies where it would keep the checkpoint of a step."""

    def __init__(self, connection: sqlite3.Connection, dies_at: int | None) -> None:
        super().__init__(connection)
        self.paid = threading.Event()
        self._payment_written = threading.Event()
        self._dies_at = dies_at

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        if metadata.get("step") == self._dies_at:
            if self._dies_at == PAID:
                assert self._payment_written.wait(60)  # it is written by another thread, at any time
            os.kill(os.getpid(), signal.SIGKILL)
        kept = super().put(config, checkpoint, metadata, new_versions)
        if metadata.get("step") == PAID:
            self.paid.set()
        return kept

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        super().put_writes(config, writes, task_id, task_path)
        if any(channel == "done" for channel, _ in writes):
            self._payment_written.set()


def effects(path: Path) -> list[str]:
    """What was done in the world, in its order."""
    file = path / "effects"
    return file.read_text(encoding="utf-8").split() if file.exists() else []


@contextmanager
def opened(path: Path, *, dies_at: int | None = None, dies_shipping: str | None = None) -> Iterator[Any]:
    """The graph over the checkpoints in a directory.

    Args:
        dies_at: the step whose checkpoint is not kept any more.
        dies_shipping: the durability under which the process dies right after it has shipped.
    """

    def done(what: str) -> None:
        with (path / "effects").open("a", encoding="utf-8") as file:
            file.write(f"{what}\n")

    with closing(sqlite3.connect(path / "graph.db", check_same_thread=False)) as connection:
        saver = Watched(connection, dies_at)

        def pay(state: State) -> Any:
            done("paid")
            return {"done": ["paid"]}

        def ship(state: State) -> Any:
            done("shipped")
            if dies_shipping == "async":
                assert saver.paid.wait(60)  # so that it is not lost as well, which depends on luck
            if dies_shipping is not None:
                os.kill(os.getpid(), signal.SIGKILL)
            return {"done": [*state["done"], "shipped"]}

        yield gated(pay, ship, saver=saver)


def die_keeping(path: Path, step: str) -> None:
    """Pay and ship, and die where the checkpoint of this step would be kept."""
    with opened(path, dies_at=int(step)) as graph:
        graph.invoke({"amount": 1}, CONFIG, durability="sync")


def die_shipping(path: Path, durability: str) -> None:
    """Pay and ship, and die after the effect and before LangGraph hears of it."""
    with opened(path, dies_shipping=durability) as graph:
        graph.invoke({"amount": 1}, CONFIG, durability=durability)
