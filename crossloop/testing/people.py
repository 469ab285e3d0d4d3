"""What people do in the simulated company: they answer questions and look into incidents, rightly or wrongly.

They do so from a process that holds no lease, at any moment. What must not count and does is an intruder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from crossloop.coordinator import approvals as answering
from crossloop.coordinator.incidents import may_close
from crossloop.coordinator.reconciling import close
from crossloop.governance import Policy
from crossloop.ids import ActionKey, PersonId, undo_key
from crossloop.store import Read, actions, approvals, decisions, incidents
from crossloop.store.approvals import ApprovalRow
from crossloop.store.incidents import IncidentRow
from crossloop.testing.documents import PEOPLE, STRANGER, VARIANTS, policy

if TYPE_CHECKING:
    from crossloop.testing.running import Simulation


async def people(sim: Simulation) -> None:
    """Answer something that waits, rightly or wrongly, look into incidents; then perhaps go on."""
    await answer_some(sim)
    await look_into_some(sim)
    if sim.draw.random() < 0.6:
        await sim.attempt(sim.worker, sim.settled)


async def answer_some(sim: Simulation) -> None:
    """Answer something that waits, rightly or wrongly."""
    waiting = sim.observer.read(lambda read: approvals.listing(read, state="waiting"))
    if not waiting:
        return
    for row in sim.draw.sample(waiting, min(len(waiting), sim.draw.choice((1, 2, 4)))):
        await sim.draw.choices(tuple(_WAYS), tuple(_WAYS.values()))[0](sim, row)


async def agree(sim: Simulation, row: ApprovalRow) -> None:
    """Have everybody who is asked agree."""
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
    agree: 50,
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


async def look_into_some(sim: Simulation) -> None:
    """Have somebody look at the systems that some open incidents are about, or somebody answer for them."""
    for row in open_incidents(sim):
        drawn = sim.draw.random()
        if drawn < 0.4:
            await look_into(sim, row)
        elif drawn < 0.7:
            sim.faults["incident.forged"] += 1
            await look_into(sim, row, by=STRANGER)


def open_incidents(sim: Simulation) -> list[IncidentRow]:
    """What waits for somebody to look."""
    return sim.observer.read(lambda read: incidents.listing(read, state="open"))


async def look_into(sim: Simulation, row: IncidentRow, *, by: str | None = None) -> None:
    """Close an incident with what is so in its system.

    Args:
        by: who does, and must not count; somebody whom it concerns when None.
    """
    rules = sim.worker.policy
    system, department = sim.observer.read(lambda read: _of(read, row))
    if row.kind == "outcome_unknown":
        found = sim.world.look(system, ActionKey(row.action))
    else:
        found = sim.world.look(system, undo_key(ActionKey(row.action)))
    # Where nothing has taken it back, a person may do so by hand; what was done cannot be done by hand again.
    happened = found is not None or (row.kind == "not_compensated" and sim.draw.random() < 0.5)
    person = by or sim.draw.choice(may_close(row, department, rules))

    async def give() -> None:
        closed = await sim.console.store.write_async(
            lambda tx: close(
                tx,
                row.id,
                person=PersonId(person),
                happened=happened,
                reference=None if found is None else found.reference,
                reason="looked at the system",
                asserted="simulated",
                policy=rules,
            )
        )
        sim.faults["incident.looked_into"] += 1
        if by is not None and not sim.console.life.dead:
            sim.evidence.intruders.append(f"{person} about {row.id}: {closed.action_state}")

    await sim.run(sim.console.life, give())


def _of(read: Read, row: IncidentRow) -> tuple[str, str]:
    """The system and the department that an incident concerns."""
    action = actions.get(read, row.action)
    assert action is not None, f"{row.id} is about an action of the store"
    decision = decisions.get(read, action.decision_id)
    assert decision is not None, f"{row.action} belongs to a decision of the store"
    return action.system, decision.department
