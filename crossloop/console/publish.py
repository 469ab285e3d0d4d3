"""``crossloop publish FILE|-``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from crossloop.console import options
from crossloop.console.output import Output
from crossloop.errors import SignalRefused, Where
from crossloop.loops.ready import ready_catalogue
from crossloop.signals import Signal
from crossloop.signals.cloudevents import from_batch, from_structured


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def publish(
        file: Annotated[str, typer.Argument(metavar="FILE|-", help="CloudEvents as JSON; - is stdin.")],
        store: options.Store = options.STORE,
        governance: options.Governance = None,
        json: options.Json = False,
    ) -> None:
        """Publish signals from outside: CloudEvents 1.0, one or a batch."""
        out = Output(json=json)
        signals = _signals(_read(file))
        with (
            options.company(store, governance, create=True) as company,
            out.working(f"publishing {len(signals)} signals"),
        ):
            published = company.publish(signals)
        if json:
            out.document(published.model_dump(mode="json"))
        else:
            out.people.print(f"{published.new} new of {len(signals)} signals")
            for one in published.decisions:
                out.people.print(f"  {one.department}: {one.intervention}, {one.verdict}")
        if published.waiting:
            raise typer.Exit(3)


def _signals(data: bytes) -> tuple[Signal, ...]:
    catalogue = ready_catalogue()
    if data.lstrip()[:1] == b"[":
        return from_batch(data, catalogue)
    return (from_structured(data, catalogue),)


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as wrong:
        raise SignalRefused(f"cannot be read: {wrong.strerror}.", where=Where(file)) from None
