"""In what company signals are thought about: waves, the slow lane, and everything exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from crossloop.coordinator.admit import admit_signals
from crossloop.coordinator.endings import set_aside
from crossloop.coordinator.waves import SLOW_LANE, WAVE, Unreadable, Waiting, run_waves
from crossloop.ids import SignalId
from crossloop.signals import Catalogue, Signal
from crossloop.store import inbox
from crossloop.store.ledger.redaction import redact
from tests.support.stores import plan
from tests.support.trials import NOTICE, QUESTION, Trial

Think = Callable[[tuple[Signal, ...]], Coroutine[Any, Any, None]]


def admit(opened: Trial, count: int, type: str = NOTICE.name) -> list[Signal]:
    signals = [opened.said(type=type) for _ in range(count)]
    opened.wait(admit_signals(opened.runtime(), signals))
    return signals


def waiting(opened: Trial) -> Waiting:
    return Waiting(opened.store, opened.company)


def run(opened: Trial, think: Think) -> list[tuple[SignalId, str]]:
    """Run the waves; return what was set aside, and why."""
    aside: list[tuple[SignalId, str]] = []

    async def put_aside(signal: SignalId, why: str) -> None:
        aside.append((signal, why))
        await opened.store.write_async(lambda tx: set_aside(tx, signal, why))

    asyncio.run(run_waves(waiting(opened), think, put_aside))
    return aside


def ids(found: list[Signal | Unreadable]) -> list[str]:
    return [one.id for one in found]


def test_signals_are_handed_out_in_the_order_of_admission_and_once_each(opened: Trial) -> None:
    signals = admit(opened, 2 * WAVE + 5)
    lane = waiting(opened)
    handed = [lane.fast() for _ in range(4)]
    assert [len(one) for one in handed] == [WAVE, WAVE, 5, 0]
    assert [key for one in handed for key in ids(one)] == ids(list(signals))


def test_what_was_decided_meanwhile_is_not_handed_out(opened: Trial) -> None:
    first, second = admit(opened, 2)
    opened.store.write(lambda tx: set_aside(tx, first.id, "decided by somebody else"))
    assert ids(waiting(opened).fast()) == [second.id]


def test_slow_signals_wait_in_a_lane_of_their_own_and_never_in_front_of_the_others(opened: Trial) -> None:
    slow = admit(opened, 3 * WAVE, QUESTION.name)
    fast = admit(opened, 3)
    lane = waiting(opened)
    assert ids(lane.fast()) == ids(list(fast))
    assert ids(lane.slow(2)) == ids(list(slow[:2]))
    assert ids(lane.slow(1000)) == ids(list(slow[2:]))
    assert lane.slow(1) == lane.fast() == []


def test_looking_for_work_reads_each_waiting_signal_once_by_the_index(
    opened: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    admit(opened, 2 * WAVE, QUESTION.name)
    admit(opened, 2 * WAVE)
    rows, real = [0], inbox.waiting_after

    def counted(*arguments: Any) -> Any:
        found = real(*arguments)
        rows[0] += len(found)
        return found

    monkeypatch.setattr(inbox, "waiting_after", counted)
    lane = waiting(opened)
    while lane.fast() or lane.slow(SLOW_LANE):
        pass
    assert rows == [4 * WAVE]
    used = plan(opened.store, inbox._OPEN_AFTER, state="new", after=3, limit=5)
    assert "USING INDEX signals_open (state=? AND key>?)" in used


def test_waves_hold_at_most_64_and_everything_is_thought_about_once(opened: Trial) -> None:
    signals, seen = admit(opened, 150), list[tuple[Signal, ...]]()

    async def think(wave: tuple[Signal, ...]) -> None:
        seen.append(wave)

    assert run(opened, think) == []
    assert [len(wave) for wave in seen] == [64, 64, 22]
    assert [one.id for wave in seen for one in wave] == [one.id for one in signals]


def test_without_anything_waiting_nothing_is_thought(opened: Trial) -> None:
    async def think(wave: tuple[Signal, ...]) -> None:
        raise AssertionError(wave)

    assert run(opened, think) == []


def test_what_is_admitted_during_a_wave_is_taken_up(opened: Trial) -> None:
    (first,), seen = admit(opened, 1), list[str]()
    later = [opened.said(), opened.said(type=QUESTION.name), opened.said()]

    async def think(wave: tuple[Signal, ...]) -> None:
        seen.extend(one.id for one in wave)
        if wave[0] is not None and len(seen) <= 3 and later:
            await admit_signals(opened.runtime(), [later.pop(0)])

    expected = {first.id, *(one.id for one in later)}
    run(opened, think)
    assert set(seen) == expected
    assert len(seen) == 4


def test_a_slow_signal_travels_alone_and_the_others_do_not_wait_for_it(opened: Trial) -> None:
    (slow,), fast = admit(opened, 1, QUESTION.name), admit(opened, 2 * WAVE)
    order: list[str] = []

    async def main() -> None:
        others_done = asyncio.Event()

        async def think(wave: tuple[Signal, ...]) -> None:
            if wave == (slow,):
                order.append("slow begins")
                await others_done.wait()
                order.append("slow ends")
                return
            assert slow not in wave
            await asyncio.sleep(0)
            order.append(f"wave of {len(wave)}")
            if wave[-1].id == fast[-1].id:
                others_done.set()

        await run_waves(waiting(opened), think, never_aside)

    asyncio.run(main())
    assert order == ["slow begins", "wave of 64", "wave of 64", "slow ends"]


async def never_aside(signal: SignalId, why: str) -> None:
    raise AssertionError(why)


def test_what_is_admitted_while_only_slow_signals_are_under_way_does_not_wait_for_them(opened: Trial) -> None:
    admit(opened, 1, QUESTION.name)
    fast = opened.said()

    async def main() -> None:
        answered = asyncio.Event()

        async def think(wave: tuple[Signal, ...]) -> None:
            if wave[0].type == QUESTION.name:
                await admit_signals(opened.runtime(), [fast])
                await answered.wait()
            else:
                answered.set()

        await asyncio.wait_for(run_waves(waiting(opened), think, never_aside), 30)

    asyncio.run(main())


def test_at_most_32_slow_signals_are_under_way(opened: Trial) -> None:
    admit(opened, SLOW_LANE + 8, QUESTION.name)
    under_way, most = 0, 0

    async def main() -> None:
        full, one_by_one = asyncio.Event(), asyncio.Lock()

        async def think(wave: tuple[Signal, ...]) -> None:
            nonlocal under_way, most
            assert len(wave) == 1
            under_way += 1
            most = max(most, under_way)
            if under_way == SLOW_LANE:
                full.set()
            await full.wait()
            async with one_by_one:
                for _ in range(20):  # long enough for the lane to be looked at again
                    await asyncio.sleep(0)
                under_way -= 1

        await run_waves(waiting(opened), think, never_aside)

    asyncio.run(main())
    assert (most, under_way) == (32, 0)


@pytest.mark.parametrize(("failing", "expected"), [(2, ["trial/0", "trial/1"]), (0, ["trial/1"])])
def test_a_failure_ends_the_run_and_cancels_what_is_under_way(
    opened: Trial, failing: int, expected: list[str]
) -> None:
    admit(opened, 2, QUESTION.name)
    admit(opened, 1)
    cancelled: list[str] = []

    async def think(wave: tuple[Signal, ...]) -> None:
        if wave[0].subject == f"trial/{failing}":
            await asyncio.sleep(0)  # lets the others begin
            raise ValueError("broken")
        try:
            if wave[0].type == QUESTION.name:
                await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.append(wave[0].subject)
            raise

    with pytest.raises(ValueError, match="broken"):
        run(opened, think)
    assert sorted(cancelled) == expected
    assert len(opened.store.read(lambda read: inbox.waiting(read, 10))) == 3


def test_a_signal_of_a_type_that_nobody_knows_any_more_is_set_aside_and_the_others_go_on(
    opened: Trial,
) -> None:
    lost, kept = opened.said(type="trial.unheard/1"), opened.said()
    opened.wait(admit_signals(opened.runtime(), [lost, kept]))
    seen: list[str] = []

    async def think(wave: tuple[Signal, ...]) -> None:
        seen.extend(one.id for one in wave)

    fewer = replace(opened.company, catalogue=Catalogue([NOTICE]))
    aside: list[tuple[str, str]] = []

    async def put_aside(signal: SignalId, why: str) -> None:
        aside.append((signal, why))

    asyncio.run(run_waves(Waiting(opened.store, fewer), think, put_aside))
    assert seen == [kept.id]
    ((which, why),) = aside
    assert which == lost.id
    assert "trial.unheard/1" in why


@pytest.mark.parametrize("type", [NOTICE.name, QUESTION.name])
def test_a_signal_whose_content_was_removed_is_set_aside(opened: Trial, type: str) -> None:
    (lost,) = admit(opened, 1, type)
    entry = opened.store.read(lambda read: inbox.get(read, lost.id).entry)
    opened.store.write(lambda tx: redact(tx, entry, "asked for"))

    async def think(wave: tuple[Signal, ...]) -> None:
        raise AssertionError(wave)

    assert run(opened, think) == [(lost.id, "its content was removed from the ledger")]
    assert opened.state(lost) == "finished"
