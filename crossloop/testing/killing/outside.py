"""The world outside of the company that is killed: its systems, in the process that is not.

Rules:

1. Each system keeps the promises of the port and no others. An idempotent one has one effect per key; one
   that can find says None only where nothing will come any more: it waits for what is on its way. One that
   promises neither has an effect for every request that arrives.
2. A request that has arrived takes its course, whatever becomes of the process that sent it.
3. Replies are late, get lost, or never come; now and then a system is down, refuses, or wants to be left
   alone. Once the world is calm nothing goes wrong any more.
4. Every moment at which a death is of interest is told as it comes (:data:`MOMENTS`).
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from crossloop.clock import Clock, SystemClock
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest
from crossloop.testing.systems import Effect
from crossloop.testing.vocabulary import IMPOSSIBLE, SYSTEMS

MOMENTS: Final = ("arrived", "happened", "replied", "looked_up")
"""A request has arrived; its effect is there; its reply is on its way; a look-up has arrived."""


@dataclass
class World:
    """All that has happened, and what goes wrong."""

    draw: random.Random
    happened: Callable[[Effect], None] = lambda _effect: None
    """Told of every effect, at the moment it is brought about."""

    calm: bool = False
    clock: Clock = field(default_factory=SystemClock)
    effects: list[Effect] = field(default_factory=list[Effect])
    by_key: defaultdict[tuple[str, str], list[Effect]] = field(
        default_factory=lambda: defaultdict[tuple[str, str], list[Effect]](list)
    )
    requests: Counter[str] = field(default_factory=Counter[str])
    """How often what was asked, and what went wrong, by kind."""

    refused: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    on_their_way: defaultdict[tuple[str, str], set[asyncio.Task[Any]]] = field(
        default_factory=lambda: defaultdict[tuple[str, str], set[asyncio.Task[Any]]](set)
    )

    def add(self, effect: Effect) -> None:
        """Take note of something that has happened."""
        self.effects.append(effect)
        self.by_key[effect.system, effect.key].append(effect)

    async def perform(
        self, system: str, key: str, request: dict[str, Any], moment: Callable[[str], None]
    ) -> dict[str, str]:
        """Carry a request out, or go wrong; what is returned is the reply, empty where none comes."""
        self.requests["perform"] += 1
        moment("arrived")
        wanted = ActionRequest.model_validate(request)
        if wanted.arguments.get(IMPOSSIBLE):
            return {"error": "refused"}
        course = asyncio.ensure_future(self._course(system, key, wanted, moment))
        under_way = self.on_their_way[system, key]
        under_way.add(course)
        course.add_done_callback(under_way.discard)
        fault = self._drawn({"unavailable": 0.01, "rate_limited": 0.01, "refused": 0.01, "reply_first": 0.02})
        if fault == "reply_first":  # the sender is told that nobody knows, and it happens afterwards
            return {"error": "unknown"}
        if fault is not None and self._stopped(system, key, course, fault):
            return {"error": fault}
        reference = await asyncio.shield(course)
        if reference is None:
            return {"error": "refused"}
        if self._drawn({"lost_reply": 0.03}):
            return {"error": "unknown"}
        await asyncio.sleep(self._delay())
        return {"reference": reference}

    async def find(self, system: str, key: str, moment: Callable[[str], None]) -> dict[str, str | bool]:
        """Look a key up."""
        self.requests["find"] += 1
        moment("looked_up")
        if self._drawn({"find_unavailable": 0.02}):
            return {"error": "unavailable"}
        return await self.look(system, key)

    async def look(self, system: str, key: str) -> dict[str, str | bool]:
        """What is so, as a person sees it who looks at the system itself."""
        await asyncio.sleep(0.001 + self._delay())  # what a dead process has sent was read by now
        while under_way := self.on_their_way[system, key]:
            await asyncio.wait(set(under_way))
        found = self.by_key[system, key]
        return {"reference": found[0].reference} if found else {"absent": True}

    async def at_rest(self) -> None:
        """Wait until everything that was on its way has arrived."""
        while under_way := [course for courses in self.on_their_way.values() for course in courses]:
            await asyncio.wait(under_way)

    def _stopped(self, system: str, key: str, course: asyncio.Future[Any], fault: str) -> bool:
        """Stop a request before anything has happened; a refusal is for good, and only for what is new."""
        if fault == "refused":
            if self.by_key[system, key] or len(self.on_their_way[system, key]) > 1:
                return False
            self.refused.add((system, key))
        course.cancel()
        return True

    async def _course(
        self, system: str, key: str, request: ActionRequest, moment: Callable[[str], None]
    ) -> str | None:
        asked = self.clock.now()
        await asyncio.sleep(self._delay())
        if (system, key) in self.refused:
            return None
        known = self.by_key[system, key]
        if known and SYSTEMS[system].idempotent:
            return known[0].reference
        reference = f"{system}-{len(self.effects)}"
        effect = Effect(system, ActionKey(key), request, reference, asked, self.clock.now())
        self.add(effect)
        self.happened(effect)
        moment("happened")
        await asyncio.sleep(self._delay())
        return effect.reference

    def _delay(self) -> float:
        if self.calm:
            return 0.0
        return self.draw.choice((0.0, 0.0, 0.001, 0.004, 0.015))

    def _drawn(self, kinds: dict[str, float]) -> str | None:
        drawn = self.draw.random()
        for kind, share in kinds.items():
            drawn -= share
            if drawn < 0 and not self.calm:
                self.requests[kind] += 1
                return kind
        return None
