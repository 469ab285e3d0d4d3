"""A death comes when its plan says: after so many moments of a kind, and so much later."""

from __future__ import annotations

import asyncio
import random

from crossloop.testing.killing import plans
from crossloop.testing.killing.outside import MOMENTS
from crossloop.testing.killing.plans import Plan, Watch, drawn

SAID = ("go", "working", "sent", "acknowledged", "answered")


def test_every_plan_is_drawn_and_waits_for_something_that_is_told() -> None:
    found = [drawn(random.Random(number)) for number in range(2000)]
    assert {one.name for one in found} == set(plans._WEIGHTS)
    assert {one.moment for one in found} <= {*MOMENTS, *SAID}
    assert all(0 <= one.after < plans.LONGEST and one.count >= 1 for one in found)


def test_a_share_of_them_hits_the_opening_and_the_recovery() -> None:
    found = [drawn(random.Random(number)).name for number in range(2000)]
    early = [one for one in found if one in ("while it opens", "while it recovers")]
    assert 0.2 < len(early) / len(found) < 0.4


def killed(plan: Plan, *moments: str, wait: bool = False) -> bool:
    async def play() -> bool:
        dead = asyncio.Event()
        watch = Watch(plan, dead.set)
        for moment in moments:
            watch.tell(moment)
        if wait:
            async with asyncio.timeout(10):
                await dead.wait()
        watch.close()
        return dead.is_set()

    return asyncio.run(play())


def test_it_is_killed_at_the_counted_moment() -> None:
    plan = Plan("", "arrived", 2, 0.0)
    assert not killed(plan, "arrived", "happened")
    assert killed(plan, "arrived", "happened", "arrived")


def test_it_is_killed_so_much_later() -> None:
    plan = Plan("", "arrived", 1, 0.001)
    assert not killed(plan, "arrived")
    assert killed(plan, "arrived", wait=True)


def test_the_order_to_go_is_a_moment() -> None:
    assert killed(Plan("", "go", 1, 0.0))


def test_whatever_it_meets_it_is_killed_in_the_end() -> None:
    assert killed(Plan("", "looked_up", 1, 0.0), wait=True)
