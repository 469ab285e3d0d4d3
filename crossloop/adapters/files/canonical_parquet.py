"""A Parquet file that is canonical already: judged where it lies, never copied.

The same reasons hold as for translated lines (see ``reasons``), but the work is two small aggregations
over the file and one count of distinct shipment ids; all of them stream, so that tens of millions of
shipments pass. The shipments are an expression over the file with just those conditions that some row
needs; for a clean file that is the bare scan.

That no shipment id repeats is proved in the cheapest way that works: exports are mostly written in the
order of their ids, and ids that only rise cannot repeat, be rows set aside or not (a quarter of the cost, and
no memory); else there are as many 64-bit hashes of ids as rows; only otherwise the ids themselves are looked
at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from crossloop.adapters.files import reasons
from crossloop.adapters.files.accounting import RowCount, RowExample, SetAside
from crossloop.adapters.files.facts import Facts, Group, facts_of, groups_of
from crossloop.adapters.files.mapping import CANONICAL, COUNT_FIELDS, DATE_FIELDS, folded, usable_state
from crossloop.adapters.files.source import ROW
from crossloop.adapters.files.untyped import (
    Column,
    Connection,
    Table,
    compute,
    datatypes,
    ibis,
    pyarrow,
    rows_of,
    value_of,
)
from crossloop.errors import DataFileError, Where
from crossloop.signals.entities import SHIPMENT_COLUMNS

_EXAMPLES: Final = 3
_SHOWN: Final = 80
_AT_A_TIME: Final = 1_000_000
_SIX_DIGITS: Final = "^[0-9]{6}$"


@ibis.udf.scalar.builtin(name="hash", signature=((str,), "uint64"))
def hash_of(text: Column) -> Column:
    """DuckDB's 64-bit hash of a text."""


@dataclass(frozen=True, slots=True)
class _RowRule:
    """A reason that each row has to be asked about."""

    reason: str
    shown: tuple[str, ...]
    holds: Column
    """Never null where no earlier rule holds."""


@dataclass(frozen=True, slots=True)
class _WordRule:
    """A reason that each distinct word is asked about."""

    reason: str
    word: str
    bad: Callable[[str | None], bool]

    @property
    def shown(self) -> tuple[str, ...]:
        return (self.word,)


_Rules = Sequence[_RowRule | _WordRule]


def is_canonical(table: Table) -> bool:
    """Every column that is there has the type of its field, so that no text has to be parsed."""
    required = (field for field, rule in CANONICAL.columns.items() if not rule.optional)
    return all(field in table.columns for field in required) and all(
        _has_type(table[field].type(), field) for field in SHIPMENT_COLUMNS if field in table.columns
    )


def _has_type(kind: Any, field: str) -> bool:
    if field in DATE_FIELDS:
        return kind.is_date()
    if field in COUNT_FIELDS:
        return kind.is_integer()
    return kind.is_decimal() if field == "amount" else kind.is_string()


def read_canonical(
    connection: Connection, file: Path, table: Table, as_of: date | None
) -> tuple[Table, RowCount, Facts | None]:
    """Return the shipments as an expression over the file, what became of each row, and the facts.

    Raises:
        DataFileError: an outcome or payment that is not canonical.
    """
    rows = _with_all_columns(table)
    rules = list(_rules(rows, as_of))
    row_rules = ((rule.holds, at) for at, rule in enumerate(rules) if isinstance(rule, _RowRule))
    groups = groups_of(rows, ibis.cases(*row_rules))
    _refuse_unknown(file, rows, groups)
    counts, kept = _counts(groups, rules)
    holding = {at: _holds(rules[at], rows, groups) for at in sorted(counts)}
    aside = [
        SetAside(reason=rules[at].reason, count=counts[at], examples=_examples(rows, rules[at], at, holding))
        for at in holding
    ]
    used = rows.filter(*(~holds for holds in holding.values())) if holding else rows
    facts = facts_of(kept)
    remaining = sum(group["rows"] for group in kept)
    repeated = None if _ids_rise(connection, rows) else _repeated(connection, used, remaining)
    if repeated is not None:
        again = value_of(repeated.count())
        examples = _shown(repeated.order_by(ROW), ("shipment_id",))
        aside.append(SetAside(reason=reasons.REPEATED, count=again, examples=examples))
        used, remaining = used.anti_join(repeated, ROW), remaining - again
        facts = facts_of(groups_of(used, ibis.null("int64")))
    read = sum(group["rows"] for group in groups)
    return used.select(*SHIPMENT_COLUMNS), RowCount(read=read, used=remaining, set_aside=tuple(aside)), facts


def _with_all_columns(table: Table) -> Table:
    """The row number, every canonical column, and ``written_<name>`` where a number may not fit its type."""
    columns: dict[str, Column] = {}
    for name, kind in SHIPMENT_COLUMNS.items():
        if name not in table.columns:
            columns[name] = ibis.null(kind)
        elif table[name].type() == datatypes.dtype(kind):
            columns[name] = table[name]
        else:
            columns[name] = table[name].try_cast(kind)
            columns[f"written_{name}"] = table[name]
    return table.select(ROW, **columns)


def _rules(rows: Table, as_of: date | None) -> Iterator[_RowRule | _WordRule]:
    """The rules of ``reasons``, in their order."""
    no_id = rows.shipment_id.isnull() | (rows.shipment_id == "")
    yield _RowRule(reasons.NO_ID, ("shipment_id",), no_id)
    yield _RowRule(reasons.NO_DATE, ("ordered_on",), rows.ordered_on.isnull())
    in_this_age = rows.ordered_on.between(ibis.date(1970, 1, 1), ibis.date(2199, 12, 31))
    yield _RowRule(reasons.BAD_DATE, ("ordered_on",), ~in_this_age)
    if as_of is not None:
        yield _RowRule(reasons.TOO_LATE, ("ordered_on",), rows.ordered_on > ibis.literal(as_of))
    no_state = rows.state.isnull() | (rows.state == "")
    no_pin = rows.pin_code.isnull() | (rows.pin_code == "")
    yield _RowRule(reasons.NO_ADDRESS, ("state", "pin_code"), no_state | no_pin)
    yield _WordRule(reasons.NO_STATUS, "outcome", lambda word: word in (None, ""))
    yield _WordRule(reasons.NEVER_LEFT, "outcome", lambda word: word == "not_shipped")
    # To tell six digits from other text would cost more than all else here if every row were asked.
    pins = rows.select("pin_code").distinct()
    if value_of((~pins.pin_code.re_search(_SIX_DIGITS)).any()):
        yield _RowRule(reasons.BAD_PIN, ("pin_code",), ~rows.pin_code.re_search(_SIX_DIGITS))
    yield _WordRule(reasons.BAD_STATE, "state", lambda word: not _usable(word))
    yield _WordRule(reasons.BAD_COUNTRY, "country", lambda word: not re.fullmatch("[A-Z]{2}", word or ""))
    yield _WordRule(reasons.BAD_CURRENCY, "currency", _bad_currency)
    yield _RowRule(reasons.BAD_AMOUNT, ("amount",), _does_not_fit(rows, "amount"))
    for name in COUNT_FIELDS:
        negative = (rows[name] < 0).fill_null(False)
        yield _RowRule(reasons.BAD_COUNT[name], (name,), negative | _does_not_fit(rows, name))
    too_many = (rows.failed_attempts > rows.attempts).fill_null(False)
    yield _RowRule(reasons.TOO_MANY_FAILED, COUNT_FIELDS, too_many)
    early = (rows.outcome_on < rows.ordered_on).fill_null(False)
    yield _RowRule(reasons.OUTCOME_TOO_EARLY, ("ordered_on", "outcome_on"), early)


def _does_not_fit(rows: Table, name: str) -> Column:
    if f"written_{name}" not in rows.columns:
        return ibis.literal(False)
    return rows[f"written_{name}"].notnull() & rows[name].isnull()


def _usable(state: str | None) -> bool:
    return state is not None and usable_state(state) and state == folded(state).upper()


def _bad_currency(code: str | None) -> bool:
    return code is not None and not re.fullmatch("[A-Z]{3}", code)


def _counts(groups: Sequence[Group], rules: _Rules) -> tuple[Counter[int], list[Group]]:
    """Rows by the place of the first rule that holds, and the groups for which none does."""
    counts: Counter[int] = Counter()
    kept: list[Group] = []
    for group in groups:
        held = [] if group["reason"] is None else [group["reason"]]
        for at, rule in enumerate(rules):
            if isinstance(rule, _WordRule) and rule.bad(_word(group, rule.word)):
                held.append(at)
        if held:
            counts[min(held)] += group["rows"]
        else:
            kept.append(group)
    return counts, kept


def _word(group: Group, name: str) -> str | None:
    words: dict[str, str | None] = {
        "country": group["country"],
        "state": group["state"],
        "outcome": group["outcome"],
        "payment": group["payment"],
        "currency": group["currency"],
    }
    return words[name]


def _holds(rule: _RowRule | _WordRule, rows: Table, groups: Sequence[Group]) -> Column:
    if isinstance(rule, _RowRule):
        return rule.holds
    bad = {word for group in groups if rule.bad(word := _word(group, rule.word))}
    column = rows[rule.word]
    listed = column.isin(sorted(word for word in bad if word is not None)).fill_null(False)
    return listed | column.isnull() if None in bad else listed


def _examples(
    rows: Table, rule: _RowRule | _WordRule, at: int, holding: Mapping[int, Column]
) -> tuple[RowExample, ...]:
    """The first rows that a rule sets aside; the scan ends when they are found."""
    earlier = (~holds for place, holds in holding.items() if place < at)
    return _shown(rows.filter(holding[at], *earlier), rule.shown)


def _shown(rows: Table, names: Sequence[str]) -> tuple[RowExample, ...]:
    written = {name: f"written_{name}" if f"written_{name}" in rows.columns else name for name in names}
    texts = {name: rows[column].cast("string") for name, column in written.items()}
    found = sorted(rows_of(rows.select(ROW, **texts).limit(_EXAMPLES)), key=itemgetter(ROW))
    return tuple(
        RowExample(line=row[ROW] + 1, values={name: (row[name] or "")[:_SHOWN] for name in names})
        for row in found
    )


def _refuse_unknown(file: Path, rows: Table, groups: Sequence[Group]) -> None:
    """An outcome or payment that is not canonical stops the reading."""
    for field, vocabulary in (("outcome", CANONICAL.outcomes), ("payment", CANONICAL.payments)):
        words = {_word(group, field) for group in groups}
        unknown = sorted(word for word in words if word is not None and word not in vocabulary)
        if unknown and unknown != [""]:
            row: int = value_of(rows.filter(rows[field] == unknown[-1])[ROW].min())
            raise DataFileError(
                f"the {field} '{unknown[-1][:_SHOWN]}' is not canonical; expected {', '.join(vocabulary)}.",
                where=Where(file, row + 1, field),
                next_step="Correct the file, or hand over a mapping with a vocabulary.",
            )


def _ids_rise(connection: Connection, rows: Table) -> bool:
    """Each shipment id of a file is longer than that of the row before, or as long and greater: 9, 10, 11.

    The ids come in the order of the rows, read in parallel, and are compared a batch at a time.
    """
    before: Any = pyarrow.array([], pyarrow.string())
    # DuckDB is asked directly: what ibis 12 calls for batches is gone in DuckDB 2.
    asked = connection.con.sql(ibis.to_sql(rows.select("shipment_id"), dialect="duckdb"))
    for batch in asked.to_arrow_reader(_AT_A_TIME):
        ids = pyarrow.concat_arrays([before, batch.column(0)])
        lengths = compute.binary_length(ids)
        longer = compute.greater(lengths[1:], lengths[:-1])
        greater = compute.and_(compute.equal(lengths[1:], lengths[:-1]), compute.greater(ids[1:], ids[:-1]))
        # A missing id is no proof of anything.
        if not compute.all(compute.or_(longer, greater), skip_nulls=False, min_count=0).as_py():
            return False
        before = ids[-1:]
    return True


def _repeated(connection: Connection, used: Table, count: int) -> Table | None:
    """The rows whose shipment id stands in an earlier row that is used, or none."""
    if value_of(hash_of(used.shipment_id).nunique()) == count:
        return None
    hashed = used.select(ROW, "shipment_id", hashed=hash_of(used.shipment_id))
    twice = hashed.group_by("hashed").having(hashed.count() > 1).aggregate().select("hashed")
    suspects = hashed.semi_join(twice, "hashed")
    place = ibis.row_number().over(group_by=suspects.shipment_id, order_by=suspects[ROW])
    again = suspects.mutate(place=place).filter(ibis._.place > 0).select(ROW, "shipment_id")
    return connection.create_table("repeated", again, temp=True)
