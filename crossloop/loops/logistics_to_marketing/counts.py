"""Shipments counted by place and day, where the data is; compact arrays come back.

Rules:

1. A place is a pin code with the state and country its shipments name. Outcomes are counted in cells of one
   place, one order day and one lateness; payment and value in cells of one place, one order day and one
   currency, and, for a detection, only over its last window: nothing else looks at them.
2. ``rto``: finished orders are delivered or returned, failures are returned. ``ndr``: finished orders had a
   delivery attempt, failures had a failed one.
3. An outcome is looked at when its cohort is ``maturity_days`` old, not before: returns take longer than
   deliveries, so a younger cohort shows too few of them. An outcome that is dated later still counts as
   known from its date. Where outcomes carry no date, they count as known at maturity: an assumption.
4. A shipment without an outcome is pending. Lost and damaged ones are counted apart. What never left is
   not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import uuid4

import ibis as _ibis
import numpy as np

from crossloop.adapters.files.source import drop
from crossloop.loops.logistics_to_marketing.beta import Floats, Ints
from crossloop.loops.logistics_to_marketing.settings import Settings
from crossloop.signals.types.geo_risk import Metric

if TYPE_CHECKING:
    from ibis.expr import types as ir

ibis: Any = _ibis  # carries no types; the arrays made of its results do

NEVER: Final = 2**31 - 1
"""The day on which an outcome is known that is not known yet."""

_EPOCH: Final = date(1970, 1, 1)


class Place(NamedTuple):
    """Where a shipment goes, as it names it."""

    country: str
    state: str
    pin_code: str


_CELL: Final = (*Place._fields, "ordered_on")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of orders: one row for each cell, in no particular order."""

    place: Ints
    """Index of the place."""

    day: Ints
    """Order day, in days since 1970-01-01."""

    known: Ints
    """First day on which the outcome may be looked at; ``NEVER`` where there is none yet."""

    finished: Floats
    """Orders with an outcome that counts for the metric."""

    failures: Floats
    """Those among them that failed."""

    lost: Floats
    shipped: Floats
    """All orders that left, whatever became of them."""


@dataclass(frozen=True, slots=True)
class Baskets:
    """How orders were paid and what they were worth: one row for each cell, in no particular order."""

    place: Ints
    day: Ints
    currency: Ints
    """Index of the currency."""

    cod: Floats
    """Orders paid on delivery."""

    paid: Floats
    """Orders whose payment method is known."""

    valued: Floats
    """Orders whose value is known."""

    amount: Floats
    """Sum of their values."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Shipments counted; days are days since 1970-01-01."""

    metric: Metric
    maturity_days: int
    places: tuple[Place, ...]
    """Every place once, sorted."""

    currencies: tuple[str, ...]
    """Every currency once, sorted; empty text where a shipment names none."""

    outcomes: Outcomes
    baskets: Baskets
    first_day: int
    """First order day; 0 where there are no shipments."""

    last_day: int
    """Last day the data speaks of, be it of an order or of an outcome, or the day it was counted for."""


def to_day(number: int) -> date:
    """Turn days since 1970-01-01 into a date."""
    return _EPOCH + timedelta(days=number)


def from_day(day: date) -> int:
    """Turn a date into days since 1970-01-01."""
    return (day - _EPOCH).days


def count_shipments(table: ir.Table, settings: Settings, *, as_of: date | None = None) -> Counts:
    """Count shipments by place and day.

    Args:
        table: one row per shipment, with the columns of ``crossloop.signals.entities.SHIPMENT_COLUMNS``.
        settings: says the metric and the maturity; with ``as_of`` the history and the window as well.
        as_of: only look at what a detection on this day needs; without it at everything.
    """
    rows: Any = table
    recent = rows
    if as_of is not None:
        first, mature = looked_at_days(settings, as_of)
        rows = _between(rows, first, mature)
        recent = _between(recent, mature - timedelta(days=settings.window_days), mature)
    last_day = from_day(as_of) if as_of is not None else _last_day(rows)
    with _keeping(rows.get_backend()) as keep:
        cells = keep(_outcomes(_left(rows), settings))
        # The database joins its numbers to places in parallel; here each cell's texts would be looked up.
        places = keep(_numbered(cells.select(*Place._fields).distinct()))
        outcomes = _at(cells, places).to_pyarrow()
        baskets = _at(_baskets(_left(recent)), places).to_pyarrow()
        ranked = places.order_by("place").select(*Place._fields).to_pyarrow()
    names = map(Place, *(ranked[name].to_pylist() for name in Place._fields))
    return _counts(outcomes, baskets, tuple(names), settings, last_day)


def looked_at_days(settings: Settings, as_of: date) -> tuple[date, date]:
    """The first and the last order day that a detection looks at."""
    mature = as_of - timedelta(days=settings.maturity_days)
    return mature - timedelta(days=settings.history_days), mature


def lacks_attempts(table: ir.Table, settings: Settings, *, as_of: date | None = None) -> bool:
    """True when there are shipments to look at and none of them has a delivery attempt.

    Args:
        table: the same as for :func:`count_shipments`, and so is ``as_of``.
    """
    rows: Any = table
    if as_of is not None:
        rows = _between(rows, *looked_at_days(settings, as_of))
    left = _left(rows)
    found = left.aggregate(shipments=left.count(), attempted=left.count(where=left.attempts > 0)).to_pyarrow()
    return found["shipments"][0].as_py() > 0 and found["attempted"][0].as_py() == 0


@contextmanager
def _keeping(database: Any) -> Generator[Callable[[Any], Any]]:
    """Keep results in tables of the database for as long as they are needed."""
    names: list[str] = []

    def keep(expression: Any) -> Any:
        names.append(f"crossloop_{uuid4().hex}")
        return database.create_table(names[-1], expression, temp=True)

    try:
        yield keep
    finally:
        drop(database, *names)


def _between(rows: Any, first: date, last: date) -> Any:
    return rows.filter(rows.ordered_on.between(ibis.literal(first), ibis.literal(last)))


def _left(rows: Any) -> Any:
    """Shipments that left."""
    return rows.filter(rows.outcome != "not_shipped")


def _outcomes(rows: Any, settings: Settings) -> Any:
    lost = rows.outcome == "lost"
    if settings.metric == "rto":
        finished, failed = rows.outcome.isin(["delivered", "returned"]), rows.outcome == "returned"
        known_on = rows.outcome_on
    else:
        finished = rows.attempts.fill_null(0) > 0
        failed = finished & (rows.failed_attempts.fill_null(0) > 0)
        known_on = rows.first_attempt_on
        lost &= ~finished
    waited = ibis.coalesce(known_on, rows.ordered_on).delta(rows.ordered_on, unit="day")
    late = ibis.ifelse(finished | lost, ibis.greatest(waited - settings.maturity_days, 0), -1)
    judged = rows.select(*_CELL, late=late.cast("int32"), finished=finished, failed=failed, lost=lost)
    cells = judged.group_by([*_CELL, "late"]).aggregate(
        finished=judged.count(where=judged.finished),
        failures=judged.count(where=judged.failed),
        lost=judged.count(where=judged.lost),
        shipped=judged.count(),
    )
    known = _day_number(cells.ordered_on) + settings.maturity_days + cells.late
    return cells.mutate(known=ibis.ifelse(cells.late < 0, NEVER, known)).drop("late")


def _day_number(day: Any) -> Any:
    return day.delta(ibis.literal(_EPOCH), unit="day")


def _numbered(places: Any) -> Any:
    return places.mutate(place=ibis.row_number().over(order_by=[places[name] for name in Place._fields]))


def _at(cells: Any, places: Any) -> Any:
    """Replace the names of each cell's place by its number."""
    joined = cells.join(places, Place._fields)
    return joined.mutate(day=_day_number(joined.ordered_on)).drop(*_CELL)


def _baskets(rows: Any) -> Any:
    keyed = rows.mutate(money=rows.currency.fill_null(""))
    return keyed.group_by([*_CELL, "money"]).aggregate(
        cod=keyed.count(where=keyed.payment == "cod"),
        paid=keyed.payment.count(),
        valued=keyed.amount.count(),
        amount=keyed.amount.sum().cast("float64").fill_null(0.0),
    )


def _last_day(rows: Any) -> int:
    found = rows.aggregate(ordered=rows.ordered_on.max(), ended=rows.outcome_on.max()).to_pyarrow()
    days = [day for name in ("ordered", "ended") if (day := found[name][0].as_py()) is not None]
    return from_day(max(days)) if days else 0


def _counts(
    outcomes: Any, baskets: Any, places: Sequence[Place], settings: Settings, last_day: int
) -> Counts:
    day = _ints(outcomes, "day")
    money: Any = baskets["money"].combine_chunks().dictionary_encode()
    written: list[str] = money.dictionary.to_pylist()
    currencies = sorted(written)
    rank = np.array([currencies.index(one) for one in written], dtype=np.int64)
    return Counts(
        metric=settings.metric,
        maturity_days=settings.maturity_days,
        places=tuple(places),
        currencies=tuple(currencies),
        outcomes=Outcomes(
            place=_ints(outcomes, "place"),
            day=day,
            known=_ints(outcomes, "known"),
            finished=_floats(outcomes, "finished"),
            failures=_floats(outcomes, "failures"),
            lost=_floats(outcomes, "lost"),
            shipped=_floats(outcomes, "shipped"),
        ),
        baskets=Baskets(
            place=_ints(baskets, "place"),
            day=_ints(baskets, "day"),
            currency=rank[money.indices.to_numpy(zero_copy_only=False)],
            cod=_floats(baskets, "cod"),
            paid=_floats(baskets, "paid"),
            valued=_floats(baskets, "valued"),
            amount=_floats(baskets, "amount"),
        ),
        first_day=int(day.min()) if len(day) else 0,
        last_day=last_day,
    )


def _floats(found: Any, name: str) -> Floats:
    return found[name].to_numpy().astype(np.float64, copy=False)


def _ints(found: Any, name: str) -> Ints:
    return found[name].to_numpy().astype(np.int64, copy=False)
