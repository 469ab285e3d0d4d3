"""Fenced blocks of Markdown files, and the commands that console blocks show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(?P<indent>\s*)(?P<ticks>`{3,}|~{3,})\s*(?P<language>[\w-]*)")
_NOT_RUN = re.compile(r"^\s*<!--\s*not run:(?P<reason>.*?)-->\s*$")
_EXIT = re.compile(r"\s+#\s*exit (?P<code>\d+)\s*$")

SHELLS = {"console", "bash", "sh", "shell"}


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    file: Path
    line: int
    """Line of its first line of content."""

    language: str
    text: str
    not_run: str | None = None
    """The reason given above it for not running it; empty when the comment gives none."""

    def __str__(self) -> str:
        return f"{self.file.name}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a console block."""

    line: int
    text: str
    exit_code: int = 0
    """What it promises to end with: named in a trailing comment ``# exit 2``."""


def blocks(file: Path) -> list[Block]:
    """Return the fenced blocks of a Markdown file in their order.

    Raises:
        ValueError: a block is never closed.
    """
    found: list[Block] = []
    lines = file.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        opening = _FENCE.match(lines[number])
        number += 1
        if opening is None:
            continue
        first = number
        closing = re.compile(rf"^\s*{opening['ticks'][0]}{{{len(opening['ticks'])},}}\s*$")
        while number < len(lines) and not closing.match(lines[number]):
            number += 1
        if number == len(lines):
            raise ValueError(f"{file}:{first}: the block is never closed")
        indent = len(opening["indent"])
        text = "".join(f"{line[indent:]}\n" for line in lines[first:number])
        reason = _NOT_RUN.match(lines[first - 2]) if first >= 2 else None
        not_run = reason["reason"].strip() if reason else None
        found.append(Block(file, first + 1, opening["language"].lower(), text, not_run))
        number += 1
    return found


def commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a console block: lines that start with ``$``, continued by a backslash."""
    lines = block.text.splitlines()
    number = 0
    while number < len(lines):
        line, started = lines[number], number
        number += 1
        if not line.startswith("$ "):
            continue
        text = line[2:]
        while text.endswith("\\") and number < len(lines):
            text = text[:-1] + lines[number].removeprefix(">").strip()
            number += 1
        promised = _EXIT.search(text)
        code = int(promised["code"]) if promised else 0
        yield Command(block.line + started, _EXIT.sub("", text).strip(), code)
