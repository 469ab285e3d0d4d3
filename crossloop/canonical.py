"""Canonical JSON and digests.

Rules, in the order the code applies them:

1. Object keys are ASCII strings, sorted by code point.
2. Money and quantities travel as decimal strings, never as floats.
3. Floats are finite and below 2**53 in magnitude; an integral float is written as an integer.
4. Text is UTF-8 without U+0000 and without lone surrogates (PostgreSQL and JSON peers choke on them).

Under these rules sorted ``orjson`` yields the bytes of RFC 8785 (JSON Canonicalization Scheme), but for
one range: it writes 0.000001 as ``1e-6`` where ECMAScript writes it out, so that range is written here.
A property test compares the two. A digest is SHA-256 over those bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final, cast

import orjson

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = [
    "JSON",
    "Canonical",
    "NotCanonical",
    "canonical_json",
    "digest",
    "digest_of",
    "to_json",
    "writable",
]

JSON = None | bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"]

_EXACT = 2**53
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


class NotCanonical(ValueError):
    """A value has no canonical form: the message names the path and the reason."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def _normal(value: object, path: str) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if "\x00" in value:
            raise NotCanonical(path, "U+0000 in text")
        if not value.isascii() and any("\ud800" <= ch <= "\udfff" for ch in value):
            raise NotCanonical(path, "lone surrogate in text")
        return value
    if isinstance(value, int):
        if not -_EXACT < value < _EXACT:
            raise NotCanonical(path, f"integer of {value.bit_length()} bits is not below 2**53")
        return value
    if isinstance(value, float):
        if not -_EXACT < value < _EXACT:  # also refuses NaN and the infinities
            raise NotCanonical(path, f"number {value} is not finite and below 2**53")
        if value.is_integer():
            return int(value)
        if 1e-6 <= abs(value) < 1e-5:
            return orjson.Fragment(format(Decimal(repr(float(value))), "f"))
        return float(value)  # a subclass such as numpy's has no JSON form of its own
    if isinstance(value, Mapping):
        members = cast("Mapping[object, object]", value)
        normal: dict[str, object] = {}
        for key, member in members.items():
            if not isinstance(key, str) or not key.isascii() or "\x00" in key:
                raise NotCanonical(path, f"key {key!r} is not ASCII text")
            normal[key] = _normal(member, f"{path}.{key}")
        return normal
    if isinstance(value, list | tuple):
        items = cast("Sequence[object]", value)
        return [_normal(item, f"{path}[{index}]") for index, item in enumerate(items)]
    if isinstance(value, Canonical):
        return value
    raise NotCanonical(path, f"{type(value).__name__} has no JSON form")


class Canonical:
    """A value that was brought into canonical form before; it may stand inside a larger one."""

    __slots__ = ("content",)

    def __init__(self, content: bytes) -> None:
        """Take what :func:`canonical_json` returned."""
        self.content = content


def canonical_json(value: object) -> bytes:
    """Return the canonical UTF-8 bytes of a JSON value.

    Nearly every value is plain: orjson writes it, and what it wrote shows whether a text or a key may not
    stand so. Whatever is in doubt is looked at piece by piece, and what is wrong is said with its path.

    Raises:
        NotCanonical: the value, or something inside it, has no canonical form.
    """
    ready = _plain(value)
    if ready is not _DOUBT:
        try:
            written = orjson.dumps(ready, default=_inside, option=_STRICTLY)
        except orjson.JSONEncodeError:
            pass  # an integer, a surrogate or a key that JSON does not have: said below
        else:
            # A backslash before "u0000" looks like U+0000 here; that is told apart below, too.
            if _NUL not in written and (written.isascii() or _ascii_keys(ready)):
                return written
    return orjson.dumps(_normal(value, "$"), default=_inside, option=orjson.OPT_SORT_KEYS)


def _inside(value: object) -> orjson.Fragment:
    """A part that is canonical already. orjson asks about it, and about nothing else that is plain."""
    assert isinstance(value, Canonical), f"{type(value).__name__} has no JSON form"
    return orjson.Fragment(value.content)


_STRICTLY: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_NUL: Final = b"\\u0000"
_PLAIN: Final = frozenset({str, int, bool, type(None), Canonical})
"""Types of which orjson itself refuses, or visibly writes, what has no canonical form."""

_all_plain: Final = _PLAIN.issuperset

_DOUBT: Final = object()
"""Stands for a value that is not plain."""


def _plain(value: object) -> object:
    """Return what orjson writes in canonical form but for texts and keys: nearly always the value itself.

    Whatever is not certain is in doubt: :func:`_normal` looks at it and says what is wrong.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict:
        return _plain_members(cast("dict[object, object]", value))
    if kind is list:
        return _plain_items(cast("list[object]", value))
    if kind is float:
        number = cast("float", value)
        if not -_EXACT < number < _EXACT:  # NaN, too
            return _DOUBT
        if number.is_integer():
            return int(number)
        return value if abs(number) >= 1e-5 else _DOUBT
    return _DOUBT


def _plain_items(items: list[object]) -> object:
    if _all_plain(map(type, items)):
        return items
    ready: list[object] = []
    for item in items:
        # A list of records is the usual one: a call for each would take as long as the look.
        plain = type(item) is dict and _all_plain(map(type, cast("dict[object, object]", item).values()))
        ready.append(cast("object", item) if plain else _plain(cast("object", item)))
    return _DOUBT if _DOUBT in ready else ready


def _plain_members(members: dict[object, object]) -> object:
    if _all_plain(map(type, members.values())):
        return members
    rewritten: dict[object, object] | None = None
    for key, member in members.items():
        if type(member) in _PLAIN:
            continue
        ready = _plain(member)
        if ready is not member:
            if ready is _DOUBT:
                return _DOUBT
            rewritten = rewritten or dict(members)
            rewritten[key] = ready
    return members if rewritten is None else rewritten


def _ascii_keys(value: object) -> bool:
    """True when every key of a plain value is ASCII; a part that is canonical already has no others."""
    if type(value) is dict:
        members = cast("dict[str, object]", value)
        return all(key.isascii() and _ascii_keys(member) for key, member in members.items())
    return type(value) is not list or all(map(_ascii_keys, cast("list[object]", value)))


def digest(value: object) -> str:
    """Return the lowercase hexadecimal SHA-256 of the canonical form (64 characters)."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def to_json(model: BaseModel) -> dict[str, JSON]:
    """Return a model as JSON values (decimals and times as text)."""
    return cast("dict[str, JSON]", model.model_dump(mode="json"))


def digest_of(model: BaseModel) -> str:
    """Return the digest of a frozen model."""
    return digest(to_json(model))


def writable(text: str) -> str:
    """Return text that came from outside with everything that rule 4 refuses replaced by U+FFFD."""
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
