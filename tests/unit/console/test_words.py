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


def test_people_of_whom_one_is_enough_are_joined_by_or() -> None:
    assert words.asked(["lena", "omar"], 1) == "lena or omar"
    assert words.asked(["lena", "omar"], 2) == "lena and omar"
    assert words.asked(["lena"], 1) == "lena"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("threshold", 0.1, "10%"),
        ("cod_switch", 0.125, "12.5%"),
        ("roas", 3.5, "3.5"),
        ("metric", "ndr", "ndr"),
        ("cost_per_order", None, "not set"),
    ],
)
def test_a_setting_is_told_as_people_write_it(name: str, value: object, said: str) -> None:
    assert words.setting(name, value) == said  # pyright: ignore[reportArgumentType]


def test_one_and_many_are_told_apart() -> None:
    assert words.counted(1, "question") == "1 question"
    assert words.counted(2, "question") == "2 questions"
    assert words.counted(1200, "entry is", "entries are") == "1,200 entries are"


def test_a_question_that_ended_without_an_answer_says_why() -> None:
    assert words.ended("superseded") == "superseded, the rules changed"
    assert words.ended("withdrawn") == "withdrawn, what it answered is over"
    assert words.ended("approved") == "approved"


def test_amounts_are_differences_and_nothing_has_no_sign() -> None:
    assert words.amount("9630.49") == "+9,630"
    assert words.amount(-0.4) == "0"
    assert words.between("-983.1", "2989") == "-983 to +2,989"


def test_an_instant_is_told_to_the_minute_with_its_zone() -> None:
    instant = datetime(2026, 6, 30, 18, 29, 59, tzinfo=UTC)
    assert words.minute(instant) == words.minute(instant.isoformat()) == "2026-06-30 18:29 UTC"
    assert words.minute(instant, "Asia/Kolkata") == "2026-06-30 23:59 Asia/Kolkata"


def test_a_resource_of_the_ad_platform_is_told_in_words() -> None:
    assert words.resource("ads/campaign/brand/geo/IN/RAJASTHAN") == "campaign brand in Rajasthan"
    assert words.resource("ads/campaign/brand/budget") == "campaign brand"
    assert words.resource("erp/invoice/7") == "erp/invoice/7"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("geo/IN", "all of IN"),
        ("geo/IN/ASSAM", "Assam"),
        ("geo/IN/JAMMU AND KASHMIR", "Jammu and Kashmir"),
        ("geo/IN/UTTAR PRADESH/226", "pin prefix 226, Uttar Pradesh"),
        ("geo/IN/ASSAM/781/781001", "pin code 781001, Assam"),
        ("geo/NP/-/446", "pin prefix 446, NP"),
    ],
)
def test_an_area_is_told_by_its_name(path: str, said: str) -> None:
    assert words.place(path) == said


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        ("asks ads on ads/campaign/perf/geo/IN/ASSAM.; then", "asks ads on campaign perf in Assam.; then"),
        ("increase ads/campaign/perf/geo/IN/UTTAR PRADESH/226: Sale",
         "increase campaign perf in pin prefix 226, Uttar Pradesh: Sale"),
        ("ads/campaign/brand/budget is protected", "campaign brand is protected"),
        ("hidden in IN/UTTAR PRADESH. Why: About", "hidden in Uttar Pradesh. Why: About"),
        ("inside what marketing owns: ads/**.", "inside what marketing owns: ads/**."),
        ("5 orders from state TAMIL NADU failed", "5 orders from state Tamil Nadu failed"),
        ("valid until 2026-07-08T18:29:59.999999+00:00.", "valid until 2026-07-08 18:29 UTC."),
        ("confidence 0.934286 (signal 0.934286, proposal 1) reaches act 0.85.",
         "confidence 93.4% (signal 93.4%, proposal 100%) reaches act 85%."),
        ("(daily_budget_share > 0.15) asks asha: daily_budget_share 0.327586.",
         "(daily_budget_share > 15%) asks asha: daily_budget_share 32.8%."),
        ("amount > 0.15, proposal 12 of 2026", "amount > 0.15, proposal 12 of 2026"),
    ],
)  # fmt: skip
def test_what_a_record_says_is_told_in_words(recorded: str, said: str) -> None:
    assert words.told(recorded) == said


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
