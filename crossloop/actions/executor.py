"""The executor: the only place from which anything is done to the world.

Rules, in the order the code follows them for what is permitted:

1. Actions on one resource are performed in the order in which they were permitted; others may be under way
   together (:mod:`~crossloop.actions.order`), at most :data:`AT_ONCE` of them.
2. Only an action in state *permitted* is started, and starting it is a compare-and-set in the store:
   of two executors one wins, the other goes away. Actions are started together where their systems can
   end a doubt about each of them. One whose system cannot is started and performed alone: a crash then
   leaves one in doubt, and not all of them.
3. It is performed outside any transaction, as :mod:`~crossloop.actions.once` says: within its permit, with
   one key, never blindly again, and not by a worker whom somebody has followed.
4. The receipt is written with the state it changes: *done*; *failed*, and nothing happened; or *unknown*, an
   incident for a person. An action that takes another one back marks that one as compensated in the same
   transaction. Whoever finds the action finished by somebody else writes nothing. Receipts that are there at
   the same time are written together; none waits for an action that is still under way.
5. Recovery: an action that was *started* and has no receipt may have had its effect already.
6. An action that is *unknown* is looked up by key where its system can, and never sent again.
7. A permit is for one exact request. An action whose request or permit was removed from the ledger is not
   performed: it has *failed* when it was not started, and is *unknown* when it was. So has one that was to
   take back what somebody else has taken back meanwhile.
8. A row is believed as far as the ledger bears it out. Where its entries say something else, nothing is
   performed and nobody can tell what was: it is *unknown*.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from crossloop.actions import boundary
from crossloop.actions.action import Action, load
from crossloop.actions.once import OUTCOMES, Once, Retry, Sleep
from crossloop.actions.order import rounds
from crossloop.actions.port import Adapter, AdapterError, OutcomeUnknown, Performed
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


class Executor:
    """Performs permitted actions, each at most once."""

    def __init__(
        self,
        store: Store,
        adapters: Mapping[str, Adapter],
        clock: Clock,
        *,
        done: Done,
        retry: Retry | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Build one.

        Args:
            store: where actions, permits and receipts are.
            adapters: systems by the name that requests use.
            clock: real time; permits expire by it.
            done: called with every receipt, in its transaction.
            retry: how often and how long to try.
            sleep: how to wait between attempts; a simulation hands in its own.
        """
        self._store = store
        self._adapters = adapters
        self._clock = clock
        self._done = done
        self._retry = retry or Retry()
        self._sleep = sleep
        self._under_way: set[ActionKey] = set()
        """What this executor has started and is still at: nobody has to look it up."""

    async def recover(self, lease: Lease | None = None) -> tuple[Receipt, ...]:
        """Bring every action that was started and has no receipt to an end (rule 5)."""

        def unfinished(read: Read) -> list[Action]:
            started = [ActionKey(row.key) for row in actions.started(read)]
            return [load(read, key) for key in started if key not in self._under_way]

        in_doubt = self._store.read(unfinished)
        receipts: list[Receipt] = []
        with self._at_work_on(in_doubt):
            for together in rounds(in_doubt, _resource):
                receipts += await self._finish_all(together, lease, in_doubt=True)
        return tuple(receipts)

    async def look_up(self, keys: Sequence[ActionKey]) -> dict[ActionKey, Performed | None]:
        """Ask systems, once each, what became of actions whose outcome is unknown (rule 6).

        Returns:
            What was found, or None where there certainly is no effect. A key of which nothing can be said is
            missing.
        """
        turn = asyncio.Semaphore(AT_ONCE)

        async def ask(action: Action) -> tuple[ActionKey, Performed | None] | None:
            adapter = (
                None if action.permitted is None else self._adapters.get(action.permitted.request.system)
            )
            if adapter is None or not boundary.capabilities(adapter).find:
                return None
            async with turn:
                try:
                    return action.key, await boundary.find(adapter, action.key, deadline=self._retry.deadline)
                except AdapterError:
                    return None  # it stays what it is: unknown, and an incident for a person

        asked = self._store.read(lambda read: [load(read, key) for key in keys])
        return dict(one for one in await asyncio.gather(*map(ask, asked)) if one is not None)

    async def perform_permitted(
        self, lease: Lease | None = None, *, batch: int = _BATCH
    ) -> tuple[Receipt, ...]:
        """Perform everything that is permitted and not yet started, in the order it was permitted.

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
        """Perform permitted actions; what somebody else has started or finished has no receipt here.

        Args:
            keys: in the order in which they were permitted.
            known: what some of them rest on, as this process has just committed it.

        Raises:
            UnknownName: there is no such action.
        """
        held = known or {}

        def asked(read: Read) -> list[Action]:
            return [held.get(key) or load(read, key) for key in keys]

        chosen = [held[key] for key in keys] if held.keys() >= set(keys) else self._store.read(asked)
        receipts: list[Receipt] = []
        for together in rounds(chosen, _resource):
            receipts += await self._perform_round(together, lease)
        return tuple(receipts)

    async def _perform_round(self, chosen: Sequence[Action], lease: Lease | None) -> list[Receipt]:
        receipts: list[Receipt] = []
        together: list[Action] = []
        for action in chosen:
            if action.permitted is None:
                given_up = await self._forgo(action, lease)
                receipts += [] if given_up is None else [given_up]
            elif self._ends_doubt(action.permitted.request.system):
                together.append(action)
            else:
                receipts += await self._start_and_finish([action], lease)
        return receipts + (await self._start_and_finish(together, lease) if together else [])

    def _ends_doubt(self, system: str) -> bool:
        adapter = self._adapters.get(system)
        if adapter is None:
            return True
        can = boundary.capabilities(adapter)
        return can.find or can.idempotent

    async def _start_and_finish(self, chosen: Sequence[Action], lease: Lease | None) -> list[Receipt]:
        def start(tx: Tx) -> tuple[list[Action], list[Receipt]]:
            started: list[Action] = []
            forgone: list[Receipt] = []
            for action in chosen:
                try:
                    started += [action] if actions.start(tx, action.key) else []
                except actions.NotToUndo as refused:
                    receipt = self._unstarted(action, "failed", refused.message)
                    forgone += [receipt] if self._record_forgone(tx, action, receipt) else []
            return started, forgone

        with self._at_work_on(chosen):
            started, forgone = await self._store.write_async(start, lease=lease)
            if started:
                crash_point("act.after_started")
            return forgone + await self._finish_all(started, lease, in_doubt=False)

    @contextmanager
    def _at_work_on(self, chosen: Sequence[Action]) -> Generator[None]:
        keys = {action.key for action in chosen} - self._under_way
        self._under_way |= keys
        try:
            yield
        finally:
            self._under_way -= keys

    async def _finish_all(
        self, started: Sequence[Action], lease: Lease | None, *, in_doubt: bool
    ) -> list[Receipt]:
        """Perform what was started and write down how each ended (rule 4)."""
        turn = asyncio.Semaphore(AT_ONCE)
        under_way = {
            asyncio.create_task(self._ended(action, turn, lease, in_doubt=in_doubt)) for action in started
        }
        receipts: list[Receipt] = []
        try:
            while under_way:
                ended, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                # Gathered, so that of several that failed none goes unseen.
                receipts += await self._write(await asyncio.gather(*ended), lease)
        finally:
            for one in under_way:
                one.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        return receipts

    async def _ended(
        self, action: Action, turn: asyncio.Semaphore, lease: Lease | None, *, in_doubt: bool
    ) -> tuple[Action, Receipt]:
        async with turn:
            return action, await self._receipt(action, lease, in_doubt=in_doubt)

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

    async def _forgo(self, action: Action, lease: Lease | None) -> Receipt | None:
        """End an action that is not going to be started, for nothing permits it (rules 7 and 8)."""
        if action.broken:
            receipt = self._unstarted(action, "unknown", _not_believed(action))
        else:
            receipt = self._unstarted(action, "failed", _REMOVED)

        def work(tx: Tx) -> bool:
            return self._record_forgone(tx, action, receipt)

        return receipt if await self._store.write_async(work, lease=lease) else None

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

    async def _write(self, ended: Sequence[tuple[Action, Receipt]], lease: Lease | None) -> list[Receipt]:
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


def _resource(action: Action) -> str:
    return action.resource


def _not_believed(action: Action) -> str:
    return (
        f"its rows say something else than the ledger: {action.broken}. "
        "Run `crossloop ledger verify`; restore the store from a copy."
    )
