"""``crossloop ledger verify|tail``; what proves and changes it stands in ``ledger_proofs``."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from crossloop.console import ledger_export, ledger_proofs, options, witnessing, words
from crossloop.console.output import Output, columns, say
from crossloop.console.witnessing import Compared, Kept
from crossloop.errors import StoreNotUsable
from crossloop.printable import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crossloop.store import Entry, Read, Verification

app = typer.Typer(no_args_is_help=True)
for module in (ledger_proofs, ledger_export):
    module.register(app)

_WIDE = 110


@app.command("verify")
def verify_(
    witness: witnessing.WitnessPath = None,
    verifier: witnessing.VerifierKeys = None,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Check every entry against the hash tree, and the tree against checkpoints that were kept elsewhere.

    It ends with 1 and names the first bad entry.
    """
    out = Output(json=json)
    kept = witnessing.kept(witness, verifier)
    with out.working("verifying"):
        found, compared = _verified(store, kept)
    if json:
        out.document(_document(found, compared))
    elif found.ok and compared is not None and not compared.ok:
        say(out.people, "[bold red]broken[/]: the entries fit each other, not what was witnessed", hang=2)
    elif found.ok:
        entries = words.counted(found.entries, "entry is as it was", "entries are as they were")
        say(out.people, f"[green]ok[/]: {entries} written", hang=2)
        out.people.print(f"  root {found.root}", soft_wrap=True)
    else:
        say(out.people, f"[bold red]broken[/]: {escape(found.problem)}", hang=2)
        if found.entries:
            good = words.counted(found.entries, "entry is", "entries are")
            say(out.people, f"[dim]The first {good} good.[/]", indent=2)
    if compared is not None and not json:
        witnessing.tell(out.people, compared, found)
    if not found.ok or (compared is not None and not compared.ok):
        raise typer.Exit(1)


def _document(found: Verification, compared: Compared | None) -> dict[str, object]:
    """The verification as JSON values; a checkpoint that does not fit is a finding like any other."""
    document: dict[str, object] = {
        "ok": found.ok,
        "entries": found.entries,
        "root": found.root,
        "first_bad": found.first_bad,
        "problem": found.problem,
    }
    if compared is None:
        return document
    if compared.findings:
        problems = (witnessing.sentence(compared.findings[0]), found.problem)
        places = [place for place in (found.first_bad, compared.first_bad) if place is not None]
        document |= {"ok": False, "first_bad": min(places, default=None)}
        document["problem"] = "; ".join(filter(None, problems))
    return {**document, "witness": witnessing.document(compared)}


def _verified(store: str, kept: Kept | None) -> tuple[Verification, Compared | None]:
    """Verify a store. One that is damaged so far that it cannot be opened fails as a whole."""
    from crossloop.store import Verification, verify
    from crossloop.store.ledger.merkle import Frontier

    def look(read: Read) -> tuple[Verification, Compared | None]:
        found = verify(read)
        return found, None if kept is None else witnessing.compared(read, kept)

    try:
        with options.existing_store(store) as opened:
            return opened.read(look)
    except StoreNotUsable as wrong:
        # SQLite's other complaints (no permission, no such file) say nothing about what stands in it.
        cause = wrong.__cause__
        if not isinstance(cause, sqlite3.DatabaseError) or isinstance(cause, sqlite3.OperationalError):
            raise
        broken = Verification(False, 0, Frontier().root().hex(), None, f"{wrong.message} {wrong.next_step}")
        return broken, None if kept is None else Compared(kept, None)


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
            escape(one.kind),
            *((escape((one.case or "")[:16]),) if wide else ()),
        )
        for one in entries
    ]
    table = columns(*titles, "what", right=("entry",), whole=titles)
    for one, row in zip(entries, rows, strict=True):
        step = told(one)
        table.add_row(*row, Text(visible(words.told(f"{step.who} {step.what}".strip()))))
    console.print(table)
