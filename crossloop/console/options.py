"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from crossloop.coordinator.facade import Coordinator
from crossloop.errors import InputError, SettingError, Where
from crossloop.loops.ready import DEFAULT_STORE, open_company

Store = Annotated[
    str, typer.Option("--store", envvar="CROSSLOOP_STORE", help="Where everything is remembered.")
]
Governance = Annotated[
    Path | None,
    typer.Option("--governance", help="The rules in force; without them nothing is ever executed."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Data = Annotated[
    list[str] | None,
    typer.Option("--data", help="[NAME=]FILE. Without a name it is the loop's primary input."),
]
Mapping = Annotated[
    Path | None, typer.Option("--mapping", help="How the file's columns become the common data model.")
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="YYYY-MM-DD", help="The day up to which facts are known.")
]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting.")]

STORE = DEFAULT_STORE


@contextmanager
def company(store: str, governance: Path | None = None, *, create: bool = False) -> Generator[Coordinator]:
    """Open the company and close it again."""
    opened = open_company(store, governance=governance, create=create)
    try:
        yield opened
    finally:
        opened.close()


def day(text: str | None) -> date | None:
    """Parse ``--as-of``."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"expected a day such as 2022-06-12, got {text!r}.", where=Where(field="--as-of")
        ) from None


def pairs(texts: Sequence[str] | None, option: str) -> dict[str, str]:
    """Parse repeated ``KEY=VALUE``."""
    found: dict[str, str] = {}
    for text in texts or ():
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise SettingError(f"expected KEY=VALUE, got {text!r}.", where=Where(field=option))
        if key in found:
            raise SettingError(f"'{key}' is given twice.", where=Where(field=option))
        found[key] = value
    return found


def inputs(texts: Sequence[str] | None) -> tuple[Path | None, dict[str, Path]]:
    """Parse repeated ``[NAME=]FILE``: the primary input and the others by name."""
    primary: Path | None = None
    others: dict[str, Path] = {}
    for text in texts or ():
        name, sign, file = text.partition("=")
        named = bool(sign) and name.isidentifier() and not Path(text).exists()
        if named and name in others:
            raise InputError(f"the input '{name}' is given twice.", where=Where(field="--data"))
        if named:
            others[name] = Path(file)
        elif primary is not None:
            raise InputError(
                f"two primary inputs are given: {primary} and {text}.",
                where=Where(field="--data"),
                next_step="Name the other one: --data campaigns=FILE",
            )
        else:
            primary = Path(text)
    return primary, others
