"""A run as people read it: what was seen, how sure, what was considered, what was done, what now."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from rich.console import Console

from crossloop.console import words
from crossloop.console.came_of import (
    print_done,
    print_incidents,
    print_undo,
    print_waiting,
    print_worth,
)
from crossloop.console.decided import print_decisions
from crossloop.console.output import copyable, say, title
from crossloop.console.seen import measured, print_seen

if TYPE_CHECKING:
    from crossloop.coordinator import RunReport
    from crossloop.governance import Policy
    from crossloop.signals import Catalogue

_TOLD: Final = {
    "hold": ("question to answer", "questions to answer"),
    "held": ("question that others answer", "questions that others answer"),
    "done": ("change made", "changes made"),
    "failed": ("change that failed", "changes that failed"),
    "unknown": ("change nobody can tell the end of", "changes nobody can tell the end of"),
    "dropped": ("change that was given up", "changes that were given up"),
    "compensated": ("change taken back", "changes taken back"),
    "not_compensated": ("change that was not taken back", "changes that were not taken back"),
    "incident": ("incident to look into", "incidents to look into"),
    "incident_overdue": (
        "incident that nobody looked into in time",
        "incidents that nobody looked into in time",
    ),
    "incident_closed": ("incident that was looked into", "incidents that were looked into"),
    "parked": ("signal that nobody handles", "signals that nobody handles"),
    "refuse": ("answer that nothing is done", "answers that nothing is done"),
    "shadow": ("change only recorded", "changes only recorded"),
}


def print_run(
    console: Console, report: RunReport, policy: Policy, catalogue: Catalogue, *, command: str, at: str
) -> None:
    """Print the whole story of a run.

    Args:
        policy: the rules it ran under.
        catalogue: what the company's interventions mean.
        command: how to call ``crossloop`` from here.
        at: what further commands need to find store and company: `` --store URL``, or nothing.
    """
    rules = words.plain(report.governance.split(", digest")[0])
    under = rules if policy.shadow_only else f"stage {report.stage}, rules {rules}"
    say(console, f"[bold]{report.loop}[/] as of [bold]{report.as_of}[/]  [dim]{under}[/]")
    _changed(console, report)
    _in_short(console, report)
    console.print()
    _looked_at(console, report)
    print_seen(console, report)
    print_decisions(console, report, policy, catalogue)
    print_done(console, report)
    print_waiting(console, report, policy.document.timezone)
    print_incidents(console, report, at, command)
    print_worth(console, report)
    print_undo(console, report)
    _told(console, report)
    _next(console, report, command, at)


def _in_short(console: Console, report: RunReport) -> None:
    """The run in one or two sentences."""
    seen, became = _areas_in_short(report), _became(report)
    nothing_seen = "No area is at risk" if measured(report) else "Nothing was seen"
    if report.looked_at_before and not became:
        holds = [*seen, *_holding(report)]
        nothing = "this day was looked at before, and nothing is new"
        say(console, f"In short: {nothing}. What holds: {words.listed(holds) or nothing_seen.lower()}.")
        return
    again = "this day was looked at before; meanwhile: " if report.looked_at_before else ""
    became += _questions(report)
    said = f"{words.listed(seen) or nothing_seen}; {words.listed(became) or 'nothing was changed'}."
    say(console, f"In short: {again}{said}")


def _changed(console: Console, report: RunReport) -> None:
    """What differs from the run before: what is seen under other settings cannot be compared with it."""
    if not report.changed_settings:
        return
    differs = (
        f"{one.name} is {words.setting(one.name, one.now)} now; it was {words.setting(one.name, one.before)}"
        for one in report.changed_settings
    )
    say(console, f"[yellow]Other settings[/] than in the last run ({report.last_as_of}):", hang=2)
    for one in differs:
        say(console, f"{words.plain(one)}", indent=2, hang=4)


def _areas_in_short(report: RunReport) -> list[str]:
    states = Counter(str(one.get("state", "published")) for one in report.signals)
    if not measured(report):
        return [
            words.counted(number, f"signal {state}", f"signals {state}")
            for state, number in ((name.replace("_", " "), count) for name, count in states.items())
        ]
    newly = "at risk since this day" if report.looked_at_before else "newly at risk"
    return [
        words.counted(states[state], f"area {said}", f"areas {said}")
        for state, said in (("open", newly), ("still_open", "still at risk"), ("cleared", "recovered"))
        if states[state]
    ]


def _became(report: RunReport) -> list[str]:
    """What this run did."""
    verdicts = Counter(one.verdict for one in report.decisions if one.action_key is not None)
    made = sum(one.outcome == "done" for one in report.receipts)
    broken = len(report.receipts) - made
    return [
        f"{words.counted(number, 'change')} {said}"
        for number, said in (
            (made, "made"),
            (broken, "failed or of unknown end"),
            (verdicts["shadow"], "only recorded, in shadow"),
            (verdicts["refuse"], "refused"),
        )
        if number
    ]


def _holding(report: RunReport) -> list[str]:
    """What earlier runs did that still holds."""
    changes = [f"{words.counted(report.in_force, 'change')} in force"] if report.in_force else []
    return changes + _questions(report)


def _questions(report: RunReport) -> list[str]:
    """How many questions wait, for whom: those who are asked together, or one instead of the other."""
    asked = Counter(words.asked(one.people, one.quorum) for one in report.waiting)
    return [f"{words.counted(number, 'question')} to {people}" for people, number in asked.items()]


def _looked_at(console: Console, report: RunReport) -> None:
    title(console, "What was looked at")
    for name, rows in {"orders": report.rows, **report.inputs}.items():
        counted = words.mapping(rows)
        if "read" in counted and "used" in counted:
            console.print(f"  {name}: {counted['read']:,} lines read, {counted['used']:,} used")
        for aside in counted.get("set_aside", ()):
            say(
                console,
                f"[dim]{aside['count']:>10,} set aside: {words.plain(aside['reason'])}[/]",
                indent=2,
                hang=13,
            )
    console.print()


def _told(console: Console, report: RunReport) -> None:
    if not report.notices:
        return
    title(console, "Who was told", "each of them with the reasons; in full: crossloop explain")
    asked = Counter(person for one in report.waiting for person in one.people)
    told: dict[str, Counter[str]] = {}
    for one in report.notices:
        counts = told.setdefault(one.recipient, Counter())
        kind = "hold" if one.kind == "escalate" else one.kind
        if kind == "hold" and counts[kind] >= asked[one.recipient]:
            kind = "held"  # somebody else was asked
        counts[kind] += 1
    said = (
        (
            recipient,
            words.listed(words.counted(n, *_TOLD.get(kind, (kind,))) for kind, n in kinds.items() if n),
        )
        for recipient, kinds in told.items()
    )
    for text, recipients in words.grouped(said).items():
        say(console, f"{words.listed(recipients)}: {text}", indent=2, hang=4)
    console.print()


def _next(console: Console, report: RunReport, command: str, at: str) -> None:
    title(console, "Where to look next")
    steps = [("that nobody changed the record", f"ledger verify{at}")]
    if report.waiting:
        waiting = report.waiting[0].approval_id
        steps.insert(0, ("what is asked, and how to answer", f"approvals show {waiting}{at}"))
    told = _most_telling(report)
    if told is not None:
        steps.insert(0, ("why, from the first order to the last notice", f"explain {told}{at}"))
    for what, call in steps:
        say(console, f"[dim]{what}:[/]", indent=2)
        copyable(console, f"{command} {call}", indent=4)
    entries = words.counted(report.ledger.entries, "entry", "entries")
    say(console, f"[dim]The ledger has {entries}, root {report.ledger.root[:16]}….[/]", indent=2)


def _most_telling(report: RunReport) -> str | None:
    """The decision to read first: one that was carried out, else one that waits, else any."""
    by_verdict = {one.verdict: one.id for one in reversed(report.decisions)}
    for verdict in ("act", "hold", "escalate", "shadow", "refuse"):
        if verdict in by_verdict:
            return by_verdict[verdict]
    return None
