"""What a department may see: a read-only snapshot, taken when it is asked.

Rules:

1. Records of the company's systems are read when the first handler of a wave that declares them
   (:attr:`Handler.reads`) is asked, once for the whole wave. Nobody needs them: nobody reads.
2. A system that cannot be read is a failure of each department that needs it, and of no other.
3. A handler sees what it declares. Asking for more is a mistake that is named, not an empty answer.
4. What is in force is read when the first handler of a wave looks at it: of one case, or all of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Literal, TypeVar, overload

from pydantic import JsonValue

from crossloop.clock import require_aware
from crossloop.frozen import Frozen
from crossloop.ids import ActionKey, CaseId, LoopName
from crossloop.money import Money

RecordT = TypeVar("RecordT", bound=Frozen)

Reader = Callable[[], Awaitable[Sequence[Frozen]]]
"""Reads every record of one entity of the common data model from a system."""


class NotDeclared(LookupError):
    """A handler asked its view for records that it does not declare."""


class Reading:
    """The records of the company's systems during one wave: read when they are needed, once each."""

    def __init__(self, readers: Mapping[type[Frozen], Reader]) -> None:
        self._readers = readers
        self._under_way: dict[type[Frozen], asyncio.Future[Sequence[Frozen]]] = {}
        self._shown: dict[tuple[type[Frozen], ...], View] = {}

    async def records(self, kind: type[Frozen]) -> Sequence[Frozen]:
        """Return every record of one entity; none where the company has no system that keeps them.

        Whoever reads that system fails with what it raises.
        """
        if kind not in self._readers:
            return ()
        if kind not in self._under_way:
            self._under_way[kind] = asyncio.ensure_future(_read(self._readers[kind]))
        # Shielded: one handler whose deadline passes must not take the records from the others.
        return await asyncio.shield(self._under_way[kind])

    async def shown(self, view: View, kinds: tuple[type[Frozen], ...]) -> View:
        """Return the view with the records of these entities; the same one to everybody who reads them."""
        found = self._shown.get(kinds)
        if found is None:
            records = {kind: await self.records(kind) for kind in kinds}
            found = self._shown[kinds] = replace(view, records=records)
        return found

    async def aclose(self) -> None:
        """End what is still being read: the wave is over."""
        for reading in self._under_way.values():
            reading.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)


async def _read(reader: Reader) -> Sequence[Frozen]:
    try:
        return await reader()
    except SystemExit as left:  # a task of its own would end the loop with it
        raise RuntimeError(f"it wanted to end the process: {left!r}") from left


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
    """An action that was performed and has not been taken back, or is just about to be performed."""

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
    under_way: bool = False
    """Permitted, and not done yet: nothing of it can be taken back."""


class AllInForce(Sequence[InForce]):
    """Everything in force, read when somebody looks at it, once."""

    def __init__(
        self, everything: Callable[[], Sequence[InForce]], of_case: Callable[[CaseId], Sequence[InForce]]
    ) -> None:
        """Take what reads.

        Args:
            everything: reads what is in force, in the order in which it was permitted.
            of_case: reads what is in force of one case.
        """
        self._read = everything
        self._read_case = of_case
        self._all: tuple[InForce, ...] | None = None
        self._cases: dict[CaseId, tuple[InForce, ...]] = {}

    def of_case(self, case: CaseId) -> tuple[InForce, ...]:
        """Return what is in force of one case."""
        if self._all is not None:
            return _done(self._all, case)
        if case not in self._cases:
            self._cases[case] = tuple(self._read_case(case))
        return self._cases[case]

    def _known(self) -> tuple[InForce, ...]:
        if self._all is None:
            self._all = tuple(self._read())
        return self._all

    @overload
    def __getitem__(self, index: int) -> InForce: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[InForce, ...]: ...
    def __getitem__(self, index: int | slice) -> InForce | tuple[InForce, ...]:
        return self._known()[index]

    def __len__(self) -> int:
        return len(self._known())

    def __iter__(self) -> Iterator[InForce]:
        return iter(self._known())


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
    """What the handler declares that it reads, by entity."""

    reading: Reading | None = None
    """Where records are read that a handler declares; a view made by hand has only its own."""

    def __post_init__(self) -> None:
        settings = {loop: MappingProxyType(dict(stated)) for loop, stated in self.settings.items()}
        records = {kind: tuple(known) for kind, known in self.records.items()}
        for name, snapshot in (
            ("as_of", require_aware(self.as_of)),
            ("strategies", MappingProxyType(dict(self.strategies))),
            ("settings", MappingProxyType(settings)),
            ("in_force", _kept(self.in_force)),
            ("records", MappingProxyType(records)),
        ):
            object.__setattr__(self, name, snapshot)  # the way a frozen dataclass sets its own fields

    def read(self, kind: type[RecordT]) -> tuple[RecordT, ...]:
        """Return every known record of one entity of the common data model; empty when none is known.

        Raises:
            NotDeclared: the handler does not declare that it reads this entity.
        """
        if self.reading is not None and kind not in self.records:
            raise NotDeclared(
                f"{kind.__name__} is not among what the handler declares; give it "
                f"Handler(..., reads=({kind.__name__},))"
            )
        return tuple(record for record in self.records.get(kind, ()) if isinstance(record, kind))

    async def showing(self, kinds: Collection[type[Frozen]]) -> View:
        """Return the view of a handler that reads these entities.

        Whatever keeps a system from being read is raised.
        """
        if self.reading is None or not kinds:
            return self
        return await self.reading.shown(self, tuple(kinds))

    def in_force_for(self, case: CaseId) -> tuple[InForce, ...]:
        """Return what was done for a case and still holds."""
        if isinstance(self.in_force, AllInForce):
            return self.in_force.of_case(case)
        return _done(self.in_force, case)


def _done(in_force: Sequence[InForce], case: CaseId) -> tuple[InForce, ...]:
    return tuple(one for one in in_force if one.case == case and not one.under_way)


def _kept(in_force: Sequence[InForce]) -> Sequence[InForce]:
    return in_force if isinstance(in_force, AllInForce) else tuple(in_force)
