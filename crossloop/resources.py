"""Resources: what a request changes and a claim is about, as paths of segments. Pure.

Rules:

1. A resource is a path whose first segment is the system: ``ads/campaign/C1/geo/IN/KARNATAKA``.
2. A path covers what lies below it. Two resources overlap when they are equal or one covers the other.
3. A protected path is written below the system: ``campaign/brand`` protects ``ads/campaign/brand``,
   everything below it, and itself against whatever covers it from above (``ads/campaign``). ``*`` in it is
   any one segment.
4. An area is the part of a resource from ``geo`` on.
"""

from __future__ import annotations


def has_dots(path: str) -> bool:
    """True when a segment is ``.`` or ``..``: an adapter might resolve it elsewhere."""
    if "." not in path:
        return False
    segments = path.split("/")
    return "." in segments or ".." in segments


def covers(above: str, path: str) -> bool:
    """True when a path is the other one or lies below it."""
    return path == above or path.startswith(above + "/")


def overlap(one: str, other: str) -> bool:
    """True when the resources are equal or one covers the other (rule 2)."""
    return covers(one, other) or covers(other, one)


def touches_protected(protected: str, resource: str) -> bool:
    """True when a change of the resource may change the protected path (rule 3)."""
    below_system = resource.split("/")[1:]
    return all(wanted in ("*", got) for wanted, got in zip(protected.split("/"), below_system, strict=False))


def area_of(resource: str) -> str | None:
    """The area path inside a resource (``geo/IN/KARNATAKA``), or None when it names no area."""
    segments = resource.split("/")
    return "/".join(segments[segments.index("geo") :]) if "geo" in segments else None
