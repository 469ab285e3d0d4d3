"""Kill a company again and again, and look whether anything was lost, doubled, or is stuck.

Rules:

1. One store, one world, life after life. Each is killed by its plan
   (:mod:`~crossloop.testing.killing.plans`), and the next one finds what it left. Now and then a second
   process answers for people beside it, and is killed a little later.
2. After each death what costs little is checked: the ledger is what it was and more, what was acknowledged is
   in it, every effect was permitted and is the first of its key.
3. At the end the world is calm, what was never acknowledged is said again, everybody answers, and a last life
   brings everything to its end. Then everything is checked.
4. What is drawn comes from the seed. What a process has come to when it dies is up to the machine.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from crossloop.clock import SystemClock
from crossloop.errors import StoreNotUsable
from crossloop.store import Store
from crossloop.testing.evidence import Violation
from crossloop.testing.killing import checks
from crossloop.testing.killing.checks import Recorded
from crossloop.testing.killing.journal import Journal
from crossloop.testing.killing.lives import Lives, lives
from crossloop.testing.killing.orders import Orders
from crossloop.testing.killing.outside import World
from crossloop.testing.killing.plans import Plan, Watch, drawn
from crossloop.testing.killing.wire import Said

PATIENCE: Final = 120.0
"""Seconds that the last life has to bring everything to its end."""

_FOLLOWED: Final = 0.25
"""Share of lives beside which somebody reads the tail of the ledger: an open reader spares the next process
some of what it has to recover."""

_LOOK: Final = 0.02
"""Seconds between two looks at the tail."""

KILLED: Final = -9
"""Exit code of a process that ended with SIGKILL."""


@dataclass
class Result:
    """What a campaign led to."""

    kills: int
    acknowledged_lost: int
    effects_doubled: int
    runs_stuck: int
    violations: list[Violation] = field(default_factory=list[Violation])
    plans: Counter[str] = field(default_factory=Counter[str])
    """Kills by what they waited for."""

    phases: Counter[str] = field(default_factory=Counter[str])
    """Kills by how far the process had come."""

    requests: Counter[str] = field(default_factory=Counter[str])
    signals: int = 0
    acknowledged: int = 0
    answers: int = 0
    effects: int = 0
    unknown: int = 0
    """Actions of which nobody can tell whether they were done: recorded, and never tried again."""

    found_out: int = 0
    """Those of them that were found out about later, by a look-up or by a person."""

    taken_back: int = 0
    """Actions that took a step of an undertaking back."""

    entries: int = 0
    seconds: float = 0.0

    def document(self) -> dict[str, Any]:
        """As JSON."""
        counts = {name: dict(sorted(getattr(self, name).items())) for name in ("plans", "phases", "requests")}
        found = [
            {"invariant": one.invariant, "what": one.what, "where": one.where} for one in self.violations
        ]
        return {**vars(self), **counts, "violations": found, "seconds": round(self.seconds, 1)}


class Campaign:
    """One company that is killed many times."""

    def __init__(self, folder: Path, seed: int, processes: Lives, *, calm: bool = False) -> None:
        """Begin, or go on where the journal of the folder ends.

        Args:
            calm: nothing goes wrong outside, and nothing takes its time.
        """
        self._folder = folder
        self._seed = seed
        self._processes = processes
        self._calm = calm
        self.journal = Journal.open(folder, seed, SystemClock().now())
        self.world = World(random.Random(f"{seed} world {self.journal.lives}"), self.journal.effect, calm)  # noqa: S311
        for effect in self.journal.effects:
            self.world.add(effect)
        self.recorded = Recorded()
        self._seen_effects = 0
        self.passed: Counter[str] = Counter()
        """Crash points that the last life to end by itself has passed."""

    @property
    def violations(self) -> list[Violation]:
        """Everything that was wrong so far, also before the campaign was stopped and taken up again."""
        return self.journal.violations

    def close(self) -> None:
        """Let go of the journal. What was not over goes on when it is opened again."""
        self.journal.file.close()

    @property
    def orders(self) -> Orders:
        """What every process of this campaign is told."""
        journal = self.journal
        return Orders(self._folder, self._seed, journal.load.began, journal.lives)

    async def live(self, orders: Orders, plan: Plan | None = None) -> int:
        """One life, killed by a plan, or without one until it ends by itself; return its exit code."""
        life, began = await self._processes.next(), time.monotonic()
        watching: list[Watch] = []
        phase = "starting"
        at_work = "recovering" if orders.calm else "at work"
        phases = {"open": "opening", "working": at_work, "recovered": "at work"}
        taken: list[int] = []

        def moment(name: str) -> None:
            for watch in watching:
                watch.tell(name)

        def heard(said: Said) -> None:
            nonlocal phase
            phase = phases.get(said["say"], phase)
            taken.extend(said["numbers"] if said["say"] == "acknowledged" else ())
            self._heard(said)
            moment(said["say"])

        life.go(orders, self.world, heard, moment)
        watching += [] if plan is None else [Watch(plan, life.kill)]
        before = Counter(self.world.requests)
        try:
            code = await life.ended()
        finally:
            life.kill()  # stopped from outside: nothing of it may go on
            for watch in watching:
                watch.close()
        self.journal.write(
            "life",
            killed=code == KILLED,
            plan=plan.name if plan else orders.crash_at or "none",
            phase=phase,
            seconds=time.monotonic() - began,
            requests=self.world.requests - before,
        )
        self._check(taken)
        return code

    async def live_beside_one_who_answers(self, orders: Orders, plan: Plan, linger: float) -> None:
        """One life that is killed while a second process answers for people, which dies a little later."""
        other = await self._processes.next()
        other.go(replace(self.orders, role="answer"), self.world, self._heard, lambda _moment: None)
        try:
            await self.live(orders, plan)
            await asyncio.sleep(linger)
        finally:
            other.kill()
        await other.ended()
        self._check(())

    def _heard(self, said: Said) -> None:
        match said["say"]:
            case "sent" | "acknowledged" as kind:
                self.journal.write(kind, numbers=said["numbers"])
            case "answered":
                self.journal.write("answered")
            case "passed":
                self.passed = Counter(said["points"])
            case "failed":
                self.journal.violated([Violation(0, said["error"], f"life {self.journal.lives}")])
            case _:
                pass

    def _check(self, acknowledged: Sequence[int]) -> None:
        """What can be checked after every death (rule 2)."""
        fresh = self.world.effects[self._seen_effects :]
        names = (self.journal.load.signal(number).id for number in acknowledged)
        try:
            with self._store() as store:
                found = self.recorded.read_on(store) + checks.followed(store)
        except StoreNotUsable:
            if self.recorded.frontier.size:
                raise
            self.journal.keep()
            return  # nobody has lived long enough to make one
        self._seen_effects += len(fresh)
        self.journal.violated([*found, *checks.after_a_death(self.recorded, fresh, names)])
        self.journal.keep()

    async def _follow(self) -> None:
        """Read the tail of the ledger while a process is at work."""
        while True:
            await asyncio.sleep(_LOOK)
            with suppress(StoreNotUsable), self._store() as store:
                while True:
                    self.journal.violated(self.recorded.read_on(store))
                    await asyncio.sleep(_LOOK)

    def _store(self) -> Store:
        return Store.open(f"sqlite:///{self._folder / 'store.db'}", clock=SystemClock(), create=False)

    async def finish(self) -> Result:
        """Let everything come to its end, and check it all (rule 3)."""
        self.world.calm = True
        try:
            async with asyncio.timeout(PATIENCE):
                code = await self.live(replace(self.orders, role="finish", again=self.journal.missing()))
                await self.world.at_rest()
                if code != 0:
                    self.journal.violated([Violation(0, f"the last life ended with {code}", "the end")])
        except TimeoutError:
            late = Violation(1, f"the last life took more than {PATIENCE:g} s", "the end")
            self.journal.violated([late])
        self._check(())
        return self.result()

    def result(self) -> Result:
        """Check everything, and count."""
        names = [self.journal.load.signal(number).id for number in sorted(self.journal.acknowledged)]
        lost, doubled = (
            list(checks.lost(self.recorded, names)),
            list(checks.doubled(self.world.effects)),
        )
        with self._store() as store:
            left = checks.stuck(store, self.recorded)
            found = checks.at_the_end(store, self.recorded, self.world.effects, names)
        self.journal.violated([*lost, *doubled, *left, *found])
        self.journal.keep()
        permits = self.recorded.ledger.by_key.values()
        journal = self.journal
        return Result(
            kills=journal.kills.total(),
            acknowledged_lost=len(lost),
            effects_doubled=len(doubled),
            runs_stuck=len(left),
            violations=list(self.violations),
            plans=journal.kills,
            phases=journal.phases,
            requests=journal.requests,
            signals=len(self.recorded.ledger.received),
            acknowledged=len(journal.acknowledged),
            answers=journal.answered,
            effects=len(self.world.effects),
            unknown=sum("unknown" in one.told for one in permits),
            found_out=sum("unknown" in one.told and len(one.told) > 1 for one in permits),
            taken_back=sum(one.takes_back is not None for one in permits),
            entries=self.recorded.frontier.size,
            seconds=journal.seconds,
        )

    async def death(self) -> None:
        """One more life that is killed, as the seed draws it."""
        life = self.journal.lives
        draw = random.Random(f"{self._seed} death {life}")  # noqa: S311 - repeatable
        plan = drawn(draw)
        orders = replace(
            self.orders,
            role="publish" if draw.random() < 0.15 else "work",
            first=self.journal.sent,
            most=draw.choice((0, 8, 16, 24)),
            again=self.journal.missing(),
            known=tuple(sorted(self.journal.acknowledged)[-20:]),
            calm=plan.calm,
        )
        following = asyncio.create_task(self._follow()) if draw.random() < _FOLLOWED else None
        try:
            await self._die(orders, plan, draw)
        finally:
            if following is not None:
                following.cancel()
                with suppress(asyncio.CancelledError):
                    await following

    async def _die(self, orders: Orders, plan: Plan, draw: random.Random) -> None:
        if draw.random() < 0.12:
            await self.live_beside_one_who_answers(orders, plan, draw.choice((0.0, 0.02, 0.2)))
        else:
            await self.live(orders, plan)


def kill(
    times: int,
    *,
    seed: int = 0,
    folder: Path,
    progress: Callable[[Campaign], None] = lambda _campaign: None,
) -> Result:
    """Kill a company so many times in all, let it finish, and check everything.

    Args:
        seed: what is drawn comes from it.
        folder: where its store and the journal of the world are; a campaign that was stopped goes on.
        progress: called after every death.
    """
    return asyncio.run(_kill(times, seed, folder, progress))


async def _kill(times: int, seed: int, folder: Path, progress: Callable[[Campaign], None]) -> Result:
    folder.mkdir(parents=True, exist_ok=True)
    async with lives() as processes:
        with closing(Campaign(folder, seed, processes)) as campaign:
            while campaign.journal.kills.total() < times:
                await campaign.death()
                progress(campaign)
            return await campaign.finish()
