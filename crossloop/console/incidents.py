"""``crossloop incidents list|show|close``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from crossloop.console import answering, options, words
from crossloop.console.output import Output, copyable, say
from crossloop.console.own_company import Own
from crossloop.errors import InputError, Where

if TYPE_CHECKING:
    from crossloop.coordinator.facade import Settled

app = typer.Typer(no_args_is_help=True)

Identifier = Annotated[str, answering.identifier_argument("incident")]
State = Annotated[str | None, answering.state_option("open", "closed")]
Reason = Annotated[str, answering.reason_option("What you saw, and where; required.")]


@app.command("list")
def list_(
    state: State = None,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """List actions that a person has to look into, the open ones first."""
    from typing import get_args

    from crossloop.coordinator.incidents import listed
    from crossloop.store.incidents import IncidentState

    out = Output(json=json)
    options.one_of(state, get_args(IncidentState), "--state")
    with options.existing_store(store) as opened:
        found: list[Any] = opened.read(lambda read: listed(read, state=state))  # pyright: ignore[reportArgumentType]
    if json:
        out.document({"incidents": found})
        return
    if not found:
        out.people.print("Nothing has to be looked into." if state != "closed" else "No incident was closed.")
    for one in found:
        copyable(out.people, one["id"], indent=0)
        colour = "yellow" if one["state"] == "open" else "dim"
        what = f"[bold]{escape(one['intervention'])}[/], {answering.resource_of(one)}"
        say(out.people, f"[{colour}]{one['state']}[/]: {what}", indent=4)
        say(
            out.people,
            f"[dim]{escape(one['question'])} {escape(words.told(one['because']))}[/]",
            indent=4,
            hang=6,
        )


@app.command()
def show(
    identifier: Identifier,
    store: options.Store = options.STORE,
    own: Own = None,
    json: options.Json = False,
) -> None:
    """Show one incident: what is not known, where to look, who closes it."""
    from crossloop.coordinator.incidents import find, shown

    out = Output(json=json)
    with options.existing_store(store) as opened:
        one: Any = opened.read(lambda read: shown(read, find(read, identifier)))
        zone = opened.read(answering.zone_of)
    if json:
        out.document(one)
    else:
        _print(out.people, one, options.at(store, own), zone)


@app.command()
def close(
    identifier: Identifier,
    happened: Annotated[bool, typer.Option("--happened", help="What you found: it is there.")] = False,
    did_not_happen: Annotated[
        bool, typer.Option("--did-not-happen", help="What you found: it is not there.")
    ] = False,
    reference: Annotated[
        str | None,
        typer.Option("--reference", metavar="REF", help="The system's own id of what was done."),
    ] = None,
    reason: Reason = "",
    as_: answering.As = None,
    store: options.Store = options.STORE,
    own: Own = None,
    json: options.Json = False,
) -> None:
    """Say what became of an action. What follows from that is done at once.

    Asked whether it was done: --happened with the --reference under which the system has it, or
    --did-not-happen. Asked whether it was taken back: --happened when it is now, --did-not-happen when it
    stays. It ends with 3 where that leaves something else that a person has to look into.
    """
    out = Output(json=json)
    if happened == did_not_happen:
        raise InputError(
            "it cannot be both." if happened else "what did you find?",
            where=Where(field="--happened"),
            next_step="Say --happened or --did-not-happen.",
        )
    with options.company(store, own=own) as company, out.working("closing"):
        settled = company.close_incident(
            identifier,
            person=answering.person_named(company, as_),
            happened=happened,
            reference=reference,
            reason=reason,
            asserted=answering.asserted(),
        )
        opened = [company.incident(one) for one in settled.incidents]
    if json:
        out.document(_as_json(settled, opened))
    else:
        _say(out.people, settled)
        answering.say_incidents(out.people, opened, options.at(store, own))
    if opened:
        raise typer.Exit(3)


def _as_json(settled: Settled, opened: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    closed = settled.closed
    return {
        "incident": closed.incident_id,
        "happened": closed.happened,
        "action_key": closed.action_key,
        "action_state": closed.action_state,
        "receipts": [one.model_dump(mode="json") for one in settled.receipts],
        "incidents": [one["id"] for one in opened],
    }


def _say(console: Console, settled: Settled) -> None:
    closed = settled.closed
    console.print(f"{closed.incident_id}: [bold]closed[/]", soft_wrap=True)
    say(console, f"{closed.action_key} is {closed.action_state}.", indent=2)
    answering.say_receipts(console, settled.receipts)


def _print(console: Console, one: Mapping[str, Any], at: str, zone: str) -> None:
    say(
        console,
        f"[bold]{escape(one['intervention'])}[/], {answering.resource_of(one)}  [yellow]{one['state']}[/]",
        hang=2,
    )
    say(console, f"{escape(one['question'])} {escape(words.told(one['because'], zone))}", indent=2)
    say(
        console,
        escape(f"Where: {one['system']}, {one['operation']}, under the key {one['action']}"),
        indent=2,
        hang=4,
    )
    if one["reference"] is not None:
        say(console, f"It is known there as {escape(one['reference'])}.", indent=2)
    closed = one["closed"]
    if closed is not None:
        by = closed["person"] or "the system"
        found = "yes" if closed["happened"] else "no"
        at_ = words.minute(closed["at"], zone)
        say(
            console, f"{by} found out, {at_}: {found}. {escape(words.told(closed['reason'], zone))}", indent=2
        )
        return
    console.print("[bold]Who closes it[/]")
    say(console, f"{words.listed(one['from'], 'or')}, with one of these:", indent=2)
    person = one["from"][0] if one["from"] else "PERSON"
    known = " --reference '…'" if one["kind"] == "outcome_unknown" else ""
    for found, more in (("--happened", known), ("--did-not-happen", "")):
        said = f"{options.command()} incidents close {one['id']} {found}{more} --reason '…' --as {person}{at}"
        copyable(console, said, indent=4)
