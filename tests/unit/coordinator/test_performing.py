"""Systems at work beside the waves: nobody waits for a slow one who need not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from crossloop.actions import Executor, Performed
from crossloop.coordinator.admit import admit_signals
from crossloop.coordinator.in_step import InStep
from crossloop.departments import InForce, View
from crossloop.errors import StaleLease
from crossloop.ids import CaseId, derived
from crossloop.signals import ActionRequest, Receipt, Signal
from crossloop.store import actions, approvals, inbox
from tests.support.trials import LOOPS, MARKETING, Ask, Trial, asking, departments, lift, trial


class Held:
    """A system that holds one campaign up until it is told to go on."""

    def __init__(self, system: Any, campaign: str = "C1") -> None:
        self._system = system
        self._campaign = campaign
        self.go = threading.Event()
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._system, name)

    async def perform(self, key: str, request: ActionRequest) -> Performed:
        campaign = str(request.arguments["campaign_id"])
        self.asked.append(campaign)
        if campaign == self._campaign:
            while not self.go.is_set():
                await asyncio.sleep(0.001)
        return await self._system.perform(key, request)


@pytest.fixture
def held(opened: Trial) -> Held:
    made = Held(opened.systems.ads)
    cast("dict[str, Any]", opened.company.adapters)["ads"] = made
    return made


@pytest.fixture(autouse=True)
def _one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossloop.coordinator.waves.WAVE", 1)


def cuts(opened: Trial, count: int) -> list[Signal]:
    return [opened.said(Ask(campaign=f"C{number}")) for number in range(1, count + 1)]


def states(opened: Trial, signals: Sequence[Signal]) -> list[str]:
    rows = opened.store.read(lambda read: [inbox.get(read, one.id) for one in signals])
    return [row.state for row in rows if row is not None]


async def until(reached: Callable[[], bool]) -> None:
    while not reached():
        await asyncio.sleep(0.001)


def test_a_slow_system_holds_up_no_wave_and_the_end_of_a_drain_waits_for_it(
    opened: Trial, held: Held
) -> None:
    signals, runtime = cuts(opened, 4), opened.runtime()

    async def work() -> list[str]:
        await admit_signals(runtime, signals)
        draining = asyncio.create_task(runtime.drain(as_of=opened.clock.now()))
        await until(lambda: states(opened, signals)[1:] == ["finished"] * 3)
        meanwhile = states(opened, signals)[0]
        assert not draining.done()
        held.go.set()
        done = await draining
        return [meanwhile, *(one.outcome for one in done.receipts)]

    assert opened.wait(work()) == ["decided", *["done"] * 4]
    assert states(opened, signals) == ["finished"] * 4


def test_at_work_nothing_waits_for_a_slow_system_but_what_it_was_asked_to_do(
    opened: Trial, held: Held
) -> None:
    first, *others = cuts(opened, 4)
    with opened.coordinator.working() as work:
        work.admit([first])
        work.admit(others)
        done = threading.Event()
        while states(opened, others) != ["finished"] * 3:
            assert not done.wait(0.001)
        assert states(opened, [first]) == ["decided"]
        held.go.set()
        work.wait()
        assert states(opened, [first]) == ["finished"]


def test_what_people_permit_is_performed_while_a_system_is_slow(opened: Trial, held: Held) -> None:
    slow, asked = opened.said(Ask(share=0.2)), opened.said(Ask(campaign="C2", share=0.2))
    with opened.coordinator.working() as work:
        work.admit([slow, asked])
        work.wait()
        for row in opened.store.read(lambda read: approvals.listing(read, state="waiting")):
            for person in ("asha", "ravi"):
                opened.coordinator.answer(row.id, person=person, decision="approve", asserted="in a test")
        done = threading.Event()
        while states(opened, [slow, asked]) != ["decided", "finished"]:
            assert not done.wait(0.001)
        held.go.set()


def test_so_much_is_handed_over_and_no_more(
    opened: Trial, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossloop.coordinator.performing.BACKLOG", 1)
    signals, runtime = cuts(opened, 3), opened.runtime()

    async def work() -> list[str]:
        await admit_signals(runtime, signals)
        draining = asyncio.create_task(runtime.drain(as_of=opened.clock.now()))
        await until(lambda: held.asked == ["C1"])
        await asyncio.sleep(0.05)
        meanwhile = states(opened, signals)
        held.go.set()
        await draining
        return meanwhile

    assert opened.wait(work()) == ["decided", "new", "new"]
    assert states(opened, signals) == ["finished"] * 3


def test_a_signal_whose_case_has_an_action_under_way_waits_for_it_and_the_others_do_not(
    opened: Trial, held: Held
) -> None:
    first, other = cuts(opened, 2)
    (key,) = _keys(opened, first)
    over = opened.over(CaseId(first.correlation_id), lift(key, derived("rst", key)))
    runtime = opened.runtime()

    async def work() -> list[str]:
        await admit_signals(runtime, [first, over, other])
        draining = asyncio.create_task(runtime.drain(as_of=opened.clock.now()))
        await until(lambda: states(opened, [other]) == ["finished"])
        meanwhile = states(opened, [first, over])
        held.go.set()
        await draining
        return meanwhile

    assert opened.wait(work()) == ["decided", "new"]
    assert states(opened, [first, over, other]) == ["finished"] * 3
    assert opened.restrictions() == ["C2 560001"]


def _keys(opened: Trial, signal: Signal) -> list[str]:
    """The keys that the actions of a signal will have."""
    return [str(one.action_key) for one in asking(MARKETING, LOOPS[MARKETING])(signal, cast("View", None))]


def followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody follows while the first action is under way."""

    async def stale(*_: object, **__: object) -> Receipt:
        raise StaleLease("somebody has followed")

    monkeypatch.setattr(Executor, "_receipt", stale)


def test_a_failure_of_what_is_performed_ends_the_run(opened: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    signals, runtime = cuts(opened, 2), opened.runtime()

    async def work() -> None:
        await admit_signals(runtime, signals)
        await runtime.drain(as_of=opened.clock.now())

    with monkeypatch.context() as patched:
        followed(patched)
        with pytest.raises(StaleLease):
            opened.wait(work())
    opened.wait(runtime.drain(as_of=opened.clock.now()))
    assert states(opened, signals) == ["finished"] * 2
    assert sorted(opened.restrictions()) == ["C1 560001", "C2 560001"]


def test_at_work_a_failure_of_what_is_performed_is_told(
    opened: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed(monkeypatch)

    def work_on() -> None:
        with opened.coordinator.working() as work:
            work.admit(cuts(opened, 1))
            work.wait()

    with pytest.raises(StaleLease):
        work_on()


def test_departments_are_shown_what_is_under_way(tmp_path: Path) -> None:
    seen: list[list[InForce]] = []
    of_case: list[int] = []

    def handle(signal: Signal, view: View) -> Any:
        seen.append(list(view.in_force))
        of_case.append(len(view.in_force_for(seen[0][0].case)) if seen[0] else 0)
        return asking(MARKETING, LOOPS[MARKETING])(signal, view)

    made = departments()
    object.__setattr__(made[1].handlers[0], "handle", handle)
    with trial(tmp_path, departments=made) as opened:
        held = Held(opened.systems.ads)
        cast("dict[str, Any]", opened.company.adapters)["ads"] = held
        signals, runtime = cuts(opened, 2), opened.runtime()

        async def work() -> None:
            await admit_signals(runtime, signals)
            draining = asyncio.create_task(runtime.drain(as_of=opened.clock.now()))
            await until(lambda: len(seen) == 2)
            held.go.set()
            await draining

        opened.wait(work())
        assert [(one.under_way, one.reference) for one in seen[1]] == [(True, None)]
        assert opened.store.read(lambda read: len(actions.in_force(read))) == 2


def test_a_company_with_nothing_to_do_looks_at_the_head_of_the_ledger_and_at_nothing_else(
    opened: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossloop.coordinator.runtime.LOOK_AGAIN", 0.001)
    looks, found = list[str](), list[bool]()
    is_quiet = InStep._is_quiet

    def watched(own: InStep) -> bool:
        found.append(is_quiet(own))
        return found[-1]

    def at_rest() -> None:
        del found[:]
        while found[-20:] != [True] * 20:
            assert not threading.Event().wait(0.001)

    monkeypatch.setattr(InStep, "_is_quiet", watched)
    with opened.coordinator.working() as work:
        work.admit([opened.said(Ask()), opened.said(type="trial.unheard/1"), opened.said(Ask(share=0.2))])
        work.wait()
        at_rest()
        for module, name in ((inbox, "resting"), (approvals, "waiting_after"), (actions, "started")):
            real = getattr(module, name)
            monkeypatch.setattr(
                module, name, lambda *given, name=name, real=real: (looks.append(name), real(*given))[1]
            )
        at_rest()
        assert looks == []
        monkeypatch.undo()


def test_what_is_parked_expires_while_the_company_is_at_work(
    opened: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossloop.coordinator.runtime.LOOK_AGAIN", 0.001)
    until_then = opened.clock.now() + (opened.said().valid_until - opened.clock.now()) / 30
    signal = opened.said(type="trial.unheard/1", valid_until=until_then)
    with opened.coordinator.working() as work:
        work.admit([signal])
        work.wait()
        assert states(opened, [signal]) == ["parked"]
        opened.clock.advance(2 * (until_then - opened.clock.now()))
        done = threading.Event()
        while states(opened, [signal]) != ["expired"]:
            assert not done.wait(0.001)


def test_a_wave_that_makes_way_for_others_is_decided_to_its_end(
    opened: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # waves of their usual size
    signals, runtime = cuts(opened, 5), opened.runtime()
    monkeypatch.setattr(type(opened.store), "pressed", lambda _: True)

    async def work() -> int:
        await admit_signals(runtime, signals)
        return len((await runtime.drain(as_of=opened.clock.now())).made)

    assert opened.wait(work()) == 5 * 2  # two departments answer each
    assert states(opened, signals) == ["finished"] * 5
