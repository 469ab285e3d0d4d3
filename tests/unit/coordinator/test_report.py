"""Reports are made from what the ledger holds."""

from __future__ import annotations

from typing import Any

from crossloop.coordinator.decide import Made
from crossloop.coordinator.report import decision_report, receipt_report
from crossloop.ids import ApprovalId
from crossloop.signals import Proposal, Receipt, Verdict
from crossloop.store import approvals, decisions
from tests.support.stores import START
from tests.support.trials import Ask, Trial


def test_a_decision_is_reported_as_it_was_recorded(opened: Trial) -> None:
    signal = opened.said(Ask(share=0.2))
    reported = opened.publish(signal).decisions[0]
    row = opened.store.read(lambda read: decisions.for_signal(read, signal.id))[0]
    body: dict[str, Any] = opened.store.read(lambda read: read.body(row.entry))
    proposal, verdict = Proposal.model_validate(body["proposal"]), Verdict.model_validate(body["verdict"])
    asked = opened.store.read(lambda read: approvals.for_decision(read, row.id))
    assert asked is not None
    made = Made(row, proposal, verdict, tuple(body["dissent"]), ApprovalId(asked.id))
    assert decision_report(made) == reported
    assert (reported.id, reported.signal_id, reported.case) == (row.id, signal.id, signal.correlation_id)
    assert reported.impact == {
        "resource": "ads/campaign/C1/budget",
        "share": 0.2,
        "amount": "2000.00",
        "currency": "INR",
    }
    assert reported.action_key is not None


def test_an_answer_that_asks_for_nothing_has_neither_impact_nor_action(opened: Trial) -> None:
    reported = next(one for one in opened.ask(Ask()).decisions if one.department == "sales")
    assert (reported.intervention, reported.impact, reported.action_key, reported.approval_id) == (
        "no_action",
        None,
        None,
        None,
    )


def test_a_prompt_shows_a_report_in_one_line_with_what_it_comes_to(opened: Trial) -> None:
    said = opened.said(Ask(), Ask(campaign="C2", share=0.2))
    report = opened.publish(said)
    assert (
        repr(report)
        == str(report)
        == (
            "<PublishReport 1 signals, 1 new, 3 decisions (1 act, 1 hold, 1 refuse), 1 receipts (1 done), "
            "1 waiting; in full: .decisions, .model_dump()>"
        )
    )


def test_a_receipt_is_reported_without_its_times() -> None:
    receipt = Receipt(
        action_key="act_1", outcome="done", reference="r", detail="d", started_at=START, finished_at=START
    )
    assert receipt_report(receipt).model_dump() == {
        "action_key": "act_1",
        "outcome": "done",
        "reference": "r",
        "detail": "d",
    }
