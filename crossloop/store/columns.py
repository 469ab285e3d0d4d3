"""What the tables of :mod:`crossloop.store.schema` are put together from: what each column holds, on each
database."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Constraint,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy import text as sql

metadata: Final = MetaData()

# STRICT tables know INTEGER only, which has 64 bits there; elsewhere 64 bits have to be asked for.
_Long = BigInteger().with_variant(Integer, "sqlite")
TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def table(name: str, *parts: Column[object] | Constraint) -> Table:
    """A table of the store."""
    return Table(name, metadata, *parts, sqlite_strict=True)


def key(name: str = "key") -> Column[object]:
    """The position of the entry that created the row, or another number that is given to it."""
    return Column(name, _Long, primary_key=True, autoincrement=False)


def number(name: str, *, null: bool = False) -> Column[object]:
    """A count, an instant, or the position of an entry."""
    return Column(name, _Long, nullable=null)


def text(name: str, *, null: bool = False, unique: bool = False) -> Column[object]:
    """Text, compared by code point."""
    return Column(name, TEXT, nullable=null, unique=unique)


def bytes_(name: str, *, null: bool = False) -> Column[object]:
    """Bytes, as they are."""
    return Column(name, LargeBinary, nullable=null)


def to(name: str, target: str, *, null: bool = False) -> Column[object]:
    """The key of a row of another table."""
    return Column(name, _Long, ForeignKey(f"{target}.key"), nullable=null)


def case(*, null: bool = False) -> Column[object]:
    """The case that a row belongs to."""
    return to("case_key", "cases", null=null)


def state(*states: str) -> CheckConstraint:
    """A state is one of these."""
    return CheckConstraint("state IN ({})".format(", ".join(f"'{state}'" for state in states)))


def where(condition: str) -> dict[str, Any]:
    """For an index that holds only the rows of which a condition is true."""
    return {"sqlite_where": sql(condition), "postgresql_where": sql(condition)}
