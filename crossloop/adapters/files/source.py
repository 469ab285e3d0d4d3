"""From a file to lines of text in DuckDB, with the columns that a mapping wants.

CSV is read once into a table. A Parquet file stays where it is: its columns are shown as text by a view,
dates in the form the mapping declares, so that one translation serves both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from glob import escape
from operator import itemgetter
from pathlib import Path
from tempfile import gettempdir
from typing import Final, Literal, cast
from uuid import uuid4

import duckdb

from crossloop.adapters.files.csv_records import CsvRecord, csv_records
from crossloop.adapters.files.mapping import ColumnRule, ShipmentMapping
from crossloop.adapters.files.reasons import BROKEN_FIELDS, BROKEN_QUOTES
from crossloop.adapters.files.untyped import ArrowTable, Column, Connection, Table, ibis, pyarrow
from crossloop.errors import DataFileError, MappingError, Where

FileKind = Literal["csv", "parquet"]
ROW: Final = "file_row_number"
"""DuckDB's number of a Parquet row, from 0."""

_BATCH: Final = 65_536
_FEW: Final = 10
_SMALL_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of one file as text: ``line``, ``problem`` and one column for each source column."""

    table: Table
    names: Mapping[str, str]
    """Name as the mapping has it to name in ``table``; optional columns that are absent are missing."""

    def raw(self, column: str) -> Column:
        """The text of a source column."""
        return self.table[self.names[column]]


def connect() -> Connection:
    """Open an empty in-memory DuckDB.

    What does not fit into memory goes to a folder of its own under the system's temporary folder: by
    default DuckDB would use ``.tmp`` in the current one, and two processes in one folder take each other's
    files. DuckDB makes the folder when it needs it and removes it.

    Its progress bar is off: in what it takes for an interactive process (a forked worker, ``python -c``) it
    would draw on stdout, into the JSON of whoever reads that.
    """
    spill = Path(gettempdir()) / f"crossloop-{uuid4().hex}"
    connection = ibis.duckdb.connect(temp_directory=str(spill))
    [(drawn,)] = connection.raw_sql("SELECT current_setting('enable_progress_bar')").fetchall()
    if drawn:  # asked first, because in a notebook without ipywidgets it is off and must not be touched
        connection.raw_sql("SET enable_progress_bar = false")
    return connection


def kind_of(file: Path) -> FileKind:
    """Tell the kind by the name, and refuse what is not there or not a file."""
    if not file.exists():
        raise DataFileError("there is no such file.", where=Where(file), next_step="Check the path.")
    if not file.is_file():
        raise DataFileError("is not a file.", where=Where(file), next_step="Name one file.")
    name = file.name.lower()
    if name.endswith((".csv", ".csv.gz")):
        return "csv"
    if name.endswith(".parquet"):
        return "parquet"
    raise DataFileError(
        "has an unknown kind of name.", where=Where(file), next_step="Use .csv, .csv.gz or .parquet."
    )


def digest_of_file(file: Path) -> str:
    """SHA-256 over the bytes of the file, lowercase hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def drop(connection: Connection, *names: str) -> None:
    """Drop tables of the connection to give their memory back.

    In plain SQL, because ibis 12 writes DROP without the name when it meets sqlglot 30.
    """
    for name in names:
        connection.raw_sql(f'DROP TABLE IF EXISTS "{name}"')


@contextmanager
def reading_content(file: Path) -> Generator[None]:
    """Turn complaints about the content of a file into an error that names the file.

    An overflow is a damaged date that contradicts the statistics of the Parquet file, which DuckDB trusts.
    """
    try:
        yield
    except OSError as wrong:
        raise DataFileError(f"cannot be read: {wrong.strerror or wrong}.", where=Where(file)) from wrong
    except (duckdb.Error, OverflowError) as wrong:
        first = str(wrong).splitlines()[0]
        raise DataFileError(
            f"cannot be read: {first}.", where=Where(file), next_step="Export or copy the file again."
        ) from wrong


def open_parquet(connection: Connection, file: Path) -> Table:
    """Show a Parquet file, its row numbers included, as a table that is read when it is asked."""
    with file.open("rb") as stream:
        start = stream.read(4)
        size = stream.seek(0, 2)
        stream.seek(max(0, size - 4))
        end = stream.read(4)
    if size == 0:
        raise DataFileError("is empty.", where=Where(file), next_step="Export it again.")
    if start != b"PAR1" or end != b"PAR1":
        what = "is cut off" if start == b"PAR1" else "is not a Parquet file"
        raise DataFileError(f"{what}.", where=Where(file), next_step="Export or copy the file again.")
    with reading_content(file):
        return connection.read_parquet(escape(str(file)), file_row_number=True)


def parquet_lines(table: Table, file: Path, mapping: ShipmentMapping) -> Lines:
    """Show the wanted columns of a Parquet file as text."""
    present = [name for name in table.columns if name != ROW]
    found = find_columns(present, file, mapping)
    rules = {rule.column: rule for rule in mapping.columns.values()}
    texts = {f"c{at}": _as_text(table[present[at]], rules.get(name), file) for name, at in found.items()}
    shown = table.select(line=table[ROW] + 1, problem=ibis.null("string"), **texts)
    return Lines(shown, {name: f"c{at}" for name, at in found.items()})


def _as_text(column: Column, rule: ColumnRule | None, file: Path) -> Column:
    kind = column.type()
    if kind.is_timestamp() and kind.timezone is not None:
        raise MappingError(
            f"has times with the zone {kind.timezone}; which calendar day is meant cannot be told.",
            where=Where(file, field=column.get_name()),
            next_step="Export the local calendar day.",
        )
    if (kind.is_date() or kind.is_timestamp()) and rule is not None:
        return column.strftime(rule.format)
    text = column.cast("string")
    # A number is written with a point here, whatever the mapping says of amounts that are text.
    return text.replace(".", rule.decimal) if kind.is_numeric() and rule is not None else text


def csv_lines(connection: Connection, file: Path, mapping: ShipmentMapping) -> Lines:
    """Read a CSV file into a table of the connection."""
    records = csv_records(file, mapping.delimiter)
    header = next(records, None)
    if header is None:
        raise DataFileError("is empty.", where=Where(file), next_step="Export it again.")
    if header.cells is None:
        raise DataFileError("the header has broken quotes.", where=Where(file, header.line))
    found = find_columns(header.cells, file, mapping, line=header.line)
    lines = _collected(records, len(header.cells), tuple(sorted(set(found.values()))))
    if lines.num_rows == 0:
        raise DataFileError(
            "has a header and no line below it.", where=Where(file), next_step="Export it again."
        )
    _refuse_if_mostly_broken(lines, file, len(header.cells))
    table = connection.create_table("lines", ibis.memtable(lines), temp=True)
    return Lines(table, {name: f"c{at}" for name, at in found.items()})


def _collected(records: Iterator[CsvRecord], width: int, wanted: tuple[int, ...]) -> ArrowTable:
    names = ["line", "problem", *(f"c{at}" for at in wanted)]
    schema = pyarrow.schema([("line", pyarrow.int64()), *((name, pyarrow.string()) for name in names[1:])])
    pick = cast("Callable[[list[str]], tuple[str, ...]]", itemgetter(*wanted))
    nothing = (None,) * len(wanted)
    batches: list[Column] = []
    rows: list[tuple[int | str | None, ...]] = []

    def flush() -> None:
        if rows:
            columns = zip(zip(*rows, strict=True), schema.types, strict=True)
            arrays = [pyarrow.array(values, kind) for values, kind in columns]
            batches.append(pyarrow.record_batch(arrays, schema=schema))
            rows.clear()

    for line, lines, cells in records:
        if cells is not None and len(cells) == width:
            rows.append((line, None, *pick(cells)))
        else:
            problem = BROKEN_QUOTES if cells is None else BROKEN_FIELDS
            rows.extend((line + more, problem, *nothing) for more in range(lines))
        if len(rows) >= _BATCH:
            flush()
    flush()
    return pyarrow.Table.from_batches(batches, schema)


def _refuse_if_mostly_broken(lines: ArrowTable, file: Path, width: int) -> None:
    """A few broken lines are dirt; many mean that the file is not what it seems to be."""
    broken = lines.num_rows - lines["problem"].null_count
    if broken == lines.num_rows or (broken > _FEW and broken > _SMALL_SHARE * lines.num_rows):
        at = next(i for i, problem in enumerate(lines["problem"]) if problem.is_valid)
        raise DataFileError(
            f"{broken} of {lines.num_rows} lines do not have the {width} fields of the header.",
            where=Where(file, lines["line"][at].as_py()),
            next_step="Check the delimiter and the quoting of the export.",
        )


def find_columns(
    present: Sequence[str], file: Path, mapping: ShipmentMapping, *, line: int | None = None
) -> dict[str, int]:
    """Find the position of every source column that a mapping names.

    Raises:
        MappingError: a column is missing or stands twice; the message lists what there is.
    """
    wanted = [(rule.column, field, rule.optional) for field, rule in mapping.columns.items()]
    wanted += [(rule.column, "filters", False) for rule in mapping.filters]
    plain = [name.strip() for name in present]
    found: dict[str, int] = {}
    for name, used_for, optional in wanted:
        times = plain.count(name.strip())
        where = Where(file, line, name)
        if times > 1:
            raise MappingError(
                f"the column '{name}' stands {times} times.", where=where, next_step="Rename all but one."
            )
        if times == 1:
            found[name] = plain.index(name.strip())
        elif not optional:
            near = get_close_matches(name.strip(), plain, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise MappingError(
                f"there is no column '{name}' (for {used_for}).{hint} There are: {', '.join(plain)}.",
                where=where,
                next_step=f"Name the right column in the mapping '{mapping.name}', or hand over another "
                "mapping, or check the delimiter.",
            )
    return found
