"""Kill a company at every named crash point, in a first run and in a recovery.

Rules:

1. A short program is run to its end once and undisturbed. Every point has to be passed: one that is not is
   an error, for nothing would be said about it.
2. For each point, the program is run on a new store by a process that kills itself there: at the first pass,
   at the last one, and at some between. The next process takes up what is left.
3. For each point again, after a process that was killed elsewhere: the one that recovers kills itself there
   at its first pass, and a third one takes up what both have left.
4. After each death and at the end the same is checked as in :mod:`~crossloop.testing.killing.kill`.
5. Points are those of :data:`crossloop.faults.POINTS`: a new one is taken in by itself.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from crossloop.faults import POINTS
from crossloop.testing.evidence import Violation
from crossloop.testing.killing.kill import KILLED, PATIENCE, Campaign
from crossloop.testing.killing.lives import Lives, lives

SEED: Final = 0
PROGRAM: Final = tuple(range(24))
"""Numbers of the signals of the program: with this seed they hold everything that can be told."""

ELSEWHERE: Final = (
    "decide.after_commit",
    "act.after_started:2",
    "lease.after_acquired",
    "store.while_created",
)
"""Where the process before the one that recovers was killed. The first one that leads to the point counts."""


@dataclass
class Tried:
    """What was found about one point."""

    point: str
    passes: int
    """How often the undisturbed program passes it."""

    crashes: int = 0
    """Processes that killed themselves there in a first run."""

    recovering: int = 0
    """Processes that killed themselves there while they recovered."""

    violations: list[Violation] = field(default_factory=list[Violation])

    @property
    def ok(self) -> bool:
        """Passed, died at in both ways, and nothing was wrong then."""
        return self.passes > 0 and self.crashes > 0 and self.recovering > 0 and not self.violations

    def document(self) -> dict[str, Any]:
        """As JSON."""
        found = [
            {"invariant": one.invariant, "what": one.what, "where": one.where} for one in self.violations
        ]
        return {**vars(self), "violations": found, "ok": self.ok}


def crash_at_every_point(
    points: Sequence[str] = POINTS,
    *,
    most: int = 4,
    progress: Callable[[Tried], None] = lambda _tried: None,
) -> list[Tried]:
    """Kill a company at crash points, each in a first run and in a recovery.

    Args:
        most: passes at which a first run is killed, at most, for each point.
        progress: called when a point was tried.
    """
    return asyncio.run(_all(points, most, progress))


async def _all(points: Sequence[str], most: int, progress: Callable[[Tried], None]) -> list[Tried]:
    async with lives() as processes:
        passes, wrong = await _undisturbed(processes)
        found: list[Tried] = []
        for point in points:
            tried = Tried(point, passes[point], violations=list(wrong))
            if tried.passes:
                for count in chosen(tried.passes, most):
                    tried.crashes += await _dies(processes, tried, f"{point}:{count}")
                tried.recovering = await _dies_recovering(processes, tried)
            found.append(tried)
            progress(tried)
        return found


def chosen(passes: int, most: int) -> list[int]:
    """The passes at which a process dies: the first, the last, and others evenly between them."""
    if most >= passes:
        return list(range(1, passes + 1))
    return [1 + at * (passes - 1) // max(1, most - 1) for at in range(most)]


@contextmanager
def _campaign(processes: Lives) -> Generator[Campaign]:
    """A new company, and a world in which nothing goes wrong but what is to."""
    with tempfile.TemporaryDirectory(prefix="crossloop-") as made:
        campaign = Campaign(Path(made), SEED, processes, calm=True)
        with closing(campaign):
            yield campaign


async def _undisturbed(processes: Lives) -> tuple[Counter[str], list[Violation]]:
    with _campaign(processes) as campaign:
        await _run(campaign)
        return campaign.passed, campaign.result().violations


async def _dies(processes: Lives, tried: Tried, *at: str) -> int:
    """Run the program with processes that kill themselves one after the other; return how many did."""
    with _campaign(processes) as campaign:
        died = 0
        for point in at:
            if await _run(campaign, point) != KILLED:
                break
            died += 1
        else:
            await _run(campaign)
        tried.violations += campaign.result().violations
        return died


async def _dies_recovering(processes: Lives, tried: Tried) -> int:
    for elsewhere in ELSEWHERE:
        died = await _dies(processes, tried, elsewhere, f"{tried.point}:1")
        if died == 2 or tried.violations:
            return died // 2
    return 0


async def _run(campaign: Campaign, crash_at: str = "") -> int:
    """One process that runs what is left of the program, to its end or to its death."""
    known = campaign.journal.acknowledged
    left = tuple(number for number in PROGRAM if number not in known)
    async with asyncio.timeout(PATIENCE):
        return await campaign.live(replace(campaign.orders, role="finish", again=left, crash_at=crash_at))
