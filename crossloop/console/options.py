"""Options that several commands share, and how their text is read.

This module is loaded by every command, ``--help`` included: what it needs from the rest of the project is
imported where it is used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Annotated

import typer

from crossloop.console.own_company import Own
from crossloop.errors import InputError, SettingError, Where
from crossloop.loops import DEFAULT_STORE

if TYPE_CHECKING:
    from crossloop.coordinator import Coordinator, Inputs
    from crossloop.store import Store as OpenStore

STORE = DEFAULT_STORE
_YEARS = range(1970, 2200)
Store = Annotated[
    str,
    typer.Option(
        "--store", envvar="CROSSLOOP_STORE", metavar="URL", help="Where everything is remembered: a file."
    ),
]
Governance = Annotated[
    Path | None,
    typer.Option(
        "--governance",
        metavar="FILE",
        help="The rules in force (YAML); the store keeps them. Without any, nothing is ever executed.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
LoopName = Annotated[str, typer.Argument(metavar="LOOP", help="The loop's name; see `crossloop loops`.")]
Data = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="[NAME=]FILE",
        help="What to look at: .csv, .csv.gz or .parquet. Without a name it is the loop's primary input; "
        "campaigns=FILE names the campaigns. Without any, the made-up company's own data.",
    ),
]
Mapping = Annotated[
    Path | None,
    typer.Option(
        "--mapping",
        metavar="FILE",
        help="How the columns of the primary input become the common data model (YAML). Without it the "
        "columns must be named as in examples/mappings/canonical.yaml.",
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="YYYY-MM-DD",
        help="The day up to which facts are known; the last day of the data without it.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A setting of the loop, such as threshold=0.10; may be repeated. An unknown one lists them.",
    ),
]


@dataclass(frozen=True, slots=True)
class Looking:
    """What ``run`` and ``backtest`` are told alike."""

    loop: str
    inputs: Inputs
    as_of: date | None
    settings: dict[str, str]
    """Chosen settings as text."""

    store: str
    governance: Path | None
    own: str | None
    """A company of one's own; the ready-made one when None."""

    json: bool


def looking(command: Callable[[Looking], None]) -> Callable[..., None]:
    """Make a command that takes the options of ``run`` and ``backtest``."""

    def called(
        loop: LoopName,
        data: Data = None,
        mapping: Mapping = None,
        as_of: AsOf = None,
        set_: Settings = None,
        store: Store = STORE,
        governance: Governance = None,
        own: Own = None,
        json: Json = False,
    ) -> None:
        chosen = pairs(set_, "--set")
        command(Looking(loop, inputs(data, mapping), day(as_of), chosen, store, governance, own, json))

    called.__name__, called.__doc__ = command.__name__, command.__doc__
    return called


@contextmanager
def company(
    store: str, governance: Path | None = None, *, own: str | None = None, create: bool = False
) -> Generator[Coordinator]:
    """Open a company of one's own, or the ready-made one, and close it again."""
    from crossloop.console.own_company import load
    from crossloop.loops.ready import open_company

    parts = None if own is None else load(own, store)
    opened = open_company(store, company=parts, governance=governance, create=create)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def existing_store(store: str) -> Generator[OpenStore]:
    """Open a store that exists, for commands that only read."""
    from crossloop.clock import SystemClock
    from crossloop.store import Store as Opening

    with Opening.open(store, clock=SystemClock(), create=False) as opened:
        yield opened


def day(text: str | None) -> date | None:
    """Read ``--as-of``."""
    if text is None:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.year not in _YEARS:
        raise InputError(
            f"expected a day of the years {_YEARS[0]} to {_YEARS[-1]}, got {text!r}.",
            where=Where(field="--as-of"),
            next_step="Write it as 2022-06-12.",
        )
    return found


def pairs(texts: Sequence[str] | None, option: str) -> dict[str, str]:
    """Read repeated ``KEY=VALUE``."""
    found: dict[str, str] = {}
    for text in texts or ():
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise SettingError(
                f"expected KEY=VALUE, got {text!r}.",
                where=Where(field=option),
                next_step=f"Write it as {option} threshold=0.10",
            )
        if key in found:
            raise SettingError(
                f"'{key}' is given twice.", where=Where(field=option), next_step="Leave one of them out."
            )
        found[key] = value
    return found


def inputs(texts: Sequence[str] | None, mapping: Path | None) -> Inputs:
    """Read repeated ``[NAME=]FILE``: the primary input and the others by name."""
    from crossloop.coordinator import Inputs

    primary: Path | None = None
    others: dict[str, Path] = {}
    for text in texts or ():
        name, sign, file = text.partition("=")
        named = bool(sign) and name.isidentifier() and not Path(text).exists()
        if named and name in others:
            raise InputError(
                f"the input '{name}' is given twice.",
                where=Where(field="--data"),
                next_step="Leave one of them out.",
            )
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
    return Inputs(primary=primary, mapping=mapping, others=others)


def one_of(text: str | None, known: Sequence[str], option: str) -> None:
    """Refuse a word that is none of those known."""
    if text is not None and text not in known:
        raise InputError(
            f"expected one of {', '.join(known)}; got {text!r}.",
            where=Where(field=option),
            next_step="Leave it out to see all.",
        )


def command() -> str:
    """How this program was called, so that a command shown to a person can be typed as it stands."""
    called = Path(sys.argv[0])
    if which("crossloop") is not None:
        return "crossloop"
    if called.name == "__main__.py":
        return "python -m crossloop"
    return str(called) if called.name == "crossloop" else "crossloop"


def at(store: str, own: str | None = None) -> str:
    """What a further command needs to find the same store, and company: nothing where it is the default."""
    return ("" if store == STORE else f" --store {store}") + ("" if own is None else f" --company {own}")
