"""What ``approvals`` and ``incidents`` share: who answers, and what an answer brought about.

An answer that leaves something behind of which nobody can tell whether it was done, or whether it was taken
back, ends with 3, as a run does: a person has to look into it.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape

from crossloop.console import options, words
from crossloop.console.output import copyable, say
from crossloop.errors import InputError, Where

if TYPE_CHECKING:
    from crossloop.coordinator import Coordinator
    from crossloop.signals import Receipt
    from crossloop.store import Read

As = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="PERSON", help="Who says so, as named in the rules; your user name without it."
    ),
]


def reason_option(help: str) -> Any:
    """``--reason``, with what it means here."""
    return typer.Option("--reason", metavar="TEXT", help=help)


def identifier_argument(what: str) -> Any:
    """``ID``, of what is answered."""
    return typer.Argument(metavar="ID", help=f"The {what}'s id, or its beginning.")


def state_option(*states: str) -> Any:
    """``--state``, with the states that there are."""
    known = f"{', '.join(states[:-1])} or {states[-1]}"
    return typer.Option("--state", metavar="STATE", help=f"Only these: {known}.")


def person_named(company: Coordinator, named: str | None) -> str:
    """Who answers: whoever was named, else the user of the machine where the rules know that name."""
    if named is not None:
        return named
    user, people = getpass.getuser(), company.policy.document.people
    if user in people:
        return user
    raise InputError(
        f"who answers? The rules name nobody called '{user}'.",
        where=Where(field="--as"),
        next_step=f"Say --as with one of: {', '.join(people)}.",
    )


def asserted() -> str:
    """How it is known who answers."""
    return f"asserted by OS user {getpass.getuser()}"


def zone_of(read: Read) -> str:
    """The time zone of the document in force."""
    from crossloop.store import policies
    from crossloop.store.ledger.entries import understood

    present = policies.present(read)
    if present is None:
        return "UTC"
    with understood(present.entry, policies.ADOPTED):
        return ZoneInfo(str(words.mapping(present.body["document"])["timezone"])).key


def resource_of(one: Mapping[str, Any]) -> str:
    """A resource in words, safe to print."""
    return escape(words.resource(one["resource"]))


def say_receipts(console: Console, receipts: Sequence[Receipt]) -> None:
    """Say what was done at once."""
    for receipt in receipts:
        say(console, f"{receipt.outcome}: {escape(words.told(receipt.detail))}", indent=2, hang=4)


def say_incidents(console: Console, opened: Sequence[Mapping[str, Any]], at: str) -> None:
    """Say what a person has to look into now, and how."""
    for one in opened:
        people = words.listed(one["from"], "or") or "somebody"
        because = escape(words.told(one["because"]))
        said = f"[red]●[/] {people} has to look into it: {one['question']} {because}"
        say(console, said, indent=2, hang=4)
    if opened:
        copyable(console, f"{options.command()} incidents list{at}", indent=4)
