"""Choices: the settings under which each loop has looked, and what of them was chosen for the run.

One row for each time they were others than before, in the order of the commits. A row holds what its entry
says, so that it is known when the entry was redacted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crossloop.canonical import JSON, canonical_json
from crossloop.store import fields
from crossloop.store.session import Read, Row, Tx

CHANGED = "settings.changed"

_ROWS = "SELECT key, chosen, settings FROM choices WHERE loop = :loop ORDER BY key "
_ALL = _ROWS + "ASC"
_LAST = _ROWS + "DESC LIMIT 1"
_ADD = "INSERT INTO choices (key, loop, chosen, settings) VALUES (:key, :loop, :chosen, :settings)"


@dataclass(frozen=True, slots=True)
class ChoiceRow:
    """What a loop looked with since one run."""

    chosen: Mapping[str, str]
    """Settings that were chosen for the run, as text; empty where the document said everything."""

    settings: Mapping[str, JSON]
    """Every setting with its value."""

    entry: int


def record(
    tx: Tx, *, loop: str, chosen: Mapping[str, str], settings: Mapping[str, JSON], body: Mapping[str, JSON]
) -> bool:
    """Record what a loop looks with; return False when that was recorded last.

    Args:
        body: what else its entry says.
    """
    own = {"chosen": canonical_json(chosen).decode(), "settings": canonical_json(settings).decode()}
    row = tx.row(_LAST, loop=loop)
    if row is not None and row[1:] == (own["chosen"], own["settings"]):
        return False
    said: dict[str, JSON] = {"loop": loop, "chosen": dict(chosen), "settings": dict(settings)}
    key = tx.append(CHANGED, None, {**body, **said})
    tx.execute(_ADD, **own, key=key, loop=loop)
    return True


def last(read: Read, loop: str) -> ChoiceRow | None:
    """Return what was recorded last of a loop; None before the first time."""
    row = read.row(_LAST, loop=loop)
    return None if row is None else _row(row)


def of_loop(read: Read, loop: str) -> list[ChoiceRow]:
    """Return everything that was recorded of a loop, the oldest first."""
    return [_row(row) for row in read.rows(_ALL, loop=loop)]


def _row(row: Row) -> ChoiceRow:
    key, chosen, settings = row
    return ChoiceRow(
        {name: str(one) for name, one in fields.mapping("choices", key, "chosen", chosen).items()},
        fields.mapping("choices", key, "settings", settings),
        key,
    )
