"""What every store promises of what waits: plans, undertakings, incidents; and of the rules in force."""

from __future__ import annotations

from typing import Final

from crossloop.errors import UnknownName
from crossloop.store import Store, Tx, actions, decisions, incidents, policies
from crossloop.store.decisions import SagaKey
from crossloop.store.incidents import IncidentKind
from crossloop.testing.conformance.store_base import Race, StoreSuite, refused
from crossloop.testing.conformance.store_samples import HOUR, START, admit, decide, given, permit, plan
from crossloop.testing.conformance.suite import expect, proves

_OTHER: Final = "another document"


class WaitingChecks(StoreSuite):
    """Plans, incidents, undertakings, policies."""

    @proves("planned")
    def test_what_is_planned_is_not_started_before_it_is_permitted_and_permitted_once(self) -> None:
        store = self.opened()
        store.write(lambda tx: (admit(tx), decide(tx)))
        self.only_one(store, Race("plan", plan))
        expect(not store.write(lambda tx: actions.start(tx, "a1")), "what is only planned was started")
        expect(_state(store) == "planned", f"expected a planned action, got {_state(store)}")
        self.only_one(store, Race("permit what was planned", permit))
        expect(store.write(lambda tx: actions.start(tx, "a1")), "what was planned and permitted cannot start")

    @proves("planned")
    def test_what_is_planned_is_dropped_once_and_never_permitted_afterwards(self) -> None:
        store = self.opened()
        store.write(lambda tx: (admit(tx), decide(tx), plan(tx)))
        self.only_one(store, Race("drop", lambda tx: actions.drop(tx, "a1", "it is over")))
        expect(not store.write(permit), "what was dropped was permitted")
        expect(_state(store) == "dropped", f"expected a dropped action, got {_state(store)}")

    @proves("incidents")
    def test_an_incident_is_opened_once_for_each_kind_and_closed_once(self) -> None:
        store = self.opened()
        expect(refused(store, _incident, UnknownName), "an incident about an unknown action was opened")
        store.write(given)
        self.only_one(store, Race("open an incident", _incident))
        expect(store.write(lambda tx: _incident(tx, "not_compensated")), "one of another kind was not opened")
        id = incidents.incident_id("a1", "outcome_unknown")

        def close(tx: Tx) -> bool:
            return incidents.close(tx, id, person="asha", happened=True, body={})

        self.only_one(store, Race("close an incident", close))
        expect(not store.write(_incident), "an incident that was closed was opened again")
        left = store.read(lambda read: [one.kind for one in incidents.listing(read, state="open")])
        expect(left == ["not_compensated"], f"expected one open incident, got {left}")
        row = store.read(lambda read: incidents.of_action(read, "a1", "outcome_unknown"))
        found = None if row is None else (row.state, row.person, row.happened, row.people)
        expect(found == ("closed", "asha", True, ("asha", "ravi")), f"got {row}")

    @proves("sagas")
    def test_an_undertaking_is_its_steps_in_their_order_and_those_of_its_department_alone(self) -> None:
        store = self.opened()
        ours, theirs = (SagaKey("s1", name, "move") for name in ("marketing", "operations"))
        store.write(admit)
        for step in (2, 0, 1):
            store.write(lambda tx, step=step: decide(tx, f"d{step}", step=step, saga="move"))
        store.write(lambda tx: decide(tx, "d9", step=0, department="operations", saga="move"))
        store.write(lambda tx: decide(tx, "d8", step=3))
        steps = store.read(lambda read: [one.id for one in decisions.of_saga(read, ours)])
        expect(steps == ["d0", "d1", "d2"], f"expected the steps in their order, got {steps}")
        expect(store.read(lambda read: decisions.sagas(read, "s2")) == [], "another signal has undertakings")
        kept = store.read(lambda read: decisions.sagas(read, "s1"))
        expect(kept == [ours, theirs], f"of the signal: expected both, got {kept}")

    @proves("policies")
    def test_the_document_that_was_adopted_last_is_in_force_and_every_one_is_kept(self) -> None:
        store = self.opened()
        expect(store.read(policies.present) is None, "a new store has a document in force")
        one, other = "1" * 64, "2" * 64

        def adopt(tx: Tx) -> bool:
            return policies.adopt(tx, digest=one, body={"document": "one"})

        self.only_one(store, Race("adopt", adopt))
        store.write(lambda tx: policies.adopt(tx, digest=other, body={"document": _OTHER}))
        row = store.read(policies.present)
        found = None if row is None else (row.digest, row.body.get("document"))
        expect(found == (other, _OTHER), f"expected the last one in force, got {row}")
        expect(store.write(adopt), "a document that was replaced cannot be adopted again")
        expect(store.read(policies.digest) == one, "a document that was adopted again is not in force")
        history = store.read(
            lambda read: [None if one is None else one["document"] for one in policies.history(read)]
        )
        expect(history == ["one", _OTHER], f"expected each document once, the latest first, got {history}")


def _incident(tx: Tx, kind: IncidentKind = "outcome_unknown") -> bool:
    opened = incidents.open_(tx, action="a1", kind=kind, people=["asha", "ravi"], due=START + HOUR, body={})
    return opened is not None


def _state(store: Store) -> str:
    found = store.read(lambda read: actions.get(read, "a1"))
    return "absent" if found is None else found.state
