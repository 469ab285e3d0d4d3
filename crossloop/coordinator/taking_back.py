"""Taking back what undertakings that came to nothing have done: the systems are asked how, and do it.

Rules:

1. One step of each undertaking at a time, the last one in force first; the one before it is due when its
   receipt is there. Steps of different undertakings are taken back together.
2. Nothing is remembered between two steps: what is due is read anew. Whoever dies in between is followed by a
   run that finds the same thing due, or the action that takes it back permitted.
"""

from __future__ import annotations

from collections.abc import Mapping

from crossloop.actions import Adapter, Executor
from crossloop.coordinator import sagas
from crossloop.faults import crash_point
from crossloop.governance import Policy
from crossloop.signals import Receipt
from crossloop.store import Lease, Store


async def take_back(
    store: Store, adapters: Mapping[str, Adapter], executor: Executor, policy: Policy, lease: Lease | None
) -> list[Receipt]:
    """Take back whatever is due, until nothing is; return what was performed."""
    receipts: list[Receipt] = []
    while due := store.read(sagas.due):
        crash_point("act.before_compensate")
        asked = store.read(lambda read, due=due: [sagas.answered(read, one, adapters) for one in due])
        keys, moved = await store.write_async(
            lambda tx, asked=asked: sagas.take_back(tx, asked, policy), lease=lease
        )
        if not moved:
            return receipts  # it is for somebody else to do
        crash_point("act.after_planned_compensation")
        receipts += await executor.perform_all(keys, lease)
        # What a person is told about one step may be all that was left to do.
    return receipts
