"""Bare ``crossloop``: the first screen, for somebody who does not know yet what to type."""

from __future__ import annotations

import typer

from crossloop.console.output import Output, say, title

_STEPS = (
    (
        "Look",
        (
            ("crossloop demo", "the first loop on a made-up company, told as a story"),
            ("crossloop loops", "which loops there are, and what the rules let them do"),
        ),
    ),
    (
        "Your own orders",
        (
            ("crossloop backtest LOOP --data FILE --mapping FILE", "what it would have said and saved"),
            ("crossloop run LOOP --data FILE --mapping FILE", "once; in shadow until rules permit to act"),
            ("crossloop run LOOP … --governance FILE", "the same, acting within those rules"),
        ),
    ),
    (
        "Afterwards",
        (
            ("crossloop approvals list", "what waits for a person"),
            ("crossloop explain ID", "why something was done, or not done"),
            ("crossloop ledger verify", "that nobody changed the record"),
        ),
    ),
)


def register(app: typer.Typer) -> None:
    """Add the first screen."""

    @app.callback(invoke_without_command=True)
    def welcome(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            _first_screen()


def _first_screen() -> None:
    console = Output(json=False).people
    say(
        console,
        "[bold]crossloop[/]: agents of different departments act on each other's signals, under rules that "
        "both heads agreed on, with every decision on record.",
    )
    for heading, commands in _STEPS:
        console.print()
        title(console, heading)
        for command, does in commands:
            console.print(f"  [cyan]{command}[/]", soft_wrap=True)
            say(console, f"[dim]{does}[/]", indent=6)
    console.print()
    say(console, "LOOP is [cyan]logistics-to-marketing[/]. Every command: [cyan]crossloop --help[/]")
