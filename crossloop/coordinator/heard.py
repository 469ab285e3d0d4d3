"""Signals as people are shown them: what was said, how far it has come, and whose it is where it rests."""

from __future__ import annotations

from typing import cast

from pydantic import JsonValue

from crossloop.coordinator.explain import require_enough
from crossloop.coordinator.resting import whose
from crossloop.errors import UnknownName
from crossloop.store import Read, inbox
from crossloop.store.inbox import SignalRow, SignalState


def find(read: Read, prefix: str) -> SignalRow:
    """Return the one signal whose id starts like this.

    Raises:
        UnknownName: none, or more than one, or too little of the id was given.
    """
    rows = inbox.find(read, prefix) if prefix else []
    if not rows:
        raise UnknownName(f"there is no signal '{prefix}'.", next_step="See: crossloop signals list")
    if len(rows) > 1:
        raise UnknownName(f"'{prefix}' fits {len(rows)} signals.", next_step="Give more of the id.")
    require_enough(prefix)
    return rows[0]


def listed(read: Read, *, state: SignalState | None = None, limit: int) -> list[dict[str, JsonValue]]:
    """Return signals as people are shown them, the newest first."""
    return [_shown(row) for row in inbox.listing(read, state=state, limit=limit)]


def shown(read: Read, row: SignalRow) -> dict[str, JsonValue]:
    """Return one signal as people are shown it: the whole of it, and whose it is where it rests."""
    resting = whose(read, row)
    return {
        **_shown(row),
        "people": list(resting["people"]),
        "reason": resting["reason"],
        "signal": cast("dict[str, JsonValue] | None", read.entry(row.entry).body),
    }


def _shown(row: SignalRow) -> dict[str, JsonValue]:
    return {
        "id": row.id,
        "type": row.type,
        "subject": row.subject,
        "department": row.department,
        "case": row.case,
        "time": row.time.isoformat(),
        "valid_until": row.valid_until.isoformat(),
        "state": row.state,
    }
