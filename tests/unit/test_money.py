"""Money is exact, carries its currency, and never passes through a float."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from crossloop.money import Money
from crossloop.testing.strategies import money

READ = TypeAdapter(Money)


@given(money())
def test_json_keeps_every_digit(amount: Money) -> None:
    data = amount.model_dump_json()
    assert isinstance(json.loads(data)["amount"], str)
    for strict in (True, False):
        again = Money.model_validate_json(data, strict=strict)
        assert again.model_dump_json() == data


@pytest.mark.parametrize(
    ("text", "amount"),
    [("180 INR", "180"), ("1,80,000.50 INR", "180000.50"), (" -3.25  INR ", "-3.25"), ("+7INR", "7")],
)
def test_written_money_is_read(text: str, amount: str) -> None:
    assert READ.validate_python(text) == Money(amount=Decimal(amount), currency="INR")


@pytest.mark.parametrize(
    "text", ["180", "INR 180", "180 inr", "1.5e3 INR", "NaN INR", "", "180 RUPEES", "1..2 INR"]
)
def test_text_without_amount_and_currency_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="'180 INR'"):
        READ.validate_python(text)


@pytest.mark.parametrize(
    "amount", [180.0, float("nan"), "much", "NaN", "Infinity", "1.0000001", "1" * 25, None]
)
def test_amounts_that_are_not_exact_are_refused(amount: object) -> None:
    with pytest.raises(ValidationError):
        READ.validate_python({"amount": amount, "currency": "INR"})


@pytest.mark.parametrize("currency", ["inr", "IN", "RUPEE", "", None])
def test_currencies_are_iso_codes(currency: object) -> None:
    with pytest.raises(ValidationError):
        READ.validate_python({"amount": "1", "currency": currency})


def test_rounding_is_half_to_even_at_the_cent() -> None:
    assert [str(Money.of(text, "INR").amount) for text in ("0.125", "0.135", "-0.125", "0.1251")] == [
        "0.12",
        "0.14",
        "-0.12",
        "0.13",
    ]


@given(st.floats(-1e9, 1e9))
def test_a_float_is_rounded_on_its_way_in(value: float) -> None:
    rounded = Money.of(value, "INR")
    assert abs(rounded.amount - Decimal(str(value))) <= Decimal("0.005")
    assert not str(rounded.amount).startswith("-0.00")


@pytest.mark.parametrize("amount", ["much", float("inf"), float("nan"), ""])
def test_what_is_no_amount_is_a_value_error(amount: float | str) -> None:
    with pytest.raises(ValueError, match=r"amount|finite"):
        Money.of(amount, "INR")


@given(money(), money())
def test_adding_keeps_the_currency_and_is_exact(one: Money, other: Money) -> None:
    if one.currency != other.currency:
        with pytest.raises(ValueError, match=f"cannot add {other.currency} to {one.currency}"):
            one.plus(other)
    else:
        assert one.plus(other).amount == one.amount + other.amount
        assert one.plus(other) == other.plus(one)


def test_people_read_thousands() -> None:
    assert str(Money.of(1234567, "INR")) == "1,234,567.00 INR"
