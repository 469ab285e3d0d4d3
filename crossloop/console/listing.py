"""``crossloop signals`` and ``crossloop loops``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from crossloop.console import options, words
from crossloop.console.output import Output, copyable, say
from crossloop.console.own_company import Own

if TYPE_CHECKING:
    from crossloop.coordinator import Loop
    from crossloop.governance import Policy


signals = typer.Typer()

State = Annotated[
    str | None,
    typer.Option("--state", metavar="STATE", help="Only these: new, parked, decided, finished or expired."),
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=100000, help="At most so many.")]


@signals.callback(invoke_without_command=True)
def signals_(
    context: typer.Context,
    state: State = None,
    limit: Limit = 50,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """List what was said, the newest first; the same as ``signals list``."""
    if context.invoked_subcommand is None:
        _signals(Output(json=json), state, limit, store)


@signals.command("list")
def list_(
    state: State = None,
    limit: Limit = 50,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """List what was said, the newest first."""
    _signals(Output(json=json), state, limit, store)


@signals.command()
def show(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="The signal's id, or its beginning.")],
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Show one signal: what it says, how far it has come, and whose it is where it rests."""
    from crossloop.coordinator.heard import find, shown

    out = Output(json=json)
    with options.existing_store(store) as opened:
        one: dict[str, Any] = opened.read(lambda read: shown(read, find(read, identifier)))
    if json:
        out.document(one)
        return
    copyable(out.people, one["id"], indent=0)
    for name in ("type", "department", "subject", "state", "time", "valid_until", "case", "reason"):
        if one[name]:
            say(out.people, f"[dim]{name.replace('_', ' ')}:[/] {escape(str(one[name]))}", indent=4, hang=6)
    if one["people"]:
        say(out.people, f"[dim]whose:[/] {escape(words.listed(one['people']))}", indent=4)


def register(app: typer.Typer) -> None:
    """Add ``loops``."""

    @app.command()
    def loops(
        store: options.Store = options.STORE,
        governance: options.Governance = None,
        own: Own = None,
        json: options.Json = False,
    ) -> None:
        """List the loops: who tells whom what, and what the rules in force let them do."""
        out = Output(json=json)
        with options.company(store, governance, own=own, create=True) as company:
            found = [_loop(loop, company.policy) for loop in company.company.loops.values()]
        if json:
            out.document({"loops": found})
            return
        for one in found:
            _say_loop(out, one)


def _signals(out: Output, state: str | None, limit: int, store: str) -> None:
    from typing import get_args

    from crossloop.coordinator.heard import listed
    from crossloop.store.inbox import SignalState

    options.one_of(state, get_args(SignalState), "--state")
    with options.existing_store(store) as opened:
        found: list[Any] = opened.read(lambda read: listed(read, state=state, limit=limit))  # pyright: ignore[reportArgumentType]
    if out.json:
        out.document({"signals": found})
        return
    if not found:
        out.people.print("No signals.")
    for one in found:
        copyable(out.people, one["id"], indent=0)
        say(
            out.people,
            f"{one['department']} says [bold]{one['type']}[/] about {escape(words.told(one['subject']))}, as "
            f"of {one['time'][:10]}: {one['state']}",
            indent=4,
        )


def _loop(loop: Loop, policy: Policy) -> dict[str, Any]:
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


def _say_loop(out: Output, one: dict[str, Any]) -> None:
    out.people.print(f"[bold]{one['name']}[/]", soft_wrap=True)
    say(out.people, f"{one['source']} tells {words.listed(one['targets'])}: {one['signal']}", indent=4)
    owner = one["owner"] or "nobody"
    with_input = f", with input from {words.listed(one['stakeholders'])}" if one["stakeholders"] else ""
    say(out.people, f"owned by {owner}{with_input}", indent=4)
    may = {
        "shadow": "shadow: it is thought through and recorded, nothing is executed",
        "supervised": "supervised: everything waits for a person",
        "autonomous": "autonomous: the rules decide what runs by itself and what waits for a person",
    }
    say(out.people, f"stage {may[one['stage']]}", indent=4, hang=6)
    for name, shape in one["inputs"].items():
        say(out.people, f"[dim]further input: --data {name}=FILE ({escape(shape)})[/]", indent=4, hang=6)
