"""A condition is said again where what was decided about it came to nothing, and only then."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

import crossloop
from crossloop.adapters.embedded import EmbeddedCompany
from crossloop.clock import ManualClock
from crossloop.coordinator.decide import PolicyReplaced
from tests.support.project import PROJECT

GOVERNED = PROJECT / "examples" / "governance" / "demo.yaml"
LOOP = "logistics-to-marketing"
DAY = date(2026, 6, 30)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(day: date, governance: Path | None = None) -> crossloop.RunReport:
    with crossloop.open_company("sqlite:///crossloop.db", governance=governance) as company:
        return company.run(LOOP, as_of=day)


def test_what_was_only_recorded_in_shadow_is_put_to_the_rules_that_come_after_it() -> None:
    shadow = run(DAY)
    assert {one.verdict for one in shadow.decisions} <= {"shadow", "refuse"}
    assert not shadow.receipts
    governed = run(DAY, GOVERNED)
    assert [one.outcome for one in governed.receipts].count("done") >= 1
    assert [one["id"] for one in governed.signals] == [one["id"] for one in shadow.signals]
    again = run(DAY, GOVERNED)
    assert not again.decisions
    assert not again.receipts


def test_what_was_answered_under_the_rules_in_force_is_not_asked_again() -> None:
    first = run(DAY, GOVERNED)
    assert first.decisions
    for later in (1, 2, 3):
        assert not run(DAY + timedelta(days=later), GOVERNED).decisions


def test_an_old_document_never_comes_back_by_itself(tmp_path: Path) -> None:
    supervised = tmp_path / "supervised.yaml"
    supervised.write_text(GOVERNED.read_text().replace("stage: autonomous", "stage: supervised"))
    with crossloop.open_company("sqlite:///crossloop.db", governance=GOVERNED) as old:
        run(DAY - timedelta(days=30), supervised)
        with pytest.raises(PolicyReplaced, match="put in force meanwhile"):
            old.run(LOOP, as_of=DAY)


def test_a_run_that_is_refused_leaves_the_systems_as_they_were(tmp_path: Path) -> None:
    run(DAY, GOVERNED)
    campaigns = tmp_path / "campaigns.csv"
    campaigns.write_text(
        "campaign,name,status,daily_budget,currency,level,code\nx,X,live,100,INR,country,IN\n"
    )
    with (
        crossloop.open_company("sqlite:///crossloop.db") as company,
        pytest.raises(crossloop.InputError, match="earlier"),
    ):
        company.run(LOOP, as_of=DAY - timedelta(days=5), others={"campaigns": campaigns})
    with EmbeddedCompany.open(tmp_path / "crossloop-company.db") as systems:
        names = [one.campaign_id for one in asyncio.run(systems.ads.campaigns())]
    assert "x" not in names


def test_what_waits_is_superseded_and_asked_again_by_the_run_that_changes_the_rules(tmp_path: Path) -> None:
    supervised, other = tmp_path / "supervised.yaml", tmp_path / "other.yaml"
    text = GOVERNED.read_text(encoding="utf-8").replace("stage: autonomous", "stage: supervised")
    supervised.write_text(text, encoding="utf-8")
    other.write_text(text.replace("company: ", "company: New "), encoding="utf-8")
    waiting = {one.approval_id for one in run(DAY, supervised).waiting}
    assert waiting
    again = run(DAY, other)
    assert len(again.waiting) == len(waiting)
    assert not waiting & {one.approval_id for one in again.waiting}
    assert {one.kind for one in again.notices} >= {"superseded", "hold"}
    with crossloop.open_company("sqlite:///crossloop.db") as company:
        states = {str(one["id"]): one["state"] for one in company.approvals()}
    assert {states[one] for one in waiting} == {"superseded"}
    assert not run(DAY, other).decisions


def test_rules_that_come_back_on_the_same_day_ask_again_and_a_rerun_writes_nothing(tmp_path: Path) -> None:
    text = GOVERNED.read_text(encoding="utf-8").replace("stage: autonomous", "stage: supervised")
    documents = tmp_path / "first.yaml", tmp_path / "second.yaml"
    for file, company in zip(documents, ("company: ", "company: New "), strict=True):
        file.write_text(text.replace("company: ", company), encoding="utf-8")
    first, second = documents
    seen: set[str] = set()
    for under in (first, second, first, second):
        report = run(DAY, under)
        waiting = {one.approval_id for one in report.waiting}
        assert waiting
        assert not waiting & seen
        seen |= waiting
        again = run(DAY, under)
        assert (again.decisions, again.notices, again.ledger) == ((), (), report.ledger)
        assert {one.approval_id for one in again.waiting} == waiting


def test_a_question_that_expired_is_asked_again_on_the_same_day_with_the_same_data(tmp_path: Path) -> None:
    supervised = tmp_path / "supervised.yaml"
    text = GOVERNED.read_text(encoding="utf-8").replace("stage: autonomous", "stage: supervised")
    supervised.write_text(text, encoding="utf-8")
    clock = ManualClock(datetime(2026, 7, 1, tzinfo=UTC))

    def at_once() -> crossloop.RunReport:
        with crossloop.open_company("sqlite:///crossloop.db", governance=supervised, clock=clock) as company:
            return company.run(LOOP, as_of=DAY)

    first = at_once()
    clock.advance(timedelta(days=3))
    second = at_once()
    assert len(second.waiting) == len(first.waiting) > 0
    assert not {one.approval_id for one in first.waiting} & {one.approval_id for one in second.waiting}
    third = at_once()
    assert (third.decisions, third.waiting, third.ledger) == ((), second.waiting, second.ledger)


def test_what_a_trial_has_seen_is_never_acted_on_by_rules_that_do_not_leave_it_open(tmp_path: Path) -> None:
    signed = tmp_path / "signed.yaml"
    text = GOVERNED.read_text(encoding="utf-8")
    start, end = text.index("    adjustable:\n"), text.index("    notify:\n")
    signed.write_text(text[:start] + "    set: {level: country}\n" + text[end:], encoding="utf-8")
    with crossloop.open_company("sqlite:///crossloop.db") as company:
        tried = company.run(LOOP, as_of=DAY, settings={"level": "auto"})
        assert tried.signals
        before = company.verify()
    for day in (DAY, DAY + timedelta(days=1)):
        with pytest.raises(crossloop.InputError, match=r"level=auto, chosen .*says country.*another --store"):
            run(day, signed)
    with crossloop.open_company("sqlite:///crossloop.db") as company:
        assert company.verify() == before
        entries = company.store.read(lambda read: {one.kind for one in read.entries()})
        assert not entries & {"permit", "action.started", "receipt", "approval.requested"}
