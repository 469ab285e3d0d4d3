"""What a run has seen: areas with their rates, their limits and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from rich.console import Console

from crossloop.console import words
from crossloop.console.output import columns, say, title

if TYPE_CHECKING:
    from pydantic import JsonValue

    from crossloop.coordinator import RunReport

_WIDEST_BAR: Final = 34
_NARROWEST_BAR: Final = 12
_MOST_EARLIER: Final = 6
_METRIC: Final = {
    "rto": "share of orders that came back (rto)",
    "ndr": "share of orders with a failed delivery attempt (ndr)",
}


def print_seen(console: Console, report: RunReport) -> None:
    """Print what was seen; what is no measured area is told by its type and what it is about."""
    if not measured(report):
        _anything(console, report)
        return
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


def measured(report: RunReport) -> bool:
    """Whether a loop compares rates of areas with a limit; one of somebody's own may look at anything."""
    settings = report.settings
    return settings.get("metric") in _METRIC and all(
        name in settings for name in ("threshold", "clear_threshold")
    )


def _anything(console: Console, report: RunReport) -> None:
    title(console, "What was seen")
    for one in report.signals:
        state = f": {str(one['state']).replace('_', ' ')}" if "state" in one else ""
        say(console, words.plain(f"{words.area(one)}{state}"), indent=2, hang=4)
    if not report.signals:
        say(console, "Nothing.", indent=2)
    for note in report.notes:
        say(console, f"[dim]{words.plain(note)}[/]", indent=2)
    console.print()


def _number(signal: Mapping[str, JsonValue], key: str) -> float:
    return float(str(signal[key]))


def _interval(signal: Mapping[str, JsonValue]) -> tuple[float, float]:
    low, high = words.texts(signal["interval"])
    return float(low), float(high)
