"""The parts of a company that the coordinator is handed: departments, loops, systems, vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from crossloop.actions import Adapter
from crossloop.coordinator.loop import Loop
from crossloop.departments import Department
from crossloop.departments.view import Reader
from crossloop.errors import UnknownName
from crossloop.frozen import Frozen
from crossloop.ids import DepartmentName, LoopName
from crossloop.signals import Catalogue
from crossloop.signals.types import SIGNAL_EXPIRED


@dataclass(frozen=True)
class Company:
    """What runs: nothing in here decides, acts or writes by itself."""

    catalogue: Catalogue
    departments: Mapping[DepartmentName, Department]
    loops: Mapping[LoopName, Loop]
    adapters: Mapping[str, Adapter]
    """Systems by the name that requests use."""

    close: Callable[[], None] = lambda: None
    """Lets go of what the systems hold; called once, when the coordinator is closed."""

    readers: Mapping[type[Frozen], Reader] = field(default_factory=dict[type[Frozen], Reader])
    """How departments come to see an entity, for example campaigns."""

    def __post_init__(self) -> None:
        # What crossloop itself publishes has to be readable in every company.
        object.__setattr__(self, "catalogue", self.catalogue.including(SIGNAL_EXPIRED))

    def loop(self, name: str) -> Loop:
        """Return a loop by name.

        Raises:
            UnknownName: no such loop.
        """
        try:
            return self.loops[LoopName(name)]
        except KeyError:
            known = ", ".join(sorted(self.loops)) or "none"
            raise UnknownName(f"there is no loop '{name}'.", next_step=f"Loops: {known}.") from None

    def handles(self, signal_type: str) -> bool:
        """True when some department answers this type."""
        return any(one.handler(signal_type) is not None for one in self.departments.values())

    def is_slow(self, signal_type: str) -> bool:
        """True when some department waits for a model or the network to answer this type."""
        handlers = (one.handler(signal_type) for one in self.departments.values())
        return any(one is not None and one.slow for one in handlers)
