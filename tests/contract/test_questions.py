"""What LangGraph does with questions to people where this code defends against it, and the defence.

Each test shows the behaviour of LangGraph itself on a small graph of its own. Where one of them fails after
an update, the defence beside it has to be looked at again, and may have become unnecessary. The numbers are
those of the table in ``docs/langgraph.md``.
"""

from __future__ import annotations

import asyncio
import dis
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from crossloop.coordinator import approval_graph
from crossloop.coordinator.approval_graph import ApprovalThreads, build_approval_graph
from crossloop.coordinator.approvals import answer
from crossloop.coordinator.decide import request_digest
from crossloop.departments import Department, Handler, View
from crossloop.departments.graph import Asked, DepartmentState, build
from crossloop.errors import StaleLease, UnknownName
from crossloop.governance import AlreadyAnswered, PermitMismatch, check_permit
from crossloop.ids import PersonId
from crossloop.signals import ActionRequest, Permit
from crossloop.store import Lease
from tests.support.graphs import CONFIG, NO, YES, State, gate, gated, sources
from tests.support.stores import START as NOW
from tests.support.trials import LOOPS, MARKETING, NOTICE, Ask, Trial, proposal


def test_two_that_resume_one_approval_both_succeed(tmp_path: Path) -> None:
    """4: Two processes resume one approval, and both pay (langgraph#8796)."""
    paid: list[str] = []

    @contextmanager
    def worker(meanwhile: Callable[[], object] = lambda: None) -> Iterator[Any]:
        """A graph with a connection and a saver of its own, as another process has them."""

        def pay(state: State) -> Any:
            meanwhile()
            paid.append(state["answer"])
            return {}

        with closing(sqlite3.connect(tmp_path / "graph.db", check_same_thread=False)) as connection:
            yield gated(gate, pay, saver=SqliteSaver(connection))

    def resume(graph: Any, said: str) -> Any:
        return graph.invoke(Command(resume={asked.id: said}), CONFIG, durability="sync")["answer"]

    with worker() as other, worker(lambda: resume(other, "other")) as one:
        other.invoke({"amount": 1}, CONFIG, durability="sync")
        (asked,) = one.get_state(CONFIG).interrupts
        assert resume(one, "one") == "one"
    assert len(paid) == 2


def test_so_only_whoever_holds_the_lease_acts_on_an_approval_and_only_once(opened: Trial) -> None:
    """4: A worker that was followed performs nothing of what was approved, and its successor once."""
    (asked,) = opened.ask(Ask(share=0.2)).waiting
    stale, current = opened.take_over(), opened.take_over()
    say = partial(answer, opened.store, asked.approval_id, policy=opened.policy, asserted="test", reason="")
    for person in ("asha", "ravi"):
        opened.wait(say(person=PersonId(person), decision="approve"))
    with pytest.raises(StaleLease):
        opened.wait(opened.runtime(lease=stale).settle())
    assert opened.restrictions() == []
    for _ in range(2):
        opened.wait(opened.runtime(lease=current).settle())
    assert opened.restrictions() == ["C1 560001"]


def test_so_whoever_was_followed_writes_nothing_into_the_threads_either(tmp_path: Path) -> None:
    """4: The saver checks the same token in the transaction that writes."""
    file = tmp_path / "threads.db"
    stale, current = (Lease("coordinator", token, "host:1", NOW) for token in (1, 2))
    ApprovalThreads(file).ask({"apr_1": {"amount": 1}}, lease=current)
    before = sources(file)
    with pytest.raises(StaleLease):
        ApprovalThreads(file).end(["apr_1"], lease=stale)
    assert sources(file) == before != []


def test_what_stands_before_an_interrupt_runs_again_when_it_is_resumed() -> None:
    """5: Everything before ``interrupt()`` runs again on resume (langgraph#6208)."""
    ran: list[str] = []

    def busy(state: State) -> Any:
        ran.append("before")
        return {"answer": interrupt("go on?")}

    graph = gated(busy)
    graph.invoke({"amount": 1}, CONFIG)
    (asked,) = graph.get_state(CONFIG).interrupts
    graph.invoke(Command(resume={asked.id: YES}), CONFIG)
    assert ran == ["before", "before"]


def test_a_node_that_asks_in_a_loop_runs_what_it_did_so_far_again_for_each_answer() -> None:
    """5: A loop of five questions ran its body fifteen times (langgraph#7780)."""
    ran: list[int] = []

    def questions(state: State) -> Any:
        for number in range(5):
            interrupt(number)
            ran.append(number)
        return {}

    graph = gated(questions)
    graph.invoke({"amount": 1}, CONFIG)
    for _ in range(5):
        (asked,) = graph.get_state(CONFIG).interrupts
        graph.invoke(Command(resume={asked.id: YES}), CONFIG)
    assert len(ran) == 15


def test_so_the_gate_of_an_approval_is_one_interrupt_and_nothing_else() -> None:
    """5, 10: Nothing of ours stands before a question, and no second one after it."""
    assert approval_graph._gate.__code__.co_names == ("interrupt",)
    assert [one.opname for one in dis.get_instructions(approval_graph._gate)].count("CALL") == 1
    assert set(build_approval_graph().get_graph().nodes) == {START, "gate", END}


def test_an_approval_of_one_price_is_taken_for_another() -> None:
    """6: The id of an interrupt is its place in the graph, not what was asked (langgraph#8026)."""
    price, paid = [100], list[int]()

    def buy(state: State) -> Any:
        answered = interrupt({"price": price[0]})
        paid.append(price[0])
        return {"answer": answered}

    graph = gated(buy)
    graph.invoke({"amount": 1}, CONFIG)
    (asked,) = graph.get_state(CONFIG).interrupts
    price[0] = 200
    graph.invoke(Command(resume={asked.id: YES}), CONFIG)
    assert (asked.value, paid) == ({"price": 100}, [200])


def test_so_a_permit_is_bound_to_the_digest_of_the_request(opened: Trial) -> None:
    """6: A permit for one request is none for another."""
    shown, other = (proposal(opened.said(), Ask(pin=pin)) for pin in ("560001", "560002"))
    granted = {"granted_at": NOW, "expires_at": NOW.replace(year=2030), "policy": opened.policy.digest}
    digest = request_digest(shown)
    permit = Permit.model_validate({"action_key": shown.action_key, "action_digest": digest, **granted})
    check_permit(permit, cast("ActionRequest", shown.action), now=NOW)
    with pytest.raises(PermitMismatch):
        check_permit(permit, cast("ActionRequest", other.action), now=NOW)


def test_resuming_an_old_checkpoint_runs_the_approved_step_again() -> None:
    """7: From an older checkpoint, the approved step runs again (langgraph#6663, #7256)."""
    paid: list[Any] = []

    def pay(state: State) -> Any:
        paid.append(state["answer"])
        return {}

    graph = gated(gate, pay)
    graph.invoke({"amount": 1}, CONFIG)
    (asked,) = graph.get_state(CONFIG).interrupts
    graph.invoke(Command(resume={asked.id: YES}), CONFIG)
    (approved,) = [one for one in graph.get_state_history(CONFIG) if one.next == ("pay",)]
    graph.invoke(None, approved.config)
    assert paid == [YES, YES]


def test_so_an_approval_is_used_up_whatever_the_threads_say(opened: Trial) -> None:
    """7: With the threads of before the answer put back, and the key handed over again, nothing happens."""
    threads = opened.path / "threads.db"
    (asked,) = opened.ask(Ask(share=0.2)).waiting
    waiting = threads.read_bytes()
    say = partial(opened.coordinator.answer, asked.approval_id, decision="approve", asserted="test")
    say(person="asha")
    (receipt,) = say(person="ravi").receipts
    threads.write_bytes(waiting)
    assert sources(threads, asked.approval_id)
    assert opened.wait(opened.runtime()._executor.perform(receipt.action_key)) is None
    opened.publish()
    assert opened.restrictions() == ["C1 560001"]
    with pytest.raises(AlreadyAnswered):
        say(person="asha")


def test_a_second_resume_and_one_of_an_unknown_question_are_accepted_in_silence() -> None:
    """8: A second resume, one of an unknown id and one after the end are accepted (langgraph#8836, #7034)."""
    graph = gated(gate)
    graph.invoke({"amount": 1}, CONFIG)
    graph.invoke(Command(resume={"0" * 32: NO}), CONFIG)
    (asked,) = graph.get_state(CONFIG).interrupts  # nobody was told that the id is unknown
    assert graph.invoke(Command(resume={asked.id: YES}), CONFIG)["answer"] == YES
    assert graph.invoke(Command(resume={asked.id: NO}), CONFIG)["answer"] == YES


def test_so_our_answers_are_checked_against_the_row_and_refused_aloud(opened: Trial) -> None:
    """8: A second answer and one to an unknown question are refused."""
    (asked,) = opened.ask(Ask(share=0.2)).waiting
    say = partial(opened.coordinator.answer, asked.approval_id, asserted="test")
    say(person="ravi", decision="reject", reason="no")
    with pytest.raises(AlreadyAnswered):
        say(person="asha", decision="approve")
    with pytest.raises(UnknownName, match="no approval"):
        opened.coordinator.answer("apr_zzz", person="asha", decision="approve", asserted="test")


def test_an_empty_answer_answers_nothing_and_none_is_an_error() -> None:
    """12: ``resume={}`` answers nothing, and ``resume=None`` crashes (langgraph#7034)."""
    graph = gated(gate)
    graph.invoke({"amount": 1}, CONFIG)
    graph.invoke(Command(resume={}), CONFIG)
    assert graph.get_state(CONFIG).interrupts
    with pytest.raises(UnboundLocalError):
        graph.invoke(Command(resume=None), CONFIG)


def test_so_nothing_of_ours_resumes_a_thread_and_one_that_has_ended_is_removed(tmp_path: Path) -> None:
    """8, 11, 12: Answers go to the row; the module of the threads does not even know ``Command``."""
    assert not hasattr(approval_graph, "Command")
    file = tmp_path / "threads.db"
    threads = ApprovalThreads(file)
    threads.ask({"apr_1": {"id": "apr_1"}})
    threads.end(["apr_1"])
    assert sources(file) == []


def test_a_new_input_discards_the_question_that_waits() -> None:
    """9: A new input while a question waits discards it."""
    graph = gated(gate)
    graph.invoke({"amount": 100}, CONFIG)
    graph.invoke({"amount": 200}, CONFIG)
    (asked,) = graph.get_state(CONFIG).interrupts
    assert asked.value == {"amount": 200}


def test_so_a_thread_gets_its_input_once_and_another_question_a_new_thread(tmp_path: Path) -> None:
    """9: Whatever is asked, each thread of ours has one input."""
    file = tmp_path / "threads.db"
    for amount in (100, 100, 200):
        ApprovalThreads(file).ask({"apr_1": {"amount": amount}})
        assert sources(file).count("input") == 1


@pytest.mark.parametrize("strict", [False, True])
def test_a_recovery_between_two_questions_answers_the_second_with_the_answer_to_the_first(
    strict: bool,
) -> None:
    """10: One node, two questions: ``invoke(None)`` after a failure answers both alike (langgraph#8837)."""
    failures = [ConnectionError("on its way")]

    def asks_twice(state: State) -> Any:
        first = interrupt("a small thing?")
        if failures:
            raise failures.pop()
        return {"answer": [first, interrupt("a large thing?")]}

    config = {"configurable": {**CONFIG["configurable"], "__pregel_strict_resume": strict}}
    graph = gated(asks_twice)
    graph.invoke({"amount": 1}, config)
    with pytest.raises(ConnectionError):
        graph.invoke(Command(resume="for the small thing"), config)
    assert graph.invoke(None, config)["answer"] == ["for the small thing", "for the small thing"]


def test_a_bare_answer_is_taken_by_whichever_question_is_next() -> None:
    """11: A bare resume value is taken by whichever question is next (langgraph#8579)."""

    def first(state: State) -> Any:
        interrupt("a small thing?")
        return {}

    def second(state: State) -> Any:
        return {"answer": interrupt("a large thing?")}

    graph = gated(first, second)
    graph.invoke({"amount": 1}, CONFIG)
    graph.invoke(Command(resume="for the small thing"), CONFIG)
    assert graph.invoke(Command(resume="for the small thing, sent again"), CONFIG)["answer"] == (
        "for the small thing, sent again"
    )


def test_a_broad_except_swallows_the_question_and_the_graph_goes_on_unapproved() -> None:
    """13: ``except Exception`` around ``interrupt`` swallows it (langgraph#8217)."""
    done: list[str] = []

    def careless(state: State) -> Any:
        with suppress(Exception):
            interrupt("may I?")
        done.append("executed")
        return {}

    gated(careless).invoke({"amount": 1}, CONFIG)
    assert done == ["executed"]


def test_so_the_boundary_around_a_handler_lets_a_question_of_the_graph_pass(opened: Trial) -> None:
    """13: The one place of ours that catches everything lets what steers the graph pass."""

    def asking_people(signal: Any, view: View) -> Any:
        return interrupt("may I?")

    own = build(Department(MARKETING, (Handler(NOTICE.name, LOOPS[MARKETING], asking_people),)))
    graph = StateGraph(DepartmentState, context_schema=Asked)
    graph.add_node("marketing", own)
    graph.add_edge(START, "marketing")
    context = Asked(View(as_of=NOW, timezone="UTC"))
    given = {"signals": (opened.said(),)}
    out = asyncio.run(graph.compile(checkpointer=InMemorySaver()).ainvoke(given, CONFIG, context=context))
    assert [one.value for one in out["__interrupt__"]] == ["may I?"]
    assert not out.get("answers")
