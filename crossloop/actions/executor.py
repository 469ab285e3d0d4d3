"""The executor: the only place from which anything is done to the world.

Rules, in the order the code follows them for what is permitted:

1. Whatever was handed over, by whichever call, stands in one line (:mod:`~crossloop.actions.order`): actions
   on one resource are performed in the order in which they were permitted, others may be under way together,
   at most :data:`AT_ONCE` of them, three quarters of these in one system. What stands in line is not taken
   in again.
2. Only an action in state *permitted* is started, when it is its turn. Starting it is a compare-and-set in
   the store: of two executors one wins, the other goes away. Those that have their turn together are started
   together. Of actions whose systems can end no doubt one is under way at a time: a crash then leaves one
   in doubt, and not all of them.
3. It is performed outside any transaction, as :mod:`~crossloop.actions.once` says: within its permit, with
   one key, never blindly again, and not by a worker whom somebody has followed.
4. The receipt is written with the state it changes: *done*; *failed*, and nothing happened; or *unknown*, an
   incident for a person. An action that takes another one back marks that one as compensated in the same
   transaction. Whoever finds the action finished by somebody else writes nothing. Receipts that are there at
   the same time are written together; none waits for an action that is still under way.
5. Recovery: an action that was *started* and has no receipt may have had its effect already. One that a call
   left behind so keeps its place: what follows it on its resource waits until it was recovered.
6. An action that is *unknown* is looked up by key where its system can, and never sent again.
7. A permit is for one exact request. An action whose request or permit was removed from the ledger is not
   performed: it has *failed* when it was not started, and is *unknown* when it was. So has one that was to
   take back what somebody else has taken back meanwhile.
8. A row is believed as far as the ledger bears it out. Where its entries say something else, nothing is
   performed and nobody can tell what was: it is *unknown*.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from crossloop.actions import boundary
from crossloop.actions.action import Action, load
from crossloop.actions.once import OUTCOMES, Once, Retry, Sleep
from crossloop.actions.port import Adapter, AdapterError, OutcomeUnknown, Performed
from crossloop.actions.under_way import Ended, UnderWay
from crossloop.canonical import to_json, writable
from crossloop.clock import Clock
from crossloop.faults import crash_point
from crossloop.ids import ActionKey
from crossloop.signals import Effect, Receipt
from crossloop.store import Lease, Read, Store, Tx, actions, leases

_BATCH: Final = 1000
_REMOVED: Final = "what was permitted was removed from the ledger"


AT_ONCE: Final = 32
"""Most actions under way at once."""


Done = Callable[[Tx, Action, Receipt], None]
"""Called inside the transaction that writes a receipt: for notices and for closing the signal."""

Recorded = Callable[[Sequence[Receipt]], None]


def _unheard(_: Sequence[Receipt]) -> None: ...


class Executor:
    """Performs permitted actions, each at most once."""

    def __init__(
        self,
        store: Store,
        adapters: Mapping[str, Adapter],
        clock: Clock,
        *,
        done: Done,
        recorded: Recorded | None = None,
        retry: Retry | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Build one.

        Args:
            store: where actions, permits and receipts are.
            adapters: systems by the name that requests use.
            clock: real time; permits expire by it.
            done: called with every receipt, in its transaction.
            recorded: called with receipts once they are committed.
            retry: how often and how long to try.
            sleep: how to wait between attempts; a simulation hands in its own.
        """
        self._store = store
        self._adapters = adapters
        self._clock = clock
        self._done = done
        self._recorded = recorded or _unheard
        self._retry = retry or Retry()
        self._sleep = sleep
        self._under_way = UnderWay(AT_ONCE)
        self._seen = -1
        """The last permit that :meth:`perform_new` has seen."""

    @property
    def in_hand(self) -> int:
        """How many actions were handed over and have not ended."""
        return len(self._under_way)

    def is_at_work_on(self, case: str) -> bool:
        """True while an action of a case was handed over and has not ended."""
        return self._under_way.is_at_work_on(case)

    def unattended(self, read: Read) -> bool:
        """True where something is to be performed or recovered that is in no call's hands."""
        rows = itertools.chain(actions.started(read), actions.permitted(read, _BATCH))
        return bool(self._under_way.left_behind) or any(
            not self._under_way.holds(ActionKey(row.key)) for row in rows
        )

    async def recover(self, lease: Lease | None = None) -> tuple[Receipt, ...]:
        """Bring every action that was started and has no receipt to an end (rule 5)."""

        def unfinished(read: Read) -> list[Action]:
            started = [ActionKey(row.key) for row in actions.started(read)]
            self._under_way.keep_behind(started)
            return [load(read, key) for key in started if not self._under_way.holds(key)]

        return tuple(await self._carry_out(self._store.read(unfinished), lease, in_doubt=True))

    async def look_up(self, keys: Sequence[ActionKey]) -> dict[ActionKey, Performed | None]:
        """Ask systems, once each, what became of actions whose outcome is unknown (rule 6).

        Returns:
            What was found, or None where there certainly is no effect. A key of which nothing can be said is
            missing.
        """
        turn = asyncio.Semaphore(AT_ONCE)

        async def ask(action: Action) -> tuple[ActionKey, Performed | None] | None:
            if action.permitted is None:
                return None
            system, deadline = action.permitted.request.system, self._retry.deadline
            adapter = self._adapters.get(system)
            if adapter is None or not boundary.capabilities(adapter).find:
                return None
            async with turn:
                try:
                    found = await boundary.find(adapter, action.key, system=system, deadline=deadline)
                except AdapterError:
                    return None  # it stays what it is: unknown, and an incident for a person
                return action.key, found

        asked = self._store.read(lambda read: [load(read, key) for key in keys])
        return dict(one for one in await asyncio.gather(*map(ask, asked)) if one is not None)

    async def perform_permitted(
        self, lease: Lease | None = None, *, batch: int = _BATCH
    ) -> tuple[Receipt, ...]:
        """Perform everything that is permitted and does not stand in line, in the order it was permitted.

        Args:
            batch: how many are looked up at a time; what is permitted meanwhile is performed, too.
        """
        receipts: list[Receipt] = []
        after = -1
        while waiting := self._store.read(
            lambda read, after=after: actions.permitted(read, batch, after=after)
        ):
            receipts += await self.perform_all([ActionKey(row.key) for row in waiting], lease)
            after = waiting[-1].entry
        return tuple(receipts)

    async def perform_new(
        self, lease: Lease | None = None, *, known: Mapping[ActionKey, Action]
    ) -> tuple[Receipt, ...]:
        """Perform what was permitted since this was asked last, by whomever.

        Args:
            known: what some of it rests on, as this process has just committed it.
        """
        permitted = self._store.read(lambda read: actions.permitted(read, _BATCH, after=self._seen))
        if permitted:
            self._seen = permitted[-1].entry
        # What is known and permitted no more was taken back, or is for somebody else to end.
        return await self.perform_all([ActionKey(row.key) for row in permitted], lease, known=known)

    async def perform(self, key: ActionKey, lease: Lease | None = None) -> Receipt | None:
        """Perform one permitted action; None when somebody else has started or finished it.

        Raises:
            UnknownName: there is no such action.
        """
        receipts = await self.perform_all([key], lease)
        return receipts[0] if receipts else None

    async def perform_all(
        self,
        keys: Sequence[ActionKey],
        lease: Lease | None = None,
        *,
        known: Mapping[ActionKey, Action] | None = None,
    ) -> tuple[Receipt, ...]:
        """Perform permitted actions; what stands in line already, and what somebody else has started or
        finished, has no receipt here.

        Args:
            known: what some of them rest on, as this process has just committed it.

        Raises:
            UnknownName: there is no such action.
        """
        held = known or {}
        wanted = [key for key in dict.fromkeys(keys) if key not in self._under_way]

        def asked(read: Read) -> list[Action]:
            return [held.get(key) or load(read, key) for key in wanted]

        chosen = [held[key] for key in wanted] if held.keys() >= set(wanted) else self._store.read(asked)
        return tuple(await self._carry_out(chosen, lease, in_doubt=False))

    async def _carry_out(
        self, chosen: Sequence[Action], lease: Lease | None, *, in_doubt: bool
    ) -> list[Receipt]:
        """Bring actions to their end, each when it is its turn, and write down how each ended (rule 4)."""
        receipts: list[Receipt] = []

        async def start(ready: Sequence[Action]) -> Sequence[Action]:
            return ready if in_doubt else await self._started(ready, lease, receipts)

        async def end(action: Action) -> Ended:
            return action, await self._receipt(action, lease, in_doubt=in_doubt)

        async def write(ended: Sequence[Ended]) -> None:
            written = await self._write(ended, lease)
            receipts.extend(written)
            self._recorded(written)

        await self._under_way.carry_out(
            chosen, alone=self._alone, begun=in_doubt, start=start, end=end, write=write
        )
        return receipts

    def _alone(self, action: Action) -> bool:
        adapter = None if action.permitted is None else self._adapters.get(action.permitted.request.system)
        if adapter is None:
            return False
        can = boundary.capabilities(adapter)
        return not (can.find or can.idempotent)

    async def _started(
        self, ready: Sequence[Action], lease: Lease | None, receipts: list[Receipt]
    ) -> list[Action]:
        """Start what has its turn; what may not be performed any more ends with a receipt (rules 7 and 8)."""

        def start(tx: Tx) -> tuple[list[Action], list[Receipt]]:
            started: list[Action] = []
            forgone: list[Receipt] = []
            for action in ready:
                try:
                    if action.permitted is None:
                        receipt = self._unpermitted(action)
                        forgone += [receipt] if self._record_forgone(tx, action, receipt) else []
                    elif actions.start(tx, action.key):
                        started.append(action)
                except actions.NotToUndo as refused:
                    receipt = self._unstarted(action, "failed", refused.message)
                    forgone += [receipt] if self._record_forgone(tx, action, receipt) else []
            return started, forgone

        started, forgone = await self._store.write_async(start, lease=lease)
        if started:
            crash_point("act.after_started")
        if forgone:
            receipts += forgone
            self._recorded(forgone)
        return started

    async def _receipt(self, action: Action, lease: Lease | None, *, in_doubt: bool) -> Receipt:
        began = self._clock.now()
        outcome: Effect
        crash_point("act.before_effect")
        try:
            performed = await self._effect(action, lease, in_doubt=in_doubt)
            outcome, reference, detail = "done", performed.reference, performed.detail
        except OutcomeUnknown as unknown:
            outcome, reference, detail = "unknown", None, str(unknown)
        except OUTCOMES as failure:
            outcome, reference, detail = "failed", None, f"{failure.code}: {failure}"
        crash_point("act.after_effect")
        return Receipt(
            action_key=action.key,
            outcome=outcome,
            reference=None if reference is None else writable(reference),
            detail=writable(detail)[:2000],
            started_at=began,
            finished_at=self._clock.now(),
        )

    async def _effect(self, action: Action, lease: Lease | None, *, in_doubt: bool) -> Performed:
        key, permitted = action.key, action.permitted
        if action.broken:
            raise OutcomeUnknown(_not_believed(action))
        if permitted is None:
            raise OutcomeUnknown(f"{_REMOVED} after it was started as {key}.")
        request = permitted.request
        adapter = self._adapters.get(request.system)
        if adapter is None:
            missing = f"there is no adapter for the system '{request.system}'."
            raise OutcomeUnknown(missing) if in_doubt else AdapterError(missing)
        once = Once(
            adapter,
            key,
            request,
            permitted.permit,
            self._clock,
            self._retry,
            in_doubt,
            fence=lambda: self._require_held(lease),
        )
        return await once.perform(self._sleep)

    def _require_held(self, lease: Lease | None) -> None:
        if lease is not None:
            held = lease
            self._store.read(lambda read: leases.check(read, held))

    def _unpermitted(self, action: Action) -> Receipt:
        """How an action ends that is not going to be started, for nothing permits it (rules 7 and 8)."""
        if action.broken:
            return self._unstarted(action, "unknown", _not_believed(action))
        return self._unstarted(action, "failed", _REMOVED)

    def _unstarted(self, action: Action, outcome: actions.Forgone, because: str) -> Receipt:
        now = self._clock.now()
        return Receipt(
            action_key=action.key,
            outcome=outcome,
            detail=writable(f"not performed: {because}")[:2000],
            started_at=now,
            finished_at=now,
        )

    def _record_forgone(self, tx: Tx, action: Action, receipt: Receipt) -> bool:
        outcome = "unknown" if receipt.outcome == "unknown" else "failed"
        if not actions.forgo(tx, action.key, outcome, body=to_json(receipt)):
            return False
        self._done(tx, action, receipt)
        return True

    async def _write(self, ended: Sequence[Ended], lease: Lease | None) -> list[Receipt]:
        in_order = sorted(ended, key=lambda pair: pair[0].entry)

        def record(tx: Tx) -> list[Receipt]:
            return [receipt for action, receipt in in_order if self._record(tx, action, receipt)]

        receipts = await self._store.write_async(record, lease=lease)
        crash_point("act.after_receipt")
        return receipts

    def _record(self, tx: Tx, action: Action, receipt: Receipt) -> bool:
        if not actions.finish(
            tx, receipt.action_key, receipt.outcome, reference=receipt.reference, body=to_json(receipt)
        ):
            return False
        if receipt.outcome == "done" and action.undoes is not None:
            actions.compensate(tx, action.undoes, action.key)
        self._done(tx, action, receipt)
        return True


def _not_believed(action: Action) -> str:
    return (
        f"its rows say something else than the ledger: {action.broken}. "
        "Run `crossloop ledger verify`; restore the store from a copy."
    )
