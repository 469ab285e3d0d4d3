"""CrewAI Flow with ``@persist``: the state is saved to SQLite after every method.

Durable: SQLiteFlowPersistence puts its file in WAL mode and leaves SQLite's ``synchronous=FULL``. It opens
and closes a connection for each save, as it does by itself; telemetry, tracing and the console are off.
By default each save takes a lock file that is asked for again after 0.25 s, which two departments that end
together always run into; the in-process lock that CrewAI lets one set is used instead, in its favour.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from steps import Ads, Signal, folder_and_numbers, gate, marketing, measure, mediate, service

FOLDER, _, _ = folder_and_numbers()
os.environ.update(
    {
        "CREWAI_DISABLE_TELEMETRY": "true",
        "CREWAI_DISABLE_TRACKING": "true",
        "CREWAI_TRACING_ENABLED": "false",
        "CREWAI_STORAGE_DIR": str(FOLDER),
        "OTEL_SDK_DISABLED": "true",
    }
)

from crewai.flow.flow import Flow, FlowState, and_, listen, start  # noqa: E402
from crewai.flow.persistence import SQLiteFlowPersistence, persist  # noqa: E402
from crewai_core.lock_store import set_lock_backend  # noqa: E402
from pydantic import Field  # noqa: E402

WHAT = "the state is committed (WAL, synchronous=FULL) after every method, over a connection of its own"
ADS = Ads()
LOCKS: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)


@contextmanager
def in_process(name: str, **_: object) -> Iterator[None]:
    """A lock of this process."""
    with LOCKS[name]:
        yield


class State(FlowState):
    signal: dict[str, Any] = Field(default_factory=dict)
    marketing: dict[str, Any] = Field(default_factory=dict)
    service: dict[str, Any] = Field(default_factory=dict)
    conflicts: list[dict[str, str]] = Field(default_factory=list)
    decision: dict[str, Any] = Field(default_factory=dict)
    receipts: list[dict[str, Any]] = Field(default_factory=list)


@persist(SQLiteFlowPersistence(str(FOLDER / "flows.db")))
class Answer(Flow[State]):
    @start()
    def accept(self) -> None:
        """Accepted: the signal is in the state that is saved now."""

    @listen(accept)
    def ask_marketing(self) -> None:
        self.state.marketing = marketing(self.state.signal)

    @listen(accept)
    def ask_service(self) -> None:
        self.state.service = service(self.state.signal)

    @listen(and_(ask_marketing, ask_service))
    def settle(self) -> None:
        self.state.conflicts = mediate([self.state.marketing, self.state.service])

    @listen(settle)
    def decide(self) -> None:
        self.state.decision = gate([self.state.marketing, self.state.service], self.state.conflicts)

    @listen(decide)
    def act(self) -> list[dict[str, Any]]:
        self.state.receipts = [ADS.perform(action) for action in self.state.decision["actions"]]
        return self.state.receipts


async def answer(signal: Signal) -> list[dict[str, Any]]:
    """Run a flow for one signal."""
    flow = Answer(suppress_flow_events=True)
    return await flow.kickoff_async(inputs={"signal": signal})


async def together(signals: Sequence[Signal]) -> list[dict[str, Any]]:
    """Run a flow for each signal."""
    found = await asyncio.gather(*(answer(signal) for signal in signals))
    return [receipt for receipts in found for receipt in receipts]


def main() -> None:
    set_lock_backend(in_process)
    with asyncio.Runner() as runner:
        measure(lambda signals: runner.run(together(signals)), ADS, synced=FOLDER / "flows.db", what=WHAT)


if __name__ == "__main__":
    main()
