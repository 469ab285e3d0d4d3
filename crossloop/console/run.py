"""``crossloop run LOOP``."""

from __future__ import annotations

from typing import Annotated

import typer

from crossloop.console import options
from crossloop.console.output import Output
from crossloop.console.story import print_run


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def run(
        loop: Annotated[str, typer.Argument(help="The loop's name; see `crossloop loops`.")],
        data: options.Data = None,
        mapping: options.Mapping = None,
        as_of: options.AsOf = None,
        set_: options.Settings = None,
        store: options.Store = options.STORE,
        governance: options.Governance = None,
        json: options.Json = False,
    ) -> None:
        """Run a loop once: look at the facts, decide under the rules, act, record, tell."""
        out = Output(json=json)
        primary, others = options.inputs(data)
        chosen = options.pairs(set_, "--set")
        day = options.day(as_of)
        with options.company(store, governance, create=True) as company:
            with out.working(f"running {loop}"):
                report = company.run(
                    loop, data=primary, mapping=mapping, others=others, as_of=day, settings=chosen
                )
            if json:
                out.document(report.model_dump(mode="json"))
            else:
                print_run(out.people, report, store=store)
        if report.waiting:
            raise typer.Exit(3)
