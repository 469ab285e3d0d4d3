"""Settings of a loop: chosen, set by the document or default; what may be chosen; what was chosen last."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from crossloop.coordinator.admit import admit, admit_signals
from crossloop.coordinator.loop import Change, Condition, Inputs
from crossloop.coordinator.run import all_settings, run_loop
from crossloop.coordinator.runtime import Runtime
from crossloop.coordinator.settings import check_document, loop_settings, permitted_settings
from crossloop.errors import GovernanceDocumentError, SettingError
from crossloop.ids import LoopName
from crossloop.signals import Signal
from crossloop.store import policies
from crossloop.store.choices import CHANGED
from crossloop.store.ledger.redaction import redact
from tests.support.fake_loop import FakeLoop
from tests.support.trials import LOOPS, MARKETING, Ask, Trial, policy

DAY = date(2025, 3, 1)
NAME = LOOPS[MARKETING]
IN_SHADOW = policy(("stage: autonomous\n    respond", "stage: shadow\n    respond"))


def runtime(opened: Trial, loop: FakeLoop, **changes: Any) -> Runtime:
    return opened.runtime(company=replace(opened.company, loops={loop.name: loop}), **changes)


def run(opened: Trial, loop: FakeLoop, *, as_of: date = DAY, among: Any = None, **chosen: str) -> Any:
    running = among or runtime(opened, loop)
    return opened.wait(run_loop(running, loop, Inputs(), as_of=as_of, settings=chosen))


def test_what_lies_within_what_the_document_lists_may_be_chosen() -> None:
    assert permitted_settings(policy(), FakeLoop(), {"threshold": "0.1"}) == {"threshold": "0.1"}


def test_what_lies_outside_is_refused_with_place_range_and_the_ways_out() -> None:
    with pytest.raises(SettingError) as refused:
        permitted_settings(policy(), FakeLoop(), {"threshold": "0.31"})
    said = refused.value.message
    assert said.startswith("the rules let trial-marketing act, so threshold may be 0.1 to 0.3: ")
    assert said.endswith("0.25, 0.31 was chosen.")
    where = refused.value.where
    assert (str(where.file), where.field) == ("governance.yaml", f"loops.{NAME}.adjustable.threshold")
    assert where.line == policy().text.splitlines().index("    adjustable: {threshold: [0.1, 0.3]}") + 1
    for way in ("Change the document", "crossloop backtest", "--store of its own, without --governance"):
        assert way in refused.value.next_step


@pytest.mark.parametrize(
    ("stated", "says"),
    [("", "the default is 0.25"), ('    set: {threshold: "0.2"}\n', "the document says 0.2")],
)
def test_a_refusal_tells_the_default_from_what_the_document_says(stated: str, says: str) -> None:
    changed = policy(("    adjustable: {threshold: [0.1, 0.3]}\n", stated))
    with pytest.raises(SettingError, match=f"may not be chosen at all: {says}, 0.26 was chosen"):
        permitted_settings(changed, FakeLoop(), {"threshold": "0.26"})


def test_what_is_not_listed_may_not_be_chosen_at_all() -> None:
    closed = policy(("    adjustable: {threshold: [0.1, 0.3]}\n", ""))
    with pytest.raises(SettingError, match="threshold may not be chosen at all"):
        permitted_settings(closed, FakeLoop(), {"threshold": "0.26"})


@pytest.mark.parametrize("under", [policy().in_shadow(), IN_SHADOW], ids=["forced", "declared"])
def test_in_shadow_anything_may_be_chosen(under: Any) -> None:
    other = FakeLoop(signal_types=("nobody.answers/1",))
    assert permitted_settings(under, other, {"threshold": "0.9"}) == {"threshold": "0.9"}


def test_a_choice_that_is_refused_writes_nothing(opened: Trial) -> None:
    with pytest.raises(SettingError):
        run(opened, FakeLoop(signals=(opened.said(Ask()),)), threshold="0.9")
    assert opened.store.read(lambda read: read.head().size) == 0


def test_what_the_document_says_of_settings_must_be_known_to_the_loop() -> None:
    listed = policy(("adjustable: {threshold:", "adjustable: {treshold:"))
    with pytest.raises(GovernanceDocumentError, match="there is no setting"):
        check_document(listed, [FakeLoop()])
    stated = policy(("adjustable: {threshold: [0.1, 0.3]}", "set: {treshold: '0.2'}"))
    with pytest.raises(GovernanceDocumentError, match="there is no setting"):
        check_document(stated, [FakeLoop()])
    check_document(policy(), [FakeLoop(), FakeLoop(name=LoopName("elsewhere"))])


def test_a_mistake_in_what_the_document_sets_is_not_blamed_on_what_was_chosen() -> None:
    stated = policy(("adjustable: {threshold: [0.1, 0.3]}", "set: {treshold: '0.2'}"))
    with pytest.raises(GovernanceDocumentError) as wrong:
        loop_settings(stated, FakeLoop(), {"threshold": "0.1"})
    assert wrong.value.where.field == f"loops.{NAME}.set.treshold"


def test_other_settings_than_before_are_recorded_once(opened: Trial) -> None:
    run(opened, FakeLoop())
    assert [one["changed"] for one in opened.entries(CHANGED)] == [{}]
    run(opened, FakeLoop(), threshold="0.1")
    run(opened, FakeLoop(), threshold="0.1")
    run(opened, FakeLoop(), as_of=DAY + timedelta(days=1), threshold="0.1")
    (_, changed) = opened.entries(CHANGED)
    assert changed == {
        "loop": NAME,
        "as_of": "2025-03-01",
        "changed": {"threshold": {"from": 0.25, "to": "0.1"}},
        "chosen": {"threshold": "0.1"},
        "settings": {"threshold": "0.1"},
        "policy": opened.policy.digest,
    }
    run(opened, FakeLoop(), as_of=DAY + timedelta(days=2))
    assert opened.entries(CHANGED)[2]["changed"] == {"threshold": {"from": "0.1", "to": 0.25}}


def test_settings_that_come_back_on_one_day_are_recorded_and_are_those_of_the_next_publish(
    opened: Trial,
) -> None:
    loop = FakeLoop()
    for threshold in ("0.1", "0.3", "0.1"):
        report = run(opened, loop, threshold=threshold)
        assert report.settings == {"threshold": threshold}
    assert [one["settings"]["threshold"] for one in opened.entries(CHANGED)] == ["0.1", "0.3", "0.1"]
    assert all_settings(runtime(opened, loop))[NAME] == {"threshold": "0.1"}


def test_what_was_chosen_is_known_though_the_ledger_lost_it(opened: Trial) -> None:
    loop = FakeLoop()
    run(opened, loop, threshold="0.1")
    entries = opened.store.read(lambda read: list(read.entries()))
    opened.store.write(
        lambda tx: [redact(tx, one.position, "x") for one in entries if one.kind in (CHANGED, "observation")]
    )
    assert all_settings(runtime(opened, loop))[NAME] == {"threshold": "0.1"}
    run(opened, loop, as_of=DAY + timedelta(days=1), threshold="0.1")
    assert len(opened.entries(CHANGED)) == 1


def test_a_choice_for_the_first_observation_is_recorded_against_the_document(opened: Trial) -> None:
    run(opened, FakeLoop(), threshold="0.2")
    (entry,) = opened.entries(CHANGED)
    assert entry["changed"] == {"threshold": {"from": 0.25, "to": "0.2"}}


def test_what_waits_is_finished_with_what_was_chosen_last_for_its_loop(opened: Trial) -> None:
    loop = FakeLoop()
    run(opened, loop, threshold="0.2")
    assert all_settings(runtime(opened, loop))[NAME] == {"threshold": "0.2"}
    run(opened, loop, as_of=DAY + timedelta(days=1))
    assert all_settings(runtime(opened, loop))[NAME] == {"threshold": 0.25}


def test_what_was_chosen_under_another_document_counts_as_far_as_the_present_one_permits(
    opened: Trial,
) -> None:
    loop = FakeLoop()
    run(opened, loop, threshold="0.2")
    narrower = policy(("threshold: [0.1, 0.3]", "threshold: [0.25, 0.3]"))
    assert all_settings(runtime(opened, loop, policy=narrower))[NAME] == {"threshold": 0.25}


def shadowed(opened: Trial, loop: FakeLoop, under: Any = IN_SHADOW, **chosen: str) -> Any:
    """Run a loop under a document in shadow."""
    return run(opened, loop, among=runtime(opened, loop, policy=under), **chosen)


def condition(signal: Signal) -> Change:
    own = Condition("rto/x", "rto", "state", "X", "open", signal.id, signal.correlation_id, DAY)
    return Change("opened", own)


@pytest.mark.parametrize("interrupted", [False, True], ids=["finished", "interrupted"])
@pytest.mark.parametrize("next_day", [0, 1])
def test_rules_that_act_never_answer_what_a_trial_saw_that_they_do_not_leave_open(
    opened: Trial, interrupted: bool, next_day: int
) -> None:
    signal = opened.said(Ask())
    seen = FakeLoop(signals=(signal,), changes=(condition(signal),))
    in_shadow = runtime(opened, seen, policy=IN_SHADOW)

    async def admitted() -> None:
        stated = permitted_settings(IN_SHADOW, seen, {"threshold": "0.9"})
        looked = await seen.observe(Inputs(), as_of=DAY, timezone="UTC", settings=stated, conditions=())
        await admit(in_shadow, seen, looked, chosen={"threshold": "0.9"})  # and then the process dies

    if interrupted:
        opened.wait(admitted())
    else:
        run(opened, seen, among=in_shadow, threshold="0.9")
    before = opened.store.read(lambda read: read.head())
    with pytest.raises(SettingError) as refused:
        run(opened, FakeLoop(), as_of=DAY + timedelta(days=next_day))
    for said in ("threshold=0.9, chosen 2025-03-01 09:30 UTC", "threshold may be 0.1 to 0.3", " 0.25"):
        assert said in refused.value.message
    assert "another --store" in refused.value.next_step
    with pytest.raises(SettingError):
        opened.wait(admit_signals(runtime(opened, FakeLoop()), [opened.said(Ask(campaign="C2"))]))
    assert opened.store.read(lambda read: read.head()) == before
    assert opened.restrictions() == []


def test_a_trial_within_what_the_rules_leave_open_is_answered_by_them(opened: Trial) -> None:
    loop = FakeLoop(signals=(opened.said(Ask()),))
    assert shadowed(opened, loop, threshold="0.2").receipts == ()
    loop.signals = (opened.said(Ask(campaign="C2")),)
    assert [one.outcome for one in run(opened, loop, as_of=DAY + timedelta(days=1)).receipts] == ["done"]


@pytest.mark.parametrize("under", [policy().in_shadow(), IN_SHADOW], ids=["forced", "declared"])
def test_on_a_store_that_has_acted_a_trial_in_shadow_is_limited_as_the_rules_that_acted_say(
    opened: Trial, under: Any
) -> None:
    loop = FakeLoop()
    run(opened, loop)
    signal = opened.said(Ask())
    tried = FakeLoop(signals=(signal,), changes=(condition(signal),))
    before = opened.store.read(lambda read: read.head())
    with pytest.raises(SettingError, match=r"let trial-marketing act before.*may be 0\.1 to 0\.3"):
        shadowed(opened, tried, under, threshold="0.9")
    assert opened.store.read(lambda read: read.head()) == before
    assert shadowed(opened, loop, under, threshold="0.3").settings == {"threshold": "0.3"}
    with pytest.raises(SettingError, match="act before"):  # also once the document in shadow is in force
        shadowed(opened, tried, under, threshold="0.9")
    assert run(opened, loop, as_of=DAY + timedelta(days=1)).receipts == ()
    assert opened.restrictions() == []


def test_the_last_document_that_let_it_act_says_what_a_trial_may_choose(opened: Trial) -> None:
    loop = FakeLoop()
    run(opened, loop, threshold="0.1")
    narrower = policy(("threshold: [0.1, 0.3]", "threshold: [0.2, 0.3]"))
    run(opened, loop, among=runtime(opened, loop, policy=narrower))  # what was open at the time was chosen
    with pytest.raises(SettingError, match=r"may be 0\.2 to 0\.3"):
        shadowed(opened, loop, threshold="0.1")


def test_a_loop_that_the_rules_never_let_act_is_free_for_trials(opened: Trial) -> None:
    opened.ask(Ask())
    run(opened, FakeLoop())
    other = FakeLoop(name=LoopName("elsewhere"), signal_types=("nobody.answers/1",))
    run(opened, other, threshold="0.9")
    assert run(opened, other, as_of=DAY + timedelta(days=1)).settings == {"threshold": 0.25}


def test_a_document_that_nobody_can_read_any_more_left_nothing_open(opened: Trial) -> None:
    loop = FakeLoop()
    run(opened, loop, threshold="0.2")
    adopted = opened.store.read(policies.present)
    assert adopted is not None
    shadowed(opened, loop)
    opened.store.write(lambda tx: redact(tx, adopted.entry, "asked for"))
    with pytest.raises(SettingError, match="cannot be read any more"):
        shadowed(opened, loop, threshold="0.2")
    assert shadowed(opened, loop).settings == {"threshold": 0.25}
