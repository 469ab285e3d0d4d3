"""Where output goes: people read stderr or stdout, programs read one JSON document on stdout."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from crossloop.errors import CrossloopError, InputError


class Output:
    """Output of one command."""

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self.people = Console(stderr=json, highlight=False, soft_wrap=False)
        """Tables and stories: on stdout, unless that belongs to a program."""

        self.aside = Console(stderr=True, highlight=False)
        """Progress and errors."""

    def document(self, value: Mapping[str, Any] | list[Any]) -> None:
        """Print the one JSON document of this command."""
        data = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
        sys.stdout.write(data.decode() + "\n")

    @contextmanager
    def working(self, what: str) -> Generator[None]:
        """Show that something is under way, on stderr."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self.aside, transient=True) as progress:
            progress.add_task(what, total=None)
            yield

    def error(self, error: CrossloopError) -> None:
        """Say what went wrong and what to do next."""
        place = f"{error.where}: " if isinstance(error, InputError) and str(error.where) else ""
        self.aside.print(f"[bold red]error[/] [dim]{error.code}[/]  ", end="")
        self.aside.print(f"{place}{error.message}", markup=False, soft_wrap=True)
        if error.next_step:
            self.aside.print(f"  next: {error.next_step}", markup=False, soft_wrap=True)
        if self.json:
            self.document(
                {"error": {"code": error.code, "message": str(error), "next_step": error.next_step}}
            )
