"""Facts: the flat, declared, typed values that approval rules see.

Rules:

1. A rule sees facts and nothing else. Every fact is declared with its type, unit and meaning: those of
   governance in the table below, those of a loop by the plain fields of its signal type's payload.
2. Numbers reach a rule as floating point, always: the ledger writes 5.0 as 5, and a replay has to compute
   with the same types.
3. What the signal states counts before what the department states, and governance's own facts before both:
   a department cannot talk a rule out of asking.
4. A value that is missing, not finite, outside of its declared range, or not of its declared type is left
   out; a rule that needs it then refuses. A wrong fact never reads as zero.
5. ``daily_budget_share`` and ``amount`` are cumulative over the local day and include this proposal, so
   that splitting an action evades nothing. A share of a day is at most all of it: shares are estimates, and
   those of several areas may add up to more.
"""

from __future__ import annotations

import math
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from crossloop.canonical import NotCanonical, canonical_json
from crossloop.governance.state import GateState, SignalFacts
from crossloop.signals import Proposal, SignalType

FactType = Literal["number", "text", "flag"]
FactValue = float | str | bool

_EXACT = 2**53
_LONGEST_TEXT = 300
# Nine decimals of a share are a millionth of a percent. Rounding there keeps three pieces of 0.05 from
# adding up to 0.15000000000000002 and being "more than 0.15".
_SHARE_DECIMALS = 9


@dataclass(frozen=True, slots=True)
class Fact:
    """The declaration of one fact."""

    name: str
    type: FactType
    unit: str
    meaning: str
    values: tuple[str, ...] = ()
    """The only texts it can have, where they are enumerated."""

    low: float = -math.inf
    """The least number it can be."""

    high: float = math.inf
    """The greatest number it can be."""


def _share(name: str, unit: str, meaning: str) -> Fact:
    return Fact(name, "number", unit, meaning, low=0.0, high=1.0)


def _amount(name: str, meaning: str) -> Fact:
    return Fact(name, "number", "currency", meaning, low=0.0)


BASE_FACTS: Final[tuple[Fact, ...]] = (
    _share("daily_budget_share", "share", "Share of the resource's daily budget, all of today."),
    _share("own_share", "share", "Share of the daily budget that this proposal alone moves."),
    _amount("amount", "Money per day moved today on the resource, this one included."),
    _amount("own_amount", "Money per day that this proposal alone moves."),
    Fact("currency", "text", "ISO 4217", "Currency of amount and own_amount."),
    _share("confidence", "probability", "The smaller of signal and proposal confidence."),
    _share("signal_confidence", "probability", "Confidence of the signal."),
    _share("proposal_confidence", "probability", "Confidence of the proposal."),
    Fact(
        "risk",
        "text",
        "",
        "How bad a wrong intervention is.",
        values=("reversible", "costly", "irreversible"),
    ),
    Fact("intervention", "text", "", "What is proposed."),
    Fact("department", "text", "", "The department that proposes."),
    Fact("loop", "text", "", "The loop it belongs to."),
    Fact("signal", "text", "", "Type of the signal, with its version."),
    Fact("source", "text", "", "The department that said the signal."),
    Fact("system", "text", "", "The system that would be changed."),
    Fact("operation", "text", "", "The operation that would be performed."),
    Fact("action_digest", "text", "SHA-256", "Digest of the exact request that was judged."),
)
"""What governance itself knows about every proposal."""

_OWN: Final = frozenset(fact.name for fact in BASE_FACTS)


def declared_facts(types_answered: Iterable[SignalType], **values: Iterable[str]) -> dict[str, Fact]:
    """Return the facts a rule may name: the base table and the plain payload fields of these types.

    Args:
        types_answered: signal types; a field counts when it is a number, a text or a flag.
        values: for base facts by name, the only texts they can have.
    """
    found: dict[str, Fact] = {}
    for signal_type in types_answered:
        for name, field in signal_type.data.model_fields.items():
            kind = _plain(field.annotation)
            if kind is not None and name not in found:
                meaning = field.description or f"{name} of {signal_type.name}"
                low, high = _range(field.annotation, field.metadata)
                found[name] = Fact(name, kind[0], "", meaning, values=kind[1], low=low, high=high)
    for fact in BASE_FACTS:
        found[fact.name] = replace(fact, values=tuple(sorted(values.get(fact.name, fact.values))))
    return found


def _range(annotation: object, metadata: Iterable[object]) -> tuple[float, float]:
    """The numbers that a payload field can have, by its own declaration."""
    found = list(_flat(annotation, metadata))
    low = [bound for one in found for bound in _bounds(one, "ge", "gt")]
    high = [bound for one in found for bound in _bounds(one, "le", "lt")]
    return max(low, default=-math.inf), min(high, default=math.inf)


def _flat(annotation: object, metadata: Iterable[object]) -> Iterator[object]:
    """What is declared of a field beside its type, also inside ``Annotated[…] | None``."""
    for one in metadata:
        yield from one.metadata if isinstance(one, FieldInfo) else (one,)
    inner = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    for one in inner:
        nested: Iterable[object] = getattr(one, "__metadata__", ())
        if nested:
            yield from _flat(get_args(one)[0], nested)


def _bounds(declared: object, *names: str) -> Iterator[float]:
    for name in names:
        bound: object = getattr(declared, name, None)
        if isinstance(bound, int | float):
            yield float(bound)


def _plain(annotation: object) -> tuple[FactType, tuple[str, ...]] | None:
    """The fact type of a payload field, or None for lists, money, dates and models."""
    origin = get_origin(annotation)
    if origin is Literal:
        members = get_args(annotation)
        texts = tuple(member for member in members if isinstance(member, str))
        return ("text", texts) if len(texts) == len(members) else None
    if origin in (Union, types.UnionType):
        present = [member for member in get_args(annotation) if member is not types.NoneType]
        return _plain(present[0]) if len(present) == 1 else None
    if hasattr(annotation, "__metadata__"):  # Annotated, as it stands inside a union
        return _plain(get_args(annotation)[0])
    simple: dict[object, FactType] = {float: "number", int: "number", str: "text", bool: "flag"}
    return (simple[annotation], ()) if annotation in simple else None


def build_facts(
    proposal: Proposal, signal: SignalFacts, state: GateState, declared: Mapping[str, Fact]
) -> dict[str, FactValue]:
    """Return the facts of one decision. Total: it never raises."""
    facts: dict[str, FactValue] = {}
    # What the signal measured is not for the department to restate.
    others = {**proposal.facts, **signal.stated} if proposal.facts else signal.stated
    for name, stated in others.items():
        fact = declared.get(name)
        if fact is not None and name not in _OWN:  # nor are governance's own facts
            value = _fit(fact, stated)
            if value is not None:
                facts[name] = value
    for own in (_stated(proposal, signal), _impact(proposal, state)):
        for name, stated in own.items():
            fact = declared.get(name)
            value = _fit(fact, stated) if fact is not None else None
            if value is not None:
                facts[name] = value
    return facts


def action_digest(proposal: Proposal) -> str | None:
    """Digest of the exact request, or None when there is none or it has no canonical form."""
    if proposal.action is None:
        return None
    try:
        return proposal.action_digest
    except (ValueError, RecursionError):  # NotCanonical is a ValueError, as are encoding errors
        return None


def _stated(proposal: Proposal, signal: SignalFacts) -> dict[str, object]:
    action = proposal.action
    return {
        "confidence": least_confidence(proposal.confidence, signal.confidence),
        "signal_confidence": signal.confidence,
        "proposal_confidence": proposal.confidence,
        "risk": proposal.risk,
        "intervention": proposal.intervention,
        "department": proposal.department,
        "loop": proposal.loop,
        "signal": signal.type,
        "source": signal.department,
        "system": action.system if action else None,
        "operation": action.operation if action else None,
        "action_digest": action_digest(proposal),
    }


def _impact(proposal: Proposal, state: GateState) -> dict[str, object]:
    impact = proposal.impact
    if impact is None:
        return {}
    facts: dict[str, object] = {
        "own_share": _of_all(impact.share),
        "own_amount": float(impact.amount.amount),
        "currency": impact.amount.currency,
    }
    if state.share_today >= 0:  # false for NaN, too
        facts["daily_budget_share"] = _of_all(state.share_today + impact.share)
    if state.amount_today.is_finite() and 0 <= state.amount_today < _EXACT:
        facts["amount"] = float(state.amount_today + impact.amount.amount)
    return facts


def _of_all(share: float) -> float:
    """A share as rules see it; what is not finite stays so, and is left out."""
    return min(1.0, round(share, _SHARE_DECIMALS)) if math.isfinite(share) else share


def least_confidence(one: float, other: float) -> float | None:
    """The smaller of two confidences, or None when one of them is not a probability."""
    return min(one, other) if 0.0 <= one <= 1.0 and 0.0 <= other <= 1.0 else None


def _fit(fact: Fact, value: object) -> FactValue | None:
    if type(value) is str:  # most facts are
        fits = fact.type == "text" and (not fact.values or value in fact.values)
        return value if fits and len(value) <= _LONGEST_TEXT and _writable(value) else None
    if fact.type == "flag":
        return value if isinstance(value, bool) else None
    if fact.type == "number":
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value) if -_EXACT < value < _EXACT and fact.low <= value <= fact.high else None
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not _writable(value):
        return None
    return value if not fact.values or value in fact.values else None


def _writable(text: str) -> bool:
    if text.isascii():
        return "\x00" not in text
    try:
        canonical_json(text)
    except NotCanonical:
        return False
    return True
