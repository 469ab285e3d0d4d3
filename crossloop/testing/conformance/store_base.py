"""What the parts of the suite of stores share: opening the store under test."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

from crossloop.clock import Clock, ManualClock
from crossloop.store import Store
from crossloop.testing.conformance.store_samples import START
from crossloop.testing.conformance.suite import Suite


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
