"""``crossloop run LOOP``."""

from __future__ import annotations

import asyncio

import typer

from crossloop.console import options
from crossloop.console.output import Output


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def run(
        loop: options.LoopName,
        data: options.Data = None,
        mapping: options.Mapping = None,
        as_of: options.AsOf = None,
        set_: options.Settings = None,
        store: options.Store = options.STORE,
        governance: options.Governance = None,
        json: options.Json = False,
    ) -> None:
        """Run a loop once: look at the facts, decide under the rules, act, record, tell.

        Nothing is executed unless the rules permit it: with no --governance, none kept in the store and no
        ./governance.yaml, everything is thought through and recorded, in shadow. Running the same day twice
        repeats nothing. It ends with 3 while something waits for a person.
        """
        from crossloop.console.checking import checked
        from crossloop.console.story import print_run

        out = Output(json=json)
        chosen = options.pairs(set_, "--set")
        day = options.day(as_of)
        inputs = options.inputs(data, mapping)
        with out.working(f"running {loop}"):
            read = checked(loop, inputs, as_of=day, chosen=chosen, store=store, governance=governance)
            with options.company(store, governance, create=True) as company:
                report = asyncio.run(company.arun(loop, read, as_of=day, settings=chosen))
        if json:
            out.document(report.model_dump(mode="json"))
        else:
            print_run(out.people, report, company.policy, command=options.command(), at=options.at(store))
        if report.waiting:
            raise typer.Exit(3)
