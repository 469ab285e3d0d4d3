"""Generated shipments as columns, and the columns as a table with exactly the canonical schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]
import pyarrow.compute as pc  # pyright: ignore[reportMissingTypeStubs]

from crossloop.adapters.embedded.markets import Flags, Ints
from crossloop.signals.entities import SHIPMENT_COLUMNS

# pyarrow ships no types.
_pa: Any = pa
_pc: Any = pc

OUTCOMES: Final = ("delivered", "returned", "lost", "in_transit", "not_shipped")
DELIVERED, RETURNED, LOST, IN_TRANSIT, NOT_SHIPPED = range(5)
UNKNOWN: Final = -1
"""Stands for a day that is not known yet; no order is from before 1970."""

Small = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Columns:
    """One entry for each order, in order of their days."""

    day: Ints
    """Days since 1970-01-01."""

    pin: Ints
    """Position of the pin code among the markets."""

    cod: Flags
    outcome: Small
    """Position in ``OUTCOMES``."""

    outcome_day: Ints
    """Days since 1970-01-01, or ``UNKNOWN``."""

    attempts: Small
    failed: Small
    first_attempt_day: Ints
    """Days since 1970-01-01, or ``UNKNOWN``."""

    rupees: Ints
    """Value of the order in whole units of the currency."""


class ArrowTable(Protocol):
    """A ``pyarrow.Table``, as far as its types matter here; whatever reads Arrow takes it."""

    @property
    def num_rows(self) -> int: ...

    @property
    def column_names(self) -> list[str]: ...

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


def to_table(
    columns: Columns,
    *,
    pin_codes: Ints,
    pin_states: Ints,
    states: tuple[str, ...],
    country: str,
    currency: str,
) -> ArrowTable:
    """Return the shipments with the columns and types of ``SHIPMENT_COLUMNS``."""
    size = len(columns.day)
    values = {
        "shipment_id": _pc.binary_join_element_wise(
            "S", _pc.utf8_lpad(_pa.array(np.arange(1, size + 1)).cast(_pa.string()), 9, "0"), ""
        ),
        "ordered_on": _days(columns.day),
        "country": _pa.array([country]).take(_pa.array(np.zeros(size, dtype=np.int32))),
        "state": _pa.array(states).take(_pa.array(pin_states[columns.pin])),
        "pin_code": _pa.array(pin_codes.astype("U6").tolist()).take(_pa.array(columns.pin)),
        "outcome": _pa.array(OUTCOMES).take(_pa.array(columns.outcome)),
        "outcome_on": _days(columns.outcome_day),
        "attempts": _pa.array(columns.attempts.astype(np.int32)),
        "failed_attempts": _pa.array(columns.failed.astype(np.int32)),
        "first_attempt_on": _days(columns.first_attempt_day),
        "payment": _pa.array(["prepaid", "cod"]).take(_pa.array(columns.cod.astype(np.int8))),
        "amount": _money(columns.rupees),
        "currency": _pa.array([currency]).take(_pa.array(np.zeros(size, dtype=np.int32))),
    }
    return _pa.table([values[name] for name in SHIPMENT_COLUMNS], names=list(SHIPMENT_COLUMNS))


def _days(days: Ints) -> Any:
    return _pa.array(days, mask=days == UNKNOWN).cast(_pa.date32())


def _money(rupees: Ints) -> Any:
    """Decimals straight from integers: 16 bytes each, low half first. A cast would go through text."""
    halves = np.zeros((len(rupees), 2), dtype="<i8")
    halves[:, 0] = rupees.astype(np.int64) * 100
    return _pa.Array.from_buffers(_pa.decimal128(18, 2), len(rupees), [None, _pa.py_buffer(halves.tobytes())])
