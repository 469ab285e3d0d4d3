"""Carrying one permitted request out once: try, look, try again.

Rules, in the order the code follows them for one attempt:

1. An action is *in doubt* while an effect may exist that nobody has confirmed: from the start in a
   recovery, and after an unknown outcome.
2. In doubt it is looked up by key before anything else. Found: that is the effect. Certainly absent: it is
   not in doubt any more. A system that cannot be asked but is idempotent is sent the same key again, which
   cannot double the effect. One that is neither ends the matter: never a blind retry (invariant 2).
3. The permit is compared with the request immediately before every time it is sent: another digest, or an
   expired permit, and nothing is sent (invariant 3). So is the lease: a worker that was paused and that
   somebody has followed sends nothing any more, for whoever followed may have looked, found nothing and sent
   it. What is between this look and the sending only a system that is idempotent makes good.
4. An error that says that nothing happened ends a doubt, unless it is transient: then the system has not
   looked at the key.
5. Transient errors and doubts that can be ended are tried again with the same key, as often as
   :class:`Retry` says. A rate limit is waited for as long as the system asks, or not at all.
6. What ends in doubt is unknown, whatever the last error was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from crossloop.actions import boundary
from crossloop.actions.port import Adapter, AdapterError, OutcomeUnknown, Performed, RateLimited
from crossloop.clock import Clock
from crossloop.governance import PermitExpired, PermitMismatch, check_permit
from crossloop.ids import ActionKey
from crossloop.signals import ActionRequest, Permit

Sleep = Callable[[float], Awaitable[None]]
"""Waits for so many seconds."""

OUTCOMES: Final = (AdapterError, PermitExpired, PermitMismatch)
"""What says how an action ended. Anything else, such as a store that is busy, says nothing about it."""

Fence = Callable[[], None]
"""Raises StaleLease when somebody else works on the store by now."""


def _unfenced() -> None:
    """Whoever works without a lease has nobody to be followed by."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how long transient errors are tried again, and how long an answer is waited for."""

    attempts: int = 4
    first_wait: float = 0.2
    """Seconds before the second attempt; doubled each time, with jitter."""

    longest_wait: float = 10.0
    """Most seconds between two attempts, where the system does not name them itself."""

    patience: float = 60.0
    """Most seconds that a system may ask to wait for; one that asks for more is not tried again."""

    deadline: float = 30.0
    """Seconds that a system has for one answer."""

    def wait(self, state: RetryCallState) -> float:
        """Seconds to wait after an attempt."""
        failure = state.outcome.exception() if state.outcome is not None else None
        if isinstance(failure, RateLimited) and failure.retry_after is not None:
            return max(0.0, failure.retry_after)
        doubled = wait_exponential(self.first_wait, self.longest_wait) + wait_random(0, self.first_wait)
        return min(self.longest_wait, doubled(state))


@dataclass(slots=True)
class Once:
    """One action on its way to one effect."""

    adapter: Adapter
    key: ActionKey
    request: ActionRequest
    permit: Permit
    clock: Clock
    retry: Retry
    in_doubt: bool
    """Whether the effect may exist already."""

    fence: Fence = _unfenced

    async def perform(self, sleep: Sleep) -> Performed:
        """Bring the effect about, or find it.

        Raises:
            OutcomeUnknown: nobody can tell whether it happened.
            StaleLease: somebody else works on the store by now; it is theirs to bring to an end.
            CrossloopError: it certainly did not happen.
        """
        try:
            return await self._tried(sleep)
        except OutcomeUnknown:
            raise
        except OUTCOMES as failure:
            if not self.in_doubt:
                raise
            raise OutcomeUnknown(f"it may have been carried out before, and then: {failure}") from failure

    async def _tried(self, sleep: Sleep) -> Performed:
        # Nearly every action succeeds at once; setting tenacity up would take longer than that.
        try:
            return await self._attempt()
        except AdapterError as failure:
            if not self._again(failure):
                raise
            failed = [failure]

        async def attempt() -> Performed:
            if failed:
                raise failed.pop()  # what has happened already counts as the first attempt
            return await self._attempt()

        attempts = AsyncRetrying(
            sleep=sleep,
            stop=stop_after_attempt(self.retry.attempts),
            wait=self.retry.wait,
            retry=retry_if_exception(self._again),
            reraise=True,
        )
        return await attempts(attempt)

    async def _attempt(self) -> Performed:
        if self.in_doubt:
            found = await self._look_up()
            if found is not None:
                return found
        check_permit(self.permit, self.request, now=self.clock.now())
        self.fence()
        try:
            return await boundary.perform(self.adapter, self.key, self.request, deadline=self.retry.deadline)
        except OutcomeUnknown:
            self.in_doubt = True
            raise
        except AdapterError as failure:
            if not failure.transient:
                self.in_doubt = False
            raise

    async def _look_up(self) -> Performed | None:
        can = boundary.capabilities(self.adapter)
        if can.find:
            found = await boundary.find(
                self.adapter, self.key, system=self.request.system, deadline=self.retry.deadline
            )
            self.in_doubt = False
            return found
        if can.idempotent:
            return None
        raise OutcomeUnknown(
            f"{self.request.system} can neither be asked for {self.key} nor sent it twice safely.",
            next_step="Look at the system and record by hand what happened.",
        )

    def _again(self, failure: BaseException) -> bool:
        if isinstance(failure, OutcomeUnknown):
            can = boundary.capabilities(self.adapter)
            return can.find or can.idempotent
        if isinstance(failure, RateLimited) and failure.retry_after is not None:
            return failure.retry_after <= self.retry.patience
        return isinstance(failure, AdapterError) and failure.transient
