"""``crossloop backtest LOOP``: what the loop would have said and done on every past day."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from crossloop.console import options, words
from crossloop.console.output import Output, columns, say, title
from crossloop.errors import UnknownName
from crossloop.extras import require

if TYPE_CHECKING:
    from crossloop.coordinator import Inputs
    from crossloop.loops.logistics_to_marketing.backtesting import Backtest

_BAR: Final = 40
_RULES: Final = (("this model", "model"), ("the literal rule", "literal_rule"))


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def backtest(
        loop: options.LoopName,
        data: options.Data = None,
        mapping: options.Mapping = None,
        as_of: options.AsOf = None,
        set_: options.Settings = None,
        store: options.Store = options.STORE,
        governance: options.Governance = None,
        json: options.Json = False,
    ) -> None:
        """Replay history in shadow: what it would have said, how often it was right, what it would save.

        On every past day the loop sees what was known on that day and no more. Its areas are compared with
        those of the literal rule (rate of the window above the threshold). Nothing is kept.
        """
        out = Output(json=json)
        chosen = options.pairs(set_, "--set")
        found = _backtest(out, loop, options.inputs(data, mapping), as_of, chosen, store, governance)
        if json:
            out.document(found.to_json())
        else:
            print_backtest(out.people, found)


def _backtest(
    out: Output,
    loop: str,
    inputs: Inputs,
    as_of: str | None,
    chosen: Mapping[str, str],
    store: str,
    governance: Path | None,
) -> Backtest:
    from rich.progress import Progress

    from crossloop.adapters.embedded import EmbeddedCompany
    from crossloop.coordinator import loop_settings
    from crossloop.loops.logistics_to_marketing.loop import LogisticsToMarketing
    from crossloop.loops.ready import policy_in_force

    day = options.day(as_of)
    if loop != LogisticsToMarketing.name:
        raise UnknownName(
            f"there is no loop '{loop}' to backtest.", next_step=f"Loops: {LogisticsToMarketing.name}."
        )
    require("a backtest", extra="loops", modules=("ibis", "duckdb", "scipy"))
    from crossloop.loops.logistics_to_marketing.backtesting import run_backtest

    policy = policy_in_force(store, governance)
    # nothing of a backtest is kept: the embedded company it may need lives as long as the command
    with (
        TemporaryDirectory(prefix="crossloop-backtest-") as folder,
        EmbeddedCompany.open(Path(folder) / "company.db") as company,
        Progress(console=out.aside, transient=True, disable=not out.aside.is_terminal) as progress,
    ):
        settings = loop_settings(policy, LogisticsToMarketing(company), chosen)
        task = progress.add_task("reading", total=None)

        def step(done: int, total: int) -> None:
            progress.update(task, description="replaying days", completed=done, total=total)

        return run_backtest(company, inputs, as_of=day, settings=settings, policy=policy, progress=step)


def print_backtest(console: Console, found: Backtest) -> None:
    """Print a backtest for people: the figures, the reliability curve, and what they mean."""
    report, settings = found.report, found.report.settings
    say(
        console,
        f"[bold]Backtest[/] {report.first} to {report.last}, {report.days} days  [dim]level "
        f"{settings.level}, {settings.metric} above {settings.threshold:.0%}, outcomes known after "
        f"{settings.maturity_days} days[/]",
        hang=2,
    )
    console.print()
    _right(console, found)
    _reliability(console, found)
    _saved(console, found)


def _right(console: Console, found: Backtest) -> None:
    report = found.report
    base = report.base_rate or 0.0
    title(console, "How often was it right?", "what really happened in the days after each alarm")
    titles = ("flagged by", "windows", "areas", "orders after", "failed", "× base")
    table = columns(*titles, right=titles[1:], whole=titles)
    for name, attribute in _RULES:
        rule = getattr(report, attribute)
        rate: float | None = rule.next_window_rate
        table.add_row(
            name,
            f"{rule.windows:,}",
            f"{rule.areas:,}",
            f"{rule.next_window_orders:,}",
            "" if rate is None else f"{rate:.2%}",
            "" if rate is None or not base else f"{rate / base:.2f}",
        )
    table.add_row("all orders", "", "", f"{report.orders:,}", f"{base:.2%}", "1.00")
    console.print(Padding(table, (0, 0, 1, 2), expand=False))


def _reliability(console: Console, found: Backtest) -> None:
    report = found.report
    title(
        console,
        "Is it as sure as it says?",
        "stated probability that the next window is above the limit, against how often it was",
    )
    bar = min(_BAR, console.width - 40)
    titles = ("stated", "windows", "observed", "")
    table = columns(*titles, right=titles[:3], whole=titles)
    for one in report.reliability:
        table.add_row(
            f"{one.stated_low:.0%} to {one.stated_high:.0%}",
            f"{one.windows:,}",
            f"{one.observed:.0%}",
            _curve(one.stated, one.observed, bar),
        )
    console.print(Padding(table, (0, 0, 0, 2), expand=False))
    error = report.expected_calibration_error
    said = "nothing to compare" if error is None else f"mean distance {error:.1%}"
    say(console, f"[dim]○ stated, ● observed, 0 to 100 %; {said}[/]", indent=2)
    console.print()


def _saved(console: Console, found: Backtest) -> None:
    saving = found.saving
    title(console, "What it would have done")
    for number, what in (
        (saving.would_act, "changes made by itself"),
        (saving.would_hold, "changes put to a person"),
        (saving.would_do_nothing, "times nothing was worth doing"),
    ):
        console.print(f"  {number:>7,} {what}")
    console.print()
    title(console, "What it would have saved", "an upper bound")
    low, high = words.between(str(saving.low.amount), str(saving.high.amount)).split(" to ")
    amount = f"{words.amount(str(saving.amount.amount))} {saving.amount.currency}"
    say(console, f"[bold]{amount}[/] ({low} to {high})", indent=2)
    say(console, f"[dim]{escape(saving.basis)}[/]", indent=2)


def _curve(stated: float, observed: float, width: int) -> str:
    cells = ["·"] * width
    cells[round(stated * (width - 1))] = "○"
    cells[round(observed * (width - 1))] = "●"
    return "".join(cells)
