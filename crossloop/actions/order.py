"""Whose turn it is among the actions of one executor, whoever handed them over. Pure.

Rules:

1. Of two actions on one resource, or on one that contains the other, the one that was permitted first has its
   turn first, and the other one only when the first has left the line. One that has its turn keeps it.
2. Of actions that nobody could find again after a crash, one has its turn at a time.
3. At most so many have their turn at once. No system has all of these turns, so that one that is slow leaves
   room for the others.
4. Among those that nothing holds back, the one that was permitted first.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class Place:
    """The place of one action in the line."""

    entry: int
    """The entry that permits it: a smaller one goes first."""

    path: str
    """What it changes."""

    system: str
    alone: bool
    """Whether nobody could find out what became of it (rule 2)."""

    go: Callable[[], None]
    """Called once, when it is its turn. It must not come back to the line at once."""

    has_turn: bool = False
    behind: set[Place] = field(default_factory=set["Place"])
    """What it has to wait for."""

    before: set[Place] = field(default_factory=set["Place"])
    """What waits for it."""


class Turns:
    """Gives actions their turn."""

    def __init__(self, at_once: int) -> None:
        """Take how many may have their turn at once."""
        self._at_once = at_once
        self._of_one_system = max(1, at_once - at_once // 4)
        self._turns: Counter[str] = Counter()
        """By system."""
        self._on: defaultdict[str, set[Place]] = defaultdict(set)
        self._below: defaultdict[str, set[Place]] = defaultdict(set)
        self._alone: set[Place] = set()
        self._free: defaultdict[str, list[tuple[int, int, Place]]] = defaultdict(list)
        """By system: those that once had nobody to wait for. Somebody may have come before them since."""
        self._number = itertools.count()

    def enter(self, places: Iterable[Place]) -> None:
        """Take actions in, each at the place that its permit gives it."""
        for one in places:
            for other in self._meeting(one):
                first, second = (other, one) if _is_before(other, one) else (one, other)
                first.before.add(second)
                second.behind.add(first)
            for known in self._registers(one):
                known.add(one)
            self._set_free(one)
        self._give()

    def leave(self, places: Iterable[Place]) -> None:
        """Let actions go, whether they had their turn or not; whoever waited for them moves up."""
        for one in places:
            self._take_out(one)
        self._give()

    def _take_out(self, one: Place) -> None:
        for known in self._registers(one):
            known.discard(one)
        for path in (one.path, *_above(one.path)):
            for register in (self._on, self._below):
                if path in register and not register[path]:
                    del register[path]
        self._turns[one.system] -= one.has_turn
        for first in one.behind:
            first.before.discard(one)
        one.behind = {one}  # nothing gives it a turn any more
        for second in one.before:
            second.behind.discard(one)
            self._set_free(second)

    def _meeting(self, one: Place) -> set[Place]:
        found = set(self._on.get(one.path, ())) | self._below.get(one.path, set())
        for path in _above(one.path):
            found |= self._on.get(path, set())
        return found | self._alone if one.alone else found

    def _registers(self, one: Place) -> Iterator[set[Place]]:
        yield self._on[one.path]
        for path in _above(one.path):
            yield self._below[path]
        if one.alone:
            yield self._alone

    def _set_free(self, one: Place) -> None:
        if not one.behind:
            heapq.heappush(self._free[one.system], (one.entry, next(self._number), one))

    def _give(self) -> None:
        while self._turns.total() < self._at_once:
            following = min(filter(None, map(self._next, list(self._free))), default=None)
            if following is None:
                return
            one = following[2]
            heapq.heappop(self._free[one.system])
            one.has_turn = True
            self._turns[one.system] += 1
            one.go()

    def _next(self, system: str) -> tuple[int, int, Place] | None:
        """Which action of a system is next, where it may have one more turn."""
        free = self._free[system]
        while free and (free[0][2].has_turn or free[0][2].behind):
            heapq.heappop(free)
        return free[0] if free and self._turns[system] < self._of_one_system else None


def _is_before(other: Place, one: Place) -> bool:
    return other.has_turn or other.entry <= one.entry


def _above(path: str) -> Iterator[str]:
    path = path.rpartition("/")[0]
    while path:
        yield path
        path = path.rpartition("/")[0]
