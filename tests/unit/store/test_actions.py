"""An action goes forward one state at a time, and whoever comes second does nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossloop.errors import UnknownName
from crossloop.store import Store, Tx, action_rows, actions, verify
from crossloop.store.actions import MOVES, ActionRow, ActionState, NewAction
from tests.support.stores import START, admit, decide, open_store, plan

SOON = START + timedelta(hours=1)


def new(
    key: str,
    *,
    decision: str = "dec_1",
    resource: str = "ads/C1/560",
    case: str = "case_x",
    undoes: str | None = None,
) -> NewAction:
    return NewAction(
        key=key,
        decision_id=decision,
        case=case,
        system="ads",
        operation="exclude_area",
        resource=resource,
        digest="d" * 64,
        undoes=undoes,
    )


def permit(tx: Tx, key: str, **changes: Any) -> int | None:
    return actions.permit(tx, new(key, **changes), expires_at=SOON, body={"key": key})


def plan_(tx: Tx, key: str, **changes: Any) -> int | None:
    return actions.plan(tx, new(key, **changes), body={"key": key})


def done(tx: Tx, key: str) -> bool:
    return actions.start(tx, key) and actions.finish(tx, key, "done", reference="ref", body={"key": key})


@pytest.fixture
def store(store: Store) -> Store:
    store.write(lambda tx: (admit(tx, "sig_a"), decide(tx, "dec_1", "sig_a")))
    return store


def state(store: Store, key: str) -> str:
    row = store.read(lambda read: actions.get(read, key))
    assert row is not None
    return row.state


def test_a_permitted_action_comes_back_as_it_was_given(store: Store):
    assert store.write(lambda tx: permit(tx, "act_1"))
    expected = ActionRow(
        key="act_1",
        decision_id="dec_1",
        case="case_x",
        system="ads",
        operation="exclude_area",
        resource="ads/C1/560",
        digest="d" * 64,
        expires_at=SOON,
        state="permitted",
        reference=None,
        undoes=None,
        compensated_by=None,
        back_due=False,
        entry=2,
        permitted=2,
        started=None,
        finished=None,
    )
    assert store.read(lambda read: actions.permitted(read, 10)) == [expected]
    assert store.read(lambda read: actions.get(read, "act_1")) == expected
    assert store.read(lambda read: actions.find(read, "act")) == [expected]


def test_a_key_is_permitted_once(store: Store):
    assert store.write(lambda tx: permit(tx, "act_1"))
    assert not store.write(lambda tx: permit(tx, "act_1", resource="ads/C2"))
    assert store.read(lambda read: read.head().size) == 3


def test_an_action_of_an_unknown_decision_is_not_permitted(store: Store):
    with pytest.raises(UnknownName, match="dec_9"):
        store.write(lambda tx: permit(tx, "act_1", decision="dec_9"))


@pytest.mark.parametrize("outcome", ["done", "failed", "unknown"])
def test_an_action_is_started_once_and_ends_once(store: Store, outcome: actions.Outcome):
    store.write(lambda tx: permit(tx, "act_1"))
    assert store.write(lambda tx: actions.start(tx, "act_1"))
    assert not store.write(lambda tx: actions.start(tx, "act_1"))
    assert [row.key for row in store.read(actions.started)] == ["act_1"]

    def finish(tx: Tx) -> bool:
        return actions.finish(tx, "act_1", outcome, reference="ref-7", body={"outcome": outcome})

    assert store.write(finish)
    assert not store.write(finish)
    row = store.read(lambda read: actions.get(read, "act_1"))
    assert row is not None
    assert (row.state, row.reference, row.started, row.finished) == (outcome, "ref-7", 3, 4)
    entries = store.read(lambda read: list(read.entries(2)))
    permitted = {
        "key": "act_1",
        "action_key": "act_1",
        "decision": row.decision_id,
        "system": row.system,
        "operation": row.operation,
        "resource": row.resource,
        "digest": row.digest,
        "undoes": None,
        "expires_at": SOON.isoformat(),
    }
    assert [(entry.kind, entry.case, entry.body) for entry in entries] == [
        ("permit", "case_x", permitted),
        ("action.started", "case_x", {"action_key": "act_1"}),
        ("receipt", "case_x", {"action_key": "act_1", "outcome": outcome, "reference": "ref-7"}),
    ]


@pytest.mark.parametrize(
    "step",
    [
        lambda tx: actions.start(tx, "act_9"),
        lambda tx: actions.finish(tx, "act_9", "done", reference=None, body={}),
        lambda tx: actions.finish(tx, "act_1", "done", reference=None, body={}),
        lambda tx: actions.reconcile(tx, "act_1", "reconciled", reference=None, body={}),
        lambda tx: actions.reconcile(tx, "act_9", "failed", reference=None, body={}),
        lambda tx: actions.compensate(tx, "act_1", "act_1"),
        lambda tx: actions.compensate(tx, "act_9", "act_1"),
        lambda tx: actions.drop(tx, "act_1", "because"),
        lambda tx: actions.drop(tx, "act_9", "because"),
        lambda tx: plan_(tx, "act_1"),
    ],
)
def test_a_step_from_another_state_is_refused_and_leaves_no_entry(store: Store, step: Callable[[Tx], bool]):
    store.write(lambda tx: permit(tx, "act_1"))
    assert not store.write(step)
    assert state(store, "act_1") == "permitted"
    assert store.read(lambda read: read.head().size) == 3


def test_a_done_action_is_taken_back_by_another_one_once(store: Store):
    store.write(lambda tx: [permit(tx, key) and done(tx, key) for key in ("act_1", "act_2")])
    assert store.write(lambda tx: actions.compensate(tx, "act_1", "act_2"))
    assert not store.write(lambda tx: actions.compensate(tx, "act_1", "act_2"))
    row = store.read(lambda read: actions.get(read, "act_1"))
    assert row is not None
    assert (row.state, row.compensated_by) == ("compensated", "act_2")
    last = store.read(lambda read: list(read.entries())[-1])
    assert (last.kind, last.body) == ("action.compensated", {"action_key": "act_1", "by": "act_2"})


def test_an_action_is_not_taken_back_by_one_that_does_not_exist(store: Store):
    store.write(lambda tx: permit(tx, "act_1") and done(tx, "act_1"))
    with pytest.raises(UnknownName, match="act_9"):
        store.write(lambda tx: actions.compensate(tx, "act_1", "act_9"))
    assert state(store, "act_1") == "done"


def test_permitted_actions_come_in_order_and_only_so_many(store: Store):
    store.write(lambda tx: [permit(tx, key) for key in ("act_c", "act_a", "act_b")])
    store.write(lambda tx: actions.start(tx, "act_a"))
    assert [row.key for row in store.read(lambda read: actions.permitted(read, 10))] == ["act_c", "act_b"]
    assert [row.key for row in store.read(lambda read: actions.permitted(read, 1))] == ["act_c"]


def test_in_force_is_what_was_done_and_not_taken_back(store: Store):
    store.write(lambda tx: [permit(tx, key) for key in ("act_1", "act_2", "act_3")])
    store.write(lambda tx: permit(tx, "act_4", case="case_y"))
    store.write(lambda tx: [done(tx, key) for key in ("act_4", "act_2", "act_1")])
    store.write(lambda tx: actions.compensate(tx, "act_2", "act_1"))

    def keys(**chosen: str) -> list[str]:
        return [row.key for row in store.read(lambda read: actions.in_force(read, **chosen))]

    assert keys() == ["act_1", "act_4"]
    assert keys(case="case_y") == ["act_4"]
    assert keys(case="case_x") == ["act_1"]


def test_what_is_planned_is_permitted_once_under_its_own_key(store: Store):
    assert store.write(lambda tx: plan_(tx, "act_1")) == 2
    assert store.read(lambda read: actions.permitted(read, 10)) == []
    planned = store.read(lambda read: actions.get(read, "act_1"))
    assert planned is not None
    assert (planned.state, planned.expires_at, planned.entry, planned.permitted) == ("planned", None, 2, None)
    assert store.write(lambda tx: plan_(tx, "act_1")) is None
    assert store.write(lambda tx: permit(tx, "act_1")) == 3
    assert store.write(lambda tx: permit(tx, "act_1")) is None
    row = store.read(lambda read: actions.get(read, "act_1"))
    assert row is not None
    assert (row.state, row.expires_at, row.entry, row.permitted) == ("permitted", SOON, 3, 3)
    kinds = [entry.kind for entry in store.read(lambda read: list(read.entries(2)))]
    assert kinds == ["action.planned", "permit"]


def test_what_is_dropped_is_never_permitted(store: Store):
    store.write(lambda tx: plan_(tx, "act_1"))
    assert store.write(lambda tx: actions.drop(tx, "act_1", "rejected"))
    assert not store.write(lambda tx: actions.drop(tx, "act_1", "rejected"))
    assert store.write(lambda tx: permit(tx, "act_1")) is None
    assert state(store, "act_1") == "dropped"
    last = store.read(lambda read: list(read.entries())[-1])
    assert (last.kind, last.body) == ("action.dropped", {"action_key": "act_1", "because": "rejected"})


@pytest.mark.parametrize("found", ["reconciled", "failed"])
def test_what_is_unknown_is_reconciled_once(store: Store, found: actions.Finding):
    store.write(lambda tx: (permit(tx, "act_1"), actions.start(tx, "act_1")))
    store.write(lambda tx: actions.finish(tx, "act_1", "unknown", reference=None, body={}))

    def settle(tx: Tx) -> bool:
        return actions.reconcile(tx, "act_1", found, reference="ref-7", body={"person": "asha"})

    assert store.write(settle)
    assert not store.write(settle)
    row = store.read(lambda read: actions.get(read, "act_1"))
    assert row is not None
    assert (row.state, row.reference) == (found, "ref-7")
    last = store.read(lambda read: list(read.entries())[-1])
    expected = {"action_key": "act_1", "state": found, "reference": "ref-7", "person": "asha"}
    assert (last.kind, last.body) == ("action.reconciled", expected)


def test_what_was_found_to_be_there_is_in_force_and_can_be_taken_back(store: Store):
    store.write(lambda tx: (permit(tx, "act_1"), actions.start(tx, "act_1")))
    store.write(lambda tx: actions.finish(tx, "act_1", "unknown", reference=None, body={}))
    assert store.read(actions.in_force) == []
    store.write(lambda tx: actions.reconcile(tx, "act_1", "reconciled", reference="ref-7", body={}))
    assert [row.key for row in store.read(actions.in_force)] == ["act_1"]
    assert store.write(lambda tx: actions.compensate(tx, "act_1", None, body={"person": "asha"}))
    row = store.read(lambda read: actions.get(read, "act_1"))
    assert row is not None
    assert (row.state, row.compensated_by) == ("compensated", None)
    assert store.read(actions.in_force) == []


def test_an_action_says_what_it_takes_back(store: Store):
    store.write(lambda tx: permit(tx, "act_1") and done(tx, "act_1"))
    store.write(lambda tx: permit(tx, "act_2", undoes="act_1"))
    rows = {row.key: row.undoes for row in store.read(lambda read: actions.permitted(read, 10))}
    assert rows == {"act_2": "act_1"}


def test_what_is_not_in_this_store_is_not_taken_back(store: Store):
    for key in ("act_9", "zzz"):
        for begin in (plan_, permit):
            refused(
                store,
                lambda tx, do=begin, key=key: do(tx, "act_3", undoes=key),
                f"there is no such action in this store: {key}",
            )


def refused(store: Store, work: Callable[[Tx], object], why: str) -> None:
    size = store.read(lambda read: read.head().size)
    with pytest.raises(actions.NotToUndo, match=why):
        store.write(work)
    assert store.read(lambda read: read.head().size) == size


def test_an_action_is_taken_back_by_one_that_has_not_come_to_nothing(store: Store):
    store.write(lambda tx: permit(tx, "act_1") and done(tx, "act_1"))
    store.write(lambda tx: plan_(tx, "act_2", undoes="act_1"))
    for another in (plan_, permit):
        refused(store, lambda tx, do=another: do(tx, "act_3", undoes="act_1"), "taken back by act_2 already")
    store.write(lambda tx: actions.drop(tx, "act_2", "no"))
    assert store.write(lambda tx: permit(tx, "act_3", undoes="act_1"))
    assert store.write(lambda tx: done(tx, "act_3"))
    refused(store, lambda tx: permit(tx, "act_4", undoes="act_1"), "taken back by act_3 already")


def test_what_was_planned_takes_nothing_back_that_is_not_in_force_any_more(store: Store):
    store.write(lambda tx: [permit(tx, key) and done(tx, key) for key in ("act_1", "act_2")])
    store.write(lambda tx: [plan_(tx, "act_3", undoes="act_1"), permit(tx, "act_4", undoes="act_2")])
    store.write(lambda tx: [actions.compensate(tx, key, None) for key in ("act_1", "act_2")])
    refused(store, lambda tx: permit(tx, "act_3", undoes="act_1"), "act_1 is not in force: it is compensated")
    refused(store, lambda tx: actions.start(tx, "act_4"), "act_2 is not in force: it is compensated")


def test_what_took_another_change_back_is_not_taken_back_itself(store: Store):
    store.write(lambda tx: permit(tx, "act_1") and done(tx, "act_1"))
    store.write(lambda tx: permit(tx, "act_2", undoes="act_1") and done(tx, "act_2"))
    refused(store, lambda tx: permit(tx, "act_3", undoes="act_2"), "act_2 took act_1 back itself")


def test_the_tables_hold_one_action_that_takes_another_one_back_whatever_the_program_says(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    store.write(lambda tx: permit(tx, "act_1") and done(tx, "act_1"))
    store.write(lambda tx: permit(tx, "act_2", undoes="act_1"))
    monkeypatch.setattr(actions, "not_to_undo", lambda *_: "")
    with pytest.raises(Exception, match=r"UNIQUE constraint failed: actions\.undoes"):
        store.write(lambda tx: permit(tx, "act_3", undoes="act_1"))


@pytest.mark.parametrize("outcome", get_args(actions.Forgone))
def test_what_is_not_going_to_be_started_ends_without_having_begun(store: Store, outcome: actions.Forgone):
    store.write(lambda tx: permit(tx, "act_1"))
    assert store.write(lambda tx: actions.forgo(tx, "act_1", outcome, body={"detail": "why"}))
    assert not store.write(lambda tx: actions.forgo(tx, "act_1", outcome, body={}))
    assert not store.write(lambda tx: actions.start(tx, "act_1"))
    assert state(store, "act_1") == outcome
    kinds = [one.kind for one in store.read(lambda read: list(read.entries(2)))]
    assert kinds == ["permit", "receipt"]
    assert store.read(verify).ok


def test_permitted_actions_come_in_the_order_of_their_permits_not_of_their_plans(store: Store):
    store.write(lambda tx: [plan_(tx, key) for key in ("act_a", "act_b")])
    store.write(lambda tx: [permit(tx, key) for key in ("act_c", "act_b", "act_a")])
    first, *rest = store.read(lambda read: actions.permitted(read, 10))
    assert [first.key, *(row.key for row in rest)] == ["act_c", "act_b", "act_a"]
    after = store.read(lambda read: actions.permitted(read, 10, after=first.entry))
    assert [row.key for row in after] == ["act_b", "act_a"]


MADE: dict[str, Callable[[Tx, str], object]] = {
    "plan": plan_,
    "permit": permit,
    "start": actions.start,
    "drop": lambda tx, key: actions.drop(tx, key, "because"),
    "compensate": lambda tx, key: actions.compensate(tx, key, None),
    **{
        f"finish {outcome}": lambda tx, key, outcome=outcome: actions.finish(
            tx, key, outcome, reference="r", body={}
        )
        for outcome in get_args(actions.Outcome)
    },
    **{
        f"forgo {outcome}": lambda tx, key, outcome=outcome: actions.forgo(tx, key, outcome, body={})
        for outcome in get_args(actions.Forgone)
    },
    **{
        f"reconcile {found}": lambda tx, key, found=found: actions.reconcile(
            tx, key, found, reference="r", body={}
        )
        for found in get_args(actions.Finding)
    },
}


def test_every_state_has_its_row_in_the_table_of_moves():
    states = set(get_args(ActionState))
    assert set(MOVES) == states
    assert set().union(*MOVES.values()) | {"planned"} == states
    assert {one for one, following in MOVES.items() if not following} == {"failed", "dropped", "compensated"}


@settings(max_examples=60, deadline=None)
@given(walk=st.lists(st.sampled_from(sorted(MADE)), max_size=14))
def test_whatever_is_tried_in_whatever_order_only_moves_of_the_table_are_made(walk: list[str]):
    with TemporaryDirectory() as place, open_store(Path(place) / "store.db") as store:
        store.write(lambda tx: (admit(tx, "sig_a"), decide(tx, "dec_1", "sig_a")))
        for name in walk:
            before = store.read(lambda read: actions.get(read, "act_1"))
            size = store.read(lambda read: read.head().size)
            moved = bool(store.write(lambda tx, name=name: MADE[name](tx, "act_1")))
            after = store.read(lambda read: actions.get(read, "act_1"))
            assert store.read(lambda read: read.head().size) - size == int(moved)
            if not moved:
                assert after == before
            elif before is None:
                assert after is not None
                assert after.state in ("planned", "permitted")
            else:
                assert after is not None
                assert after.state in MOVES[before.state]
        assert store.read(verify).ok


def test_looking_for_open_actions_reads_an_index_that_holds_the_open_ones_only(store: Store):
    assert "USING INDEX actions_open (state=? AND permitted>?)" in plan(
        store, action_rows._PERMITTED, limit=1, after=-1
    )
    assert "USING INDEX actions_open (state=?)" in plan(store, action_rows._STARTED)


def test_looking_for_actions_in_force_reads_an_index_that_holds_them_only(store: Store):
    assert "actions_taking_back (undoes=?)" in plan(store, action_rows._TAKING_BACK, id="act_a")
    of_case = plan(store, action_rows._IN_FORCE_OF_CASE, case_id="case_x")
    assert "actions_in_force_of_case (case_key=?)" in of_case
    assert "USING INDEX actions_in_force_of_case" in plan(store, action_rows._IN_FORCE)
    assert "USING INDEX actions_back_due" in plan(store, action_rows._DUE_BACK)
