"""An incident is opened once for an action and a reason, and closed once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crossloop.errors import UnknownName
from crossloop.ids import IncidentId
from crossloop.store import Store, Tx, actions, incidents, verify
from crossloop.store.actions import NewAction
from crossloop.store.incidents import IncidentKind, IncidentRow, incident_id
from tests.support.stores import START, admit, decide, plan

DUE = START + timedelta(hours=1)


@pytest.fixture
def store(store: Store) -> Store:
    def work(tx: Tx) -> None:
        admit(tx, "sig_a")
        decide(tx, "dec_1", "sig_a")
        new = NewAction("act_1", "dec_1", "case_of_sig_a", "ads", "exclude_area", "ads/C1", "d" * 64)
        actions.permit(tx, new, expires_at=START, body={})

    store.write(work)
    return store


def opening(tx: Tx, kind: IncidentKind = "outcome_unknown") -> IncidentId | None:
    said = {"because": "lost"}
    return incidents.open_(tx, action="act_1", kind=kind, people=["asha", "ravi"], due=DUE, body=said)


def test_an_incident_comes_back_as_it_was_opened(store: Store) -> None:
    id = store.write(opening)
    assert id == incident_id("act_1", "outcome_unknown")
    expected = IncidentRow(
        key=3,
        id=id,
        action="act_1",
        case="case_of_sig_a",
        kind="outcome_unknown",
        people=("asha", "ravi"),
        due=DUE,
        state="open",
        overdue=None,
        closed=None,
        person=None,
        happened=None,
        entry=3,
    )
    assert store.read(incidents.listing) == [expected]
    assert store.read(lambda read: incidents.get(read, id)) == expected
    assert store.read(lambda read: incidents.find(read, id[:9])) == [expected]
    assert store.read(lambda read: incidents.of_action(read, "act_1", "outcome_unknown")) == expected
    assert store.read(lambda read: incidents.of_action(read, "act_1", "not_compensated")) is None


def test_an_action_has_at_most_one_incident_of_a_kind_ever(store: Store) -> None:
    id = store.write(opening)
    assert id is not None
    assert store.write(opening) is None
    assert store.write(lambda tx: opening(tx, "not_compensated")) not in (None, id)
    store.write(lambda tx: incidents.close(tx, id, person="asha", happened=True, body={}))
    assert store.write(opening) is None


def test_an_incident_about_nothing_is_refused(store: Store) -> None:
    with pytest.raises(UnknownName, match="there is no action act_9"):
        store.write(
            lambda tx: incidents.open_(
                tx, action="act_9", kind="outcome_unknown", people=[], due=DUE, body={}
            )
        )


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.parametrize("person", ["asha", None])
def test_an_incident_is_closed_once(store: Store, happened: bool, person: str | None) -> None:
    id = store.write(opening)
    assert id is not None

    def close(tx: Tx) -> bool:
        return incidents.close(tx, id, person=person, happened=happened, body={"reason": "seen"})

    assert store.write(close)
    assert not store.write(close)
    (row,) = store.read(lambda read: incidents.listing(read, state="closed"))
    assert (row.state, row.person, row.happened, row.closed) == ("closed", person, happened, 4)
    assert store.read(lambda read: incidents.listing(read, state="open")) == []
    assert store.read(verify).ok


def test_one_that_was_never_opened_is_not_closed(store: Store) -> None:
    assert not store.write(lambda tx: incidents.close(tx, "inc_9", person=None, happened=True, body={}))


def test_looking_for_open_incidents_reads_an_index_that_holds_them_only(store: Store) -> None:
    assert "USING INDEX incidents_open" in plan(store, incidents._LIST_OPEN)
    assert "USING INDEX incidents_open" in plan(store, incidents._LATE, before=1)


def test_an_incident_is_overdue_once_and_not_when_it_is_closed(store: Store) -> None:
    id, closed = store.write(opening), store.write(lambda tx: opening(tx, "not_compensated"))
    assert id is not None
    assert closed is not None
    store.write(lambda tx: incidents.close(tx, closed, person="asha", happened=True, body={}))
    assert store.read(lambda read: incidents.overdue(read, DUE)) == []
    later = DUE + timedelta(seconds=1)
    assert [row.id for row in store.read(lambda read: incidents.overdue(read, later))] == [id]
    assert not store.write(lambda tx: incidents.mark_overdue(tx, closed))
    assert store.write(lambda tx: incidents.mark_overdue(tx, id))
    assert not store.write(lambda tx: incidents.mark_overdue(tx, id))
    assert store.read(lambda read: incidents.overdue(read, later)) == []
    (row,) = store.read(lambda read: incidents.listing(read, state="open"))
    assert row.overdue == 6
    assert store.read(verify).ok
