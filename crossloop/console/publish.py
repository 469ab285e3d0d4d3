"""``crossloop publish FILE|-``."""

from __future__ import annotations

import sys
from codecs import BOM_UTF8
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from crossloop.console import options, words
from crossloop.console.output import Output, copyable, say
from crossloop.console.own_company import Own
from crossloop.errors import SignalRefused, Where

if TYPE_CHECKING:
    from crossloop.coordinator import PublishReport
    from crossloop.signals import Catalogue, Signal


_EXPECTED = "Give one CloudEvent in JSON, or a list of them: [event, event]."


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def publish(
        file: Annotated[
            str, typer.Argument(metavar="FILE|-", help="CloudEvents as JSON: one, or a list; - is stdin.")
        ],
        store: options.Store = options.STORE,
        governance: options.Governance = None,
        own: Own = None,
        json: options.Json = False,
    ) -> None:
        """Publish signals from outside: CloudEvents 1.0 in JSON, one event or a batch.

        Each is checked against its type before anything is written, and then brought to its end as if a
        loop had said it. One that the store knows already is not repeated. It ends with 3 while something
        waits for a person.
        """
        out = Output(json=json)
        data = _read(file)
        with options.company(store, governance, own=own, create=True) as company:
            signals = _signals(data, file, company.company.catalogue)
            with out.working(f"publishing {len(signals)} signals"):
                published = company.publish(signals)
        if json:
            out.document(published.model_dump(mode="json"))
        else:
            _say(out, published, len(signals), company.policy.document.timezone, options.at(store, own))
        if published.waiting or published.incidents:
            raise typer.Exit(3)


def _say(out: Output, published: PublishReport, given: int, zone: str, at: str) -> None:
    known = given - published.new
    already = f"; {words.counted(known, 'signal')} known already" if known else ""
    say(out.people, f"{words.counted(published.new, 'new signal')}{already}")
    for one in published.decisions:
        say(
            out.people,
            f"{one.department}: [bold]{one.intervention}[/], {one.verdict}: {words.plain(one.rationale)}",
            indent=2,
            hang=4,
        )
    for one in published.receipts:
        say(out.people, f"{one.outcome}: {words.plain(one.detail)}", indent=2, hang=4)
    for one in published.incidents:
        people, because = words.listed(one.people, "or"), escape(words.told(one.because))
        say(out.people, f"[red]●[/] {one.intervention}: {people} has to look: {because}", indent=2, hang=4)
        said = f"{options.command()} incidents show {one.incident_id}{at}"
        copyable(out.people, said, indent=4)
    for one in published.parked:
        people = words.listed(one.people)
        say(out.people, f"[yellow]●[/] parked for {people}: {escape(one.reason)}", indent=2, hang=4)
    for one in published.expired:
        say(out.people, f"[dim]●[/] expired: {escape(words.told(one.reason))}", indent=2, hang=4)
    for one in published.waiting:
        people = f"{words.asked(one.people, one.quorum)}, until {words.minute(one.due, zone)}"
        say(out.people, f"[yellow]●[/] {one.action} waits for {people}", indent=2, hang=4)
        copyable(out.people, f"{options.command()} approvals show {one.approval_id}{at}", indent=4)


def _signals(data: bytes, file: str, catalogue: Catalogue) -> tuple[Signal, ...]:
    """The events of a document, of which there is at least one, of the types that the company knows."""
    from crossloop.signals.cloudevents import MAX_BATCH_BYTES, from_batch, from_structured

    text = data.removeprefix(BOM_UTF8).strip()
    try:
        if len(data) > MAX_BATCH_BYTES:
            raise SignalRefused(f"has more than {MAX_BATCH_BYTES} bytes.", next_step="Publish it in parts.")
        if text[:1] != b"[" and text:
            return (from_structured(data, catalogue),)
        signals = from_batch(data, catalogue) if text else ()
        if not signals:
            raise SignalRefused("holds no event: there is nothing to publish.")
        return signals
    except SignalRefused as refused:
        where = Where(_named(file), refused.where.line, refused.where.field)
        raise SignalRefused(refused.message, where=where, next_step=refused.next_step or _EXPECTED) from None


def _named(file: str) -> str:
    return "stdin" if file == "-" else file


def _read(file: str) -> bytes:
    """The bytes of a document, and no more of a larger one than shows that it is too large."""
    from crossloop.signals.cloudevents import MAX_BATCH_BYTES

    if file == "-":
        return sys.stdin.buffer.read(MAX_BATCH_BYTES + 1)
    try:
        with Path(file).open("rb") as opened:
            return opened.read(MAX_BATCH_BYTES + 1)
    except OSError as wrong:
        raise SignalRefused(
            f"cannot be read: {wrong.strerror}.", where=Where(file), next_step="Check the path."
        ) from None
