"""Microsoft Agent Framework: a workflow of executors with FileCheckpointStorage.

Not durable by its default: a checkpoint is written to a temporary file and renamed, without fsync, so that
what was checkpointed survives the process and not a loss of power. One checkpoint is written before the
first superstep and one after each.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Never

from agent_framework import (
    Executor,
    FileCheckpointStorage,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
)
from steps import Ads, Signal, folder_and_numbers, gate, marketing, measure, mediate, service

WHAT = "a file per superstep, written and renamed without fsync: it survives the process, not the machine"


class Route(Executor):
    @handler
    async def route(self, signal: dict, context: WorkflowContext[dict]) -> None:
        await context.send_message(signal)


class Marketing(Executor):
    @handler
    async def ask(self, signal: dict, context: WorkflowContext[dict]) -> None:
        await context.send_message(marketing(signal))


class Service(Executor):
    @handler
    async def ask(self, signal: dict, context: WorkflowContext[dict]) -> None:
        await context.send_message(service(signal))


class Mediate(Executor):
    @handler
    async def settle(self, answers: list[dict], context: WorkflowContext[dict]) -> None:
        await context.send_message({"answers": answers, "conflicts": mediate(answers)})


class Gate(Executor):
    @handler
    async def decide(self, settled: dict, context: WorkflowContext[dict]) -> None:
        await context.send_message(gate(settled["answers"], settled["conflicts"]))


class Act(Executor):
    def __init__(self, ads: Ads) -> None:
        super().__init__(id="act")
        self._ads = ads

    @handler
    async def act(self, decision: dict, context: WorkflowContext[Never, list]) -> None:
        await context.yield_output([self._ads.perform(action) for action in decision["actions"]])


def build(ads: Ads, storage: FileCheckpointStorage) -> Workflow:
    """A fresh workflow: one cannot run for two signals at once."""
    route, first, second = Route(id="route"), Marketing(id="marketing"), Service(id="service")
    settle, decide, act = Mediate(id="mediate"), Gate(id="gate"), Act(ads)
    return (
        WorkflowBuilder(start_executor=route, checkpoint_storage=storage, name="throughput")
        .add_fan_out_edges(route, [first, second])
        .add_fan_in_edges([first, second], settle)
        .add_edge(settle, decide)
        .add_edge(decide, act)
        .build()
    )


async def answer(workflow: Workflow, signal: Signal) -> list[dict[str, Any]]:
    """Run one signal through a workflow of its own."""
    ended = await workflow.run(signal)
    return [receipt for output in ended.get_outputs() for receipt in output]


def main() -> None:
    logging.disable(logging.WARNING)
    folder, _, wave = folder_and_numbers()
    ads, storage = Ads(), FileCheckpointStorage(Path(folder) / "checkpoints")
    workflows = [build(ads, storage) for _ in range(max(wave, 8))]  # made once, used again and again

    async def together(signals: Sequence[Signal]) -> list[dict[str, Any]]:
        pairs = zip(workflows, signals, strict=False)
        found = await asyncio.gather(*(answer(workflow, signal) for workflow, signal in pairs))
        return [receipt for receipts in found for receipt in receipts]

    with asyncio.Runner() as runner:
        measure(lambda signals: runner.run(together(signals)), ads, synced=None, what=WHAT)


if __name__ == "__main__":
    main()
