"""The command line: one command a module, one place where errors become exit codes.

Exit codes: 0 done; 1 ``verify`` found something wrong, or the work failed; 2 wrong usage or bad input;
3 something is held or escalated and waits for a person.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from crossloop.console import (
    approvals,
    backtest,
    demo,
    explain,
    incidents,
    ledger,
    listing,
    publish,
    run,
    welcome,
)
from crossloop.console.output import Output
from crossloop.errors import CrossloopError, InputError

NAME = "crossloop"

app = typer.Typer(
    name=NAME,
    help="Departments' agents act on each other's signals, under rules that both heads agreed on.",
    epilog="Exit codes: 0 done; 1 something is broken; 2 wrong usage or bad input; 3 waits for a person.",
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for module in (welcome, demo, run, backtest, publish, explain, listing):
    module.register(app)
app.add_typer(approvals.app, name="approvals", help="List and answer what waits for a person.")
app.add_typer(incidents.app, name="incidents", help="List and close what a person has to look into.")
app.add_typer(listing.signals, name="signals", help="List what was said, the newest first; show one.")
app.add_typer(ledger.app, name="ledger", help="Read and verify the tamper-evident record of everything.")


def main() -> None:
    """Run the command line and leave with its exit code."""
    out = Output(json="--json" in sys.argv[1:])
    try:
        _require_text(sys.argv[1:])
        raise SystemExit(app(prog_name=NAME, standalone_mode=False) or 0)
    except CrossloopError as error:
        out.error(error)
        raise SystemExit(error.exit_code) from None
    except TyperException as wrong:
        raise SystemExit(_usage(out, wrong)) from None
    except typer.Abort:
        raise SystemExit(130) from None
    except BrokenPipeError:
        # whoever read our output has seen enough (`| head`); nothing may be written at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def _require_text(arguments: Sequence[str]) -> None:
    """Refuse arguments that are no text: nothing can be compared with them, and nothing can print them."""
    for number, argument in enumerate(arguments, start=1):
        if any("\ud800" <= one <= "\udfff" for one in argument):
            shown = argument.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            message = f"argument {number} is not UTF-8 text: {shown[:80]}"
            raise InputError(message, next_step="Write it in UTF-8.")


def _usage(out: Output, wrong: TyperException) -> int:
    """Say what is wrong with how the command was written, as one message like any other."""
    context = getattr(wrong, "ctx", None)
    command = getattr(context, "command_path", NAME)
    message = wrong.format_message().strip()
    if not message:
        return 0  # a group was called without a command, and its help has been shown
    next_step = f"See: {command} --help"
    out.problem("input.usage", message, next_step)
    if out.json:
        out.document({"error": {"code": "input.usage", "message": message, "next_step": next_step}})
    return wrong.exit_code
