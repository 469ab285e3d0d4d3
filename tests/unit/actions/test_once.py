"""One key, one effect: what is tried again, what is looked up, and what stays unknown."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from crossloop.actions import (
    AdapterError,
    Conflict,
    Invalid,
    NotFound,
    OutcomeUnknown,
    Performed,
    RateLimited,
    Retry,
    Unavailable,
    Unsupported,
)
from crossloop.actions.once import Once
from crossloop.clock import ManualClock
from crossloop.errors import CrossloopError, StaleLease
from crossloop.governance import PermitExpired, PermitMismatch
from tests.support.governed import proposal
from tests.support.stores import START
from tests.support.systems import FINE, FakeSystem, Trouble, after, before, permit

PROPOSAL = proposal()
KEY = PROPOSAL.action_key
PERFORM, FIND = f"perform {KEY}", f"find {KEY}"

DOWN, LIMITED, LOST = Unavailable("down"), RateLimited("slower"), OutcomeUnknown("no answer came")


class Trying:
    """One action on its way, with the waits it made."""

    def __init__(self, system: FakeSystem, *, in_doubt: bool = False, **changes: Any) -> None:
        assert PROPOSAL.action is not None
        self.system = system
        self.clock = ManualClock(START)
        self.waits: list[float] = []
        self.once = Once(
            **{
                "adapter": system,
                "key": KEY,
                "request": PROPOSAL.action,
                "permit": permit(PROPOSAL),
                "clock": self.clock,
                "retry": Retry(attempts=4, first_wait=0),
                "in_doubt": in_doubt,
                **changes,
            }
        )

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def run(self) -> Performed:
        return asyncio.run(self.once.perform(self.sleep))

    def error(self, kind: type[CrossloopError]) -> str:
        with pytest.raises(kind) as caught:
            self.run()
        assert type(caught.value) is kind
        return str(caught.value)


def trying(*performing: Trouble, finding: tuple[Trouble, ...] = (), **changes: Any) -> Trying:
    able = {name: changes.pop(name) for name in ("idempotent", "find") if name in changes}
    return Trying(FakeSystem(performing=performing, finding=finding, **able), **changes)


NEITHER = {"idempotent": False, "find": False}
FIND_ONLY = {"idempotent": False, "find": True}
REPEAT_ONLY = {"idempotent": True, "find": False}
BOTH = {"idempotent": True, "find": True}
ANY = pytest.mark.parametrize("able", [NEITHER, FIND_ONLY, REPEAT_ONLY, BOTH])


@ANY
def test_what_goes_well_is_sent_once(able: dict[str, bool]) -> None:
    one = trying(**able)
    assert one.run().reference == "ads-0"
    assert one.system.calls == [PERFORM]
    assert one.waits == []


@ANY
@pytest.mark.parametrize("in_doubt", [False, True])
def test_whoever_was_followed_sends_nothing_and_says_so(able: dict[str, bool], in_doubt: bool) -> None:
    """It is no unknown outcome either: whoever followed brings it to an end."""

    def followed() -> None:
        raise StaleLease("somebody else holds it")

    one = trying(in_doubt=in_doubt, fence=followed, **able)
    one.error(OutcomeUnknown if in_doubt and able == NEITHER else StaleLease)
    assert PERFORM not in one.system.calls


def test_the_fence_is_looked_at_before_every_attempt() -> None:
    looks: list[int] = []

    def fence() -> None:
        looks.append(1)
        if len(looks) == 3:
            raise StaleLease("somebody else holds it")

    one = trying(before(DOWN), before(DOWN), fence=fence)
    one.error(StaleLease)
    assert one.system.calls == [PERFORM, PERFORM]


# Nothing happened.


@ANY
@pytest.mark.parametrize("error", [DOWN, LIMITED])
def test_a_transient_error_is_tried_again_with_the_same_key(
    able: dict[str, bool], error: AdapterError
) -> None:
    """Nothing happened, says the port; so nothing has to be looked up, whatever the system can do."""
    one = trying(before(error), before(error), **able)
    assert one.run().reference == "ads-0"
    assert one.system.calls == [PERFORM, PERFORM, PERFORM]
    assert len(one.system.effects) == 1


@ANY
def test_it_is_tried_so_many_times_and_then_has_failed(able: dict[str, bool]) -> None:
    one = trying(*[before(DOWN)] * 9, **able)
    assert one.error(Unavailable) == "down"
    assert one.system.calls == [PERFORM] * 4
    assert one.system.effects == []


@ANY
@pytest.mark.parametrize("kind", [AdapterError, Conflict, Invalid, NotFound, Unsupported])
def test_a_definite_error_is_not_tried_again(able: dict[str, bool], kind: type[AdapterError]) -> None:
    one = trying(before(kind("no")), **able)
    assert one.error(kind) == "no"
    assert one.system.calls == [PERFORM]


# Something may have happened.


@pytest.mark.parametrize("able", [FIND_ONLY, BOTH])
def test_an_unknown_outcome_is_looked_up_and_found(able: dict[str, bool]) -> None:
    one = trying(after(LOST), **able)
    assert one.run().reference == "ads-0"
    assert one.system.calls == [PERFORM, FIND]
    assert len(one.system.effects) == 1


@pytest.mark.parametrize("able", [FIND_ONLY, BOTH])
def test_what_is_certainly_absent_is_tried_again(able: dict[str, bool]) -> None:
    one = trying(before(LOST), **able)
    assert one.run().reference == "ads-0"
    assert one.system.calls == [PERFORM, FIND, PERFORM]
    assert len(one.system.effects) == 1


@pytest.mark.parametrize("trouble", [before(LOST), after(LOST)])
def test_what_cannot_be_looked_up_is_sent_again_where_that_cannot_double_it(trouble: Trouble) -> None:
    one = trying(trouble, **REPEAT_ONLY)
    assert one.run().reference == "ads-0"
    assert one.system.calls == [PERFORM, PERFORM]
    assert len(one.system.effects) == 1


@pytest.mark.parametrize("trouble", [before(LOST), after(LOST), after(KeyError("defect"))])
def test_what_can_neither_be_looked_up_nor_repeated_stays_unknown(trouble: Trouble) -> None:
    one = trying(trouble, **NEITHER)
    one.error(OutcomeUnknown)
    assert one.system.calls == [PERFORM]


def test_an_adapters_defect_is_looked_up_like_an_unknown_outcome() -> None:
    one = trying(after(KeyError("defect")))
    assert one.run().reference == "ads-0"
    assert one.system.calls == [PERFORM, FIND]


@pytest.mark.parametrize("error", [DOWN, LIMITED, LOST, ValueError("defect")])
def test_a_look_up_that_fails_is_tried_again(error: Exception) -> None:
    one = trying(after(LOST), finding=(before(error),))
    assert one.run().reference == "ads-0"
    assert one.system.calls == [PERFORM, FIND, FIND]


@pytest.mark.parametrize(
    "error", [DOWN, LIMITED, LOST, NotFound("use None for that"), Unsupported("no"), ValueError("defect")]
)
@pytest.mark.parametrize("trouble", [before(LOST), after(LOST)])
def test_what_cannot_be_looked_up_in_the_end_is_unknown_and_never_failed(
    trouble: Trouble, error: Exception
) -> None:
    one = trying(trouble, finding=(before(error),) * 9)
    one.error(OutcomeUnknown)
    assert one.system.calls.count(PERFORM) == 1


def test_the_reason_why_nobody_can_tell_is_told() -> None:
    assert trying(after(LOST), finding=(before(DOWN),) * 9).error(OutcomeUnknown) == (
        "it may have been carried out before, and then: down"
    )


@pytest.mark.parametrize("error", [DOWN, LIMITED])
def test_a_repetition_that_never_arrives_settles_nothing(error: AdapterError) -> None:
    one = trying(after(LOST), *[before(error)] * 9, **REPEAT_ONLY)
    one.error(OutcomeUnknown)
    assert len(one.system.effects) == 1


def test_a_repetition_that_is_refused_settles_that_nothing_happened() -> None:
    assert trying(before(LOST), before(Conflict("no stock")), **REPEAT_ONLY).error(Conflict) == "no stock"


def test_a_look_up_that_finds_nothing_settles_it_and_a_later_failure_is_one() -> None:
    one = trying(before(LOST), *[before(DOWN)] * 9)
    assert one.error(Unavailable) == "down"
    assert one.system.calls == [PERFORM, FIND, PERFORM, PERFORM, PERFORM]


# From the start in doubt: a recovery.


def test_in_doubt_it_is_looked_up_before_anything_else() -> None:
    absent = trying(in_doubt=True)
    assert absent.run().reference == "ads-0"
    assert absent.system.calls == [FIND, PERFORM]

    there = trying(in_doubt=True)
    assert PROPOSAL.action is not None
    there.system.effects.append((KEY, PROPOSAL.action))
    assert there.run().reference == "ads-0"
    assert there.system.calls == [FIND]


def test_in_doubt_a_system_that_can_only_repeat_is_sent_the_same_key() -> None:
    one = trying(in_doubt=True, **REPEAT_ONLY)
    assert one.run().reference == "ads-0"
    assert one.system.calls == [PERFORM]


def test_in_doubt_a_system_that_can_do_neither_is_not_touched() -> None:
    one = trying(in_doubt=True, **NEITHER)
    assert one.error(OutcomeUnknown) == (
        f"ads can neither be asked for {KEY} nor sent it twice safely. "
        "Look at the system and record by hand what happened."
    )
    assert one.system.calls == []


# Within the permit.


def test_a_request_that_the_permit_does_not_name_is_not_sent() -> None:
    one = trying(permit=permit(PROPOSAL, action_digest="f" * 64))
    one.error(PermitMismatch)
    assert one.system.calls == []


def test_a_permit_is_worth_something_until_it_expires() -> None:
    in_time = trying(permit=permit(PROPOSAL, lasts=timedelta(minutes=1)))
    in_time.clock.advance(timedelta(seconds=59))
    in_time.run()
    late = trying(permit=permit(PROPOSAL, lasts=timedelta(minutes=1)))
    late.clock.advance(timedelta(minutes=1))
    late.error(PermitExpired)
    assert late.system.calls == []


def expiring(*performing: Trouble, **changes: Any) -> Trying:
    """The permit expires while the first call is under way."""
    one = trying(**changes)
    first, *rest = performing
    one.system._performing = [
        Trouble(first.error, first.after, meanwhile=lambda: one.clock.advance(timedelta(days=2))),
        *rest,
    ]
    return one


def test_a_permit_that_expires_meanwhile_is_not_used_again() -> None:
    one = expiring(before(DOWN))
    one.error(PermitExpired)
    assert one.system.calls == [PERFORM]


def test_an_effect_that_is_found_after_the_permit_expired_is_one() -> None:
    one = expiring(after(LOST))
    assert one.run().reference == "ads-0"
    assert one.system.calls == [PERFORM, FIND]


def test_what_cannot_be_repeated_because_the_permit_expired_is_unknown() -> None:
    one = expiring(after(LOST), **REPEAT_ONLY)
    assert "permit" in one.error(OutcomeUnknown)
    assert one.system.calls == [PERFORM]


# How long is waited.


def test_a_rate_limit_is_waited_for_as_long_as_the_system_asks() -> None:
    one = trying(before(RateLimited("slower", retry_after=7.5)), before(RateLimited("x", retry_after=45)))
    one.run()
    assert one.waits == [7.5, 45]


def test_a_longer_wait_than_anybody_has_patience_for_fails_at_once() -> None:
    one = trying(before(RateLimited("tomorrow", retry_after=86_400)), FINE)
    assert one.error(RateLimited) == "tomorrow"
    assert (one.system.calls, one.waits) == ([PERFORM], [])


def test_a_wait_that_is_no_time_is_none() -> None:
    one = trying(before(RateLimited("now", retry_after=-3)))
    one.run()
    assert one.waits == [0]


def test_a_rate_limit_without_a_time_is_waited_for_like_any_other_error() -> None:
    one = trying(before(LIMITED), retry=Retry(first_wait=1, longest_wait=8))
    one.run()
    assert len(one.waits) == 1
    assert 1 <= one.waits[0] <= 2


def waits_of(retry: Retry, attempts: int) -> list[float]:
    one = trying(*[before(DOWN)] * attempts, retry=retry)
    one.error(Unavailable)
    return one.waits


def test_waits_double_with_some_jitter_up_to_the_longest() -> None:
    waits = waits_of(Retry(attempts=7, first_wait=1, longest_wait=8), 9)
    assert len(waits) == 6
    for wait, least in zip(waits, (1, 2, 4, 8, 8, 8), strict=True):
        assert least <= wait <= min(8, least + 1)


def test_without_waits_nothing_is_waited_for() -> None:
    assert waits_of(Retry(attempts=3, first_wait=0), 9) == [0, 0]


def test_a_system_that_does_not_answer_in_time_is_looked_up() -> None:
    class Hanging(FakeSystem):
        async def perform(self, key: Any, request: Any) -> Performed:
            await super().perform(key, request)
            await asyncio.get_running_loop().create_future()
            raise AssertionError("nobody answers")

    one = Trying(Hanging(), retry=Retry(first_wait=0, deadline=0.001))
    assert one.run().reference == "ads-0"
    assert one.system.calls == [PERFORM, FIND]
