"""A run as people read it: what was seen, how sure, what was considered, what was done, what now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from pydantic import JsonValue
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from crossloop.coordinator.report import DecisionReport, RunReport

_COLOUR: Final = {"act": "green", "hold": "yellow", "escalate": "yellow", "refuse": "red", "shadow": "blue"}
_WORDS: Final = {
    "act": "acts by itself",
    "hold": "waits for approval",
    "escalate": "is escalated to a person",
    "refuse": "is not done",
    "shadow": "is only recorded (shadow)",
}
_BAR: Final = 30


def print_run(console: Console, report: RunReport, *, store: str) -> None:
    """Print the whole story of a run."""
    console.print(
        f"[bold]{report.loop}[/] as of [bold]{report.as_of}[/]   [dim]stage {report.stage}, rules "
        f"{escape(report.governance.split(', digest')[0])}[/]\n"
    )
    _seen(console, report)
    _signals(console, report)
    _decisions(console, report)
    _done(console, report)
    _next(console, report, store)


def _seen(console: Console, report: RunReport) -> None:
    console.print("[bold]What was looked at[/]")
    for name, rows in {"orders": report.rows, **report.inputs}.items():
        counted = _as_mapping(rows)
        console.print(f"  {name}: {counted['read']:,} lines read, {counted['used']:,} used")
        for aside in counted.get("set_aside", ()):
            console.print(f"    [dim]{aside['count']:>9,} set aside: {escape(str(aside['reason']))}[/]")
    for note in report.notes:
        console.print(Padding(f"[dim]{escape(note)}[/]", (0, 2)))
    console.print()


def _signals(console: Console, report: RunReport) -> None:
    threshold = float(str(report.settings["threshold"]))
    console.print(f"[bold]What was seen[/]  [dim]{report.settings['metric']} above {threshold:.0%}[/]")
    if not report.signals:
        console.print("  Nothing actionable: no area is above the threshold with enough confidence.\n")
        return
    table = Table(box=None, header_style="dim", padding=(0, 1))
    for title in ("area", "failed", "rate, 90 % interval", "", "sure", "state"):
        table.add_column(title, justify="right" if title in ("failed", "sure") else "left")
    widest = max(float(_interval(one)[1]) for one in report.signals)
    scale = max(widest, threshold) * 1.05
    for one in report.signals:
        low, high = _interval(one)
        table.add_row(
            f"{str(one['level']).replace('_', ' ')} {', '.join(_texts(one['codes'])[:3])}",
            f"{one['failures']} of {one['orders']}",
            f"{float(str(one['estimate'])):.1%} ({low:.1%} to {high:.1%})",
            _bar(low, float(str(one["estimate"])), high, threshold, scale),
            f"{float(str(one['confidence'])):.0%}",
            str(one["state"]).replace("_", " "),
        )
    console.print(table)
    console.print(f"  [dim]bar: 0 to {scale:.0%}, ─ interval, ● estimate, │ threshold[/]\n")


def _bar(low: float, estimate: float, high: float, threshold: float, scale: float) -> str:
    def at(value: float) -> int:
        return min(_BAR - 1, max(0, round(value / scale * (_BAR - 1))))

    cells = [" "] * _BAR
    for position in range(at(low), at(high) + 1):
        cells[position] = "─"
    cells[at(threshold)] = "│"
    cells[at(estimate)] = "●"
    return "".join(cells)


def _decisions(console: Console, report: RunReport) -> None:
    if not report.decisions:
        return
    console.print("[bold]What was decided[/]")
    areas = {str(one["id"]): one for one in report.signals}
    for decision in report.decisions:
        _decision(console, decision, areas.get(decision.signal_id))
    console.print()


def _decision(console: Console, decision: DecisionReport, signal: Mapping[str, JsonValue] | None) -> None:
    about = "" if signal is None else f" about {', '.join(_texts(signal['codes'])[:3])}"
    colour = _COLOUR[decision.verdict]
    console.print(
        f"  [{colour}]●[/] {decision.department}{escape(about)}: [bold]{decision.intervention}[/] "
        f"[{colour}]{_WORDS[decision.verdict]}[/]"
    )
    console.print(Padding(escape(decision.rationale), (0, 4)))
    if decision.options:
        table = Table(box=None, header_style="dim", padding=(0, 1))
        table.add_column("considered")
        table.add_column("expected value", justify="right")
        table.add_column("range", justify="right")
        table.add_column("")
        for option in decision.options:
            chosen = "← chosen" if option.intervention == decision.intervention else ""
            ruled_out = f"ruled out: {option.because}" if not option.permitted else ""
            table.add_row(
                option.intervention,
                f"{float(option.expected_value):+,.0f} {option.currency}",
                f"{float(option.low):+,.0f} to {float(option.high):+,.0f}",
                escape(ruled_out or chosen),
            )
        console.print(Padding(table, (0, 4)))
    for reason in decision.reasons:
        if decision.verdict != "act" and reason.outcome == decision.verdict:
            console.print(Padding(f"[{colour}]{reason.gate}[/]: {escape(reason.text)}", (0, 4)))
    for dissent in decision.dissent:
        console.print(
            Padding(
                f"[magenta]dissent[/] {_text(dissent['with'])} wants to {_text(dissent['wants'])}: "
                f"{_text(dissent['argument'])} [dim]({_text(dissent['because'])})[/]",
                (0, 4),
            )
        )


def _done(console: Console, report: RunReport) -> None:
    if report.receipts:
        console.print("[bold]What was done[/]")
        for receipt in report.receipts:
            mark = "[green]✓[/]" if receipt.outcome == "done" else "[red]✗[/]"
            console.print(f"  {mark} {escape(receipt.detail)} [dim]{receipt.action_key}[/]")
        console.print()
    _worth(console, report)
    if report.notices:
        console.print("[bold]Who was told[/]")
        for recipient, text in dict.fromkeys((one.recipient, one.text) for one in report.notices):
            console.print(f"  {recipient}: {escape(text)}")
        console.print()
    if report.waiting:
        console.print("[bold]Who has to decide[/]")
        for one in report.waiting:
            console.print(
                f"  [yellow]●[/] {one.action}: {', '.join(one.people)}, by {one.due:%Y-%m-%d %H:%M} UTC"
                f"  [dim]{one.approval_id}[/]"
            )
        console.print()


def _worth(console: Console, report: RunReport) -> None:
    """What the executed and the waiting changes are expected to bring, and how they are taken back."""
    sums: dict[tuple[str, str], float] = {}
    for one in report.decisions:
        kind = "done" if one.verdict == "act" else "waiting" if one.verdict in ("hold", "escalate") else ""
        for option in one.options:
            if kind and option.intervention == one.intervention:
                key = (kind, option.currency)
                sums[key] = sums.get(key, 0.0) + float(option.expected_value)
    if not sums:
        return
    days = report.settings.get("horizon_days")
    console.print(f"[bold]What it is worth[/]  [dim]over {days} days, against doing nothing[/]")
    for (kind, currency), value in sorted(sums.items()):
        console.print(f"  {kind}: {value:+,.0f} {currency}")
    console.print(
        "  [dim]Expected under stated assumptions (cost of a return, margin, cost of an order): an upper "
        "bound as long as orders are not attributed to campaigns.[/]"
    )
    done = [one for one in report.receipts if one.outcome == "done"]
    if done:
        console.print("[bold]How to undo it[/]")
        console.print(
            "  By itself: it is lifted when the rate is back below "
            f"{float(str(report.settings['clear_threshold'])):.0%} on fresh orders."
        )
        references = ", ".join(str(one.reference) for one in done[:3])
        console.print(f"  By hand: remove {escape(references)} in the advertising system.")
    console.print()


def _next(console: Console, report: RunReport, store: str) -> None:
    at = f" --store {store}"
    console.print(
        f"[dim]ledger: {report.ledger.entries} entries, root {report.ledger.root[:16]}…[/]", soft_wrap=True
    )
    console.print("[bold]Where to look next[/]")
    if report.decisions:
        console.print(f"  crossloop explain {report.decisions[0].id}{at}", soft_wrap=True)
    if report.waiting:
        console.print(f"  crossloop approvals show {report.waiting[0].approval_id}{at}", soft_wrap=True)
    console.print(f"  crossloop ledger verify{at}", soft_wrap=True)


def _interval(signal: Mapping[str, JsonValue]) -> tuple[float, float]:
    interval = signal["interval"]
    if not isinstance(interval, list):
        raise TypeError("a signal reports its interval as a list of two")
    return float(str(interval[0])), float(str(interval[1]))


def _texts(value: JsonValue) -> list[str]:
    return [str(one) for one in value] if isinstance(value, Iterable) and not isinstance(value, str) else []


def _text(value: JsonValue) -> str:
    return escape(str(value))


def _as_mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
