"""The process that is killed: a real company on a real store, under mixed load.

It is made ahead, waits until it is told to go, and opens nothing before. Whatever it says on the wire has
happened: a signal is acknowledged once its admission returned, an answer once it counts.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, TypeVar

from pydantic import JsonValue

from crossloop import faults
from crossloop.actions import Capabilities, Invalid, OutcomeUnknown, Performed, RateLimited, Unavailable
from crossloop.clock import SystemClock
from crossloop.coordinator import Company, Coordinator
from crossloop.coordinator.runtime import Runtime as Runtime  # loaded ahead: it takes a second
from crossloop.coordinator.working import Working
from crossloop.errors import AnswerRefused, StoreBusy
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest, Signal
from crossloop.store import Store
from crossloop.testing.killing.company import CATALOGUE, DEPARTMENTS, policy
from crossloop.testing.killing.orders import Orders
from crossloop.testing.killing.wire import Said, Wire
from crossloop.testing.vocabulary import OPERATIONS, SYSTEMS, undo_request

ResultT = TypeVar("ResultT")

_PATIENCE: Final = 30.0
"""Seconds to wait for another process that works on the store."""

_PAUSES: Final = (0.0, 0.0, 0.002, 0.01, 0.03)


class Connected:
    """A system outside, at the other end of the wire: implements :class:`crossloop.actions.Adapter`."""

    def __init__(self, system: str, wire: Wire) -> None:
        promises = SYSTEMS[system]
        self.system = system
        self.capabilities = Capabilities(idempotent=promises.idempotent, find=promises.find, undo=True)
        self.operations: Mapping[str, str] = OPERATIONS
        self._wire = wire

    async def perform(self, key: ActionKey, request: ActionRequest) -> Performed:
        """Have the world carry a request out."""
        written = request.model_dump(mode="json")
        answer = await self._wire.ask("perform", system=self.system, key=key, request=written)
        return _performed(answer)

    async def find(self, key: ActionKey) -> Performed | None:
        """Have the world look a key up."""
        answer = await self._wire.ask("find", system=self.system, key=key)
        return None if "absent" in answer else _performed(answer)

    def undo_request(self, request: ActionRequest, performed: Performed) -> ActionRequest | None:
        """What takes a change back."""
        return undo_request(request, performed.reference)


def _performed(answer: Said) -> Performed:
    error = answer.get("error")
    if error is None:
        return Performed(reference=answer["reference"], detail="It is done.")
    if error == "unavailable":
        raise Unavailable("it is down")
    if error == "rate_limited":
        raise RateLimited("too much", retry_after=0.01)
    if error == "refused":
        raise Invalid("no")
    raise OutcomeUnknown("no answer came")


def wait_for_orders(place: str) -> None:
    """Say that this process is there, wait for its orders, and follow them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who runs it decides when it ends
    policy()
    wire = Wire(Path(place))
    try:
        wire.say("ready", pid=os.getpid())
        orders = Orders.read(wire.hear())
    except EOFError:
        return  # nobody needs it any more
    wire.listen()
    with _Telling(wire):
        _Life(orders, wire).live()
    wire.say("ended")


class _Telling:
    """Tells whoever runs this process when something fails in the block: nothing must."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._wire.say("failed", error="".join(traceback.format_exception(error)))


class _Life:
    """One process, from its orders to its end."""

    def __init__(self, orders: Orders, wire: Wire) -> None:
        self._orders = orders
        self._wire = wire
        self._draw = random.Random(f"{orders.seed} life {orders.life} {orders.role}")  # noqa: S311 - repeatable
        self._passes: Counter[str] = Counter()

    def live(self) -> None:
        if self._orders.crash_at:
            faults.arm(self._orders.crash_at)
        with faults.on_pass(self._passed), self._company() as coordinator:
            self._wire.say("open")
            getattr(self, f"_{self._orders.role}")(coordinator)
        self._wire.say("passed", points=dict(self._passes))

    def _passed(self, point: str) -> None:
        self._passes[point] += 1

    @contextmanager
    def _company(self) -> Generator[Coordinator]:
        clock, place = SystemClock(), self._orders.folder / "store.db"
        store = Store.open(f"sqlite:///{place}", clock=clock)
        company = Company(
            catalogue=CATALOGUE,
            departments=DEPARTMENTS,
            loops={},
            adapters={name: Connected(name, self._wire) for name in SYSTEMS},
        )
        threads = self._orders.folder / "threads.db"
        with Coordinator(store, company, policy(), threads=threads, clock=clock) as coordinator:
            yield coordinator

    @contextmanager
    def _working(self, coordinator: Coordinator) -> Generator[Working]:
        with ExitStack() as stack:
            work = _when_free(lambda: stack.enter_context(coordinator.working()))
            self._wire.say("working")
            yield work

    # the roles

    def _work(self, coordinator: Coordinator) -> None:
        with self._working(coordinator) as work:
            if self._orders.calm:
                work.wait()
                self._wire.say("recovered")
            people = ThreadPoolExecutor(1).submit(self._people_beside, coordinator)
            for numbers in self._batches():
                self._take_in(work, numbers)
                if self._draw.random() < 0.15:
                    work.wait()
                time.sleep(self._draw.choice(_PAUSES))
            people.result()  # which never comes: it is killed

    def _publish(self, coordinator: Coordinator) -> None:
        for numbers in self._batches():
            self._wire.say("sent", numbers=numbers)
            _when_free(lambda numbers=numbers: coordinator.publish(self._signals(numbers)))
            self._wire.say("acknowledged", numbers=numbers)
            self._wire.say("recovered")
        self._people(coordinator)

    def _answer(self, coordinator: Coordinator) -> None:
        self._people(coordinator)

    def _finish(self, coordinator: Coordinator) -> None:
        """Bring everything to its end: what was said before, in both ways; and every answer."""
        missing = list(self._orders.again)
        early, late = missing[: len(missing) // 3], missing[len(missing) // 3 :]
        if early:
            self._wire.say("sent", numbers=early)
            _when_free(lambda: coordinator.publish(self._signals(early)))
            self._wire.say("acknowledged", numbers=early)
        with self._working(coordinator) as work:
            for at in range(0, len(late), 4):
                self._take_in(work, late[at : at + 4], together=True)
            work.wait()
            while self._all_answered(coordinator):
                work.wait()
        self._wire.say("recovered")

    # what they do

    def _all_answered(self, coordinator: Coordinator) -> int:
        """Answer every question and look into every incident; return how many there were."""
        waiting = coordinator.approvals(state="waiting")
        for one in waiting:
            self._give(coordinator, str(one["id"]), _asked(one))
        incidents = coordinator.incidents(state="open")
        for one in incidents:
            self._look_into(coordinator, one)
        return len(waiting) + len(incidents)

    def _look_into(self, coordinator: Coordinator, incident: Mapping[str, JsonValue]) -> None:
        """Have a person look at the system, whatever it promises to programs, and say what was found."""
        found = asyncio.run(self._wire.ask("look", system=incident["system"], key=incident["action"]))
        try:
            coordinator.close_incident(
                str(incident["id"]),
                person=_asked(incident)[0],
                happened="reference" in found,
                reference=found.get("reference"),
                reason="looked at the system",
                asserted="killed company",
            )
        except AnswerRefused:
            return  # somebody else, or the system, was faster
        self._wire.say("answered", incident=incident["id"])

    def _batches(self) -> Generator[list[int]]:
        """Numbers to say next: those said before in vain, new ones, duplicates."""
        again, known = list(self._orders.again), list(self._orders.known)
        fresh = range(self._orders.first, self._orders.first + self._orders.most)
        at = 0
        while again or at < len(fresh):
            numbers, again = again[:4], again[4:]
            taken = self._draw.choice((1, 1, 2, 3))
            numbers += fresh[at : at + taken]
            at += taken
            if known and self._draw.random() < 0.3:
                numbers.append(self._draw.choice(known))
            known += numbers
            yield numbers

    def _take_in(self, work: Working, numbers: Sequence[int], *, together: bool | None = None) -> None:
        self._wire.say("sent", numbers=numbers)
        if together if together is not None else self._draw.random() < 0.5:
            work.admit(self._signals(numbers))
            self._wire.say("acknowledged", numbers=numbers)
            return
        handed_in = [(number, work.submit(self._signals([number]))) for number in numbers]
        for number, taken in handed_in:
            taken.result()
            self._wire.say("acknowledged", numbers=[number])

    def _signals(self, numbers: Sequence[int]) -> list[Signal]:
        return [self._orders.load.signal(number) for number in numbers]

    def _people_beside(self, coordinator: Coordinator) -> None:
        with _Telling(self._wire):
            self._people(coordinator)

    def _people(self, coordinator: Coordinator) -> None:
        """Answer what waits, now and then; not everything."""
        draw = random.Random(f"{self._orders.seed} people {self._orders.life}")  # noqa: S311 - repeatable
        while True:
            for one in coordinator.approvals(state="waiting"):
                if draw.random() < 0.3:
                    self._give(coordinator, str(one["id"]), _asked(one))
            for one in coordinator.incidents(state="open"):
                if draw.random() < 0.2:
                    self._look_into(coordinator, one)
            time.sleep(draw.uniform(0.005, 0.05))

    def _give(self, coordinator: Coordinator, approval: str, people: Sequence[str]) -> None:
        """Have everybody who is asked agree, or the first one refuse; the same each time it is asked."""
        agreed = random.Random(f"{self._orders.seed} {approval}").random() < 0.75  # noqa: S311 - repeatable
        decision: Literal["approve", "reject"] = "approve" if agreed else "reject"
        for person in people:
            try:
                given = coordinator.answer(
                    approval, person=person, decision=decision, reason="as agreed", asserted="killed company"
                )
            except AnswerRefused:
                continue  # this person has answered before a process died, or it is decided
            self._wire.say("answered", approval=approval, person=person, state=given.answered.state)
            if given.answered.state != "waiting":
                return


def _when_free(work: Callable[[], ResultT]) -> ResultT:
    """Do it once nobody else works on the store: one who answers may be finishing what a dead one began."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return work()
        except StoreBusy:
            if time.monotonic() >= until:
                raise
            time.sleep(0.005)


def _asked(approval: Mapping[str, JsonValue]) -> list[str]:
    people = approval["from"]
    assert isinstance(people, list)
    return [str(one) for one in people]
