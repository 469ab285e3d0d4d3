"""A checkpoint saver that a stale worker cannot write through.

Rules:

1. The file of checkpoints holds a fence: for each name of a lease the largest token that has come by.
2. A writer shows its lease. A smaller token than the fence's is refused with ``StaleLease`` and changes
   nothing; a larger one raises the fence, and from then on whoever held the name before is refused.
3. Lock, check, write: ``BEGIN IMMEDIATE``, then the fence in a statement of its own, then what LangGraph
   writes, all in one transaction. Inside the statement that takes the lock the fence would be the one from
   before the wait, and a stale worker would pass.
4. A write is whole or not there: what fails on its way is rolled back. LangGraph's saver would commit the
   part that was done.
5. Many writes can be one transaction (:meth:`FencedSaver.together`): the fence is passed once, at its
   beginning, and nobody can raise it before its end. A synced commit costs as much as the writes of fifty.
6. Without a lease nothing is checked, as in the store. Reading is never fenced.

Why a fence in this file, and not the row of the lease in the store: that row is in another database, and
SQLite has no transaction over both that is checked and committed in one moment. Whoever checks there and
writes here can be paused in between, for as long as it takes somebody to follow. The token is the store's
all the same: only the store hands it out, and it grows with every acquisition.

What it guarantees: as soon as a successor has touched the file, nothing of a predecessor gets in. Until
then a predecessor can still write, which is what would have happened had it been a moment faster. The
successor finds what it wrote when it brings the threads in step with their rows.

What it does not: a file that was deleted or set aside takes its fence with it. And tokens begin again where
a store is put back from an older copy, or made anew beside an old file of threads: then the fence is ahead
of the store. The saver cannot tell that from being stale, whoever holds the store can
(:func:`crossloop.coordinator.threads_in_step.bring_in_step`).

The asynchronous methods are the same ones in a thread, one after the other as the saver's lock has it.
Deleting by run, copying a thread and pruning are not offered, since LangGraph's saver has none of them.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.sqlite import SqliteSaver

from crossloop.errors import StaleLease
from crossloop.store import Lease

_TABLE: Final = "CREATE TABLE IF NOT EXISTS fence (name TEXT PRIMARY KEY, token INTEGER NOT NULL) STRICT"
_GET: Final = "SELECT token FROM fence WHERE name = ?"
_RAISE: Final = "INSERT OR REPLACE INTO fence (name, token) VALUES (?, ?)"


class FenceDamaged(Exception):
    """The fence holds what is no token."""


class FencedSaver(SqliteSaver):
    """LangGraph's SQLite saver, with every write behind the fence."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        lease: Lease | None,
        *,
        serde: SerializerProtocol | None = None,
    ) -> None:
        """Take a connection that several threads may use, one at a time (``check_same_thread=False``).

        Args:
            lease: what the writer holds; None writes unchecked.
            serde: how values become bytes; LangGraph's own by default, as in every saver of it.
        """
        super().__init__(connection, serde=serde)
        self._lease = lease
        self._together = False

    def setup(self) -> None:
        """Make the tables where they are not there."""
        if self.is_setup:
            return
        self.conn.execute(_TABLE)
        super().setup()

    def pass_fence(self) -> None:
        """Check the lease, and keep those out who held it before, without writing anything else.

        Raises:
            StaleLease: somebody with a larger token was here.
        """
        with self.cursor():
            pass

    @contextmanager
    def together(self) -> Generator[None]:
        """Make one transaction of all writes inside; it is written as a whole or not at all.

        Raises:
            StaleLease: somebody with a larger token was here; nothing was written.
        """
        self.setup()
        self.conn.execute("BEGIN IMMEDIATE")
        try:
            with closing(self.conn.cursor()) as writing:
                self._check(writing)
            self._together = True
            yield
            self.conn.commit()
        except BaseException:
            self.conn.rollback()
            raise
        finally:
            self._together = False

    @contextmanager
    def cursor(self, transaction: bool = True) -> Generator[sqlite3.Cursor]:
        """A cursor, as LangGraph's saver uses it for everything it does; for writing, behind the fence.

        Raises:
            StaleLease: somebody with a larger token was here; nothing was written.
        """
        if not transaction:
            with super().cursor(transaction=False) as reading:
                yield reading
            return
        with self.lock:
            self.setup()
            with closing(self.conn.cursor()) as writing:
                if self._together:
                    with self._part(writing):
                        yield writing
                    return
                writing.execute("BEGIN IMMEDIATE")
                try:
                    self._check(writing)
                    yield writing
                    self.conn.commit()
                except BaseException:
                    self.conn.rollback()
                    raise

    @contextmanager
    def _part(self, writing: sqlite3.Cursor) -> Generator[None]:
        """One write of several: what fails on its way is taken back alone (rule 4)."""
        writing.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            writing.execute("ROLLBACK TO part")
            raise
        finally:
            writing.execute("RELEASE part")

    def _check(self, writing: sqlite3.Cursor) -> None:
        lease = self._lease
        if lease is None:
            return
        row = writing.execute(_GET, (lease.name,)).fetchone()
        largest = 0 if row is None else row[0]
        if not isinstance(largest, int):
            raise FenceDamaged(f"its fence for {lease.name} is no token")
        if largest > lease.token:
            raise StaleLease(
                f"{lease.name} is no longer held by {lease.owner} (token {lease.token}): token {largest} was "
                "at the checkpoints.",
                next_step="Acquire it again and read anew.",
            )
        if largest < lease.token:
            writing.execute(_RAISE, (lease.name, lease.token))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As :meth:`get_tuple`, in a thread."""
        return await asyncio.to_thread(self.get_tuple, config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """As :meth:`list`, in a thread, and read as a whole: the lock is not held while somebody iterates."""

        def read() -> list[CheckpointTuple]:
            return [*self.list(config, filter=filter, before=before, limit=limit)]

        for one in await asyncio.to_thread(read):
            yield one

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As :meth:`put`, in a thread."""
        return await asyncio.to_thread(self.put, config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """As :meth:`put_writes`, in a thread."""
        await asyncio.to_thread(self.put_writes, config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """As :meth:`delete_thread`, in a thread."""
        await asyncio.to_thread(self.delete_thread, thread_id)

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """As :meth:`get_delta_channel_history`, in a thread."""
        return await asyncio.to_thread(self.get_delta_channel_history, config=config, channels=channels)
