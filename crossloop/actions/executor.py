"""The executor: the only place from which anything is done to the world.

Rules, in the order the code follows them for one action key:

1. Only an action in state *permitted* is started, and starting it is a compare-and-set in the store:
   of two executors one wins, the other goes away.
2. It is performed outside any transaction, as :mod:`~crossloop.actions.once` says: within its permit, with
   one key, never blindly again.
3. The receipt is written with the state it changes: *done*; *failed*, and nothing happened; or *unknown*, an
   incident for a person. An action that takes another one back marks that one as undone in the same
   transaction. Whoever finds the action finished by somebody else writes nothing.
4. Recovery: an action that was *started* and has no receipt may have had its effect already.
5. A permit is for one exact request. An action whose request or permit was removed from the ledger is not
   performed: it has *failed* when it was not started, and is *unknown* when it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from crossloop.actions.once import Once, Retry, Sleep
from crossloop.actions.port import Adapter, AdapterError, OutcomeUnknown, Performed
from crossloop.canonical import to_json, writable
from crossloop.clock import Clock
from crossloop.errors import CrossloopError, UnknownName
from crossloop.faults import crash_point
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest, Effect, Permit, Proposal, Receipt
from crossloop.store import Lease, Read, Store, Tx, actions, decisions
from crossloop.store.decisions import DecisionRow

Done = Callable[[Tx, DecisionRow, Receipt, Proposal | None], None]
"""Called inside the transaction that writes a receipt: for notices and for closing the signal. The proposal
is missing where it was removed from the ledger; then nothing was done."""

_BATCH: Final = 1000
_REMOVED: Final = "what was permitted was removed from the ledger"


@dataclass(frozen=True, slots=True)
class _Permitted:
    """What an action rests on."""

    proposal: Proposal
    request: ActionRequest
    permit: Permit


@dataclass(frozen=True, slots=True)
class _Action:
    """One action. Nothing permits it when its request or its permit was removed from the ledger."""

    key: ActionKey
    decision: DecisionRow
    permitted: _Permitted | None


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

    async def recover(self, lease: Lease | None = None) -> tuple[Receipt, ...]:
        """Bring every action that was started and has no receipt to an end (rule 4)."""
        unfinished = self._store.read(lambda read: [row.key for row in actions.started(read)])
        receipts: list[Receipt] = []
        for key in unfinished:
            action = self._store.read(lambda read, key=key: _loaded(read, ActionKey(key)))
            receipt = await self._finish(action, lease, in_doubt=True)
            if receipt is not None:
                receipts.append(receipt)
        return tuple(receipts)

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
            for row in waiting:
                receipt = await self.perform(ActionKey(row.key), lease)
                if receipt is not None:
                    receipts.append(receipt)
            after = waiting[-1].entry
        return tuple(receipts)

    async def perform(self, key: ActionKey, lease: Lease | None = None) -> Receipt | None:
        """Perform one permitted action; None when somebody else has started or finished it.

        Raises:
            UnknownName: there is no such action.
        """
        action = self._store.read(lambda read: _loaded(read, key))
        if action.permitted is None:
            return await self._give_up(action, lease)
        if not await self._store.write_async(lambda tx: actions.start(tx, key), lease=lease):
            return None
        crash_point("act.after_started")
        return await self._finish(action, lease, in_doubt=False)

    async def _finish(self, action: _Action, lease: Lease | None, *, in_doubt: bool) -> Receipt | None:
        began = self._clock.now()
        outcome: Effect
        try:
            performed = await self._effect(action.key, action.permitted, in_doubt=in_doubt)
            outcome, reference, detail = "done", performed.reference, performed.detail
        except OutcomeUnknown as unknown:
            outcome, reference, detail = "unknown", None, str(unknown)
        except CrossloopError as failure:
            outcome, reference, detail = "failed", None, f"{failure.code}: {failure}"
        crash_point("act.after_effect")
        receipt = Receipt(
            action_key=action.key,
            outcome=outcome,
            reference=None if reference is None else writable(reference),
            detail=writable(detail)[:2000],
            started_at=began,
            finished_at=self._clock.now(),
        )
        recorded = await self._store.write_async(lambda tx: self._record(tx, action, receipt), lease=lease)
        crash_point("act.after_receipt")
        return receipt if recorded else None

    async def _effect(self, key: ActionKey, permitted: _Permitted | None, *, in_doubt: bool) -> Performed:
        if permitted is None:
            raise OutcomeUnknown(f"{_REMOVED} after it was started as {key}.")
        request = permitted.request
        adapter = self._adapters.get(request.system)
        if adapter is None:
            missing = f"there is no adapter for the system '{request.system}'."
            raise OutcomeUnknown(missing) if in_doubt else AdapterError(missing)
        once = Once(adapter, key, request, permitted.permit, self._clock, self._retry, in_doubt)
        return await once.perform(self._sleep)

    async def _give_up(self, action: _Action, lease: Lease | None) -> Receipt | None:
        """End an action that was not started and that nothing permits any more (rule 5)."""
        now = self._clock.now()
        receipt = Receipt(
            action_key=action.key,
            outcome="failed",
            detail=f"not performed: {_REMOVED}",
            started_at=now,
            finished_at=now,
        )

        def work(tx: Tx) -> bool:
            return actions.start(tx, action.key) and self._record(tx, action, receipt)

        return receipt if await self._store.write_async(work, lease=lease) else None

    def _record(self, tx: Tx, action: _Action, receipt: Receipt) -> bool:
        proposal = None if action.permitted is None else action.permitted.proposal
        if not actions.finish(
            tx, receipt.action_key, receipt.outcome, reference=receipt.reference, body=to_json(receipt)
        ):
            return False
        if receipt.outcome == "done" and proposal is not None and proposal.undoes is not None:
            actions.undone(tx, proposal.undoes, receipt.action_key)
        self._done(tx, action.decision, receipt, proposal)
        return True


def _loaded(read: Read, key: ActionKey) -> _Action:
    row = actions.get(read, key)
    decision = None if row is None else decisions.get(read, row.decision_id)
    if row is None or decision is None:
        raise UnknownName(f"there is no action {key}.")
    decided, permitted = read.entry(decision.entry).body, read.entry(row.entry).body
    if decided is None or permitted is None:
        return _Action(key, decision, None)
    proposal = Proposal.model_validate(decided["proposal"])
    if proposal.action is None:
        raise UnknownName(f"the decision on {key} asks for nothing.")
    permit = Permit.model_validate(permitted["permit"])
    return _Action(key, decision, _Permitted(proposal, proposal.action, permit))
