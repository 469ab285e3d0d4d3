"""Shipments counted by place and day: two aggregations where the data is, then compact arrays.

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

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import ibis as _ibis
import numpy as np
import pyarrow as _pyarrow

from crossloop.errors import SettingError, Where
from crossloop.loops.logistics_to_marketing.beta import Floats, Ints
from crossloop.loops.logistics_to_marketing.settings import Settings
from crossloop.signals.types.geo_risk import Metric

if TYPE_CHECKING:
    from ibis.expr import types as ir

ibis: Any = _ibis  # neither of the two carries types; the arrays made of their results do
pyarrow: Any = _pyarrow

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

    Raises:
        SettingError: the metric is ``ndr`` and no shipment has delivery attempts.
    """
    rows: Any = table
    recent = rows
    if as_of is not None:
        mature = as_of - timedelta(days=settings.maturity_days)
        rows = _between(rows, mature - timedelta(days=settings.history_days), as_of)
        recent = _between(recent, mature - timedelta(days=settings.window_days), mature)
    outcomes: Any = _outcomes(_left(rows), settings).to_pyarrow()
    if settings.metric == "ndr" and outcomes.num_rows and not _numbers(outcomes, "finished").any():
        raise SettingError(
            "ndr needs NDR events: no shipment has delivery attempts.",
            where=Where(field="metric"),
            next_step="Map the columns attempts, failed_attempts and first_attempt_on, or set metric=rto.",
        )
    baskets: Any = _baskets(_left(recent)).to_pyarrow()
    last_day = from_day(as_of) if as_of is not None else _last_day(rows)
    return _counts(outcomes, baskets, settings, last_day)


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
    return judged.group_by([*_CELL, "late"]).aggregate(
        finished=judged.count(where=judged.finished),
        failures=judged.count(where=judged.failed),
        lost=judged.count(where=judged.lost),
        shipped=judged.count(),
    )


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


def _counts(outcomes: Any, baskets: Any, settings: Settings, last_day: int) -> Counts:
    (place, basket_place), places = _places([outcomes, baskets])
    day, late = _days(outcomes), _numbers(outcomes, "late").astype(np.int64)
    currency, currencies = _coded(baskets["money"].combine_chunks())
    return Counts(
        metric=settings.metric,
        maturity_days=settings.maturity_days,
        places=places,
        currencies=tuple(currencies),
        outcomes=Outcomes(
            place=place,
            day=day,
            known=np.where(late < 0, NEVER, day + settings.maturity_days + late),
            finished=_numbers(outcomes, "finished"),
            failures=_numbers(outcomes, "failures"),
            lost=_numbers(outcomes, "lost"),
            shipped=_numbers(outcomes, "shipped"),
        ),
        baskets=Baskets(
            place=basket_place,
            day=_days(baskets),
            currency=currency,
            cod=_numbers(baskets, "cod"),
            paid=_numbers(baskets, "paid"),
            valued=_numbers(baskets, "valued"),
            amount=_numbers(baskets, "amount"),
        ),
        first_day=int(day.min()) if len(day) else 0,
        last_day=last_day,
    )


def _numbers(found: Any, name: str) -> Floats:
    return found[name].to_numpy().astype(np.float64)


def _days(found: Any) -> Ints:
    return found["ordered_on"].cast(pyarrow.int32()).to_numpy().astype(np.int64)


def _places(tables: Sequence[Any]) -> tuple[list[Ints], tuple[Place, ...]]:
    """Code country, state and pin code together over all tables, in sorted order."""
    together: Ints = np.zeros(sum(one.num_rows for one in tables), dtype=np.int64)
    texts_of: list[list[str]] = []
    for name in Place._fields:
        chunks = [chunk for one in tables for chunk in one[name].chunks]
        codes, texts = _coded(pyarrow.chunked_array(chunks, type=pyarrow.string()).combine_chunks())
        together = together * len(texts) + codes
        texts_of.append(texts)
    codes, numbers = _distinct(pyarrow.array(together))
    distinct = np.asarray(numbers, dtype=np.int64)
    order = np.argsort(distinct)
    rest = distinct[order]
    names: list[list[str]] = []
    for texts in reversed(texts_of):
        names.append([texts[index] for index in rest % max(len(texts), 1)])
        rest //= max(len(texts), 1)
    ends = np.cumsum([one.num_rows for one in tables])[:-1]
    return np.split(_ranked(codes, order), ends), tuple(map(Place, *reversed(names)))


def _coded(column: Any) -> tuple[Ints, list[str]]:
    """Replace texts by their index among the sorted distinct texts."""
    codes, texts = _distinct(column)
    order = sorted(range(len(texts)), key=texts.__getitem__)
    return _ranked(codes, np.asarray(order, dtype=np.int64)), [texts[index] for index in order]


def _distinct(column: Any) -> tuple[Ints, list[Any]]:
    """Index of each value among the distinct ones, in order of first appearance (hashed, not sorted)."""
    encoded = column.dictionary_encode()
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()


def _ranked(codes: Ints, order: Ints) -> Ints:
    """Renumber codes so that ``order[0]`` becomes 0, and so on."""
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[codes]
