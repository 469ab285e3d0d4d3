"""The command line: one command a module, one place where errors become exit codes.

Exit codes: 0 done; 1 ``verify`` found something wrong, or the work failed; 2 wrong usage or bad input;
3 something is held or escalated and waits for a person.
"""

from __future__ import annotations

import sys

import typer

from crossloop.console import (
    approvals,
    backtest,
    demo,
    explain,
    ledger,
    listing,
    publish,
    run,
)
from crossloop.console.output import Output
from crossloop.errors import CrossloopError

app = typer.Typer(
    name="crossloop",
    help="Departments' agents act on each other's signals, under rules both heads signed.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for module in (demo, run, backtest, publish, explain, listing):
    module.register(app)
app.add_typer(approvals.app, name="approvals", help="Answer what waits for a person.")
app.add_typer(ledger.app, name="ledger", help="The tamper-evident record of everything.")


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        app()
    except CrossloopError as error:
        Output(json="--json" in sys.argv).error(error)
        raise SystemExit(error.exit_code) from None
