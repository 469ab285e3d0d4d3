"""A store as a crash leaves it, with thousands of open signals, and the company that comes back to it.

Of the signals are: 20 % waiting for people, a quarter of these past their deadline; 30 % decided, with
permitted actions that nobody started; 20 % started without a receipt, of which half had their effect; 30 %
not thought about yet. No question has its thread, which is the dearest of all cases. What the system outside
did is in the memory of whoever comes back, and it is asked for each action that was started.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import crossloop
from benchmarks.children import say
from benchmarks.company import (
    CATALOGUE,
    MARKETING,
    SERVICE,
    SURE,
    UNSURE,
    Ads,
    ask_marketing,
    ask_service,
    company,
    rules,
    said,
)
from crossloop.clock import ManualClock, SystemClock
from crossloop.coordinator.admit import admit_signals
from crossloop.coordinator.approval_graph import ApprovalThreads
from crossloop.coordinator.decide import decide
from crossloop.coordinator.mediator import mediate
from crossloop.coordinator.runtime import Runtime
from crossloop.coordinator.views import Views
from crossloop.ids import ActionKey
from crossloop.store import Store, Tx, actions

SHARES: Final = {"overdue": 5, "waiting": 15, "permitted": 30, "acted": 10, "started": 10, "new": 30}
"""Per cent of the signals in each state."""

_LONG_AGO: Final = timedelta(days=3)
_WAVE: Final = 64


class SeenAds(Ads):
    """The platform, which also counts how often each key was performed anew."""

    def __init__(self, done: dict[str, str]) -> None:
        super().__init__()
        self.before = frozenset(done)
        self.done.update(done)

    async def perform(self, key: str, request: crossloop.ActionRequest) -> crossloop.Performed:
        assert key not in self.before, f"{key} had its effect already"
        return await super().perform(key, request)


def main() -> None:
    folder = Path(sys.argv[2])
    if sys.argv[1] == "prepare":
        print(json.dumps(asyncio.run(prepare(folder, int(sys.argv[3])))))
    else:
        print(json.dumps(recover(folder)))


def counts(count: int) -> dict[str, int]:
    """How many signals are in each state; what is left over is new."""
    found = {state: count * percent // 100 for state, percent in SHARES.items()}
    found["new"] += count - sum(found.values())
    return found


async def prepare(folder: Path, count: int) -> dict[str, Any]:
    """Bring a new store into the state in which a crash leaves it."""
    now = datetime.now(UTC)
    clock = ManualClock(now - _LONG_AGO)
    done: dict[str, str] = {}
    begun = 0
    with Store.open(f"sqlite:///{folder / 'crossloop.db'}", clock=clock) as store:
        parts = store, company(Ads()), rules(folder), ApprovalThreads(folder / "threads.db"), clock
        runtime = Runtime(*parts, offload=_in_line)
        for state, number in counts(count).items():
            if state == "waiting":
                clock.advance(now - timedelta(minutes=5) - clock.now())
            confidence = UNSURE if state in ("overdue", "waiting") else SURE
            for first in range(begun, begun + number, _WAVE):
                last = min(first + _WAVE, begun + number)
                wave = [said(one, clock.now(), confidence=confidence) for one in range(first, last)]
                await admit_signals(runtime, wave)
                if state != "new":
                    keys = await _decided(runtime, wave)
                if state in ("acted", "started"):
                    store.write(lambda tx, keys=keys: [actions.start(tx, key) for key in keys])
                if state == "acted":
                    done |= dict.fromkeys(keys, "before the crash")
            begun += number
            say(f"  {begun:,} of {count:,} signals: {state}")
    (folder / "expected.json").write_text(json.dumps(counts(count)), encoding="utf-8")
    (folder / "done.json").write_text(json.dumps(done), encoding="utf-8")
    return {"effects": len(done)}


async def _in_line(work: Callable[[], None]) -> None:
    work()


async def _decided(runtime: Runtime, wave: Sequence[crossloop.Signal]) -> list[ActionKey]:
    as_of, policy = runtime.clock.now(), runtime.policy
    async with Views(runtime.store, runtime.company, policy).take(as_of, {}) as view:
        answers = {
            one.id: {MARKETING: ask_marketing(one, view), SERVICE: ask_service(one, view)} for one in wave
        }
    settled = mediate(wave, answers, policy, as_of=as_of, now=as_of)

    def work(tx: Tx) -> list[ActionKey]:
        made = decide(tx, wave, answers, settled, policy=policy, catalogue=CATALOGUE, as_of=as_of)
        return [one.key for one in made.permitted]

    return runtime.store.write(work)


def recover(folder: Path) -> dict[str, float]:
    """Open the company, bring everything to its end or to a person; how long that took.

    Raises:
        AssertionError: something came to another end, or an effect happened twice.
    """
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    ads = SeenAds(json.loads((folder / "done.json").read_text(encoding="utf-8")))
    clock = SystemClock()
    began = time.perf_counter()
    store = Store.open(f"sqlite:///{folder / 'crossloop.db'}", clock=clock)
    parts = store, company(ads), rules(folder)
    with crossloop.Coordinator(*parts, threads=folder / "threads.db", clock=clock) as coordinator:
        with coordinator.working() as work:
            work.wait()
            seconds = time.perf_counter() - began
            listed = len(coordinator.approvals(state="waiting"))
            with_list = time.perf_counter() - began
        states = dict(
            store.read(lambda read: read.rows("SELECT state, count(*) FROM signals GROUP BY state"))
        )
        assert coordinator.verify().ok, "the ledger is broken"
    effects = sum(expected.values()) - expected["waiting"] - expected["overdue"]
    assert listed == expected["waiting"], f"{listed} questions wait, expected {expected['waiting']}"
    assert states == {"decided": listed, "finished": sum(expected.values()) - listed}, states
    assert len(ads.done) == effects, f"{len(ads.done)} effects, expected {effects}"
    return {"recovery": round(seconds, 3), "recovery_and_list": round(with_list, 3)}


if __name__ == "__main__":
    main()
