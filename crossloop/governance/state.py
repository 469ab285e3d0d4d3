"""What the gates are told: the signal, the state of the day, and how a conflict was resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from crossloop.clock import require_aware
from crossloop.signals import Signal


@dataclass(frozen=True, slots=True)
class Resolution:
    """How a conflict between interests was resolved; built by :func:`crossloop.governance.resolve`."""

    kind: str
    """Kind of conflict, for example ``geography``."""

    interests: tuple[str, ...]
    """The departments whose interests meet, sorted."""

    winner: str | None
    """Whose interest goes first; none when no rule decides and a person has to."""

    rule: str
    """The rule that decided, or why none did, in words."""

    @property
    def losers(self) -> tuple[str, ...]:
        """The interests that step back; empty while it is unresolved."""
        return tuple(name for name in self.interests if name != self.winner) if self.winner else ()


@dataclass(frozen=True, slots=True)
class SignalFacts:
    """What the gates have to know about the signal that a proposal answers."""

    type: str
    """``department.name/version``."""

    department: str
    """The department that said it."""

    confidence: float
    valid_until: datetime
    """Business time after which the signal may not start an action."""

    time: datetime
    """Business time of this judgement (the as-of instant); not when the signal was said."""

    stated: Mapping[str, float | int | str | bool] = field(
        default_factory=dict[str, float | int | str | bool]
    )
    """Plain fields of its payload, by name: facts for rules."""

    def __post_init__(self) -> None:
        require_aware(self.valid_until)
        require_aware(self.time)

    @classmethod
    def of(cls, signal: Signal, *, as_of: datetime) -> SignalFacts:
        """Take the facts of a signal, judged at a business instant."""
        return cls(
            type=signal.type,
            department=signal.department,
            confidence=signal.confidence,
            valid_until=signal.valid_until,
            time=as_of,
            stated={name: value for name, value in signal.data if isinstance(value, float | int | str)},
        )


@dataclass(frozen=True, slots=True)
class GateState:
    """What the store knows: today's impact on the resource without this proposal, and the conflict."""

    share_today: float = 0.0
    """Sum of the shares executed or held today on the proposal's impact resource."""

    amount_today: Decimal = Decimal(0)
    """The same in money, in the proposal's currency."""

    conflict: Resolution | None = None
    """How a conflict over the claims was resolved; none when there was none."""

    not_to_undo: str = ""
    """Why the action that the proposal takes back cannot be taken back by it; empty where it can, and where
    it takes nothing back."""
