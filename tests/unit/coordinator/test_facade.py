"""The coordinator as scripts and notebooks use it: synchronous, one at a time on a store, closed cleanly."""

from __future__ import annotations

import asyncio
import signal as signals
import subprocess
import sys
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crossloop.coordinator import Coordinator
from crossloop.coordinator.decide import PolicyReplaced
from crossloop.coordinator.loop import Inputs
from crossloop.departments import View
from crossloop.errors import CrossloopError, InputError, SettingError, StoreBusy, StoreNotUsable, UnknownName
from crossloop.ids import LoopName
from crossloop.signals import Signal
from crossloop.store import Store, approvals, policies
from tests.support.fake_loop import FakeLoop
from tests.support.project import PROJECT
from tests.support.trials import QUESTION, UNHEARD, Ask, Trial, departments, policy, trial


class Gate:
    """A slow handler that stands at a gate until it is opened, from whichever thread."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def handle(self, signal: Signal, view: View) -> list[Any]:
        self.reached.set()
        assert self.opened.wait(30)
        return []


def test_a_plain_script_publishes_and_gets_what_followed(opened: Trial) -> None:
    signal = opened.said(Ask(share=0.05), Ask(campaign="C2", share=0.2))
    report = opened.publish(signal, signal)
    assert (report.new, report.signals) == (1, (signal.id, signal.id))
    assert [one.verdict for one in report.decisions if one.department == "marketing"] == ["act", "hold"]
    assert [one.outcome for one in report.receipts] == ["done"]
    assert [one.approval_id for one in report.waiting] == [report.decisions[1].approval_id]
    assert opened.coordinator.verify().ok


def test_publishing_the_same_signal_again_does_nothing(opened: Trial) -> None:
    signal = opened.said(Ask())
    opened.publish(signal)
    before = opened.coordinator.verify().root
    again = opened.publish(signal)
    assert (again.new, again.decisions, again.receipts) == (0, (), ())
    assert opened.coordinator.verify().root == before


def test_a_notebook_calls_it_from_inside_its_own_running_loop(opened: Trial) -> None:
    async def cell() -> int:
        return opened.publish(opened.said(Ask())).new

    assert asyncio.run(cell()) == 1


def test_calls_from_several_threads_take_turns(opened: Trial) -> None:
    said = [opened.said(Ask(campaign=f"C{number}")) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        reports = list(pool.map(opened.publish, said))
    assert [one.new for one in reports] == [1] * 6
    assert len(opened.restrictions()) == 6


def test_a_caller_with_a_loop_of_its_own_awaits_the_same(opened: Trial) -> None:
    loop = FakeLoop(signals=(opened.said(Ask()),))
    company = replace(opened.company, loops={loop.name: loop})
    again = Coordinator(
        opened.store, company, opened.policy, threads=opened.path / "threads.db", clock=opened.clock
    )
    report = asyncio.run(again.arun(loop.name, Inputs(), as_of=None, settings={}))
    assert [one.outcome for one in report.receipts] == ["done"]
    assert again.run(loop.name).decisions == ()
    with pytest.raises(UnknownName, match="no loop 'other'"):
        again.run("other")
    again._background.close()


@pytest.mark.parametrize("call", ["publish", "run", "answer", "close"])
def test_a_synchronous_call_on_its_own_loop_is_refused_before_anything_is_written(
    tmp_path: Path, call: str
) -> None:
    refused: list[str] = []

    async def handle(signal: Signal, view: View) -> list[Any]:
        calls: dict[str, Any] = {
            "publish": lambda: opened.publish(opened.said(Ask())),
            "run": lambda: opened.coordinator.run("any"),
            "answer": lambda: opened.coordinator.answer(
                "apr_", person="asha", decision="approve", asserted="x"
            ),
            "close": opened.coordinator.close,
        }
        try:
            calls[call]()
        except CrossloopError as wrong:
            refused.append(str(wrong))
        return []

    with trial(tmp_path, departments=departments(slow=handle)) as opened:
        opened.ask(Ask(share=0.2))
        opened.ask(type=QUESTION.name)
        (said,) = refused
        assert "own event loop" in said
        assert opened.store.read(approvals.listing)[0].state == "waiting"
        assert opened.entries("approval.vote") == []
        assert opened.restrictions() == []


def test_closing_twice_closes_what_was_handed_in_once(opened: Trial) -> None:
    closed: list[str] = []
    again = Coordinator(
        opened.store,
        replace(opened.company, close=lambda: closed.append("systems")),
        opened.policy,
        threads=opened.path / "threads.db",
        clock=opened.clock,
    )
    again.close()
    again.close()
    assert closed == ["systems"]
    with pytest.raises(CrossloopError, match="closed"):
        again.publish([])


def test_closing_while_something_runs_ends_it_and_gives_the_store_back(tmp_path: Path) -> None:
    waiting = threading.Event()

    async def handle(signal: Signal, view: View) -> list[Any]:
        waiting.set()
        return await asyncio.get_running_loop().create_future()

    with trial(tmp_path, departments=departments(slow=handle)) as opened, ThreadPoolExecutor(1) as pool:
        signal = opened.said(type=QUESTION.name)
        call = pool.submit(opened.publish, signal)
        assert waiting.wait(30)
        opened.coordinator.close()
        with pytest.raises(CancelledError):
            call.result(30)
    with trial(tmp_path) as opened:
        assert opened.state(signal) == "new"
        opened.publish()
        assert opened.state(signal) == "finished"


def test_ctrl_c_gives_the_store_back_at_once(tmp_path: Path) -> None:
    main, pressed = threading.main_thread().ident, list[str]()
    assert main is not None

    async def handle(signal: Signal, view: View) -> list[Any]:
        if not pressed:
            pressed.append(signal.id)
            signals.pthread_kill(main, signals.SIGINT)
            await asyncio.get_running_loop().create_future()
        return []

    with trial(tmp_path, departments=departments(slow=handle)) as opened:
        signal = opened.said(type=QUESTION.name)
        with pytest.raises(KeyboardInterrupt):
            opened.publish(signal)
        assert opened.state(signal) == "new"
        assert opened.publish().new == 0  # the lease is free: no StoreBusy
        assert opened.state(signal) == "finished"


def test_a_second_coordinator_on_the_store_is_told_that_the_first_is_at_work(tmp_path: Path) -> None:
    gate = Gate()
    with trial(tmp_path, departments=departments(slow=gate.handle)) as first, ThreadPoolExecutor(1) as pool:
        call = pool.submit(first.publish, first.said(type=QUESTION.name))
        assert gate.reached.wait(30)
        with trial(tmp_path, first=100) as second:
            before = second.coordinator.verify().entries
            with pytest.raises(StoreBusy, match="another coordinator is at work on sqlite:///") as busy:
                second.ask(Ask())
            assert "Wait until it has finished" in busy.value.next_step
            assert second.coordinator.verify().entries == before
            gate.opened.set()
            assert call.result(30).new == 1
            assert second.ask(Ask()).new == 1


def test_a_coordinator_whose_document_was_replaced_says_so_and_does_not_bring_it_back(tmp_path: Path) -> None:
    other = policy(("within: 4h}\ndepartments", "within: 5h}\ndepartments"))
    with trial(tmp_path) as old, trial(tmp_path, first=100, under=other) as new:
        new.ask(Ask())
        with pytest.raises(PolicyReplaced):
            old.ask(Ask(campaign="C2"))
        assert new.ask(Ask(campaign="C3")).new == 1
        present = new.store.read(policies.present)
        assert present is not None
        assert present.digest == other.digest
        assert len(new.entries("policy.adopted")) == 1


def test_an_answer_given_while_another_is_at_work_counts_and_is_performed_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossloop.coordinator.facade._FOLLOW_PATIENCE", 0.0)
    gate = Gate()
    with trial(tmp_path, departments=departments(slow=gate.handle)) as first, ThreadPoolExecutor(1) as pool:
        held = first.ask(Ask(share=0.2)).waiting[0].approval_id
        call = pool.submit(first.publish, first.said(type=QUESTION.name))
        assert gate.reached.wait(30)
        with trial(tmp_path) as second:
            for person in ("asha", "ravi"):
                given = second.coordinator.answer(held, person=person, decision="approve", asserted="test")
            assert (given.answered.state, given.receipts) == ("approved", ())
            gate.opened.set()
            assert [one.outcome for one in call.result(30).receipts] == ["done"]
            assert second.restrictions() == ["C1 560001"]


def test_an_answer_of_the_same_coordinator_waits_for_its_own_run_and_is_performed(tmp_path: Path) -> None:
    gate = Gate()
    with trial(tmp_path, departments=departments(slow=gate.handle)) as opened, ThreadPoolExecutor(2) as pool:
        held = opened.ask(Ask(share=0.2)).waiting[0].approval_id
        running = pool.submit(opened.publish, opened.said(type=QUESTION.name))
        assert gate.reached.wait(30)
        opened.coordinator.answer(held, person="asha", decision="approve", asserted="test")

        def approve() -> Any:
            return opened.coordinator.answer(held, person="ravi", decision="approve", asserted="test")

        given = pool.submit(approve)
        gate.opened.set()
        performed = [*running.result(30).receipts, *given.result(30).receipts]
        assert [one.outcome for one in performed] == ["done"]


DEAD_AT_WORK = """
import os, signal, sys
from pathlib import Path
from tests.support.trials import QUESTION, departments, trial

def die(said, view):
    os.kill(os.getpid(), signal.SIGKILL)

with trial(Path(sys.argv[1]), departments=departments(slow=die)) as opened:
    opened.ask(type=QUESTION.name)
"""


def test_the_store_of_a_process_that_died_at_work_is_taken_over_at_once(tmp_path: Path) -> None:
    program = [sys.executable, "-c", DEAD_AT_WORK, str(tmp_path)]
    died = subprocess.run(program, timeout=120, cwd=PROJECT)
    assert died.returncode == -signals.SIGKILL
    with trial(tmp_path, first=100) as opened:
        report = opened.publish()
        assert len(report.decisions) == 1
        assert opened.coordinator.verify().ok


def test_a_signal_that_no_longer_holds_expires_and_says_since_when(opened: Trial) -> None:
    signal = opened.said(Ask(), valid_until=opened.clock.now() + timedelta(hours=1))
    opened.clock.advance(timedelta(hours=1, seconds=1))
    assert opened.publish(signal).decisions == ()
    assert opened.state(signal) == "expired"
    (expired,) = opened.entries("signal.expired")
    assert expired["reason"] == (
        "it was valid until 2025-03-01T10:30:00+00:00, facts are known up to 2025-03-01T10:30:01+00:00, "
        "and it was not decided in time"
    )
    assert opened.restrictions() == []


def test_an_empty_publish_brings_to_an_end_what_was_left(opened: Trial) -> None:
    opened.ask(Ask(share=0.2))
    opened.clock.advance(timedelta(hours=5))
    assert opened.publish().new == 0
    assert opened.coordinator.approvals(state="expired") != []


class Reads(Inputs):
    """Inputs that note when they are let go of."""

    closed = 0

    def close(self) -> None:
        Reads.closed += 1


class Preparing(FakeLoop):
    """A loop that reads its inputs before the run."""

    def prepare(self, inputs: Inputs, **how: Any) -> Inputs:
        if inputs.primary is not None:
            raise InputError("there is no such file.")
        return Reads()


def test_a_store_that_is_not_there_is_created_with_the_first_thing_that_is_written(tmp_path: Path) -> None:
    Reads.closed = 0
    with trial(tmp_path) as opened:
        loop = Preparing()
        company = replace(opened.company, loops={loop.name: loop}, close=lambda: None)
        made: list[Store] = []

        def create() -> Store:
            made.append(Store.open(f"sqlite:///{tmp_path}/later.db", clock=opened.clock))
            return made[-1]

        threads = tmp_path / "later-threads.db"
        with Coordinator(create, company, opened.policy, threads=threads, clock=opened.clock) as later:
            with pytest.raises(InputError, match="no such file"):
                later.run(loop.name, data="none.csv")
            with pytest.raises(SettingError):
                later.run(loop.name, settings={"threshold": "0.9"})
            assert (made, Reads.closed) == ([], 0)
            assert later.run(loop.name).loop == loop.name
            assert later.store is made[0]
        assert (len(made), Reads.closed) == (1, 1)


def test_closing_what_was_never_needed_creates_nothing(tmp_path: Path) -> None:
    def create() -> Store:
        raise AssertionError("nobody needs it")

    with trial(tmp_path) as opened:
        company = replace(opened.company, close=lambda: None)
        later = Coordinator(create, company, opened.policy, threads=tmp_path / "t.db", clock=opened.clock)
        later.close()
        with pytest.raises(CrossloopError, match="closed"):
            later.verify()


def test_what_was_read_is_let_go_of_when_the_store_is_busy(tmp_path: Path) -> None:
    gate = Gate()
    with trial(tmp_path, departments=departments(slow=gate.handle)) as first, ThreadPoolExecutor(1) as pool:
        call = pool.submit(first.publish, first.said(type=QUESTION.name))
        assert gate.reached.wait(30)
        Reads.closed = 0
        loop = Preparing()
        company = replace(first.company, loops={loop.name: loop}, close=lambda: None)
        second = Store.open(first.store.url, clock=first.clock)
        threads = tmp_path / "threads.db"
        with Coordinator(second, company, first.policy, threads=threads, clock=first.clock) as other:
            with pytest.raises(StoreBusy):
                other.run(loop.name)
            assert Reads.closed == 1
        gate.opened.set()
        call.result(30)


class Replaying(FakeLoop):
    """A loop whose past can be replayed."""

    def backtest(self, inputs: Inputs, **how: Any) -> Any:
        how["progress"](1, 1)
        return how


def test_a_backtest_may_try_anything_and_one_that_a_loop_has_not_is_refused(opened: Trial) -> None:
    loop, other = Replaying(), FakeLoop(name=LoopName("other"))
    company = replace(opened.company, loops={loop.name: loop, other.name: other}, close=lambda: None)
    threads = opened.path / "threads.db"
    seen: list[Any] = []
    again = Coordinator(opened.store, company, opened.policy, threads=threads, clock=opened.clock)
    found: Any = again.backtest(
        loop.name, settings={"threshold": "0.9"}, progress=lambda *at: seen.append(at)
    )
    assert (found["settings"], found["policy"], seen) == ({"threshold": "0.9"}, opened.policy, [(1, 1)])
    with pytest.raises(UnknownName, match="'other' has no backtest") as refused:
        again.backtest("other")
    assert refused.value.next_step == f"With one: {loop.name}."
    again._background.close()


def test_what_a_prompt_shows_of_it_is_one_line(opened: Trial) -> None:
    said = repr(opened.coordinator)
    assert said == "<Coordinator of Trial, loops: none, rules: governance.yaml>"


def test_numbers_and_iso_days_are_taken_from_python(opened: Trial) -> None:
    loop = FakeLoop()
    company = replace(opened.company, loops={loop.name: loop}, close=lambda: None)
    threads = opened.path / "threads.db"
    again = Coordinator(opened.store, company, opened.policy, threads=threads, clock=opened.clock)
    report = again.run(loop.name, as_of="2025-03-02", settings={"threshold": 0.2})
    assert (report.as_of, report.settings) == ("2025-03-02", {"threshold": "0.2"})
    again._background.close()


def test_a_directory_in_the_place_of_the_threads_is_said_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "threads.db").mkdir()
    with pytest.raises(StoreNotUsable, match="is a directory"), trial(tmp_path):
        pass


def test_signals_are_listed_by_state_the_newest_first_and_shown_whole(opened: Trial) -> None:
    heard, unheard = opened.said(Ask()), opened.said(type=UNHEARD.name)
    opened.publish(heard, unheard)
    every = opened.coordinator.signals()
    assert [one["id"] for one in every] == [unheard.id, heard.id]
    assert opened.coordinator.signals(state="parked") == every[:1]
    assert opened.coordinator.signals(limit=1) == every[:1]
    shown = opened.coordinator.signal(unheard.id[:12])
    assert (shown["id"], shown["state"], shown["people"]) == (unheard.id, "parked", ["ravi"])
    for wrong in ("done", "", 3):
        with pytest.raises(InputError, match="state"):
            opened.coordinator.signals(state=wrong)  # pyright: ignore[reportArgumentType]
    for limit in (0, -1, True, "all", 2**63):
        with pytest.raises(InputError, match="limit"):
            opened.coordinator.signals(limit=limit)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UnknownName, match="there is no signal"):
        opened.coordinator.signal("sig_nothing")
