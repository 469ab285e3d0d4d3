"""When a row plainly agrees with its entries: conditions for SQLite to judge, without a look at every row.

:mod:`crossloop.store.states` compares rows with entries one by one and decides. Nearly all rows of a ledger
are work that is over and was never touched; of those SQLite itself can tell, at half the cost.

Rules:

1. A condition holds only where comparing one by one would find nothing. Where it does not hold, nothing is
   said: those rows are compared.
2. Both sides are made JSON and compared as text, byte by byte, so that values of another type differ, and
   whatever collation or affinity somebody gave a column counts for nothing.
3. A row that is still in work, that was taken back or whose entry lost its body is left to be compared.
4. Where SQLite cannot judge (no JSON, bytes in the place of text) it raises an error; whoever asks then
   compares every row.
"""

from __future__ import annotations

from typing import Final

from crossloop.store import actions, decisions, inbox


def _says(number: int, kind: str, **told: str) -> str:
    """The entry of a row's move has this kind and the row's case, and its body says what the row says.

    Args:
        number: which of the row's moves.
        told: SQL of what the row says, by its name in the body.
    """
    body = f"CAST(e{number}.body AS TEXT)"
    paths = ", ".join(f"'$.{name}'" for name in told)
    said = f"json_extract({body}, {paths})"
    if len(told) == 1:  # several paths give an array, one path a bare value
        said = f"json_array({said})"
    return (
        f"e{number}.kind = '{kind}' COLLATE BINARY AND e{number}.case_key IS t.case_key"
        f" AND {said} = json_array({', '.join(told.values())})"
    )


def _written(column: str, zone: str) -> str:
    """An instant as ``datetime.isoformat`` writes it; before 1970 a fraction comes out as no instant."""
    second = f"strftime('%Y-%m-%dT%H:%M:%S', {column} / 1000000, 'unixepoch')"
    micros = f"{column} % 1000000"
    return (
        f"{second} || CASE {micros} WHEN 0 THEN '' ELSE '.' || substr(1000000 + {micros}, 2) END || '{zone}'"
    )


SIGNALS: Final = " AND ".join(
    (
        "t.state = 'finished' COLLATE BINARY",
        "t.parked IS NULL AND t.expired IS NULL",
        "typeof(t.time) = 'integer' AND typeof(t.valid_until) = 'integer'",
        _says(2, inbox.DECIDED, signal="t.id"),
        _says(3, inbox.FINISHED, signal="t.id"),
        _says(
            0,
            inbox.RECEIVED,
            id="t.id",
            type="t.type",
            subject="t.subject",
            department="t.department",
            time=_written("t.time", "Z"),
            valid_until=_written("t.valid_until", "Z"),
        ),
    )
)
"""A finished signal that was never parked."""

DECISIONS: Final = _says(
    0,
    decisions.DECISION,
    decision="t.id",
    signal="s.id",
    department="t.department",
    step="t.step",
    loop="t.loop",
    intervention="t.intervention",
    outcome="t.verdict",
    saga="t.saga",
)
"""A decision."""

ACTIONS: Final = " AND ".join(
    (
        "t.state IN ('done', 'failed', 'unknown') AND t.key = t.permitted AND t.planned IS NULL",
        "t.reconciled IS NULL AND t.compensated IS NULL AND t.compensated_by IS NULL AND t.dropped IS NULL",
        "typeof(t.expires_at) = 'integer'",
        _says(2, actions.STARTED, action_key="t.id"),
        _says(3, actions.RECEIPT, action_key="t.id", outcome="t.state", reference="t.reference"),
        _says(
            1,
            actions.PERMIT,
            action_key="t.id",
            decision="d.id",
            system="t.system",
            operation="t.operation",
            resource="t.resource",
            digest="t.digest",
            undoes="coalesce(o.id, t.undoes)",
            expires_at=_written("t.expires_at", "+00:00"),
        ),
    )
)
"""An action with a receipt that was permitted at once and not taken back."""
