"""Resource paths and id prefixes as ranges of text, so that an index answers instead of a scan.

A path's segments are separated by ``/``. The descendants of ``ads/C1`` are exactly the texts from
``ads/C1/`` up to, and without, ``ads/C10``: ``0`` is the character that follows ``/``. Text is compared
by code point, which is SQLite's default and the "C" collation elsewhere.
"""

from __future__ import annotations

_AFTER_SLASH = chr(ord("/") + 1)
_LAST = "\U0010ffff"


def ancestors(path: str) -> list[str]:
    """Return every proper ancestor, the root first: ``a/b/c`` gives ``a`` and ``a/b``."""
    segments = path.split("/")
    return ["/".join(segments[:depth]) for depth in range(1, len(segments))]


def below(path: str) -> tuple[str, str]:
    """Return the range (inclusive, exclusive) that holds exactly the proper descendants of a path."""
    return path + "/", path + _AFTER_SLASH


def prefixed(prefix: str) -> tuple[str, str]:
    """Return the range (inclusive, exclusive) that holds the texts beginning with a prefix."""
    return prefix, prefix + _LAST
