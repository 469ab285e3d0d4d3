"""Draining: recovery first, then waves, then what was answered meanwhile; every signal to its end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from crossloop.coordinator.admit import admit_signals
from crossloop.coordinator.approvals import answer
from crossloop.coordinator.decide import PolicyReplaced
from crossloop.coordinator.runtime import Done, Runtime
from crossloop.departments import View
from crossloop.errors import StaleLease
from crossloop.governance import judge
from crossloop.ids import PersonId
from crossloop.signals import Signal
from crossloop.signals.entities import Campaign
from crossloop.store import Lease, approvals, inbox, policies
from crossloop.store.ledger.redaction import redact
from tests.support.trials import LOOPS, MARKETING, QUESTION, Ask, Trial, asking, departments, policy, trial


async def drain(opened: Trial, runtime: Runtime | None = None) -> Done:
    return await (runtime or opened.runtime()).drain(as_of=opened.clock.now())


def drained(opened: Trial, *signals: Signal) -> Done:
    runtime = opened.runtime()

    async def work() -> Done:
        await admit_signals(runtime, signals)
        return await drain(opened, runtime)

    return opened.wait(work())


def test_a_drain_tells_what_it_did_in_the_order_it_happened(opened: Trial) -> None:
    signals = [opened.said(Ask(campaign=f"C{number}", share=0.1 * (number + 1))) for number in range(3)]
    done = drained(opened, *signals)
    assert len(done.made) == 6
    assert len([one for one in done.made if one.asked is not None]) == 2
    assert [one.outcome for one in done.receipts] == ["done"]
    assert done.since == 4  # the document and three signals were written before


def test_nothing_waiting_is_nothing_done_and_nothing_written(opened: Trial) -> None:
    drained(opened, opened.said(Ask()))
    before = opened.store.read(lambda read: read.head())
    done = opened.wait(drain(opened))
    assert (done.made, done.receipts) == ([], [])
    assert opened.store.read(lambda read: read.head()) == before


def test_an_answer_that_comes_during_a_drain_is_performed_at_its_end(opened: Trial) -> None:
    drained(opened, opened.said(Ask(share=0.2)))
    row = opened.store.read(approvals.listing)[0]

    async def work() -> Done:
        runtime = opened.runtime()
        await admit_signals(runtime, [opened.said(type=QUESTION.name)])
        at_work, answered = asyncio.Event(), asyncio.Event()

        async def slowly(signal: Signal, view: View) -> list[Any]:
            at_work.set()
            await answered.wait()
            return []

        opened.company.departments[MARKETING] = departments(slow=slowly)[1]
        task = asyncio.create_task(drain(opened, opened.runtime()))
        await at_work.wait()
        for person in ("asha", "ravi"):
            await answer(
                opened.store,
                row.id,
                person=PersonId(person),
                decision="approve",
                reason="",
                policy=opened.policy,
                asserted="test",
            )
        answered.set()
        return await task

    done = opened.wait(work())
    assert [one.outcome for one in done.receipts] == ["done"]
    assert opened.restrictions() == ["C1 560001"]
    assert opened.store.read(approvals.ended_with_thread) == []


def test_a_worker_that_was_followed_changes_nothing(opened: Trial) -> None:
    signal = opened.said(Ask())
    opened.wait(admit_signals(opened.runtime(), [signal]))
    stale = opened.runtime(lease=Lease("coordinator", 1, "x:1:1", opened.clock.now()))
    before = opened.store.read(lambda read: read.head())
    with pytest.raises(StaleLease):
        opened.wait(drain(opened, stale))
    assert opened.store.read(lambda read: read.head()) == before
    assert opened.state(signal) == "new"


def test_a_document_that_is_replaced_during_a_drain_stops_it_and_the_signal_stays_new(tmp_path: Any) -> None:
    other = policy(("within: 4h}\ndepartments", "within: 5h}\ndepartments"))

    def put_in_force(signal: Signal, view: View) -> Any:
        opened.store.write(lambda tx: policies.adopt(tx, digest=other.digest, body=other.as_body()))
        return []

    with trial(tmp_path, departments=departments(slow=put_in_force)) as opened:
        question = opened.said(type=QUESTION.name)
        with pytest.raises(PolicyReplaced):
            drained(opened, question)
        assert opened.state(question) == "new"


def test_one_signal_that_cannot_be_read_does_not_keep_the_others(opened: Trial) -> None:
    lost, kept = opened.said(Ask()), opened.said(Ask(campaign="C2"))
    opened.wait(admit_signals(opened.runtime(), [lost, kept]))
    row = opened.store.read(lambda read: inbox.get(read, lost.id))
    assert row is not None
    opened.store.write(lambda tx: redact(tx, row.entry, "asked for"))
    opened.wait(drain(opened))
    assert opened.outcome(lost) == "its content was removed from the ledger"
    assert opened.restrictions() == ["C2 560001"]


def test_who_is_in_shadow_does_not_stop_others(tmp_path: Any) -> None:
    sales_in_shadow = (
        'sales:\n    owns: ["ads/**"]\n    stage: autonomous',
        'sales:\n    owns: ["ads/**"]\n    stage: shadow',
    )
    first = ("order: [logistics, sales]", "order: [sales, logistics]")
    with trial(tmp_path, sales_in_shadow, first) as opened:
        signal = opened.said(Ask(), Ask(by="sales", wants="increase", interest="sales", intervention="raise"))
        drained(opened, signal)
        said = {one["proposal"]["department"]: one for one in opened.entries("decision")}
        assert said["marketing"]["verdict"]["outcome"] == "act"
        assert said["marketing"]["dissent"] == []
        assert said["sales"]["verdict"]["outcome"] == "shadow"
        assert len(said["sales"]["dissent"]) == 1


def test_what_a_wave_performed_is_in_force_for_the_next(tmp_path: Any) -> None:
    seen: list[int] = []

    def handle(signal: Signal, view: View) -> Any:
        seen.append(len(view.in_force))
        return asking(MARKETING, LOOPS[MARKETING])(signal, view)

    made = departments()
    own = made[1].handlers[0]
    with trial(tmp_path, departments=(made[0], _with(made[1], own, handle))) as opened:
        signals = [
            opened.said(*([Ask(campaign=f"C{number}")] if number < 70 else [])) for number in range(140)
        ]
        drained(opened, *signals)
    assert [seen.count(count) for count in (0, 64, 70)] == [64, 64, 12]


def _with(department: Any, handler: Any, handle: Any) -> Any:
    others = tuple(one for one in department.handlers if one is not handler)
    return replace(department, handlers=(replace(handler, handle=handle), *others))


def test_a_system_that_cannot_be_read_stops_neither_other_departments_nor_other_signals(
    tmp_path: Any,
) -> None:
    logistics, marketing, sales = departments()
    own = replace(marketing.handlers[0], reads=(Campaign,))
    needing = replace(marketing, handlers=(own, *marketing.handlers[1:]))

    async def away() -> list[Campaign]:
        raise OSError("the ad platform is away")

    with trial(tmp_path, departments=(logistics, needing, sales)) as opened:
        cast("dict[Any, Any]", opened.company.readers)[Campaign] = away
        raised = Ask(by="sales", campaign="C2", wants="increase", interest="sales", intervention="raise")
        notice, question = opened.said(Ask(), raised), opened.said(Ask(campaign="C3"), type=QUESTION.name)
        drained(opened, notice, question)
        decided = opened.entries("decision", notice.correlation_id)
        said = {one["proposal"]["department"]: one for one in decided}
        assert said["marketing"]["proposal"]["intervention"] == "no_answer"
        assert said["marketing"]["verdict"]["outcome"] == "refuse"
        assert "the ad platform is away" in said["marketing"]["verdict"]["reasons"][0]["text"]
        assert sorted(opened.restrictions()) == ["C2 560001", "C3 560001"]  # side by side
        assert any("the ad platform is away" in one["text"] for one in opened.entries("notice"))


def test_deadlines_of_people_are_reckoned_in_real_time_whatever_day_is_looked_at(
    opened: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[datetime] = []

    def judging(*arguments: Any, now: datetime) -> Any:
        told.append(now)
        return judge(*arguments, now=now)

    monkeypatch.setattr("crossloop.coordinator.mediator.judge", judging)
    runtime = opened.runtime()
    rival = Ask(by="sales", wants="increase", interest="sales", intervention="raise")

    async def work() -> None:
        await admit_signals(runtime, [opened.said(Ask(), rival)])
        await runtime.drain(as_of=opened.clock.now() - timedelta(days=400))

    opened.wait(work())
    assert set(told) == {opened.clock.now()}
