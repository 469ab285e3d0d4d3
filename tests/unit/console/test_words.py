from __future__ import annotations

from datetime import UTC, datetime

import pytest

from crossloop.console import words


@pytest.mark.parametrize(
    ("names", "said"),
    [([], ""), (["asha"], "asha"), (["asha", "ravi"], "asha and ravi"), (["a", "b", "c"], "a, b and c")],
)
def test_names_are_listed_as_people_say_them(names: list[str], said: str) -> None:
    assert words.listed(names) == said


def test_one_and_many_are_told_apart() -> None:
    assert words.counted(1, "question") == "1 question"
    assert words.counted(2, "question") == "2 questions"
    assert words.counted(1200, "entry is", "entries are") == "1,200 entries are"


def test_amounts_are_differences_and_nothing_has_no_sign() -> None:
    assert words.amount("9630.49") == "+9,630"
    assert words.amount(-0.4) == "0"
    assert words.between("-983.1", "2989") == "-983 to +2,989"


def test_an_instant_is_told_to_the_minute_with_its_zone() -> None:
    instant = datetime(2026, 6, 30, 18, 29, 59, tzinfo=UTC)
    assert words.minute(instant) == words.minute(instant.isoformat()) == "2026-06-30 18:29 UTC"


def test_a_resource_of_the_ad_platform_is_told_in_words() -> None:
    assert words.resource("ads/campaign/brand/geo/IN/RAJASTHAN") == "campaign brand in IN/RAJASTHAN"
    assert words.resource("ads/campaign/brand/budget") == "campaign brand"
    assert words.resource("erp/invoice/7") == "erp/invoice/7"


def test_only_an_impact_on_a_campaign_names_one() -> None:
    assert words.campaign({"resource": "ads/campaign/brand/budget"}) == "brand"
    assert words.campaign({"resource": "erp/invoice/7"}) == ""
    assert words.campaign(None) == ""


def test_areas_of_a_long_list_are_counted() -> None:
    signal = {"level": "pin_code", "codes": ["1", "2", "3", "4", "5"]}
    assert words.area(signal) == "pin code 1, 2, 3 and 2 more"


def test_names_that_share_a_text_are_told_once_in_order() -> None:
    pairs = [("b", "same"), ("a", "other"), ("c", "same"), ("b", "same")]
    assert words.grouped(pairs) == {"same": ["b", "c"], "other": ["a"]}


def test_a_wall_of_names_is_cut_and_counted() -> None:
    assert words.shortened([str(n) for n in range(9)], 4) == "0, 1, 2 and 6 more"


def test_square_brackets_of_data_are_no_markup() -> None:
    assert words.plain("[red]x[/]") == r"\[red]x\[/]"
