"""Columns as values: where what a row holds becomes what the rest of the package works with.

Rules:

1. Nobody of this package writes JSON that is none, an instant outside of the years 1 to 9999, or a word that
   no column has. A row that holds such was damaged or forged, and is a fault of the file like a damaged page.
2. It is named by table, row and column as one error of the database, which the store raises as
   :class:`~crossloop.errors.StoreNotUsable`, with its own name and the next step.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar, cast

import orjson

from crossloop.canonical import JSON
from crossloop.store import sqlite
from crossloop.store.instants import instant

_LONGEST: Final = 60

W = TypeVar("W", bound=str)


class OddRow(sqlite.DatabaseError):
    """A row holds what nobody wrote."""

    def __init__(self, table: str, row: object, column: str, expected: str, got: object) -> None:
        shown = repr(got) if len(repr(got)) <= _LONGEST else repr(got)[:_LONGEST] + "…"
        super().__init__(f"table {table}, row {row}, column {column}: expected {expected}, got {shown}")


def moment(table: str, row: object, column: str, count: Any) -> datetime:
    """Microseconds since 1970 as an instant."""
    try:
        return instant(count)
    except (OverflowError, TypeError) as error:
        raise OddRow(table, row, column, "microseconds since 1970", count) from error


def day(table: str, row: object, column: str, text: Any) -> date:
    """An ISO date."""
    try:
        return date.fromisoformat(text)
    except (ValueError, TypeError) as error:
        raise OddRow(table, row, column, "an ISO date", text) from error


def decimal(table: str, row: object, column: str, text: Any) -> Decimal:
    """An exact decimal."""
    try:
        found = Decimal(text)
    except (InvalidOperation, TypeError, ValueError) as error:
        raise OddRow(table, row, column, "a decimal number", text) from error
    if not found.is_finite():
        raise OddRow(table, row, column, "a decimal number", text)
    return found


def names(table: str, row: object, column: str, text: Any) -> tuple[str, ...]:
    """A JSON list of text."""
    found = _json(text)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in cast("list[object]", found)):
        raise OddRow(table, row, column, "a JSON list of text", text)
    return tuple(cast("list[str]", found))


def mapping(table: str, row: object, column: str, text: Any) -> dict[str, JSON]:
    """A JSON object."""
    found = _json(text)
    if not isinstance(found, dict):
        raise OddRow(table, row, column, "a JSON object", text)
    return cast("dict[str, JSON]", found)


def word(table: str, row: object, column: str, text: Any, known: Collection[W]) -> W:
    """One of the words that a column may hold."""
    if text not in known:
        raise OddRow(table, row, column, f"one of {', '.join(known)}", text)
    return text


def _json(text: Any) -> object:
    """What JSON says; nothing where it is none."""
    try:
        return orjson.loads(text)
    except (ValueError, TypeError):
        return None
