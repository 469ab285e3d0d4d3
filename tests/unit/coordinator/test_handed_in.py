"""What a script hands in is taken where it has one meaning, and refused by name where it has none."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crossloop.coordinator import handed_in
from crossloop.errors import InputError, SettingError
from crossloop.store import approvals
from tests.support.trials import Ask, Trial


@pytest.mark.parametrize("decision", ["Approve", "yes", "approved", "", True, None])
def test_an_answer_that_is_neither_word_changes_nothing(opened: Trial, decision: Any) -> None:
    held = opened.ask(Ask(share=0.2)).waiting[0].approval_id
    before = opened.coordinator.verify().root
    with pytest.raises(InputError, match="expected one of approve, reject") as refused:
        opened.coordinator.answer(held, person="asha", decision=decision, reason="fine", asserted="test")
    assert refused.value.where.field == "decision"
    assert opened.coordinator.verify().root == before
    assert opened.store.read(approvals.listing)[0].state == "waiting"


def test_a_rejection_needs_its_reason_from_python_too(opened: Trial) -> None:
    held = opened.ask(Ask(share=0.2)).waiting[0].approval_id
    with pytest.raises(InputError, match="a rejection needs a reason"):
        opened.coordinator.answer(held, person="asha", decision="reject", reason=" ", asserted="test")
    assert opened.store.read(approvals.listing)[0].state == "waiting"


def test_a_state_that_does_not_exist_is_no_empty_list(opened: Trial) -> None:
    wrong: Any = "wating"
    with pytest.raises(InputError, match="waiting, approved, rejected, expired, withdrawn, superseded"):
        opened.coordinator.approvals(state=wrong)
    assert opened.coordinator.approvals(state="waiting") == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.10", "0.10"),
        (0.10, "0.1"),
        (1e-7, "0.0000001"),
        (20, "20"),
        (Decimal("180.50"), "180.50"),
        (Decimal("1E+2"), "100"),
    ],
)
def test_a_number_is_taken_as_a_person_would_write_it(value: Any, text: str) -> None:
    assert handed_in.settings({"threshold": value}) == {"threshold": text}


@pytest.mark.parametrize("value", [None, True, [0.1], float("nan"), float("inf"), Decimal("sNaN")])
def test_a_value_that_is_neither_text_nor_a_number_is_refused_with_its_setting(value: Any) -> None:
    with pytest.raises(SettingError, match="expected text or a number") as refused:
        handed_in.settings({"threshold": value})
    assert refused.value.where.field == "threshold"


@pytest.mark.parametrize("value", ["threshold=0.1", ["threshold=0.1"], 0.1])
def test_settings_without_names_are_refused(value: Any) -> None:
    with pytest.raises(SettingError, match="expected values by name"):
        handed_in.settings(value)


def test_a_day_is_taken_as_such_or_as_iso_text() -> None:
    assert handed_in.day(None) is None
    assert handed_in.day(date(2022, 6, 12)) == handed_in.day("2022-06-12") == date(2022, 6, 12)


@pytest.mark.parametrize("value", ["12.6.2022", "2022-06-31", datetime(2022, 6, 12, tzinfo=UTC), 20220612])
def test_what_is_no_day_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="expected a day, got") as refused:
        handed_in.day(value)
    assert refused.value.where.field == "as_of"


def test_files_are_taken_as_paths_and_as_text() -> None:
    found = handed_in.inputs("orders.csv", Path("mapping.yaml"), {"campaigns": "campaigns.csv"})
    assert (found.primary, found.mapping) == (Path("orders.csv"), Path("mapping.yaml"))
    assert found.others == {"campaigns": Path("campaigns.csv")}


@pytest.mark.parametrize(
    ("data", "mapping", "others", "field", "says"),
    [
        ({"orders": "orders.csv"}, None, None, "data", "others="),
        ([["A-1", "Delivered"]], None, None, "data", "a list"),
        ("orders.csv", {"mapping": 1}, None, "mapping", "a dict"),
        ("orders.csv", None, "campaigns.csv", "others", "others="),
        ("orders.csv", None, {"campaigns": 7}, "others.campaigns", "an int"),
    ],
)
def test_what_is_no_file_is_refused_with_its_argument(
    data: Any, mapping: Any, others: Any, field: str, says: str
) -> None:
    with pytest.raises(InputError) as refused:
        handed_in.inputs(data, mapping, others)
    assert refused.value.where.field == field
    assert says in f"{refused.value.message} {refused.value.next_step}"
