"""``crossloop demo``: the first loop on the embedded company, from orders to a governed, recorded change."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from crossloop.console import options
from crossloop.console.output import Output, say
from crossloop.errors import InputError, Where

_LOOP = "logistics-to-marketing"
_MARK = ".crossloop-demo"


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def demo(
        folder: Annotated[
            Path, typer.Option("--folder", metavar="FOLDER", help="Where its files go; made anew each time.")
        ] = Path("crossloop-demo"),
        json: options.Json = False,
    ) -> None:
        """Run the first loop end to end on a made-up company, and tell the story.

        Nothing has to be set up. Orders, campaigns and rules come with the package; all that is written goes
        into one folder. It ends with 0 even where something waits for a person.
        """
        from crossloop.console.story import print_run
        from crossloop.extras import require
        from crossloop.loops.ready import EMBEDDED_GOVERNANCE, open_company

        out = Output(json=json)
        require("the demo", extra="loops", modules=("ibis", "duckdb", "scipy"))
        _fresh(folder)
        store = f"sqlite:///{folder}/crossloop.db"
        with open_company(store, governance=EMBEDDED_GOVERNANCE) as company:
            with out.working("making the company's orders and running the loop"):
                report = company.run(_LOOP)
            if json:
                out.document(report.model_dump(mode="json"))
                return
        say(
            out.people,
            "[bold]A made-up company sells clothes across India.[/] Its logistics agent watches which "
            "parcels come back; its marketing agent pays for advertising there. The heads of both "
            "departments agreed on rules. Some areas have a problem; neither agent is told which.",
        )
        out.people.print()
        print_run(
            out.people,
            report,
            company.policy,
            company.company.catalogue,
            command=options.command(),
            at=options.at(store),
        )


def _fresh(folder: Path) -> None:
    """Make the folder anew; one that is not a demo's is left alone."""
    if folder.exists() and not (folder / _MARK).exists():
        raise InputError(
            "there is something here already that the demo did not make.",
            where=Where(folder),
            next_step="Choose another --folder.",
        )
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        (folder / _MARK).write_text("Made by `crossloop demo`; it is removed and made again each time.\n")
    except OSError as wrong:
        raise InputError(
            f"the folder cannot be made: {wrong.strerror}.",
            where=Where(folder),
            next_step="Choose a --folder that may be written to.",
        ) from None
