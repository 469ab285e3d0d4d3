"""What the simulated company is told: signals that nobody has said before, drawn from the seed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from crossloop.signals import Signal
from crossloop.testing.company import ALARM, CAMPAIGNS, MOODS, OVER, QUESTION, STEPS, UNHEARD, Alarm, Ask
from crossloop.testing.vocabulary import SYSTEMS

if TYPE_CHECKING:
    from crossloop.testing.running import Simulation

_SYSTEMS: Final = (*SYSTEMS, "erp", "erp")
"""Drawn more often: the system that can be asked and does not deduplicate, where a race does most harm."""

_LATELY: Final = 4
"""What is over was said lately: often something of it is still to come."""


def draw_signal(sim: Simulation) -> Signal:
    """A signal that nobody has said before; from now on it is one of those that were said."""
    draw, now = sim.draw, sim.clock.now()
    sim.number += 1
    kind = draw.choices((ALARM, QUESTION, OVER, UNHEARD), (70, 15, 12, 3))[0]
    opened = [one for one in sim.said if one.type == ALARM.name][-_LATELY:]
    about = draw.choice(opened) if kind is OVER and opened else None
    if kind is OVER and about is None:
        kind = ALARM
    expired = draw.random() < 0.1
    sim.faults["signal.expired"] += expired
    signal = Signal.said(
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
    sim.said.append(signal)
    return signal


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
        impossible=draw.choice((None, None, 0, STEPS - 1, STEPS - 1)),
        stays=draw.choice((None, None, None, *range(STEPS))),
    )
