"""Months of orders made by hand: areas whose rate of returns is known exactly, day by day."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

FIRST = date(2025, 1, 1)

MAPPING = """\
mapping: 1
name: shop
columns:
  shipment_id: Order No
  ordered_on: {column: Placed, format: "%d/%m/%Y"}
  state: State
  pin_code: PIN
  outcome: Result
  outcome_on: {column: Known, format: "%d/%m/%Y"}
  payment: Paid
  amount: Value
constants:
  country: IN
  currency: INR
outcomes:
  Delivered: delivered
  RTO: returned
  Cancelled: not_shipped
payments:
  COD: cod
  Prepaid: prepaid
lines_per_shipment: one
"""
"""The mapping of such files; no column is called as in the canonical form."""

COLUMNS = ("Order No", "Placed", "State", "PIN", "Result", "Known", "Paid", "Value")

CAMPAIGNS = """\
campaign,name,status,daily_budget,currency,level,code
brand,Brand search,live,30000,INR,country,IN
generic,Generic search,live,8000,INR,country,IN
"""


@dataclass(frozen=True)
class Place:
    """Orders to one pin code."""

    state: str
    pin_code: str
    per_day: int
    returns: Callable[[int], int]
    """How many of a day's orders come back, by day since the first one."""

    until: int = 10_000
    """Number of the day on which orders end."""


def quiet(per_day: int) -> Callable[[int], int]:
    """One order in twenty comes back."""
    return lambda day: (per_day * (day + 1)) // 20 - (per_day * day) // 20


QUIET = (
    Place("KARNATAKA", "560001", 30, quiet(30)),
    Place("KERALA", "682001", 20, quiet(20)),
    Place("GUJARAT", "380001", 25, quiet(25)),
)


def write_orders(file: Path, places: Iterable[Place], *, days: int) -> Path:
    """Write every order of so many days; each outcome is known three days later."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for place in places:
            for day in range(min(days, place.until)):
                placed = FIRST + timedelta(days=day)
                known = placed + timedelta(days=3)
                for number in range(place.per_day):
                    writer.writerow(
                        (
                            f"{place.pin_code}-{day}-{number}",
                            f"{placed:%d/%m/%Y}",
                            place.state,
                            place.pin_code,
                            "RTO" if number < place.returns(day) else "Delivered",
                            f"{known:%d/%m/%Y}",
                            "COD" if number % 2 else "Prepaid",
                            "900",
                        )
                    )
    return file


def write_company(folder: Path, *places: Place, days: int) -> tuple[str, ...]:
    """Write orders, mapping and campaigns; return the options that hand them over."""
    orders = write_orders(folder / "orders.csv", (*QUIET, *places), days=days)
    (folder / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    (folder / "campaigns.csv").write_text(CAMPAIGNS, encoding="utf-8")
    mapping, campaigns = folder / "mapping.yaml", folder / "campaigns.csv"
    options = ("--data", orders, "--mapping", mapping, "--data", f"campaigns={campaigns}")
    return (*map(str, options), "--set", "maturity_days=4")


def day(number: int) -> str:
    """The as-of day of so many days after the first, as the command line takes it."""
    return (FIRST + timedelta(days=number)).isoformat()
