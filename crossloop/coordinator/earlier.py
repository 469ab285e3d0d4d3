"""What a run has to say of the runs before it, so that it is not read as the first one. Reads only.

Rules:

1. Settings are compared with those of the last run of the same loop. Before the first one nothing differs.
2. A condition is known with the settings under which it was said to be so: a limit that moved since is
   told apart from a rate that fell.
3. In force is what was done about a condition of the loop and was not taken back, in whatever run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from pydantic import JsonValue

from crossloop.coordinator.report import SettingChange
from crossloop.coordinator.unanswered import in_force
from crossloop.store import Read, choices, conditions, decisions, inbox, observations
from crossloop.store.choices import ChoiceRow

_ALL: Final = 10_000


@dataclass(frozen=True, slots=True)
class Before:
    """What the last run of a loop looked at, and how."""

    as_of: str | None = None
    """Its day; none before the first run."""

    changed: tuple[SettingChange, ...] = ()
    """Settings that differ now."""


def before(read: Read, loop: str, settings: Mapping[str, JsonValue]) -> Before:
    """Compare a run that is about to be admitted with the last one (rule 1)."""
    day, last = observations.last(read, loop), choices.last(read, loop)
    if day is None or last is None:
        return Before()
    then = _values(last)
    changed = [
        SettingChange(name=name, before=then.get(name), now=settings.get(name))
        for name in dict.fromkeys((*settings, *then))
        if then.get(name) != settings.get(name)
    ]
    return Before(day.isoformat(), tuple(changed))


def opened_under(read: Read, signal_id: str, chosen: Sequence[ChoiceRow]) -> Mapping[str, JsonValue] | None:
    """Return the settings under which a signal was admitted (rule 2); None where nobody knows.

    Args:
        chosen: everything that was recorded of its loop, the oldest first.
    """
    signal = inbox.get(read, signal_id)
    if signal is None:
        return None
    return next((_values(one) for one in reversed(chosen) if one.entry < signal.key), None)


def _values(row: ChoiceRow) -> Mapping[str, JsonValue]:
    return cast("Mapping[str, JsonValue]", row.settings)


def changes_in_force(read: Read, loop: str) -> int:
    """Return how many changes of a loop are in force (rule 3)."""
    cases = dict.fromkeys(row.case for row in conditions.current(read, loop))
    made = (decisions.listing(read, case=case, limit=_ALL) for case in cases)
    return sum(len(in_force(read, one)) for one in made)
