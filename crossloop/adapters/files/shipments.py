"""Reading one file of shipments: the public entry."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

import ibis.expr.types as ir

from crossloop.adapters.files.accounting import RowCount, SetAside
from crossloop.adapters.files.canonical_parquet import is_canonical, read_canonical
from crossloop.adapters.files.facts import Facts, facts_of, groups_of
from crossloop.adapters.files.mapping import CANONICAL, ShipmentMapping
from crossloop.adapters.files.parsing import Reading
from crossloop.adapters.files.reasons import BAD_AMOUNT
from crossloop.adapters.files.source import (
    connect,
    csv_lines,
    digest_of_file,
    kind_of,
    open_parquet,
    parquet_lines,
    reading_content,
)
from crossloop.adapters.files.translation import translate
from crossloop.adapters.files.untyped import Connection, Table, ibis
from crossloop.errors import DataFileError, Where


@dataclass(frozen=True, slots=True)
class ShipmentData:
    """The shipments of one file, ready to be aggregated. Close it, or use it in a ``with`` block."""

    table: ir.Table = field(repr=False)
    """Exactly the columns of ``SHIPMENT_COLUMNS``, one row for each shipment id, of an open DuckDB
    connection: an expression over the file where that is canonical Parquet, otherwise a table in memory."""

    rows: RowCount
    """What became of every line of the file."""

    file: Path
    digest: str
    """SHA-256 over the bytes of the file, lowercase hexadecimal."""

    first_day: date
    """Earliest order day among the shipments."""

    last_day: date
    """Latest order day among the shipments."""

    has_ndr: bool
    """Some shipment has a number of failed attempts: NDR can be measured."""

    has_pin_codes: bool
    """Shipments have postal codes; without them nothing can be said of areas smaller than a state."""

    has_outcome_days: bool
    """Some shipment has the day on which its outcome became known."""

    has_payment: bool
    """Some shipment has its way of payment."""

    currency: str | None
    """ISO 4217 code of the amounts; none where it is not known or differs between shipments."""

    _connection: Connection = field(repr=False, compare=False)

    def close(self) -> None:
        """Give the memory back; the table can no longer be used."""
        self._connection.disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_shipments(
    file: Path, mapping: ShipmentMapping | None = None, *, as_of: date | None = None
) -> ShipmentData:
    """Read one file of orders or shipments into canonical shipments.

    Args:
        file: ``.csv``, ``.csv.gz`` or ``.parquet``.
        mapping: how the export becomes canonical; none for a file whose columns are named canonically.
        as_of: local calendar day; lines ordered later are set aside. Outcomes that became known later
            are left as they are: ``outcome_on`` tells.

    Raises:
        DataFileError: the file cannot be read or trusted, or has no line that can be used.
        MappingError: the mapping does not fit the file.
    """
    kind = kind_of(file)
    with ExitStack() as opened:
        connection = connect()
        opened.callback(connection.disconnect)
        with reading_content(file), ThreadPoolExecutor(max_workers=1) as beside:
            digested = beside.submit(digest_of_file, file)
            table, rows, facts = _read(connection, file, kind, mapping or CANONICAL, as_of)
            digest = digested.result()
        if facts is None:
            raise _nothing_usable(file, rows)
        opened.pop_all()
        return ShipmentData(
            table=table,
            rows=rows,
            file=file,
            digest=digest,
            first_day=facts.first_day,
            last_day=facts.last_day,
            has_ndr=facts.has_ndr,
            has_pin_codes="pin_code" in (mapping or CANONICAL).columns,
            has_outcome_days=facts.has_outcome_days,
            has_payment=facts.has_payment,
            currency=facts.currency,
            _connection=connection,
        )


def _read(
    connection: Connection, file: Path, kind: str, mapping: ShipmentMapping, as_of: date | None
) -> tuple[Table, RowCount, Facts | None]:
    if kind == "csv":
        lines = csv_lines(connection, file, mapping)
    else:
        parquet = open_parquet(connection, file)
        if mapping == CANONICAL and is_canonical(parquet):
            return read_canonical(connection, file, parquet, as_of)
        lines = parquet_lines(parquet, file, mapping)
    table, rows = translate(Reading(connection, file, lines, mapping), as_of)
    return table, rows, facts_of(groups_of(table, ibis.null("int64")))


def _nothing_usable(file: Path, rows: RowCount) -> DataFileError:
    if rows.read == 0:
        return DataFileError("has no rows.", where=Where(file), next_step="Export it again.")
    why = "; ".join(f"{item.count} {item.reason}{_example(item)}" for item in rows.set_aside)
    steps = ["Check the mapping, its filters and the as-of day."]
    if any(item.reason == BAD_AMOUNT for item in rows.set_aside):
        steps.append('Where 162,92 is an amount, the column of amount is {column: …, decimal: ","}.')
    return DataFileError(
        f"none of its {rows.read} lines can be used: {why}.", where=Where(file), next_step=" ".join(steps)
    )


def _example(item: SetAside) -> str:
    """The first line concerned, with what is written there."""
    if not item.examples:
        return ""
    first = item.examples[0]
    written = ", ".join(f"{column} '{text}'" for column, text in first.values.items())
    return f" (line {first.line}{': ' if written else ''}{written})"
