"""``crossloop backtest LOOP``: what the loop would have said and done on every past day."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import Progress
from rich.table import Table

from crossloop.adapters.embedded import EmbeddedCompany
from crossloop.console import options
from crossloop.console.output import Output
from crossloop.coordinator import Inputs, loop_settings
from crossloop.errors import UnknownName
from crossloop.extras import require
from crossloop.loops.logistics_to_marketing.loop import LogisticsToMarketing
from crossloop.loops.ready import EMBEDDED_GOVERNANCE

if TYPE_CHECKING:
    from crossloop.loops.logistics_to_marketing.backtesting import Backtest

_BAR = 40


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def backtest(
        loop: Annotated[str, typer.Argument(help="The loop's name; see `crossloop loops`.")],
        data: options.Data = None,
        mapping: options.Mapping = None,
        as_of: options.AsOf = None,
        set_: options.Settings = None,
        governance: options.Governance = None,
        json: options.Json = False,
    ) -> None:
        """Replay history in shadow: what it would have said, how often it was right, what it would save."""
        out = Output(json=json)
        if loop != LogisticsToMarketing.name:
            raise UnknownName(
                f"there is no loop '{loop}' to backtest.", next_step=f"Loops: {LogisticsToMarketing.name}."
            )
        require("a backtest", extra="loops", modules=("ibis", "duckdb", "scipy"))
        primary, others = options.inputs(data, mapping)
        inputs = Inputs(primary=primary, mapping=mapping, others=others)
        found = _backtest(out, inputs, as_of, options.pairs(set_, "--set"), governance)
        if json:
            out.document(found.to_json())
        else:
            print_backtest(out.people, found)


def _backtest(
    out: Output, inputs: Inputs, as_of: str | None, chosen: dict[str, str], governance: Path | None
) -> Backtest:
    from crossloop.governance import load_policy
    from crossloop.loops.logistics_to_marketing.backtesting import run_backtest
    from crossloop.loops.ready import ready_catalogue

    policy = load_policy(governance or EMBEDDED_GOVERNANCE, catalogue=ready_catalogue())
    # nothing of a backtest is kept: the embedded company it may need lives as long as the command
    with (
        TemporaryDirectory(prefix="crossloop-backtest-") as folder,
        EmbeddedCompany.open(Path(folder) / "company.db") as company,
        Progress(console=out.aside, transient=True) as progress,
    ):
        task = progress.add_task("reading", total=None)

        def step(done: int, total: int) -> None:
            progress.update(task, description="replaying days", completed=done, total=total)

        return run_backtest(
            company,
            inputs,
            as_of=options.day(as_of),
            settings=loop_settings(policy, LogisticsToMarketing(company), chosen),
            policy=policy,
            progress=step,
        )


def print_backtest(console: Console, found: Backtest) -> None:
    """Print a backtest for people: the figures, the reliability curve, and what they mean."""
    report, saving = found.report, found.saving
    settings = report.settings
    console.print(
        f"[bold]Backtest[/] {report.first} to {report.last}, {report.days} days, level {settings.level}, "
        f"{settings.metric} above {settings.threshold:.0%}, outcomes known after "
        f"{settings.maturity_days} days\n"
    )
    base = report.base_rate or 0.0
    console.print(f"All orders with a known outcome: {report.orders:,}, of which {base:.2%} failed.")
    table = Table(box=None, header_style="dim", padding=(0, 2))
    for title in ("flagged by", "windows", "areas", "orders in next window", "failed", "× base rate"):
        table.add_column(title, justify="left" if title == "flagged by" else "right")
    for name, rule in (("this model", report.model), ("the literal rule", report.literal_rule)):
        rate = rule.next_window_rate
        table.add_row(
            name,
            f"{rule.windows:,}",
            f"{rule.areas:,}",
            f"{rule.next_window_orders:,}",
            "" if rate is None else f"{rate:.2%}",
            "" if rate is None or not base else f"{rate / base:.2f}",
        )
    console.print(Padding(table, (1, 2)))
    console.print(
        "[bold]Is it as sure as it says?[/]  "
        "[dim]stated probability that the next window exceeds, against how often it did[/]"
    )
    chart = Table(box=None, header_style="dim", padding=(0, 1))
    for title in ("stated", "windows", "observed", ""):
        chart.add_column(title, justify="left" if not title else "right", no_wrap=True)
    for one in report.reliability:
        chart.add_row(
            f"{one.stated_low:.0%} to {one.stated_high:.0%}",
            f"{one.windows:,}",
            f"{one.observed:.0%}",
            _curve(one.stated, one.observed),
        )
    console.print(Padding(chart, (0, 2)))
    error = report.expected_calibration_error
    console.print(f"  [dim]○ stated, ● observed; mean distance {0 if error is None else error:.1%}[/]\n")
    console.print(
        f"[bold]What it would have done[/]  acted {saving.would_act} times, asked a person {saving.would_hold} "
        f"times, found nothing worth doing {saving.would_do_nothing} times"
    )
    console.print(f"[bold]What it would have saved[/]  about {saving.amount} ({saving.low} to {saving.high})")
    console.print(Padding(f"[dim]{escape(saving.basis)}[/]", (0, 2)))


def _curve(stated: float, observed: float) -> str:
    cells = ["·"] * _BAR
    cells[round(stated * (_BAR - 1))] = "○"
    cells[round(observed * (_BAR - 1))] = "●"
    return "".join(cells)
