"""What came of a run: what was done, who has to decide or to look, what it is worth, how to undo it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from crossloop.console import words
from crossloop.console.output import copyable, say, title
from crossloop.console.seen import measured

if TYPE_CHECKING:
    from crossloop.coordinator import RunReport
    from crossloop.coordinator.report import DecisionReport


def print_done(console: Console, report: RunReport) -> None:
    if report.receipts:
        title(console, "What was done")
        for outcome in dict.fromkeys(one.outcome for one in report.receipts):
            mark = "[green]✓[/]" if outcome == "done" else f"[red]✗ {outcome}:[/]"
            details = (one.detail.partition(": ") for one in report.receipts if one.outcome == outcome)
            for text, names in words.grouped((name, text) for name, _, text in details).items():
                said = f"{words.listed(names)}: {words.told(text)}" if text else words.listed(names)
                say(console, f"{mark} {words.plain(said)}", indent=2, hang=4)
        console.print()
    elif report.decisions:
        title(console, "What was done")
        say(console, "Nothing was changed in any system.", indent=2)
        if report.stage == "shadow":
            say(
                console,
                "In shadow nothing ever is: it takes rules that permit to act, given with --governance FILE.",
                indent=2,
            )
        console.print()


def print_incidents(console: Console, report: RunReport, at: str, command: str) -> None:
    if not report.incidents:
        return
    title(console, "What somebody has to look into")
    for one in report.incidents:
        people, because = words.listed(one.people, "or"), escape(words.told(one.because))
        what = f"{one.intervention}, {escape(words.resource(one.resource))}"
        say(console, f"[red]●[/] {people}: {what}: {because}", indent=2, hang=4)
        copyable(console, f"{command} incidents show {one.incident_id}{at}", indent=6)


def print_waiting(console: Console, report: RunReport, zone: str) -> None:
    if not report.waiting:
        return
    title(console, "Who has to decide")
    decisions = {one.id: one for one in report.decisions}
    areas = words.areas(report)
    asked = [
        (
            f"{words.asked(one.people, one.quorum)}, until {words.minute(one.due, zone)}",
            _question(decisions.get(one.decision_id), areas, one.action),
        )
        for one in report.waiting
    ]
    by_people: dict[str, list[str]] = {}
    for people, question in asked:
        by_people.setdefault(people, []).append(question)
    for people, questions in by_people.items():
        say(console, f"[yellow]●[/] {people}", indent=2, hang=4)
        for question, whats in words.grouped((what, how) for how, what in _split(questions)).items():
            say(console, f"{question} {words.shortened(whats)}".rstrip(), indent=6, hang=8)
    console.print()


def _split(questions: list[str]) -> list[tuple[str, str]]:
    return [(head, tail) for head, _, tail in (one.partition("\t") for one in questions)]


def _question(decision: DecisionReport | None, areas: Mapping[str, str], action: str) -> str:
    """What is asked, and about which campaign, separated by a tab."""
    if decision is None:
        return f"{action}, asked in an earlier run\t"
    about = areas.get(decision.signal_id, "")
    where = f" in {about}" if about else ""
    own = words.campaign(decision.impact)
    return f"{action}{where}:\t{own}" if own else f"{action}{where}\t"


def print_worth(console: Console, report: RunReport) -> None:
    """What the executed and the waiting changes are expected to bring."""
    sums: dict[tuple[str, str], list[float]] = {}
    for one in report.decisions:
        kind = {"act": "done", "hold": "waiting", "escalate": "waiting"}.get(one.verdict)
        for option in one.options:
            if kind is not None and option.intervention == one.intervention:
                values = (float(option.expected_value), float(option.low), float(option.high))
                total = sums.setdefault((kind, option.currency), [0.0, 0.0, 0.0])
                sums[(kind, option.currency)] = [a + b for a, b in zip(total, values, strict=True)]
    if not sums:
        return
    days = report.settings.get("horizon_days")
    title(console, "What it saves", f"expected over {days} days, against doing nothing")
    for (kind, currency), (value, low, high) in sorted(sums.items()):
        verb = "done" if kind == "done" else "if approved"
        say(
            console,
            f"{verb}: [bold]{words.amount(value)} {currency}[/] ({words.between(low, high)})",
            indent=2,
        )
    say(
        console,
        "[dim]Under stated assumptions (cost of a return, margin, advertising spent on an order); an upper "
        "bound as long as orders are not attributed to campaigns.[/]",
        indent=2,
    )
    console.print()


def print_undo(console: Console, report: RunReport) -> None:
    made = [one for one in report.receipts if one.outcome == "done" and one.reference is not None]
    lifts = {one.action_key for one in report.decisions if one.intervention == "lift"}
    changes = {one.action_key: one for one in report.decisions}
    areas = words.areas(report)
    references: dict[str, str] = {}
    for one in made:
        if one.action_key not in lifts:
            references[str(one.reference)] = _change(changes.get(one.action_key), areas)
    if not references:
        return
    title(console, "How to undo it")
    if measured(report):
        clear = float(str(report.settings["clear_threshold"]))
        say(
            console,
            f"By itself: a change is lifted when its area is back below {words.percent(clear)} on fresh "
            "orders. That holds for the settings of this run: other ones move the limit.",
            indent=2,
        )
    say(console, "By hand, in the system that made it, remove:", indent=2)
    for reference, what in references.items():
        copyable(console, f"{reference}  {what}".rstrip(), indent=6)
    console.print()


def _change(decision: DecisionReport | None, areas: Mapping[str, str]) -> str:
    """What was changed where: ``retargeting, state Rajasthan``."""
    if decision is None:
        return ""
    changed = words.campaign(decision.impact) or decision.intervention
    return ", ".join(part for part in (changed, areas.get(decision.signal_id, "")) if part)
