"""The executor on a real store: each permitted action has one receipt that tells the truth."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from crossloop.actions import Executor, Performed, Retry, Unavailable
from crossloop.canonical import to_json
from crossloop.clock import ManualClock
from crossloop.errors import StoreNotUsable, UnknownName
from crossloop.ids import ActionKey
from crossloop.signals import Receipt
from crossloop.store import Store, Tx, actions, verify
from crossloop.store.actions import NewAction
from tests.support.executing import (
    DOWN,
    LOST,
    Told,
    executor,
    perform,
    receipts,
    remove,
    rewrite,
    row,
)
from tests.support.governed import proposal
from tests.support.stores import START
from tests.support.systems import FakeSystem, Trouble, after, before, permit, permitted

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
    receipt = perform(executor(store, clock, system), key)
    assert receipt is not None
    assert receipt.outcome == "unknown"
    assert "the decision asks for nothing" in receipt.detail
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
    done = asyncio.run(one.perform_permitted())
    assert [receipt.action_key for receipt in done] == keys
    assert [key for key, _ in system.effects] == keys
    assert asyncio.run(one.perform_permitted()) == ()


def test_however_many_there_are_none_is_left_nor_one_that_is_permitted_meanwhile(
    store: Store, clock: ManualClock
) -> None:
    keys = [permitted(store, proposal(step=step)) for step in range(5)]
    meanwhile: list[ActionKey] = []
    trouble = Trouble(after=True, meanwhile=lambda: meanwhile.append(permitted(store, proposal(step=9))))
    system = FakeSystem(performing=[trouble])
    done = asyncio.run(executor(store, clock, system).perform_permitted(batch=2))
    assert [receipt.action_key for receipt in done] == [*keys, *meanwhile]


@pytest.mark.parametrize("lost", ["decision", "permit"])
def test_what_was_removed_from_the_ledger_is_not_performed_and_fails_while_the_rest_goes_on(
    store: Store, clock: ManualClock, lost: str
) -> None:
    key, other = (permitted(store, proposal(step=step)) for step in (0, 1))
    remove(store, key, lost)
    system, told = FakeSystem(), Told()
    done = asyncio.run(executor(store, clock, system, told=told).perform_permitted())
    assert [(receipt.action_key, receipt.outcome) for receipt in done] == [(key, "failed"), (other, "done")]
    assert done[0].detail == "not performed: what was permitted was removed from the ledger"
    assert told.receipts == list(done)
    assert [called for called, _ in system.effects] == [other]
    assert [row(store, one).state for one in (key, other)] == ["failed", "done"]
    assert [receipt["outcome"] for receipt in receipts(store)] == ["failed", "done"]


def test_what_was_removed_from_the_ledger_and_finished_by_somebody_else_meanwhile_is_left_alone(
    store: Store, clock: ManualClock
) -> None:
    key, told = permitted(store), Told()
    remove(store, key, "decision")
    one, other = (executor(store, clock, FakeSystem(), told=told) for _ in range(2))

    async def both() -> list[Receipt | None]:
        return await asyncio.gather(one.perform(key), other.perform(key))

    assert sorted(receipt is None for receipt in asyncio.run(both())) == [False, True]
    assert len(told.receipts) == len(receipts(store)) == 1


def test_one_that_fails_does_not_stop_the_next(store: Store, clock: ManualClock) -> None:
    for step in (0, 1):
        permitted(store, proposal(step=step))
    system = FakeSystem(performing=[after(ZeroDivisionError("defect"))], find=False, idempotent=False)
    done = asyncio.run(executor(store, clock, system).perform_permitted())
    assert [receipt.outcome for receipt in done] == ["unknown", "done"]


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


def test_taking_back_marks_the_first_one_as_compensated_in_the_same_transaction(
    store: Store, clock: ManualClock
) -> None:
    seen: list[str] = []
    done = permitted(store)
    perform(executor(store, clock, FakeSystem()), done)
    lift = permitted(store, proposal(step=1, intervention="lift", undoes=done))

    def told(tx: Tx, *_: object) -> None:
        first = actions.get(tx, done)
        assert first is not None
        seen.append(first.state)

    perform(executor(store, clock, FakeSystem(), told=told), lift)
    assert seen == ["compensated"]
    assert (row(store, done).state, row(store, done).compensated_by) == ("compensated", lift)
    kinds = [one.kind for one in store.read(lambda read: list(read.entries()))]
    assert kinds[-2:] == [actions.RECEIPT, actions.COMPENSATED]


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


# What is not to be believed, or not to be done any more.


def forge(store: Store, statement: str, **values: Any) -> None:
    assert store.write(lambda tx: tx.execute(statement, **values)) == 1


FORGERIES = (
    "UPDATE actions SET permitted = (SELECT permitted FROM actions WHERE id = :other) WHERE id = :key",
    "UPDATE actions SET resource = 'ads/campaign/C9' WHERE id = :key",
    "UPDATE actions SET digest = :other WHERE id = :key",
    "UPDATE actions SET expires_at = expires_at + 1 WHERE id = :key AND :other = :other",
)


@pytest.mark.parametrize("statement", FORGERIES)
@pytest.mark.parametrize("begun", [False, True])
def test_a_row_that_its_entries_do_not_bear_out_is_not_performed_and_others_are(
    store: Store, clock: ManualClock, statement: str, begun: bool
) -> None:
    forged = permitted(store)
    honest = permitted(store, proposal(signal_id="sig_2"))
    if begun:
        store.write(lambda tx: [actions.start(tx, key) for key in (forged, honest)])
    values = {"key": forged, "other": honest}
    forge(store, statement, **{name: value for name, value in values.items() if f":{name}" in statement})
    system, told = FakeSystem(), Told()
    one = executor(store, clock, system, told=told)
    found = asyncio.run(one.recover() if begun else one.perform_permitted())
    outcomes = {receipt.action_key: receipt for receipt in found}
    assert outcomes[honest].outcome == "done"
    assert outcomes[forged].outcome == "unknown"
    assert "its rows say something else than the ledger: actions, act_" in outcomes[forged].detail
    assert "Run `crossloop ledger verify`" in outcomes[forged].detail
    assert [key for key, _ in system.effects] == [honest]
    assert not any(str(forged) in call for call in system.calls)
    assert row(store, forged).state == "unknown"
    assert len(told.receipts) == 2


@pytest.mark.parametrize("begun", [False, True])
def test_a_row_that_cannot_be_read_is_a_fault_of_the_file_and_nothing_is_performed(
    store: Store, clock: ManualClock, begun: bool
) -> None:
    odd = permitted(store)
    other = permitted(store, proposal(signal_id="sig_2"))
    if begun:
        store.write(lambda tx: [actions.start(tx, key) for key in (odd, other)])
    forge(store, "UPDATE actions SET expires_at = :far WHERE id = :key", far=9 * 10**18, key=odd)
    system = FakeSystem()
    one = executor(store, clock, system)
    with pytest.raises(StoreNotUsable, match=f"table actions, row {odd}, column expires_at: expected"):
        asyncio.run(one.recover() if begun else one.perform_permitted())
    assert system.calls == []


def test_a_system_that_cannot_say_its_name_stops_nobody_else(store: Store, clock: ManualClock) -> None:
    first = permitted(store)
    request = proposal().action
    assert request is not None
    elsewhere = request.model_copy(update={"system": "crm", "resource": "crm/segment/S1"})
    other = permitted(store, proposal(signal_id="sig_2", action=elsewhere))
    nameless = Nameless()
    named: dict[str, Any] = {"ads": nameless, "crm": FakeSystem(system="crm")}
    one = Executor(store, named, clock, done=Told())
    found = {receipt.action_key: receipt.outcome for receipt in asyncio.run(one.perform_permitted())}
    assert found == {first: "done", other: "done"}
    assert set(asyncio.run(one.look_up([first, other]))) == {first, other}


class Nameless(FakeSystem):
    """A system that cannot say its name."""

    def _reference(self, place: int) -> Performed:
        return Performed(reference=f"n-{place}", detail="It is done.")

    @property
    def system(self) -> Any:
        raise KeyError("defect")

    @system.setter
    def system(self, _: Any) -> None: ...


def test_a_plan_that_was_made_a_permit_is_not_performed(store: Store, clock: ManualClock) -> None:
    key = permitted(store)
    planned = NewAction(
        key="act_planned", decision_id=row(store, key).decision_id, case="case_of_sig_1", system="ads",
        operation="suppress_audience", resource="ads/campaign/C1", digest="d" * 64,
    )  # fmt: skip
    store.write(lambda tx: actions.plan(tx, planned, body={}))
    forge(store, "UPDATE actions SET state = 'permitted' WHERE id = 'act_planned'")
    system = FakeSystem()
    receipt = perform(executor(store, clock, system), ActionKey("act_planned"))
    assert receipt is not None
    assert receipt.outcome == "unknown"
    assert "lead to 'planned'" in receipt.detail
    assert system.calls == []


BACK = "UPDATE actions SET state = 'permitted', started = NULL, finished = NULL, reference = NULL"


@pytest.mark.parametrize("removed", [(), ("action.started", "receipt")])
@pytest.mark.parametrize(
    "columns", ["", ", reconciled = NULL", ", finished = (SELECT permitted FROM actions WHERE id = :key)"]
)
def test_a_row_that_was_set_back_to_where_it_once_stood_is_not_performed_again(
    store: Store, clock: ManualClock, columns: str, removed: tuple[str, ...]
) -> None:
    key, honest = permitted(store), permitted(store, proposal(signal_id="sig_2"))
    system = FakeSystem()
    one = executor(store, clock, system)
    assert perform(one, key) is not None
    forge(store, f"{BACK}{columns} WHERE id = :key", key=key)
    for kind in removed:
        forge(store, "UPDATE entries SET salt = NULL, body = NULL WHERE kind = :kind", kind=kind)
    found = {receipt.action_key: receipt for receipt in asyncio.run(one.perform_permitted())}
    assert {key: receipt.outcome for key, receipt in found.items()} == {key: "unknown", honest: "done"}
    assert [key for key, _ in system.effects] == [key, honest]
    assert [one.kind for one in store.read(lambda read: list(read.entries()))].count(actions.STARTED) == 2


def test_a_row_that_was_set_back_to_started_is_not_finished_again(store: Store, clock: ManualClock) -> None:
    key, system = permitted(store), FakeSystem()
    perform(executor(store, clock, system), key)
    forge(store, "UPDATE actions SET state = 'started', finished = NULL, reference = NULL")
    (receipt,) = asyncio.run(executor(store, clock, system).recover())
    assert receipt.outcome == "unknown"
    assert "it leaves out entry" in receipt.detail
    assert len(system.effects) == 1


ODD_BODIES = (
    ("decision", lambda body: body.pop("proposal")),
    ("decision", lambda body: body.update(proposal={"id": 1})),
    ("permit", lambda body: body.pop("permit")),
    ("permit", lambda body: body.update(permit=[])),
    ("permit", lambda body: body.update(request={})),
)


@pytest.mark.parametrize(("kind", "change"), ODD_BODIES)
@pytest.mark.parametrize("begun", [False, True])
def test_an_entry_that_lacks_a_part_ends_its_own_action_only(
    store: Store, clock: ManualClock, kind: str, change: Any, begun: bool
) -> None:
    odd = permitted(store)
    rewrite(store, kind, change)
    honest = permitted(store, proposal(signal_id="sig_2"))
    if begun:
        store.write(lambda tx: [actions.start(tx, key) for key in (odd, honest)])
    system = FakeSystem()
    one = executor(store, clock, system)
    found = {
        receipt.action_key: receipt
        for receipt in asyncio.run(one.recover() if begun else one.perform_permitted())
    }
    assert {key: receipt.outcome for key, receipt in found.items()} == {odd: "unknown", honest: "done"}
    assert f"{kind}, does not say what such an entry says" in found[odd].detail
    assert [key for key, _ in system.effects] == [honest]
    assert asyncio.run(one.look_up([odd])) == {}


@pytest.mark.parametrize("body", [b"[]", b"no JSON", b"\xff"])
def test_an_entry_that_cannot_be_read_back_ends_its_own_action_only(
    store: Store, clock: ManualClock, body: bytes
) -> None:
    odd = permitted(store)
    forge(store, "UPDATE entries SET body = :body WHERE kind = 'permit'", body=body)
    honest, system = permitted(store, proposal(signal_id="sig_2")), FakeSystem()
    found = asyncio.run(executor(store, clock, system).perform_permitted())
    assert {one.action_key: one.outcome for one in found} == {odd: "unknown", honest: "done"}


@pytest.mark.parametrize("sealed", ["neither", "body_hash"])
def test_rows_and_entries_that_were_changed_alike_are_not_performed(
    store: Store, clock: ManualClock, sealed: str
) -> None:
    key, other = permitted(store), proposal().action
    assert other is not None
    other = other.model_copy(update={"resource": "ads/campaign/C9"})
    digest = other.digest()

    def decided(body: Any) -> None:
        body["proposal"]["action"] = to_json(other)

    def granted(body: Any) -> None:
        body.update(resource=other.resource, digest=digest)
        body["permit"]["action_digest"] = digest

    rewrite(store, "decision", decided, sealed=sealed)
    rewrite(store, "permit", granted, sealed=sealed)
    forge(store, "UPDATE actions SET resource = :it, digest = :digest", it=other.resource, digest=digest)
    system = FakeSystem()
    receipt = perform(executor(store, clock, system), key)
    assert receipt is not None
    assert (receipt.outcome, system.calls) == ("unknown", [])
    assert f"does not match its {'hash' if sealed == 'neither' else 'leaf'}" in receipt.detail


@pytest.mark.parametrize("what", ["decision", "permit"])
def test_what_nothing_permits_any_more_has_failed_and_was_never_started(
    store: Store, clock: ManualClock, what: str
) -> None:
    key, system = permitted(store), FakeSystem()
    remove(store, key, what)
    receipt = perform(executor(store, clock, system), key)
    assert receipt is not None
    assert (receipt.outcome, system.calls) == ("failed", [])
    assert actions.STARTED not in [one.kind for one in store.read(lambda read: list(read.entries()))]
    assert store.read(verify).ok


def test_what_was_taken_back_before_it_began_is_not_taken_back_again_and_others_are_performed(
    store: Store, clock: ManualClock
) -> None:
    first = permitted(store)
    system = FakeSystem()
    one = executor(store, clock, system)
    perform(one, first)
    back = permitted(store, proposal(signal_id="sig_2", undoes=first))
    other = permitted(store, proposal(signal_id="sig_3"))
    store.write(lambda tx: actions.compensate(tx, first, None))
    found = {receipt.action_key: receipt for receipt in asyncio.run(one.perform_permitted())}
    assert (found[back].outcome, found[other].outcome) == ("failed", "done")
    assert f"{first} is not in force: it is compensated" in found[back].detail
    assert [key for key, _ in system.effects] == [first, other]
    assert row(store, back).state == "failed"
    assert store.read(verify).ok


class Silent(FakeSystem):
    """A system that cannot say what it promises."""

    @property
    def capabilities(self) -> Any:
        raise KeyError("defect")

    @capabilities.setter
    def capabilities(self, _: Any) -> None: ...

    def _known(self, key: ActionKey) -> Performed | None:
        places = [place for place, (known, _) in enumerate(self.effects) if known == key]
        return self._reference(places[0]) if places else None

    async def perform(self, key: ActionKey, request: Any) -> Performed:
        self.effects.append((key, request))
        raise LOST


def test_a_system_that_cannot_say_what_it_promises_leaves_its_own_actions_in_doubt_only(
    store: Store, clock: ManualClock
) -> None:
    first = permitted(store)
    request = proposal().action
    assert request is not None
    elsewhere = request.model_copy(update={"system": "crm", "resource": "crm/segment/S1"})
    other = permitted(store, proposal(signal_id="sig_2", action=elsewhere))
    one = executor(store, clock, Silent(), FakeSystem(system="crm"))
    found = {receipt.action_key: receipt.outcome for receipt in asyncio.run(one.perform_permitted())}
    assert found == {first: "unknown", other: "done"}
    assert asyncio.run(one.look_up([first])) == {}
    assert asyncio.run(one.recover()) == ()
