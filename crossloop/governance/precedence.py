"""Conflicts between claims, and whose interest goes first.

Rules:

1. Two claims conflict when their resources overlap, their windows overlap, their interests differ, and
   their directions are not compatible.
2. ``increase`` agrees with ``increase``. ``decrease`` and ``exclude`` go the same way and agree.
   ``hold`` agrees only with ``hold``. Everything else conflicts.
3. The kind of a conflict is that of the narrower resource, by the table of patterns; without an entry it
   is ``other``.
4. The interest that stands first in the document's order for that kind wins. Where the document has no
   order for the kind, or the order leaves an interest out, nobody wins: a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from crossloop.governance.patterns import CONFLICT_KINDS, Pattern
from crossloop.governance.policy import Policy
from crossloop.governance.state import Resolution
from crossloop.resources import overlap
from crossloop.signals import Claim
from crossloop.signals.proposal import Direction

OTHER: Final = "other"
"""A conflict of no declared kind: no order can be given for it."""

_KINDS: Final = tuple((Pattern.of(text), kind) for text, kind in CONFLICT_KINDS.items())
_SAME_WAY: Final[tuple[frozenset[Direction], ...]] = (
    frozenset({"increase"}),
    frozenset({"decrease", "exclude"}),
    frozenset({"hold"}),
)


def compatible(one: Direction, other: Direction) -> bool:
    """True when both directions can be followed at once."""
    return any(one in way and other in way for way in _SAME_WAY)


def in_conflict(one: Claim, other: Claim) -> bool:
    """True when both claims cannot stand together (rule 1)."""
    return (
        one.interest != other.interest
        and not compatible(one.direction, other.direction)
        and one.starts < other.ends
        and other.starts < one.ends
        and overlap(one.resource, other.resource)
    )


def conflict_kind(one: str, other: str) -> str:
    """The kind of a conflict over two overlapping resources (rule 3)."""
    narrower = max(one, other, key=len)
    return next((kind for pattern, kind in _KINDS if pattern.matches(narrower)), OTHER)


def resolve(kind: str, interests: Iterable[str], policy: Policy) -> Resolution:
    """Say whose interest goes first in a conflict of this kind (rule 4).

    Args:
        kind: as :func:`conflict_kind` gives it.
        interests: departments whose interests meet; order and repetition do not matter.
        policy: the policy in force.
    """
    meeting = tuple(sorted(set(interests)))
    entry = next((one for one in policy.document.precedence if one.conflict == kind), None)
    if entry is None:
        return Resolution(kind, meeting, None, f"the document has no order for conflicts over {kind}")
    left_out = [name for name in meeting if name not in entry.order]
    if left_out or not meeting:
        names = ", ".join(left_out) or "any interest"
        return Resolution(kind, meeting, None, f"the order for {kind} leaves out {names}")
    winner = min(meeting, key=entry.order.index)
    return Resolution(kind, meeting, winner, f"order for {kind}: {' before '.join(entry.order)}")
