"""The company that is killed: its vocabulary, departments and rules, and the signals it is told.

A signal is a function of the seed and its number, so that a process that follows upon a dead one says the
same thing again. It carries what each department is to ask for; the departments are functions of it, but for
one thing: a department that is fickle asks for something else when it is asked again, as a model does.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from crossloop.departments import Department, Handler, View, no_action
from crossloop.frozen import Frozen
from crossloop.governance import Policy, parse_policy
from crossloop.ids import CaseId, DepartmentName, LoopName, Resource, case_id, signal_id
from crossloop.money import Money
from crossloop.signals import (
    ActionRequest,
    Catalogue,
    Claim,
    Impact,
    Proposal,
    Signal,
    SignalData,
    SignalType,
)
from crossloop.signals.proposal import Direction
from crossloop.testing.vocabulary import (
    CHANGE,
    IMPOSSIBLE,
    SYSTEMS,
    TAKE_BACK,
    UNDERTAKING,
    signal_type,
    taking_back,
)

NORTH, SOUTH, EAST = (DepartmentName(name) for name in ("north", "south", "east"))


class Ask(Frozen):
    """One thing that a department is to ask for."""

    department: str
    system: str
    share: float
    """Share of the daily budget that is moved; above 0.15 people are asked."""

    direction: Direction = "decrease"
    impossible: bool = False
    """The system refuses it whenever it is asked."""

    fickle: bool = False
    """Asked again, it asks for something else, as a model does."""


class Alarm(SignalData):
    """Something happened, and each department is told what to ask for."""

    number: int
    asks: tuple[Ask, ...] = ()
    undertaking: bool = False
    """Whether what a department asks for are steps of one undertaking."""

    takes: float = 0.0
    """Seconds for which a slow department thinks."""


ALARM = signal_type("killed.alarm/1", Alarm, CHANGE)
QUESTION = signal_type("killed.question/1", Alarm, CHANGE)
OVER = signal_type("killed.over/1", Alarm, TAKE_BACK, clears=ALARM.name)
CATALOGUE: Final = Catalogue([ALARM, QUESTION, OVER])

PEOPLE: Final = ("asha", "ravi", "mina")

DOCUMENT: Final = """
governance: 1
company: Killed
timezone: Asia/Kolkata
people:
  asha: {name: Asha Rao, email: asha@killed.example, heads: north}
  ravi: {name: Ravi Iyer, email: ravi@killed.example, heads: south}
  mina: {name: Mina Das, email: mina@killed.example, heads: east}
rules:
  large: {when: "daily_budget_share > 0.15", from: {all: [asha, ravi]}, within: 7d}
departments:
  north: {owns: ["ads/**", "crm/**", "erp/**", "wms/**"], stage: autonomous}
  south: {owns: ["ads/**", "crm/**", "erp/**", "wms/**"], stage: autonomous}
  east: {owns: ["ads/**", "crm/**", "erp/**", "wms/**"], stage: autonomous}
loops:
  north-alarm:
    signal: killed.alarm/1
    owner: north
    stage: autonomous
    respond_within: 7d
    interventions:
      change: {act: 0.80, ask: 0.50, approvals: [large]}
      take_back: {act: 0.60, ask: 0.10}
    notify: {done: [south], held: [mina]}
  south-alarm:
    signal: killed.alarm/1
    owner: south
    stage: autonomous
    respond_within: 7d
    interventions:
      change: {act: 0.80, ask: 0.50, approvals: [large]}
      take_back: {act: 0.60, ask: 0.10}
  east-question:
    signal: killed.question/1
    owner: east
    stage: autonomous
    respond_within: 7d
    interventions:
      change: {act: 0.80, ask: 0.50, approvals: [large]}
"""


@cache
def policy() -> Policy:
    """The rules of the company, read once in a process."""
    return parse_policy(DOCUMENT, file=Path("governance.yaml"), catalogue=CATALOGUE)


@dataclass(frozen=True, slots=True)
class Load:
    """The signals of one campaign."""

    seed: int
    began: datetime
    """Business time of the first one."""

    def signal(self, number: int) -> Signal:
        """The signal with a number, the same one each time."""
        draw = self._draw(number)
        kind = self._kind(number)
        earlier = self._ended_by(number) if kind is OVER else None
        return Signal.said(
            type=kind.name,
            source="/killed",
            department=EAST,
            subject=f"alarm/{number}",
            dedup_key=self._key(number),
            time=self.began + timedelta(milliseconds=number),
            valid_until=self.began + timedelta(days=30),
            confidence=0.95,
            data=_data(kind, number, draw),
            correlation_id=None if earlier is None else self._case(earlier),
        )

    def _draw(self, number: int) -> random.Random:
        return random.Random(f"{self.seed} signal {number}")  # noqa: S311 - to repeat it, not to keep a secret

    def _kind(self, number: int) -> SignalType:
        drawn = self._draw(number).random()
        if drawn < 0.15:
            return QUESTION
        return OVER if drawn > 0.88 and self._ended_by(number) is not None else ALARM

    def _ended_by(self, number: int) -> int | None:
        """The last alarm some way back: what it led to is often done by then."""
        for earlier in range(number - 4, max(-1, number - 12), -1):
            if 0.15 <= self._draw(earlier).random() <= 0.88:
                return earlier
        return None

    def _key(self, number: int) -> str:
        return f"{self.seed}/{number}"

    def _case(self, number: int) -> CaseId:
        return case_id(signal_id(ALARM.name, "/killed", self._key(number)))


def _data(kind: SignalType, number: int, draw: random.Random) -> Alarm:
    draw.random()  # the kind
    if kind is OVER:
        return Alarm(number=number)
    if kind is QUESTION:
        return Alarm(number=number, asks=(_ask(draw, EAST),), takes=round(draw.uniform(0.002, 0.04), 4))
    asks = [_ask(draw, department) for department in (NORTH, SOUTH) if draw.random() < 0.7]
    asks += [_ask(draw, draw.choice((NORTH, SOUTH))) for _ in range(draw.choice((0, 0, 0, 1, 2)))]
    drawn = draw.random()
    if drawn > 0.85:  # an undertaking, which often comes to nothing at its last step
        asks = [_ask(draw, NORTH) for _ in range(draw.choice((2, 3)))]
        asks.append(_ask(draw, NORTH).model_copy(update={"impossible": draw.random() < 0.7}))
        return Alarm(number=number, asks=tuple(asks), undertaking=True)
    if drawn < 0.06:  # two departments want the opposite of the same thing
        asks = [_ask(draw, NORTH), _ask(draw, SOUTH).model_copy(update={"direction": "increase"})]
        asks[1] = asks[1].model_copy(update={"system": asks[0].system})
    return Alarm(number=number, asks=tuple(asks))


def _ask(draw: random.Random, department: str) -> Ask:
    share = 0.3 if draw.random() < 0.12 else 0.01
    system, fickle = draw.choice(tuple(SYSTEMS)), draw.random() < 0.2
    return Ask(department=department, system=system, share=share, fickle=fickle)


def _loop_of(department: str) -> LoopName:
    return LoopName("east-question" if department == EAST else f"{department}-alarm")


def _answer(department: DepartmentName, signal: Signal, view: View) -> Sequence[Proposal]:
    if signal.type == OVER.name:
        asked = taking_back(department, _loop_of(department), signal, view)
        return asked or [no_action(signal, department, _loop_of(department), "nothing of it is in force")]
    assert isinstance(signal.data, Alarm)
    own = [ask for ask in signal.data.asks if ask.department == department]
    asked = [_proposal(department, signal, ask, step) for step, ask in enumerate(own)]
    return asked or [no_action(signal, department, _loop_of(department), "it is told to do nothing")]


def _proposal(department: DepartmentName, signal: Signal, ask: Ask, step: int) -> Proposal:
    assert isinstance(signal.data, Alarm)
    # Two steps on one resource now and then: they keep their order.
    resource = Resource(f"{ask.system}/campaign/{signal.data.number}/part/{step // 2}")
    claim = Claim(
        resource=resource,
        direction=ask.direction,
        starts=signal.time,
        ends=signal.time + timedelta(days=3),
        interest=department,
    )
    amount = Money.of(ask.share * 1000, "INR")
    whim = random.randrange(1_000_000) if ask.fickle else 0  # noqa: S311 - another one each time
    place = {"signal": signal.id, "department": department, "step": step, "whim": whim}
    place |= {IMPOSSIBLE: True} if ask.impossible else {}
    return Proposal(
        signal_id=signal.id,
        department=department,
        step=step,
        loop=_loop_of(department),
        intervention="change",
        risk="reversible",
        action=ActionRequest(system=ask.system, operation="change", resource=resource, arguments={**place}),
        claims=(claim,),
        confidence=0.95,
        impact=Impact(
            resource=Resource(f"{ask.system}/campaign/{signal.data.number}"), share=ask.share, amount=amount
        ),
        rationale="It is told to.",
        saga=UNDERTAKING if signal.data.undertaking else None,
    )


def _north(signal: Signal, view: View) -> Sequence[Proposal]:
    return _answer(NORTH, signal, view)


async def _south(signal: Signal, view: View) -> Sequence[Proposal]:
    await asyncio.sleep(0)
    return _answer(SOUTH, signal, view)


async def _east(signal: Signal, view: View) -> Sequence[Proposal]:
    assert isinstance(signal.data, Alarm)
    await asyncio.sleep(signal.data.takes)
    return _answer(EAST, signal, view)


DEPARTMENTS: Final[Mapping[DepartmentName, Department]] = {
    NORTH: Department(NORTH, tuple(Handler(one.name, _loop_of(NORTH), _north) for one in (ALARM, OVER))),
    SOUTH: Department(SOUTH, tuple(Handler(one.name, _loop_of(SOUTH), _south) for one in (ALARM, OVER))),
    EAST: Department(
        EAST,
        (Handler(QUESTION.name, _loop_of(EAST), _east, slow=True),),
        emits=(ALARM.name, QUESTION.name, OVER.name),
    ),
}
"""One that answers at once, one that awaits, and one that is slow."""
