"""Small files of shipments, as companies export them."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from crossloop.adapters.files import RowCount, ShipmentData
from crossloop.adapters.files.untyped import rows_of

GOOD: dict[str, str] = {
    "shipment_id": "S1",
    "ordered_on": "2025-04-30",
    "country": "IN",
    "state": "KARNATAKA",
    "pin_code": "560001",
    "outcome": "delivered",
}
"""A line with all that is needed; tests change what they are about."""

ARROW_TYPES: dict[str, pa.DataType] = {
    "ordered_on": pa.date32(),
    "outcome_on": pa.date32(),
    "first_attempt_on": pa.date32(),
    "attempts": pa.int32(),
    "failed_attempts": pa.int32(),
    "amount": pa.decimal128(18, 2),
}


def line(**changes: str) -> dict[str, str]:
    """A good line, changed."""
    return GOOD | changes


def write_csv(file: Path, lines: Iterable[Mapping[str, str]], *, columns: Sequence[str] = ()) -> Path:
    """Write lines as CSV, compressed where the name says so."""
    lines = list(lines)
    names = list(columns) or list(dict.fromkeys(name for one in lines for name in one))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([one.get(name, "") for name in names] for one in lines)
    content = text.getvalue().encode()
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)
    return file


def write_text(file: Path, text: str) -> Path:
    """Write text as it is."""
    file.write_bytes(text.encode())
    return file


def write_parquet(
    file: Path, lines: Iterable[Mapping[str, str]], types: Mapping[str, pa.DataType] | None = None
) -> Path:
    """Write the same lines as Parquet with the canonical types, or others; an empty text is null."""
    lines = list(lines)
    kinds = ARROW_TYPES | dict(types or {})
    columns: dict[str, pa.Array] = {}
    for name in dict.fromkeys(name for one in lines for name in one):
        texts = pa.array([one.get(name) or None for one in lines], pa.string())
        columns[name] = _cast(texts, kinds.get(name, pa.string()))
    pq.write_table(pa.table(columns), file)
    return file


def _cast(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_null(kind):
        return pa.nulls(len(texts))
    if pa.types.is_timestamp(kind):
        return texts.cast(pa.timestamp(kind.unit)).cast(kind)
    return texts.cast(kind)


def shipments_of(data: ShipmentData) -> dict[str, dict[str, object]]:
    """The shipments by id, each once."""
    rows = rows_of(data.table)
    found = {row["shipment_id"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def aside(rows: RowCount) -> dict[str, int]:
    """How many lines were set aside, by reason."""
    return {item.reason: item.count for item in rows.set_aside}
