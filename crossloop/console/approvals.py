"""``crossloop approvals list|show|approve|reject``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from crossloop.console import answering, options, words
from crossloop.console.output import Output, columns, copyable, say
from crossloop.console.own_company import Own

if TYPE_CHECKING:
    from crossloop.coordinator import Given

app = typer.Typer(no_args_is_help=True)

Identifier = Annotated[str, answering.identifier_argument("approval")]
Reason = Annotated[str, answering.reason_option("Why; required to reject.")]
State = Annotated[
    str | None,
    answering.state_option("waiting", "approved", "rejected", "expired", "withdrawn", "superseded"),
]


@app.command("list")
def list_(
    state: State = None,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """List what waits for a person, the waiting ones first, and what was answered."""
    from typing import get_args

    from crossloop.clock import SystemClock
    from crossloop.coordinator.asked import listed
    from crossloop.store.approvals import ApprovalState

    out = Output(json=json)
    options.one_of(state, get_args(ApprovalState), "--state")
    with options.existing_store(store) as opened:
        now = SystemClock().now()
        found: list[Any] = opened.read(lambda read: listed(read, now=now, state=state))  # pyright: ignore[reportArgumentType]
        zone = opened.read(answering.zone_of)
    if json:
        out.document({"approvals": found})
        return
    if not found:
        none = f"No question ended as {state}." if state not in (None, "waiting") else ""
        out.people.print(none or "Nothing waits for a person.")
        return
    for one in found:
        impact = one["impact"]
        moves = f", moves {impact['share']:.1%} of its daily budget" if impact else ""
        colour = "yellow" if one["state"] == "waiting" else "dim"
        copyable(out.people, one["id"], indent=0)
        state = f"[{colour}]{_state(one)}[/]"
        said = f"{state}: [bold]{escape(one['intervention'])}[/], {_resource(one)}{moves}"
        say(out.people, said, indent=4)
        if one["state"] == "waiting":
            asked = (
                f"asked: {words.asked(one['from'], one['quorum'])}, until {words.minute(one['due_at'], zone)}"
            )
            say(out.people, f"[dim]{asked}{_so_far(one)}{_late(one)}[/]", indent=4)
        elif one["ended"] is not None:
            say(out.people, f"[dim]{_end(one, zone)}[/]", indent=4, hang=6)


@app.command()
def show(
    identifier: Identifier,
    store: options.Store = options.STORE,
    own: Own = None,
    json: options.Json = False,
) -> None:
    """Show one approval on one screen: action, evidence, alternatives, what happens otherwise."""
    from crossloop.clock import SystemClock
    from crossloop.coordinator.asked import find, shown

    out = Output(json=json)
    with options.existing_store(store) as opened:
        now = SystemClock().now()
        one: Any = opened.read(lambda read: shown(read, find(read, identifier), now=now))
        zone = opened.read(answering.zone_of)
    if json:
        out.document(one)
    else:
        _print(out.people, one, options.at(store, own), zone)


@app.command()
def approve(
    identifier: Identifier,
    as_: answering.As = None,
    reason: Reason = "",
    store: options.Store = options.STORE,
    own: Own = None,
    json: options.Json = False,
) -> None:
    """Approve. The action is performed, once, as soon as enough of those asked have approved.

    It ends with 3 while further approvals are needed, and where nobody can tell whether it was done.
    """
    _answer(identifier, "approve", as_, reason, store, own, json)


@app.command()
def reject(
    identifier: Identifier,
    as_: answering.As = None,
    reason: Reason = "",
    store: options.Store = options.STORE,
    own: Own = None,
    json: options.Json = False,
) -> None:
    """Reject, with a reason. One rejection ends it: nothing is performed."""
    _answer(identifier, "reject", as_, reason, store, own, json)


def _answer(
    identifier: str,
    decision: Literal["approve", "reject"],
    person: str | None,
    reason: str,
    store: str,
    own: str | None,
    json: bool,
) -> None:
    out = Output(json=json)
    with options.company(store, own=own) as company, out.working("answering"):
        given = company.answer(
            identifier,
            person=answering.person_named(company, person),
            decision=decision,
            reason=reason,
            asserted=answering.asserted(),
        )
        opened = [company.incident(one) for one in given.incidents]
    if json:
        out.document(_as_json(given, opened))
    else:
        _say_given(out.people, given)
        answering.say_incidents(out.people, opened, options.at(store, own))
    if given.answered.state == "waiting" or opened:
        raise typer.Exit(3)


def _as_json(given: Given, opened: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    answered = given.answered
    return {
        "approval": answered.approval_id,
        "state": answered.state,
        "still_needed": answered.still_needed,
        "action_key": answered.action_key,
        "receipts": [one.model_dump(mode="json") for one in given.receipts],
        "incidents": [one["id"] for one in opened],
    }


def _say_given(console: Console, given: Given) -> None:
    answered = given.answered
    state = "waiting for others" if answered.state == "waiting" else answered.state
    console.print(f"{answered.approval_id}: [bold]{state}[/]", soft_wrap=True)
    if answered.still_needed:
        needed = words.counted(answered.still_needed, "more approval")
        verb = "is" if answered.still_needed == 1 else "are"
        say(console, f"{needed} {verb} needed before anything is done.", indent=2)
    if answered.state == "rejected":  # what follows may take back what was done before it
        say(console, "What was asked for is not done.", indent=2)
    answering.say_receipts(console, given.receipts)


def _so_far(one: Mapping[str, Any]) -> str:
    approved = one["approved_by"]
    return f"; {words.listed(approved)} approved" if approved else ""


def _resource(one: Mapping[str, Any]) -> str:
    return "redacted" if one["redacted"] else answering.resource_of(one["action"])


def _state(one: Mapping[str, Any]) -> str:
    return "overdue" if one["overdue"] else words.ended(one["state"])


def _late(one: Mapping[str, Any]) -> str:
    """What the next run does about a question that nobody answered in time."""
    if not one["overdue"]:
        return ""
    if one["next"] is None:
        return "; it ends with the next run, and nothing is done"
    return f"; with the next run {words.listed(one['next']['from'], 'or')} will be asked"


def _end(one: Mapping[str, Any], zone: str) -> str:
    """Who ended a question, when and why."""
    ended = one["ended"]
    by = f" by {ended['person']}" if ended["person"] else ""
    why = f": {escape(words.told(ended['reason'], zone))}" if ended["reason"] else ""
    return f"{one['state']}{by}, {words.minute(ended['at'], zone)}{why}"


def _print(console: Console, one: Mapping[str, Any], at: str, zone: str) -> None:
    say(
        console, f"[bold]{escape(one['intervention'])}[/], {_resource(one)}  [yellow]{_state(one)}[/]", hang=2
    )
    say(console, escape(f"{one['proposed_by']}: {words.told(one['evidence'])}"), indent=2)
    impact = one["impact"]
    if impact:
        amount = impact["amount"]
        moved = f"{float(amount['amount']):,.0f} {amount['currency']} a day"
        say(console, f"It moves [bold]{impact['share']:.1%}[/] of the daily budget: {moved}.", indent=2)
    _alternatives(console, one)
    if one["reasons"]:
        console.print("[bold]Why you are asked[/]")
    for reason in one["reasons"]:
        if reason["outcome"] in ("hold", "escalate"):
            say(console, f"{reason['gate']}: {escape(words.told(reason['text']))}", indent=2, hang=4)
    if one["valid_until"] is not None:
        until = words.minute(one["valid_until"], zone)
        say(console, f"What was seen holds until {until}, by the days that are looked at.", indent=2)
    if one["state"] == "waiting":
        _who_answers(console, one, at, zone)
    else:
        _who_answered(console, one, zone)


def _who_answered(console: Console, one: Mapping[str, Any], zone: str) -> None:
    console.print("[bold]Who answered[/]")
    for vote in one["answers"]:
        why = f": {escape(vote['reason'])}" if vote["reason"] else ""
        said = f"{vote['person']} approved, {words.minute(vote['at'], zone)}{why}"
        say(console, said, indent=2, hang=4)
    if one["ended"] is not None and one["state"] != "approved":
        say(console, _end(one, zone), indent=2, hang=4)


def _who_answers(console: Console, one: Mapping[str, Any], at: str, zone: str) -> None:
    console.print("[bold]Who answers[/]")
    approved = words.listed(one["approved_by"]) or "nobody"
    say(
        console,
        f"{words.asked(one['from'], one['quorum'])}: {one['quorum']} must approve, so far {approved}; until "
        f"{words.minute(one['due_at'], zone)}. {_otherwise(one, zone)}.",
        indent=2,
    )
    if one["overdue"] and one["next"] is None:
        return
    missing = next((name for name in one["from"] if name not in one["approved_by"]), one["from"][0])
    # Nobody can say yes to what nobody can see, nor after the deadline; a no counts until others are asked.
    yes = () if one["redacted"] or one["overdue"] else (("approve", ""),)
    for answer, why in (*yes, ("reject", " --reason '…'")):
        said = f"{options.command()} approvals {answer} {one['id']} --as {missing}{why}{at}"
        copyable(console, said, indent=4)


def _otherwise(one: Mapping[str, Any], zone: str) -> str:
    """What happens when nobody answers; the next ones have their time from the run that asks them."""
    following = one["next"]
    if one["overdue"]:
        return f"Nobody answered in time{_late(one)}"
    if following is None:
        return "If nobody answers, nothing is done"
    people = words.listed(following["from"], "or")
    until = words.minute(following["due_at"], zone)
    return f"If nobody answers, then {people} is asked, until {until} or later"


def _alternatives(console: Console, one: Mapping[str, Any]) -> None:
    table = columns(
        "alternative",
        "expected value",
        "range",
        "",
        right=("expected value", "range"),
        whole=("alternative", "expected value", "range"),
    )
    for option in one["options"]:
        value = option["expected_value"]
        asked = "← asked for" if option["intervention"] == one["intervention"] else ""
        table.add_row(
            escape(option["intervention"]),
            f"{words.amount(value['amount'])} {value['currency']}",
            words.between(option["low"]["amount"], option["high"]["amount"]),
            asked if option["permitted"] else escape(f"ruled out: {option['because']}"),
        )
    if one["options"]:
        console.print(Padding(table, (1, 0, 1, 2), expand=False))
