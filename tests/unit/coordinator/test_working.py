"""A company at work: what is taken in is durable at once and answered meanwhile."""

from __future__ import annotations

import asyncio
import dis
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from crossloop.coordinator import Runtime
from crossloop.coordinator.admit import admitting
from crossloop.coordinator.decide import PolicyReplaced
from crossloop.coordinator.working import Working
from crossloop.departments import Answer, View, no_action
from crossloop.errors import CrossloopError, InputError, StoreBusy, StoreNotUsable
from crossloop.signals import Signal
from crossloop.store import Tx, actions, approvals, inbox, leases, policies
from tests.support.stores import START
from tests.support.trials import MARKETING, QUESTION, QUESTIONS, Ask, Trial, departments, trial


def states(opened: Trial, *signals: Signal) -> list[str]:
    rows = opened.store.read(lambda read: [inbox.get(read, one.id) for one in signals])
    return [row.state for row in rows if row is not None]


def test_what_is_taken_in_is_answered_and_done(opened: Trial) -> None:
    signals = [opened.said(Ask(campaign=f"C{number}")) for number in range(1, 6)]
    with opened.coordinator.working() as work:
        assert [work.admit([one]) for one in signals] == [1] * 5
        assert work.admit(signals) == 0
        work.wait()
        assert states(opened, *signals) == ["finished"] * 5
    assert len(opened.entries("receipt")) == 5


def test_a_signal_is_durable_when_it_was_admitted(opened: Trial) -> None:
    signal = opened.said(Ask())
    with opened.coordinator.working() as work:
        work.admit([signal])
        assert states(opened, signal)[0] in ("new", "decided", "finished")


def test_many_hand_in_at_once(opened: Trial) -> None:
    signals = [opened.said(Ask(campaign=f"C{number % 100 + 1}")) for number in range(80)]
    with opened.coordinator.working() as work:
        taken = [work.submit([one]) for one in signals]
        assert sum(one.result(30) for one in taken) == 80
        work.wait()
        assert set(states(opened, *signals)) == {"finished"}


def test_at_the_end_what_was_taken_in_is_finished_first(opened: Trial) -> None:
    signals = [opened.said(Ask(campaign=f"C{number}")) for number in range(1, 40)]
    with opened.coordinator.working() as work:
        for one in signals:
            work.submit([one]).result(30)
    assert set(states(opened, *signals)) == {"finished"}


def test_what_is_just_being_written_is_waited_for_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def think(signal: Signal, view: View) -> Answer:
        assert go.wait(60)
        return (no_action(signal, MARKETING, QUESTIONS, f"seen as of {view.as_of}"),)

    with trial(tmp_path, departments=departments(slow=think)) as opened, opened.coordinator.working() as work:

        def while_nothing_waits(runtime: Runtime, signals: Sequence[Signal]) -> Callable[[Tx], list[Signal]]:
            admit = admitting(runtime, signals)

            def at_rest(tx: Tx) -> list[Signal]:
                while not work._idle.is_set():
                    assert not go.wait(0.001)
                return admit(tx)

            return at_rest

        monkeypatch.setattr("crossloop.coordinator.working.admitting", while_nothing_waits)
        signal = opened.said(type=QUESTION.name)
        work.admit([signal])
        threading.Timer(0.1, go.set).start()
        work.wait()
        assert states(opened, signal) == ["finished"]


def test_what_a_person_permitted_is_waited_for(opened: Trial) -> None:
    signals = [opened.said(Ask(campaign=f"C{number}", share=0.5)) for number in range(1, 4)]
    with opened.coordinator.working() as work:
        work.admit(signals)
        work.wait()
        for one in opened.coordinator.approvals(state="waiting"):
            for person in ("asha", "ravi"):
                opened.coordinator.answer(str(one["id"]), person=person, decision="approve", asserted="test")
        work.wait()
        assert states(opened, *signals) == ["finished"] * 3
    assert len(opened.entries("receipt")) == 3


def test_what_is_performed_beside_its_wave_is_waited_for(
    opened: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossloop.coordinator.runtime.LOOK_AGAIN", 0.0)
    with opened.coordinator.working() as work:
        for number in range(40):
            signals = [opened.said(Ask(campaign=f"C{number * 3 + one + 1}")) for one in range(3)]
            for one in signals:
                work.submit([one])
            work.admit(signals)
            work.wait()
            assert states(opened, *signals) == ["finished"] * 3


def test_slow_signals_do_not_hold_the_others_up(tmp_path: Path) -> None:
    go = threading.Event()

    def think(signal: Signal, view: View) -> Answer:
        assert go.wait(60)
        return (no_action(signal, MARKETING, QUESTIONS, f"seen as of {view.as_of}"),)

    with trial(tmp_path, departments=departments(slow=think)) as opened:
        slow, quick = (
            opened.said(type=QUESTION.name),
            [opened.said(Ask(campaign=f"C{n}")) for n in range(1, 9)],
        )
        with opened.coordinator.working() as work:
            work.admit([slow])
            for one in quick:
                work.admit([one])
            done = threading.Event()
            while states(opened, *quick) != ["finished"] * 8:
                assert not done.wait(0.01)
            assert states(opened, slow) == ["new"]
            go.set()
            work.wait()
            assert states(opened, slow) == ["finished"]


def test_what_a_person_permits_meanwhile_is_performed(opened: Trial) -> None:
    signal = opened.said(Ask(share=0.2))
    with opened.coordinator.working() as work:
        work.admit([signal])
        work.wait()
        (asked,) = opened.store.read(lambda read: approvals.listing(read, state="waiting"))
        for person in ("asha", "ravi"):
            given = opened.coordinator.answer(
                asked.id, person=person, decision="approve", asserted="in a test"
            )
            assert given.receipts == ()
    (row,) = opened.store.read(lambda read: actions.in_force(read))
    assert row.decision_id == asked.decision_id
    assert states(opened, signal) == ["finished"]


def test_an_answer_from_elsewhere_is_not_kept_waiting_by_a_company_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossloop.coordinator.facade._FOLLOW_PATIENCE", float("inf"))
    with trial(tmp_path) as worker, trial(tmp_path) as other:
        signal = worker.said(Ask(share=0.2))
        with worker.coordinator.working() as work:
            work.admit([signal])
            work.wait()
            (asked,) = other.coordinator.approvals(state="waiting")
            for person in ("asha", "ravi"):
                given = other.coordinator.answer(
                    str(asked["id"]), person=person, decision="approve", asserted="in a test"
                )
            assert (given.answered.state, given.receipts) == ("approved", ())
        assert states(worker, signal) == ["finished"]
        assert len(worker.entries("receipt")) == 1


def test_nothing_else_works_on_the_company_meanwhile(opened: Trial) -> None:
    with opened.coordinator.working():
        with pytest.raises(CrossloopError, match="is at work"):
            opened.coordinator.publish([opened.said(Ask())])
        with pytest.raises(CrossloopError, match="at work already"), opened.coordinator.working():
            pass
    assert opened.coordinator.publish([opened.said(Ask())]).new == 1


def test_after_the_end_nothing_is_taken_in(opened: Trial) -> None:
    with opened.coordinator.working() as work:
        pass
    with pytest.raises(CrossloopError, match="has ended"):
        work.admit([opened.said(Ask())])
    with pytest.raises(CrossloopError, match="has ended"):
        work.wait()


def test_what_ends_the_work_is_told(opened: Trial) -> None:
    def work_under_other_rules() -> None:
        with opened.coordinator.working() as work:
            work.admit([opened.said(Ask())])
            work.wait()
            opened.store.write(lambda tx: policies.adopt(tx, digest="f" * 64, body={}))
            work.admit([opened.said(Ask())])
            work.wait()

    with pytest.raises(PolicyReplaced):
        work_under_other_rules()


def test_while_another_coordinator_works_there_is_no_beginning(tmp_path: Path) -> None:
    with trial(tmp_path) as opened, opened.coordinator.working(), trial(tmp_path) as other:
        with pytest.raises(StoreBusy):
            other.coordinator.publish([])
        with pytest.raises(StoreBusy), other.coordinator.working():
            pass


def test_what_was_handed_in_is_waited_for_whether_it_was_taken_in_yet_or_not(opened: Trial) -> None:
    for number in range(1, 30):
        signal = opened.said(Ask(campaign=f"C{number}"))
        with opened.coordinator.working() as work:
            work.submit([signal])
            work.wait()
            assert states(opened, signal) == ["finished"]


def test_a_failure_of_what_keeps_everything_in_step_ends_the_work_though_a_signal_is_thought_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def think(signal: Signal, view: View) -> Answer:
        assert go.wait(60)
        return (no_action(signal, MARKETING, QUESTIONS, f"seen as of {view.as_of}"),)

    def broken(*_: object) -> object:
        raise StoreNotUsable("it is broken")

    def work_on(opened: Trial) -> None:
        with opened.coordinator.working() as work:
            work.admit([opened.said(type=QUESTION.name)])
            monkeypatch.setattr("crossloop.coordinator.in_step.InStep._look", broken)
            try:
                work.wait()
            finally:
                go.set()

    with trial(tmp_path, departments=departments(slow=think)) as opened:
        with pytest.raises(StoreNotUsable, match="broken"):
            work_on(opened)
        monkeypatch.undo()


def pressed() -> None:
    """Somebody presses Ctrl-C."""
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


def test_ctrl_c_while_it_begins_leaves_neither_a_turn_nor_a_lease_behind(
    opened: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        pressed()
        await asyncio.get_running_loop().create_future()

    def begin() -> None:
        with opened.coordinator.working():
            raise AssertionError("it never began")

    with monkeypatch.context() as patched:
        patched.setattr(Working, "serve", never)
        with pytest.raises(KeyboardInterrupt):
            begin()
    assert opened.coordinator.publish([opened.said(Ask())]).new == 1
    with trial(opened.path, first=50) as other:
        assert other.publish(other.said(Ask(campaign="C2"))).new == 1


def test_ctrl_c_while_it_ends_gives_everything_back(tmp_path: Path) -> None:
    async def think(signal: Signal, view: View) -> Answer:
        await asyncio.get_running_loop().create_future()
        raise AssertionError((signal, view))

    def work_on(opened: Trial) -> None:
        with opened.coordinator.working() as work:
            work.admit([opened.said(type=QUESTION.name)])
            threading.Timer(0.2, pressed).start()

    with trial(tmp_path, departments=departments(slow=think)) as opened:
        with pytest.raises(KeyboardInterrupt):
            work_on(opened)
        with trial(tmp_path, first=50) as other:
            assert (
                other.coordinator.store.read(lambda read: leases.holder(read, "coordinator", START)) is None
            )


def test_closing_at_work_ends_it_and_says_so_at_the_end_of_the_block(opened: Trial) -> None:
    def close_at_work() -> None:
        with opened.coordinator.working() as work:
            work.admit([opened.said(Ask())])
            opened.coordinator.close()
            with pytest.raises(CrossloopError, match="is closed"):
                work.admit([opened.said(Ask())])

    with pytest.raises(CrossloopError, match="closed while it was at work") as told:
        close_at_work()
    assert "publish([])" in told.value.next_step
    with trial(opened.path, first=50) as again:
        again.publish()
        assert len(again.entries("receipt")) == 1


def test_what_ends_the_block_is_told_though_the_company_was_closed_in_it(opened: Trial) -> None:
    def close_and_fail() -> None:
        with opened.coordinator.working():
            opened.coordinator.close()
            raise ValueError("of the block")

    with pytest.raises(ValueError, match="of the block"):
        close_and_fail()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "expected signals in a list, got a NoneType."),
        ("x", "expected signals in a list, got a str."),
        (["x"], "expected signals, got a str at place 0."),
    ],
)
def test_what_is_no_sequence_of_signals_is_refused_by_name(opened: Trial, given: Any, said: str) -> None:
    with opened.coordinator.working() as work:
        before = opened.store.read(lambda read: read.head().size)
        for refused in (lambda: work.admit(given), lambda: work.submit(given).result(30)):
            with pytest.raises(InputError) as met:
                refused()
            assert str(met.value.where) == "field signals"
            assert met.value.message == said
        work.wait()
        assert opened.store.read(lambda read: read.head().size) == before
    with pytest.raises(InputError, match="expected signals"):
        opened.coordinator.publish(given)


def test_one_signal_is_no_list(opened: Trial) -> None:
    one: Any = opened.said(Ask())
    with pytest.raises(InputError, match="expected signals in a list, got one signal"):
        opened.coordinator.publish(one)


PLACES = ("opened.py", "working.py", "background.py", "base_events.py", "selector_events.py")
"""Where a Ctrl-C is tried; the files of the event loop as far as this thread runs them."""


class Pressed:
    """Ctrl-C at the n-th place at which Python looks for signals: a function begins, or a call is over."""

    def __init__(self, nth: int) -> None:
        self.left = nth
        self._before: dict[int, str] = {}

    def __call__(self, frame: FrameType, event: str, arg: object) -> Pressed | None:
        if Path(frame.f_code.co_filename).name not in PLACES or frame.f_code.co_name == "__del__":
            return None  # what is raised while garbage is collected reaches nobody
        frame.f_trace_opcodes = True
        if event == "call":
            self._press()
        elif event == "opcode":
            if self._before.get(id(frame), "").startswith("CALL"):
                self._press()
            self._before[id(frame)] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
        elif event == "return":
            self._before.pop(id(frame), None)
        return self

    def _press(self) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def test_wherever_ctrl_c_comes_nothing_is_left_behind(opened: Trial) -> None:
    """While it begins, takes in and ends: the next one begins, and what was acknowledged is answered."""
    acknowledged: list[Signal] = []

    def press(nth: int) -> bool:
        signal, pressed, before = opened.said(Ask(campaign=f"C{nth % 100 + 1}")), Pressed(nth), sys.gettrace()
        try:
            sys.settrace(pressed)
            with opened.coordinator.working() as work:
                work.admit([signal])
                acknowledged.append(signal)
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(before)
        return False

    def begins_again() -> None:
        with opened.coordinator.working() as work:
            work.wait()
        again.append("begun")

    nth, interrupted = 0, True
    while interrupted:
        nth, again = nth + 1, list[str]()
        interrupted = press(nth)
        thread = threading.Thread(target=begins_again, daemon=True)
        thread.start()
        thread.join(30)
        assert again == ["begun"], f"Ctrl-C at place {nth} left something behind"
    assert nth > 50
    assert set(states(opened, *acknowledged)) == {"finished"}
