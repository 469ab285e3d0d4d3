"""Waves: in what company the waiting signals are thought about.

Rules:

1. Signals are taken in the order of admission, each once. What is admitted meanwhile is taken up. Parked ones
   that somebody handles by now come first.
2. Signals that are answered at once share waves of at most 64: asking the graph costs milliseconds,
   whatever it carries.
3. A signal with a slow listener (a model, the network) travels alone, at most 32 of them at once, beside
   the waves. However many of them wait, they never stand in front of the others.
4. A signal of whose case an action is under way is kept back until that has ended: what it may have to be
   answered with is there then.
5. A signal that cannot be read any more is handed out by itself, so that it can be set aside.
6. A failure ends the run: what is under way is cancelled, and what is not decided stays new.
7. What this process has just admitted is not read back. Everything else is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Final

from crossloop.coordinator.company import Company
from crossloop.errors import InputError
from crossloop.ids import SignalId
from crossloop.signals import Signal
from crossloop.signals.codec import from_body
from crossloop.store import Read, Store, inbox

WAVE: Final = 64
"""Most signals in one wave."""

SLOW_LANE: Final = 32
"""Most signals with a slow listener under way at once."""

LOOK_AGAIN: Final = 0.1
"""Seconds between looks at what others may have written."""

Think = Callable[[tuple[Signal, ...]], Coroutine[object, object, None]]
SetAside = Callable[[SignalId, str], Coroutine[object, object, None]]
"""Called with a signal that cannot be read, and why."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A waiting signal whose content cannot be read, or is of a type that nobody knows any more."""

    id: SignalId
    why: str


Fresh = dict[SignalId, Signal]
"""Signals that were admitted by this process and not handed out yet."""

_Admitted = tuple[int, SignalId, str]
"""The entry of a waiting signal, its id, and its case."""


def _nothing(_case: str) -> bool:
    return False


class Waiting:
    """The waiting signals of a store, handed out once each, in two lanes.

    It reads on from the last entry it has seen: asking anew for the oldest ones would read those that wait
    for the slow lane again and again.
    """

    def __init__(
        self,
        store: Store,
        company: Company,
        fresh: Fresh | None = None,
        busy: Callable[[str], bool] = _nothing,
    ) -> None:
        """Take the parts.

        Args:
            fresh: what was admitted just now; each signal is taken out when it is handed out.
            busy: tells whether an action of a case is under way.
        """
        self._store = store
        self._company = company
        self._fresh = fresh if fresh is not None else {}
        self._busy = busy
        self._seen = -1
        self._parked: deque[_Admitted] | None = None
        """Parked signals that somebody handles now; read when the first ones are asked for."""
        self._slow: deque[_Admitted] = deque()
        """Signals with a slow listener; their content is read when it is their turn."""
        self._kept: deque[_Admitted] = deque()
        self._kept_slow: deque[_Admitted] = deque()
        """Signals whose turn it was while their case was busy."""

    @property
    def kept_back(self) -> bool:
        """Whether signals wait for an action of their case to end."""
        return bool(self._kept or self._kept_slow)

    def fast(self) -> list[Signal | Unreadable]:
        """Return the next signals without a slow listener, at most a wave of them."""
        return self._store.read(self._fast)

    def slow(self, count: int) -> list[Signal | Unreadable]:
        """Return the next signals with a slow listener, as far as :meth:`fast` has read."""
        chosen = _freed(self._kept_slow, self._busy, count)
        while self._slow and len(chosen) < count:
            one = self._slow.popleft()
            (self._kept_slow if self._busy(one[2]) else chosen).append(one)
        return self._store.read(lambda read: [self._signal(read, one) for one in chosen]) if chosen else []

    def _fast(self, read: Read) -> list[Signal | Unreadable]:
        chosen = _freed(self._kept, self._busy, WAVE) or self._roused(read)
        while len(chosen) < WAVE:
            rows = inbox.waiting_after(read, self._seen, WAVE - len(chosen))
            if not rows:
                break
            self._seen = rows[-1].entry
            for row in rows:
                if self._company.is_slow(row.type):
                    lane = self._slow
                else:
                    lane = self._kept if self._busy(row.case) else chosen
                lane.append((row.entry, SignalId(row.id), row.case))
        return [self._signal(read, one) for one in chosen]

    def _roused(self, read: Read) -> list[_Admitted]:
        """The next parked signals that somebody handles now, at most a wave of them."""
        if self._parked is None:
            self._parked = deque()
            for row in inbox.resting(read):
                if self._company.handles(row.type):
                    lane = self._slow if self._company.is_slow(row.type) else self._parked
                    lane.append((row.entry, SignalId(row.id), row.case))
        return [self._parked.popleft() for _ in range(min(WAVE, len(self._parked)))]

    def _signal(self, read: Read, admitted: _Admitted) -> Signal | Unreadable:
        entry, id, _ = admitted
        fresh = self._fresh.pop(id, None)
        if fresh is not None:
            return fresh
        body = read.entry(entry).body
        if body is None:
            return Unreadable(id, "its content was removed from the ledger")
        try:
            return from_body(body, self._company.catalogue)
        except InputError as wrong:
            return Unreadable(id, f"it cannot be read: {wrong}")


def _freed(kept: deque[_Admitted], busy: Callable[[str], bool], most: int) -> list[_Admitted]:
    """Take out the oldest ones that nothing keeps back any more."""
    free = [one for one in kept if not busy(one[2])][:most]
    for one in free:
        kept.remove(one)
    return free


async def _at_once() -> None: ...


async def run_waves(
    waiting: Waiting,
    think: Think,
    set_aside: SetAside,
    arrived: asyncio.Event | None = None,
    *,
    between: Callable[[], Coroutine[object, object, None]] = _at_once,
) -> None:
    """Think about everything that waits, until nothing does.

    Args:
        arrived: set by whoever admits a signal meanwhile; it is looked at without delay then.
        between: awaited before each look for another wave.
    """
    arrived = arrived or asyncio.Event()
    under_way: set[asyncio.Task[None]] = set()
    try:
        while True:
            arrived.clear()
            await between()
            fast = waiting.fast()
            slow = waiting.slow(SLOW_LANE - len(under_way))
            for one in (*fast, *slow):
                if isinstance(one, Unreadable):
                    await set_aside(one.id, one.why)
            under_way |= {asyncio.create_task(think((one,))) for one in slow if isinstance(one, Signal)}
            wave = tuple(one for one in fast if isinstance(one, Signal))
            if wave:
                await think(wave)
            elif under_way or waiting.kept_back:
                await _something(under_way, arrived)
            elif not fast and not slow:
                return
            for task in [one for one in under_way if one.done()]:
                under_way.remove(task)
                task.result()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _something(under_way: set[asyncio.Task[None]], arrived: asyncio.Event) -> None:
    """Wait until a slow signal has ended, another one arrives, or it is time to look again."""
    arrival = asyncio.ensure_future(arrived.wait())
    try:
        waited_for = {*under_way, arrival}
        await asyncio.wait(waited_for, timeout=LOOK_AGAIN, return_when=asyncio.FIRST_COMPLETED)
    finally:
        arrival.cancel()
        await asyncio.gather(arrival, return_exceptions=True)
