"""Strict JSON: what cannot be kept exactly is refused where it comes in, with its path.

Rules, in the order the code applies them:

1. The size is looked at before anything else.
2. The bytes are UTF-8 (a byte order mark is allowed) and one JSON value.
3. Nesting ends at ``MAX_DEPTH``.
4. No object says a key twice: readers disagree which one counts.
5. No NaN, no infinity, no number of 2**53 or more: readers round them differently.
6. Text and keys hold neither U+0000 nor lone surrogates; keys are ASCII (see ``crossloop.canonical``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Final, cast

from crossloop.canonical import JSON
from crossloop.errors import InputError, Where

MAX_BYTES: Final = 1024 * 1024
"""Default limit: 1 MiB, far above any honest signal."""

MAX_DEPTH: Final = 32
"""Objects and arrays within each other; the deepest known document uses 7."""

_EXACT: Final = 2**53
_SHOWN: Final = 60


class _Doubled(dict[str, object]):
    """An object that says ``key`` twice; found by the walk, which knows the path."""

    key = ""


class _NotANumber:
    """A literal that Python's parser knows and JSON does not, or a number too long to keep."""

    def __init__(self, text: str) -> None:
        self.text = text


def loads(data: bytes, *, max_bytes: int = MAX_BYTES, error: type[InputError] = InputError) -> JSON:
    """Parse one JSON document.

    Args:
        data: the bytes as they came in.
        max_bytes: the largest size that is read.
        error: the class of error to raise, so that callers keep their own code.

    Raises:
        InputError: a rule above is broken; ``where.field`` is the JSON path, such as ``data.areas[0]``,
            ``where.line`` the line of a syntax error.
    """
    if len(data) > max_bytes:
        raise error(f"has {len(data)} bytes; at most {max_bytes} are read.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise error(f"is not UTF-8 text: byte {wrong.start} is 0x{data[wrong.start]:02x}.") from None
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as wrong:
        where = Where(line=wrong.lineno)
        raise error(f"is not JSON: {wrong.msg} (column {wrong.colno}).", where=where) from None
    except RecursionError:
        raise _too_deep("", error) from None
    _check(value, "", 0, error)
    return cast("JSON", value)


def shown(text: str, limit: int = 300) -> str:
    """Shorten text that came from outside, so that a message stays a message."""
    return text if len(text) <= limit else f"{text[:limit]}…"


def member(path: str, key: str) -> str:
    """The path of a member of the object at ``path``."""
    key = shown(ascii(key)[1:-1], _SHOWN)
    return f"{path}.{key}" if path else key


def dotted(parts: Iterable[str | int]) -> str:
    """Write a path of keys and indices as ``data.areas[0].level``."""
    path = ""
    for part in parts:
        path = f"{path}[{part}]" if isinstance(part, int) else member(path, part)
    return path


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    counts = Counter(key for key, _ in pairs)
    doubled = _Doubled(members)
    doubled.key = next(key for key, count in counts.items() if count > 1)
    return doubled


def _integer(text: str) -> int | _NotANumber:
    # Python refuses to parse more than 4300 digits, with an error that knows no path.
    return int(text) if len(text) <= 17 else _NotANumber(text)


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_NotANumber, parse_int=_integer)


def _too_deep(path: str, error: type[InputError]) -> InputError:
    return error(f"is nested more than {MAX_DEPTH} levels deep.", where=Where(field=path or None))


def _check(value: object, path: str, depth: int, error: type[InputError]) -> None:
    """Walk the value, counting levels, so that every refusal names its path."""
    if isinstance(value, str):
        _check_text(value, path, error)
    elif isinstance(value, dict):
        if depth == MAX_DEPTH:
            raise _too_deep(path, error)
        if isinstance(value, _Doubled):
            where = Where(field=member(path, value.key))
            raise error("the key stands twice in one object.", where=where, next_step="Keep one of them.")
        for key, inner in cast("dict[str, object]", value).items():
            below = member(path, key)
            if not key.isascii() or "\x00" in key:
                raise error("a key must be ASCII text without U+0000.", where=Where(field=below))
            _check(inner, below, depth + 1, error)
    elif isinstance(value, list):
        if depth == MAX_DEPTH:
            raise _too_deep(path, error)
        for index, inner in enumerate(cast("list[object]", value)):
            _check(inner, f"{path}[{index}]", depth + 1, error)
    elif isinstance(value, _NotANumber):
        raise error(f"{shown(value.text, _SHOWN)} is not a number JSON can keep.", where=Where(field=path))
    elif isinstance(value, int | float) and not -_EXACT < value < _EXACT:
        raise error(f"{value} is not finite and below 2**53; write it as text.", where=Where(field=path))


def _check_text(text: str, path: str, error: type[InputError]) -> None:
    if "\x00" in text:
        raise error("U+0000 is not allowed in text.", where=Where(field=path or None))
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise error("a lone surrogate is not allowed in text.", where=Where(field=path or None))
