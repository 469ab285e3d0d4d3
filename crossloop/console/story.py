"""A run as people read it: what was seen, how sure, what was considered, what was done, what now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.markup import escape

from crossloop.console import words
from crossloop.console.decided import print_decisions
from crossloop.console.output import columns, copyable, say, title

if TYPE_CHECKING:
    from pydantic import JsonValue

    from crossloop.coordinator import RunReport
    from crossloop.coordinator.report import DecisionReport
    from crossloop.governance import Policy

_WIDEST_BAR: Final = 34
_NARROWEST_BAR: Final = 12
_MOST_EARLIER: Final = 6
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
_METRIC: Final = {
    "rto": "share of orders that came back (rto)",
    "ndr": "share of orders with a failed delivery attempt (ndr)",
}


def print_run(console: Console, report: RunReport, policy: Policy, *, command: str, at: str) -> None:
    """Print the whole story of a run.

    Args:
        policy: the rules it ran under.
        command: how to call ``crossloop`` from here.
        at: what further commands need to find the store: `` --store URL``, or nothing.
    """
    rules = words.plain(report.governance.split(", digest")[0])
    under = rules if policy.shadow_only else f"stage {report.stage}, rules {rules}"
    say(console, f"[bold]{report.loop}[/] as of [bold]{report.as_of}[/]  [dim]{under}[/]")
    _changed(console, report)
    _in_short(console, report)
    console.print()
    _looked_at(console, report)
    _seen(console, report)
    print_decisions(console, report, policy)
    _done(console, report)
    _waiting(console, report, policy.document.timezone)
    _incidents(console, report, at, command)
    _worth(console, report)
    _undo(console, report)
    _told(console, report)
    _next(console, report, command, at)


def _in_short(console: Console, report: RunReport) -> None:
    """The run in one or two sentences."""
    seen, became = _areas_in_short(report), _became(report)
    if report.looked_at_before and not became:
        holds = [*seen, *_holding(report)]
        nothing = "this day was looked at before, and nothing is new"
        say(console, f"In short: {nothing}. What holds: {words.listed(holds) or 'no area is at risk'}.")
        return
    again = "this day was looked at before; meanwhile: " if report.looked_at_before else ""
    became += _questions(report)
    said = f"{words.listed(seen) or 'No area is at risk'}; {words.listed(became) or 'nothing was changed'}."
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
    states = Counter(str(one["state"]) for one in report.signals)
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
        console.print(f"  {name}: {counted['read']:,} lines read, {counted['used']:,} used")
        for aside in counted.get("set_aside", ()):
            say(
                console,
                f"[dim]{aside['count']:>10,} set aside: {words.plain(aside['reason'])}[/]",
                indent=2,
                hang=13,
            )
    console.print()


def _seen(console: Console, report: RunReport) -> None:
    threshold = float(str(report.settings["threshold"]))
    title(console, "What was seen", f"{_METRIC[str(report.settings['metric'])]}, limit {threshold:.0%}")
    if report.signals:
        _areas(console, report, threshold)
    elif not any(note.startswith("Nothing actionable") for note in report.notes):
        say(console, "Nothing actionable: no area is above the limit with enough confidence.", indent=2)
    for note in report.notes:
        say(console, f"[dim]{words.plain(note)}[/]", indent=2)
    console.print()


def _areas(console: Console, report: RunReport, threshold: float) -> None:
    rows = [
        (
            words.area(one),
            f"{one['failures']} of {one['orders']}",
            f"{_number(one, 'estimate'):.1%} ({_interval(one)[0]:.0%} to {_interval(one)[1]:.0%})",
            f"{_number(one, 'confidence'):.0%}",
            str(one["state"]).replace("_", " "),
        )
        for one in report.signals
    ]
    titles = ("area", "failed", "expected next", "sure", "state")
    needed = [max(len(cell) for cell in cells) for cells in zip(titles, *rows, strict=True)]
    room = console.width - 2 - sum(needed) - 2 * len(titles)
    bar = min(_WIDEST_BAR, room)
    scale = max(threshold, *(_interval(one)[1] for one in report.signals)) * 1.05
    with_bar = bar >= _NARROWEST_BAR
    table = columns(
        "", *titles[:3], *(("chart",) if with_bar else ()), *titles[3:],
        right=("failed", "sure"), whole=("failed", "expected next", "chart", "sure", "state"),
    )  # fmt: skip
    for one, row in zip(report.signals, rows, strict=True):
        low, high = _interval(one)
        chart = (_bar(low, _number(one, "estimate"), high, threshold, scale, bar),) if with_bar else ()
        table.add_row("", *row[:3], *chart, *row[3:])
    console.print(table)
    if with_bar:
        say(console, f"[dim]chart: 0 to {scale:.0%}, ─ 90 % interval, ● expected, │ limit[/]", indent=2)
    before = [f"{words.area(one)}: {_earlier(one)}" for one in report.signals[:_MOST_EARLIER]]
    more = len(report.signals) - _MOST_EARLIER
    rest = f" and {words.counted(more, 'more')}" if more > 0 else ""
    say(console, f"[dim]in the weeks before, as far as looked at: {'; '.join(before)}{rest}[/]", indent=2)
    days = report.settings.get("window_days")
    say(
        console,
        f"[dim]sure: probability that the rate of the next {days} days is above the limit"
        + (" (for a cleared area: below the clearing limit)" if _some_cleared(report) else "")
        + "[/]",
        indent=2,
    )


def _earlier(signal: Mapping[str, JsonValue]) -> str:
    earlier = words.mapping(signal["earlier"])
    return f"{earlier['failures']:,} of {earlier['orders']:,}"


def _some_cleared(report: RunReport) -> bool:
    return any(one["state"] == "cleared" for one in report.signals)


def _bar(low: float, estimate: float, high: float, threshold: float, scale: float, width: int) -> str:
    def at(value: float) -> int:
        return min(width - 1, max(0, round(value / scale * (width - 1))))

    cells = [" "] * width
    for position in range(at(low), at(high) + 1):
        cells[position] = "─"
    cells[at(threshold)] = "│"
    cells[at(estimate)] = "●"
    return "".join(cells)


def _done(console: Console, report: RunReport) -> None:
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


def _incidents(console: Console, report: RunReport, at: str, command: str) -> None:
    if not report.incidents:
        return
    title(console, "What somebody has to look into")
    for one in report.incidents:
        people, because = words.listed(one.people, "or"), escape(words.told(one.because))
        what = f"{one.intervention}, {escape(words.resource(one.resource))}"
        say(console, f"[red]●[/] {people}: {what}: {because}", indent=2, hang=4)
        copyable(console, f"{command} incidents show {one.incident_id}{at}", indent=6)


def _waiting(console: Console, report: RunReport, zone: str) -> None:
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


def _worth(console: Console, report: RunReport) -> None:
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


def _undo(console: Console, report: RunReport) -> None:
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
    clear = float(str(report.settings["clear_threshold"]))
    say(
        console,
        f"By itself: a change is lifted when its area is back below {words.percent(clear)} on fresh orders. "
        "That holds for the settings of this run: other ones move the limit.",
        indent=2,
    )
    say(console, "By hand, in the advertising system, remove:", indent=2)
    for reference, what in references.items():
        copyable(console, f"{reference}  {what}".rstrip(), indent=6)
    console.print()


def _change(decision: DecisionReport | None, areas: Mapping[str, str]) -> str:
    """What was changed where: ``retargeting, state Rajasthan``."""
    if decision is None:
        return ""
    changed = words.campaign(decision.impact) or decision.intervention
    return ", ".join(part for part in (changed, areas.get(decision.signal_id, "")) if part)


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


def _number(signal: Mapping[str, JsonValue], key: str) -> float:
    return float(str(signal[key]))


def _interval(signal: Mapping[str, JsonValue]) -> tuple[float, float]:
    low, high = words.texts(signal["interval"])
    return float(low), float(high)
