"""``crossloop explain ID``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from crossloop.console import options
from crossloop.console.output import Output, say


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def explain(
        identifier: Annotated[
            str,
            typer.Argument(
                metavar="ID", help="A signal, decision, action, approval or case; its beginning is enough."
            ),
        ],
        store: options.Store = options.STORE,
        json: options.Json = False,
    ) -> None:
        """Tell the story of a case, from fact to effect.

        Every step stands in the ledger under the number shown: what was seen, what each department asked
        for and why, what every gate said, who approved, what was done, who was told.
        """
        from crossloop.coordinator.explain import explain as tell

        out = Output(json=json)
        with options.existing_store(store) as opened:
            story = opened.read(lambda read: tell(read, identifier))
        if json:
            out.document(story.model_dump(mode="json"))
            return
        out.people.print(f"[bold]Case {story.case}[/]", soft_wrap=True)
        moment = ""
        for step in story.steps:
            at = step.at[:19].replace("T", " ")
            time = "" if at == moment else f"  [dim]{at} UTC[/]"
            moment = at
            out.people.print()
            say(
                out.people,
                f"[cyan]#{step.entry}[/] [bold]{escape(step.kind)}[/] {escape(step.who)}{time}",
                hang=4,
            )
            say(out.people, escape(step.what), indent=4)
            if step.because:
                say(out.people, f"[dim]because {escape(step.because)}[/]", indent=4, hang=6)
