"""Raw LangGraph with SqliteSaver: one thread per signal, the shape of crossloop's supervisor.

Durable: SqliteSaver puts its file in WAL mode and leaves SQLite's ``synchronous=FULL``, so each commit is
synced. With ``durability="sync"`` the input and every step are committed before the next one begins; with
``"exit"`` the thread is written once, when it ends, and a crash before that loses the signal. The
synchronous saver is the faster one here; the asynchronous one hands every statement to another thread.
"""

from __future__ import annotations

import operator
import sys
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from steps import (
    Ads,
    Proposal,
    Receipts,
    Signal,
    folder_and_numbers,
    gate,
    marketing,
    measure,
    mediate,
    service,
)

DURABILITY = sys.argv[4]
WHAT = {
    "sync": "input and every step are committed (WAL, synchronous=FULL) before the next one; receipts, too",
    "exit": "one commit (WAL, synchronous=FULL) when the thread ends, and one for the receipt; what is under"
    " way is lost with the process",
}


class State(TypedDict, total=False):
    signal: Signal
    answers: Annotated[list[Proposal], operator.add]
    conflicts: list[dict[str, str]]
    decision: dict[str, Any]
    receipts: list[dict[str, Any]]


def build(ads: Ads, receipts: Receipts) -> StateGraph:
    """The graph: both departments in one step, then mediate, gate, act."""

    def act(state: State) -> State:
        done = [ads.perform(action) for action in state["decision"]["actions"]]
        for receipt in done:
            receipts.record(receipt)
        return {"receipts": done}

    def route(state: State) -> list[str]:
        return ["marketing", "service"] if state["signal"]["type"] == "logistics.returns/1" else ["mediate"]

    graph = StateGraph(State)
    graph.add_node("marketing", lambda state: {"answers": [marketing(state["signal"])]})
    graph.add_node("service", lambda state: {"answers": [service(state["signal"])]})
    graph.add_node("mediate", lambda state: {"conflicts": mediate(state["answers"])})
    graph.add_node("gate", lambda state: {"decision": gate(state["answers"], state["conflicts"])})
    graph.add_node("act", act)
    graph.add_conditional_edges(START, route, ["marketing", "service", "mediate"])
    graph.add_edge(["marketing", "service"], "mediate")
    graph.add_edge("mediate", "gate")
    graph.add_edge("gate", "act")
    graph.add_edge("act", END)
    return graph


def main() -> None:
    folder, _, _ = folder_and_numbers()
    ads, receipts = Ads(), Receipts(folder / "receipts.db")
    with SqliteSaver.from_conn_string(str(folder / "checkpoints.db")) as saver:
        graph = build(ads, receipts).compile(checkpointer=saver)

        def bring(signals: list[Signal]) -> list[dict[str, Any]]:
            inputs: list[State] = [{"signal": one} for one in signals]
            configs = [{"configurable": {"thread_id": one["id"]}} for one in signals]
            if len(signals) == 1:
                ended = [graph.invoke(inputs[0], configs[0], durability=DURABILITY)]
            else:
                ended = graph.batch(inputs, configs, durability=DURABILITY)
            return [receipt for state in ended for receipt in state["receipts"]]

        kept = folder / "checkpoints.db" if DURABILITY == "sync" else None
        measure(bring, ads, synced=kept, what=WHAT[DURABILITY])


if __name__ == "__main__":
    main()
