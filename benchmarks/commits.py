"""When a signal was accepted, and when it was executed, without a word to whoever works.

A signal is accepted once the transaction that admits it is committed, and executed once the one that records
its receipt is. Entries carry the instant at which their piece of work began, on the writer's thread, and to
the microsecond; so the store of a benchmark notes that instant and the moment of the commit for each piece of
work, and which signal it was is read from the ledger when everything is over. That costs a microsecond for a
transaction, whatever it carries, and sixteen bytes of memory.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from crossloop.store import Lease, Read, Store, Tx

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_STEPS = (
    "SELECT s.subject, s.type, r.at, e.at,"
    " (SELECT count(*) FROM approvals p WHERE p.decision_key = d.key)"
    " FROM signals s JOIN entries r ON r.position = s.key"
    " JOIN decisions d ON d.signal_key = s.key JOIN actions a ON a.decision_key = d.key"
    " JOIN entries e ON e.position = a.finished WHERE a.state = 'done' ORDER BY s.key"
)


class WatchedStore(Store):
    """A store that notes when each piece of work was committed."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._began = array("q")
        self._committed = array("d")

    def submit(
        self, work: Callable[[Tx], T], *, lease: Lease | None = None, urgent: bool = False
    ) -> Future[T]:
        began = 0

        def noted(tx: Tx) -> T:
            nonlocal began
            began = (tx.now - _EPOCH) // _MICROSECOND
            return work(tx)

        def committed(outcome: Future[T]) -> None:
            if outcome.exception() is None:
                self._began.append(began)
                self._committed.append(time.perf_counter())

        outcome = super().submit(noted, lease=lease, urgent=urgent)
        outcome.add_done_callback(committed)
        return outcome

    def commits(self) -> dict[int, float]:
        """By the instant at which a piece of work began: when it was committed, by ``perf_counter``."""
        return dict(zip(self._began, self._committed, strict=True))


@dataclass(frozen=True, slots=True)
class Step:
    """One signal that was executed."""

    subject: str
    type: str
    accepted: float
    """By ``time.perf_counter``, as the next one."""

    executed: float
    asked: bool
    """Whether a person was asked in between."""


def steps(store: WatchedStore) -> list[Step]:
    """Every signal that was executed through this store since it was opened, in the order of admission."""
    commits = store.commits()

    def found(read: Read) -> list[Step]:
        return [
            Step(subject, kind, commits[accepted], commits[executed], bool(asked))
            for subject, kind, accepted, executed, asked in read.rows(_STEPS)
            if accepted in commits and executed in commits
        ]

    return store.read(found)
