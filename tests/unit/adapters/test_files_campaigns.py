"""Campaigns from CSV: one line for each area, every mistake named with line and field."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from crossloop.adapters.files import Geography, read_campaigns
from crossloop.errors import DataFileError
from crossloop.money import Money
from tests.support.shipment_files import write_csv, write_text

ROW = {
    "campaign": "C1",
    "name": "Summer, all",
    "status": "live",
    "daily_budget": "2500.50",
    "currency": "INR",
    "level": "pin_code",
    "code": "560001",
}
GEOGRAPHY = Geography({("IN", "560001"): "KARNATAKA"}, {("IN", "560"): "KARNATAKA"})


def test_the_lines_of_a_campaign_become_one_campaign_with_its_areas(tmp_path: Path) -> None:
    rows = [
        ROW,
        ROW | {"campaign": "C2", "name": "India", "status": "paused", "level": "country", "code": "IN"},
        ROW | {"level": "pin_prefix", "code": "560"},
        ROW | {"level": "state", "code": "Tamil  Nadu"},
    ]

    campaigns, count = read_campaigns(write_csv(tmp_path / "a.csv", rows), GEOGRAPHY)

    assert [one.campaign_id for one in campaigns] == ["C1", "C2"]
    assert campaigns[0].name == "Summer, all"
    assert campaigns[0].daily_budget == Money(amount=Decimal("2500.50"), currency="INR")
    assert [target.area.path for target in campaigns[0].targets] == [
        "geo/IN/KARNATAKA/560/560001",
        "geo/IN/KARNATAKA/560",
        "geo/IN/TAMIL NADU",
    ]
    assert (count.read, count.used, count.set_aside) == (4, 4, ())


def test_where_no_shipment_tells_the_state_is_left_open(tmp_path: Path) -> None:
    campaigns, _ = read_campaigns(write_csv(tmp_path / "a.csv", [ROW | {"code": "110001"}]), GEOGRAPHY)

    assert campaigns[0].targets[0].area.path == "geo/IN/-/110/110001"


def test_without_a_country_column_areas_lie_in_the_one_country_of_the_shipments(tmp_path: Path) -> None:
    nepal = Geography({}, {("NP", "446"): "BAGMATI", ("NP", "447"): "BAGMATI"})
    rows = [ROW | {"code": "446001"}, ROW | {"level": "state", "code": "Bagmati"}]

    campaigns, _ = read_campaigns(write_csv(tmp_path / "a.csv", rows), nepal)

    assert [target.area.country for target in campaigns[0].targets] == ["NP", "NP"]


@pytest.mark.parametrize(
    ("geography", "told"),
    [
        (Geography({}, {("IN", "560"): "KARNATAKA", ("NP", "446"): "BAGMATI"}), "went to IN, NP"),
        (Geography({}, {}), "went to no country that is known"),
    ],
)
def test_a_country_that_the_shipments_do_not_tell_has_to_be_named(
    tmp_path: Path, geography: Geography, told: str
) -> None:
    with pytest.raises(DataFileError, match=f"names no country, and the shipments {told}") as caught:
        read_campaigns(write_csv(tmp_path / "a.csv", [ROW]), geography)
    assert (caught.value.where.line, caught.value.where.field) == (2, "country")
    assert "column country" in caught.value.next_step

    campaigns, _ = read_campaigns(write_csv(tmp_path / "b.csv", [ROW | {"country": "IN"}]), geography)
    assert campaigns[0].targets[0].area.country == "IN"


def test_a_target_that_is_a_country_needs_no_other(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [ROW | {"level": "country", "code": "NP"}])

    campaigns, _ = read_campaigns(file, Geography({}, {}))

    assert campaigns[0].targets[0].area.path == "geo/NP"


def test_the_same_area_twice_is_set_aside_with_its_line(tmp_path: Path) -> None:
    campaigns, count = read_campaigns(write_csv(tmp_path / "a.csv", [ROW, ROW]), GEOGRAPHY)

    assert len(campaigns[0].targets) == 1
    assert (count.read, count.used) == (2, 1)
    assert count.set_aside[0].examples[0].line == 3


def test_a_country_that_is_no_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="'Nepal' is not a two-letter country code") as caught:
        read_campaigns(write_csv(tmp_path / "a.csv", [ROW | {"country": "Nepal"}]), GEOGRAPHY)

    assert caught.value.where.field == "country"


def test_a_country_column_is_used_where_there_is_one(tmp_path: Path) -> None:
    campaigns, _ = read_campaigns(write_csv(tmp_path / "a.csv", [ROW | {"country": "NP"}]), GEOGRAPHY)

    assert campaigns[0].targets[0].area.path == "geo/NP/-/560/560001"


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"level": "city"}, "level", "expected one of pin_code, pin_prefix, state, country"),
        ({"code": "56001"}, "code", "expected six digits"),
        ({"level": "pin_prefix"}, "code", "expected three digits"),
        ({"level": "country", "code": "India"}, "code", "two-letter"),
        ({"level": "state", "code": "A/B"}, "code", "name of a state"),
        ({"campaign": "C2", "status": "running"}, "status", "'running' is not one of live, paused, ended"),
        ({"campaign": "C2", "daily_budget": "-5"}, "daily_budget", "cannot be negative"),
        ({"campaign": "C2", "daily_budget": "much"}, "daily_budget", "not an amount"),
        ({"campaign": "C2", "daily_budget": "1e5"}, "daily_budget", "not an amount"),
        ({"campaign": "C2", "currency": ""}, "daily_budget", "not an amount"),
        ({"campaign": "C 2"}, "campaign", "match pattern"),
        ({"campaign": ""}, "campaign", "match pattern"),
        ({"campaign": "C2", "name": ""}, "name", "at least 1"),
        ({"daily_budget": "99"}, "daily_budget", "contradicts '2500.50' on line 2"),
        ({"status": "paused"}, "status", "contradicts 'live' on line 2"),
    ],
)
def test_a_mistake_is_named_with_line_and_field(
    tmp_path: Path, change: dict[str, str], field: str, message: str
) -> None:
    file = write_csv(tmp_path / "a.csv", [ROW, ROW | {"code": "560002"} | change])

    with pytest.raises(DataFileError) as caught:
        read_campaigns(file, GEOGRAPHY)

    assert str(caught.value.where) == f"{file}:3, field {field}"
    assert message in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n", "has no header"),
        (",".join(ROW), "has no campaigns"),
        (",".join(ROW).replace("level", "area") + "\nx", "'level' is missing. There are: campaign"),
        (",".join(ROW) + ",code\nx", "'code' stands more than once"),
        (",".join(ROW) + "\nC1,x,live\n", "does not have the 7 fields"),
        (",".join(ROW) + '\nC1,"x"y,live,1,INR,country,IN\n', "does not have the 7 fields"),
    ],
)
def test_a_file_that_is_no_list_of_campaigns_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataFileError, match=message):
        read_campaigns(write_text(tmp_path / "a.csv", text), GEOGRAPHY)


def test_an_area_that_no_order_names_is_used_and_noted_with_the_nearest_name(tmp_path: Path) -> None:
    """``Asam`` would be a state of its own, and nothing would ever be done about Assam."""
    known = Geography({}, {("IN", "781"): "ASSAM", ("NP", "446"): "BAGMATI"}, named=[("IN", "MIZORAM")])
    areas = [
        ("state", "Asam"),
        ("state", "assam"),
        ("state", "MIZORAM"),
        ("state", "Wallachia"),
        ("state", "Bagmati"),
        ("pin_prefix", "781"),
        ("pin_prefix", "446"),
        ("pin_code", "999999"),
    ]
    rows = [ROW | {"country": "IN", "level": level, "code": code} for level, code in areas]

    campaigns, count = read_campaigns(write_csv(tmp_path / "a.csv", rows), known)

    assert len(campaigns[0].targets) == count.used == len(rows)
    assert count.notes == (
        "campaign C1: no order names the state ASAM; did you mean ASSAM?",
        "campaign C1: no order names the state WALLACHIA.",
        "campaign C1: no order names the state BAGMATI.",
        "campaign C1: no order went to the pin prefix 446.",
    )


@pytest.mark.parametrize("status", ["LIVE", "Live", "paused ", "Ended"])
def test_the_case_of_a_status_does_not_matter(tmp_path: Path, status: str) -> None:
    rows = [ROW | {"status": status}, ROW | {"status": status.lower(), "level": "country", "code": "IN"}]

    campaigns, _ = read_campaigns(write_csv(tmp_path / "a.csv", rows), GEOGRAPHY)

    assert campaigns[0].status == status.strip().lower()


def test_campaigns_are_read_from_csv_only(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="from CSV"):
        read_campaigns(write_text(tmp_path / "a.parquet", "x"), GEOGRAPHY)
