"""What the parts of the suite of stores share: opening the store under test."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from crossloop.clock import Clock, ManualClock
from crossloop.store import Store, Tx
from crossloop.testing.conformance.store_samples import START, at_once
from crossloop.testing.conformance.suite import Suite, expect

T = TypeVar("T")


RIVALS: Final = 8
"""Who want the same at once: half of them through another connection."""


@dataclass(frozen=True, slots=True)
class Race:
    """One move that only the first of several may make."""

    what: str
    move: Callable[[Tx], bool]


class StoreSuite(Suite):
    """Opens stores in the folder of the check, with one clock that stands still until it is moved."""

    clock: ManualClock

    @abstractmethod
    def open_store(self, folder: Path, clock: Clock) -> Store:
        """Open the store that belongs to a folder, creating it where it is the first time.

        The same folder is the same store: the suite opens it several times at once, as several processes do,
        and again after it was closed.
        """

    def setup_method(self) -> None:
        super().setup_method()
        self.clock = ManualClock(START)

    def opened(self) -> Store:
        """The store of this check, opened once more; it is closed after the check."""
        return self.enter(self.open_store(self.folder, self.clock))

    def only_one(self, store: Store, race: Race) -> None:
        """Fail unless exactly one of several who move at once is told that it did, and one entry tells."""
        before = store.read(lambda read: read.head().size)
        other = self.opened()
        moved = at_once([lambda one=one: one.write(race.move) for one in (store, other) * (RIVALS // 2)])
        expect(moved.count(True) == 1, f"{race.what}: expected one True among {RIVALS}, got {moved}")
        entries = store.read(lambda read: read.head().size) - before
        expect(entries == 1, f"{race.what}: expected one entry, got {entries}")


def refused(store: Store, work: Callable[[Tx], T], kind: type[Exception]) -> bool:
    """Whether work is refused with one kind of error."""
    try:
        store.write(work)
    except kind:
        return True
    return False
