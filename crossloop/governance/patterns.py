"""Resource patterns: which resources a department owns or quarrels about.

Rules:

1. A resource is a path of segments. ``*`` stands for exactly one segment, ``**`` for one or more.
2. A pattern names exactly what it matches: ``ads/**`` is everything below ``ads``, not ``ads`` itself.
3. A resource with a ``.`` or ``..`` segment matches nothing: an adapter might resolve it elsewhere.

What paths of resources mean to each other stands in :mod:`crossloop.resources`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from crossloop.resources import has_dots

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


CONFLICT_KINDS: Final[Mapping[str, str]] = MappingProxyType({"ads/**/geo/**": "geography"})
"""By resource pattern: the kind of conflict that is detected there, first match first."""
