"""A coordinator of the simulated company, as a process that can be paused and can die."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from pydantic import JsonValue

from crossloop.coordinator import Company, Runtime
from crossloop.coordinator.admit import in_force
from crossloop.coordinator.approval_graph import ApprovalThreads
from crossloop.departments import Department
from crossloop.errors import StaleLease
from crossloop.governance import Policy
from crossloop.ids import DepartmentName
from crossloop.store import Lease
from crossloop.testing.company import CATALOGUE
from crossloop.testing.processes import Holder, Life, WatchedStore
from crossloop.testing.systems import SimulatedSystem, World
from crossloop.testing.virtual_time import VirtualClock
from crossloop.testing.vocabulary import SYSTEMS

T = TypeVar("T")

PATIENCE: Final = 90.0
"""Virtual seconds for which a worker waits for another one."""


async def _in_line(work: Callable[[], None]) -> None:
    work()


@dataclass
class Shown:
    """What people see of the approval graph; it survives the process, as the file of threads does."""

    questions: dict[str, dict[str, JsonValue]] = field(default_factory=dict[str, dict[str, JsonValue]])
    token: int = 0
    """The largest fencing token that was here."""


class ShownInMemory(ApprovalThreads):
    """Threads of the approval graph that stand in memory: a file of its own takes as long as a whole wave."""

    def __init__(self, file: Path, shown: Shown) -> None:
        super().__init__(file)
        self._shown = shown

    def ask(self, questions: Mapping[str, dict[str, JsonValue]], *, lease: Lease | None = None) -> None:
        self._enter(lease)
        self._shown.questions |= questions

    def end(self, approval_ids: Collection[str], *, lease: Lease | None = None) -> None:
        self._enter(lease)
        for one in approval_ids:
            self._shown.questions.pop(one, None)

    def set_aside(self, why: Exception) -> None:
        raise AssertionError("the threads are of no other past") from why

    def _enter(self, lease: Lease | None) -> None:
        token = self._shown.token if lease is None else lease.token
        if token < self._shown.token:
            raise StaleLease(f"{self._shown.token} was here, not {token}")
        self._shown.token = token


class Worker:
    """One coordinator process."""

    def __init__(
        self,
        life: Life,
        store: WatchedStore,
        policy: Policy,
        threads: ApprovalThreads,
        clock: VirtualClock,
        departments: Mapping[DepartmentName, Department],
        world: World,
        source: random.Random,
        alive: Callable[[str], bool],
    ) -> None:
        """Open one; what its systems remember is in the world."""
        self.life = life
        self.store = store
        self.policy = policy
        self.company = Company(
            catalogue=CATALOGUE,
            departments=departments,
            loops={},
            adapters={
                name: SimulatedSystem(
                    name,
                    world,
                    clock,
                    source,
                    idempotent=promises.idempotent,
                    find=promises.find,
                    before_sending=life.check,
                )
                for name, promises in SYSTEMS.items()
            },
        )
        # Kept from one piece of work to the next, as the façade keeps it.
        self._runtime = Runtime(
            store, self.company, policy, threads, clock, replaces=in_force(store), offload=_in_line
        )
        self._holder = Holder(store, life.name, alive)

    async def work(self, doing: Callable[[Runtime], Awaitable[T]]) -> T:
        """Do something under the lease, as the façade does.

        Raises:
            StoreBusy: another worker held the lease for too long.
        """

        async def held(lease: Lease) -> T:
            self._runtime.hold(lease)
            return await doing(self._runtime)

        return await self._holder.hold(held, patience=PATIENCE)

    def close(self) -> None:
        """Let go of the store's file; the lease stays as it is."""
        self.store.close()
