"""``crossloop approvals list|show|approve|reject``."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from crossloop.console import options
from crossloop.console.output import Output
from crossloop.coordinator.facade import Coordinator
from crossloop.errors import InputError, Where
from crossloop.store.approvals import ApprovalState

app = typer.Typer(no_args_is_help=True)

Identifier = Annotated[str, typer.Argument(metavar="ID", help="The approval's id, or its beginning.")]
As = Annotated[str | None, typer.Option("--as", metavar="PERSON", help="Who answers, as named in the rules.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; required to reject.")]


@app.command("list")
def list_(
    state: Annotated[ApprovalState | None, typer.Option("--state", help="Only these.")] = None,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """List what waits for a person, and what was answered."""
    out = Output(json=json)
    with options.company(store) as company:
        found: list[Any] = company.approvals(state=state)
    if json:
        out.document({"approvals": found})
        return
    if not found:
        out.people.print("Nothing waits.")
        return
    table = Table(box=None, header_style="dim")
    for title in ("approval", "asks for", "on", "moves", "from", "due (UTC)", "state"):
        table.add_column(title)
    for one in found:
        impact = one["impact"]
        table.add_row(
            one["id"],
            one["intervention"],
            escape(one["action"]["resource"]),
            f"{impact['share']:.1%} a day" if impact else "",
            ", ".join(one["from"]),
            one["due_at"][:16].replace("T", " "),
            one["state"],
        )
    out.people.print(table)


@app.command()
def show(identifier: Identifier, store: options.Store = options.STORE, json: options.Json = False) -> None:
    """Show one approval on one screen: action, evidence, alternatives, what happens otherwise."""
    out = Output(json=json)
    with options.company(store) as company:
        one: Any = company.approval(identifier)
    if json:
        out.document(one)
    else:
        _print(out.people, one, store)


@app.command()
def approve(
    identifier: Identifier,
    as_: As = None,
    reason: Reason = "",
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Approve: the action is performed once as many have approved as the rules ask for."""
    _answer(identifier, "approve", as_, reason, store, json)


@app.command()
def reject(
    identifier: Identifier,
    as_: As = None,
    reason: Reason = "",
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Reject, with a reason: nothing is performed."""
    _answer(identifier, "reject", as_, reason, store, json)


def _answer(
    identifier: str,
    decision: Literal["approve", "reject"],
    person: str | None,
    reason: str,
    store: str,
    json: bool,
) -> None:
    out = Output(json=json)
    with options.company(store) as company:
        given = company.answer(
            identifier,
            person=_person(company, person),
            decision=decision,
            reason=reason,
            asserted=f"asserted by OS user {getpass.getuser()}",
        )
    answered = given.answered
    if json:
        out.document(
            {
                "approval": answered.approval_id,
                "state": answered.state,
                "still_needed": answered.still_needed,
                "action_key": answered.action_key,
                "receipts": [one.model_dump(mode="json") for one in given.receipts],
            }
        )
    else:
        out.people.print(f"{answered.approval_id}: [bold]{answered.state}[/]")
        if answered.still_needed:
            out.people.print(f"  {answered.still_needed} more approval is needed before anything is done.")
        for receipt in given.receipts:
            out.people.print(f"  {receipt.outcome}: {escape(receipt.detail)}")
    if answered.state == "waiting":
        raise typer.Exit(3)


def _person(company: Coordinator, named: str | None) -> str:
    people = company.policy.document.people
    if named is not None:
        return named
    user = getpass.getuser()
    if user in people:
        return user
    raise InputError(
        f"who answers? The rules name nobody called '{user}'.",
        where=Where(field="--as"),
        next_step=f"Say --as with one of: {', '.join(people)}.",
    )


def _print(console: Console, one: Mapping[str, Any], store: str) -> None:
    action = one["action"]
    console.print(
        f"[bold]{one['intervention']}[/] on {escape(action['resource'])}   [yellow]{one['state']}[/]"
    )
    console.print(Padding(escape(one["evidence"]), (0, 2)))
    if one["impact"]:
        impact = one["impact"]
        amount = impact["amount"]
        console.print(
            f"  moves [bold]{impact['share']:.1%}[/] of the daily budget: "
            f"{amount['amount']} {amount['currency']} a day"
        )
    table = Table(box=None, header_style="dim", padding=(0, 1))
    for title in ("alternative", "expected value", "range", ""):
        table.add_column(title, justify="left" if title in ("alternative", "") else "right")
    for option in one["options"]:
        value = option["expected_value"]
        asked = "← asked for" if option["intervention"] == one["intervention"] else ""
        table.add_row(
            option["intervention"],
            f"{float(value['amount']):+,.0f} {value['currency']}",
            f"{float(option['low']['amount']):+,.0f} to {float(option['high']['amount']):+,.0f}",
            asked if option["permitted"] else escape(f"ruled out: {option['because']}"),
        )
    console.print(Padding(table, (1, 2)))
    console.print("  why you are asked:")
    for reason in one["reasons"]:
        if reason["outcome"] in ("hold", "escalate"):
            console.print(f"    {reason['gate']}: {escape(reason['text'])}")
    approved = ", ".join(one["approved_by"]) or "nobody yet"
    console.print(
        f"  asked: {', '.join(one['from'])} ({one['quorum']} must approve; so far {approved}), until "
        f"{one['due_at'][:16].replace('T', ' ')} UTC"
    )
    console.print("  if nobody answers: nothing is done, and the answer can no longer be given\n")
    for word, tail in (("approve", ""), ("reject", " --reason '…'")):
        console.print(
            f"  crossloop approvals {word} {one['id']} --as {one['from'][0]}{tail} --store {store}",
            soft_wrap=True,
            markup=False,
        )
