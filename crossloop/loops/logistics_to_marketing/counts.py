"""Shipments counted by place and day: one aggregation where the data is, then compact arrays.

Rules:

1. A place is a pin code with the state and country its shipments name. A cell is one place, one order day,
   one lateness and one currency.
2. ``rto``: finished orders are delivered or returned, failures are returned. ``ndr``: finished orders had a
   delivery attempt, failures had a failed one.
3. An outcome is looked at when its cohort is ``maturity_days`` old, not before: returns take longer than
   deliveries, so a younger cohort shows too few of them. An outcome that is dated later still counts as
   known from its date. Where outcomes carry no date, they count as known at maturity: an assumption.
4. A shipment without an outcome is pending. Lost and damaged ones are counted apart. What never left is
   not counted.
"""

from __future__ import annotations

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

ibis: Any = _ibis  # neither of the two carries types; the casts below say what comes out of them
pyarrow: Any = _pyarrow

NEVER: Final = 2**31 - 1
"""The day on which an outcome is known that is not known yet."""

_MEASURES: Final = ("finished", "failures", "lost", "shipped", "cod", "paid", "valued", "amount")
_PLACE_AND_DAY: Final = ("country", "state", "pin_code", "ordered_on")
_EPOCH: Final = date(1970, 1, 1)


class Place(NamedTuple):
    """Where a shipment goes, as it names it."""

    country: str
    state: str
    pin_code: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Cells of shipments, one row each, in no particular order. Days are days since 1970-01-01."""

    metric: Metric
    maturity_days: int
    places: tuple[Place, ...]
    """Every place once, sorted."""

    currencies: tuple[str, ...]
    """Every currency once, sorted; empty text where a shipment names none."""

    place: Ints
    """Index into ``places``."""

    currency: Ints
    """Index into ``currencies``."""

    day: Ints
    """Order day."""

    known: Ints
    """First day on which the outcome may be looked at; ``NEVER`` where there is none yet."""

    finished: Floats
    """Orders with an outcome that counts for the metric."""

    failures: Floats
    """Those among them that failed."""

    lost: Floats
    shipped: Floats
    """All orders that left, whatever became of them."""

    cod: Floats
    """Orders paid on delivery."""

    paid: Floats
    """Orders whose payment method is known."""

    valued: Floats
    """Orders whose value is known."""

    amount: Floats
    """Sum of their values."""

    first_day: int
    """First order day; 0 where there are no shipments."""

    last_day: int
    """Last day the data speaks of: of an order or of an outcome."""


def to_day(number: int) -> date:
    """Turn days since 1970-01-01 into a date."""
    return _EPOCH + timedelta(days=number)


def from_day(day: date) -> int:
    """Turn a date into days since 1970-01-01."""
    return (day - _EPOCH).days


def count_shipments(table: ir.Table, settings: Settings, *, as_of: date | None = None) -> Counts:
    """Count shipments by place, day, lateness and currency.

    Args:
        table: one row per shipment, with the columns of ``crossloop.signals.entities.SHIPMENT_COLUMNS``.
        settings: says the metric and the maturity; with ``as_of`` the history as well.
        as_of: only look at what a detection on this day needs; without it at everything.

    Raises:
        SettingError: the metric is ``ndr`` and no shipment has delivery attempts.
    """
    if as_of is not None:
        span = timedelta(days=settings.maturity_days + settings.history_days)
        days: Any = table.ordered_on
        table = table.filter(days.between(ibis.literal(as_of - span), ibis.literal(as_of)))
    found: Any = _aggregate(table, settings).to_pyarrow()
    if settings.metric == "ndr" and found.num_rows and not _numbers(found, "finished").any():
        raise SettingError(
            "ndr needs NDR events: no shipment has delivery attempts.",
            where=Where(field="metric"),
            next_step="Map the columns attempts, failed_attempts and first_attempt_on, or set metric=rto.",
        )
    return _counts(found, settings)


def _aggregate(table: Any, settings: Settings) -> Any:
    left = table.outcome != "not_shipped"
    attempted = left & (table.attempts.fill_null(0) > 0)
    lost = table.outcome == "lost"
    if settings.metric == "rto":
        finished, known_on = table.outcome.isin(["delivered", "returned"]), table.outcome_on
        failed = table.outcome == "returned"
    else:
        finished, known_on = attempted, table.first_attempt_on
        failed = attempted & (table.failed_attempts.fill_null(0) > 0)
        lost &= ~attempted
    waited = ibis.coalesce(known_on, table.ordered_on).delta(table.ordered_on, unit="day")
    late = ibis.ifelse(finished | lost, ibis.greatest(waited - settings.maturity_days, 0), -1)
    rows = table.select(
        *_PLACE_AND_DAY,
        "outcome_on",
        left=left,
        finished=finished,
        failed=failed,
        lost=lost,
        cod=left & (table.payment == "cod"),
        paid=left & table.payment.notnull(),
        value=ibis.ifelse(left, table.amount, None),
        late=late.cast("int32"),
        money=table.currency.fill_null(""),
    )
    return rows.group_by([*_PLACE_AND_DAY, "late", "money"]).aggregate(
        finished=rows.count(where=rows.finished),
        failures=rows.count(where=rows.failed),
        lost=rows.count(where=rows.lost),
        shipped=rows.count(where=rows.left),
        cod=rows.count(where=rows.cod),
        paid=rows.count(where=rows.paid),
        valued=rows.value.count(),
        amount=rows.value.sum().cast("float64").fill_null(0.0),
        ended_on=rows.outcome_on.max(),
    )


def _counts(found: Any, settings: Settings) -> Counts:
    day = _days(found, "ordered_on")
    late = _numbers(found, "late").astype(np.int64)
    ended_on = _days(found, "ended_on")
    place, places = _places(found)
    currency, currencies = _coded(found, "money")
    left = _numbers(found, "shipped") > 0
    measures = {name: _numbers(found, name)[left] for name in _MEASURES}
    return Counts(
        metric=settings.metric,
        maturity_days=settings.maturity_days,
        places=places,
        currencies=tuple(currencies),
        place=place[left],
        currency=currency[left],
        day=day[left],
        known=np.where(late < 0, NEVER, day + settings.maturity_days + late)[left],
        **measures,
        first_day=int(day.min()) if len(day) else 0,
        last_day=int(max(day.max(), ended_on.max())) if len(day) else 0,
    )


def _numbers(found: Any, name: str) -> Floats:
    return found[name].to_numpy().astype(np.float64)


def _days(found: Any, name: str) -> Ints:
    """Days since 1970-01-01; a missing one is far in the past."""
    filled = found[name].cast(pyarrow.int32()).fill_null(-NEVER)
    return filled.to_numpy().astype(np.int64)


def _coded(found: Any, name: str) -> tuple[Ints, list[str]]:
    """Replace texts by their index among the sorted distinct texts."""
    codes, texts = _distinct(found[name].combine_chunks())
    order = sorted(range(len(texts)), key=texts.__getitem__)
    return _ranked(codes, np.asarray(order, dtype=np.int64)), [texts[index] for index in order]


def _places(found: Any) -> tuple[Ints, tuple[Place, ...]]:
    """Code country, state and pin code together, in sorted order."""
    columns = [_coded(found, name) for name in Place._fields]
    together = np.zeros(found.num_rows, dtype=np.int64)
    for codes, texts in columns:
        together = together * len(texts) + codes
    codes, numbers = _distinct(pyarrow.array(together))
    distinct = np.asarray(numbers, dtype=np.int64)
    order = np.argsort(distinct)
    rest = distinct[order]
    names: list[list[str]] = []
    for _, texts in reversed(columns):
        names.append([texts[index] for index in rest % max(len(texts), 1)])
        rest //= max(len(texts), 1)
    return _ranked(codes, order), tuple(map(Place, *reversed(names)))


def _distinct(column: Any) -> tuple[Ints, list[Any]]:
    """Index of each value among the distinct ones, in order of first appearance (hashed, not sorted)."""
    encoded = column.dictionary_encode()
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()


def _ranked(codes: Ints, order: Ints) -> Ints:
    """Renumber codes so that ``order[0]`` becomes 0, and so on."""
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[codes]
