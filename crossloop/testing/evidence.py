"""What there is to judge a run by: the ledger, the worlds of the systems, and what people were told.

The ledger is read entry by entry (:mod:`~crossloop.testing.ledger`), and the effects come from the systems
themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from crossloop.testing.ledger import Ledger
from crossloop.testing.systems import Effect


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant of the design that does not hold."""

    invariant: int
    """Its number, 1 to 10; 0 for an error that nobody foresaw."""

    what: str
    where: str
    """What it is about: an id, a key, or a position of the ledger."""

    def __str__(self) -> str:
        return f"invariant {self.invariant}: {self.what} [{self.where}]"


@dataclass(frozen=True, slots=True)
class Commit:
    """One transaction that was committed."""

    process: str
    token: int | None
    """Fencing token under which it was made; none for one without a lease."""

    present: int | None
    """Token of the lease at that moment; none where nobody held it."""

    start: int
    """Size of the ledger before it."""

    stop: int
    """Size of the ledger after it."""

    rows: int = 0
    """Rows that it changed while it worked, those of leases apart."""

    @property
    def changed(self) -> bool:
        """Whether it changed anything but leases: an entry, or a table that no entry tells of."""
        return self.stop > self.start or self.rows > 0


@dataclass(frozen=True, slots=True)
class Taken:
    """A checkpoint taken on the way."""

    size: int
    root: bytes


@dataclass
class Evidence:
    """Everything that the invariants are checked against."""

    ledger: Ledger = field(default_factory=Ledger)
    effects: list[Effect] = field(default_factory=list[Effect])
    """What has happened in the world, in its order."""

    acknowledged: set[str] = field(default_factory=set[str])
    """Signals whose admission was confirmed to whoever published them."""

    open: set[str] = field(default_factory=set[str])
    """Signals that the inbox lists as not finished."""

    receipts: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Action key and outcome of every receipt that was handed to somebody."""

    intruders: list[str] = field(default_factory=list[str])
    """Answers that counted and must not have: who, about what."""

    commits: list[Commit] = field(default_factory=list[Commit])
    checkpoints: list[Taken] = field(default_factory=list[Taken])
    roots: dict[int, bytes] = field(default_factory=dict[int, bytes])
    """By size: the root over so many first entries, as the ledger is at the end."""

    totals: dict[tuple[str, date], tuple[Decimal, Decimal]] = field(
        default_factory=dict[tuple[str, date], tuple[Decimal, Decimal]]
    )
    """Share and amount that the store counts at the end, by resource and day."""

    broken: str = ""
    """What verification says of the ledger; empty where all is well."""

    skipped: list[str] = field(default_factory=list[str])
    """What a reader of the tail met that it must not: a gap, or an entry that has changed."""
