"""The document's fields: typed from text, closed to unknown keys, described by a schema."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from crossloop.errors import GovernanceDocumentError
from crossloop.governance import document_schema
from crossloop.governance.document import Document, Duration, duration_text, resolved, unresolved
from crossloop.money import Money
from tests.support.governed import LOOP, demo_text, policy

DURATION = TypeAdapter[timedelta](Duration)


@pytest.mark.parametrize(
    ("text", "length"),
    [("30m", timedelta(minutes=30)), ("4h", timedelta(hours=4)), ("2d", timedelta(days=2))],
)
def test_a_duration_is_minutes_hours_or_days(text: str, length: timedelta) -> None:
    assert DURATION.validate_python(text) == length


@pytest.mark.parametrize("text", ["", "4", "4 hours", "0h", "-1h", "1.5h", "4H", "367d", "99999d", None, 4])
def test_anything_else_is_not_a_duration(text: object) -> None:
    with pytest.raises(ValidationError, match="duration"):
        DURATION.validate_python(text)


def test_a_duration_that_no_document_can_write_is_refused() -> None:
    with pytest.raises(ValueError, match="whole number of minutes"):
        duration_text(timedelta(seconds=90))


@given(st.integers(1, 366 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes)))
def test_a_duration_written_out_reads_back_unless_it_has_too_many_digits(length: timedelta) -> None:
    text = duration_text(length)
    if len(text) <= 6:
        assert DURATION.validate_python(text) == length


def test_the_same_duration_written_in_another_unit_is_the_same_document() -> None:
    assert policy(("respond_within: 24h", "respond_within: 1d")).digest == policy().digest


def test_numbers_money_and_lists_are_typed_from_text() -> None:
    document = policy().document
    assert document.governance == 1
    assert document.loops[LOOP].interventions["exclude"].act == 0.95
    floor = document.departments["marketing"].strategy.spend_floor
    assert floor is not None
    assert (floor.amount, floor.currency) == (Decimal(1000), "INR")


def test_text_stays_the_text_that_was_written() -> None:
    document = policy(
        ("company: Acme D2C", "company: NO"),
        ("name: Asha Rao", "name: 12:30"),
        ("choose: order ", "set: {opens: 12:30, pin: 011001, cod: NO}\n    choose: order "),
    ).document
    assert document.company == "NO"
    assert document.people["asha"].name == "12:30"
    assert document.loops[LOOP].settings == {"opens": "12:30", "pin": "011001", "cod": "NO"}


def test_the_resolved_document_reads_back_with_its_order() -> None:
    document = policy().document
    again = Document.model_validate(unresolved(resolved(document)))
    assert again == document
    assert list(again.loops[LOOP].interventions) == ["suppress_cod", "reduce_bid", "exclude", "lift"]


# The schema is for editors, and editors read plain YAML: numbers are numbers there.


def as_editors_read(*changes: tuple[str, str]) -> Any:
    return yaml.safe_load(demo_text(*changes))


def problems(document: Any) -> list[str]:
    Draft202012Validator.check_schema(document_schema())
    errors = Draft202012Validator(document_schema()).iter_errors(document)
    return sorted(".".join(str(part) for part in error.path) for error in errors)


def test_the_schema_accepts_the_demonstration_document() -> None:
    assert problems(as_editors_read()) == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (("stage: autonomous\n    respond", "stage: fast\n    respond"), f"loops.{LOOP}.stage"),
        (("within: 4h   ", "within: soon "), "rules.large_change.within"),
        (("1000 INR", "1000"), "departments.marketing.strategy.spend_floor"),
        (("company:", "budget: 3\ncompany:"), ""),
        (("act: 0.95", "act: 1.95"), f"loops.{LOOP}.interventions.exclude.act"),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(change: tuple[str, str], path: str) -> None:
    assert problems(as_editors_read(change)) == [path]
    with pytest.raises(Exception, match=r"governance\.yaml"):
        policy(change)


@pytest.mark.parametrize(
    "text", ["1e-400", "-0.0", "8.5e-1", "0.8_5", " 0.85", "1.0000000000000001", ".5", "٠.٥", "nan", "1.5"]
)
def test_a_confidence_is_a_plain_number_from_0_to_1(text: str) -> None:
    with pytest.raises(GovernanceDocumentError, match=r"expected a number from 0 to 1, such as 0\.85"):
        policy(("suppress_cod: {act: 0.85", f"suppress_cod: {{act: '{text}'"))


@pytest.mark.parametrize(
    "text",
    ["-5 INR", "1,0,0,0 INR", "1000.123 INR", "１０００ INR", "1000 inr", "1000", "1e3 INR", "1000  INR"],
)
def test_an_amount_is_plain_digits_or_grouped_ones_with_a_currency(text: str) -> None:
    with pytest.raises(GovernanceDocumentError, match="an amount with its currency, such as 20000 INR"):
        policy(("spend_floor: 1000 INR", f"spend_floor: {text}"))


@pytest.mark.parametrize("text", ["100000 INR", "100,000 INR", "1,00,000 INR", "100000.00 INR"])
def test_an_amount_may_be_grouped_in_thousands_or_as_in_india(text: str) -> None:
    floor = policy(("spend_floor: 1000 INR", f"spend_floor: {text}")).document.departments["marketing"]
    assert floor.strategy.spend_floor == Money.of(100_000, "INR")


@pytest.mark.parametrize("text", ["01", "١", "1.0", "2"])
def test_the_version_of_the_document_is_one(text: str) -> None:
    with pytest.raises(GovernanceDocumentError, match="governance"):
        policy(("governance: 1", f"governance: {text}"))
