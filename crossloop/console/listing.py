"""``crossloop signals`` and ``crossloop loops``."""

from __future__ import annotations

from typing import Annotated, cast

import typer
from rich.markup import escape
from rich.table import Table

from crossloop.console import options
from crossloop.console.output import Output
from crossloop.governance import Policy
from crossloop.loops.logistics_to_marketing.loop import LogisticsToMarketing
from crossloop.loops.ready import READY_LOOPS, policy_in_force
from crossloop.store import inbox
from crossloop.store.inbox import SignalState


def register(app: typer.Typer) -> None:
    """Add both commands."""

    @app.command()
    def signals(
        state: Annotated[
            SignalState | None, typer.Option("--state", help="Only these; all without it.")
        ] = None,
        limit: Annotated[int, typer.Option("--limit", min=1, max=100000)] = 50,
        store: options.Store = options.STORE,
        json: options.Json = False,
    ) -> None:
        """List what was said, the newest first."""
        out = Output(json=json)
        with options.company(store) as company:
            rows = company.store.read(lambda read: inbox.listing(read, state=state, limit=limit))
        if json:
            out.document(
                {
                    "signals": [
                        {
                            "id": row.id,
                            "type": row.type,
                            "subject": row.subject,
                            "department": row.department,
                            "case": row.case,
                            "time": row.time.isoformat(),
                            "valid_until": row.valid_until.isoformat(),
                            "state": row.state,
                        }
                        for row in rows
                    ]
                }
            )
            return
        table = Table(box=None, header_style="dim")
        for title in ("signal", "type", "about", "as of", "state"):
            table.add_column(title)
        for row in rows:
            table.add_row(row.id, row.type, escape(row.subject), row.time.strftime("%Y-%m-%d"), row.state)
        out.people.print(table if rows else "No signals.")

    @app.command()
    def loops(
        store: options.Store = options.STORE,
        governance: options.Governance = None,
        json: options.Json = False,
    ) -> None:
        """List the loops, and what the rules in force let them do."""
        out = Output(json=json)
        policy = policy_in_force(store, governance)
        found = [_loop(loop, policy) for loop in READY_LOOPS]
        if json:
            out.document({"loops": found})
            return
        table = Table(box=None, header_style="dim")
        for title in ("loop", "signal", "from", "to", "stage", "owner", "live"):
            table.add_column(title)
        for one in found:
            table.add_row(
                str(one["name"]),
                str(one["signal"]),
                str(one["source"]),
                ", ".join(str(name) for name in cast("list[str]", one["targets"])),
                str(one["stage"]),
                str(one["owner"] or "nobody"),
                "yes" if one["live"] else "no",
            )
        out.people.print(table)


def _loop(loop: type[LogisticsToMarketing], policy: Policy) -> dict[str, object]:
    governed = policy.document.loops.get(loop.name)
    stage = policy.stage(governed.owner, loop.name) if governed else "shadow"
    return {
        "name": loop.name,
        "signal": loop.signal_types[0],
        "source": loop.source,
        "targets": list(loop.targets),
        "stage": stage,
        "live": stage != "shadow",
        "owner": governed.owner if governed else None,
        "stakeholders": list(governed.stakeholders) if governed else [],
        "inputs": dict(loop.inputs),
    }
