"""``crossloop explain ID``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from crossloop.console import options
from crossloop.console.output import Output


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def explain(
        identifier: Annotated[
            str, typer.Argument(metavar="ID", help="A signal, decision, action, approval or case.")
        ],
        store: options.Store = options.STORE,
        json: options.Json = False,
    ) -> None:
        """Tell the story of a case, from fact to effect."""
        out = Output(json=json)
        with options.company(store) as company:
            story = company.explain(identifier)
        if json:
            out.document(story.model_dump(mode="json"))
            return
        out.people.print(f"[bold]Case {story.case}[/]")
        for step in story.steps:
            out.people.print(
                f"\n[cyan]#{step.entry}[/] [dim]{step.at}[/] [bold]{escape(step.kind)}[/] {escape(step.who)}"
            )
            out.people.print(f"    {escape(step.what)}")
            if step.because:
                out.people.print(f"    [dim]because {escape(step.because)}[/]")
