"""What both companies share: systems of every kind, and changes that can be taken back or not."""

from __future__ import annotations

from crossloop.ids import Resource
from crossloop.signals import ActionRequest
from crossloop.testing import company
from crossloop.testing.killing import company as killed
from crossloop.testing.vocabulary import OPERATIONS, STAYS, SYSTEMS, undo_request


def test_systems_make_every_combination_of_promises() -> None:
    found = {(one.idempotent, one.find) for one in SYSTEMS.values()}
    assert found == {(True, True), (True, False), (False, True), (False, False)}


def test_a_change_is_taken_back_on_its_resource_unless_it_stays() -> None:
    change = ActionRequest(system="ads", operation="change", resource=Resource("ads/c1"))
    undone = undo_request(change, "ads-7")
    assert undone is not None
    assert (undone.operation, undone.resource) == ("take_back", change.resource)
    assert undone.arguments == {"reference": "ads-7"}
    assert undo_request(undone, "ads-8") is None
    assert undo_request(change.model_copy(update={"arguments": {STAYS: True}}), "ads-7") is None
    assert {change.operation, undone.operation} == set(OPERATIONS)


def test_both_companies_have_signals_that_clear_what_they_alarm_about() -> None:
    for one in (company, killed):
        assert one.OVER.clears == one.ALARM.name
