"""One run of a loop: observed, admitted, brought to its end, reported."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from crossloop.clock import end_of_day
from crossloop.coordinator.admit import admit_signals
from crossloop.coordinator.loop import Change, Condition, Inputs
from crossloop.coordinator.run import all_settings, run_loop
from crossloop.coordinator.runtime import Runtime
from crossloop.coordinator.settings import loop_settings
from crossloop.departments import Department, Handler, View
from crossloop.errors import InputError, SettingError
from crossloop.ids import LoopName
from crossloop.signals import Signal
from crossloop.store import approvals
from tests.support.fake_loop import FakeLoop
from tests.support.trials import LOOPS, MARKETING, NOTICE, Ask, Trial, asking, policy, trial
from tests.support.wayward import make_wayward

DAY = date(2025, 3, 1)


def states(opened: Trial) -> list[str]:
    return [row.state for row in opened.store.read(approvals.listing)]


def runtime(opened: Trial, *loops: FakeLoop, **changes: Any) -> Runtime:
    known = {one.name: one for one in loops}
    return opened.runtime(company=replace(opened.company, loops=known), **changes)


def run(
    opened: Trial, loop: FakeLoop, *, as_of: date | None = None, among: Any = None, **settings: str
) -> Any:
    running = among or runtime(opened, loop)
    return opened.wait(run_loop(running, loop, Inputs(), as_of=as_of, settings=settings))


def test_a_run_reports_what_was_seen_decided_done_and_what_waits(opened: Trial) -> None:
    acted, held = opened.said(Ask(share=0.05)), opened.said(Ask(campaign="C2", share=0.2))
    report = run(opened, FakeLoop(signals=(acted, held)), threshold="0.3")
    assert (report.loop, report.as_of, report.stage) == ("trial-marketing", "2025-03-01", "autonomous")
    assert report.rows == {"read": 2, "used": 1, "set_aside": [{"reason": "bad", "count": 1}]}
    assert report.settings == {"threshold": "0.3"}
    assert [one["id"] for one in report.signals] == [acted.id, held.id]
    by_marketing = [one for one in report.decisions if one.department == "marketing"]
    assert [(one.verdict, one.signal_id) for one in by_marketing] == [("act", acted.id), ("hold", held.id)]
    assert by_marketing[0].action_key == report.receipts[0].action_key
    (waiting,) = report.waiting
    assert (waiting.approval_id, waiting.action, waiting.people) == (
        by_marketing[1].approval_id,
        "cut",
        ("asha", "ravi"),
    )
    assert {one.recipient for one in report.notices} >= {"asha", "ravi", "logistics", "marketing", "mina"}
    assert report.governance == f"governance.yaml, digest {opened.policy.digest}"
    assert (report.ledger.entries, report.ledger.root) == (
        opened.coordinator.verify().entries,
        opened.coordinator.verify().root,
    )


def test_a_prompt_shows_a_run_in_one_line(opened: Trial) -> None:
    signals = (opened.said(Ask(share=0.05)), opened.said(Ask(campaign="C2", share=0.2)))
    report = run(opened, FakeLoop(signals=signals))
    assert repr(report) == str(report)
    said = "<RunReport trial-marketing as of 2025-03-01, autonomous: 2 signals (2 published), "
    assert repr(report).startswith(said)
    assert "(1 act, 2 refuse, 1 hold), " in repr(report)
    assert "1 receipts (1 done), 1 waiting; in full: .signals" in repr(report)


def test_running_the_same_facts_again_repeats_neither_signal_nor_action_nor_notice(opened: Trial) -> None:
    loop = FakeLoop(signals=(opened.said(Ask()), opened.said(Ask(campaign="C2", share=0.2))))
    first = run(opened, loop)
    again = run(opened, loop)
    assert (again.decisions, again.receipts, again.notices) == ((), (), ())
    assert again.ledger == first.ledger
    assert again.signals == first.signals
    assert again.waiting == first.waiting


def test_a_run_first_ends_what_an_interrupted_run_left(opened: Trial) -> None:
    left, new = opened.said(Ask()), opened.said(Ask(campaign="C2"))
    opened.wait(admit_signals(opened.runtime(), [left]))
    report = run(opened, FakeLoop(signals=(new,)))
    order = [one.signal_id for one in report.decisions if one.department == "marketing"]
    assert order == [left.id, new.id]
    assert len(report.receipts) == 2


def test_the_day_that_was_not_named_is_the_last_one_of_the_data(opened: Trial) -> None:
    assert run(opened, FakeLoop(day=date(2025, 2, 27))).as_of == "2025-02-27"
    assert run(opened, FakeLoop(), as_of=date(2025, 2, 28)).as_of == "2025-02-28"


def test_signals_are_judged_at_the_business_instant_of_the_run(opened: Trial) -> None:
    signal = opened.said(Ask(), valid_until=opened.clock.now() + timedelta(hours=1))
    report = run(opened, FakeLoop(signals=(signal,)), as_of=DAY)
    assert report.decisions == ()
    assert opened.state(signal) == "expired"


def test_a_loop_is_shown_the_conditions_it_has_opened(opened: Trial) -> None:
    signal = opened.said()
    own = Condition("rto/x", "rto", "state", "X", "open", signal.id, signal.correlation_id, DAY)
    loop = FakeLoop(signals=(signal,), changes=(Change("opened", own),))
    run(opened, loop)
    run(opened, loop, as_of=DAY + timedelta(days=1))
    assert loop.known == [[], [own]]


def test_what_the_inputs_say_about_the_systems_is_loaded_before_departments_look(tmp_path: Any) -> None:
    order: list[str] = []

    def handle(signal: Signal, view: View) -> Any:
        order.append("asked")
        return []

    own = Department(MARKETING, (Handler(NOTICE.name, LOOPS[MARKETING], handle),))
    with trial(tmp_path, departments=(own,)) as opened:
        run(opened, FakeLoop(signals=(opened.said(),), load=lambda: order.append("loaded")))
    assert order == ["loaded", "asked"]


def test_nothing_is_loaded_from_an_observation_that_was_refused(opened: Trial) -> None:
    loaded: list[str] = []
    run(opened, FakeLoop(), as_of=DAY)
    with pytest.raises(InputError, match="is earlier"):
        run(opened, FakeLoop(load=lambda: loaded.append("x")), as_of=DAY - timedelta(days=1))
    assert loaded == []


def test_a_loop_is_shown_that_a_condition_has_to_be_said_again(opened: Trial) -> None:
    signal = opened.said(Ask(share=0.2))
    own = Condition("rto/x", "rto", "state", "X", "open", signal.id, signal.correlation_id, DAY)
    loop = FakeLoop(signals=(signal,), changes=(Change("opened", own),))
    run(opened, loop)
    loop.signals, loop.changes = (), ()
    run(opened, loop, as_of=DAY + timedelta(days=1))
    opened.clock.advance(timedelta(hours=5))
    run(opened, loop, as_of=DAY + timedelta(days=2))
    (while_it_waits,), (afterwards,) = loop.known[1:]
    assert while_it_waits.again is None
    assert afterwards.again is not None


def test_a_question_that_expired_is_asked_again_by_the_next_run_on_the_same_day_and_data(
    opened: Trial,
) -> None:
    signal = opened.said(Ask(share=0.2))
    own = Condition("rto/x", "rto", "state", "X", "open", signal.id, signal.correlation_id, DAY)

    class Seeing(FakeLoop):
        async def observe(self, inputs: Any, **given: Any) -> Any:
            found = await super().observe(inputs, **given)
            again = [one.again for one in given["conditions"] if one.again]
            repeated = tuple(
                opened.said(Ask(share=0.2), dedup_key=one, correlation_id=signal.correlation_id)
                for one in again
            )
            return replace(found, signals=(*found.signals, *repeated))

    loop = Seeing(signals=(signal,), changes=(Change("opened", own),))
    (first,) = run(opened, loop).waiting
    opened.clock.advance(timedelta(hours=5))
    again = run(opened, loop)
    (second,) = again.waiting
    assert second.approval_id != first.approval_id
    assert {one.kind for one in again.notices} >= {"expired", "hold"}
    rerun = run(opened, loop)
    assert rerun.waiting == again.waiting
    assert (rerun.decisions, rerun.notices) == ((), ())
    assert rerun.ledger == again.ledger


@pytest.mark.parametrize("asks", [(Ask(share=0.2),), (Ask(share=0.2), Ask(campaign="C2", share=0.05))])
def test_a_question_ends_with_its_signal_as_of_the_day_and_is_said_again_on_it(
    opened: Trial, asks: tuple[Ask, ...]
) -> None:
    signal = opened.said(*asks, valid_until=opened.clock.now() + timedelta(days=2))
    own = Condition("rto/x", "rto", "state", "X", "open", signal.id, signal.correlation_id, DAY)
    loop = FakeLoop(signals=(signal,), changes=(Change("opened", own),))
    run(opened, loop)
    loop.signals, loop.changes = (), ()
    run(opened, loop, as_of=DAY + timedelta(days=1))
    assert states(opened) == ["waiting"]
    report = run(opened, loop, as_of=DAY + timedelta(days=2))
    assert states(opened) == ["expired"]
    assert report.waiting == ()
    assert {one.recipient for one in report.notices if one.kind == "expired"} >= {"asha", "ravi", "marketing"}
    (entry,) = opened.entries("approval.answered")
    assert entry["reason"].startswith("what it answers was valid until 2025-03-03T")
    (known,) = loop.known[2]
    assert known.again is None
    assert known.at(end_of_day(DAY + timedelta(days=1), "Asia/Kolkata")).again is None
    again = known.at(end_of_day(DAY + timedelta(days=2), "Asia/Kolkata")).again
    assert again is not None
    run(opened, loop, as_of=DAY + timedelta(days=3))
    assert [one.again for one in loop.known[3]] == [again], "the same ending has one token"


def test_settings_that_differ_from_the_last_run_are_reported_with_its_day(opened: Trial) -> None:
    loop = FakeLoop()
    first = run(opened, loop, threshold="0.2")
    assert (first.changed_settings, first.last_as_of, first.looked_at_before) == ((), None, False)
    other = run(opened, loop, as_of=DAY + timedelta(days=1))
    (changed,) = other.changed_settings
    assert (changed.name, changed.before, changed.now) == ("threshold", "0.2", 0.25)
    assert other.last_as_of == DAY.isoformat()
    again = run(opened, loop, as_of=DAY + timedelta(days=1))
    assert (again.changed_settings, again.looked_at_before) == ((), True)


def test_a_loop_is_shown_the_settings_under_which_a_condition_opened(opened: Trial) -> None:
    signal = opened.said(Ask())
    own = Condition("rto/x", "rto", "state", "X", "open", signal.id, signal.correlation_id, DAY)
    loop = FakeLoop(signals=(signal,), changes=(Change("opened", own),))
    report = run(opened, loop, threshold="0.2")
    assert report.in_force == 1
    loop.signals, loop.changes = (), ()
    run(opened, loop, as_of=DAY + timedelta(days=1), threshold="0.3")
    run(opened, loop, as_of=DAY + timedelta(days=2))
    assert [one.opened_under for one in loop.known[2]] == [{"threshold": "0.2"}]


def test_a_wrong_setting_of_any_loop_is_said_before_anything_is_written(opened: Trial) -> None:
    class Broken(FakeLoop):
        def settings(self, chosen: Any) -> Any:
            raise SettingError("out of range")

    with pytest.raises(SettingError):
        run(opened, FakeLoop(), limit="3")
    broken = Broken(name=LoopName("trial-sales"))
    with pytest.raises(SettingError):
        run(opened, FakeLoop(), among=runtime(opened, FakeLoop(), broken))
    assert opened.store.read(lambda read: read.head().size) == 0


def test_settings_are_what_is_chosen_else_what_the_document_sets_else_the_defaults() -> None:
    loop = FakeLoop()
    governed = policy(("notify: {done", 'set: {threshold: "0.10"}\n    notify: {done'))
    assert loop_settings(policy(), loop, {}) == {"threshold": 0.25}
    assert loop_settings(governed, loop, {}) == {"threshold": "0.10"}
    assert loop_settings(governed, loop, {"threshold": "0.2"}) == {"threshold": "0.2"}


def test_departments_see_the_settings_of_every_loop_and_the_chosen_ones_of_this(tmp_path: Any) -> None:
    seen: list[Any] = []

    def handle(signal: Signal, view: View) -> Any:
        seen.append({name: dict(stated) for name, stated in view.settings.items()})
        return asking(MARKETING, LOOPS[MARKETING])(signal, view)

    own = Department(MARKETING, (Handler(NOTICE.name, LOOPS[MARKETING], handle),))
    with trial(tmp_path, departments=(own,)) as opened:
        loop, other = FakeLoop(signals=(opened.said(Ask()),)), FakeLoop(name=LoopName("trial-sales"))
        run(opened, loop, among=runtime(opened, loop, other), threshold="0.1")
        expected = {"trial-marketing": {"threshold": "0.1"}, "trial-sales": {"threshold": 0.25}}
        assert seen == [expected]
        assert set(all_settings(runtime(opened, loop, other))) == set(expected)


def test_a_loop_that_the_document_does_not_govern_says_so(opened: Trial) -> None:
    assert run(opened, FakeLoop(name=LoopName("elsewhere"))).stage == "not governed"


def test_notices_of_a_deadline_that_passed_before_are_reported_by_the_run_that_found_it(
    opened: Trial,
) -> None:
    run(opened, FakeLoop(signals=(opened.said(Ask(share=0.2)),)))
    opened.clock.advance(timedelta(hours=5))
    report = run(opened, FakeLoop(), as_of=DAY + timedelta(days=1))
    assert {one.kind for one in report.notices} == {"expired"}
    assert report.waiting == ()


def test_what_a_run_leaves_of_another_loop_is_reported_by_that_run_and_not_by_the_next(opened: Trial) -> None:
    make_wayward(opened).lost = {"C1"}
    opened.wait(admit_signals(opened.runtime(), [opened.said(Ask(), Ask(campaign="C2", share=0.2))]))
    other = FakeLoop(name=LoopName("trial-other"))
    report = run(opened, other)
    assert [one.kind for one in report.incidents] == ["outcome_unknown"]
    assert [one.action for one in report.waiting] == ["cut"]
    again = run(opened, other)
    assert (again.incidents, again.waiting) == ((), ())
