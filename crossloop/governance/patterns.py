"""Resource patterns: which resources a department owns, protects, or quarrels about.

Rules:

1. A resource is a path of segments. ``*`` stands for exactly one segment, ``**`` for one or more.
2. A pattern names exactly what it matches: ``ads/**`` is everything below ``ads``, not ``ads`` itself.
3. A resource with a ``.`` or ``..`` segment matches nothing: an adapter might resolve it elsewhere.
4. A protected path is written below the system: ``campaign/brand`` protects ``ads/campaign/brand``,
   everything below it, and itself against whatever covers it from above (``ads/campaign``).
5. Two resources overlap when they are equal or one covers the other from above.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import AfterValidator, Field

_SEGMENT = r"[A-Za-z0-9_.&()' -]+"
_WRITTEN = re.compile(rf"(?:{_SEGMENT}|\*\*|\*)(?:/(?:{_SEGMENT}|\*\*|\*))*")
_MAX_DEEP = 3  # each ** multiplies the work of matching


def _checked(text: str) -> str:
    if not _WRITTEN.fullmatch(text) or has_dots(text):
        raise ValueError("expected a resource pattern such as 'ads/**' or 'ads/campaign/*/budget'")
    if text.count("**") > _MAX_DEEP:
        raise ValueError(f"a resource pattern may have at most {_MAX_DEEP} '**'")
    return text


PatternText = Annotated[str, Field(max_length=300), AfterValidator(_checked)]
"""A resource pattern as a document writes it."""


def has_dots(path: str) -> bool:
    """True when a segment is ``.`` or ``..``."""
    return any(segment in (".", "..") for segment in path.split("/"))


@dataclass(frozen=True, slots=True)
class Pattern:
    """One compiled resource pattern."""

    text: str
    _expression: re.Pattern[str] = field(repr=False, compare=False)

    @classmethod
    def of(cls, text: str) -> Pattern:
        """Compile a pattern.

        Raises:
            ValueError: it is not written as a pattern.
        """
        parts = {"*": "[^/]+", "**": ".+"}
        body = "/".join(parts.get(segment, re.escape(segment)) for segment in _checked(text).split("/"))
        return cls(text=text, _expression=re.compile(body))

    def matches(self, resource: str) -> bool:
        """True when the pattern names this resource."""
        return self._expression.fullmatch(resource) is not None and not has_dots(resource)


def touches_protected(protected: str, resource: str) -> bool:
    """True when a change of the resource may change the protected path (rule 4)."""
    below_system = resource.split("/")[1:]
    return all(wanted in ("*", got) for wanted, got in zip(protected.split("/"), below_system, strict=False))


def overlap(one: str, other: str) -> bool:
    """True when the resources are equal or one covers the other (rule 5)."""
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


def area_of(resource: str) -> str | None:
    """The area path inside a resource (``geo/IN/KARNATAKA``), or None when it names no area."""
    segments = resource.split("/")
    return "/".join(segments[segments.index("geo") :]) if "geo" in segments else None


CONFLICT_KINDS: Final[Mapping[str, str]] = MappingProxyType({"ads/**/geo/**": "geography"})
"""By resource pattern: the kind of conflict that is detected there, first match first."""
