"""Settings of detection: defaults, what text they take, and what they refuse."""

from __future__ import annotations

import pytest

from crossloop.canonical import to_json
from crossloop.errors import SettingError
from crossloop.loops.logistics_to_marketing.settings import Settings


def test_defaults_are_those_the_documentation_states() -> None:
    assert to_json(Settings.parse({})) == {
        "metric": "rto",
        "threshold": 0.25,
        "window_days": 7,
        "clear_threshold": 0.2,
        "confidence": 0.8,
        "min_orders": 20,
        "level": "auto",
        "maturity_days": 10,
        "history_days": 91,
    }


def test_the_clearing_threshold_follows_the_threshold_unless_set() -> None:
    assert Settings.parse({"threshold": "0.10"}).clear_threshold == 0.08
    assert Settings.parse({"threshold": "0.10", "clear_threshold": "0.05"}).clear_threshold == 0.05


def test_settings_survive_their_own_json() -> None:
    settings = Settings.parse({"threshold": "0.1", "level": "state", "window_days": "14"})
    assert Settings.model_validate(to_json(settings)) == settings


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("threshold", "1.2", "a number above 0 and below 1"),
        ("threshold", "nan", "a number above 0 and below 1"),
        ("threshold", "a quarter", "a number above 0 and below 1"),
        ("confidence", "0.4", "a number from 0.5 and below 1"),
        ("window_days", "0", "a whole number from 1 to 56"),
        ("window_days", "3.5", "a whole number from 1 to 56"),
        ("level", "town", "one of pin_code, pin_prefix, state, country, auto"),
        ("metric", "returns", "one of ndr, rto"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name_and_range(
    name: str, value: str, expected: str
) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.parse({name: value})
    assert refused.value.message == f"{name} must be {expected}, got '{value}'."
    assert refused.value.where.field == name
    assert refused.value.exit_code == 2


def test_an_unknown_setting_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingError, match="Did you mean 'threshold'") as refused:
        Settings.parse({"treshold": "0.2"})
    assert refused.value.where.field == "treshold"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"clear_threshold": "0.3"}, "clear_threshold"),
        ({"history_days": "20", "window_days": "14"}, "history_days"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(given: dict[str, str], field: str) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.parse(given)
    assert refused.value.where.field == field
