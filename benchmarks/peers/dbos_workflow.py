"""DBOS on SQLite: one workflow per signal, steps for whatever a department or a system does.

Durable: DBOS leaves SQLite as it comes (rollback journal, ``synchronous=FULL``), so each of its commits is
synced. It commits the workflow's input when it begins, the output of each step, and the result. Mediating is
computation, which its authors leave in the workflow; the decision is a step, so that it is on record.
"""

from __future__ import annotations

from typing import Any

from dbos import DBOS, DBOSConfig, SetWorkflowID
from steps import Ads, Signal, folder_and_numbers, gate, marketing, measure, mediate, service

WHAT = "input, each step's output and the result are committed (rollback journal, synchronous=FULL)"
ADS = Ads()


@DBOS.step()
def ask_marketing(signal: Signal) -> dict[str, Any]:
    return marketing(signal)


@DBOS.step()
def ask_service(signal: Signal) -> dict[str, Any]:
    return service(signal)


@DBOS.step()
def decide(answers: list[dict[str, Any]], conflicts: list[dict[str, str]]) -> dict[str, Any]:
    return gate(answers, conflicts)


@DBOS.step()
def act(action: dict[str, Any]) -> dict[str, str]:
    return ADS.perform(action)


@DBOS.workflow()
def answer(signal: Signal) -> list[dict[str, str]]:
    # One after the other: each is computed at once, and starting them in parallel costs more than it saves.
    answers = [ask_marketing(signal), ask_service(signal)]
    decision = decide(answers, mediate(answers))
    return [act(action) for action in decision["actions"]]


def bring(signals: list[Signal]) -> list[dict[str, Any]]:
    """Run a workflow for each signal, under the signal's id."""
    if len(signals) == 1:
        with SetWorkflowID(signals[0]["id"]):
            return answer(signals[0])
    handles = []
    for signal in signals:
        with SetWorkflowID(signal["id"]):
            handles.append(DBOS.start_workflow(answer, signal))
    return [receipt for handle in handles for receipt in handle.get_result(polling_interval_sec=0.005)]


def main() -> None:
    folder, _, _ = folder_and_numbers()
    config: DBOSConfig = {
        "name": "throughput",
        "system_database_url": f"sqlite:///{folder / 'dbos.sqlite'}",
        "log_level": "ERROR",
    }
    DBOS(config=config)
    DBOS.launch()
    try:
        measure(bring, ADS, synced=folder / "dbos.sqlite", what=WHAT)
    finally:
        DBOS.destroy()


if __name__ == "__main__":
    main()
