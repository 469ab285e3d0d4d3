"""When a process is killed: drawn from the seed, at any moment or right at one that matters."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 0.7
"""Seconds after which a process is killed whatever it has met."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One death."""

    name: str
    moment: str
    """What has to come first, as the world or the process tell it; ``go`` is the order to begin."""

    count: int
    """How often."""

    after: float
    """Seconds after that."""

    calm: bool = False
    """Whether the process takes nothing in before it has brought to its end what it found."""


_WEIGHTS: Final = {
    "anywhere": 25,
    "while it opens": 10,
    "while it recovers": 20,
    "a request has arrived": 9,
    "the effect is there": 9,
    "the reply was sent": 9,
    "a look-up has arrived": 4,
    "while it takes in": 7,
    "it has acknowledged": 7,
    "a person has answered": 5,
}


def drawn(draw: random.Random) -> Plan:
    """Draw a death."""
    name = draw.choices(tuple(_WEIGHTS), tuple(_WEIGHTS.values()))[0]
    soon = draw.choice((0.0, 0.0, draw.uniform(0, 0.004)))
    if name == "anywhere":
        return Plan(name, "go", 1, draw.uniform(0.0, 0.45), calm=draw.random() < 0.3)
    if name == "while it opens":
        return Plan(name, "go", 1, draw.uniform(0.0, 0.06))
    if name == "while it recovers":
        return Plan(name, "working", 1, draw.uniform(0.0, 0.08), calm=True)
    if name == "while it takes in":
        return Plan(name, "sent", draw.randint(1, 5), draw.uniform(0.0, 0.005))
    if name == "it has acknowledged":
        return Plan(name, "acknowledged", draw.randint(1, 6), draw.uniform(0.0, 0.02))
    if name == "a person has answered":
        return Plan(name, "answered", draw.randint(1, 2), soon)
    if name == "a look-up has arrived":
        return Plan(name, "looked_up", 1, soon, calm=True)
    moments = {"a request has arrived": "arrived", "the effect is there": "happened"}
    moment = moments.get(name, "replied")
    return Plan(name, moment, draw.randint(1, 25), soon, calm=draw.random() < 0.3)


class Watch:
    """Waits for what a plan names, and then kills."""

    def __init__(self, plan: Plan, kill: Callable[[], None]) -> None:
        self._plan = plan
        self._kill = kill
        self._left = plan.count
        self._timers = [asyncio.get_running_loop().call_later(LONGEST, kill)]
        self.tell("go")

    def tell(self, moment: str) -> None:
        """Something has just happened."""
        if moment != self._plan.moment or self._left == 0:
            return
        self._left -= 1
        if self._left == 0 and self._plan.after == 0:
            self._kill()
        elif self._left == 0:
            self._timers.append(asyncio.get_running_loop().call_later(self._plan.after, self._kill))

    def close(self) -> None:
        """Kill nobody any more."""
        for timer in self._timers:
            timer.cancel()
