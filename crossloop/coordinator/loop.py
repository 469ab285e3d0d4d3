"""What a loop is to the coordinator: a source that observes, signals that follow, and a wiring.

A loop observes facts as of one business instant and returns an :class:`Observation`: signals to publish
and the conditions they open, keep or clear. Observing changes nothing; the coordinator admits the whole
observation in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Final, Literal, Protocol, runtime_checkable

from pydantic import JsonValue

from crossloop.governance import Policy
from crossloop.ids import CaseId, DepartmentName, LoopName, SignalId
from crossloop.signals import Claim, Signal

IN_FORCE: Final = "in_force"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run looks at. Without a primary file it is the embedded company's own data.

    A loop that reads in :meth:`Loop.prepare` hands on inputs of its own that hold what was read.
    """

    primary: Path | None = None
    mapping: Path | None = None
    others: Mapping[str, Path] = field(default_factory=dict[str, Path])
    """Further inputs by name, such as ``campaigns``."""

    def close(self) -> None:
        """Let go of what was read. Twice does nothing."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A persistent condition that a loop keeps: open or cleared, never fired daily."""

    path: str
    """What it is about: ``rto/geo/IN/KARNATAKA``."""

    metric: str
    level: str
    code: str
    state: Literal["open", "cleared"]
    signal_id: SignalId
    """The signal that opened it."""

    case: CaseId
    since: date
    """As-of day on which it opened, or cleared."""

    again: str | None = None
    """Set where what was decided about it came to nothing, so that it has to be signalled again: a token
    that names the ending, for the deduplication key. ``IN_FORCE`` names none: what the condition brought
    about is in force, though the condition is cleared and was answered."""

    waits_until: datetime | None = None
    """Business instant after which what waits for an answer about it answers nothing any more; none where
    nothing waits."""

    again_then: str | None = None
    """What ``again`` is after that instant."""

    opened_under: Mapping[str, JsonValue] | None = field(default=None, compare=False)
    """Settings under which an open one was opened, where that is known: a limit that moved since is told
    apart from a rate that fell."""

    def at(self, instant: datetime) -> Condition:
        """Return the condition as it is at a business instant: what waits may hold no more by then."""
        if self.waits_until is None or instant <= self.waits_until:
            return self
        return replace(self, again=self.again_then, waits_until=None, again_then=None)


@dataclass(frozen=True, slots=True)
class Change:
    """What an observation does to a condition."""

    kind: Literal["opened", "seen", "cleared"]
    condition: Condition


@dataclass(frozen=True, slots=True)
class Standing:
    """A claim that stands before anything is proposed: somebody's published plan."""

    holder: str
    """Whose plan, for example ``marketing plan P-7``."""

    claim: Claim
    argument: str
    """Why it was made."""


@dataclass(frozen=True)
class Observation:
    """What a loop saw at one business instant."""

    as_of: date
    instant: datetime
    """The business instant the as-of day stands for (aware, UTC)."""

    rows: Mapping[str, JsonValue]
    """Accounting of the primary input: read, used, set aside by reason."""

    inputs: Mapping[str, JsonValue]
    """The same for every further input."""

    input_digest: str
    settings: Mapping[str, JsonValue]
    signals: tuple[Signal, ...]
    """Signals to publish."""

    changes: tuple[Change, ...]
    reported: tuple[Mapping[str, JsonValue], ...]
    """Every condition as of this instant, as ``run`` reports it, the unchanged ones included."""

    standing: tuple[Standing, ...] = ()
    load: Callable[[], None] | None = None
    """Puts what the inputs say about the company's own systems there, once it is admitted."""

    notes: tuple[str, ...] = ()
    """What a person should know about how the figures came about."""

    counts: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    """Figures for the ledger, such as areas looked at."""


class Loop(Protocol):
    """A loop: who says what to whom, and how it is observed."""

    @property
    def name(self) -> LoopName: ...

    @property
    def source(self) -> DepartmentName: ...

    @property
    def targets(self) -> tuple[DepartmentName, ...]: ...

    @property
    def inputs(self) -> Mapping[str, str]:
        """Further inputs by name, with the shape each has."""
        ...

    @property
    def signal_types(self) -> tuple[str, ...]:
        """The types it publishes; the first one is the loop's own."""
        ...

    def settings(self, chosen: Mapping[str, str]) -> Mapping[str, JsonValue]:
        """Return every setting with its value, defaults included.

        Raises:
            SettingError: an unknown key or a value out of range.
        """
        ...

    def check_setting(self, name: str, text: str) -> None:
        """Refuse a value that a setting can never have, whatever the others are.

        Raises:
            SettingError: there is no such setting, or the value is out of its range.
        """
        ...

    def prepare(self, inputs: Inputs, *, as_of: date | None, settings: Mapping[str, JsonValue]) -> Inputs:
        """Read and check what is handed in, before anything is created; :meth:`observe` gets the result.

        Raises:
            InputError: the first thing that is wrong.
        """
        ...

    async def observe(
        self,
        inputs: Inputs,
        *,
        as_of: date | None,
        timezone: str,
        settings: Mapping[str, JsonValue],
        conditions: Sequence[Condition],
    ) -> Observation:
        """Look at the facts as of a day (the last day of the data when none is given).

        Args:
            conditions: what the loop has seen so far; how they are at the instant of the observation, which
                the loop finds out, :meth:`Condition.at` says.
        """
        ...


class Backtested(Protocol):
    """What a backtest found."""

    def to_json(self) -> dict[str, JsonValue]:
        """Return the JSON document of ``crossloop backtest``."""
        ...


@runtime_checkable
class Backtestable(Protocol):
    """A loop whose past can be replayed. A loop that has nothing to replay leaves the method out."""

    def backtest(
        self,
        inputs: Inputs,
        *,
        as_of: date | None,
        settings: Mapping[str, JsonValue],
        policy: Policy,
        progress: Callable[[int, int], None] | None = None,
    ) -> Backtested:
        """Look at every past day as it would have been looked at; nothing is kept.

        Args:
            as_of: nothing later than this day is read; everything when None.
            settings: every setting of the loop.
            policy: the rules that decide what would have been done.
            progress: called with days done and days in all.

        Raises:
            InputError: a file, mapping or setting is wrong, or the data is too short.
        """
        ...
