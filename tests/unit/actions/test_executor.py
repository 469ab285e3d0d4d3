"""The executor on a real store: each permitted action has one effect and one receipt that tells the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossloop.actions import Executor, OutcomeUnknown, Performed, Retry, Unavailable
from crossloop.actions import executor as executor_module
from crossloop.adapters.arguments import OnArea
from crossloop.adapters.embedded.ads import EmbeddedAds
from crossloop.canonical import to_json
from crossloop.clock import ManualClock
from crossloop.errors import StaleLease, UnknownName
from crossloop.ids import ActionKey
from crossloop.signals import Proposal, Receipt
from crossloop.store import Lease, Store, Tx, actions, leases, verify
from crossloop.store.actions import ActionRow
from tests.support import embedded
from tests.support.embedded import RAJASTHAN
from tests.support.governed import proposal
from tests.support.stores import START, open_store
from tests.support.systems import FakeSystem, Killed, Trouble, after, before, permit, permitted

DOWN, LOST = Unavailable("down"), OutcomeUnknown("no answer came")
RETRY = Retry(attempts=4, first_wait=0)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    with open_store(tmp_path / "store.db", clock=clock) as opened:
        yield opened


class Told:
    """What the coordinator hears, inside the transaction of the receipt."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self.states: list[str] = []

    def __call__(self, tx: Tx, _proposal: Proposal, receipt: Receipt) -> None:
        row = actions.get(tx, receipt.action_key)
        assert row is not None
        self.receipts.append(receipt)
        self.states.append(row.state)


def executor(store: Store, clock: ManualClock, *systems: Any, told: Any = None, **changes: Any) -> Executor:
    return Executor(
        store,
        {one.system: one for one in systems},
        clock,
        done=told or Told(),
        **{"retry": RETRY, **changes},
    )


def perform(one: Executor, key: ActionKey, lease: Lease | None = None) -> Receipt | None:
    return asyncio.run(one.perform(key, lease))


def recover(one: Executor) -> tuple[Receipt, ...]:
    return asyncio.run(one.recover())


def row(store: Store, key: str) -> ActionRow:
    found = store.read(lambda read: actions.get(read, key))
    assert found is not None
    return found


def receipts(store: Store) -> list[dict[str, Any]]:
    """The receipts that the ledger holds, in order."""
    entries = store.read(lambda read: list(read.entries()))
    return [dict(one.body) for one in entries if one.kind == actions.RECEIPT and one.body is not None]


# One action.


def test_a_permitted_action_is_performed_and_its_receipt_written_with_its_state(
    store: Store, clock: ManualClock
) -> None:
    key, system, told = permitted(store), FakeSystem(), Told()
    receipt = perform(executor(store, clock, system, told=told), key)
    assert receipt == Receipt(
        action_key=key,
        outcome="done",
        reference="ads-0",
        detail="It is done.",
        started_at=START,
        finished_at=START,
    )
    assert (row(store, key).state, row(store, key).reference) == ("done", "ads-0")
    assert receipts(store) == [to_json(receipt)]
    assert [request for _, request in system.effects] == [proposal().action]
    assert (told.receipts, told.states) == ([receipt], ["done"])
    assert store.read(verify).ok


def test_an_action_is_started_once(store: Store, clock: ManualClock) -> None:
    key, system = permitted(store), FakeSystem()
    one = executor(store, clock, system)
    assert perform(one, key) is not None
    assert perform(one, key) is None
    assert system.calls == [f"perform {key}"]


def test_an_action_that_nobody_permitted_is_unknown(store: Store, clock: ManualClock) -> None:
    with pytest.raises(UnknownName, match="there is no action act_9"):
        perform(executor(store, clock, FakeSystem()), ActionKey("act_9"))


def test_a_decision_that_asks_for_nothing_is_not_performed(store: Store, clock: ManualClock) -> None:
    asked = proposal()
    key, system = permitted(store, asked, body=asked.model_copy(update={"action": None})), FakeSystem()
    with pytest.raises(UnknownName, match="asks for nothing"):
        perform(executor(store, clock, system), key)
    assert row(store, key).state == "permitted"
    assert system.calls == []


def test_the_receipt_says_when_it_began_and_ended(store: Store, clock: ManualClock) -> None:
    key = permitted(store)
    slow = Trouble(after=True, meanwhile=lambda: clock.advance(timedelta(seconds=3)))
    clock.advance(timedelta(seconds=1))
    receipt = perform(executor(store, clock, FakeSystem(performing=[slow])), key)
    assert receipt is not None
    assert receipt.started_at == START + timedelta(seconds=1)
    assert receipt.finished_at == START + timedelta(seconds=4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"action_digest": "f" * 64}, "permit.other_action: the permit is for ffffffffffff"),
        ({"expires_at": START}, "permit.expired: the permit of act_"),
    ],
)
def test_outside_of_its_permit_nothing_is_performed(
    store: Store, clock: ManualClock, changes: dict[str, Any], said: str
) -> None:
    key, system = permitted(store, granted=permit(proposal(), **changes)), FakeSystem()
    receipt = perform(executor(store, clock, system), key)
    assert receipt is not None
    assert receipt.outcome == "failed"
    assert receipt.detail.startswith(said)
    assert system.calls == []
    assert row(store, key).state == "failed"


@pytest.mark.parametrize(
    ("able", "performing", "outcome", "detail"),
    [
        ({}, [before(DOWN)], "done", "It is done."),
        ({}, [before(DOWN)] * 9, "failed", "adapter.unavailable: down"),
        ({}, [after(KeyError("defect"))], "done", "It is done."),
        ({"find": False, "idempotent": False}, [after(LOST)], "unknown", "no answer came"),
    ],
)
def test_how_it_ended_is_told_and_recorded(
    store: Store,
    clock: ManualClock,
    able: dict[str, bool],
    performing: list[Trouble],
    outcome: str,
    detail: str,
) -> None:
    key, told = permitted(store), Told()
    receipt = perform(executor(store, clock, FakeSystem(performing=performing, **able), told=told), key)
    assert receipt is not None
    assert (receipt.outcome, receipt.detail) == (outcome, detail)
    assert (receipt.reference is None) == (outcome != "done")
    assert row(store, key).state == outcome
    assert told.receipts == [receipt]


def test_waits_go_through_the_sleep_that_was_handed_in(store: Store, clock: ManualClock) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    key = permitted(store)
    one = executor(
        store, clock, FakeSystem(performing=[before(DOWN)] * 2),
        retry=Retry(first_wait=60, longest_wait=120), sleep=sleep,
    )  # fmt: skip
    receipt = perform(one, key)
    assert receipt is not None
    assert receipt.outcome == "done"
    assert len(waits) == 2
    assert min(waits) >= 60


def test_a_system_that_nobody_knows_fails(store: Store, clock: ManualClock) -> None:
    key = permitted(store)
    receipt = perform(executor(store, clock, FakeSystem(system="crm")), key)
    assert receipt is not None
    assert (receipt.outcome, receipt.detail) == (
        "failed",
        "adapter.error: there is no adapter for the system 'ads'.",
    )


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(after=True, answer=Performed(reference="rst\x00", detail="courier: \ud83d")),
        before(Unavailable("courier: \x00 \ud83d")),
    ],
)
def test_an_answer_that_the_ledger_cannot_keep_does_not_lose_the_action(
    store: Store, clock: ManualClock, trouble: Trouble
) -> None:
    key = permitted(store)
    receipt = perform(executor(store, clock, FakeSystem(performing=[trouble]), retry=Retry(attempts=1)), key)
    assert receipt is not None
    assert "courier: \ufffd" in receipt.detail
    assert receipts(store) == [to_json(receipt)]


def test_a_long_answer_is_cut(store: Store, clock: ManualClock) -> None:
    trouble = Trouble(after=True, answer=Performed(reference="r", detail="x" * 9000))
    receipt = perform(executor(store, clock, FakeSystem(performing=[trouble])), permitted(store))
    assert receipt is not None
    assert len(receipt.detail) == 2000


# Many actions.


def test_permitted_actions_are_performed_in_the_order_they_were_permitted(
    store: Store, clock: ManualClock
) -> None:
    keys = [permitted(store, proposal(step=step)) for step in (2, 0, 1)]
    system = FakeSystem()
    one = executor(store, clock, system)
    first = asyncio.run(one.perform_permitted(limit=2))
    assert [receipt.action_key for receipt in first] == keys[:2]
    rest = asyncio.run(one.perform_permitted())
    assert [receipt.action_key for receipt in rest] == keys[2:]
    assert [key for key, _ in system.effects] == keys
    assert asyncio.run(one.perform_permitted()) == ()


def test_one_that_fails_does_not_stop_the_next(store: Store, clock: ManualClock) -> None:
    for step in (0, 1):
        permitted(store, proposal(step=step))
    system = FakeSystem(performing=[after(ZeroDivisionError("defect"))], find=False, idempotent=False)
    done = asyncio.run(executor(store, clock, system).perform_permitted())
    assert [receipt.outcome for receipt in done] == ["unknown", "done"]


# Dying on the way.


def dying_at(monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    """The process dies when it passes this crash point for the first time."""
    left = [point]

    def pass_by(name: str) -> None:
        if name in left:
            left.remove(name)
            raise Killed

    monkeypatch.setattr(executor_module, "crash_point", pass_by)


def died(one: Executor, key: ActionKey) -> None:
    with pytest.raises(Killed):
        perform(one, key)


@pytest.mark.parametrize("able", [{"idempotent": False}, {"find": False}, {}])
@pytest.mark.parametrize("point", ["act.after_started", "act.after_effect", "act.after_receipt"])
def test_whoever_dies_on_the_way_is_recovered_with_one_effect_and_one_receipt(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, point: str, able: dict[str, bool]
) -> None:
    key, system, told = permitted(store), FakeSystem(**able), Told()
    dying_at(monkeypatch, point)
    died(executor(store, clock, system, told=told), key)
    recovered = recover(executor(store, clock, system, told=told))
    assert [receipt.outcome for receipt in recovered] == ([] if point == "act.after_receipt" else ["done"])
    assert len(system.effects) == 1
    assert (row(store, key).state, row(store, key).reference) == ("done", "ads-0")
    assert [receipt["outcome"] for receipt in receipts(store)] == ["done"]
    assert len(told.receipts) == 1


@pytest.mark.parametrize("trouble", [before(Killed()), after(Killed())])
def test_whoever_dies_inside_the_call_is_recovered_with_one_effect(
    store: Store, clock: ManualClock, trouble: Trouble
) -> None:
    key, system = permitted(store), FakeSystem(performing=[trouble], idempotent=False)
    died(executor(store, clock, system), key)
    assert row(store, key).state == "started"
    (receipt,) = recover(executor(store, clock, system))
    assert receipt.outcome == "done"
    assert len(system.effects) == 1


@pytest.mark.parametrize("point", ["act.after_started", "act.after_effect"])
def test_what_a_system_can_neither_tell_nor_repeat_is_unknown_after_a_death(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    key, system = permitted(store), FakeSystem(find=False, idempotent=False)
    dying_at(monkeypatch, point)
    died(executor(store, clock, system), key)
    calls = list(system.calls)
    (receipt,) = recover(executor(store, clock, system))
    assert receipt.outcome == "unknown"
    assert row(store, key).state == "unknown"
    assert system.calls == calls


@pytest.mark.parametrize(
    ("point", "outcome"), [("act.after_started", "failed"), ("act.after_effect", "done")]
)
def test_after_a_death_an_expired_permit_permits_nothing_new(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, point: str, outcome: str
) -> None:
    key, system = permitted(store), FakeSystem()
    dying_at(monkeypatch, point)
    died(executor(store, clock, system), key)
    clock.advance(timedelta(days=3))
    (receipt,) = recover(executor(store, clock, system))
    assert receipt.outcome == outcome
    assert len(system.effects) == (1 if outcome == "done" else 0)


@pytest.mark.parametrize("systems", [[], [FakeSystem(finding=[before(DOWN)] * 9)]])
def test_after_a_death_a_system_that_cannot_be_asked_leaves_it_unknown(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, systems: list[FakeSystem]
) -> None:
    key = permitted(store)
    dying_at(monkeypatch, "act.after_effect")
    died(executor(store, clock, FakeSystem()), key)
    (receipt,) = recover(executor(store, clock, *systems))
    assert receipt.outcome == "unknown"


def test_recovering_again_finds_nothing_to_do(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, system = permitted(store), FakeSystem()
    dying_at(monkeypatch, "act.after_effect")
    died(executor(store, clock, system), key)
    assert len(recover(executor(store, clock, system))) == 1
    calls = list(system.calls)
    assert recover(executor(store, clock, system)) == ()
    assert system.calls == calls


def test_a_cancelled_action_stays_started_and_is_recovered(store: Store, clock: ManualClock) -> None:
    key = permitted(store)

    class Hanging(FakeSystem):
        async def perform(self, key: ActionKey, request: Any) -> Performed:
            await super().perform(key, request)
            entered.set()
            await asyncio.get_running_loop().create_future()
            raise AssertionError("nobody answers")

    system, entered = Hanging(), asyncio.Event()

    async def main() -> bool:
        task = asyncio.create_task(executor(store, clock, system).perform(key))
        await entered.wait()
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(main())
    assert row(store, key).state == "started"
    (receipt,) = recover(executor(store, clock, system))
    assert receipt.outcome == "done"
    assert len(system.effects) == 1


# Two at once.


def test_of_two_executors_on_one_key_one_performs_it(store: Store, clock: ManualClock) -> None:
    key, system, told = permitted(store), FakeSystem(idempotent=False), Told()
    one, other = (executor(store, clock, system, told=told) for _ in range(2))

    async def both() -> list[Receipt | None]:
        return await asyncio.gather(one.perform(key), other.perform(key))

    results = asyncio.run(both())
    assert sorted(result is None for result in results) == [False, True]
    assert len(system.effects) == 1
    assert len(receipts(store)) == len(told.receipts) == 1


def test_of_two_executors_on_one_queue_each_action_is_performed_by_one(
    store: Store, clock: ManualClock
) -> None:
    keys = [permitted(store, proposal(step=step)) for step in range(4)]
    system = FakeSystem(idempotent=False)

    async def both() -> list[tuple[Receipt, ...]]:
        return await asyncio.gather(*(executor(store, clock, system).perform_permitted() for _ in range(2)))

    performed = [receipt.action_key for done in asyncio.run(both()) for receipt in done]
    assert sorted(performed) == sorted(keys)
    assert sorted(key for key, _ in system.effects) == sorted(keys)


def test_of_two_recoveries_one_writes_the_receipt(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, system, told = permitted(store), FakeSystem(), Told()
    dying_at(monkeypatch, "act.after_effect")
    died(executor(store, clock, system), key)

    async def both() -> list[tuple[Receipt, ...]]:
        return await asyncio.gather(*(executor(store, clock, system, told=told).recover() for _ in range(2)))

    assert sorted(len(one) for one in asyncio.run(both())) == [0, 1]
    assert len(receipts(store)) == len(told.receipts) == 1


def test_an_action_that_somebody_else_has_finished_meanwhile_gets_no_second_receipt(
    store: Store, clock: ManualClock
) -> None:
    """A paused worker comes back after another one has recovered what it was at."""
    key, told = permitted(store), Told()
    system = FakeSystem()
    other = executor(store, clock, system, told=told)

    async def paused() -> Receipt | None:
        class Pausing(FakeSystem):
            async def perform(self, key: ActionKey, request: Any) -> Performed:
                (recovered,) = await other.recover()
                assert recovered.outcome == "done"
                return await system.perform(key, request)

        return await executor(store, clock, Pausing(), told=told).perform(key)

    assert asyncio.run(paused()) is None
    assert len(system.effects) == 1
    assert len(receipts(store)) == len(told.receipts) == 1
    assert row(store, key).state == "done"


def test_a_worker_whose_lease_was_taken_performs_nothing(store: Store, clock: ManualClock) -> None:
    def acquire(owner: str) -> Lease:
        return store.write(lambda tx: leases.acquire(tx, "worker", owner=owner, ttl=timedelta(seconds=30)))

    key, system = permitted(store), FakeSystem()
    stale = acquire("one")
    clock.advance(timedelta(minutes=1))
    present = acquire("other")
    with pytest.raises(StaleLease):
        perform(executor(store, clock, system), key, stale)
    assert system.calls == []
    assert row(store, key).state == "permitted"
    assert perform(executor(store, clock, system), key, present) is not None


def test_a_failure_to_tell_the_coordinator_leaves_the_action_for_recovery(
    store: Store, clock: ManualClock
) -> None:
    def failing(tx: Tx, asked: Proposal, receipt: Receipt) -> None:
        raise LookupError("no such decision")

    key, system = permitted(store), FakeSystem()
    with pytest.raises(LookupError):
        perform(executor(store, clock, system, told=failing), key)
    assert row(store, key).state == "started"
    assert receipts(store) == []
    (receipt,) = recover(executor(store, clock, system))
    assert receipt.outcome == "done"
    assert len(system.effects) == 1


# Taking back.


def undoing(store: Store, clock: ManualClock, *performing: Trouble) -> tuple[ActionKey, Receipt, Told]:
    """Perform an action, then another one that takes it back."""
    done = permitted(store)
    perform(executor(store, clock, FakeSystem()), done)
    lift, told = permitted(store, proposal(step=1, intervention="lift", undoes=done)), Told()
    one = executor(store, clock, FakeSystem(performing=performing, find=False, idempotent=False), told=told)
    receipt = perform(one, lift)
    assert receipt is not None
    return done, receipt, told


def test_taking_back_marks_the_first_one_as_undone_in_the_same_transaction(
    store: Store, clock: ManualClock
) -> None:
    seen: list[str] = []
    done = permitted(store)
    perform(executor(store, clock, FakeSystem()), done)
    lift = permitted(store, proposal(step=1, intervention="lift", undoes=done))

    def told(tx: Tx, _asked: Proposal, _receipt: Receipt) -> None:
        first = actions.get(tx, done)
        assert first is not None
        seen.append(first.state)

    perform(executor(store, clock, FakeSystem(), told=told), lift)
    assert seen == ["undone"]
    assert (row(store, done).state, row(store, done).undone_by) == ("undone", lift)
    kinds = [one.kind for one in store.read(lambda read: list(read.entries()))]
    assert kinds[-2:] == [actions.RECEIPT, actions.UNDONE]


@pytest.mark.parametrize(
    ("trouble", "outcome"), [(before(ValueError("no")), "unknown"), (before(Unavailable("no")), "failed")]
)
def test_what_was_not_certainly_taken_back_still_holds(
    store: Store, clock: ManualClock, trouble: Trouble, outcome: str
) -> None:
    done, receipt, _ = undoing(store, clock, *[trouble] * 9)
    assert receipt.outcome == outcome
    assert row(store, done).state == "done"
    assert [one.key for one in store.read(actions.in_force)] == [done]


def test_what_was_taken_back_holds_no_more(store: Store, clock: ManualClock) -> None:
    done, receipt, _ = undoing(store, clock)
    assert receipt.outcome == "done"
    assert done not in [one.key for one in store.read(actions.in_force)]


# Whatever goes wrong.

TROUBLES = {
    "fine": Trouble(after=True),
    "down": before(DOWN),
    "lost before": before(LOST),
    "lost after": after(LOST),
    "defect before": before(KeyError("defect")),
    "defect after": after(KeyError("defect")),
    "death before": before(Killed()),
    "death after": after(Killed()),
}


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(sorted(TROUBLES)), max_size=12),
    st.lists(st.sampled_from(["fine", "down", "lost before", "defect before", "death before"]), max_size=8),
    st.sampled_from([(True, True), (True, False), (False, True), (False, False)]),
)
def test_one_key_has_at_most_one_effect_and_the_receipt_tells_the_truth(
    performing: list[str], finding: list[str], able: tuple[bool, bool]
) -> None:
    idempotent, find = able
    system = FakeSystem(
        idempotent=idempotent,
        find=find,
        performing=[TROUBLES[one] for one in performing],
        finding=[TROUBLES[one] for one in finding],
    )
    clock = ManualClock(START)
    with TemporaryDirectory() as folder, open_store(Path(folder) / "store.db", clock=clock) as store:
        key = permitted(store)

        async def until_it_ends() -> None:
            while row(store, key).state in ("permitted", "started"):
                try:
                    one = executor(store, clock, system)
                    await one.recover()
                    await one.perform_permitted()
                except Killed:
                    continue

        asyncio.run(until_it_ends())
        (receipt,) = receipts(store)
        assert len(system.effects) <= 1
        if receipt["outcome"] == "done":
            assert len(system.effects) == 1
            assert receipt["reference"] == "ads-0"
        if receipt["outcome"] == "failed":
            assert system.effects == []
        assert row(store, key).state == receipt["outcome"]


# On the embedded company.


def test_a_restriction_is_made_once_on_the_embedded_ad_platform(
    store: Store, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = OnArea(campaign_id="C1", area=RAJASTHAN).request("ads", "suppress_cod")
    key = permitted(store, proposal(action=request))
    dying_at(monkeypatch, "act.after_effect")
    with embedded.ads(tmp_path / "company.db") as ads:
        assert isinstance(ads, EmbeddedAds)
        died(executor(store, clock, ads), key)
        (receipt,) = recover(executor(store, clock, ads))
        (restriction,) = asyncio.run(ads.restrictions())
    assert (receipt.outcome, receipt.reference) == ("done", restriction.reference)
