"""One story of a company that a process can be killed in anywhere, and that another one takes up again.

Run as ``python -m tests.support.crashing DIRECTORY``; ``CROSSLOOP_CRASH_AT`` says where to die.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from crossloop import faults
from crossloop.clock import end_of_day
from crossloop.coordinator.loop import Change, Condition
from crossloop.departments.marketing.policy import LOGISTICS_TO_MARKETING
from crossloop.errors import AnswerRefused
from crossloop.signals import Signal
from crossloop.store import observations, verify
from tests.support.acme import Acme, acme, cleared, risk
from tests.support.fake_loop import FakeLoop
from tests.support.stores import START, open_store

DAYS = (date(2025, 2, 28), date(2025, 3, 1))
KARNATAKA, KERALA = (
    risk(name, end_of_day(day, "Asia/Kolkata") - timedelta(hours=1))
    for name, day in zip(("KARNATAKA", "KERALA"), DAYS, strict=True)
)
WELL = cleared(KARNATAKA, START)


def play(path: Path) -> None:
    """Tell the story from wherever it stands in this directory to its end.

    A risk in one state: one change is made at once, a larger one after two approvals. The next day another
    state, whose larger change is rejected. Then the first state is well again, and both changes are lifted.
    """
    loop = FakeLoop(name=LOGISTICS_TO_MARKETING)
    with acme(path, loops=[loop]) as opened:
        for day, signal, decision in zip(DAYS, (KARNATAKA, KERALA), ("approve", "reject"), strict=True):
            last = opened.store.read(lambda read: observations.last(read, LOGISTICS_TO_MARKETING))
            if last is not None and last > day:
                continue
            loop.signals, loop.changes, loop.digest = (signal,), (_opening(signal, day),), f"data of {day}"
            opened.coordinator.run(loop.name, as_of=day)
            _answer(opened, decision)
        opened.coordinator.publish([WELL])


def _opening(signal: Signal, day: date) -> Change:
    path = f"rto/{signal.subject}"
    code = signal.subject.rpartition("/")[2]
    return Change(
        "opened", Condition(path, "rto", "state", code, "open", signal.id, signal.correlation_id, day)
    )


def _answer(opened: Acme, decision: Any) -> None:
    for waiting in opened.coordinator.approvals(state="waiting"):
        for person in ("asha", "ravi"):
            try:
                opened.coordinator.answer(
                    str(waiting["id"]), person=person, decision=decision, reason="as agreed", asserted="test"
                )
            except AnswerRefused:
                continue  # this person has answered before the process died, or it is decided


def die_at(path: Path, point: str) -> None:
    """Play in this process until a crash point kills it."""
    os.environ["CROSSLOOP_CRASH_AT"] = point
    faults._countdown.update(faults._armed())
    play(path)


TABLES = {
    "signals": "SELECT id, state FROM signals",
    "decisions": "SELECT id, verdict FROM decisions",
    "actions": "SELECT id, state, reference, digest FROM actions",
    "approvals": "SELECT id, state, person, thread_kept FROM approvals",
    "claims": "SELECT resource, direction, interest, starts, ends, state FROM claims",
    "claims_past": "SELECT resource, direction, interest, starts, ends, state FROM claims_past",
    "impacts": (
        "SELECT i.resource, i.day, d.id, i.share FROM impacts i JOIN decisions d ON d.key = i.decision_key"
    ),
    "conditions": "SELECT path, state, signal_id, since FROM conditions",
    "observations": "SELECT loop, as_of, input_digest FROM observations",
}


def final_state(path: Path) -> dict[str, Any]:
    """All that is left at the end, in the store and in the world, apart from positions and tokens."""
    with closing(sqlite3.connect(path / "store.db")) as store:
        state: dict[str, Any] = {
            name: sorted(store.execute(query).fetchall(), key=repr) for name, query in TABLES.items()
        }
        state["entries"] = Counter(kind for (kind,) in store.execute("SELECT kind FROM entries"))
    with closing(sqlite3.connect(path / "company.db")) as world:
        restrictions = "SELECT campaign_id, kind, code, lifted, reference FROM restriction ORDER BY reference"
        state["restrictions"] = world.execute(restrictions).fetchall()
        state["effects"] = world.execute("SELECT key, digest, reference FROM effect ORDER BY key").fetchall()
    with open_store(path / "store.db") as opened:
        state["verified"] = opened.read(verify).ok
    return state


if __name__ == "__main__":
    play(Path(sys.argv[1]))
