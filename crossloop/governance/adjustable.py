"""What may be chosen for one run although the document says otherwise. Pure, no I/O.

Rules:

1. A setting is adjustable within two numbers, both included, or among words: ``[0.08, 0.35]`` or
   ``[rto, ndr]``. A list of anything else is refused.
2. Where nothing that answers a loop's signals is above shadow, everything may be chosen: nothing is
   executed.
3. Anywhere else a choice that differs from what the document says, ``set`` or default, must be listed as
   adjustable and lie within. What only follows from a choice (a clearing threshold from the threshold) was
   not chosen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from crossloop.canonical import JSON
from crossloop.governance.policy import Policy


@dataclass(frozen=True, slots=True)
class NotAdjustable:
    """A choice that the document does not leave open."""

    name: str
    stated: JSON
    """What the document says, its ``set`` or the default."""

    chosen: JSON
    allowed: str
    """What may be chosen, in words; empty where nothing may."""


def may_act(policy: Policy, loop: str, signals: Collection[str]) -> bool:
    """True when the rules let something that answers this loop's signals be executed (rule 2)."""
    return any(
        policy.stage(one.owner, name) != "shadow"
        for name, one in policy.document.loops.items()
        if name == loop or one.signal in signals
    )


def not_adjustable(
    policy: Policy, loop: str, chosen: Collection[str], stated: Mapping[str, JSON], wanted: Mapping[str, JSON]
) -> NotAdjustable | None:
    """Return the first choice that the document does not leave open (rule 3).

    Args:
        chosen: names of the settings that were chosen.
        stated: every setting of the loop as the document has it.
        wanted: every setting of the loop with what was chosen.
    """
    governed = policy.document.loops.get(loop)
    open_to = governed.adjustable if governed is not None else {}
    for name in chosen:
        if _same(stated[name], wanted[name]):
            continue
        allowed = open_to.get(name, ())
        if not _within(wanted[name], allowed):
            return NotAdjustable(name, stated[name], wanted[name], _in_words(allowed))
    return None


def _in_words(allowed: tuple[str, ...]) -> str:
    """Say what may be chosen: ``0.08 to 0.35`` or ``rto or ndr``."""
    return (" to " if _is_range(allowed) else " or ").join(allowed)


def _is_range(allowed: tuple[str, ...]) -> bool:
    """True for two numbers, false for words."""
    return bool(allowed) and _number(allowed[0]) is not None


def _within(value: JSON, allowed: tuple[str, ...]) -> bool:
    if not _is_range(allowed):
        return value in allowed
    number = _number(value)
    return number is not None and Decimal(allowed[0]) <= number <= Decimal(allowed[1])


def _same(one: JSON, other: JSON) -> bool:
    """Money is text in JSON: ``180`` and ``180.00`` are the same."""
    number = _number(one)
    return one == other if number is None else number == _number(other)


def _number(value: JSON) -> Decimal | None:
    if value is None or isinstance(value, bool | dict | list):
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None
