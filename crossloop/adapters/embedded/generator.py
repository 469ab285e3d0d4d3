"""A seeded generator of a realistic company that sells to consumers in India. Needs the ``loops`` extra.

Rules, in the order in which they are drawn; every number stands in :class:`Assumptions`:

1. Orders of a day are Poisson with a weekly rhythm. An order goes to a state, within it to a 3-digit
   prefix, within that to a pin code. Sizes of pin codes follow Zipf: a few are large, hundreds are tiny.
2. The state decides how likely cash on delivery is and what an order is worth (log-normal).
3. The odds of a return to origin (RTO) rest on the payment (cash comes back several times as often) and
   vary by state, prefix, pin code and, a little, by day. In a planted area, while its problem lasts, the
   planted rates stand in their place. Nothing else knows the planted areas: they have to be found.
4. A few per cent are cancelled and never leave, a few per thousand are lost, the rest is delivered or
   returned.
5. A returned parcel has one to three failed attempts (NDR), a delivered one mostly none. So NDR is more
   frequent than RTO. Deliveries are known after 2 to 6 days, returns only after 5 to 10: the returns of
   recent orders are not known yet, although many of their deliveries are.
6. The table tells what is known on the last day. What becomes known later is ``in_transit``, with the
   attempts made so far. A reader of an earlier day must not look at outcomes with a later ``outcome_on``;
   of attempts the table keeps the day of the first one alone.

One ``Generator(PCG64(seed))`` is drawn from in a fixed order: same arguments and same versions of numpy and
pyarrow, same bytes. An earlier ``last_day`` is another history, not a shorter one.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from crossloop.adapters.embedded.assumptions import DEFAULTS, Assumptions, Planted
from crossloop.adapters.embedded.company import EmbeddedCompany
from crossloop.adapters.embedded.draws import Period, draw
from crossloop.adapters.embedded.generated import (
    GeneratedCompany,
    Truth,
    WrittenCompany,
    write_company,
    write_shipments,
)
from crossloop.adapters.embedded.markets import Flags, Markets, lay_out
from crossloop.adapters.embedded.plans import campaigns, scale_ups
from crossloop.adapters.embedded.tables import DELIVERED, RETURNED, Columns, to_table
from crossloop.errors import SettingError, Where
from crossloop.signals.entities import Area, Campaign

__all__ = [
    "DEFAULTS",
    "Assumptions",
    "GeneratedCompany",
    "Planted",
    "Truth",
    "WrittenCompany",
    "ensure_company",
    "generate",
    "made_up_campaigns",
    "shipments_of",
    "write_company",
    "write_shipments",
]

_EPOCH: Final = date(1970, 1, 1)
_WEEK: Final = 7
_SEED: Final = 7
_ORDERS_PER_DAY: Final = 400
_LAST_DAY: Final = date(2026, 6, 30)


def generate(
    seed: int = _SEED,
    *,
    days: int = 120,
    orders_per_day: int = _ORDERS_PER_DAY,
    last_day: date = _LAST_DAY,
    assumptions: Assumptions = DEFAULTS,
) -> GeneratedCompany:
    """Generate a company's history.

    Args:
        seed: of the only source of randomness.
        days: how many days of orders, the last one included; at least 1.
        orders_per_day: mean number of orders on an average day; at least 1.
        last_day: the day of which the table tells what is known.
        assumptions: every other number.

    Raises:
        SettingError: a number is out of range.
    """
    for name, value in (("days", days), ("orders_per_day", orders_per_day)):
        if value < 1:
            raise SettingError(f"expected at least 1, got {value}.", where=Where(field=name))
    rng = np.random.Generator(np.random.PCG64(seed))
    markets = lay_out(assumptions, rng)
    first_day = last_day - timedelta(days=days - 1)
    period = Period(first=(first_day - _EPOCH).days, days=days)
    columns = draw(assumptions, markets, rng, period, orders_per_day)
    states = tuple(state.name for state in assumptions.states)
    table = to_table(
        columns,
        pin_codes=markets.code,
        pin_states=markets.state,
        states=states,
        country=assumptions.country,
        currency=assumptions.currency,
    )
    return GeneratedCompany(
        shipments=table,
        campaigns=campaigns(assumptions, orders_per_day),
        scale_ups=scale_ups(assumptions, last_day),
        truth=Truth(
            planted=assumptions.planted, unlucky=_unlucky(assumptions, markets, columns, period, states)
        ),
        assumptions=assumptions,
    )


def _unlucky(
    assumptions: Assumptions, markets: Markets, columns: Columns, period: Period, states: tuple[str, ...]
) -> tuple[Area, ...]:
    outside: Flags = np.ones(len(markets.code), dtype=np.bool_)
    for planted in assumptions.planted:
        outside &= ~markets.inside(planted.area, states)
    weeks = period.days // _WEEK + 1
    cell = columns.pin.astype(np.int64) * weeks + (period.last - columns.day) // _WEEK
    cells = len(markets.code) * weeks
    returned = columns.outcome == RETURNED
    finished = returned | (columns.outcome == DELIVERED)
    failures = np.bincount(cell[returned], minlength=cells)
    orders = np.bincount(cell[finished], minlength=cells)
    pins = np.unique(np.flatnonzero((orders >= 3) & (failures == orders)) // weeks)
    tiny = np.bincount(columns.pin, minlength=len(markets.code)) <= 3 * weeks
    return tuple(
        Area(
            level="pin_code",
            code=str(markets.code[pin]),
            country=assumptions.country,
            state=states[markets.state[pin]],
            pin_prefix=str(markets.code[pin] // 1000),
        )
        for pin in pins
        if outside[pin] and tiny[pin]
    )


def made_up_campaigns() -> tuple[Campaign, ...]:
    """The campaigns that an embedded company is given on first use."""
    return campaigns(DEFAULTS, _ORDERS_PER_DAY)


def shipments_of(company: EmbeddedCompany) -> Path:
    """Where the Parquet file of an embedded company's shipments stands, or will stand."""
    return company.path.with_name(f"{company.path.stem}-shipments.parquet")


def ensure_company(company: EmbeddedCompany) -> Path:
    """Give an embedded company a history of its own, on first use.

    The shipments stand in a Parquet file beside its database. Campaigns and plans are loaded where no
    campaign is known yet.

    Returns:
        The Parquet file.
    """
    company.ads.load_first(made_up_campaigns(), scale_ups(DEFAULTS, _LAST_DAY))
    shipments = shipments_of(company)
    if not shipments.exists():
        write_shipments(shipments, generate())
    return shipments
