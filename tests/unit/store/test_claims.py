"""Claims meet on the same path, above it and below it, while both last."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossloop.errors import UnknownName
from crossloop.store import Store, Tx, claims, verify
from crossloop.store.claims import ClaimRow
from tests.support.stores import START, admit, decide, open_store, plan


def at(hours: int) -> datetime:
    return START + timedelta(hours=hours)


def place(
    tx: Tx,
    resource: str,
    starts: int = 0,
    ends: int = 24,
    *,
    holder: str = "marketing",
    decision: str | None = None,
    case: str | None = None,
    direction: str = "decrease",
    state: claims.ClaimState = "held",
    loop: str | None = None,
) -> int:
    return claims.place(
        tx,
        holder=holder,
        decision_id=decision,
        case=case,
        resource=resource,
        direction=direction,
        interest="marketing",
        starts=at(starts),
        ends=at(ends),
        state=state,
        loop=loop,
    )


def meeting(store: Store, resource: str, starts: int = 0, ends: int = 24) -> list[str]:
    found = store.read(lambda read: claims.overlapping(read, resource, at(starts), at(ends)))
    return [row.resource for row in found]


@pytest.fixture
def decided(store: Store) -> Store:
    store.write(lambda tx: (admit(tx, "sig_a"), decide(tx, "dec_1", "sig_a"), decide(tx, "dec_2", "sig_a")))
    return store


def test_a_claim_comes_back_as_it_was_placed_and_is_told_by_an_entry(decided: Store):
    key = decided.write(lambda tx: place(tx, "ads/C1", decision="dec_1"))
    found = decided.read(lambda read: claims.overlapping(read, "ads/C1", at(0), at(1)))
    assert found == [
        ClaimRow(
            key=key,
            holder="marketing",
            decision_id="dec_1",
            case=None,
            resource="ads/C1",
            direction="decrease",
            interest="marketing",
            starts=at(0),
            ends=at(24),
            state="held",
        )
    ]
    entry = decided.read(lambda read: read.entry(key))
    assert entry.kind == "claim"
    assert entry.body is not None
    assert entry.body["decision_id"] == "dec_1"


def test_claims_meet_on_the_path_above_it_and_below_it_and_not_beside_it(store: Store):
    for resource in ("ads", "ads/C1", "ads/C1/geo/560", "ads/C10", "ads/C2", "crm"):
        store.write(lambda tx, resource=resource: place(tx, resource))
    assert meeting(store, "ads/C1") == ["ads", "ads/C1", "ads/C1/geo/560"]
    assert meeting(store, "ads/C1/geo") == ["ads", "ads/C1", "ads/C1/geo/560"]
    assert meeting(store, "ads/C3") == ["ads"]
    assert meeting(store, "erp") == []


@pytest.mark.parametrize(
    ("starts", "ends", "meets"),
    [(0, 10, False), (0, 11, True), (12, 13, True), (19, 30, True), (20, 30, False), (0, 30, True)],
)
def test_windows_meet_when_they_share_an_instant_and_not_when_they_touch(
    store: Store, starts: int, ends: int, meets: bool
):
    store.write(lambda tx: place(tx, "ads/C1", 10, 20))
    assert bool(meeting(store, "ads/C1", starts, ends)) == meets


segment = st.sampled_from(["a", "b", "a b", "a0", "a-"])
paths = st.lists(segment, min_size=1, max_size=4).map("/".join)
windows = st.tuples(st.integers(0, 6), st.integers(1, 6)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@settings(max_examples=40)
@given(st.lists(st.tuples(paths, windows), max_size=12), paths, windows)
def test_the_look_up_finds_exactly_what_the_definition_says(
    tmp_path_factory: pytest.TempPathFactory,
    placed: list[tuple[str, tuple[int, int]]],
    asked: str,
    window: tuple[int, int],
):
    def related(one: str, other: str) -> bool:
        left, right = one.split("/"), other.split("/")
        shorter = min(len(left), len(right))
        return left[:shorter] == right[:shorter]

    path: Path = tmp_path_factory.mktemp("claims") / "store.db"
    with open_store(path) as store:
        for number, (resource, (starts, ends)) in enumerate(placed):
            store.write(lambda tx, a=(resource, starts, ends), n=number: place(tx, *a, holder=f"h{n}"))
        found = sorted(meeting(store, asked, *window))
    assert found == sorted(
        resource
        for resource, (starts, ends) in placed
        if related(resource, asked) and starts < window[1] and window[0] < ends
    )


def test_placing_a_claim_again_changes_nothing_and_gives_the_same_key(store: Store):
    key = store.write(lambda tx: place(tx, "ads/C1"))
    assert store.write(lambda tx: place(tx, "ads/C1", 5, 6, state="standing")) == key
    assert store.read(lambda read: read.head().size) == 1
    other = store.write(lambda tx: place(tx, "ads/C1", direction="increase"))
    third = store.write(lambda tx: place(tx, "ads/C1", holder="sales"))
    assert len({key, other, third}) == 3


def test_a_claim_of_an_unknown_decision_is_refused(store: Store):
    with pytest.raises(UnknownName, match="dec_9"):
        store.write(lambda tx: place(tx, "ads/C1", decision="dec_9"))


def test_a_claim_of_a_case_that_no_entry_has_named_is_refused_and_nothing_written(store: Store):
    def new(tx: Tx) -> None:
        with pytest.raises(ValueError, match="no entry has named the case 'case_9' yet"):
            place(tx, "ads/C1", case="case_9")

    store.write(new)
    assert store.read(lambda read: read.head().size) == 0
    assert meeting(store, "ads/C1") == []


def test_the_held_claims_of_a_decision_come_into_force_together(decided: Store):
    decided.write(lambda tx: [place(tx, path, decision="dec_1") for path in ("ads/C1", "ads/C2")])
    decided.write(lambda tx: place(tx, "ads/C3", decision="dec_2"))
    assert decided.write(lambda tx: claims.in_force(tx, "dec_1")) == 2
    assert decided.write(lambda tx: claims.in_force(tx, "dec_1")) == 0
    states = decided.read(
        lambda read: {row.resource: row.state for row in claims.overlapping(read, "ads", at(0), at(1))}
    )
    assert states == {"ads/C1": "in_force", "ads/C2": "in_force", "ads/C3": "held"}


def test_released_claims_meet_nothing_any_more_and_can_be_placed_again(decided: Store):
    first = decided.write(lambda tx: place(tx, "ads/C1", decision="dec_1"))
    assert decided.write(lambda tx: claims.release(tx, "dec_1")) == 1
    assert decided.write(lambda tx: claims.release(tx, "dec_1")) == 0
    assert meeting(decided, "ads/C1") == []
    assert decided.write(lambda tx: place(tx, "ads/C1", decision="dec_2")) != first
    assert meeting(decided, "ads/C1") == ["ads/C1"]
    kinds = decided.read(lambda read: [entry.kind for entry in read.entries(3)])
    assert kinds == ["claim", "claim.released", "claim"]


def test_claims_that_have_ended_leave_the_hot_table_and_no_others_do(store: Store):
    store.write(lambda tx: [place(tx, "ads/C1", 0, 10), place(tx, "ads/C2", 0, 11)])
    assert store.write(lambda tx: claims.expire(tx, at(10))) == 1
    assert store.write(lambda tx: claims.expire(tx, at(10))) == 0
    assert store.read(lambda read: read.rows("SELECT resource FROM claims")) == [("ads/C2",)]
    past = store.read(lambda read: read.rows("SELECT key, resource, state, closed FROM claims_past"))
    assert past == [(0, "ads/C1", "expired", 2)]
    assert store.read(verify).ok


def test_a_resource_far_below_another_one_meets_it(decided: Store):
    deep = "/".join("abcdefghijklmnopqrst")
    decided.write(lambda tx: place(tx, "a/b/c"))
    assert meeting(decided, deep) == ["a/b/c"]
    decided.write(lambda tx: place(tx, deep, holder="deep"))
    assert meeting(decided, "a") == ["a/b/c", deep]


def test_looking_for_claims_uses_indexes(store: Store):
    for count in (1, 4, claims._DEEPEST):
        paths = {f"path{n}": "a" for n in range(count)}
        assert "(resource=?)" in plan(store, claims._AT[count], **paths, starts=0, ends=1)
    assert "(resource>? AND resource<?)" in plan(store, claims._BELOW, low="a/", high="a0", starts=0, ends=1)
    assert "claims_by_end (ends<?)" in plan(store, claims._ENDED, before=1)
    assert "claims_standing (loop=?)" in plan(store, claims._STANDING, loop="rto")


def test_a_plan_gives_back_its_own_standing_claim_and_nothing_else(decided: Store):
    def work(tx: Tx) -> list[bool]:
        place(tx, "ads/C1", holder="plan", state="standing")
        place(tx, "ads/C1", holder="plan", direction="increase", state="standing")
        place(tx, "ads/C2", holder="plan", decision="dec_1", state="held")
        mine, _ = claims.overlapping(tx, "ads/C1", at(0), at(24))
        (held,) = claims.overlapping(tx, "ads/C2", at(0), at(24))
        return [claims.withdraw(tx, row) for row in (mine, mine, held)]

    assert decided.write(work) == [True, False, False]
    assert meeting(decided, "ads") == ["ads/C1", "ads/C2"]
    assert decided.read(verify).ok


def test_standing_claims_are_known_by_the_loop_that_saw_their_plan(decided: Store):
    def work(tx: Tx) -> None:
        place(tx, "ads/C1", holder="plan", state="standing", loop="rto")
        place(tx, "ads/C2", holder="plan", state="standing", loop="other")
        place(tx, "ads/C3", decision="dec_1", state="held")

    decided.write(work)
    assert [row.resource for row in decided.read(lambda read: claims.standing(read, "rto"))] == ["ads/C1"]
    assert decided.read(lambda read: claims.standing(read, "nobody")) == []
