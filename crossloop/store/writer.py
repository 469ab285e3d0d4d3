"""The writer: transactions one after the other, those that wait together in one commit.

Rules:

1. One transaction of the database carries every piece of work that waited when it began (a *group*): a
   synced commit costs what hundreds of statements cost, and it costs the same for one piece of work as for
   fifty. Whoever waits is answered after the commit and not before.
2. Inside a group each piece of work is on its own: it takes the head row, then checks its lease in a
   separate statement, then writes, then writes the head back. What fails is taken back alone (a savepoint)
   and goes to whoever asked for it; the others never notice.
3. Where the database itself gives the transaction up, or the commit does not go through, the whole group
   has ended: nothing of it was written, and everybody is told. A failure of the database that leaves the
   transaction standing is one of the work that met it (rule 2); the file is opened anew afterwards.
4. A group ends after :data:`LONGEST` seconds or :data:`MOST` pieces of work. What is *urgent*, for somebody
   waits for it, goes before what is not. A piece of work that can be done in parts asks whether it should
   make way (:meth:`Writer.pressed`): after as long for what is urgent, after :data:`HOLD` seconds for other
   processes, which nobody sees waiting. Counted is the time of its thread: where the processor is short,
   smaller parts would only make more work.
5. After a group that took longer than its time, the store is left free for :data:`PAUSE` seconds: another
   process that wants to write finds it only between two groups.
6. In line, for simulation and tests, each piece of work is a group of its own in the calling thread.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeGuard, TypeVar, cast

from crossloop.clock import Clock
from crossloop.faults import crash_point
from crossloop.store import leases, sqlite
from crossloop.store.leases import Lease
from crossloop.store.session import Lasting, Row, Statements, Tx

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.pool import PoolProxiedConnection

T = TypeVar("T")

MOST: Final = 256
"""Most pieces of work in one group."""

LONGEST: Final = 0.005
"""Seconds after which a group takes in no more work."""

HOLD: Final = 0.05
"""Seconds after which a piece of work that can makes way, whether anybody is seen waiting or not."""

PAUSE: Final = 0.001
"""Seconds between two groups of which the first took longer than that."""


@dataclass(slots=True)
class Job:
    """One piece of work that waits for its transaction."""

    work: Callable[[Tx], Any]
    lease: Lease | None
    outcome: Future[Any] = field(default_factory=Future[Any])

    def __post_init__(self) -> None:
        self.outcome.set_running_or_notify_cancel()  # from here on it is finished, whoever loses interest


class Transactions:
    """Runs groups of work on one connection, which it opens when it is needed."""

    def __init__(
        self, engine: Engine, path: Path, statements: Statements, clock: Clock, salts: Callable[[], bytes]
    ) -> None:
        self._engine = engine
        self._path = path
        self._statements = statements
        self._clock = clock
        self._salts = salts
        self._lasting = Lasting()
        self._connection: PoolProxiedConnection | None = None

    def run(self, jobs: Iterator[Job], patience: float) -> None:
        """Run a group in one transaction and answer everybody; raises nothing.

        Args:
            jobs: the work, handed out as long as more of it may come into this group.
            patience: seconds to wait for another process that is writing.
        """
        taken: list[Job] = []
        answers: list[tuple[Job, Any, BaseException | None]] = []
        learned: list[Mapping[tuple[str, str], Row]] = []
        try:
            connection = self._begun(patience)
            for job in jobs:
                taken.append(job)
                answers.append((job, *self._alone(connection, job, learned)))
            crash_point("store.before_commit")
            connection.commit()
            for one in learned:
                self._lasting.learn(one)
            self._doubt(failure for _, _, failure in answers)
        except BaseException as failure:  # noqa: BLE001 - goes to everybody who waits (rule 3)
            self._roll_back()
            self._doubt([failure])
            told = self._told(failure)
            for job in taken or jobs:
                job.outcome.set_exception(told)
            return
        crash_point("store.after_commit")
        for job, result, failure in answers:
            if failure is None:
                job.outcome.set_result(result)
            else:
                job.outcome.set_exception(self._told(failure))

    def close(self) -> None:
        """Let go of the file; the next group opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _begun(self, patience: float) -> PoolProxiedConnection:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._engine.raw_connection()
        sqlite.patiently(lambda: sqlite.begin_writing(connection), self._path, patience)
        return connection

    def _alone(
        self,
        connection: PoolProxiedConnection,
        job: Job,
        learned: list[Mapping[tuple[str, str], Row]],
    ) -> tuple[Any, BaseException | None]:
        """Do one piece of work; where it fails, the transaction is as it was before (rule 2).

        Raises:
            sqlite.DatabaseError: the database gave the whole transaction up.
        """
        sqlite.mark(connection)
        try:
            tx = Tx(connection, self._statements, self._clock.now(), self._salts, self._lasting)
            try:
                if job.lease is not None:
                    leases.check(tx, job.lease)
                result = job.work(tx)
                tx.write_head()
                learned.append(tx.learned())
            finally:
                tx.close()
        except BaseException as failure:  # goes to whoever asked for it
            if not sqlite.in_transaction(connection):
                raise
            sqlite.back_to_mark(connection)
            return None, failure
        sqlite.unmark(connection)
        return result, None

    def _roll_back(self) -> None:
        if self._connection is not None and sqlite.in_transaction(self._connection):
            self._connection.rollback()

    def _doubt(self, failures: Iterable[BaseException | None]) -> None:
        """Open the file anew for the next group where the database itself found something wrong."""
        if any(_of_database(one) for one in failures):
            self.close()

    def _told(self, failure: BaseException) -> BaseException:
        if not _of_database(failure):
            return failure
        told = sqlite.explained(failure, self._path)
        told.__cause__ = failure
        return told


def _of_database(failure: BaseException | None) -> TypeGuard[sqlite.DatabaseError]:
    """True for what the database says of itself; a broken constraint is a mistake of the program."""
    return isinstance(failure, sqlite.DatabaseError) and not isinstance(failure, sqlite.IntegrityError)


class Writer(Protocol):
    """How work comes to its transaction."""

    def submit(self, work: Callable[[Tx], T], lease: Lease | None, *, urgent: bool = False) -> Future[T]:
        """Hand in work; the outcome is known once it is committed, or failed.

        Args:
            urgent: goes before what is not.

        Raises:
            RuntimeError: called from inside a transaction, or after closing.
        """
        ...

    def pressed(self) -> bool:
        """Whether the piece of work under way should make way, where it can be done in parts."""
        ...

    def close(self) -> None:
        """Finish what was handed in and let go of the file. Twice does nothing."""
        ...


_NESTED: Final = "a transaction cannot start another one; use the Tx it was given"
_CLOSED: Final = "the store is closed"


class ThreadWriter:
    """One thread that writes in groups."""

    def __init__(self, transactions: Transactions, patience: float) -> None:
        self._transactions = transactions
        self._patience = patience
        self._urgent: deque[Job] = deque()
        self._others: deque[Job] = deque()
        self._waiting: queue.SimpleQueue[bool] = queue.SimpleQueue()
        """True for each piece of work that was handed in, False at the end."""
        self._until = 0.0
        """When the present group takes in no more."""
        self._began = 0.0
        """When the present piece of work began, in the time of the thread."""
        self._door = threading.Lock()
        """Held while work is handed in, so that none comes after the end."""
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="crossloop-store", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Tx], T], lease: Lease | None, *, urgent: bool = False) -> Future[T]:
        if threading.current_thread() is self._thread:
            raise RuntimeError(_NESTED)
        job = Job(work, lease)
        with self._door:
            if self._closed:
                raise RuntimeError(_CLOSED)
            (self._urgent if urgent else self._others).append(job)
            self._waiting.put(True)
        return cast("Future[T]", job.outcome)

    def pressed(self) -> bool:
        taken = time.thread_time() - self._began
        return taken >= HOLD or (bool(self._urgent) and taken >= LONGEST)

    def close(self) -> None:
        with self._door:
            if not self._closed:
                self._closed = True
                self._waiting.put(False)
        self._thread.join()

    def _serve(self) -> None:
        over = False

        def group() -> Iterator[Job]:
            nonlocal over
            self._until = time.monotonic() + LONGEST
            yield self._next()
            for _ in range(MOST - 1):
                if time.monotonic() >= self._until:
                    return
                try:
                    over = not self._waiting.get_nowait()
                except queue.Empty:
                    return
                if over:
                    return
                yield self._next()

        while not over and self._waiting.get():
            self._transactions.run(group(), self._patience)
            if time.monotonic() >= self._until:
                time.sleep(PAUSE)
        self._transactions.close()

    def _next(self) -> Job:
        self._began = time.thread_time()
        return (self._urgent or self._others).popleft()


class InlineWriter:
    """Writes in the calling thread: nothing happens in between (rule 6)."""

    def __init__(self, transactions: Transactions, patience: float) -> None:
        self._transactions = transactions
        self._patience = patience
        self._writing = False
        self._closed = False

    def submit(
        self,
        work: Callable[[Tx], T],
        lease: Lease | None,
        *,
        urgent: bool = False,  # noqa: ARG002 - there is nothing to go before
    ) -> Future[T]:
        if self._writing:
            raise RuntimeError(_NESTED)
        if self._closed:
            raise RuntimeError(_CLOSED)
        job = Job(work, lease)
        self._writing = True
        try:
            self._transactions.run(iter([job]), self._patience)
        finally:
            self._writing = False
        return cast("Future[T]", job.outcome)

    def pressed(self) -> bool:
        return False

    def close(self) -> None:
        self._closed = True
        self._transactions.close()
