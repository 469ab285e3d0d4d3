"""Settings as text: plain decimals only, and one sentence of our own for each mistake."""

from __future__ import annotations

import pytest

from crossloop.departments.marketing import Economics
from crossloop.errors import SettingError
from crossloop.loops.logistics_to_marketing.settings import Settings
from crossloop.loops.parsing import check, parse


@pytest.mark.parametrize(
    "text",
    ["1e-400", "1e-1", "0_1", " 0.1", "0.1 ", "nan", "inf", "", ".5", "0.1234567", "٠.٥", "0x1", "1/2"],
)
def test_only_a_plain_decimal_is_a_number(text: str) -> None:
    for model, name in ((Settings, "threshold"), (Economics, "margin"), (Economics, "order_value")):
        with pytest.raises(SettingError, match=f"{name} must be .*, got ") as refused:
            parse(model, {name: text})
        assert "plain decimal number" in refused.value.next_step


@pytest.mark.parametrize("text", ["0.1", "0.100000", "+0.1"])
def test_a_plain_decimal_is_read(text: str) -> None:
    assert parse(Settings, {"threshold": text}).threshold == 0.1


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("margin", "7", "a number from 0 to 1"),
        ("roas", "0", "a number above 0 and up to 100"),
        ("order_value", "-1", "an amount from 0, with at most two decimals"),
        ("order_value", "1.234", "an amount from 0, with at most two decimals"),
        ("cost_per_order", "0", "an amount above 0, with at most two decimals"),
        ("horizon_days", "1.5", "a whole number from 1 to 90"),
        ("currency", "rupees", "a text of the form [A-Z]{3}"),
    ],
)
def test_a_value_out_of_range_is_told_with_what_was_expected(name: str, value: str, expected: str) -> None:
    with pytest.raises(SettingError) as refused:
        parse(Economics, {name: value})
    assert refused.value.message == f"{name} must be {expected}, got '{value}'."
    assert refused.value.where.field == name


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [("threshold", "10", "0.10"), ("threshold", "12.5%", "0.125"), ("confidence", "80", "0.80")],
)
def test_a_number_of_per_cent_is_answered_with_the_share(name: str, value: str, meant: str) -> None:
    with pytest.raises(SettingError) as refused:
        parse(Settings, {name: value})
    assert refused.value.next_step == f"Did you mean {meant}?"


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [(Settings, "confidence", "10"), (Settings, "threshold", "-5"), (Economics, "roas", "1000")],
)
def test_no_share_is_suggested_where_none_would_do(model: type[Settings], name: str, value: str) -> None:
    with pytest.raises(SettingError) as refused:
        parse(model, {name: value})
    assert "Did you mean" not in refused.value.next_step


def test_a_contradiction_names_the_setting_to_mend() -> None:
    with pytest.raises(SettingError) as refused:
        parse(Economics, {"rto_cost_high": "5"})
    assert refused.value.message == "rto_cost_high must not be below rto_cost_low (180), got '5'."
    with pytest.raises(SettingError) as refused:
        parse(Economics, {"rto_cost_low": "500"})
    assert refused.value.message == "rto_cost_high must not be below rto_cost_low (500)."


def test_a_value_out_of_range_is_said_before_a_contradiction() -> None:
    with pytest.raises(SettingError, match="margin must be"):
        parse(Economics, {"rto_cost_low": "500", "margin": "7"})


def test_a_value_alone_is_checked_against_its_own_range_only() -> None:
    check(Economics, "rto_cost_low", "500")
    check(Settings, "clear_threshold", "0.9")
    with pytest.raises(SettingError, match="threshold must be"):
        check(Settings, "threshold", "8")
