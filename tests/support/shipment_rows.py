"""Shipments as rows of the canonical table, on DuckDB."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

import ibis
import pyarrow as pa
from ibis.expr import types as ir

ARROW: dict[str, pa.DataType] = {
    "shipment_id": pa.string(),
    "ordered_on": pa.date32(),
    "country": pa.string(),
    "state": pa.string(),
    "pin_code": pa.string(),
    "outcome": pa.string(),
    "outcome_on": pa.date32(),
    "attempts": pa.int32(),
    "failed_attempts": pa.int32(),
    "first_attempt_on": pa.date32(),
    "payment": pa.string(),
    "amount": pa.decimal128(18, 2),
    "currency": pa.string(),
}

Row = Mapping[str, object]


def shipment(**changes: object) -> Row:
    """A delivered shipment, changed."""
    row: dict[str, object] = dict.fromkeys(ARROW)
    row |= {
        "shipment_id": "S",
        "ordered_on": date(2025, 1, 1),
        "country": "IN",
        "state": "KARNATAKA",
        "pin_code": "560001",
        "outcome": "delivered",
        "amount": Decimal("500.00"),
        "currency": "INR",
    }
    return row | changes


def table_of(rows: Iterable[Row]) -> ir.Table:
    """Put rows into a table."""
    listed = list(rows)
    columns = {name: pa.array([row[name] for row in listed], type=kind) for name, kind in ARROW.items()}
    return ibis.memtable(pa.table(columns))
