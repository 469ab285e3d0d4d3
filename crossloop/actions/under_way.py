"""The actions that one executor has in hand: each is brought to its end when it is its turn.

Calls share the line in which their actions stand (:mod:`crossloop.actions.order`), and nothing else: each has
its own to start, to perform and to write down.

An action that was started by a call that failed is *left behind*: it keeps its place, so that nothing on its
resource passes it by, until it was recovered or somebody else has ended it.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from crossloop.actions.order import Place, Turns
from crossloop.ids import ActionKey
from crossloop.signals import Receipt

if TYPE_CHECKING:
    from crossloop.actions.action import Action


Ended: TypeAlias = "tuple[Action, Receipt]"
"""An action, and how it ended."""


class UnderWay:
    """What one executor has in hand."""

    def __init__(self, at_once: int) -> None:
        """Take how many may be under way at once."""
        self._turns = Turns(sys.maxsize)
        """Whose turn it is to be started: those of a wave together, in one transaction."""
        self._slots = Turns(at_once)
        """Which of those are at their systems."""
        self._places: dict[ActionKey, tuple[Place, str]] = {}
        """With the case of each."""
        self._cases: Counter[str] = Counter()
        self.left_behind: set[ActionKey] = set()

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: ActionKey) -> bool:
        return key in self._places

    def holds(self, key: ActionKey) -> bool:
        """True for what some call is still at."""
        return key in self._places and key not in self.left_behind

    def is_at_work_on(self, case: str) -> bool:
        """True while an action of a case is in hand."""
        return case in self._cases

    async def carry_out(
        self,
        chosen: Sequence[Action],
        *,
        alone: Callable[[Action], bool],
        begun: bool,
        start: Callable[[Sequence[Action]], Awaitable[Sequence[Action]]],
        end: Callable[[Action], Coroutine[object, object, Ended]],
        write: Callable[[Sequence[Ended]], Awaitable[None]],
    ) -> None:
        """Take actions in and bring them to their end, each when it is its turn.

        Those whose turn comes together are started together, and what has ended by then is written together;
        neither waits for an action that is still under way. What fails ends this call, and no other.

        Args:
            alone: whether nobody could find out what became of an action.
            begun: whether they were started before.
            start: returns those that it started.
            end: performs one.
            write: writes down how some ended.
        """
        own = {one.key for one in chosen}
        started = set(own) if begun else set[ActionKey]()
        """What may have been started."""
        turn: list[Action] = []
        ended: list[asyncio.Task[Ended]] = []
        under_way: set[asyncio.Task[Ended]] = set()
        news = asyncio.Event()

        def its_turn(one: Action) -> None:
            turn.append(one)
            news.set()

        def is_over(task: asyncio.Task[Ended]) -> None:
            ended.append(task)
            news.set()

        def let_go(keys: Collection[ActionKey]) -> None:
            started.difference_update(keys)
            own.difference_update(keys)
            self._leave(keys)

        self._enter(chosen, its_turn, alone)
        try:
            while own:
                await news.wait()
                news.clear()
                over, ended[:] = ended[:], []
                under_way.difference_update(over)
                # Gathered, so that of several that failed none goes unseen.
                pairs = await asyncio.gather(*over)
                if pairs:
                    await write(pairs)
                    let_go([one.key for one, _ in pairs])
                ready, turn[:] = turn[:], []
                if ready:
                    started.update(one.key for one in ready)
                    going = await start(ready)
                    let_go({one.key for one in ready} - {one.key for one in going})
                    for one in going:
                        task = asyncio.create_task(self._in_a_slot(one, end))
                        task.add_done_callback(is_over)
                        under_way.add(task)
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, *ended, return_exceptions=True)
            self.left_behind |= started
            self._leave([key for key in own if key not in started])

    async def _in_a_slot(
        self, one: Action, end: Callable[[Action], Coroutine[object, object, Ended]]
    ) -> Ended:
        free = asyncio.Event()
        slot = Place(one.entry, one.key, _system(one), alone=False, go=free.set)
        self._slots.enter([slot])
        try:
            await free.wait()
            return await end(one)
        finally:
            self._slots.leave([slot])

    def keep_behind(self, started: Collection[ActionKey]) -> None:
        """Let go of what was left behind and is not started any more."""
        self._leave([key for key in self.left_behind if key not in started])

    def _enter(
        self, chosen: Sequence[Action], its_turn: Callable[[Action], None], alone: Callable[[Action], bool]
    ) -> None:
        """Take actions in; what was left behind is taken up where it stood."""
        before = [self._places[one.key][0] for one in chosen if one.key in self.left_behind]
        for one in chosen:
            place = Place(one.entry, one.resource, _system(one), alone(one), partial(its_turn, one))
            if one.key not in self._places:
                self._cases[one.decision.case] += 1
            self._places[one.key] = place, one.decision.case
        self.left_behind.difference_update(one.key for one in chosen)
        self._turns.enter([self._places[one.key][0] for one in chosen])
        self._turns.leave(before)  # afterwards, so that nobody comes in between

    def _leave(self, keys: Iterable[ActionKey]) -> None:
        gone = [(key, *self._places.pop(key)) for key in keys]
        for key, _, case in gone:
            self.left_behind.discard(key)
            self._cases[case] -= 1
            if not self._cases[case]:
                del self._cases[case]
        self._turns.leave([place for _, place, _ in gone])


def _system(one: Action) -> str:
    return "" if one.permitted is None else one.permitted.request.system
