"""langgraph-supervisor with a chat model that answers at once, and SqliteSaver.

The supervisor hands over to marketing and then to service, reads what came back, and calls the tool that
mediates, gates and acts: the shape its documentation shows. The model costs nothing, so what is measured is
the framework. Durable: as SqliteSaver is (WAL, ``synchronous=FULL``), here with ``durability="sync"``.
"""

from __future__ import annotations

import json
import warnings
from typing import Any

warnings.simplefilter("ignore")  # deprecations inside the library, not ours to mend

from langchain_core.language_models import BaseChatModel  # noqa: E402
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage  # noqa: E402
from langchain_core.outputs import ChatGeneration, ChatResult  # noqa: E402
from langchain_core.tools import tool  # noqa: E402
from langgraph.checkpoint.sqlite import SqliteSaver  # noqa: E402
from langgraph.prebuilt import create_react_agent  # noqa: E402
from langgraph_supervisor import create_supervisor  # noqa: E402
from steps import (  # noqa: E402
    Ads,
    Receipts,
    Signal,
    folder_and_numbers,
    gate,
    marketing,
    measure,
    mediate,
    service,
)

DEPARTMENTS = {"marketing": marketing, "service": service}
WHAT = "every step is committed (WAL, synchronous=FULL) before the next one; receipts likewise"


class Fake(BaseChatModel):
    """A model without latency; ``role`` says what it would have thought."""

    role: str

    @property
    def _llm_type(self) -> str:
        return "fake"

    def bind_tools(self, *_: Any, **__: Any) -> Fake:
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        answer = _supervise(messages) if self.role == "supervisor" else self._propose(messages)
        return ChatResult(generations=[ChatGeneration(message=answer)])

    def _propose(self, messages: list[BaseMessage]) -> AIMessage:
        signal = json.loads(str(next(one.content for one in messages if one.type == "human")))
        return AIMessage(json.dumps(DEPARTMENTS[self.role](signal)))


def _supervise(messages: list[BaseMessage]) -> AIMessage:
    answers = {one.name: str(one.content) for one in messages if one.type == "ai" and _proposes(one)}
    missing = [name for name in DEPARTMENTS if name not in answers]
    if missing:
        return _call(f"transfer_to_{missing[0]}", {}, len(messages))
    if isinstance(messages[-1], ToolMessage) and messages[-1].name == "decide_and_act":
        return AIMessage("done")
    return _call("decide_and_act", {"answers": [answers[name] for name in DEPARTMENTS]}, len(messages))


def _proposes(message: BaseMessage) -> bool:
    return message.name in DEPARTMENTS and str(message.content).startswith('{"signal"')


def _call(name: str, arguments: dict[str, Any], number: int) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": f"call-{number}"}])


def main() -> None:
    folder, _, _ = folder_and_numbers()
    ads, receipts = Ads(), Receipts(folder / "receipts.db")

    @tool
    def decide_and_act(answers: list[str]) -> str:
        """Mediate between proposals, decide about them, and perform what may be done."""
        proposals = [json.loads(one) for one in answers]
        decision = gate(proposals, mediate(proposals))
        done = [ads.perform(action) for action in decision["actions"]]
        for receipt in done:
            receipts.record(receipt)
        return json.dumps(done)

    agents = [create_react_agent(Fake(role=name), [], name=name) for name in DEPARTMENTS]
    supervisor = create_supervisor(agents, model=Fake(role="supervisor"), tools=[decide_and_act])
    with SqliteSaver.from_conn_string(str(folder / "checkpoints.db")) as saver:
        graph = supervisor.compile(checkpointer=saver)

        def bring(signals: list[Signal]) -> list[dict[str, Any]]:
            inputs = [{"messages": [("user", json.dumps(one))]} for one in signals]
            configs = [{"configurable": {"thread_id": one["id"]}} for one in signals]
            if len(signals) == 1:
                ended = [graph.invoke(inputs[0], configs[0], durability="sync")]
            else:
                ended = graph.batch(inputs, configs, durability="sync")
            return [receipt for state in ended for receipt in _receipts(state)]

        measure(bring, ads, synced=folder / "checkpoints.db", what=WHAT)


def _receipts(state: dict[str, Any]) -> list[dict[str, Any]]:
    acted = (one for one in state["messages"] if one.type == "tool" and one.name == "decide_and_act")
    return [receipt for message in acted for receipt in json.loads(message.content)]


if __name__ == "__main__":
    main()
