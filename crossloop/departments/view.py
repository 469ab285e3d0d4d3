"""What a department may see: a read-only snapshot, taken before it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal, TypeVar

from pydantic import JsonValue

from crossloop.clock import require_aware
from crossloop.frozen import Frozen
from crossloop.ids import ActionKey, CaseId, LoopName
from crossloop.money import Money

RecordT = TypeVar("RecordT", bound=Frozen)


class Strategy(Frozen):
    """What the heads of a department declared in the governance document."""

    choose: Literal["value", "order"] = "value"
    """Take the intervention of highest value, or the first worthwhile one of ``interventions``."""

    interventions: tuple[str, ...] = ()
    """Interventions the loop permits, in the team's order; none when empty."""

    protected: tuple[str, ...] = ()
    """Paths below a system that nobody may touch, such as ``campaign/brand``; ``*`` is any one segment."""

    spend_floor: Money | None = None
    """No intervention may press the daily spend of all live campaigns together below it."""

    allowed_regions: tuple[str, ...] = ()
    """Area paths within which interventions are allowed; empty means everywhere."""


class InForce(Frozen):
    """An action that was performed and has not been taken back."""

    action_key: ActionKey
    case: CaseId
    intervention: str
    resource: str
    reference: str | None
    share: float
    """Share of the daily budget it moved."""

    amount: Money | None
    """The same in money per day."""

    arguments: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class View:
    """A snapshot of what is known, at one business instant. It offers no way to change anything.

    Mappings and sequences are copied when it is taken: what one department does with its view, and what
    happens to the originals later, no other department sees.
    """

    as_of: datetime
    """Business time (aware, UTC)."""

    timezone: str
    strategies: Mapping[LoopName, Strategy] = field(default_factory=dict[LoopName, Strategy])
    settings: Mapping[LoopName, Mapping[str, JsonValue]] = field(
        default_factory=dict[LoopName, Mapping[str, JsonValue]]
    )
    """Settings of each loop, defaults included."""

    in_force: Sequence[InForce] = ()
    records: Mapping[type[Frozen], Sequence[Frozen]] = field(
        default_factory=dict[type[Frozen], Sequence[Frozen]]
    )

    def __post_init__(self) -> None:
        settings = {loop: MappingProxyType(dict(stated)) for loop, stated in self.settings.items()}
        records = {kind: tuple(known) for kind, known in self.records.items()}
        for name, snapshot in (
            ("as_of", require_aware(self.as_of)),
            ("strategies", MappingProxyType(dict(self.strategies))),
            ("settings", MappingProxyType(settings)),
            ("in_force", tuple(self.in_force)),
            ("records", MappingProxyType(records)),
        ):
            object.__setattr__(self, name, snapshot)  # the way a frozen dataclass sets its own fields

    def read(self, kind: type[RecordT]) -> tuple[RecordT, ...]:
        """Return every known record of one entity of the common data model; empty when none is known."""
        return tuple(record for record in self.records.get(kind, ()) if isinstance(record, kind))

    def in_force_for(self, case: CaseId) -> tuple[InForce, ...]:
        """Return what was done for a case and still holds."""
        return tuple(one for one in self.in_force if one.case == case)
