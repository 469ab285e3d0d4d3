"""Strict YAML: scalars stay text, duplicate keys are refused, every value knows its line.

Plain YAML reads ``12:30`` as 750, the pin code ``011001`` as 4609 and ``NO`` as false. Here a scalar is
the text that was written; a typed field parses it later. Anchors, aliases, tags and several documents
in one file are refused: they make a signed text say something else than it shows. So is deep nesting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from pydantic import BaseModel, ValidationError

from crossloop.errors import InputError, Where

Text = None | str | list["Text"] | dict[str, "Text"]
Location = tuple[str | int, ...]
ModelT = TypeVar("ModelT", bound=BaseModel)
# The stubs of PyYAML leave these two untyped.
_parse = cast("Callable[..., Iterator[Any]]", yaml.parse)  # pyright: ignore[reportUnknownMemberType]
_compose = cast("Callable[..., object]", yaml.compose)  # pyright: ignore[reportUnknownMemberType]
_MAX_BYTES = 4 * 1024 * 1024
_MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class Located:
    """A parsed document: the values as text, and the line on which each stands."""

    file: Path
    value: Text
    lines: dict[Location, int]
    text: str
    """The text that was parsed, without a byte order mark."""

    def where(self, path: Location) -> Where:
        """Return file, line and dotted field of a path, or of its nearest parent that exists."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        field = ".".join(str(part) for part in path) or None
        return Where(file=self.file, line=self.lines.get(known), field=field)


def load(file: Path, *, error: type[InputError] = InputError) -> Located:
    """Read one YAML file.

    Args:
        file: the path; at most 4 MiB of UTF-8.
        error: the class of error to raise, so that callers keep their own code.

    Raises:
        InputError: missing, unreadable, empty or malformed file, duplicate key, anchor, alias or tag.
    """
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise error("there is no such file.", where=Where(file), next_step="Check the path.") from None
    except OSError as wrong:
        raise error(f"cannot be read: {wrong.strerror}.", where=Where(file)) from wrong
    if len(data) > _MAX_BYTES:
        raise error(f"has {len(data)} bytes; at most {_MAX_BYTES} are read.", where=Where(file))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = data[: wrong.start].count(b"\n") + 1
        raise error("is not UTF-8 text.", where=Where(file, line)) from None
    return loads(text, file=file, error=error)


def loads(text: str, *, file: Path, error: type[InputError] = InputError) -> Located:
    """Parse YAML text; ``file`` is only used in messages."""
    try:
        _refuse_early(text, file, error)
        node = cast("yaml.Node | None", _compose(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        line = mark.line + 1 if mark is not None else None
        problem = getattr(wrong, "problem", None) or str(wrong)
        raise error(f"is not valid YAML: {problem}.", where=Where(file, line)) from None
    if node is None:
        raise error("is empty.", where=Where(file), next_step="Start from one of the examples.")
    lines: dict[Location, int] = {}
    value = _value(node, (), lines, file, error)
    return Located(file=file, value=value, lines=lines, text=text)


def _refuse_early(text: str, file: Path, error: type[InputError]) -> None:
    depth = 0
    for event in _parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        # Here, before anything is built: the time PyYAML takes grows with the square of the depth.
        if depth > _MAX_DEPTH:
            raise error(f"is nested more than {_MAX_DEPTH} levels deep.", where=Where(file, line))
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise error(
                "anchors and aliases are not allowed.",
                where=Where(file, line),
                next_step="Write the value out.",
            )
        if getattr(event, "tag", None):
            raise error("tags are not allowed.", where=Where(file, line))


def _value(
    node: yaml.Node, path: Location, lines: dict[Location, int], file: Path, error: type[InputError]
) -> Text:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.ScalarNode):
        plain_null = node.style is None and node.value in ("", "~", "null")
        return None if plain_null else str(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, i), lines, file, error) for i, item in enumerate(node.value)]
    assert isinstance(node, yaml.MappingNode)
    members: dict[str, Text] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise error("a key must be plain text.", where=Where(file, line))
        key = str(key_node.value)
        if key in members:
            first = lines[(*path, key)]
            raise error(
                f"the key '{key}' stands twice, first on line {first}.",
                where=Where(file, line, ".".join(str(part) for part in (*path, key))),
                next_step="Keep one of them.",
            )
        lines[(*path, key)] = line
        members[key] = _value(value_node, (*path, key), lines, file, error)
    return members


def validate(document: Located, model: type[ModelT], *, error: type[InputError] = InputError) -> ModelT:
    """Turn a parsed document into a model, or raise with the file, line and field of the first mistake."""
    try:
        return model.model_validate(document.value)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        more = wrong.error_count() - 1
        path = tuple(part for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        got = first.get("input")
        shown = f" (got {got!r})" if isinstance(got, str) else ""
        extra = f" {more} more after this one." if more else ""
        raise error(f"{message}{shown}.{extra}", where=document.where(path)) from None
