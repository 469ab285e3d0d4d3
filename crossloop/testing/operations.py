"""What can happen to the simulated company: one operation after the other, drawn from the seed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import orjson

from crossloop.actions import Executor
from crossloop.canonical import canonical_json
from crossloop.coordinator import Runtime
from crossloop.coordinator import approvals as answering
from crossloop.coordinator.endings import after_receipt
from crossloop.faults import POINTS
from crossloop.governance import Policy
from crossloop.ids import ActionKey, PersonId
from crossloop.signals import Signal
from crossloop.store import Tx, actions, approvals, decisions
from crossloop.store.actions import ActionRow
from crossloop.store.approvals import ApprovalRow
from crossloop.testing.company import ALARM, CAMPAIGNS, MOODS, OVER, QUESTION, SYSTEMS, UNHEARD, Alarm, Ask
from crossloop.testing.documents import PEOPLE, STRANGER, VARIANTS, policy
from crossloop.testing.processes import BEGIN, COMMIT
from crossloop.testing.virtual_time import call_outside

if TYPE_CHECKING:
    from crossloop.testing.running import Simulation

Operation = Callable[["Simulation"], Awaitable[object]]

_DAY: Final = 86_400.0
_OF_WORKERS: Final = tuple(point for point in POINTS if not point.startswith("answer."))
_SYSTEMS: Final = (*SYSTEMS, "erp", "erp")
"""Drawn more often: the system that can be asked and does not deduplicate, where a race does most harm."""


def draw_signal(sim: Simulation) -> Signal:
    """A signal that nobody has said before."""
    draw, now = sim.draw, sim.clock.now()
    sim.number += 1
    kind = draw.choices((ALARM, QUESTION, OVER, UNHEARD), (70, 15, 12, 3))[0]
    opened = [one for one in sim.said if one.type == ALARM.name]
    about = draw.choice(opened) if kind is OVER and opened else None
    if kind is OVER and about is None:
        kind = ALARM
    expired = draw.random() < 0.1
    sim.faults["signal.expired"] += expired
    return Signal.said(
        type=kind.name,
        source="/simulated",
        department=draw.choice(sim.names),
        subject=f"simulated/{sim.number}",
        dedup_key=str(sim.number),
        time=now - timedelta(days=2),
        valid_until=now - timedelta(hours=1) if expired else now + timedelta(hours=draw.choice((2, 24, 72))),
        confidence=draw.choice((0.99, 0.99, 0.99, 0.99, 0.88, 0.4)),
        data=Alarm(number=sim.number, asks={name: draw_ask(sim) for name in sim.names}),
        correlation_id=None if about is None else about.correlation_id,
        causation_id=None if about is None else about.id,
    )


def draw_ask(sim: Simulation) -> Ask:
    """How one department is to answer."""
    draw = sim.draw
    return Ask(
        mood=draw.choices(tuple(MOODS), tuple(MOODS.values()))[0],
        system=draw.choice(_SYSTEMS),
        campaign=draw.choice(CAMPAIGNS),
        direction=draw.choice(("decrease", "decrease", "decrease", "increase", "exclude")),
        share=draw.choice((0.01, 0.03, 0.05, 0.09)),
        confidence=draw.choice((0.99, 0.95, 0.95, 0.95, 0.95, 0.7, 0.3)),
        claims=draw.random() < 0.6,
    )


async def publish(sim: Simulation) -> None:
    """Publish some signals, a few of them again, and bring them to their end."""
    await admit(sim, think=True)


async def admit(sim: Simulation, *, think: bool = False) -> None:
    """Publish some signals, a few of them again; by default they wait."""
    fresh = [draw_signal(sim) for _ in range(sim.draw.choice((1, 1, 2, 4)))]
    again = sim.draw.sample(sim.said, min(len(sim.said), sim.draw.choice((0, 0, 1, 3))))
    sim.faults["signal.again"] += len(again)
    signals = [*fresh, *again]
    sim.draw.shuffle(signals)
    sim.said += fresh

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
                sim.said += fresh
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
        sim.said += fresh
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


async def people(sim: Simulation) -> None:
    """Answer something that waits, rightly or wrongly; then perhaps go on."""
    await answer_some(sim)
    if sim.draw.random() < 0.6:
        await sim.attempt(sim.worker, sim.settled)


async def answer_some(sim: Simulation) -> None:
    """Answer something that waits, rightly or wrongly."""
    waiting = sim.observer.read(lambda read: approvals.listing(read, state="waiting"))
    if not waiting:
        return
    for row in sim.draw.sample(waiting, min(len(waiting), sim.draw.choice((1, 2, 4)))):
        await sim.draw.choices(tuple(_WAYS), tuple(_WAYS.values()))[0](sim, row)


async def _agree(sim: Simulation, row: ApprovalRow) -> None:
    for person in row.people:
        await answer(sim, row, person, "approve")


async def _reject(sim: Simulation, row: ApprovalRow) -> None:
    await answer(sim, row, sim.draw.choice(row.people), "reject")


async def _twice(sim: Simulation, row: ApprovalRow) -> None:
    person = sim.draw.choice(row.people)
    if await answer(sim, row, person, "approve"):
        sim.faults["people.twice"] += 1
        await answer(sim, row, person, "approve", intruding=True)


async def _late(sim: Simulation, row: ApprovalRow) -> None:
    await asyncio.sleep(max(0.0, (row.due - sim.clock.now()).total_seconds()) + 1)
    sim.faults["people.late"] += 1
    await answer(sim, row, sim.draw.choice(row.people), "approve", intruding=True)


async def _forged(sim: Simulation, row: ApprovalRow) -> None:
    strangers = [one for one in (*PEOPLE, STRANGER, *sim.names) if one not in row.people]
    sim.faults["people.forged"] += 1
    await answer(sim, row, sim.draw.choice(strangers), "approve", intruding=True)


async def _outdated(sim: Simulation, row: ApprovalRow) -> None:
    other = policy(sim.draw.randrange(VARIANTS))
    sim.faults["people.other_rules"] += 1
    foreign = other.digest != row.policy
    await answer(sim, row, sim.draw.choice(row.people), "approve", under=other, intruding=foreign)


async def _ended(sim: Simulation, row: ApprovalRow) -> None:
    if await answer(sim, row, row.people[0], "reject"):
        sim.faults["people.after_the_end"] += 1
        for person in row.people:
            await answer(sim, row, person, "approve", intruding=True)


_WAYS: Final[dict[Callable[[Simulation, ApprovalRow], Awaitable[None]], int]] = {
    _agree: 50,
    _reject: 10,
    _twice: 8,
    _late: 5,
    _forged: 12,
    _outdated: 6,
    _ended: 8,
}
"""How people answer, each with how often as a weight."""


async def answer(
    sim: Simulation,
    row: ApprovalRow,
    person: str,
    decision: Any,
    *,
    under: Policy | None = None,
    intruding: bool = False,
) -> bool:
    """Answer one approval, from a process that holds no lease; True when the answer was confirmed.

    Args:
        under: the rules that the answering process was opened under; those of the company when None.
        intruding: whether this answer must not count.
    """

    async def give() -> bool:
        given = await answering.answer(
            sim.console.store,
            row.id,
            person=PersonId(person),
            decision=decision,
            reason="drawn",
            policy=under or sim.worker.policy,
            asserted="simulated",
        )
        if intruding and not sim.console.life.dead:
            sim.evidence.intruders.append(f"{person} about {row.id}: {given.state}")
        return True

    return await sim.run(sim.console.life, give()) is True


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
        executors = [
            Executor(
                runtime.store,
                runtime.company.adapters,
                runtime.clock,
                done=lambda tx, action, receipt: after_receipt(tx, action, receipt, runtime.policy),
            )
            for _ in range(2)
        ]
        for key in keys:
            await asyncio.gather(*(one.perform(key, runtime.lease) for one in executors))

    await sim.attempt(sim.worker, hand_over)


async def forge(sim: Simulation) -> None:
    """Change a request behind the back of the ledger after it was permitted, and put it back afterwards."""
    waiting = sim.observer.read(lambda read: approvals.listing(read, state="waiting"))
    for row in waiting[:1]:
        await _agree(sim, row)
    sim.follow()
    ready = sim.observer.read(lambda read: actions.permitted(read, 1))
    if not ready:
        return
    position, body = _forgeable(sim, ready[0])
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
