"""Answering: who, until when, for what exactly, and what one answer brings about."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from crossloop.coordinator.approval_graph import ApprovalThreads
from crossloop.coordinator.approvals import Answered, answer
from crossloop.coordinator.asked import find, load
from crossloop.coordinator.threads_in_step import bring_in_step
from crossloop.errors import AnswerRefused, LedgerBroken, StaleLease, ThreadsUnusable, UnknownName
from crossloop.governance import (
    AlreadyAnswered,
    DeadlinePassed,
    IsProposer,
    NotAsked,
    Policy,
    PolicyChanged,
    UnknownPerson,
)
from crossloop.store import Entry, actions, approvals, observations, policies, votes
from crossloop.store.approvals import ApprovalRow
from crossloop.store.ledger.redaction import redact
from tests.support.executing import rewrite
from tests.support.threads import look, waits
from tests.support.trials import Ask, Trial, lift, policy, trial

OTHER = policy(("within: 4h}\ndepartments", "within: 5h}\ndepartments"))


@pytest.fixture
def held(opened: Trial) -> ApprovalRow:
    """One decision that asha and ravi have to approve."""
    opened.ask(Ask(share=0.2))
    return only(opened)


def only(opened: Trial) -> ApprovalRow:
    (row,) = opened.store.read(approvals.listing)
    return row


def said(opened: Trial, person: str, decision: Any = "approve", reason: str = "", **changes: Any) -> Answered:
    arguments = {"policy": opened.policy, "asserted": "asserted by a test", **changes}
    row = only(opened).id
    return opened.wait(
        answer(opened.store, row, person=person, decision=decision, reason=reason, **arguments)
    )


def size(opened: Trial) -> int:
    return opened.store.read(lambda read: read.head().size)


def test_a_yes_is_refused_when_a_later_day_was_looked_at_than_its_signal_holds(opened: Trial) -> None:
    signal = opened.said(Ask(share=0.2), valid_until=opened.clock.now() + timedelta(days=2))
    opened.publish(signal)

    def looked_at(day: date) -> None:
        opened.store.write(
            lambda tx: observations.record(
                tx, loop="any", as_of=day, settings_digest="s", input_digest=str(day), body={}
            )
        )

    looked_at(date(2025, 3, 2))
    said(opened, "asha")
    looked_at(date(2025, 3, 3))
    before = size(opened)
    with pytest.raises(AnswerRefused, match="was valid until 2025-03-03") as refused:
        said(opened, "ravi")
    assert refused.value.code == "approval.signal_expired"
    assert "Run the loop" in refused.value.next_step
    assert size(opened) == before
    assert said(opened, "ravi", "reject", "too late").state == "rejected"


def test_what_is_shown_tells_how_long_it_holds_what_is_overdue_and_how_it_ended(opened: Trial) -> None:
    signal = opened.said(Ask(share=0.2))
    held = opened.publish(signal).waiting[0].approval_id
    said(opened, "asha", reason="fine")
    shown: Any = opened.coordinator.approval(held)
    assert (shown["overdue"], shown["ended"]) == (False, None)
    assert shown["valid_until"] == signal.valid_until.isoformat()
    assert [(one["person"], one["reason"]) for one in shown["answers"]] == [("asha", "fine")]
    opened.clock.advance(timedelta(hours=5))
    (listed,) = opened.coordinator.approvals(state="waiting")
    assert listed["overdue"] is True
    opened.publish()
    ended: Any = opened.coordinator.approval(held)
    assert (ended["overdue"], ended["state"], ended["ended"]["person"]) == (False, "expired", None)
    assert ended["ended"]["at"] == opened.clock.now().isoformat()
    assert ended["ended"]["reason"].startswith("nobody answered until")


def test_an_approval_needs_everybody_of_the_quorum_and_then_permits_once(
    opened: Trial, held: ApprovalRow
) -> None:
    assert said(opened, "ravi") == Answered(held.id, "waiting", None, 1)
    assert opened.store.read(lambda read: actions.permitted(read, 10)) == []
    done = said(opened, "asha")
    assert (done.state, done.still_needed) == ("approved", 0)
    (permitted,) = opened.store.read(lambda read: actions.permitted(read, 10))
    assert permitted.key == done.action_key
    (permit,) = (one["permit"] for one in opened.entries("permit"))
    assert (permit["approvers"], permit["approval_id"]) == (["ravi", "asha"], held.id)
    assert permit["action_digest"] == held.digest
    assert opened.entries("claim.in_force") == [
        {"decision_id": held.decision_id, "claims": [one.position for one in claimed(opened)]}
    ]


def claimed(opened: Trial) -> list[Entry]:
    return [one for one in opened.store.read(lambda read: list(read.entries())) if one.kind == "claim"]


REFUSALS: list[tuple[str, dict[str, Any], type[AnswerRefused]]] = [
    ("a stranger", {"person": "zoe"}, UnknownPerson),
    ("a colleague who was not asked", {"person": "mina"}, NotAsked),
    ("another document here", {"person": "asha", "policy": OTHER}, PolicyChanged),
    ("a rejection without a reason", {"person": "asha", "decision": "reject", "reason": "  "}, AnswerRefused),
    ("a reason without end", {"person": "asha", "reason": "x" * 2001}, AnswerRefused),
    ("a reason that cannot be kept", {"person": "asha", "reason": "a\ud800"}, AnswerRefused),
    ("a reason with an escape sequence", {"person": "asha", "reason": "no\x1b[2J"}, AnswerRefused),
    ("a name that cannot be kept", {"person": "asha", "asserted": "OS user \ud800"}, AnswerRefused),
]


@pytest.mark.parametrize(
    ("arguments", "refusal"), [one[1:] for one in REFUSALS], ids=[one[0] for one in REFUSALS]
)
def test_an_answer_that_must_not_count_is_refused_and_changes_nothing(
    opened: Trial, held: ApprovalRow, arguments: dict[str, Any], refusal: type[AnswerRefused]
) -> None:
    before = size(opened)
    with pytest.raises(refusal):
        said(opened, **arguments)
    assert size(opened) == before
    assert only(opened) == held
    assert opened.store.read(lambda read: votes.people(read, held.id)) == ()


def test_one_person_counts_once(opened: Trial, held: ApprovalRow) -> None:
    said(opened, "asha")
    with pytest.raises(AlreadyAnswered):
        said(opened, "asha")
    assert only(opened).state == "waiting"


def test_an_answer_counts_up_to_the_deadline_and_not_after_it(opened: Trial, held: ApprovalRow) -> None:
    opened.clock.advance(timedelta(hours=4))
    said(opened, "asha")
    opened.clock.advance(timedelta(microseconds=1))
    with pytest.raises(DeadlinePassed):
        said(opened, "ravi")
    assert only(opened).state == "waiting"


def test_a_document_that_another_process_put_in_force_stops_the_answer(
    opened: Trial, held: ApprovalRow
) -> None:
    opened.store.write(lambda tx: policies.adopt(tx, digest=OTHER.digest, body=OTHER.as_body()))
    for under in (opened.policy, OTHER):  # nor does it count under the new one: it was asked under the old
        with pytest.raises(PolicyChanged, match="the rules changed") as refused:
            said(opened, "asha", policy=under)
        assert "asked again" in refused.value.next_step


def test_a_document_that_is_not_in_force_yet_stops_a_yes_and_no_no(opened: Trial, held: ApprovalRow) -> None:
    with pytest.raises(PolicyChanged, match="which are in force") as refused:
        said(opened, "asha", policy=OTHER)
    assert "asked again" in refused.value.next_step
    assert said(opened, "asha", "reject", "not like this", policy=OTHER).state == "rejected"


@pytest.mark.parametrize("adopted", [False, True])
def test_whoever_was_asked_may_say_no_though_the_rules_name_them_no_more(
    opened: Trial, held: ApprovalRow, adopted: bool
) -> None:
    without_ravi = policy(
        ("ravi: {name: Ravi Iyer, email: ravi@trial.example,", "zara: {name: Z, email: z@trial.example,"),
        ("[asha, ravi]", "[asha, zara]"),
    )
    if adopted:  # by another process, which has not come to withdraw what waits
        body = without_ravi.as_body()
        opened.store.write(lambda tx: policies.adopt(tx, digest=without_ravi.digest, body=body))
    with pytest.raises(PolicyChanged):
        said(opened, "ravi", policy=without_ravi)
    with pytest.raises(NotAsked):
        said(opened, "zara", policy=without_ravi)
    assert said(opened, "ravi", "reject", "I leave it", policy=without_ravi).state == "rejected"


def gone_up_the_line(opened: Trial) -> ApprovalRow:
    """An escalation that asha did not answer in time: mina is asked now."""
    opened.ask(Ask(confidence=0.5))
    opened.clock.advance(timedelta(hours=5))
    opened.publish()
    assert only(opened).people == ("mina",)
    return only(opened)


def test_whoever_was_asked_first_may_say_no_after_the_question_has_gone_up_the_line(opened: Trial) -> None:
    row = gone_up_the_line(opened)
    with pytest.raises(NotAsked, match=r"'asha' was asked about .* until .*; now it is with mina"):
        said(opened, "asha")
    with pytest.raises(NotAsked, match="'ravi' is not asked about"):
        said(opened, "ravi", "reject", "not mine")
    assert said(opened, "asha", "reject", "too late for a yes").state == "rejected"
    assert (only(opened).person, only(opened).id) == ("asha", row.id)
    assert opened.coordinator.verify().ok


def test_a_no_counts_while_the_question_is_on_its_way_to_the_next_ones(opened: Trial) -> None:
    opened.ask(Ask(confidence=0.5))
    opened.clock.advance(timedelta(hours=5))
    with pytest.raises(DeadlinePassed):
        said(opened, "asha")
    assert said(opened, "asha", "reject", "no").state == "rejected"


def test_who_is_asked_when_nobody_answers_is_shown_in_the_thread_too(opened: Trial) -> None:
    opened.ask(Ask(confidence=0.5))
    row = only(opened)
    following = {"from": ["mina"], "due_at": (row.due + timedelta(hours=4)).isoformat()}
    assert opened.coordinator.approval(row.id)["next"] == following
    (shown,) = look(opened.path / "threads.db", row.id).interrupts
    assert shown.value["next"] == following
    opened.clock.advance(timedelta(hours=5))
    opened.publish()
    assert opened.coordinator.approval(row.id)["next"] is None
    (shown,) = look(opened.path / "threads.db", row.id).interrupts
    assert (shown.value["from"], shown.value["next"]) == (["mina"], None)


def test_nobody_comes_next_for_a_question_that_a_rule_demands_or_that_has_ended(opened: Trial) -> None:
    opened.ask(Ask(share=0.2))
    assert opened.coordinator.approvals()[0]["next"] is None
    said(opened, "asha", "reject", "no")
    opened.ask(Ask(campaign="C2", confidence=0.5))
    held = next(one for one in opened.coordinator.approvals() if one["state"] == "waiting")
    opened.coordinator.answer(str(held["id"]), person="asha", decision="reject", reason="no", asserted="test")
    assert [one["next"] for one in opened.coordinator.approvals()] == [None, None]


def test_nobody_approves_what_they_proposed_and_who_proposed_is_shown(tmp_path: Path) -> None:
    with trial(tmp_path, ("asha", "marketing")) as opened:
        opened.ask(Ask(share=0.2))
        assert opened.coordinator.approval(only(opened).id)["proposed_by"] == "marketing"
        with pytest.raises(IsProposer):
            said(opened, "marketing")
        assert said(opened, "marketing", "reject", "second thoughts").state == "rejected"


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE approvals SET quorum = 1", "quorum is 1, but entry"),
        ("UPDATE approvals SET people = '[\"asha\"]'", "people is ['asha'], but entry"),
        ("UPDATE approvals SET digest = 'other'", "digest is 'other', but entry"),
        (
            "UPDATE decisions SET department = 'sales' WHERE department = 'marketing'",
            "department is 'sales', but entry",
        ),
        (
            "INSERT INTO approval_votes (key, approval_key, person) SELECT 9999, key, 'ravi' FROM approvals",
            "vote 9999",
        ),
    ],
)
def test_a_yes_counts_on_nothing_that_the_ledger_does_not_say(
    opened: Trial, held: ApprovalRow, statement: str, says: str
) -> None:
    opened.tamper(statement)
    with pytest.raises(LedgerBroken, match="cannot be approved") as wrong:
        said(opened, "asha")
    assert says in str(wrong.value)
    assert opened.entries("permit") == []


@pytest.mark.parametrize("redacted", [False, True])
def test_a_question_that_was_rejected_and_set_back_is_not_approved(
    opened: Trial, held: ApprovalRow, redacted: bool
) -> None:
    said(opened, "ravi", "reject", "no")
    opened.tamper("UPDATE approvals SET state = 'waiting', answered = NULL, person = NULL, reason = NULL")
    opened.tamper("UPDATE actions SET state = 'planned', dropped = NULL")
    if redacted:
        opened.tamper("UPDATE entries SET salt = NULL, body = NULL WHERE kind = 'approval.answered'")
    with pytest.raises(LedgerBroken, match=r"it leaves out entry \d+ \(approval.answered\)"):
        said(opened, "asha")
    assert opened.restrictions() == []


def test_who_is_asked_cannot_be_changed_in_the_row_and_in_its_entry_alike(
    opened: Trial, held: ApprovalRow
) -> None:
    opened.tamper("UPDATE approvals SET quorum = 1")
    rewrite(opened.store, "approval.requested", lambda body: body.update(quorum=1), sealed="neither")
    with pytest.raises(LedgerBroken, match="does not match its hash"):
        said(opened, "asha")


def test_one_rejection_ends_it_for_everybody(opened: Trial, held: ApprovalRow) -> None:
    said(opened, "asha")
    assert said(opened, "ravi", "reject", "the plan stands").state == "rejected"
    row = only(opened)
    assert (row.state, row.person, row.reason) == ("rejected", "ravi", "the plan stands")
    for person in ("asha", "ravi"):
        with pytest.raises(AlreadyAnswered):
            said(opened, person)
    assert opened.entries("permit") == []


def test_what_was_said_and_how_the_person_was_known_stands_in_the_ledger(
    opened: Trial, held: ApprovalRow
) -> None:
    said(opened, "asha", reason="go on")
    assert opened.entries("approval.vote") == [
        {
            "approval": held.id,
            "decision": held.decision_id,
            "person": "asha",
            "answer": "approve",
            "reason": "go on",
            "identity": "asserted by a test",
        }
    ]


def test_an_exception_before_the_commit_leaves_the_question_as_it_was(
    opened: Trial, held: ApprovalRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(opened, "asha")
    before = size(opened)

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the process dies here")

    monkeypatch.setattr("crossloop.coordinator.approvals.write_permit", broken)
    with pytest.raises(RuntimeError):
        said(opened, "ravi")
    assert size(opened) == before
    assert only(opened).state == "waiting"


def test_an_approval_is_found_by_the_beginning_of_its_id_if_only_one_begins_so(opened: Trial) -> None:
    opened.ask(Ask(share=0.2), Ask(campaign="C2", share=0.2))
    first, second = opened.store.read(approvals.listing)

    def look(prefix: str) -> ApprovalRow:
        return opened.store.read(lambda read: find(read, prefix))

    assert look(first.id[:20]) == first
    with pytest.raises(UnknownName, match="fits 2 approvals"):
        look("apr_")
    for unknown in ("apr_zzz", "", second.decision_id):
        with pytest.raises(UnknownName, match="there is no approval"):
            look(unknown)


def test_no_answer_reaches_the_only_approval_by_a_scrap_of_its_id(opened: Trial, held: ApprovalRow) -> None:
    for short in ("", "apr", "apr_", held.id[:7]):
        with pytest.raises(UnknownName):
            opened.coordinator.answer(short, person="asha", decision="approve", asserted="test")
    assert opened.coordinator.approval(held.id[:8])["id"] == held.id


def test_what_a_person_is_shown_is_what_they_need_to_answer(opened: Trial, held: ApprovalRow) -> None:
    said(opened, "asha")
    (shown,) = opened.coordinator.approvals()
    assert shown == opened.coordinator.approval(held.id)
    assert shown["action"]["resource"] == "ads/campaign/C1/geo/IN/KARNATAKA/560/560001"
    assert (shown["intervention"], shown["impact"]["share"]) == ("cut", 0.2)
    assert (shown["from"], shown["quorum"], shown["approved_by"]) == (["asha", "ravi"], 2, ["asha"])
    assert (shown["digest"], shown["state"], shown["due_at"]) == (
        held.digest,
        "waiting",
        held.due.isoformat(),
    )
    assert any(one["gate"] == "approvals" and one["outcome"] == "hold" for one in shown["reasons"])


def test_what_waits_is_listed_before_what_was_answered_and_each_by_its_deadline(opened: Trial) -> None:
    (asked,) = opened.ask(Ask(share=0.2)).waiting
    opened.coordinator.answer(
        asked.approval_id, person="asha", decision="reject", reason="no", asserted="test"
    )
    opened.ask(Ask(campaign="C2", share=0.2), Ask(campaign="C3", confidence=0.7))
    listed = opened.coordinator.approvals()
    assert [one["state"] for one in listed] == ["waiting", "waiting", "rejected"]
    assert listed[0]["due_at"] < listed[1]["due_at"]
    assert opened.coordinator.approvals(state="rejected") == [listed[2]]
    for limit in range(1, 5):
        assert opened.coordinator.approvals(limit=limit) == listed[:limit]
        assert opened.coordinator.approvals(limit=limit, state="waiting") == listed[:2][:limit]
    assert opened.coordinator.approvals(limit=1, state="rejected") == [listed[2]]


def test_a_decision_whose_content_was_removed_is_listed_and_can_only_be_rejected(
    opened: Trial, held: ApprovalRow
) -> None:
    found = opened.store.read(lambda read: [one for one in read.entries() if one.kind == "decision"])
    opened.store.write(lambda tx: [redact(tx, one.position, "asked for") for one in found])
    with pytest.raises(UnknownName, match="redacted"):
        said(opened, "asha")
    (listed,) = opened.coordinator.approvals()
    assert (listed["redacted"], listed["intervention"], listed["state"]) == (True, "cut", "waiting")
    assert (listed["action"], listed["options"]) == (None, [])
    assert "redacted" in str(listed["evidence"])
    assert said(opened, "asha", "reject", "nobody knows what it was").state == "rejected"


def test_an_approval_without_its_decision_is_named(opened: Trial, held: ApprovalRow) -> None:
    lost = ApprovalRow(**{**{name: getattr(held, name) for name in held.__slots__}, "decision_id": "dec_x"})
    with pytest.raises(UnknownName, match="has no decision dec_x"):
        opened.store.read(lambda read: load(read, lost))


def in_step(opened: Trial, asked: Callable[[dict[str, Any]], None]) -> list[str]:
    """Bring threads in step; return the ids of those that were removed."""
    ended: list[str] = []

    class Watched(ApprovalThreads):
        def ask(self, questions: Any, *, lease: Any = None) -> None:
            asked(dict(questions))

        def end(self, approval_ids: Any, *, lease: Any = None) -> None:
            ended.extend(approval_ids)

    bring_in_step(opened.store, Watched(opened.path / "threads.db"), None)
    return ended


def test_threads_are_asked_what_waits_and_removed_once_when_it_has_ended(
    opened: Trial, held: ApprovalRow
) -> None:
    asked: list[dict[str, Any]] = []
    assert in_step(opened, asked.append) == []
    assert list(asked[0]) == [held.id]
    said(opened, "asha")
    said(opened, "ravi")
    assert in_step(opened, asked.append) == [held.id]
    assert in_step(opened, asked.append) == []
    assert asked[1:] == [{}, {}]


def test_a_question_that_ended_by_itself_ends_its_thread_too(opened: Trial, held: ApprovalRow) -> None:
    threads = opened.path / "threads.db"
    assert waits(threads, held.id)
    opened.clock.advance(timedelta(hours=5))
    opened.publish()
    assert not waits(threads, held.id)
    assert opened.store.read(approvals.ended_with_thread) == []


def test_a_worker_that_is_followed_before_it_brings_threads_in_step_changes_none(
    opened: Trial, held: ApprovalRow
) -> None:
    file = opened.path / "threads.db"
    stale = opened.take_over()

    class Paused(ApprovalThreads):
        """After it has read the store, and before it writes, somebody follows and a person answers."""

        def ask(self, questions: Any, *, lease: Any = None) -> None:
            bring_in_step(opened.store, ApprovalThreads(file), opened.take_over())
            said(opened, "asha", "reject", "no")
            bring_in_step(opened.store, ApprovalThreads(file), opened.take_over())
            super().ask(questions, lease=lease)

    with pytest.raises(StaleLease):
        bring_in_step(opened.store, Paused(file), stale)
    assert not waits(file, held.id)
    assert opened.store.read(approvals.ended_with_thread) == []


def test_a_worker_that_is_followed_leaves_the_removing_to_its_successor(
    opened: Trial, held: ApprovalRow
) -> None:
    file = opened.path / "threads.db"
    stale = opened.take_over()
    said(opened, "asha", "reject", "no")

    class Paused(ApprovalThreads):
        """Before it removes what has ended, somebody follows and comes by."""

        def end(self, approval_ids: Any, *, lease: Any = None) -> None:
            ApprovalThreads(file).end(["apr_unknown"], lease=opened.take_over())
            super().end(approval_ids, lease=lease)

    with pytest.raises(StaleLease):
        bring_in_step(opened.store, Paused(file), stale)
    assert waits(file, held.id)
    assert [one.id for one in opened.store.read(approvals.ended_with_thread)] == [held.id]
    bring_in_step(opened.store, ApprovalThreads(file), opened.take_over())
    assert not waits(file, held.id)
    assert opened.store.read(approvals.ended_with_thread) == []


def test_threads_of_another_past_of_the_store_are_set_aside_and_made_anew(
    opened: Trial, held: ApprovalRow, caplog: pytest.LogCaptureFixture
) -> None:
    file, kept = opened.path / "threads.db", opened.path / "threads.db.damaged-1"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE fence SET token = token + 50")
    lease = opened.take_over()
    bring_in_step(opened.store, ApprovalThreads(file), lease)
    assert waits(file, held.id)
    assert kept.exists()
    assert "another past of this store" in caplog.text
    bring_in_step(opened.store, ApprovalThreads(file), lease)
    assert not kept.with_name("threads.db.damaged-2").exists()


def test_threads_that_cannot_be_used_stop_neither_a_run_nor_an_answer(
    opened: Trial, held: ApprovalRow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unusable(*_: Any, **__: Any) -> None:
        raise ThreadsUnusable("the approval threads cannot be used")

    with monkeypatch.context() as broken:
        broken.setattr(ApprovalThreads, "end", unusable)
        assert said(opened, "asha", "reject", "no").state == "rejected"
        opened.ask(Ask(campaign="C2"))
        assert opened.restrictions() == ["C2 560001"]
        assert "cannot be used" in caplog.text
        assert [one.id for one in opened.store.read(approvals.ended_with_thread)] == [held.id]
    opened.publish()
    assert opened.store.read(approvals.ended_with_thread) == []


def test_in_shadow_nothing_waits_and_so_nothing_can_be_approved_into_being(
    opened: Trial, held: ApprovalRow
) -> None:
    shadow: Policy = opened.policy.in_shadow()
    with pytest.raises(PolicyChanged):
        said(opened, "asha", policy=shadow)


def held_lift(opened: Trial) -> tuple[str, str]:
    """A change that is in force, and the question whether to take it back."""
    signal = opened.said(Ask())
    (done,) = opened.publish(signal).receipts
    back = lift(done.action_key, done.reference, confidence=0.7)
    opened.publish(opened.over(signal.correlation_id, back))
    (asked,) = opened.store.read(lambda read: approvals.listing(read, state="waiting"))
    return done.action_key, asked.id


def test_a_yes_to_taking_back_what_was_taken_back_meanwhile_is_not_acted_on(opened: Trial) -> None:
    done, asked = held_lift(opened)
    opened.store.write(lambda tx: actions.compensate(tx, done, None))
    size = opened.store.read(lambda read: read.head().size)
    with pytest.raises(AnswerRefused, match="not in force: it is compensated"):
        opened.coordinator.answer(asked, person="asha", decision="approve", asserted="test")
    assert opened.store.read(lambda read: read.head().size) == size
    assert opened.restrictions() == ["C1 560001"]
    opened.coordinator.answer(asked, person="asha", decision="reject", reason="it is", asserted="test")


def test_a_yes_to_what_is_not_planned_any_more_is_refused(opened: Trial) -> None:
    _, asked = held_lift(opened)
    opened.tamper("UPDATE actions SET state = 'failed' WHERE state = 'planned'")
    with pytest.raises(AnswerRefused, match="is not planned"):
        opened.coordinator.answer(asked, person="asha", decision="approve", asserted="test")


def test_taking_back_what_took_something_back_is_refused_with_a_reason(opened: Trial) -> None:
    signal = opened.said(Ask())
    (done,) = opened.publish(signal).receipts
    (lifted,) = opened.publish(
        opened.over(signal.correlation_id, lift(done.action_key, done.reference))
    ).receipts
    again = opened.publish(opened.over(signal.correlation_id, lift(lifted.action_key, lifted.reference)))
    (refused,) = [one for one in again.decisions if one.intervention == "take_back"]
    assert refused.verdict == "refuse"
    text = f"{lifted.action_key} took {done.action_key} back itself: propose the change anew instead."
    assert refused.reasons[0].text == text
