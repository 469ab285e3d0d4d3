"""The executor: the only place from which anything is done to the world.

Rules, in the order the code follows them for one action key:

1. Only an action in state *permitted* is started, and starting it is a compare-and-set in the store:
   of two executors one wins, the other goes away.
2. The permit is compared with the request immediately before it is performed: another digest, or an
   expired permit, is a failure and nothing is performed (invariant 3).
3. The adapter is called outside any transaction. Transient errors are tried again with the same key.
4. An unknown outcome is looked up by key. Found: done. Certainly absent: tried again. Cannot be looked
   up: ``unknown``, an incident for a person, never a blind retry (invariant 2).
5. The receipt is written with the state it changes. An action that takes another one back marks that
   one as undone in the same transaction.
6. Recovery: an action that was *started* and has no receipt is looked up by key before anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential_jitter,
)

from crossloop.actions.port import Adapter, AdapterError, OutcomeUnknown, Performed, RateLimited
from crossloop.canonical import to_json
from crossloop.clock import Clock
from crossloop.errors import CrossloopError
from crossloop.faults import crash_point
from crossloop.governance import check_permit
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest, Effect, Permit, Proposal, Receipt
from crossloop.store import Lease, Read, Store, Tx, actions, decisions

Done = Callable[[Tx, Proposal, Receipt], None]
"""Called inside the transaction that writes a receipt: for notices and for closing the signal."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how long transient errors are tried again."""

    attempts: int = 4
    first_wait: float = 0.2
    """Seconds before the second attempt; doubled each time, with jitter."""

    longest_wait: float = 10.0


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
    ) -> None:
        self._store = store
        self._adapters = adapters
        self._clock = clock
        self._done = done
        self._retry = retry or Retry()

    async def recover(self, lease: Lease | None = None) -> tuple[Receipt, ...]:
        """Bring every action that was started and has no receipt to an end (rule 6)."""
        unfinished = self._store.read(lambda read: [row.key for row in actions.started(read)])
        receipts: list[Receipt] = []
        for key in unfinished:
            proposal, _ = self._store.read(lambda read, key=key: _loaded(read, key))
            receipts.append(await self._finish(ActionKey(key), proposal, lease, look_first=True))
        return tuple(receipts)

    async def perform_permitted(
        self, lease: Lease | None = None, *, limit: int = 1000
    ) -> tuple[Receipt, ...]:
        """Perform everything that is permitted and not yet started, in the order it was permitted."""
        waiting = self._store.read(lambda read: [row.key for row in actions.permitted(read, limit)])
        receipts: list[Receipt] = []
        for key in waiting:
            receipt = await self.perform(ActionKey(key), lease)
            if receipt is not None:
                receipts.append(receipt)
        return tuple(receipts)

    async def perform(self, key: ActionKey, lease: Lease | None = None) -> Receipt | None:
        """Perform one permitted action; None when somebody else has started it already."""
        proposal, permit = self._store.read(lambda read: _loaded(read, key))
        if not await self._store.write_async(lambda tx: actions.start(tx, key), lease=lease):
            return None
        crash_point("act.after_started")
        try:
            check_permit(permit, _request(proposal), now=self._clock.now())
        except CrossloopError as refused:
            return await self._receipt(key, proposal, "failed", None, str(refused), self._clock.now(), lease)
        return await self._finish(key, proposal, lease, look_first=False)

    async def _finish(
        self, key: ActionKey, proposal: Proposal, lease: Lease | None, *, look_first: bool
    ) -> Receipt:
        began = self._clock.now()
        outcome: Effect
        try:
            performed = await self._effect(key, _request(proposal), look_first=look_first)
            outcome, reference, detail = "done", performed.reference, performed.detail
        except OutcomeUnknown as unknown:
            outcome, reference, detail = "unknown", None, str(unknown)
        except AdapterError as failure:
            outcome, reference, detail = "failed", None, f"{failure.code}: {failure}"
        crash_point("act.after_effect")
        return await self._receipt(key, proposal, outcome, reference, detail, began, lease)

    async def _effect(self, key: ActionKey, request: ActionRequest, *, look_first: bool) -> Performed:
        adapter = self._adapters.get(request.system)
        if adapter is None:
            raise AdapterError(f"there is no adapter for the system '{request.system}'.")
        must_look = look_first
        async for attempt in AsyncRetrying(
            stop=stop_after_attempt(self._retry.attempts),
            wait=self._wait,
            retry=retry_if_exception(
                lambda error: isinstance(error, AdapterError) and _again(error, adapter)
            ),
            reraise=True,
        ):
            with attempt:
                if must_look:
                    found = await _look_up(adapter, key)
                    if found is not None:
                        return found
                must_look = True
                return await adapter.perform(key, request)
        raise AssertionError("AsyncRetrying ends by returning or raising")  # pragma: no cover

    def _wait(self, state: object) -> float:
        failure = getattr(getattr(state, "outcome", None), "exception", lambda: None)()
        if isinstance(failure, RateLimited) and failure.retry_after is not None:
            return min(failure.retry_after, self._retry.longest_wait)
        backoff = wait_exponential_jitter(
            initial=self._retry.first_wait, max=self._retry.longest_wait, jitter=self._retry.first_wait
        )
        return backoff(state)  # pyright: ignore[reportArgumentType] - tenacity hands the state through

    async def _receipt(
        self,
        key: ActionKey,
        proposal: Proposal,
        outcome: Effect,
        reference: str | None,
        detail: str,
        began: datetime,
        lease: Lease | None,
    ) -> Receipt:
        receipt = Receipt(
            action_key=key,
            outcome=outcome,
            reference=reference,
            detail=detail[:2000],
            started_at=began,
            finished_at=self._clock.now(),
        )

        def write(tx: Tx) -> None:
            actions.finish(tx, key, outcome, reference=reference, body=to_json(receipt))
            if outcome == "done" and proposal.undoes is not None:
                actions.undone(tx, proposal.undoes, key)
            self._done(tx, proposal, receipt)

        await self._store.write_async(write, lease=lease)
        crash_point("act.after_receipt")
        return receipt


def _again(error: AdapterError, adapter: Adapter) -> bool:
    """An unknown outcome is worth another look only where the system can tell by key."""
    if isinstance(error, OutcomeUnknown):
        return adapter.capabilities.find
    return error.transient


async def _look_up(adapter: Adapter, key: ActionKey) -> Performed | None:
    if adapter.capabilities.find:
        return await adapter.find(key)
    if adapter.capabilities.idempotent:
        return None  # sending the same key again cannot double the effect
    raise OutcomeUnknown(
        f"{adapter.system} can neither be asked for {key} nor sent it twice safely.",
        next_step="Look at the system and record by hand what happened.",
    )


def _request(proposal: Proposal) -> ActionRequest:
    if proposal.action is None:
        raise AdapterError("a permitted action has no request")
    return proposal.action


def _loaded(read: Read, key: str) -> tuple[Proposal, Permit]:
    row = actions.get(read, key)
    if row is None:
        raise CrossloopError(f"there is no action {key}.")
    decision = decisions.get(read, row.decision_id)
    if decision is None:
        raise CrossloopError(f"action {key} has no decision {row.decision_id}.")
    proposal = Proposal.model_validate(read.body(decision.entry)["proposal"])
    return proposal, Permit.model_validate(read.body(row.entry)["permit"])
