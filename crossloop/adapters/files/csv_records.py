"""Reading CSV exactly: every record with its line, damage told from data.

The standard library's reader in strict mode is used, because it knows the line of each record, accepts
any line ends and fails loudly; DuckDB's reader was tried, and returned no rows and no error for a file
with line ends other than declared, and took an unclosed quote for the end of the file. The price is
about ten microseconds for a line; large data travels as Parquet.

1. A broken record (quotes that do not close where they should, another number of fields than the header)
   is handed on as broken, with its line; the reader goes on with the next line.
2. A quote that never closes, a cut-off or damaged gzip stream, bytes that are not UTF-8 and U+0000 are
   errors: what follows them cannot be trusted.
3. Blank lines are skipped.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO

from crossloop.errors import DataFileError, Where

_GZIP = b"\x1f\x8b"
_KNOWN_CONTENT = {
    b"PAR1": ("a Parquet file", "Rename it to .parquet."),
    b"PK\x03\x04": ("an Excel workbook or ZIP archive", "Save the sheet as CSV (UTF-8)."),
    b"\xff\xfe": ("UTF-16 text", "Save it as CSV (UTF-8)."),
    b"\xfe\xff": ("UTF-16 text", "Save it as CSV (UTF-8)."),
}


class CsvRecord(NamedTuple):
    """One record of a CSV file."""

    line: int
    """The line of the file on which it begins, from 1."""

    lines: int
    """How many lines of the file it covers: more than one where a field has a line break."""

    cells: list[str] | None
    """The fields as text; none when the quoting is broken."""


def csv_records(file: Path, delimiter: str = ",") -> Iterator[CsvRecord]:
    """Yield the records of a ``.csv`` or ``.csv.gz`` file, the header first.

    Raises:
        DataFileError: the file cannot be read, or cannot be trusted from some line on.
    """
    with _opened(file) as text:
        lines = _checked(text, file)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        before = 0
        while True:
            cells: list[str] | None = None
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as wrong:
                _refuse_swallowing(wrong, Where(file, before + 1))
            if cells != []:
                yield CsvRecord(before + 1, reader.line_num - before, cells)
            before = reader.line_num


def _refuse_swallowing(wrong: csv.Error, where: Where) -> None:
    # "unexpected end of data" and "field larger than field limit": an open quote took in all that follows.
    message = str(wrong)
    if "end of data" in message or "field limit" in message:
        raise DataFileError(
            "a quote is opened here and not closed.",
            where=where,
            next_step='Close it, or double it ("") if it belongs to the text.',
        ) from None


def _checked(text: TextIO, file: Path) -> Iterator[str]:
    """Pass the lines on and turn what goes wrong while reading into an error with its line."""
    line = 0
    try:
        for content in text:
            line += 1
            if "\0" in content:
                raise DataFileError(
                    "has a NUL byte, so it is damaged or not plain text.",
                    where=Where(file, line),
                    next_step="Export it again as CSV (UTF-8).",
                )
            yield content
    except UnicodeDecodeError:
        raise DataFileError(
            "is not UTF-8 text.",
            where=Where(file, _first_bad_line(file)),
            next_step="Save it as CSV (UTF-8), or convert it: iconv -f WINDOWS-1252 -t UTF-8.",
        ) from None
    except EOFError:
        raise DataFileError(
            f"the gzip stream is cut off after line {line}.",
            where=Where(file),
            next_step="Copy or download the file again.",
        ) from None
    except (gzip.BadGzipFile, zlib.error) as wrong:
        raise DataFileError(
            f"is not a sound gzip file: {wrong}.",
            where=Where(file),
            next_step="Copy or download the file again.",
        ) from None


@contextmanager
def _opened(file: Path) -> Generator[TextIO]:
    try:
        with file.open("rb") as raw:
            start = raw.read(4)
            raw.seek(0)
            _refuse_other_content(start, file)
            plain = gzip.GzipFile(fileobj=raw) if _is_gzip(file) else raw
            # newline="" leaves line ends inside quotes as they are, which the csv module asks for.
            with io.TextIOWrapper(plain, encoding="utf-8-sig", newline="") as text:
                yield text
    except OSError as wrong:
        raise DataFileError(f"cannot be read: {wrong.strerror or wrong}.", where=Where(file)) from wrong


def _is_gzip(file: Path) -> bool:
    return file.suffix.lower() == ".gz"


def _refuse_other_content(start: bytes, file: Path) -> None:
    if not start:
        raise DataFileError("is empty.", where=Where(file), next_step="Export it again.")
    if _is_gzip(file):
        if not start.startswith(_GZIP):
            raise DataFileError(
                "is named .gz but is not compressed.", where=Where(file), next_step="Rename it to .csv."
            )
        return
    if start.startswith(_GZIP):
        raise DataFileError("is compressed.", where=Where(file), next_step="Rename it to .csv.gz.")
    for magic, (what, next_step) in _KNOWN_CONTENT.items():
        if start.startswith(magic):
            raise DataFileError(f"is {what}, not CSV.", where=Where(file), next_step=next_step)


def _first_bad_line(file: Path) -> int | None:
    """The line that is not UTF-8, found by a second reading: the decoder only knows its block."""
    with gzip.open(file, "rb") if _is_gzip(file) else file.open("rb") as raw:
        for number, content in enumerate(raw, start=1):
            try:
                content.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return None
