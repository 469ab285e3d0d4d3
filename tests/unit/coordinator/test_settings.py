"""Settings of a loop: chosen, set by the document or default; what may be chosen; what was chosen last."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from crossloop.coordinator.admit import SETTINGS_CHANGED
from crossloop.coordinator.loop import Inputs
from crossloop.coordinator.run import all_settings, run_loop
from crossloop.coordinator.runtime import Runtime
from crossloop.coordinator.settings import check_document, loop_settings, permitted_settings
from crossloop.errors import GovernanceDocumentError, SettingError
from crossloop.ids import LoopName
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
    assert refused.value.message == (
        "the rules let trial-marketing act, so threshold may be 0.1 to 0.3: the document says 0.25, 0.31 was "
        "chosen."
    )
    where = refused.value.where
    assert (str(where.file), where.field) == ("governance.yaml", f"loops.{NAME}.adjustable.threshold")
    assert where.line == policy().text.splitlines().index("    adjustable: {threshold: [0.1, 0.3]}") + 1
    for way in ("Change the document", "crossloop backtest", "--store of its own, without --governance"):
        assert way in refused.value.next_step


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
    assert opened.entries(SETTINGS_CHANGED) == []
    run(opened, FakeLoop(), threshold="0.1")
    run(opened, FakeLoop(), threshold="0.1")
    run(opened, FakeLoop(), as_of=DAY + timedelta(days=1), threshold="0.1")
    (first,) = opened.entries(SETTINGS_CHANGED)
    assert first == {
        "loop": NAME,
        "as_of": "2025-03-01",
        "changed": {"threshold": {"from": 0.25, "to": "0.1"}},
        "chosen": {"threshold": "0.1"},
        "policy": opened.policy.digest,
    }
    run(opened, FakeLoop(), as_of=DAY + timedelta(days=2))
    assert opened.entries(SETTINGS_CHANGED)[1]["changed"] == {"threshold": {"from": "0.1", "to": 0.25}}


def test_a_choice_for_the_first_observation_is_recorded_against_the_document(opened: Trial) -> None:
    run(opened, FakeLoop(), threshold="0.2")
    (entry,) = opened.entries(SETTINGS_CHANGED)
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
    run(opened, loop, among=runtime(opened, loop, policy=policy().in_shadow()), threshold="0.9")
    assert all_settings(runtime(opened, loop))[NAME] == {"threshold": 0.25}
