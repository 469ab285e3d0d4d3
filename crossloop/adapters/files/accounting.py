"""What became of every line of an input: used, or set aside under exactly one reason.

Nothing is dropped in silence. A line is a data record of the file; a blank line is none, and a broken
record counts every line of the file that it covers, because nobody can tell how many records those were.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from crossloop.frozen import Frozen


class RowExample(Frozen):
    """One line that was set aside, so that a person can look at it."""

    line: Annotated[int, Field(ge=1)]
    """Line of the file, the header being line 1; for Parquet the number of the row, from 1."""

    values: dict[str, str]
    """The few fields that led to the reason, as written, by the file's own column names."""


class SetAside(Frozen):
    """All lines that were set aside for one reason."""

    reason: Annotated[str, Field(min_length=1)]
    count: Annotated[int, Field(ge=1)]
    examples: Annotated[tuple[RowExample, ...], Field(max_length=3)] = ()
    """The first lines concerned, at most three."""


class RowCount(Frozen):
    """The account of one input; it always adds up."""

    read: Annotated[int, Field(ge=0)]
    """Lines in the file."""

    used: Annotated[int, Field(ge=0)]
    """Lines that became part of a record."""

    set_aside: tuple[SetAside, ...] = ()

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        aside = sum(item.count for item in self.set_aside)
        if self.read != self.used + aside:
            raise ValueError(f"{self.read} lines read, but {self.used} used and {aside} set aside")
        return self
