"""``crossloop backtest LOOP``: what the loop would have said and done on every past day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from crossloop.console import options, words
from crossloop.console.output import Output, columns, say, title

Found = Mapping[str, Any]
"""The JSON document of a backtest, as docs/command-line.md describes it."""

_BAR: Final = 40
_SHOWN: Final = 10
"""Conditions that are listed; the rest is counted."""

_RULES: Final = (("this model", "model"), ("the literal rule", "literal_rule"))


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    @options.looking
    def backtest(asked: options.Looking) -> None:
        """Replay history in shadow: what it would have said, how often it was right, what it would save.

        On every past day the loop sees what was known on that day and no more. Its areas are compared with
        those of the literal rule (rate of the window above the threshold). Nothing is kept.
        """
        out = Output(json=asked.json)
        found = _backtest(out, asked)
        if asked.json:
            out.document(found)
        else:
            print_backtest(out.people, found)


def _backtest(out: Output, asked: options.Looking) -> Found:
    from rich.progress import Progress

    with (
        options.company(asked.store, asked.governance, own=asked.own, create=True) as company,
        Progress(console=out.aside, transient=True, disable=not out.aside.is_terminal) as progress,
    ):
        task = progress.add_task("reading", total=None)

        def step(done: int, total: int) -> None:
            progress.update(task, description="replaying days", completed=done, total=total)

        return company.backtest(
            asked.loop,
            data=asked.inputs.primary,
            mapping=asked.inputs.mapping,
            others=asked.inputs.others,
            as_of=asked.as_of,
            settings=asked.settings,
            progress=step,
        ).to_json()


def print_backtest(console: Console, found: Found) -> None:
    """Print the document of a backtest for people: the figures, the reliability curve, what they mean."""
    say(
        console,
        f"[bold]Backtest[/] {found['first_day']} to {found['last_day']}, {found['days']} days  [dim]level "
        f"{found['level']}, {found['metric']} above {found['threshold']:.0%}, outcomes known after "
        f"{found['maturity_days']} days[/]",
        hang=2,
    )
    console.print()
    _right(console, found)
    _conditions(console, found)
    _reliability(console, found)
    _saved(console, found)


def _right(console: Console, found: Found) -> None:
    base = found["base_rate"] or 0.0
    title(console, "How often was it right?", "what really happened in the days after each alarm")
    titles = ("flagged by", "windows", "areas", "orders after", "failed", "× base")
    table = columns(*titles, right=titles[1:], whole=titles)
    for name, key in _RULES:
        rule = found[key]
        rate: float | None = rule["next_window_rate"]
        table.add_row(
            name,
            f"{rule['windows']:,}",
            f"{rule['areas']:,}",
            f"{rule['next_window_orders']:,}",
            "" if rate is None else f"{rate:.2%}",
            "" if rate is None or not base else f"{rate / base:.2f}",
        )
    table.add_row("all orders", "", "", f"{found['orders']:,}", f"{base:.2%}", "1.00")
    console.print(Padding(table, (0, 0, 1, 2), expand=False))


def _conditions(console: Console, found: Found) -> None:
    every = found["conditions"]
    title(console, "Which areas?", "as runs on every day would have opened and cleared them")
    titles = ("area", "opened", "cleared", "days", "orders after", "failed")
    table = columns(*titles, right=titles[3:], whole=titles[1:])
    for one in every[:_SHOWN]:
        rate: float | None = one["next_window_rate"]
        table.add_row(
            words.place(one["path"]),
            one["opened"],
            one["cleared"] or "still open",
            f"{one['days_open']:,}",
            f"{one['next_window_orders']:,}",
            "" if rate is None else f"{rate:.1%}",
        )
    if every:
        console.print(Padding(table, (0, 0, 0, 2), expand=False))
    more = len(every) - _SHOWN
    if not every:
        console.print("  none", style="dim")
    elif more > 0:
        console.print(f"  and {more:,} more: --json has all", style="dim")
    console.print()


def _reliability(console: Console, found: Found) -> None:
    title(
        console,
        "Is it as sure as it says?",
        "stated probability that the next window is above the limit, against how often it was",
    )
    bar = min(_BAR, console.width - 40)
    titles = ("stated", "windows", "observed", "")
    table = columns(*titles, right=titles[:3], whole=titles)
    for one in found["reliability"]:
        table.add_row(
            f"{one['stated_low']:.0%} to {one['stated_high']:.0%}",
            f"{one['windows']:,}",
            f"{one['observed']:.0%}",
            _curve(one["stated"], one["observed"], bar),
        )
    console.print(Padding(table, (0, 0, 0, 2), expand=False))
    error = found["expected_calibration_error"]
    said = "nothing to compare" if error is None else f"mean distance {error:.1%}"
    say(console, f"[dim]○ stated, ● observed, 0 to 100 %; {said}[/]", indent=2)
    console.print()


def _saved(console: Console, found: Found) -> None:
    actions, saving = found["actions"], found["estimated_saving"]
    title(
        console,
        "What it would have done",
        f"under {found['governance'].split(',')[0]}, as if it were in force",
    )
    for number, one, more in (
        (actions["would_act"], "change made by itself", "changes made by itself"),
        (actions["would_hold"], "change put to a person", "changes put to a person"),
        (actions["would_do_nothing"], "time nothing would be done", "times nothing would be done"),
    ):
        console.print(f"  {number:>7,} {one if number == 1 else more}")
    console.print()
    title(console, "What it would have saved", "an upper bound")
    low, high = words.between(*saving["interval"]).split(" to ")
    say(
        console, f"[bold]{words.amount(saving['amount'])} {saving['currency']}[/] ({low} to {high})", indent=2
    )
    say(console, f"[dim]{escape(saving['basis'])}[/]", indent=2)


def _curve(stated: float, observed: float, width: int) -> str:
    cells = ["·"] * width
    cells[round(stated * (width - 1))] = "○"
    cells[round(observed * (width - 1))] = "●"
    return "".join(cells)
