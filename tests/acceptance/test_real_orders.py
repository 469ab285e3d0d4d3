"""The first loop on a real seller's orders: 128,975 lines of one Indian clothing seller, spring 2022.

The data is not part of the project. ``CROSSLOOP_REAL_DATA`` names the folder that holds it.
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support import books
from tests.support.console import DEMO, LOOP, ROOT, Done, warm
from tests.support.run_shape import check_backtest, check_run

FOLDER = os.environ.get("CROSSLOOP_REAL_DATA")
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="CROSSLOOP_REAL_DATA does not name the folder with the real orders"
)

ORDERS = Path(FOLDER or "") / "amazon_india" / "Amazon_Sale_Report.csv.gz"
MAPPING = ROOT / "examples" / "mappings" / "amazon_india.yaml"
LINES = 128_975
AS_OF = "2022-06-12"
CAMPAIGNS = """\
campaign,name,status,daily_budget,currency,level,code
brand,Brand search,live,40000,INR,country,IN
generic,Generic search,live,30000,INR,country,IN
east,Eastern launch,live,2000,INR,state,BIHAR
"""
QUICK = ("confidence=0.6", "clear_threshold=0.10", "history_days=21")
"""A team that wants to hear early and let go early: three weeks of history, three in five is sure enough."""


def orders(command: str, *more: str | Path, cwd: Path) -> Done:
    return warm(command, LOOP, "--data", ORDERS, "--mapping", MAPPING, *more, cwd=cwd)


def run(folder: Path, as_of: str, *settings: str) -> Done:
    """Run under the demonstration rules with campaigns, at a threshold of ten per cent."""
    (folder / "campaigns.csv").write_text(CAMPAIGNS, encoding="utf-8")
    chosen = [part for one in ("threshold=0.10", *settings) for part in ("--set", one)]
    campaigns = ("--data", f"campaigns={folder / 'campaigns.csv'}")
    done = orders("run", *campaigns, "--as-of", as_of, *chosen, "--governance", DEMO, "--json", cwd=folder)
    assert done.code in (0, 3), done.err
    check_run(done.json)
    return done


@pytest.fixture(scope="module")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """At the default threshold, over a fresh store, without rules."""
    return orders("run", "--as-of", AS_OF, "--json", cwd=tmp_path_factory.mktemp("quarter")).expect(0)


def test_every_line_of_the_export_is_accounted_for(quarter: Done) -> None:
    check_run(quarter.json)
    rows = quarter.json["rows"]
    assert rows["read"] == LINES
    aside = {one["reason"]: one["count"] for one in rows["set_aside"]}
    assert aside["later than as_of"] == 20_070
    assert rows["used"] == LINES - sum(aside.values()) == 27_683


def test_at_a_quarter_no_pin_code_fires_and_the_nearest_area_is_named(quarter: Done) -> None:
    assert quarter.json["signals"] == []
    assert quarter.json["decisions"] == []
    said = " ".join(quarter.json["notes"])
    assert "Nothing actionable" in said
    assert "25%" in said
    assert "Highest is" in said
    assert "10 days" in said, "the assumed delay of outcomes is stated"


def test_without_rules_it_stays_in_shadow_and_claims_no_saving(quarter: Done) -> None:
    assert quarter.json["stage"] == "shadow"
    assert quarter.json["receipts"] == []
    assert any("No campaign is known" in note for note in quarter.json["notes"])


def test_at_a_tenth_something_fires_is_said_well_and_only_recorded(tmp_path: Path) -> None:
    done = orders("run", "--as-of", AS_OF, "--set", "threshold=0.10", cwd=tmp_path).expect(0)
    for said in ("128,975 lines read", "limit 10%", "newly at risk", "no campaign known", "In shadow"):
        assert said in done.out
    assert books.effects(tmp_path) == []


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Done]]:
    """The same day twice and two later ones, over one store."""
    folder = tmp_path_factory.mktemp("watched")
    days = (AS_OF, AS_OF, "2022-06-20", "2022-06-28")
    return folder, [run(folder, as_of) for as_of in days]


def test_two_runs_over_one_store_repeat_no_action_and_no_signal(watched: tuple[Path, list[Done]]) -> None:
    first, second = (done.json for done in watched[1][:2])
    assert first["signals"]
    assert [one["id"] for one in second["signals"]] == [one["id"] for one in first["signals"]]
    assert second["decisions"] == second["receipts"] == []
    assert second["ledger"] == first["ledger"]


def test_over_later_days_an_area_that_stays_bad_stays_open(watched: tuple[Path, list[Done]]) -> None:
    folder, runs = watched
    opened = {one["path"]: one["id"] for one in runs[0].json["signals"]}
    assert set(opened) == {one["path"] for one in runs[0].json["signals"] if one["state"] == "open"}
    for done in runs[2:]:
        again = {one["path"]: (one["id"], one["state"]) for one in done.json["signals"]}
        for path, id in opened.items():
            assert again[path] == (id, "still_open")
    fired = books.rows(folder / "crossloop.db", "SELECT subject, count(*) FROM signals GROUP BY 1")
    assert all(times == 1 for _, times in fired)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Done]]:
    """Several later days for a team that wants to hear early and let go early, and approves what waits."""
    folder = tmp_path_factory.mktemp("quick")
    found: dict[str, Done] = {}
    for as_of in ("2022-05-09", "2022-05-13", "2022-05-21", "2022-05-29"):
        found[as_of] = run(folder, as_of, *QUICK)
        for one in found[as_of].json["waiting"]:
            for person in one["people"]:
                warm("approvals", "approve", one["approval_id"], "--as", person, cwd=folder)
    return folder, found


def test_over_later_days_an_area_that_recovers_clears_and_its_changes_are_lifted(
    quick: tuple[Path, dict[str, Done]],
) -> None:
    folder, runs = quick
    history: dict[str, list[str]] = {}
    for done in runs.values():
        for one in done.json["signals"]:
            history.setdefault(one["path"], []).append(one["state"])
    cleared = {path for path, states in history.items() if states[-1] == "cleared"}
    assert cleared, history
    for path in cleared:
        assert history[path][0] == "open"
        assert history[path][1:-1] == ["still_open"] * (len(history[path]) - 2)
    lifts = [
        one
        for done in runs.values()
        for one in done.json["decisions"]
        if one["intervention"] == "lift" and one["verdict"] in ("act", "hold")
    ]
    made = books.restrictions(folder)
    assert sum(times for *_, lifted, times in made if lifted) == len(lifts) > 0
    assert all(times == 1 for *_, times in made)
    codes = {path.rpartition("/")[2] for path in cleared}
    assert not any(code in codes for _, _, code in books.in_force(folder))


def test_in_may_one_state_really_recovered(quick: tuple[Path, dict[str, Done]]) -> None:
    counted = {
        as_of: {one["codes"][0]: (one["state"], one["rate"]) for one in done.json["signals"]}
        for as_of, done in quick[1].items()
    }
    assert counted["2022-05-09"]["BIHAR"][0] == "open"
    assert counted["2022-05-09"]["BIHAR"][1] > 0.15
    assert counted["2022-05-21"]["BIHAR"][0] == "cleared"
    assert counted["2022-05-21"]["BIHAR"][1] < 0.05


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("replayed")
    done = orders("backtest", "--set", "threshold=0.10", "--json", cwd=folder).expect(0)
    assert list(folder.iterdir()) == [], "a backtest keeps nothing"
    return done


def test_the_backtest_has_every_key_it_promises(replayed: Done) -> None:
    check_backtest(replayed.json)
    assert replayed.json["rows"]["read"] == LINES
    assert "upper bound" in replayed.json["estimated_saving"]["basis"].lower()


def test_flagged_areas_fail_more_than_half_again_as_often_as_all_orders(replayed: Done) -> None:
    found = replayed.json
    assert found["base_rate"] == pytest.approx(0.0697, abs=0.0001)
    assert found["model"]["next_window_orders"] >= 500
    assert found["model"]["next_window_rate"] >= 1.6 * found["base_rate"]


def test_the_model_finds_worse_areas_than_the_literal_rule(replayed: Done) -> None:
    found = replayed.json
    assert found["literal_rule"]["next_window_orders"] >= 500
    assert found["model"]["next_window_rate"] > found["literal_rule"]["next_window_rate"]


def test_how_sure_it_was_is_held_against_how_often_it_was_right(replayed: Done) -> None:
    reliability = replayed.json["reliability"]
    assert sum(one["windows"] for one in reliability) > 1000
    assert replayed.json["expected_calibration_error"] < 0.10
    for before, after in pairwise(reliability):
        assert before["stated_high"] <= after["stated_low"] + 1e-9
