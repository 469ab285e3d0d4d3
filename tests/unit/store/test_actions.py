"""An action goes forward one state at a time, and whoever comes second does nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from crossloop.errors import UnknownName
from crossloop.store import Store, Tx, actions
from crossloop.store.actions import ActionRow
from tests.support.stores import START, admit, decide, plan

SOON = START + timedelta(hours=1)


def permit(
    tx: Tx, key: str, *, decision: str = "dec_1", resource: str = "ads/C1/560", case: str = "case_x"
) -> bool:
    return actions.permit(
        tx,
        key=key,
        decision_id=decision,
        case=case,
        system="ads",
        operation="exclude_area",
        resource=resource,
        digest="d" * 64,
        expires_at=SOON,
        body={"key": key},
    )


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
        undone_by=None,
        entry=2,
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
        "expires_at": row.expires_at.isoformat(),
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
        lambda tx: actions.undone(tx, "act_1", "act_1"),
        lambda tx: actions.undone(tx, "act_9", "act_1"),
    ],
)
def test_a_step_from_another_state_is_refused_and_leaves_no_entry(store: Store, step: Callable[[Tx], bool]):
    store.write(lambda tx: permit(tx, "act_1"))
    assert not store.write(step)
    assert state(store, "act_1") == "permitted"
    assert store.read(lambda read: read.head().size) == 3


def test_a_done_action_is_undone_by_another_one_once(store: Store):
    store.write(lambda tx: [permit(tx, key) and done(tx, key) for key in ("act_1", "act_2")])
    assert store.write(lambda tx: actions.undone(tx, "act_1", "act_2"))
    assert not store.write(lambda tx: actions.undone(tx, "act_1", "act_2"))
    row = store.read(lambda read: actions.get(read, "act_1"))
    assert row is not None
    assert (row.state, row.undone_by) == ("undone", "act_2")
    last = store.read(lambda read: list(read.entries())[-1])
    assert (last.kind, last.body) == ("action.undone", {"action_key": "act_1", "by": "act_2"})


def test_an_action_is_not_undone_by_one_that_does_not_exist(store: Store):
    store.write(lambda tx: permit(tx, "act_1") and done(tx, "act_1"))
    with pytest.raises(UnknownName, match="act_9"):
        store.write(lambda tx: actions.undone(tx, "act_1", "act_9"))
    assert state(store, "act_1") == "done"


def test_permitted_actions_come_in_order_and_only_so_many(store: Store):
    store.write(lambda tx: [permit(tx, key) for key in ("act_c", "act_a", "act_b")])
    store.write(lambda tx: actions.start(tx, "act_a"))
    assert [row.key for row in store.read(lambda read: actions.permitted(read, 10))] == ["act_c", "act_b"]
    assert [row.key for row in store.read(lambda read: actions.permitted(read, 1))] == ["act_c"]


def test_in_force_is_what_was_done_and_not_undone_on_a_path_and_below_it(store: Store):
    places = {"act_1": "ads/C1", "act_2": "ads/C1/geo/560", "act_3": "ads/C10", "act_4": "ads/C1/geo/561"}
    store.write(lambda tx: [permit(tx, key, resource=resource) for key, resource in places.items()])
    store.write(lambda tx: permit(tx, "act_5", resource="ads/C1/geo/562", case="case_y"))
    store.write(lambda tx: [done(tx, key) for key in ("act_1", "act_2", "act_3", "act_4", "act_5")])
    store.write(lambda tx: actions.undone(tx, "act_4", "act_1"))

    def keys(**chosen: str) -> list[str]:
        return [row.key for row in store.read(lambda read: actions.in_force(read, **chosen))]

    assert keys() == ["act_1", "act_2", "act_3", "act_5"]
    assert keys(resource="ads/C1") == ["act_1", "act_2", "act_5"]
    assert keys(resource="ads/C1/geo") == ["act_2", "act_5"]
    assert keys(case="case_y") == ["act_5"]
    assert keys(case="case_x", resource="ads/C1/geo") == ["act_2"]


def test_the_open_actions_of_a_signal_are_those_permitted_or_started(store: Store):
    def opened() -> int:
        return store.read(lambda read: actions.open_for_signal(read, "sig_a"))

    store.write(lambda tx: (admit(tx, "sig_b"), decide(tx, "dec_2", "sig_b")))
    store.write(lambda tx: [permit(tx, "act_1"), permit(tx, "act_2"), permit(tx, "act_3", decision="dec_2")])
    assert opened() == 2
    store.write(lambda tx: actions.start(tx, "act_1"))
    assert opened() == 2
    store.write(lambda tx: actions.finish(tx, "act_1", "failed", reference=None, body={}))
    assert opened() == 1
    assert store.read(lambda read: actions.open_for_signal(read, "sig_z")) == 0


def test_looking_for_open_actions_reads_an_index_that_holds_the_open_ones_only(store: Store):
    assert "USING INDEX actions_open (state=? AND key>?)" in plan(
        store, actions._PERMITTED, limit=1, after=-1
    )
    assert "USING INDEX actions_open (state=?)" in plan(store, actions._STARTED)


def test_looking_for_the_open_actions_of_a_signal_starts_from_the_signal(store: Store):
    steps = plan(store, actions._OPEN_FOR_SIGNAL, signal_id="sig_a")
    assert "actions_of_decision (decision_key=?)" in steps
    assert "SCAN" not in steps


def test_looking_for_actions_in_force_reads_an_index_that_holds_them_only(store: Store):
    on = plan(store, actions._IN_FORCE_ON, resource="ads")
    under = plan(store, actions._IN_FORCE_BELOW, low="ads/", high="ads0")
    of_case = plan(store, actions._IN_FORCE_OF_CASE, case_id="case_x")
    assert "actions_in_force (resource=?)" in on
    assert "actions_in_force (resource>? AND resource<?)" in under
    assert "actions_in_force_of_case (case_key=?)" in of_case
