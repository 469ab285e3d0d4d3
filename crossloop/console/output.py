"""Where output goes: people read stderr or stdout, programs read one JSON document on stdout.

Rules:

1. With ``--json`` stdout carries one JSON document and nothing else; everything for people is on stderr.
2. Nothing that a person may want to copy (ids, commands) is ever wrapped or cut; prose is wrapped at the
   width of the terminal, or at 80 columns where there is none, and hangs under its first word.
3. An error is one message: where, what, and the next step.
4. Text is printed as it is: no word between colons becomes a picture, and a character that would do something
   to the terminal is written out (:mod:`crossloop.printable`).
"""

from __future__ import annotations

import json as plain_json
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from crossloop.errors import (
    CrossloopError,
    DataFileError,
    GovernanceDocumentError,
    InputError,
    MappingError,
    SettingError,
    SignalRefused,
)
from crossloop.printable import visible, visible_json

if TYPE_CHECKING:
    from rich.table import Table

_NARROWEST = 40
_NEXT_STEP = {
    DataFileError.code: "Export the file again, or hand over another one.",
    MappingError.code: "Mend the mapping there; examples/mappings shows and explains the form.",
    GovernanceDocumentError.code: "Mend the document there; examples/governance shows and explains the form.",
    SettingError.code: "Give another value with --set KEY=VALUE.",
    SignalRefused.code: "Mend it there and publish again; nothing of it was admitted.",
}
"""What to do about an error that does not say so itself."""


class _AsItIs(Console):
    """A console of which only crossloop's own styles and bars send control characters (rule 4)."""

    def __init__(self, *, stderr: bool) -> None:
        super().__init__(stderr=stderr, highlight=False, soft_wrap=False, emoji=False)

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(visible(text), **how)  # before it is measured

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for one in super().render(renderable, options):
            yield one if one.control else Segment(visible(one.text), one.style)


class Output:
    """Output of one command."""

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self.people: Console = _AsItIs(stderr=json)
        """Tables and stories: on stdout, unless that belongs to a program."""

        self.aside: Console = _AsItIs(stderr=True)
        """Progress and errors."""

    def document(self, value: Mapping[str, Any] | list[Any]) -> None:
        """Print the one JSON document of this command."""
        said = plain_json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
        sys.stdout.write(visible_json(said) + "\n")

    @contextmanager
    def working(self, what: str) -> Generator[None]:
        """Show that something is under way, on stderr."""
        if not self.aside.is_terminal:  # a log wants messages, not the traces of a spinner
            yield
            return
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self.aside, transient=True) as progress:
            progress.add_task(what, total=None)
            yield

    def error(self, error: CrossloopError) -> None:
        """Say what went wrong and what to do next."""
        where = error.where if isinstance(error, InputError) else None
        place = str(where) if where is not None else ""
        next_step = error.next_step or _NEXT_STEP.get(error.code, "")
        self.problem(error.code, f"{place}: {error.message}" if place else error.message, next_step)
        if self.json:
            said: dict[str, object] = {"code": error.code, "message": error.message}
            if where is not None:
                file = None if where.file is None else str(where.file)
                said |= {"file": file, "line": where.line, "field": where.field}
            self.document({"error": {**said, "next_step": next_step}})

    def problem(self, code: str, message: str, next_step: str) -> None:
        """Say on stderr, in one or two lines, what is wrong."""
        self.aside.print(f"[bold red]error[/] [dim]{code}[/]  ", end="", soft_wrap=True)
        self.aside.print(message, markup=False, soft_wrap=True)
        if next_step:
            self.aside.print(f"  next: {next_step}", markup=False, soft_wrap=True)


def say(console: Console, markup: str, *, indent: int = 0, hang: int | None = None) -> None:
    """Print prose, wrapped between words and indented; further lines hang ``hang`` columns in."""
    rest = Text.from_markup(visible(markup), emoji=False)
    margin, further = indent, indent if hang is None else hang
    while rest.plain:
        line = rest.wrap(console, max(_NARROWEST, console.width - margin))[0]
        taken = len(line.plain)
        line.rstrip()
        console.print(Text(" " * margin) + line, soft_wrap=True)
        rest, margin = rest[taken:], further
        rest = rest[len(rest.plain) - len(rest.plain.lstrip()) :]


def copyable(console: Console, text: str, *, indent: int = 2) -> None:
    """Print a command or an id on one line, however long it is."""
    console.print(" " * indent + text, soft_wrap=True, markup=False)


def title(console: Console, text: str, aside: str = "") -> None:
    """Print the heading of a section, with a remark where there is one."""
    say(console, f"[bold]{text}[/]" + (f"  [dim]{aside}[/]" if aside else ""), hang=2)


def columns(*titles: str, right: tuple[str, ...] = (), whole: tuple[str, ...] = ()) -> Table:
    """Return an empty table without lines.

    Args:
        titles: of its columns.
        right: those whose cells stand on the right.
        whole: those whose cells are never wrapped.
    """
    from rich.table import Table

    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    for one in titles:
        table.add_column(
            one,
            justify="right" if one in right else "left",
            no_wrap=one in whole,
            overflow="fold",
        )
    return table
