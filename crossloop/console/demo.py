"""``crossloop demo``: the first loop on the embedded company, from orders to a governed, recorded change."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from crossloop.console.output import Output
from crossloop.console.story import print_run
from crossloop.errors import InputError, Where
from crossloop.loops.ready import EMBEDDED_GOVERNANCE, open_company

_LOOP = "logistics-to-marketing"
_MARK = ".crossloop-demo"


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def demo(
        folder: Annotated[
            Path, typer.Option("--folder", help="Where its files go; made anew each time.")
        ] = Path("crossloop-demo"),
        json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
    ) -> None:
        """Run the first loop end to end on a made-up company, and tell the story."""
        out = Output(json=json)
        _fresh(folder)
        store = f"sqlite:///{folder}/crossloop.db"
        if not json:
            out.people.print(
                "[bold]A made-up company sells clothes across India.[/] Its logistics agent watches which "
                "parcels come back;\nits marketing agent pays for advertising there. Both heads agreed on "
                f"rules: [dim]{EMBEDDED_GOVERNANCE.name}[/]. Nothing was planned for this run.\n"
            )
        with open_company(store, governance=EMBEDDED_GOVERNANCE) as company:
            with out.working("making the company's orders and running the loop"):
                report = company.run(_LOOP)
            if json:
                out.document(report.model_dump(mode="json"))
            else:
                print_run(out.people, report, store=store)


def _fresh(folder: Path) -> None:
    """Make the folder anew; one that is not a demo's is left alone."""
    if folder.exists():
        if not (folder / _MARK).exists():
            raise InputError(
                "there is something here already that the demo did not make.",
                where=Where(folder),
                next_step="Choose another --folder.",
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARK).write_text("Made by `crossloop demo`; it is removed and made again each time.\n")
