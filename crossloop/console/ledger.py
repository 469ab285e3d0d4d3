"""``crossloop ledger verify|tail``."""

from __future__ import annotations

from typing import Annotated

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from crossloop.clock import SystemClock
from crossloop.console import options
from crossloop.console.output import Output
from crossloop.store import Store, verify

app = typer.Typer(no_args_is_help=True)


@app.command("verify")
def verify_(store: options.Store = options.STORE, json: options.Json = False) -> None:
    """Check every entry against the tree; exit code 1 names the first bad one."""
    out = Output(json=json)
    with Store.open(store, clock=SystemClock(), create=False) as opened, out.working("verifying"):
        found = opened.read(verify)
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
        out.people.print(f"[green]ok[/]  {found.entries} entries, root {found.root}")
    else:
        where = f"entry {found.first_bad}: " if found.first_bad is not None else ""
        out.people.print(f"[bold red]broken[/]  {where}{escape(found.problem)}")
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def tail(
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=10000, help="How many.")] = 20,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Show the newest entries."""
    out = Output(json=json)
    with Store.open(store, clock=SystemClock(), create=False) as opened:
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
    table = Table(box=None, header_style="dim")
    for title in ("entry", "at", "kind", "case", "content"):
        table.add_column(title, overflow="ellipsis", no_wrap=True)
    for one in entries:
        content = "redacted" if one.body is None else orjson.dumps(one.body).decode()
        table.add_row(
            str(one.position),
            one.at.strftime("%Y-%m-%d %H:%M:%S"),
            one.kind,
            (one.case or "")[:16],
            escape(content),
        )
    out.people.print(table)
