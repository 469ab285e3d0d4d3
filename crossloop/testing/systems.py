"""A system of the company that goes wrong in every way a real one does, and a world that remembers.

Rules:

1. What has happened stands in the :class:`World`, by key, with the request and the times. It survives the
   company: an adapter is made anew after a crash, its world is not.
2. The system keeps the promises of the port (:mod:`crossloop.actions.port`) and no others. An idempotent one
   has one effect per key and answers every later call as it answered the first, refusals included. One that
   can find says None only where nothing will come any more: what is still on its way then is dropped.
   One that promises neither has an effect for every request that arrives.
3. An error of the port other than ``OutcomeUnknown`` is raised only where nothing has happened for this
   request.
4. What went wrong is drawn from a seeded source and counted by kind. Once the world is calm nothing goes
   wrong any more.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NoReturn

from crossloop.actions import (
    Capabilities,
    Conflict,
    Invalid,
    NotFound,
    OutcomeUnknown,
    Performed,
    RateLimited,
    Unavailable,
    Unsupported,
)
from crossloop.clock import Clock
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest
from crossloop.testing.virtual_time import call_outside
from crossloop.testing.vocabulary import IMPOSSIBLE, OPERATIONS, undo_request

BEFORE: Final = (
    "system.hangs_before",
    "system.error_before",
    "system.rate_limited",
    "system.unavailable",
    "system.refuses",
    "system.garbage_before",
    "system.cancels_itself",
)
"""What goes wrong while nothing has happened."""

AFTER: Final = (
    "system.lost_reply",
    "system.hangs_after",
    "system.error_after",
    "system.garbage_after",
    "system.slow",
    "system.too_slow",
)
"""What goes wrong when the effect is there."""

LATE: Final = "system.arrives_late"
TWICE: Final = "system.delivered_twice"
FINDING: Final = (
    "find.hangs",
    "find.unavailable",
    "find.rate_limited",
    "find.garbage",
    "find.error",
    "find.slow",
)
"""What goes wrong with a look-up."""

UNDOING: Final = ("undo.error", "undo.garbage")
"""What goes wrong while an adapter says how to take a change back."""

_UNDOING_FAILS: Final = 0.3
"""Share of questions how to take a change back in which something may go wrong: a defect there is final."""

_NEVER: Final = 1e6
"""Seconds that nobody waits for."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that has happened in a system."""

    system: str
    key: ActionKey
    request: ActionRequest
    reference: str
    asked: datetime
    """Real time at which the executor handed the request over."""

    at: datetime
    """Real time at which it happened."""


@dataclass
class World:
    """All that has happened, in every system, in its order."""

    effects: list[Effect] = field(default_factory=list[Effect])
    faults: Counter[str] = field(default_factory=Counter[str])
    """How often each kind of fault has occurred."""

    calm: bool = False
    """True when nothing goes wrong any more."""

    refused: dict[tuple[str, ActionKey], str] = field(default_factory=dict[tuple[str, ActionKey], str])
    dropped: Counter[tuple[str, ActionKey]] = field(default_factory=Counter[tuple[str, ActionKey]])
    """By system and key, how often a look-up has ended what was on its way."""

    def look(self, system: str, key: ActionKey) -> Effect | None:
        """What is so, as a person sees it who looks: what is still on its way is dropped then."""
        self.dropped[system, key] += 1
        return self.of(system, key)

    def of(self, system: str, key: ActionKey) -> Effect | None:
        """The first effect of a key in a system."""
        return next((one for one in self.effects if one.key == key and one.system == system), None)


class SimulatedSystem:
    """One system, as its adapter: implements :class:`crossloop.actions.Adapter`."""

    def __init__(
        self,
        system: str,
        world: World,
        clock: Clock,
        source: random.Random,
        *,
        idempotent: bool,
        find: bool,
        trouble: float = 0.35,
        before_sending: Callable[[], None] | None = None,
    ) -> None:
        """Build one over a world.

        Args:
            source: what goes wrong is drawn from it.
            trouble: share of calls with which something goes wrong, 0 to 1.
            before_sending: called before a request leaves the company: a dead process sends none.
        """
        self.system = system
        self.capabilities = Capabilities(idempotent=idempotent, find=find, undo=True)
        self.operations = OPERATIONS
        self._world = world
        self._clock = clock
        self._source = source
        self._trouble = trouble
        self._before_sending = before_sending

    async def perform(self, key: ActionKey, request: ActionRequest) -> Performed:
        """Carry a request out, or go wrong."""
        if request.operation not in self.operations:
            raise Unsupported(f"{self.system} has no operation {request.operation}.")
        if request.arguments.get(IMPOSSIBLE):
            self._world.faults["system.impossible"] += 1
            raise Invalid("it cannot be done")
        asked = self._clock.now()
        if self._before_sending is not None:
            self._before_sending()
        fault = self._drawn(self._kinds())
        if fault in BEFORE:
            return await self._nothing_happens(fault, key)
        if fault == LATE:
            self._send_later(key, request, asked)
            await asyncio.sleep(_NEVER)
        performed = self._arrives(key, request, asked)
        if fault == TWICE:
            self._arrives(key, request, asked)
        if fault in AFTER:
            return await self._answers_badly(fault, performed)
        await asyncio.sleep(self._source.choice((0.0, 0.0, 0.02, 0.2)))
        return performed

    def undo_request(self, request: ActionRequest, performed: Performed) -> ActionRequest | None:
        """Return the request that takes a change back, or go wrong."""
        fault = self._drawn(UNDOING) if self._source.random() < _UNDOING_FAILS else None
        if fault == "undo.error":
            raise KeyError("the adapter has a defect")
        if fault == "undo.garbage":
            return self._garbage()
        return undo_request(request, performed.reference)

    async def find(self, key: ActionKey) -> Performed | None:
        """Look a key up, or go wrong."""
        if not self.capabilities.find:
            raise Unsupported(f"{self.system} cannot be asked.")
        fault = self._drawn(FINDING)
        if fault == "find.hangs":
            await asyncio.sleep(_NEVER)
        if fault == "find.unavailable":
            raise Unavailable("down")
        if fault == "find.rate_limited":
            raise RateLimited("too much", retry_after=self._source.choice((None, 1.0, 90.0)))
        if fault == "find.error":
            raise LookupError("the adapter has a defect")
        if fault == "find.garbage":
            return self._garbage()
        if fault == "find.slow":
            await asyncio.sleep(self._source.uniform(1, 25))
        found = self._world.look(self.system, key)
        if found is None:
            return None
        return Performed(reference=found.reference)

    def _kinds(self) -> Sequence[str]:
        """What can go wrong here without breaking a promise (rule 2)."""
        can = self.capabilities
        more = [TWICE] if can.idempotent else []
        # What arrives late comes to a system that knows the key, or to one that is never sent it twice, or
        # after a look-up that drops it. A system that only finds would have it twice after a blind look.
        late = [LATE] if can.idempotent or not can.find else []
        return (*BEFORE, *AFTER, *more, *late)

    def _drawn(self, kinds: Sequence[str]) -> str | None:
        if self._source.random() >= self._trouble or self._world.calm:
            return None
        kind = self._source.choice(kinds)
        self._world.faults[kind] += 1
        return kind

    async def _nothing_happens(self, fault: str, key: ActionKey) -> Performed:
        if fault == "system.hangs_before":
            await asyncio.sleep(_NEVER)
        if fault == "system.rate_limited":
            raise RateLimited("too much", retry_after=self._source.choice((None, 0.5, 5.0, 600.0)))
        if fault == "system.unavailable":
            raise Unavailable("down")
        if fault == "system.refuses":
            self._refuse(key)
        if fault == "system.garbage_before":
            return self._garbage()
        if fault == "system.cancels_itself":
            raise asyncio.CancelledError("of its own")
        raise self._source.choice((ValueError, RuntimeError, TimeoutError, OSError))(
            "the adapter has a defect"
        )

    def _refuse(self, key: ActionKey) -> NoReturn:
        """Refuse for good, unless it was done before: then that is the answer a real system gives."""
        if self._world.of(self.system, key) is not None:
            raise OutcomeUnknown("no answer came")
        self._world.refused[self.system, key] = "refused"
        raise self._source.choice((Invalid, Conflict, NotFound))("no")

    async def _answers_badly(self, fault: str, performed: Performed) -> Performed:
        if fault == "system.lost_reply":
            raise OutcomeUnknown("no answer came")
        if fault == "system.hangs_after":
            await asyncio.sleep(_NEVER)
        if fault == "system.error_after":
            raise self._source.choice((KeyError, ConnectionError, AssertionError))("the answer is cut off")
        if fault == "system.garbage_after":
            return self._garbage()
        longest = 25.0 if fault == "system.slow" else 120.0
        await asyncio.sleep(self._source.uniform(0.5 * longest, longest))
        return performed

    def _garbage(self) -> Any:
        return self._source.choice(({"ok": True}, "done", 200, b"", object))

    def _send_later(self, key: ActionKey, request: ActionRequest, asked: datetime) -> None:
        """Put a request on its way: it arrives whatever becomes of the process that sent it."""
        dropped = self._world.dropped[self.system, key]

        def arrive() -> None:
            refused = (self.system, key) in self._world.refused
            if not refused and self._world.dropped[self.system, key] == dropped:
                self._arrives(key, request, asked)

        call_outside(self._source.uniform(1, 200), arrive)

    def _arrives(self, key: ActionKey, request: ActionRequest, asked: datetime) -> Performed:
        known = self._world.of(self.system, key) if self.capabilities.idempotent else None
        if known is None and (self.system, key) in self._world.refused:
            raise Conflict("it was refused before")
        if known is None:
            reference = f"{self.system}-{len(self._world.effects)}"
            known = Effect(self.system, key, request, reference, asked, self._clock.now())
            self._world.effects.append(known)
        return Performed(reference=known.reference, detail="It is done.")
