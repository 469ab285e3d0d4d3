"""``crossloop run LOOP``."""

from __future__ import annotations

import asyncio

import typer

from crossloop.console import options
from crossloop.console.output import Output


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    @options.looking
    def run(asked: options.Looking) -> None:
        """Run a loop once: look at the facts, decide under the rules, act, record, tell.

        Nothing is executed unless the rules permit it: with no --governance, none kept in the store and no
        ./governance.yaml, everything is thought through and recorded, in shadow. Where they permit it, --set
        takes what they list as adjustable. Running the same day twice repeats nothing. It ends with 3 while
        something waits for a person.
        """
        from crossloop.console.story import print_run

        out = Output(json=asked.json)
        with options.company(asked.store, asked.governance, own=asked.own, create=True) as company:
            with out.working(f"running {asked.loop}"):
                work = company.arun(asked.loop, asked.inputs, as_of=asked.as_of, settings=asked.settings)
                report = asyncio.run(work)
            if asked.json:
                out.document(report.model_dump(mode="json"))
            else:
                at = options.at(asked.store, asked.own)
                print_run(
                    out.people,
                    report,
                    company.policy,
                    company.company.catalogue,
                    command=options.command(),
                    at=at,
                )
        if report.waiting or report.incidents:
            raise typer.Exit(3)
