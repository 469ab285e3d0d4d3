"""Identifiers. Each kind is its own type, so that a checker refuses to swap them.

An id is either given by the company (departments, loops, people) or derived from what it names, so
that saying the same thing twice yields the same id and nothing has to be drawn at random.
"""

from __future__ import annotations

import hashlib
from typing import Final, NewType

SignalId = NewType("SignalId", str)
"""``sig_`` and 26 base-32 characters, derived from type, source and deduplication key."""

CaseId = NewType("CaseId", str)
"""One case is everything that followed from one fact: the CloudEvents ``correlationid``."""

DecisionId = NewType("DecisionId", str)
"""``dec_`` and 26 characters: the proposal of one department for one signal at one step."""

ActionKey = NewType("ActionKey", str)
"""``act_`` and 26 characters, derived from (signal, department, step) and never from content."""

ApprovalId = NewType("ApprovalId", str)
"""``apr_`` and 26 characters, derived from the decision that is held."""

IncidentId = NewType("IncidentId", str)
"""``inc_`` and 26 characters, derived from the action that somebody has to look into, and why."""

DepartmentName = NewType("DepartmentName", str)
LoopName = NewType("LoopName", str)
PersonId = NewType("PersonId", str)
Resource = NewType("Resource", str)
"""A path such as ``ads/campaign/C1/geo/IN/KARNATAKA/560``; a parent covers all below it."""


_KINDS: Final = ("sig", "case", "dec", "act", "apr", "inc")
_ENOUGH: Final = 4
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
"""Base 32 of RFC 4648, in lower case."""

_PAIRS: Final = tuple(one + other for one in _ALPHABET for other in _ALPHABET)
"""Two characters for each ten bits: the standard library's encoder takes as long as the hash."""


_SHIFTS: Final = range(120, -1, -10)


def begins_one(text: str) -> bool:
    """True when a person who gives only the beginning of an id has given enough of it to mean one.

    That takes four characters after the kind: ``apr_`` fits whatever happens to wait alone.
    """
    kind, _, rest = text.partition("_")
    return len(rest if kind in _KINDS else text) >= _ENOUGH


def derived(prefix: str, *parts: str) -> str:
    """Return ``prefix_`` and 26 base-32 characters (130 bits) of SHA-256 over the parts.

    Parts are length-prefixed, so that ``("ab", "c")`` and ``("a", "bc")`` differ.
    """
    encoded = [part.encode() for part in parts]
    told = b"".join([len(data).to_bytes(8, "big") + data for data in encoded])
    first = int.from_bytes(hashlib.sha256(told).digest()[:17], "big") >> 6  # 130 of 136 bits
    pairs = [_PAIRS[first >> shift & 1023] for shift in _SHIFTS]
    return f"{prefix}_{''.join(pairs)}"


def signal_id(signal_type: str, source: str, dedup_key: str) -> SignalId:
    """The id of a signal: the same fact published twice is one signal (S8)."""
    return SignalId(derived("sig", signal_type, source, dedup_key))


def case_id(signal: SignalId) -> CaseId:
    """The case that a first signal opens."""
    return CaseId(derived("case", signal))


def decision_id(signal: SignalId, department: str, step: int) -> DecisionId:
    """The id of what one department answers to one signal at one step."""
    return DecisionId(derived("dec", signal, department, str(step)))


def action_key(signal: SignalId, department: str, step: int) -> ActionKey:
    """The idempotency key of an action: position, never content (thinking again after
    a crash may produce other content, and must not produce another action)."""
    return ActionKey(derived("act", signal, department, str(step)))


def undo_key(key: ActionKey) -> ActionKey:
    """The key of the action that takes another one back where a whole undertaking comes to nothing."""
    return ActionKey(derived("act", key, "undo"))


def approval_id(decision: DecisionId) -> ApprovalId:
    """The id of the approval that a held decision waits for."""
    return ApprovalId(derived("apr", decision))
