"""Signals through the whole coordinator: who is asked, what waits for whom, what one failure spoils."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from langgraph.types import interrupt

from crossloop.coordinator import runtime
from crossloop.coordinator.admit import admit_signals
from crossloop.departments import Department, Handler, View
from crossloop.departments.department import Handle
from crossloop.signals import Signal
from crossloop.store import Read, inbox
from tests.support.trials import (
    LOOPS,
    MARKETING,
    NOTICE,
    QUESTION,
    QUESTIONS,
    SALES,
    Ask,
    Trial,
    asking,
    trial,
)


def made_of(handles: Mapping[str, Handle], slow: Handle | None = None) -> tuple[Department, ...]:
    """Departments that answer notices with these handlers, and marketing also questions."""
    question = (Handler(QUESTION.name, QUESTIONS, slow, slow=True),) if slow is not None else ()
    return tuple(
        Department(
            name,
            (Handler(NOTICE.name, LOOPS[name], handles[name]), *(question if name == MARKETING else ())),
        )
        for name in (MARKETING, SALES)
        if name in handles
    )


async def nothing(signal: Signal, view: View) -> list[Any]:
    return []


def test_every_listening_department_is_asked_and_both_have_begun_before_either_ends(tmp_path: Path) -> None:
    begun: dict[str, asyncio.Event] = {}

    def meeting(own: str, other: str) -> Handle:
        async def handle(signal: Signal, view: View) -> list[Any]:
            begun.setdefault(own, asyncio.Event()).set()
            await begun.setdefault(other, asyncio.Event()).wait()
            return []

        return handle

    handles = {MARKETING: meeting("marketing", "sales"), SALES: meeting("sales", "marketing")}
    with trial(tmp_path, departments=made_of(handles)) as opened:
        report = opened.ask()
    assert [(one.department, one.rationale) for one in report.decisions] == [
        ("marketing", "marketing has nothing to say about it"),
        ("sales", "sales has nothing to say about it"),
    ]


def test_a_wave_holds_at_most_64_signals_and_each_signal_travels_once(
    opened: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided: list[Sequence[Signal]] = []
    real = runtime.decide

    def watched(tx: Any, wave: Sequence[Signal], *rest: Any, **named: Any) -> Any:
        decided.append(wave)
        return real(tx, wave, *rest, **named)

    monkeypatch.setattr(runtime, "decide", watched)
    monkeypatch.setattr(type(opened.store), "pressed", lambda _: False)
    said = [opened.said() for _ in range(130)]
    opened.publish(*said)
    assert [len(wave) for wave in decided] == [64, 64, 2]
    assert [one.id for wave in decided for one in wave] == [one.id for one in said]


@pytest.fixture
def opened(tmp_path: Path) -> Any:
    with trial(tmp_path) as found:
        yield found


def test_a_signal_with_a_slow_listener_travels_alone_and_delays_nobody(tmp_path: Path) -> None:
    asked_with: list[int] = []

    async def slowly(signal: Signal, view: View) -> list[Any]:
        while opened.state(fast[-1]) != "finished":
            await asyncio.sleep(0)
        asked_with.append(len(opened.restrictions()))
        return []

    handles = {MARKETING: asking(MARKETING, LOOPS[MARKETING])}
    with trial(tmp_path, departments=made_of(handles, slowly)) as opened:
        slow = opened.said(type=QUESTION.name)
        fast = [opened.said(Ask(campaign=f"C{number}")) for number in range(70)]
        opened.publish(slow, *fast)
        assert opened.state(slow) == "finished"
    # When the slow one was let go, everything of the others had been performed.
    assert asked_with == [70]


def test_at_most_32_slow_signals_are_under_way_and_the_rest_follow(tmp_path: Path) -> None:
    under_way, most = set[str](), list[int]()

    async def slowly(signal: Signal, view: View) -> list[Any]:
        under_way.add(signal.id)
        most.append(len(under_way))
        while len(most) < 32:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        under_way.discard(signal.id)
        return []

    with trial(tmp_path, departments=made_of({MARKETING: nothing}, slowly)) as opened:
        said = [opened.said(type=QUESTION.name) for _ in range(70)]
        opened.publish(*said)
        assert {opened.state(one) for one in said} == {"finished"}
    assert max(most) == 32
    assert len(most) == 70


def test_as_many_synchronous_slow_handlers_wait_at_once_as_the_lane_lets_through(tmp_path: Path) -> None:
    together = threading.Barrier(32, timeout=30)

    def slowly(signal: Signal, view: View) -> list[Any]:
        together.wait()
        return []

    with trial(tmp_path, departments=made_of({MARKETING: nothing}, slowly)) as opened:
        report = opened.publish(*(opened.said(type=QUESTION.name) for _ in range(32)))
    assert {one.rationale for one in report.decisions} == {"marketing has nothing to say about it"}


def test_one_handler_that_fails_leaves_the_other_signals_of_the_wave_untouched(tmp_path: Path) -> None:
    def failing(signal: Signal, view: View) -> Any:
        if signal.subject.endswith("/1"):
            raise RuntimeError("a bug of theirs")
        return asking(MARKETING, LOOPS[MARKETING])(signal, view)

    with trial(tmp_path, departments=made_of({MARKETING: failing})) as opened:
        said = [opened.said(Ask(campaign=f"C{number}")) for number in range(3)]
        report = opened.publish(*said)
        assert opened.restrictions() == ["C0 560001", "C2 560001"]
        assert {opened.state(one) for one in said} == {"finished"}
    assert [one.verdict for one in report.decisions] == ["act", "refuse", "act"]
    assert "RuntimeError: a bug of theirs" in report.decisions[1].rationale


def test_a_handler_that_pauses_the_graph_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    def pausing(signal: Signal, view: View) -> Any:
        if signal.subject.endswith("/1"):
            interrupt("may I?")
        return asking(MARKETING, LOOPS[MARKETING])(signal, view)

    with trial(tmp_path, departments=made_of({MARKETING: pausing})) as opened:
        said = [opened.said(Ask(campaign=f"C{number}")) for number in range(3)]
        report = opened.publish(*said)
        assert {opened.state(one) for one in said} == {"finished"}
        assert opened.restrictions() == ["C0 560001", "C2 560001"]
        assert "paused the graph" in opened.outcome(said[1])
    assert [one.verdict for one in report.decisions] == ["act", "act"]


def test_an_answer_that_the_ledger_cannot_keep_fails_its_own_signal_only(tmp_path: Path) -> None:
    def spoiled(signal: Signal, view: View) -> Any:
        made = asking(MARKETING, LOOPS[MARKETING])(signal, view)
        if signal.subject.endswith("/0"):
            return [one.model_copy(update={"rationale": "model said \x00"}) for one in made]
        return made

    with trial(tmp_path, departments=made_of({MARKETING: spoiled})) as opened:
        opened.publish(opened.said(Ask()), opened.said(Ask(campaign="C2")))
        assert opened.restrictions() == ["C2 560001"]


def test_a_signal_that_nobody_listens_to_is_parked_and_says_so(opened: Trial) -> None:
    unheard = opened.said(type="trial.unheard/1")
    report = opened.publish(unheard)
    assert report.decisions == ()
    assert opened.state(unheard) == "parked"
    assert [one.reason for one in report.parked] == ["no department listens to trial.unheard/1"]


def test_signals_admitted_while_a_wave_runs_are_taken_up_by_the_same_run(tmp_path: Path) -> None:
    later: list[Signal] = []

    async def spreading(signal: Signal, view: View) -> list[Any]:
        if later:
            await admit_signals(opened.runtime(), [later.pop()])
        return []

    with trial(tmp_path, departments=made_of({MARKETING: spreading}, spreading)) as opened:
        said = [opened.said(type=type) for type in (NOTICE.name, QUESTION.name, NOTICE.name, QUESTION.name)]
        later += said[1:]
        opened.publish(said[0])
        assert [opened.state(one) for one in said] == ["finished"] * 4


def test_the_same_signal_published_twice_is_asked_about_once(tmp_path: Path) -> None:
    asked = Counter[str]()

    async def counting(signal: Signal, view: View) -> list[Any]:
        asked[signal.id] += 1
        return []

    with trial(tmp_path, departments=made_of({MARKETING: counting})) as opened:
        signal = opened.said()
        assert opened.publish(signal, signal).new == 1
        assert opened.publish(signal).new == 0
    assert asked == {signal.id: 1}


def work_of(path: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Statements sent and rows read while as many signals are brought to their end."""
    statements, rows = 0, 0
    run, many = Read._run, Read.rows

    def counted(self: Read, *arguments: Any) -> Any:
        nonlocal statements
        statements += 1
        return run(self, *arguments)

    def counted_rows(self: Read, *arguments: Any, **values: Any) -> Any:
        nonlocal rows
        found = many(self, *arguments, **values)
        rows += len(found)
        return found

    path.mkdir()
    with trial(path) as opened, monkeypatch.context() as watched:
        asks = {number: (Ask(campaign=f"C{number // 4}"),) for number in range(0, count, 4)}
        said = [
            opened.said(*asks.get(number, ()), type=QUESTION.name if number % 10 == 1 else NOTICE.name)
            for number in range(count)
        ]
        opened.wait(admit_signals(opened.runtime(), said))
        watched.setattr(Read, "_run", counted)
        watched.setattr(Read, "rows", counted_rows)
        opened.publish()
        assert opened.store.read(lambda read: inbox.waiting(read, 1)) == []
        assert opened.store.read(lambda read: inbox.unfinished(read, 1)) == []
    return statements, rows


def test_the_work_for_a_signal_does_not_grow_with_the_number_of_signals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = work_of(tmp_path / "few", 150, monkeypatch)
    many = work_of(tmp_path / "many", 600, monkeypatch)
    for small, large in zip(few, many, strict=True):
        assert large < 4.2 * small
