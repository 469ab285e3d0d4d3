"""Lines of a company's export to canonical shipments, every line accounted for (see ``reasons``).

Lines of one shipment are joined so: the outcome that stands first in ``outcome_of_several``, the earliest
order date and first attempt, the latest day of that outcome, the highest attempts, the sum of the
amounts that are known, the payment of the first line that has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from crossloop.adapters.files import reasons
from crossloop.adapters.files.accounting import RowCount, RowExample, SetAside
from crossloop.adapters.files.mapping import COUNT_FIELDS, DATE_FIELDS, ShipmentMapping
from crossloop.adapters.files.parsing import Reading, parsed, refuse_unreadable_dates, unreadable
from crossloop.adapters.files.source import drop
from crossloop.adapters.files.untyped import Column, Table, ibis, rows_of
from crossloop.signals.entities import SHIPMENT_COLUMNS

_EXAMPLES: Final = 3
_SHOWN: Final = 80
_SAME_IN_ALL_LINES: Final = ("country", "state", "pin_code", "currency")


@dataclass(frozen=True, slots=True)
class _Rule:
    """One reason, when it holds, and the source columns that show it."""

    reason: str
    holds: Column
    shown: tuple[str, ...] = ()


def translate(reading: Reading, as_of: date | None) -> tuple[Table, RowCount]:
    """Return the shipments, as a table of the connection, and what became of each line.

    Raises:
        MappingError: a value outside a vocabulary, or a date not written as declared.
    """
    lines = parsed(reading)
    rules = list(_rules(lines, reading.mapping, as_of))
    judged = lines.mutate(reason=ibis.cases(*((rule.holds, at) for at, rule in enumerate(rules))))
    rules.append(_rule_between_lines(judged, reading.mapping))
    judged = judged.mutate(
        reason=ibis.cases((judged.reason.notnull(), judged.reason), (rules[-1].holds, len(rules) - 1))
    )
    judged = judged.select("line", "reason", *SHIPMENT_COLUMNS, **_unread_lines(judged))
    judged = reading.connection.create_table("judged", judged, temp=True)
    refuse_unreadable_dates(reading, _first_unread(judged))
    count = _account(reading, judged, rules)
    used = judged.filter(judged.reason.isnull())
    if reading.mapping.lines_per_shipment == "several":
        used = _joined(used, reading.mapping)
    shipments = used.select(**{name: used[name].cast(kind) for name, kind in SHIPMENT_COLUMNS.items()})
    shipments = reading.connection.create_table("shipments", shipments, temp=True)
    drop(reading.connection, "judged", "lines")
    return shipments, count


def _rules(table: Table, mapping: ShipmentMapping, as_of: date | None) -> Iterator[_Rule]:
    """The rules of ``reasons`` that look at one line, in their order."""

    def rule(reason: str, holds: Column, *fields: str) -> _Rule:
        columns = (mapping.columns[field].column for field in fields if field in mapping.columns)
        return _Rule(reason, holds, tuple(columns))

    for problem in reasons.MALFORMED:
        yield rule(problem, table.problem == problem)
    yield rule(reasons.NO_ID, table.shipment_id.isnull(), "shipment_id")
    yield rule(reasons.NO_DATE, table.ordered_on_text.isnull(), "ordered_on")
    if as_of is not None:
        yield rule(reasons.TOO_LATE, table.ordered_on > ibis.literal(as_of), "ordered_on")
    no_address = table.state_text.isnull()
    if "pin_code" in mapping.columns:
        no_address |= table.pin_code_text.isnull()
    yield rule(reasons.NO_ADDRESS, no_address, "state", "pin_code")
    for at, kept in enumerate(mapping.filters):
        yield _Rule(kept.reason, ~table[f"keeps_{at}"].fill_null(False), (kept.column,))
    yield rule(reasons.NO_STATUS, table.outcome_text.isnull(), "outcome")
    yield rule(reasons.NEVER_LEFT, table.outcome == "not_shipped", "outcome")
    yield rule(reasons.BAD_PIN, unreadable(table, "pin_code"), "pin_code")
    yield rule(reasons.BAD_STATE, unreadable(table, "state"), "state")
    yield rule(reasons.BAD_COUNTRY, table.country.isnull(), "country")
    yield rule(reasons.BAD_CURRENCY, unreadable(table, "currency"), "currency")
    yield rule(reasons.BAD_AMOUNT, unreadable(table, "amount"), "amount")
    for field in COUNT_FIELDS:
        yield rule(reasons.BAD_COUNT[field], unreadable(table, field), field)
    yield rule(reasons.TOO_MANY_FAILED, table.failed_attempts > table.attempts, *COUNT_FIELDS)
    early = table.outcome_on < table.ordered_on
    yield rule(reasons.OUTCOME_TOO_EARLY, early, "ordered_on", "outcome_on")


def _rule_between_lines(judged: Table, mapping: ShipmentMapping) -> _Rule:
    """The last rule looks at the earlier lines of the same shipment that are used so far."""
    columns = {name: rule.column for name, rule in mapping.columns.items()}
    same = ibis.window(group_by=[judged.reason.isnull(), judged.shipment_id], order_by=judged.line)
    if mapping.lines_per_shipment == "one":
        return _Rule(reasons.REPEATED, ibis.row_number().over(same) > 0, (columns["shipment_id"],))
    differs = ibis.literal(False)
    for name in _SAME_IN_ALL_LINES:
        differs |= ~judged[name].identical_to(judged[name].first(include_null=True).over(same))
    shown = (columns[name] for name in ("shipment_id", *_SAME_IN_ALL_LINES) if name in columns)
    return _Rule(reasons.DISAGREES, differs, tuple(shown))


def _unread_lines(table: Table) -> dict[str, Column]:
    return {f"unread_{f}": ibis.cases((unreadable(table, f), table.line)) for f in DATE_FIELDS}


def _first_unread(judged: Table) -> dict[str, int | None]:
    first = {field: judged[f"unread_{field}"].min() for field in DATE_FIELDS}
    return rows_of(judged.aggregate(**first))[0]


def _joined(used: Table, mapping: ShipmentMapping) -> Table:
    """One row for each shipment id out of its lines."""
    order = mapping.outcome_of_several
    used = used.mutate(rank=used.outcome.cases(*((outcome, at) for at, outcome in enumerate(order))))
    used = used.mutate(best=used["rank"].min().over(group_by=used.shipment_id))
    decides = used["rank"] == used.best
    return used.group_by("shipment_id").aggregate(
        ordered_on=used.ordered_on.min(),
        **{name: used[name].first(order_by=used.line) for name in _SAME_IN_ALL_LINES},
        outcome=used.outcome.max(where=decides),
        outcome_on=used.outcome_on.max(where=decides),
        **{name: used[name].max() for name in COUNT_FIELDS},
        first_attempt_on=used.first_attempt_on.min(),
        payment=used.payment.first(order_by=used.line),
        amount=used.amount.sum(),
    )


def _account(reading: Reading, judged: Table, rules: Sequence[_Rule]) -> RowCount:
    counted = judged.group_by("reason").aggregate(lines=judged.count())
    lines: dict[int | None, int] = {row["reason"]: row["lines"] for row in rows_of(counted)}
    examples = _examples(reading, judged, rules)
    aside = tuple(
        SetAside(reason=rule.reason, count=lines[at], examples=tuple(examples[at]))
        for at, rule in enumerate(rules)
        if at in lines
    )
    return RowCount(read=sum(lines.values()), used=lines.get(None, 0), set_aside=aside)


def _examples(reading: Reading, judged: Table, rules: Sequence[_Rule]) -> dict[int, list[RowExample]]:
    """The first lines of every reason that occurs, with what was written there."""
    aside = judged.filter(judged.reason.notnull())
    place = ibis.row_number().over(group_by=aside.reason, order_by=aside.line)
    first = aside.select("line", "reason", place=place)
    first = first.filter(first.place < _EXAMPLES).select("line", "reason")
    written = reading.lines.table.inner_join(first, "line").order_by("line")
    names = reading.lines.names
    found: dict[int, list[RowExample]] = {}
    for row in rows_of(written):
        rule = rules[int(row["reason"])]
        columns = {name: names[name] for name in rule.shown if name in names}
        values = {name: (row[column] or "")[:_SHOWN] for name, column in columns.items()}
        found.setdefault(row["reason"], []).append(RowExample(line=row["line"], values=values))
    return found
