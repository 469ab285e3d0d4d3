"""``crossloop ledger verify|tail``."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from crossloop.console import options, words
from crossloop.console.output import Output, columns, say
from crossloop.errors import StoreNotUsable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crossloop.store import Entry, Verification

app = typer.Typer(no_args_is_help=True)

_WIDE = 110


@app.command("verify")
def verify_(store: options.Store = options.STORE, json: options.Json = False) -> None:
    """Check every entry against the hash tree. It ends with 1 and names the first bad entry."""
    out = Output(json=json)
    with out.working("verifying"):
        found = _verified(store)
    if json:
        out.document(
            {
                "ok": found.ok,
                "entries": found.entries,
                "root": found.root,
                "first_bad": found.first_bad,
                "problem": found.problem,
            }
        )
    elif found.ok:
        entries = words.counted(found.entries, "entry is as it was", "entries are as they were")
        say(out.people, f"[green]ok[/]: {entries} written", hang=2)
        out.people.print(f"  root {found.root}", soft_wrap=True)
    else:
        say(out.people, f"[bold red]broken[/]: {escape(found.problem)}", hang=2)
        if found.entries:
            good = words.counted(found.entries, "entry is", "entries are")
            say(out.people, f"[dim]The first {good} good.[/]", indent=2)
    if not found.ok:
        raise typer.Exit(1)


def _verified(store: str) -> Verification:
    """Verify a store. One that is damaged so far that it cannot be opened fails as a whole."""
    from crossloop.store import Verification, verify
    from crossloop.store.ledger.merkle import Frontier

    try:
        with options.existing_store(store) as opened:
            return opened.read(verify)
    except StoreNotUsable as wrong:
        # SQLite's other complaints (no permission, no such file) say nothing about what stands in it.
        cause = wrong.__cause__
        if not isinstance(cause, sqlite3.DatabaseError) or isinstance(cause, sqlite3.OperationalError):
            raise
        return Verification(False, 0, Frontier().root().hex(), None, f"{wrong.message} {wrong.next_step}")


@app.command()
def tail(
    count: Annotated[
        int, typer.Option("--count", "-n", metavar="N", min=1, max=10000, help="How many.")
    ] = 20,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Show the newest entries in words, the last one at the bottom; as recorded, and whole, with --json."""
    out = Output(json=json)
    with options.existing_store(store) as opened:
        entries = opened.read(lambda read: list(read.entries(start=max(0, read.head().size - count))))
    if json:
        out.document(
            {
                "entries": [
                    {
                        "position": one.position,
                        "kind": one.kind,
                        "case": one.case,
                        "at": one.at.isoformat(),
                        "body": one.body,
                    }
                    for one in entries
                ]
            }
        )
        return
    _table(out.people, entries)


def _table(console: Console, entries: Sequence[Entry]) -> None:
    """A row for each entry; what it says is wrapped, and whole."""
    from crossloop.coordinator.explain import told

    wide = console.width >= _WIDE
    titles = ("entry", "at (UTC)", "kind", *(("case",) if wide else ()))
    rows = [
        (
            str(one.position),
            one.at.strftime("%Y-%m-%d %H:%M:%S" if wide else "%m-%d %H:%M:%S"),
            one.kind,
            *(((one.case or "")[:16],) if wide else ()),
        )
        for one in entries
    ]
    table = columns(*titles, "what", right=("entry",), whole=titles)
    for one, row in zip(entries, rows, strict=True):
        step = told(one)
        table.add_row(*row, Text(words.told(f"{step.who} {step.what}".strip())))
    console.print(table)
