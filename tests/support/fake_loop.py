"""A loop that observes what it is told to, so that running a loop can be tested without data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from pydantic import JsonValue

from crossloop.clock import end_of_day
from crossloop.coordinator.loop import Change, Condition, Inputs, Observation, Standing
from crossloop.errors import SettingError, Where
from crossloop.ids import DepartmentName, LoopName
from crossloop.signals import Signal
from tests.support.trials import LOGISTICS, LOOPS, MARKETING, NOTICE


@dataclass
class FakeLoop:
    """Implements ``coordinator.loop.Loop``; what it sees is set from outside."""

    name: LoopName = LOOPS[MARKETING]
    signals: tuple[Signal, ...] = ()
    changes: tuple[Change, ...] = ()
    standing: tuple[Standing, ...] = ()
    load: Callable[[], None] | None = None
    digest: str = "data-1"
    day: date = date(2025, 3, 1)
    known: list[Sequence[Condition]] = field(default_factory=list[Sequence[Condition]])
    """The conditions it was shown, one list for each observation."""

    source: DepartmentName = LOGISTICS
    targets: tuple[DepartmentName, ...] = (MARKETING,)
    signal_types: tuple[str, ...] = (NOTICE.name,)
    inputs: Mapping[str, str] = field(default_factory=dict[str, str])

    def settings(self, chosen: Mapping[str, str]) -> Mapping[str, JsonValue]:
        for unknown in sorted(chosen.keys() - {"threshold"}):
            raise SettingError(f"there is no setting '{unknown}'.", where=Where(field=unknown))
        return {"threshold": 0.25, **chosen}

    def check_setting(self, name: str, text: str) -> None:
        self.settings({name: text})

    def prepare(self, inputs: Inputs, *, as_of: date | None, settings: Mapping[str, JsonValue]) -> Inputs:
        return inputs

    async def observe(
        self,
        inputs: Inputs,
        *,
        as_of: date | None,
        timezone: str,
        settings: Mapping[str, JsonValue],
        conditions: Sequence[Condition],
    ) -> Observation:
        self.known.append(conditions)
        day = as_of or self.day
        return Observation(
            as_of=day,
            instant=end_of_day(day, timezone),
            rows={"read": 2, "used": 1, "set_aside": [{"reason": "bad", "count": 1}]},
            inputs={},
            input_digest=self.digest,
            settings=settings,
            signals=self.signals,
            changes=self.changes,
            reported=tuple({"id": one.id, "type": one.type} for one in self.signals),
            standing=self.standing,
            load=self.load,
            notes=("made up",),
            counts={"areas": 1},
        )
