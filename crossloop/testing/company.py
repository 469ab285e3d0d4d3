"""A small company for simulations: its vocabulary, its departments, its systems.

Every signal says how each department is to behave when it is asked (:class:`Mood`). So a department is a
pure function of what it is shown, the company is the same for every seed, and what a seed draws stands in
its ledger. The one exception is wanted: a department in the mood *fickle* answers otherwise each time it
is asked, as a model does.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import timedelta
from typing import Final, Literal

from crossloop.departments import Department, Handler, View, no_action
from crossloop.departments.department import Handle
from crossloop.frozen import Frozen
from crossloop.ids import DepartmentName, LoopName, Resource
from crossloop.money import Money
from crossloop.signals import (
    ActionRequest,
    Catalogue,
    Claim,
    Impact,
    Intervention,
    Proposal,
    Signal,
    SignalData,
)
from crossloop.signals.proposal import Direction
from crossloop.testing.virtual_time import take_time
from crossloop.testing.vocabulary import (
    CHANGE,
    IMPOSSIBLE,
    STAYS,
    SYSTEMS,
    TAKE_BACK,
    UNDERTAKING,
    signal_type,
    taking_back,
)

Mood = Literal[
    "plain",
    "several",
    "undertakes",
    "fickle",
    "nothing",
    "refuses",
    "raises",
    "late",
    "dawdles",
    "foreign",
    "exits",
]
"""How a department answers: as told; with several steps; with several that only make sense together;
otherwise each time; not at all; with what nobody permits; with an error; after its deadline; slowly, within
it; about another signal; by cancelling itself."""

MOODS: Final[Mapping[Mood, int]] = {
    "plain": 10,
    "several": 5,
    "undertakes": 8,
    "fickle": 4,
    "nothing": 1,
    "refuses": 1,
    "raises": 1,
    "late": 1,
    "dawdles": 1,
    "foreign": 1,
    "exits": 1,
}
"""Moods with how often they are drawn, as a weight."""

TROUBLED: Final = ("raises", "late", "foreign", "exits")
"""Moods in which a department fails."""


class Ask(Frozen):
    """What one department is to do about a signal."""

    mood: Mood = "plain"
    system: str = "ads"
    campaign: str = "c1"
    direction: Direction = "decrease"
    share: float = 0.04
    confidence: float = 0.95
    claims: bool = True
    impossible: int | None = None
    """The step of an undertaking that its system refuses; none where every one can be done."""

    stays: int | None = None
    """The step of an undertaking that its system cannot take back."""


class Alarm(SignalData):
    """Something happened, and each department is told what to make of it."""

    number: int = 0
    asks: dict[str, Ask]
    """By department."""


RAISE = Intervention("raise", "costly", "Change a resource upwards.")
FORBIDDEN = Intervention("forbidden", "irreversible", "What no document permits.")

ALARM = signal_type("simulated.alarm/1", Alarm, CHANGE, RAISE, FORBIDDEN)
QUESTION = signal_type("simulated.question/1", Alarm, CHANGE, RAISE, FORBIDDEN)
OVER = signal_type("simulated.over/1", Alarm, TAKE_BACK, clears=ALARM.name)
UNHEARD = signal_type("simulated.unheard/1", Alarm)
CATALOGUE: Final = Catalogue([ALARM, QUESTION, OVER, UNHEARD])

STEPS: Final = 3
"""Of a department that answers with several."""

CAMPAIGNS: Final = ("c1", "c2", "c3")
FAST, ASYNC, SLOW, THREAD = (DepartmentName(name) for name in ("north", "south", "east", "west"))
DEADLINE: Final = timedelta(seconds=2)
"""Of a department. Short, because the inbox is looked at ten times a second while a slow one thinks."""


def loop_of(department: str, signal_type: str) -> LoopName:
    """The loop in which a department answers a type; what clears belongs to the loop it clears."""
    kind = "question" if signal_type == QUESTION.name else "alarm"
    return LoopName(f"{department}-{kind}")


class Minds:
    """What departments have in their heads besides what they are shown: chance."""

    def __init__(self, source: random.Random, faults: Counter[str]) -> None:
        self._source = source
        self.faults = faults
        """How often a department failed, by how."""

    def whim(self) -> int:
        """Another number each time."""
        return self._source.randrange(1_000_000)


MINDS: ContextVar[Minds] = ContextVar("MINDS")
"""The chance of the simulation that is running: departments are the same for all of them."""

_ADDRESS: Final = "geo/IN/KARNATAKA"


def proposal(department: str, signal: Signal, view: View, ask: Ask, step: int, whim: int) -> Proposal:
    """What a department asks for at one step."""
    together = ask.mood == "undertakes"
    system = _system_of(ask, step) if together else ask.system
    campaign = f"{system}/campaign/{ask.campaign}"
    resource = Resource(f"{campaign}/{_ADDRESS}/{step}")
    names = {"increase": "raise"}
    intervention = "forbidden" if ask.mood == "refuses" else names.get(ask.direction, "change")
    arguments = {"signal": signal.id, "department": department, "step": step, "whim": whim}
    arguments |= {IMPOSSIBLE: True} if together and ask.impossible == step else {}
    arguments |= {STAYS: True} if together and ask.stays == step else {}
    claim = Claim(
        resource=resource,
        direction=ask.direction,
        starts=view.as_of,
        ends=view.as_of + timedelta(days=3),
        interest=DepartmentName(department),
    )
    share = round(ask.share + whim % 5 / 100, 4)
    return Proposal(
        signal_id=signal.id,
        department=DepartmentName(department),
        step=step,
        loop=loop_of(department, signal.type),
        intervention=intervention,
        risk="reversible",
        action=ActionRequest(system=system, operation="change", resource=resource, arguments={**arguments}),
        claims=(claim,) if ask.claims else (),
        confidence=ask.confidence,
        impact=Impact(resource=Resource(campaign), share=share, amount=Money.of(share * 10_000, "INR")),
        rationale=f"{department} was told to {ask.direction} {campaign}.",
        saga=UNDERTAKING if together else None,
    )


def _system_of(ask: Ask, step: int) -> str:
    """The steps of an undertaking go to one system after the other."""
    names = tuple(SYSTEMS)
    return names[(names.index(ask.system) + step) % len(names)]


def _answer(department: str, signal: Signal, view: View, ask: Ask) -> Sequence[Proposal]:
    """The answer in one mood, once its time is over."""
    whim = MINDS.get().whim() if ask.mood == "fickle" else 0
    if signal.type == OVER.name:
        return taking_back(DepartmentName(department), loop_of(department, signal.type), signal, view)
    if ask.mood == "nothing":
        because = "it is told to do nothing"
        loop = loop_of(department, signal.type)
        return (no_action(signal, DepartmentName(department), loop, because),)
    if ask.mood in ("several", "undertakes"):
        return [proposal(department, signal, view, ask, step, whim) for step in range(STEPS)]
    if ask.mood == "foreign":
        other = proposal(department, signal, view, ask, 0, whim)
        return (other.model_copy(update={"signal_id": "sig_aaaaaaaaaaaaaaaaaaaaaaaaaa"}),)
    return (proposal(department, signal, view, ask, 0, whim),)


def _seconds(mood: Mood) -> float:
    """How long a department thinks in a mood."""
    longest = DEADLINE.total_seconds()
    return {"late": 2 * longest, "dawdles": 0.6 * longest}.get(mood, 0.0)


def _ask_of(signal: Signal, department: str) -> Ask:
    assert isinstance(signal.data, Alarm)
    ask = signal.data.asks.get(department, Ask(mood="nothing"))
    if ask.mood in TROUBLED:
        MINDS.get().faults[f"department.{ask.mood}"] += 1
    return ask


def _fail(ask: Ask) -> None:
    if ask.mood == "raises":
        raise ZeroDivisionError("the department has a defect")
    if ask.mood == "exits":
        raise asyncio.CancelledError("of its own")


def _at_once(department: str) -> Handle:
    def handle(signal: Signal, view: View) -> Sequence[Proposal]:
        ask = _ask_of(signal, department)
        _fail(ask)
        take_time(_seconds(ask.mood))
        return _answer(department, signal, view, ask)

    return handle


def _waiting(department: str) -> Handle:
    async def handle(signal: Signal, view: View) -> Sequence[Proposal]:
        ask = _ask_of(signal, department)
        await asyncio.sleep(_seconds(ask.mood))
        _fail(ask)
        return _answer(department, signal, view, ask)

    return handle


def _department(name: DepartmentName, make: Callable[[str], Handle], *, slow: bool) -> Department:
    handle = make(name)
    # What a slow department hears travels alone; it answers questions only, so that waves stay waves.
    types = (QUESTION,) if slow else (ALARM, OVER)
    handlers = tuple(
        Handler(one.name, loop_of(name, one.name), handle, slow=slow, deadline=DEADLINE) for one in types
    )
    return Department(name, handlers, emits=(ALARM.name,))


DEPARTMENTS: Final[Mapping[DepartmentName, Department]] = {
    FAST: _department(FAST, _at_once, slow=False),
    ASYNC: _department(ASYNC, _waiting, slow=False),
    SLOW: _department(SLOW, _waiting, slow=True),
    THREAD: _department(THREAD, _at_once, slow=True),
}
"""One that answers at once, one that awaits, one that is slow, and one that is slow in a thread."""
