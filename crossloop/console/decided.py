"""The decisions of a run, area by area: what was considered, what was chosen, what stands in the way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.padding import Padding

from crossloop.console import words
from crossloop.console.output import columns, say, title
from crossloop.console.words import CHOSEN, COLOUR

if TYPE_CHECKING:
    from crossloop.coordinator import RunReport
    from crossloop.coordinator.report import DecisionReport, OptionReport
    from crossloop.governance import Policy
    from crossloop.signals import Catalogue

_NOTHING: Final = "do_nothing"
_FOR_CAMPAIGN: Final = re.compile(r"\bfor campaign (\S+?)(?=[:, ]|$)")


def print_decisions(console: Console, report: RunReport, policy: Policy, catalogue: Catalogue) -> None:
    """Print what was considered and decided."""
    if not report.decisions:
        return
    _heading(console, report, policy, catalogue)
    areas = words.areas(report)
    status = _statuses(report)
    alone: list[tuple[str, str]] = []
    """Area, and what is said of it in one line."""

    for signal_id, decisions in _by_signal(report.decisions).items():
        about = areas.get(signal_id, "an earlier signal")
        valued = [one for one in decisions if words.campaign(one.impact) and one.options]
        others = [one for one in decisions if one not in valued]
        if valued:
            _area(console, about, valued, others, status)
        else:
            alone += [(about, line) for line in _lines(others, status)]
    for line, abouts in words.grouped(alone).items():
        say(console, f"[bold]{words.plain(words.shortened(abouts))}[/]: {line}", indent=2, hang=4)
    console.print()


def _heading(console: Console, report: RunReport, policy: Policy, catalogue: Catalogue) -> None:
    weighed = {one.intervention: one.currency for decision in report.decisions for one in decision.options}
    if not weighed:
        title(console, "What was considered")
        return
    days, currencies = report.settings.get("horizon_days"), "/".join(sorted(set(weighed.values())))
    title(
        console,
        "What was considered",
        f"value over {days} days against doing nothing, {currencies}; {CHOSEN}chosen",
    )
    meanings = {known.name: known.summary for type in catalogue for known in type.interventions}
    for name in weighed:
        if name in meanings:
            say(console, f"[dim]{name}: {words.plain(meanings[name])}[/]", indent=2, hang=4)
    governed = policy.document.loops.get(report.loop)
    if governed is not None:
        order = words.listed(name for name in governed.interventions if name in weighed)
        how = {
            "order": f"the first that is worth doing, in the order {order}",
            "value": "what is worth most",
        }
        say(console, f"[dim]The rules take {how[governed.choose]}.[/]", indent=2)
    say(console, "[dim]moves: share of the campaign's daily budget that the chosen one moves.[/]", indent=2)


def _by_signal(decisions: Sequence[DecisionReport]) -> dict[str, list[DecisionReport]]:
    found: dict[str, list[DecisionReport]] = {}
    for one in decisions:
        found.setdefault(one.signal_id, []).append(one)
    return found


def _statuses(report: RunReport) -> dict[str, str]:
    """What became of each decision, in words."""
    receipts = {one.action_key: one.outcome for one in report.receipts}
    found: dict[str, str] = {}
    for one in report.decisions:
        if one.verdict == "act":
            found[one.id] = receipts.get(one.action_key or "", "permitted")
        elif one.verdict in ("hold", "escalate"):
            found[one.id] = "waits"
        elif one.verdict == "shadow":
            found[one.id] = "recorded"
        else:
            found[one.id] = "not done"
    return found


def _lines(decisions: Sequence[DecisionReport], status: Mapping[str, str]) -> list[str]:
    """Decisions without alternatives, in a line each; what holds for several campaigns is said once."""
    said: dict[str, list[str]] = {}
    for one in decisions:
        line = _line(one, status)
        about = _FOR_CAMPAIGN.search(line)
        key = _FOR_CAMPAIGN.sub("for \0", line, count=1) if about else line
        said.setdefault(key, []).extend([about[1]] if about else [])
    return [
        line.replace("\0", f"{'campaign' if len(names) == 1 else 'campaigns'} {words.shortened(names)}", 1)
        for line, names in said.items()
    ]


def _line(decision: DecisionReport, status: Mapping[str, str]) -> str:
    """One decision in one line: a reason to do nothing, or a change without alternatives."""
    why = words.plain(words.told(decision.rationale))
    if decision.action_key is None:
        return why
    return f"{decision.intervention}, [{COLOUR[decision.verdict]}]{status[decision.id]}[/]: {why}"


def _area(
    console: Console,
    about: str,
    valued: Sequence[DecisionReport],
    others: Sequence[DecisionReport],
    status: Mapping[str, str],
) -> None:
    console.print()
    say(console, f"[bold]{words.plain(about)}[/]{_pays(valued)}", indent=2)
    names = list(dict.fromkeys(name for one in valued for name in _options(one)))
    table = columns(
        "campaign", *names, "moves", "decision",
        right=(*names, "moves"), whole=("campaign", *names, "moves"),
    )  # fmt: skip
    for one in valued:
        options = _options(one)
        cells = [_cell(one, options.get(name)) for name in names]
        share = float(str((one.impact or {}).get("share", 0)))
        decision = f"[{COLOUR[one.verdict]}]{status[one.id]}[/]"
        table.add_row(words.plain(words.campaign(one.impact)), *cells, f"{share:.0%}", decision)
    console.print(Padding(table, (0, 0, 0, 4), expand=False))
    for line in _lines(others, status):
        say(console, f"[dim]{line}[/]", indent=4, hang=6)
    for text, campaigns in words.grouped((*_ruled_out(valued), *_obstacles(valued))).items():
        everywhere = 1 < len(valued) == len(campaigns)
        whom = "all" if everywhere else words.shortened(campaigns)
        say(console, f"{whom}: {words.plain(words.told(text))}", indent=4, hang=6)
    for text, campaigns in words.grouped(_dissents(valued)).items():
        say(console, f"{words.shortened(campaigns)}: {text}", indent=4, hang=6)


def _pays(valued: Sequence[DecisionReport]) -> str:
    """Up to which share of returns advertising pays there, where the decisions agree on it."""
    edges = {
        str(one.assumptions["break_even_rate"]) for one in valued if "break_even_rate" in one.assumptions
    }
    if len(edges) != 1:
        return ""
    edge = float(edges.pop())
    return (
        f": advertising pays there while less than {edge:.1%} comes back"
        if edge
        else ": advertising does not pay there, however little comes back"
    )


def _options(decision: DecisionReport) -> dict[str, OptionReport]:
    return {one.intervention: one for one in decision.options if one.intervention != _NOTHING}


def _cell(decision: DecisionReport, option: OptionReport | None) -> str:
    if option is None:
        return ""
    if not option.permitted:
        return "[dim]ruled out[/]"
    value = words.amount(option.expected_value)
    return f"[bold]{CHOSEN}{value}[/]" if option.intervention == decision.intervention else value


def _ruled_out(decisions: Sequence[DecisionReport]) -> Iterator[tuple[str, str]]:
    """Campaign and reason, for what the table says is ruled out; several options for one reason are one."""
    for one in decisions:
        because = ((name, option.because) for name, option in _options(one).items() if not option.permitted)
        for reason, names in words.grouped(because).items():
            yield words.campaign(one.impact), f"{words.listed(names)} ruled out: {reason}"


def _obstacles(decisions: Sequence[DecisionReport]) -> Iterator[tuple[str, str]]:
    """Campaign and reason, for each gate that kept a decision from being carried out at once."""
    for one in decisions:
        if one.verdict != "act":
            for reason in one.reasons:
                if reason.outcome == one.verdict:
                    named = reason.text.startswith(reason.gate)
                    text = reason.text if named else f"{reason.gate}: {reason.text}"
                    yield words.campaign(one.impact), text


def _dissents(decisions: Sequence[DecisionReport]) -> Iterator[tuple[str, str]]:
    for one in decisions:
        for other in one.dissent:
            said = f"{other['with']} wants to {other['wants']}: {other['argument']} ({other['because']})"
            text = f"[magenta]dissent[/], kept on record: {words.plain(words.told(said))}"
            yield words.campaign(one.impact), text
