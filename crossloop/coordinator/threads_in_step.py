"""Bringing the threads of the approval graph in step with their rows. They are shown, and decide nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from crossloop.coordinator.approval_graph import ApprovalThreads
from crossloop.coordinator.asked import decided, describe
from crossloop.errors import StaleLease, ThreadsUnusable
from crossloop.faults import crash_point
from crossloop.store import Lease, Read, Store, approvals, leases
from crossloop.store.approvals import ApprovalRow

_LOG: Final = logging.getLogger(__name__)


def bring_in_step(store: Store, threads: ApprovalThreads, lease: Lease | None, *, after: int = -1) -> int:
    """Bring the threads of the approval graph in step with their rows: ask what waits, end the rest.

    Args:
        after: what was asked up to this entry has its thread. Where the file of the threads had to be made
            anew, everything that waits is asked again.

    Returns:
        The entry up to which everything has its thread now.

    A thread whose row says that it has ended is removed, and only then ticked off: whoever dies in between
    removes it again. A row whose decision was removed from the ledger shows nothing; it still ends.

    Threads in which a larger token was, while the store says that this lease is the last one, are those of
    another past of the store: one that was put back from a copy, or made anew. They are set aside.

    Raises:
        StaleLease: somebody has followed; the threads were left as they are.
    """
    wanted = store.read(lambda read: _wanted(read, after))
    before = threads.made
    try:
        try:
            _show(threads, wanted, lease)
        except StaleLease as refused:
            if lease is not None:
                store.read(lambda read: leases.check(read, lease))
            threads.set_aside(ThreadsUnusable(f"they are of another past of this store: {refused.message}"))
            _show(threads, wanted, lease)
        if threads.made != before and after >= 0:
            _show(threads, store.read(lambda read: _wanted(read, -1)), lease)
    except ThreadsUnusable as unusable:
        _LOG.warning("%s", unusable)  # a projection: what is decided and done does not wait for it
        return after
    if wanted.ended:
        store.write(lambda tx: [approvals.thread_removed(tx, one) for one in wanted.ended], lease=lease)
    return wanted.up_to


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which threads there have to be, and which not."""

    waiting: Mapping[str, dict[str, JsonValue]]
    ended: Sequence[str]
    up_to: int
    """The last entry when this was so."""


def _wanted(read: Read, after: int) -> _Wanted:
    waiting = _questions(read, approvals.waiting_after(read, after))
    return _Wanted(waiting, [row.id for row in approvals.ended_with_thread(read)], read.head().size - 1)


def _show(threads: ApprovalThreads, wanted: _Wanted, lease: Lease | None) -> None:
    crash_point("threads.before_shown")
    threads.ask(wanted.waiting, lease=lease)
    crash_point("threads.after_asked")
    threads.end(wanted.ended, lease=lease)
    crash_point("threads.after_ended")


def _questions(read: Read, rows: Sequence[ApprovalRow]) -> dict[str, dict[str, JsonValue]]:
    """What is asked, by the id of the approval, as far as it is still there."""
    found = ((row, *decided(read, row)) for row in rows)
    return {row.id: describe(read, row, one, body) for row, one, body in found if body is not None}
