"""From the text of a line to typed fields; nothing is judged here.

A field that cannot be read is null while its ``<field>_text`` is not: that is how the rules tell
unreadable from missing. Words (status, payment, state, country, currency) are translated once for each
distinct text. A status or payment outside the vocabulary, and a date not written as declared, are errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crossloop.adapters.files.mapping import COUNT_FIELDS, DATE_FIELDS, ColumnRule, ShipmentMapping, folded
from crossloop.adapters.files.source import Lines
from crossloop.adapters.files.untyped import Column, Connection, Table, ibis, pyarrow, rows_of
from crossloop.errors import MappingError, Where
from crossloop.signals.entities import SHIPMENT_COLUMNS

_VOCABULARIES: Final = {"outcome": "outcomes", "payment": "payments"}
_SHOWN: Final = 80
_AMOUNT: Final = r"^-?([0-9]+|[0-9]{1,3}(,[0-9]{2,3})*,[0-9]{3})(\.[0-9]*)?$"


@ibis.udf.scalar.builtin(signature=((str, str), "timestamp"))
def try_strptime(text: Column, form: str) -> Column:
    """DuckDB's ``try_strptime``: the time, or null where the text is not written so."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One file being read by one mapping."""

    connection: Connection
    file: Path
    lines: Lines
    mapping: ShipmentMapping

    def text(self, column: str) -> Column:
        """The stripped text of a source column; null where it says nothing or the column is absent."""
        if column not in self.lines.names:
            return ibis.null("string")
        text = self.lines.raw(column).strip()
        return ibis.cases((text.isin(["", *self.mapping.missing_values]), ibis.null("string")), else_=text)


def parsed(reading: Reading) -> Table:
    """Return the lines with every canonical field, its text, and ``keeps_<n>`` for each filter.

    Raises:
        MappingError: a status or payment that the vocabulary does not list, with its first line.
    """
    columns, table = reading.mapping.columns, reading.lines.table
    texts = {f"{field}_text": reading.text(rule.column) for field, rule in columns.items()}
    absent = {f"{field}_text": ibis.null("string") for field in SHIPMENT_COLUMNS if field not in columns}
    kept = {
        f"keeps_{at}": reading.text(rule.column).lower().isin([v.strip().lower() for v in rule.keep])
        for at, rule in enumerate(reading.mapping.filters)
    }
    table = table.mutate(**texts, **absent, **kept)
    lines = table
    for field, meaning in _meanings(reading.mapping).items():
        lookup = _words(reading, table, field, meaning)
        joined = lines.left_join(lookup, lines[f"{field}_text"] == lookup.written)
        lines = joined.drop("written")
    table = _with_constants(lines, reading.mapping)
    return table.mutate(
        shipment_id=table.shipment_id_text,
        pin_code=_pin_code(table.pin_code_text, columns.get("pin_code")),
        amount=_amount(table.amount_text, columns["amount"].decimal if "amount" in columns else "."),
        **{field: _day(table, field, reading.mapping) for field in DATE_FIELDS},
        **{field: _count(table[f"{field}_text"]) for field in COUNT_FIELDS},
    )


def unreadable(table: Table, field: str) -> Column:
    """Something is written there, and it is not a value of the field."""
    return table[f"{field}_text"].notnull() & table[field].isnull()


def refuse_unreadable_dates(reading: Reading, first: Mapping[str, int | None]) -> None:
    """Raise for the first date that is not written as the mapping declares.

    Args:
        first: for each date field the first line on which it is unreadable.
    """
    table = reading.lines.table
    for field, line in first.items():
        if line is not None:
            rule = reading.mapping.columns[field]
            text = reading.lines.raw(rule.column).name("text")
            written = rows_of(table.filter(table.line == line).select(text))[0]["text"]
            raise MappingError(
                f"the date '{written[:_SHOWN]}' is not a day of 1970 to 2199 written as '{rule.format}'.",
                where=Where(reading.file, line, rule.column),
                next_step=f"Correct the format of {field} in the mapping '{reading.mapping.name}', or list "
                "the text under 'missing_values' if it means no date.",
            )


Meaning = Callable[[str], str | None]
"""What a text stands for; none when it stands for nothing known."""


def _meanings(mapping: ShipmentMapping) -> dict[str, Meaning]:
    listed = mapping.states.names()
    return {
        "outcome": _by_vocabulary(mapping.outcomes),
        "payment": _by_vocabulary(mapping.payments),
        "state": lambda text: mapping.states.name_of(text, listed),
        "country": _by_pattern(r"[A-Z]{2}"),
        "currency": _by_pattern(r"[A-Z]{3}"),
    }


def _by_vocabulary(vocabulary: Mapping[str, str]) -> Meaning:
    meanings = {folded(written): meaning for written, meaning in vocabulary.items()}
    return lambda text: meanings.get(folded(text))


def _by_pattern(pattern: str) -> Meaning:
    return lambda text: text.upper() if re.fullmatch(pattern, text.upper()) else None


def _words(reading: Reading, table: Table, field: str, meaning: Meaning) -> Table:
    """A table from each distinct text of a field to its meaning."""
    lines: dict[str, int] = {}
    if field in reading.mapping.columns:
        written = table[f"{field}_text"]
        distinct = table.filter(written.notnull()).group_by(text=written).aggregate(line=table.line.min())
        lines = {row["text"]: row["line"] for row in rows_of(distinct)}
    words = {text: meaning(text) for text in lines}
    vocabulary = _VOCABULARIES.get(field)
    unknown = [(line, text) for text, line in lines.items() if words[text] is None]
    if vocabulary is not None and unknown:
        _refuse_unknown(reading, field, vocabulary, *min(unknown))
    text = pyarrow.string()
    columns = {"written": pyarrow.array(words, text), field: pyarrow.array(words.values(), text)}
    return reading.connection.create_table(f"{field}_words", ibis.memtable(pyarrow.table(columns)), temp=True)


def _refuse_unknown(reading: Reading, field: str, vocabulary: str, line: int, text: str) -> None:
    column = reading.mapping.columns[field].column
    allowed = sorted(set(getattr(reading.mapping, vocabulary).values()))
    raise MappingError(
        f"the {field} '{text[:_SHOWN]}' is not in the vocabulary of the mapping '{reading.mapping.name}'.",
        where=Where(reading.file, line, column),
        next_step=f"Add it under '{vocabulary}', as one of: {', '.join(allowed)}.",
    )


def _with_constants(table: Table, mapping: ShipmentMapping) -> Table:
    """Fill what is missing, never what is there and unreadable."""
    constants = {"country": mapping.constants.country, "currency": mapping.constants.currency}
    return table.mutate(
        **{
            field: ibis.cases((table[f"{field}_text"].isnull(), value), else_=table[field])
            for field, value in constants.items()
            if value is not None
        }
    )


def _day(table: Table, field: str, mapping: ShipmentMapping) -> Column:
    """Years outside 1970 to 2199 are slips of the pen: two digits where four are declared."""
    rule = mapping.columns.get(field)
    if rule is None:
        return ibis.null("date")
    day = try_strptime(table[f"{field}_text"], rule.format).date()
    return ibis.cases((day.year().between(1970, 2199), day))


def _count(text: Column) -> Column:
    digits = text.re_replace(r"\.0+$", "")
    return ibis.cases((digits.re_search("^[0-9]+$"), digits.try_cast(SHIPMENT_COLUMNS["attempts"])))


def _amount(text: Column, decimal: str) -> Column:
    """Digits with the declared decimal mark; the other mark only between thousands or lakhs."""
    if decimal == ",":
        text = text.translate(",.", ".,")
    amount = text.replace(",", "").try_cast(SHIPMENT_COLUMNS["amount"])
    return ibis.cases((text.re_search(_AMOUNT), amount))


def _pin_code(text: Column, rule: ColumnRule | None) -> Column:
    if rule is None:
        return ibis.literal("")
    digits = text.re_replace(r"\s", "")
    if rule.drop_decimals:
        digits = digits.re_replace(r"\.0*$", "")
    return ibis.cases((digits.re_search("^[0-9]{6}$"), digits))
