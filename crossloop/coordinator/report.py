"""What a run reports: the public result of ``run``, with the JSON shape of the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import Field, JsonValue

from crossloop.frozen import Frozen
from crossloop.money import Money
from crossloop.signals import Outcome, Reason, Receipt

if TYPE_CHECKING:
    from crossloop.coordinator.decide import Made


class OptionReport(Frozen):
    """One course that was considered."""

    intervention: str
    expected_value: str
    """Decimal text in ``currency`` over the horizon, against doing nothing."""

    currency: str
    low: str
    high: str
    permitted: bool
    because: str


class DecisionReport(Frozen):
    """One decision: what a department asked for and what governance said."""

    id: str
    signal_id: str
    case: str
    department: str
    intervention: str
    verdict: Outcome
    reasons: tuple[Reason, ...]
    impact: dict[str, JsonValue] | None
    """Resource, share of its daily budget and amount per day; none when nothing is asked."""

    options: tuple[OptionReport, ...]
    confidence: float
    rationale: str
    action_key: str | None
    approval_id: str | None
    dissent: tuple[dict[str, JsonValue], ...]
    """Whose claim lost, by which rule, with its argument."""

    assumptions: dict[str, JsonValue]


class ReceiptReport(Frozen):
    """One effect."""

    action_key: str
    outcome: str
    reference: str | None
    detail: str


class NoticeReport(Frozen):
    """Who was told what."""

    recipient: str
    kind: str
    text: str


class WaitingReport(Frozen):
    """A held or escalated decision that waits for a person."""

    approval_id: str
    decision_id: str
    people: tuple[str, ...]
    quorum: int
    """How many of them have to approve."""

    due: datetime
    action: str


class IncidentReport(Frozen):
    """An action of which a person has to find out what became of it."""

    incident_id: str
    kind: str
    """``outcome_unknown``, or ``not_compensated``."""

    action_key: str
    intervention: str
    resource: str
    people: tuple[str, ...]
    """Who may close it."""

    because: str


class RestingReport(Frozen):
    """A signal that nobody answers: parked, or expired."""

    signal_id: str
    type: str
    people: tuple[str, ...]
    """Whose it is."""

    reason: str


class SettingChange(Frozen):
    """A setting that differs from the one of the last run."""

    name: str
    before: JsonValue
    now: JsonValue


class LedgerReport(Frozen):
    """Size and root of the ledger after the run."""

    entries: int
    root: str


class RunReport(Frozen):
    """The result of one run of a loop. Its ``repr`` is one line; everything stands in the fields."""

    loop: str
    as_of: str
    stage: str
    """Effective ceiling of the loop in the governance document."""

    rows: dict[str, JsonValue]
    inputs: dict[str, JsonValue]
    settings: dict[str, JsonValue]
    signals: tuple[dict[str, JsonValue], ...]
    decisions: tuple[DecisionReport, ...]
    receipts: tuple[ReceiptReport, ...]
    notices: tuple[NoticeReport, ...]
    waiting: tuple[WaitingReport, ...]
    incidents: tuple[IncidentReport, ...] = ()
    """Open incidents of this loop, whichever run opened them, and those that this run opened for others."""

    notes: tuple[str, ...]
    governance: str
    """Where the rules came from, and their digest."""

    ledger: LedgerReport
    counts: dict[str, JsonValue] = Field(default_factory=dict)
    looked_at_before: bool = False
    """True when the same facts were looked at before as of this day, under these settings and rules."""

    last_as_of: str | None = None
    """As-of day of the run before this one; none before the first."""

    changed_settings: tuple[SettingChange, ...] = ()
    """Settings that differ from those of the run before."""

    in_force: int = 0
    """Changes of this loop that are in force after the run, whichever run made them."""

    def __repr__(self) -> str:
        seen = _counted(str(one.get("state", "published")) for one in self.signals)
        said = f"{self.loop} as of {self.as_of}, {self.stage}: {len(self.signals)} signals{seen}, "
        return f"<RunReport {said}{_came_of(self)}; in full: .signals, .decisions, .model_dump()>"

    def __str__(self) -> str:
        return repr(self)


class PublishReport(Frozen):
    """The result of publishing signals from outside. Its ``repr`` is one line."""

    new: int
    """Signals that the store did not know yet."""

    signals: tuple[str, ...]
    decisions: tuple[DecisionReport, ...]
    receipts: tuple[ReceiptReport, ...]
    waiting: tuple[WaitingReport, ...]
    incidents: tuple[IncidentReport, ...] = ()
    """Incidents that this brought about and that are open."""

    parked: tuple[RestingReport, ...] = ()
    """Those of the signals that no department handles; they wait until one does."""

    expired: tuple[RestingReport, ...] = ()
    """Those of the signals that held no more; nobody was asked about them."""

    def __repr__(self) -> str:
        said = f"{len(self.signals)} signals, {self.new} new, {_came_of(self)}"
        return f"<PublishReport {said}; in full: .decisions, .model_dump()>"

    def __str__(self) -> str:
        return repr(self)


def _came_of(report: RunReport | PublishReport) -> str:
    verdicts = _counted(one.verdict for one in report.decisions)
    outcomes = _counted(one.outcome for one in report.receipts)
    return (
        f"{len(report.decisions)} decisions{verdicts}, {len(report.receipts)} receipts{outcomes}, "
        f"{len(report.waiting)} waiting{_more(report)}"
    )


def _more(report: RunReport | PublishReport) -> str:
    """What went another way, where something did."""
    return f", {len(report.incidents)} incidents" if report.incidents else ""


def _counted(names: Iterable[str]) -> str:
    """How many of each: `` (3 act, 1 hold)``; nothing where there is none."""
    counts = Counter(names)
    return f" ({', '.join(f'{number} {name}' for name, number in counts.items())})" if counts else ""


def decision_report(made: Made) -> DecisionReport:
    """Build the report of a decision."""
    proposal, verdict = made.proposal, made.verdict
    impact: dict[str, JsonValue] | None = None
    if proposal.impact is not None:
        moved: Money = proposal.impact.amount
        impact = {
            "resource": proposal.impact.resource,
            "share": proposal.impact.share,
            "amount": str(moved.amount),
            "currency": moved.currency,
        }
    return DecisionReport(
        id=proposal.id,
        signal_id=proposal.signal_id,
        case=made.row.case,
        department=proposal.department,
        intervention=proposal.intervention,
        verdict=verdict.outcome,
        reasons=verdict.reasons,
        impact=impact,
        options=tuple(
            OptionReport(
                intervention=option.intervention,
                expected_value=str(option.expected_value.amount),
                currency=option.expected_value.currency,
                low=str(option.low.amount),
                high=str(option.high.amount),
                permitted=option.permitted,
                because=option.because,
            )
            for option in proposal.options
        ),
        confidence=proposal.confidence,
        rationale=proposal.rationale,
        action_key=proposal.action_key if proposal.action is not None else None,
        approval_id=made.asked,
        dissent=made.dissent,
        assumptions=proposal.assumptions,
    )


def receipt_report(receipt: Receipt) -> ReceiptReport:
    """Build the report of an effect."""
    return ReceiptReport(
        action_key=receipt.action_key,
        outcome=receipt.outcome,
        reference=receipt.reference,
        detail=receipt.detail,
    )
