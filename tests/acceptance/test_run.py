"""``crossloop run``: what it says, what it does, and what it does not do again."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Months
from tests.support import books, orders
from tests.support.console import DEMO, LOOP, Done, crossloop, warm
from tests.support.orders import Place
from tests.support.run_shape import check_error, check_run

HEADINGS = (
    "In short:",
    "What was looked at",
    "What was seen",
    "What was considered",
    "What was done",
    "Who has to decide",
    "What it saves",
    "How to undo it",
    "Who was told",
    "Where to look next",
)
SECOND_CITY = Place("RAJASTHAN", "302001", 8, lambda day: 4 if day < 60 else 0)
"""Half of the parcels come back for two months, none after."""

GONE_QUIET = Place("BIHAR", "800001", 8, lambda day: 4, until=50)
"""The same, until orders end."""


def run(folder: Path, *more: str | Path, governance: Path | None = DEMO) -> Done:
    """Run the loop with a JSON document, under the demonstration rules."""
    rules = () if governance is None else ("--governance", governance)
    done = warm("run", LOOP, "--json", *rules, *more, cwd=folder)
    if done.code in (0, 3):
        check_run(done.json)
    return done


def states(done: Done) -> dict[str, str]:
    """State of each area that a run reports, by code."""
    return {signal["codes"][0]: signal["state"] for signal in done.json["signals"]}


def states_of(document: Any) -> dict[str, str]:
    """The same, of a document."""
    return {signal["codes"][0]: signal["state"] for signal in document["signals"]}


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """The first run over a fresh store, with no files and no rules."""
    folder = tmp_path_factory.mktemp("embedded")
    return folder, run(folder, governance=None)


def test_on_the_embedded_company_the_document_is_complete(embedded: tuple[Path, Done]) -> None:
    _, done = embedded
    document = done.expect(0).json
    check_run(document)
    assert document["loop"] == LOOP
    assert document["signals"]
    assert document["decisions"]


def test_with_json_stdout_holds_one_document_and_nothing_else(embedded: tuple[Path, Done]) -> None:
    _, done = embedded
    assert done.out.startswith("{")
    assert done.out.endswith("}\n")
    assert done.json["loop"] == LOOP


def test_without_rules_and_with_a_fresh_store_nothing_is_executed(embedded: tuple[Path, Done]) -> None:
    folder, done = embedded
    document = done.expect(0).json
    assert document["stage"] == "shadow"
    assert {one["verdict"] for one in document["decisions"]} == {"shadow", "refuse"}
    assert document["receipts"] == []
    assert document["waiting"] == []
    assert books.effects(folder) == []
    assert books.rows(folder / "crossloop.db", "SELECT * FROM actions") == []


def test_every_line_is_used_or_set_aside_for_a_reason(tmp_path: Path) -> None:
    options = orders.write_company(tmp_path, SECOND_CITY, days=40)
    with (tmp_path / "orders.csv").open("a", encoding="utf-8") as file:
        file.write("560001-0-0,01/01/2025,KARNATAKA,560001,Delivered,04/01/2025,COD,900\n")
        file.write("X1,10/01/2025,KARNATAKA,,Delivered,14/01/2025,COD,900\n")
        file.write("X2,10/01/2025,KARNATAKA,560001,Cancelled,10/01/2025,COD,900\n")
    lines = len((tmp_path / "orders.csv").read_text().splitlines()) - 1
    rows = run(tmp_path, *options, "--as-of", orders.day(30)).expect(0).json["rows"]
    aside = {one["reason"]: one["count"] for one in rows["set_aside"]}
    assert rows["read"] == lines
    assert aside["later than as_of"] == 9 * 83  # what is ordered on the last nine of forty days
    assert sorted(aside.values())[:3] == [1, 1, 1]
    assert all(one["examples"][0]["line"] > 1 for one in rows["set_aside"])


def test_an_export_of_ones_own_runs_through_its_mapping(tmp_path: Path) -> None:
    options = orders.write_company(tmp_path, SECOND_CITY, days=50)
    document = run(tmp_path, *options).expect(0).json
    assert document["as_of"] == orders.day(49), "the last day of the data, where none is given"
    (signal,) = document["signals"]
    assert signal["codes"] == ["RAJASTHAN"]
    assert (signal["orders"], signal["failures"]) == (56, 28)
    assert document["inputs"]["campaigns"]["used"] == 2


def test_an_area_that_no_order_names_is_noted_and_makes_no_change_look_smaller(tmp_path: Path) -> None:
    options = orders.write_company(tmp_path, SECOND_CITY, days=50)
    with (tmp_path / "campaigns.csv").open("a", encoding="utf-8") as file:
        for state in ("RAJASTHAN", "KARNATAKA", "Keral", "SIKKIM", "MIZORAM"):
            file.write(f"states,States,LIVE,9000,INR,state,{state}\n")
    document = run(tmp_path, *options).expect(0).json
    notes = document["inputs"]["campaigns"]["notes"]
    assert notes == [
        "campaign states: no order names the state KERAL; did you mean KERALA?",
        "campaign states: no order names the state SIKKIM.",
        "campaign states: no order names the state MIZORAM.",
    ]
    assert set(notes) <= set(document["notes"])
    shares = {
        one["impact"]["resource"].split("/")[2]: one["assumptions"]["budget_share_of_area"]
        for one in document["decisions"]
        if one["impact"]
    }
    assert shares["states"] == pytest.approx(8 / 38, abs=1e-4)  # of the orders of Rajasthan and Karnataka


def test_an_export_without_postal_codes_is_judged_by_state(tmp_path: Path) -> None:
    options = orders.write_company(tmp_path, SECOND_CITY, days=50)
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(mapping.read_text(encoding="utf-8").replace("  pin_code: PIN\n", ""), encoding="utf-8")
    refused = run(tmp_path, *options).expect(2)
    assert "has no postal codes" in refused.err
    assert "--set level=state" in refused.err
    document = run(tmp_path, *options, "--set", "level=state").expect(0).json
    (signal,) = document["signals"]
    assert (signal["codes"], signal["orders"], signal["failures"]) == (["RAJASTHAN"], 56, 28)
    shares = [one["assumptions"]["budget_share_of_area"] for one in document["decisions"] if one["impact"]]
    assert shares == [pytest.approx(8 / 83, abs=1e-4)]


def test_two_runs_over_one_store_repeat_no_action_and_no_signal(tmp_path: Path) -> None:
    options = (*orders.write_company(tmp_path, SECOND_CITY, days=50), "--as-of", orders.day(48))
    first = run(tmp_path, *options).expect(0).json
    before = books.state(tmp_path)
    second = run(tmp_path, *options).expect(0).json
    assert [one["outcome"] for one in first["receipts"]] == ["done"]
    assert [one["id"] for one in second["signals"]] == [one["id"] for one in first["signals"]]
    assert second["decisions"] == []
    assert second["receipts"] == []
    assert second["ledger"] == first["ledger"]
    assert books.state(tmp_path) == before


def test_the_same_day_in_another_store_gives_the_same_ids(tmp_path: Path) -> None:
    documents = []
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        options = orders.write_company(folder, SECOND_CITY, days=50)
        documents.append(run(folder, *options, "--as-of", orders.day(48)).expect(0).json)
    one, other = documents
    for key in ("signals", "decisions"):
        assert [found["id"] for found in one[key]] == [found["id"] for found in other[key]]
    assert [found["action_key"] for found in one["receipts"]] == [
        found["action_key"] for found in other["receipts"]
    ]


def test_an_earlier_day_than_the_store_has_seen_is_refused(tmp_path: Path) -> None:
    options = orders.write_company(tmp_path, SECOND_CITY, days=50)
    run(tmp_path, *options, "--as-of", orders.day(48)).expect(0)
    before = books.state(tmp_path)
    refused = run(tmp_path, *options, "--as-of", orders.day(47)).expect(2)
    error = check_error(refused.json)
    assert orders.day(48) in error["message"]
    assert orders.day(47) in error["message"]
    assert "--as-of" in error["next_step"]
    assert books.state(tmp_path) == before


def test_over_later_days_a_risk_stays_open_then_clears_and_its_change_is_lifted(tmp_path: Path) -> None:
    options = orders.write_company(tmp_path, SECOND_CITY, days=90)

    def as_of(number: int) -> Done:
        return run(tmp_path, *options, "--as-of", orders.day(number)).expect(0)

    opened, still, cleared, after = map(as_of, (48, 55, 75, 85))
    assert states(opened) == {"RAJASTHAN": "open"}
    assert states(still) == {"RAJASTHAN": "still_open"}
    assert still.json["decisions"] == [], "what stays open is not fired again"
    assert states(cleared) == {"RAJASTHAN": "cleared"}
    assert [one["intervention"] for one in cleared.json["decisions"]] == ["lift"]
    assert states(after) == {}
    assert books.in_force(tmp_path) == []
    ((campaign, _, area, lifted, times),) = books.restrictions(tmp_path)
    assert (campaign, lifted, times) == ("generic", 1, 1)
    assert "RAJASTHAN" in area


def test_on_generated_months_a_cured_area_clears_and_its_changes_are_lifted(
    tmp_path: Path, months: Months
) -> None:
    found: dict[str, Done] = {}
    for as_of in ("2026-05-10", "2026-05-20", "2026-06-10"):
        found[as_of] = run(tmp_path, *months.options, "--as-of", as_of)
        if as_of == "2026-05-10":
            made = books.in_force(tmp_path)
    assert states(found["2026-05-10"])["226"] == "open"
    assert states(found["2026-05-20"])["226"] == "still_open"
    assert states(found["2026-06-10"])["226"] == "cleared"
    assert {code for _, _, code in made} == {"226"}
    assert not any(code == "226" for _, _, code in books.in_force(tmp_path))
    lifted = [one for one in found["2026-06-10"].json["decisions"] if one["intervention"] == "lift"]
    assert len(lifted) == len(made)


def test_an_area_without_new_orders_never_clears(tmp_path: Path) -> None:
    options = orders.write_company(tmp_path, GONE_QUIET, days=130)
    seen = [
        states(run(tmp_path, *options, "--as-of", orders.day(number)).expect(0))
        for number in (48, 75, 100, 129)
    ]
    assert seen[0] == {"BIHAR": "open"}
    assert all(later.get("BIHAR") != "cleared" for later in seen[1:])
    assert books.rows(tmp_path / "crossloop.db", "SELECT state FROM conditions") == [("open",)]
    assert [code for _, _, code in books.in_force(tmp_path)] == ["BIHAR"]


def test_a_day_on_which_every_order_is_too_old_is_refused_and_the_store_goes_on(tmp_path: Path) -> None:
    options = orders.write_company(tmp_path, SECOND_CITY, days=50)
    run(tmp_path, *options, "--as-of", orders.day(48)).expect(0)
    before = books.state(tmp_path)
    refused = run(tmp_path, *options, "--as-of", orders.day(49 + 95)).expect(2)
    error = check_error(refused.json)
    assert orders.day(49) in error["message"]
    assert "between 4 and 94 days old" in error["message"]
    assert books.state(tmp_path) == before
    run(tmp_path, *options, "--as-of", orders.day(49)).expect(0)
    quiet = run(tmp_path, *options, "--as-of", orders.day(49 + 94)).expect(0)
    assert not any("nothing can be said" in note for note in quiet.json["notes"])


def test_a_lift_because_the_limit_moved_says_so(tmp_path: Path) -> None:
    place = Place("RAJASTHAN", "302001", 40, lambda day: 6)  # 15 % come back
    options = orders.write_company(tmp_path, place, days=60)
    opened = run(tmp_path, *options, "--set", "threshold=0.10", "--as-of", orders.day(48)).expect(0).json
    assert states_of(opened) == {"RAJASTHAN": "open"}
    assert (opened["changed_settings"], opened["last_as_of"]) == ([], None)
    later = run(tmp_path, *options, "--as-of", orders.day(50)).expect(0).json
    assert states_of(later) == {"RAJASTHAN": "cleared"}
    assert later["last_as_of"] == orders.day(48)
    assert {"name": "threshold", "before": 0.1, "now": 0.25} in later["changed_settings"]
    lifted = [one["rationale"] for one in later["decisions"] if one["intervention"] == "lift"]
    assert lifted
    assert all("was moved: it is 20.0% now and was 8.0% when the risk was seen" in one for one in lifted)
    assert later["in_force"] == 0


def test_a_lift_because_the_rate_fell_does_not_speak_of_the_limit(tmp_path: Path) -> None:
    options = orders.write_company(tmp_path, SECOND_CITY, days=90)
    opened = run(tmp_path, *options, "--as-of", orders.day(48)).expect(0).json
    assert opened["in_force"] == len(opened["receipts"]) == 1
    later = run(tmp_path, *options, "--as-of", orders.day(80)).expect(0).json
    assert later["changed_settings"] == []
    lifted = [one["rationale"] for one in later["decisions"] if one["intervention"] == "lift"]
    assert lifted == ["The rate is back below the clearing threshold: suppress_cod is lifted."]


def test_the_same_day_again_is_told_as_such(tmp_path: Path) -> None:
    options = (*orders.write_company(tmp_path, SECOND_CITY, days=50), "--governance", str(DEMO))
    first, again = (warm("run", LOOP, *options, cwd=tmp_path).expect(0).out for _ in range(2))
    assert "In short: 1 area newly at risk; 1 change made" in " ".join(first.split())
    said = " ".join(again.split())
    assert "looked at before, and nothing is new. What holds: 1 area at risk since this day" in said
    assert "and 1 change in force" in said


def test_it_ends_with_three_while_something_waits_for_a_person(tmp_path: Path, months: Months) -> None:
    document = run(tmp_path, *months.options, "--as-of", "2026-06-10").expect(3).json
    assert document["waiting"]
    again = run(tmp_path, *months.options, "--as-of", "2026-06-10").expect(3).json
    assert again["decisions"] == []
    assert [one["approval_id"] for one in again["waiting"]] == [
        one["approval_id"] for one in document["waiting"]
    ]


def test_the_store_keeps_the_rules_it_was_given(tmp_path: Path) -> None:
    options = orders.write_company(tmp_path, SECOND_CITY, days=50)
    run(tmp_path, *options, "--as-of", orders.day(30)).expect(0)
    later = run(tmp_path, *options, "--as-of", orders.day(48), governance=None).expect(0).json
    assert later["stage"] == "autonomous"


def test_rules_in_the_working_directory_are_used_where_the_store_has_none(tmp_path: Path) -> None:
    options = orders.write_company(tmp_path, SECOND_CITY, days=50)
    shutil.copy(DEMO, tmp_path / "governance.yaml")
    document = run(tmp_path, *options, "--as-of", orders.day(48), governance=None).expect(0).json
    assert document["stage"] == "autonomous"
    assert [one["outcome"] for one in document["receipts"]] == ["done"]


def test_a_setting_changes_what_is_seen_and_stands_in_the_document(tmp_path: Path) -> None:
    options = orders.write_company(tmp_path, SECOND_CITY, days=50)
    document = run(tmp_path, *options, "--set", "threshold=0.60", governance=None).expect(0).json
    assert document["settings"]["threshold"] == 0.6
    assert document["settings"]["clear_threshold"] == pytest.approx(0.48)
    assert document["signals"] == []


@pytest.fixture(scope="module")
def stories(months: Months, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Done]:
    """The story of one run, told at two widths."""
    found: dict[int, Done] = {}
    for columns in (80, 120):
        folder = tmp_path_factory.mktemp(f"story{columns}")
        arguments = ("run", LOOP, *months.options, "--as-of", "2026-06-10", "--governance", DEMO)
        found[columns] = warm(*arguments, cwd=folder, columns=columns).expect(3)
    return found


@pytest.mark.parametrize("columns", [80, 120])
def test_the_story_tells_everything_a_head_of_department_asks(stories: dict[int, Done], columns: int) -> None:
    out = stories[columns].out
    at = [out.index(heading) for heading in HEADINGS]
    assert at == sorted(at)
    for said in ("Rajasthan", "asha and ravi", "limit 25%", "crossloop explain", "crossloop approvals show"):
        assert said in out


@pytest.mark.parametrize("columns", [80, 120])
def test_the_story_names_what_each_reference_takes_back_and_no_internal_path(
    stories: dict[int, Done], columns: int
) -> None:
    out = stories[columns].out
    assert re.search(r"rst_\w+  retargeting, (state|pin prefix) \w+", out)
    assert "geo/" not in out
    assert not re.search(r"0\.\d{3,}", out)


@pytest.mark.parametrize("columns", [80, 120])
def test_the_story_fits_its_width_and_nothing_is_cut_off(stories: dict[int, Done], columns: int) -> None:
    for line in stories[columns].out.splitlines():
        copied = line.strip().startswith("crossloop ")
        assert copied or len(line) <= columns, line
        assert not re.search(r"\w…", line) or "root" in line, line


@pytest.mark.parametrize("columns", [80, 120])
def test_the_story_is_plain_text_where_there_is_no_terminal(stories: dict[int, Done], columns: int) -> None:
    assert "\x1b" not in stories[columns].out
    assert stories[columns].err.strip() == ""


def test_the_story_says_what_is_the_case_once(stories: dict[int, Done]) -> None:
    lines = [line.strip() for line in stories[120].out.splitlines() if len(line.strip()) > 60]
    repeated = {line for line in lines if lines.count(line) > 2}
    assert repeated == set()


def test_nothing_actionable_is_said_in_words(tmp_path: Path) -> None:
    options = orders.write_company(tmp_path, days=40)
    done = warm("run", LOOP, *options, cwd=tmp_path).expect(0)
    assert "Nothing actionable" in done.out
    assert "No area is at risk" in done.out


def test_a_run_from_a_new_interpreter_is_no_other(tmp_path: Path) -> None:
    options = orders.write_company(tmp_path, SECOND_CITY, days=50)
    arguments = ("run", LOOP, "--json", *options, "--governance", str(DEMO))
    cold = crossloop(*arguments, cwd=tmp_path, env={"CROSSLOOP_STORE": "sqlite:///cold.db"}).expect(0).json
    other = warm(*arguments, "--store", "sqlite:///other.db", cwd=tmp_path).expect(0).json
    check_run(cold)
    assert cold["signals"] == other["signals"]
