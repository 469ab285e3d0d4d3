"""What can happen to the simulated company: one operation after the other, drawn from the seed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import orjson

from crossloop.actions import Executor, load
from crossloop.canonical import canonical_json
from crossloop.coordinator import Runtime
from crossloop.coordinator.endings import after_receipt
from crossloop.faults import POINTS
from crossloop.ids import ActionKey
from crossloop.store import Tx, actions, approvals, decisions
from crossloop.store.actions import ActionRow
from crossloop.testing.documents import VARIANTS
from crossloop.testing.people import agree, answer_some, people
from crossloop.testing.processes import BEGIN, COMMIT
from crossloop.testing.said import draw_signal
from crossloop.testing.virtual_time import call_outside

if TYPE_CHECKING:
    from crossloop.testing.running import Simulation

Operation = Callable[["Simulation"], Awaitable[object]]

_DAY: Final = 86_400.0
_OF_WORKERS: Final = tuple(point for point in POINTS if not point.startswith("answer."))


async def publish(sim: Simulation) -> None:
    """Publish some signals, a few of them again, and bring them to their end."""
    await admit(sim, think=True)


async def admit(sim: Simulation, *, think: bool = False) -> None:
    """Publish some signals, a few of them again; by default they wait."""
    before = list(sim.said)
    fresh = [draw_signal(sim) for _ in range(sim.draw.choice((1, 1, 2, 4)))]
    again = sim.draw.sample(before, min(len(before), sim.draw.choice((0, 0, 1, 3))))
    sim.faults["signal.again"] += len(again)
    signals = [*fresh, *again]
    sim.draw.shuffle(signals)

    async def take_in(runtime: Runtime) -> None:
        await sim.admitted(runtime, signals)
        if think:
            await sim.drained(runtime)

    await sim.attempt(sim.worker, take_in)


async def replay(sim: Simulation) -> None:
    """Publish everything that was ever said once more, in another order."""
    signals = list(sim.said)
    sim.draw.shuffle(signals)
    sim.faults["signal.again"] += len(signals)

    async def take_in(runtime: Runtime) -> None:
        await sim.admitted(runtime, signals)
        await sim.drained(runtime)

    await sim.attempt(sim.worker, take_in)


async def serve(sim: Simulation) -> None:
    """Be at work for a while: signals come in and people answer meanwhile; perhaps it is frozen, or dies."""
    over, idle, fate = asyncio.Event(), asyncio.Event(), sim.draw.random()
    if fate < 0.5:
        befall(sim, "dies" if fate < 0.25 else "freezes")

    async def at_work(runtime: Runtime) -> None:
        await asyncio.gather(runtime.serve(dict, over, idle), come_in(runtime))

    async def come_in(runtime: Runtime) -> None:
        try:
            for _ in range(sim.draw.choice((1, 2, 3))):
                fresh = [draw_signal(sim) for _ in range(sim.draw.choice((1, 2)))]
                await sim.admitted(runtime, fresh)
                await asyncio.sleep(sim.draw.uniform(0, 0.6))
        finally:
            over.set()

    working = asyncio.ensure_future(sim.attempt(sim.worker, at_work))
    await asyncio.sleep(sim.draw.uniform(0, 1))
    await answer_some(sim)
    await working


async def drain(sim: Simulation) -> None:
    """Bring what waits to its end."""
    await sim.attempt(sim.worker, sim.drained)


async def wait(sim: Simulation) -> None:
    """Let time pass."""
    await asyncio.sleep(sim.draw.choice((5.0, 60.0, 600.0, 3600.0, 0.3 * _DAY, _DAY)))


async def jump(sim: Simulation) -> None:
    """Set the clock, as time servers and people do."""
    seconds = sim.draw.choice((-300.0, -20.0, -1.0, 40.0, 3600.0, _DAY))
    sim.faults["clock.back" if seconds < 0 else "clock.forward"] += 1
    sim.clock.jump(timedelta(seconds=seconds))


async def crash(sim: Simulation) -> None:
    """Have the company die soon: at a crash point, at a transaction, or at any moment."""
    befall(sim, "dies")
    await sim.draw.choice((publish, publish, drain, people))(sim)


async def busy(sim: Simulation) -> None:
    """Have the store refuse one transaction, as when another program holds it for too long."""
    sim.arm(sim.worker, BEGIN, sim.draw.randint(2, 12), "busy", 0)
    await sim.draw.choice((publish, publish, drain))(sim)


async def race(sim: Simulation) -> None:
    """Freeze the company, have a second one take over meanwhile, and let the first one go on."""
    first = sim.worker
    befall(sim, "freezes")
    going = asyncio.ensure_future(sim.attempt(first, lambda runtime: _publish_twice(sim, runtime)))
    await asyncio.sleep(sim.draw.uniform(0, 20))
    second = sim.open_worker(first.policy)
    sim.faults["worker.second"] += 1
    await sim.attempt(second, sim.drained)
    await going
    await sim.keep(first, second)


async def _publish_twice(sim: Simulation, runtime: Runtime) -> None:
    """Admit, think, and admit again under the same lease: a worker that was followed has more to write."""
    for _ in range(2):
        fresh = [draw_signal(sim) for _ in range(sim.draw.choice((1, 2, 3)))]
        await sim.admitted(runtime, fresh)
        await sim.drained(runtime)


def befall(sim: Simulation, what: Literal["dies", "freezes"]) -> None:
    """Have something befall the worker soon."""
    where, seconds = sim.draw.random(), sim.draw.uniform(35, 200)
    if where < 0.3:
        points = POINTS if what == "dies" else _OF_WORKERS
        sim.arm(sim.worker, sim.draw.choice(points), sim.draw.choice((1, 1, 2, 4)), what, seconds)
    elif where < 0.6:  # the narrowest places: begun and not sent, done and not recorded
        sim.arm(sim.worker, sim.draw.choice(("act.after_started", "act.after_effect")), 1, what, seconds)
    elif where < 0.8:
        sim.arm(sim.worker, COMMIT, sim.draw.choice((1, 1, 2, 3, 5, 8)), what, seconds)
    else:
        life = sim.worker.life
        call_outside(sim.draw.uniform(0, 40), life.die if what == "dies" else lambda: life.freeze(seconds))


async def rules(sim: Simulation) -> None:
    """Put another governance document in force, with the company opened anew under it."""
    sim.faults["rules.changed"] += 1
    await sim.reopen(sim.draw.randrange(VARIANTS))

    async def adopt(runtime: Runtime) -> None:
        await sim.admitted(runtime, [draw_signal(sim)])

    await sim.attempt(sim.worker, adopt)


async def again(sim: Simulation) -> None:
    """Hand every action that was ever permitted over once more, twice at once."""
    keys = [ActionKey(one) for one in sim.evidence.ledger.by_key]
    sim.faults["action.handed_over_again"] += len(keys)

    async def hand_over(runtime: Runtime) -> None:
        executors = [_executor(runtime) for _ in range(2)]
        for key in keys:
            await asyncio.gather(*(one.perform(key, runtime.lease) for one in executors))

    await sim.attempt(sim.worker, hand_over)


def _executor(runtime: Runtime) -> Executor:
    return Executor(
        runtime.store,
        runtime.company.adapters,
        runtime.clock,
        done=lambda tx, action, receipt: after_receipt(tx, action, receipt, runtime.policy),
    )


async def swap(sim: Simulation) -> None:
    """Hand a permitted action over with another request, as a program with a defect would."""
    row = await _ready(sim)
    if row is None:
        return
    key = ActionKey(row.key)
    action = sim.observer.read(lambda read: load(read, key))
    assert action.permitted is not None, "it is permitted"
    other = action.permitted.request
    other = other.model_copy(update={"arguments": {**other.arguments, "whim": "swapped"}})
    swapped = replace(action, permitted=replace(action.permitted, request=other))
    sim.faults["action.swapped"] += 1

    async def hand_over(runtime: Runtime) -> None:
        await _executor(runtime).perform_all([key], runtime.lease, known={key: swapped})

    await sim.attempt(sim.worker, hand_over)


async def _ready(sim: Simulation) -> ActionRow | None:
    """An action that is permitted and not started; somebody agrees first, where somebody is asked."""
    waiting = sim.observer.read(lambda read: approvals.listing(read, state="waiting"))
    for row in waiting[:1]:
        await agree(sim, row)
    sim.follow()
    return next(iter(sim.observer.read(lambda read: actions.permitted(read, 1))), None)


async def forge(sim: Simulation) -> None:
    """Change a request behind the back of the ledger after it was permitted, and put it back afterwards."""
    row = await _ready(sim)
    if row is None:
        return
    position, body = _forgeable(sim, row)
    sim.faults["action.forged"] += 1
    _overwrite(sim, position, _with_other_request(body))
    try:
        await sim.attempt(sim.worker, sim.settled)
    finally:
        _overwrite(sim, position, body)


def _forgeable(sim: Simulation, row: ActionRow) -> tuple[int, bytes]:
    def found(read: Any) -> tuple[int, bytes]:
        decision = decisions.get(read, row.decision_id)
        assert decision is not None
        return decision.entry, read.row("SELECT body FROM entries WHERE position = :at", at=decision.entry)[0]

    return sim.observer.read(found)


def _with_other_request(body: bytes) -> bytes:
    said = cast("dict[str, Any]", orjson.loads(body))
    said["proposal"]["action"]["arguments"]["whim"] = "forged"
    return canonical_json(said)


def _overwrite(sim: Simulation, position: int, body: bytes) -> None:
    def work(tx: Tx) -> None:
        tx.execute("UPDATE entries SET body = :body WHERE position = :at", body=body, at=position)

    sim.observer.write(work)


async def checkpoint(sim: Simulation) -> None:
    """Publish a checkpoint of the ledger."""
    sim.take_checkpoint()


OPERATIONS: Final[Sequence[tuple[Operation, int]]] = (
    (admit, 10),
    (publish, 22),
    (drain, 10),
    (serve, 6),
    (people, 22),
    (crash, 16),
    (race, 18),
    (busy, 5),
    (wait, 8),
    (jump, 4),
    (rules, 3),
    (again, 3),
    (forge, 5),
    (swap, 5),
    (replay, 3),
    (checkpoint, 5),
)
"""Every operation with how often it is drawn, as a weight."""


def draw_operation(sim: Simulation) -> Operation:
    """The next operation."""
    if not sim.said:
        return publish
    kinds, weights = zip(*OPERATIONS, strict=True)
    return sim.draw.choices(kinds, weights)[0]
