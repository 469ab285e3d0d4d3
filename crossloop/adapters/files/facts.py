"""What one aggregation over shipments says about them: reasons, days covered, which fields are known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, TypedDict, cast

from crossloop.adapters.files.untyped import Column, Table, rows_of

WORDS: Final = ("country", "state", "outcome", "payment", "currency")
"""Fields with few distinct values: the aggregation groups by them, so that each value is judged once."""


class Group(TypedDict):
    """The rows that share a reason and all words."""

    reason: int | None
    country: str | None
    state: str | None
    outcome: str | None
    payment: str | None
    currency: str | None
    rows: int
    first_day: date | None
    last_day: date | None
    outcome_days: int
    attempts_known: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about the shipments that are used."""

    first_day: date
    last_day: date
    has_ndr: bool
    has_outcome_days: bool
    has_payment: bool
    currency: str | None


def groups_of(rows: Table, reason: Column) -> list[Group]:
    """Aggregate shipments by reason and words: one pass, a few hundred groups."""
    grouped = rows.group_by(reason=reason, **{word: rows[word] for word in WORDS}).aggregate(
        rows=rows.count(),
        # Only of rows without a reason: a damaged date may be none that Python can hold.
        first_day=rows.ordered_on.min(where=reason.isnull()),
        last_day=rows.ordered_on.max(where=reason.isnull()),
        outcome_days=rows.outcome_on.count(),
        attempts_known=rows.failed_attempts.count(),
    )
    return cast("list[Group]", rows_of(grouped))


def facts_of(used: Iterable[Group]) -> Facts | None:
    """Put the groups of the used rows together; none when there are no rows."""
    groups = list(used)
    days = [day for group in groups for day in (group["first_day"], group["last_day"]) if day is not None]
    if not days:
        return None
    currencies = {group["currency"] for group in groups} - {None}
    return Facts(
        first_day=min(days),
        last_day=max(days),
        has_ndr=any(group["attempts_known"] for group in groups),
        has_outcome_days=any(group["outcome_days"] for group in groups),
        has_payment=any(group["payment"] for group in groups),
        currency=currencies.pop() if len(currencies) == 1 else None,
    )
