"""A shop that sells and advertises in dollars: nothing that was assumed in rupees is shown as dollars."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.console import LOOP, warm
from tests.support.orders import CAMPAIGNS, MAPPING, Place, day, write_company

RISKY = Place("RAJASTHAN", "302001", 8, lambda day: 4)
IN_DOLLARS = ("currency=USD", "rto_cost_low=4", "rto_cost_high=6", "order_value=30")
SET = tuple(one for setting in IN_DOLLARS for one in ("--set", setting))


@pytest.fixture(scope="module")
def dollars(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, ...]]:
    """A folder with orders and campaigns in dollars, and the options that hand them over."""
    folder = tmp_path_factory.mktemp("dollars")
    options = write_company(folder, RISKY, days=60)
    (folder / "mapping.yaml").write_text(MAPPING.replace("INR", "USD"), encoding="utf-8")
    (folder / "campaigns.csv").write_text(CAMPAIGNS.replace("INR", "USD"), encoding="utf-8")
    return folder, (*options, "--as-of", day(55))


def test_without_assumptions_in_dollars_the_risk_is_seen_and_no_value_is_claimed(
    dollars: tuple[Path, tuple[str, ...]],
) -> None:
    folder, options = dollars
    found = warm("run", LOOP, *options, "--json", cwd=folder).expect(0).json
    assert [one["state"] for one in found["signals"]] == ["open"]
    assert [(one["intervention"], one["options"]) for one in found["decisions"]] == [("no_action", [])] * 2
    for one in found["decisions"]:
        assert (
            "the budget is in USD, the value of an order is in USD, what is assumed in INR"
            in (one["rationale"])
        )
        assert "set currency=USD" in one["rationale"]


def test_the_story_says_so_once_for_all_campaigns(dollars: tuple[Path, tuple[str, ...]]) -> None:
    folder, options = dollars
    story = warm("run", LOOP, *options, "--store", "sqlite:///told.db", cwd=folder).expect(0).out
    said = " ".join(story.split())
    assert said.count("amounts are not converted: no saving is claimed; set currency=USD") == 1
    assert "brand and generic" in said
    assert "What it saves" not in said


def test_with_assumptions_in_dollars_values_are_in_dollars(dollars: tuple[Path, tuple[str, ...]]) -> None:
    folder, options = dollars
    done = warm("run", LOOP, *options, *SET, "--json", "--store", "sqlite:///set.db", cwd=folder)
    valued = [option for one in done.expect(0).json["decisions"] for option in one["options"]]
    assert {one["currency"] for one in valued} == {"USD"}


def test_a_currency_without_amounts_in_it_is_refused_and_nothing_is_written(
    dollars: tuple[Path, tuple[str, ...]],
) -> None:
    folder, options = dollars
    store = "sqlite:///refused.db"
    done = warm("run", LOOP, *options, "--set", "currency=USD", "--store", store, cwd=folder).expect(2)
    assert "currency USD needs rto_cost_low, rto_cost_high, order_value in USD as well" in done.err
    assert not (folder / "refused.db").exists()


@pytest.mark.parametrize("campaigns", [True, False])
def test_a_backtest_claims_no_saving_and_says_why(
    dollars: tuple[Path, tuple[str, ...]], campaigns: bool
) -> None:
    folder, options = dollars
    handed = options if campaigns else tuple(one for one in options if "campaigns=" not in one)
    if not campaigns:
        handed = tuple(
            one
            for at, one in enumerate(handed)
            if one != "--data" or handed[at + 1] not in ("--set", "--as-of")
        )
    found = warm("backtest", LOOP, *handed, "--json", cwd=folder).expect(0).json
    assert found["actions"]["would_act"] == found["actions"]["would_hold"] == 0
    saving = found["estimated_saving"]
    assert (saving["amount"], saving["currency"]) == ("0.00", "INR")
    assert "Not valued: the budget is in USD, the value of an order is in USD" in saving["basis"]

    told = " ".join(warm("backtest", LOOP, *handed, cwd=folder).expect(0).out.split())
    assert found["actions"]["would_do_nothing"] >= 1
    assert "nothing would be done" in told
    assert "worth" not in told  # nothing could be valued, so nobody knows what was worth doing

    known = warm("backtest", LOOP, *handed, *SET, "--json", cwd=folder).expect(0).json["estimated_saving"]
    assert known["currency"] == "USD"
    assert "Not valued" not in known["basis"]
