"""The generated company: is it what its assumptions say, and are the planted problems really there?"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossloop.adapters.embedded import EmbeddedCompany
from crossloop.adapters.embedded.assumptions import CURED, DETERIORATION, SPIKE, STRUCTURAL, Planted
from crossloop.adapters.embedded.generator import (
    DEFAULTS,
    GeneratedCompany,
    ensure_company,
    generate,
    write_company,
)
from crossloop.errors import SettingError
from crossloop.signals.entities import SHIPMENT_COLUMNS, Area, Shipment
from tests.support.embedded import campaign, run

LAST_DAY = date(2026, 6, 30)
SEEDS = (7, 11, 2026)


@cache
def company(seed: int = 7) -> GeneratedCompany:
    return generate(seed)


def inside(area: Area) -> str:
    column = {"country": "country", "state": "state", "pin_code": "pin_code"}.get(area.level)
    return f"{column or 'left(pin_code, 3)'} = '{area.code}'"


@pytest.fixture(params=SEEDS)
def seed(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def shipments(seed: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the view ``t``: the shipments, with ``ago`` (days before the last day), ``fin``
    (delivered or returned), ``ret`` (returned) and ``mature`` (old enough for every return to be known)."""
    with duckdb.connect() as connection:
        connection.register("generated", company(seed).shipments)
        connection.execute(
            f"""CREATE VIEW t AS SELECT *, date '{LAST_DAY}' - ordered_on AS ago, ago > 10 AS mature,
            outcome IN ('delivered', 'returned') AS fin, outcome = 'returned' AS ret FROM generated"""
        )
        yield connection


def one(connection: duckdb.DuckDBPyConnection, expression: str, where: str = "true") -> float:
    row = connection.execute(f"SELECT ({expression})::DOUBLE FROM t WHERE {where}").fetchone()
    assert row is not None
    return row[0]


RTO = "avg(ret::INT) FILTER (fin)"
NDR = "avg((failed_attempts > 0)::INT) FILTER (attempts > 0)"


# -- the same again --------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_company(tmp_path / name, generate(3, days=20, orders_per_day=50))
    for file in ("shipments.parquet", "campaigns.csv", "scale_ups.csv"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_another_seed_gives_another_history() -> None:
    first, second = (generate(seed, days=5, orders_per_day=50).shipments for seed in (1, 2))
    assert first != second


@pytest.mark.parametrize("wrong", [{"days": 0}, {"orders_per_day": 0}, {"days": -3}])
def test_a_number_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingError, match="at least 1"):
        generate(**wrong)


# -- the table -------------------------------------------------------------------------------------------


def test_the_columns_are_exactly_the_canonical_ones() -> None:
    with duckdb.connect() as connection:
        connection.register("generated", company().shipments)
        described = connection.execute("DESCRIBE generated").fetchall()
    names = {"string": "VARCHAR", "date": "DATE", "int32": "INTEGER", "decimal(18,2)": "DECIMAL(18,2)"}
    assert [(row[0], row[1]) for row in described] == [
        (name, names[kind]) for name, kind in SHIPMENT_COLUMNS.items()
    ]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 20))
def test_every_row_is_a_shipment_and_says_only_what_is_known_on_the_last_day(
    seed: int, days: int, orders_per_day: int
) -> None:
    generated = generate(seed, days=days, orders_per_day=orders_per_day, last_day=LAST_DAY)
    with duckdb.connect() as connection:
        connection.register("generated", generated.shipments)
        rows = connection.execute("SELECT * FROM generated").fetchall()
    ids = set[str]()
    for row in rows:
        shipment = Shipment.model_validate(dict(zip(SHIPMENT_COLUMNS, row, strict=True)))
        ids.add(shipment.shipment_id)
        assert shipment.attempts is not None
        assert shipment.failed_attempts is not None
        assert (shipment.outcome == "in_transit") == (shipment.outcome_on is None)
        assert (shipment.first_attempt_on is None) == (shipment.attempts == 0)
        assert shipment.failed_attempts <= shipment.attempts <= 3
        for day in (shipment.ordered_on, shipment.outcome_on, shipment.first_attempt_on):
            assert day is None or day <= LAST_DAY
        if shipment.outcome == "delivered":
            assert shipment.attempts == shipment.failed_attempts + 1
        if shipment.outcome == "returned":
            assert shipment.attempts == shipment.failed_attempts >= 1
        if shipment.outcome in ("lost", "not_shipped"):
            assert shipment.attempts == 0
    assert len(ids) == len(rows)


def test_deliveries_are_known_soon_and_returns_late(shipments: duckdb.DuckDBPyConnection) -> None:
    delay = "min(outcome_on - ordered_on)", "max(outcome_on - ordered_on)"
    assert [one(shipments, each, "outcome = 'delivered'") for each in delay] == [2, 6]
    assert [one(shipments, each, "outcome = 'returned'") for each in delay] == [5, 10]


def test_the_returns_of_recent_orders_are_not_known_yet(shipments: duckdb.DuckDBPyConnection) -> None:
    assert one(shipments, RTO, "ago < 5") == 0
    assert one(shipments, RTO, "ago BETWEEN 5 AND 7") < 0.6 * one(shipments, RTO, "mature")
    assert one(shipments, "avg((outcome = 'in_transit')::INT)", "ago < 7") > 0.3
    assert one(shipments, "avg((outcome = 'in_transit')::INT)", "ago > 25") == 0


# -- realism ---------------------------------------------------------------------------------------------


def test_volume_is_what_was_asked_for_with_a_weekly_rhythm(shipments: duckdb.DuckDBPyConnection) -> None:
    assert one(shipments, "count(*) / 120") == pytest.approx(400, rel=0.02)
    by_day = "count(*)::DOUBLE / count(DISTINCT ordered_on)"
    sunday, wednesday = (one(shipments, by_day, f"dayofweek(ordered_on) = {day}") for day in (0, 3))
    assert sunday > wednesday


def test_rates_are_those_of_a_company_that_sells_for_cash(shipments: duckdb.DuckDBPyConnection) -> None:
    cod, prepaid = (one(shipments, RTO, f"mature AND payment = '{way}'") for way in ("cod", "prepaid"))
    assert 0.08 <= one(shipments, RTO, "mature") <= 0.12
    assert prepaid < 0.06
    assert cod > 3 * prepaid
    assert one(shipments, NDR, "mature") > 1.3 * one(shipments, RTO, "mature")
    assert one(shipments, "avg((payment = 'cod')::INT)") == pytest.approx(0.60, abs=0.03)
    assert one(shipments, "avg((outcome = 'lost')::INT)", "mature") == pytest.approx(0.003, abs=0.002)
    assert one(shipments, "avg((outcome = 'not_shipped')::INT)", "mature") == pytest.approx(0.06, abs=0.01)


def test_states_differ_in_cash_and_in_the_value_of_an_order(shipments: duckdb.DuckDBPyConnection) -> None:
    rows = shipments.execute(
        "SELECT avg((payment = 'cod')::INT), avg(amount)::DOUBLE FROM t GROUP BY state"
    ).fetchall()
    assert len(rows) == 13
    assert all(0.50 <= cod <= 0.72 and 650 <= value <= 1250 for cod, value in rows)


def test_a_few_pin_codes_are_large_and_hundreds_are_tiny(shipments: duckdb.DuckDBPyConnection) -> None:
    weekly = [
        row[0] for row in shipments.execute("SELECT count(*) * 7 / 120 FROM t GROUP BY pin_code").fetchall()
    ]
    assert sum(each > 35 for each in weekly) in range(2, 20)
    assert sum(each <= 3 for each in weekly) > 500


# -- what was planted ------------------------------------------------------------------------------------


def lasting(planted: Planted) -> str:
    return f"mature AND {inside(planted.area)} AND ago BETWEEN {planted.until} AND {planted.since}"


def test_the_structural_area_fails_for_five_weeks_and_is_large(shipments: duckdb.DuckDBPyConnection) -> None:
    assert one(shipments, RTO, lasting(STRUCTURAL)) > 0.40
    for week in range(5):
        days = f"ago BETWEEN {17 + 7 * week} AND {23 + 7 * week}"
        assert one(shipments, RTO, f"{inside(STRUCTURAL.area)} AND {days}") > 0.30
    assert (
        one(shipments, f"count(*) / {STRUCTURAL.since + 1}", f"{inside(STRUCTURAL.area)} AND ago <= 56") >= 12
    )
    assert one(shipments, RTO, f"{inside(STRUCTURAL.area)} AND ago > {STRUCTURAL.since}") < 0.20


def test_the_state_around_it_stays_below_the_default_threshold(shipments: duckdb.DuckDBPyConnection) -> None:
    assert one(shipments, RTO, "mature AND state = 'MAHARASHTRA' AND ago <= 56") < 0.25


def test_the_deteriorated_state_is_clearly_above_the_threshold(shipments: duckdb.DuckDBPyConnection) -> None:
    assert one(shipments, RTO, lasting(DETERIORATION)) > 0.29
    assert one(shipments, RTO, f"{inside(DETERIORATION.area)} AND ago > {DETERIORATION.since}") < 0.20


def test_the_spike_lasts_two_days_and_leaves_nothing(shipments: duckdb.DuckDBPyConnection) -> None:
    assert one(shipments, RTO, lasting(SPIKE)) > 0.85
    assert one(shipments, "count(*)", lasting(SPIKE)) >= 20
    around = f"{inside(SPIKE.area)} AND ago BETWEEN 11 AND 45 AND ago NOT IN (14, 15)"
    assert one(shipments, RTO, around) < 0.15


def test_the_cured_area_is_normal_again_for_four_mature_weeks(shipments: duckdb.DuckDBPyConnection) -> None:
    assert one(shipments, RTO, lasting(CURED)) > 0.38
    assert one(shipments, RTO, f"mature AND {inside(CURED.area)} AND ago < {CURED.until}") < 0.20


def test_outside_the_planted_areas_no_area_of_size_is_above_the_threshold(
    shipments: duckdb.DuckDBPyConnection,
) -> None:
    elsewhere = " AND ".join(f"NOT {inside(planted.area)}" for planted in DEFAULTS.planted)
    for area in ("state", "left(pin_code, 3)"):
        worst = shipments.execute(
            f"SELECT max(rate) FROM (SELECT {RTO} AS rate FROM t WHERE mature AND {elsewhere} "
            f"GROUP BY {area} HAVING count(*) FILTER (fin) >= 200)"
        ).fetchone()
        assert worst is not None
        assert worst[0] < 0.22


def test_chance_makes_tiny_pin_codes_fail_three_of_three(
    seed: int, shipments: duckdb.DuckDBPyConnection
) -> None:
    unlucky = company(seed).truth.unlucky
    assert unlucky
    for area in unlucky:
        assert not any(planted.area.covers(area) for planted in DEFAULTS.planted)
        assert one(shipments, "count(*) * 7 / 120", inside(area)) <= 3.2
        week = f"SELECT 1 FROM t WHERE {inside(area)} GROUP BY ago // 7"
        assert shipments.execute(f"{week} HAVING count(*) FILTER (fin) >= 3 AND {RTO} = 1").fetchone()


# -- campaigns -------------------------------------------------------------------------------------------


def test_the_structural_area_is_a_small_part_of_a_country_wide_campaign(
    shipments: duckdb.DuckDBPyConnection,
) -> None:
    assert one(shipments, f"avg(({inside(STRUCTURAL.area)})::INT)") < 0.05
    for each in company().campaigns:
        aimed = [target.area for target in each.targets if target.area.covers(STRUCTURAL.area)]
        assert all(area.level == "country" for area in aimed)


def test_the_deteriorated_state_has_a_campaign_of_its_own() -> None:
    own = [
        each.campaign_id
        for each in company().campaigns
        if each.status == "live" and [target.area for target in each.targets] == [DETERIORATION.area]
    ]
    assert own == ["rajasthan-launch"]


def test_marketing_plans_to_scale_up_where_the_structural_problem_is() -> None:
    (plan,) = company().scale_ups
    assert plan.area.covers(STRUCTURAL.area)
    assert plan.starts.date() < LAST_DAY < plan.ends.date()
    scaled = next(each for each in company().campaigns if each.campaign_id == plan.campaign_id)
    assert scaled.status == "live"
    assert scaled.campaign_id != "brand"


def test_spend_for_an_order_is_plausible_everywhere(shipments: duckdb.DuckDBPyConnection) -> None:
    share = dict(shipments.execute("SELECT left(pin_code, 3), count(*) / 120 FROM t GROUP BY 1").fetchall())
    states = dict(
        shipments.execute("SELECT left(pin_code, 3), any_value(state) FROM t GROUP BY 1").fetchall()
    )
    live = [each for each in company().campaigns if each.status == "live"]
    spend = dict.fromkeys(share, 0.0)
    for each in live:
        reached = {
            prefix
            for prefix in share
            for target in each.targets
            if target.area.covers(
                Area(level="pin_prefix", code=prefix, country="IN", state=states[prefix], pin_prefix=prefix)
            )
        }
        orders = sum(share[prefix] for prefix in reached)
        for prefix in reached:
            spend[prefix] += float(each.daily_budget.amount) * share[prefix] / orders
    assert all(100 <= spend[prefix] / share[prefix] <= 190 for prefix in share)


def test_budgets_follow_the_number_of_orders() -> None:
    small, large = (
        float(sum(each.daily_budget.amount for each in generate(1, days=1, orders_per_day=size).campaigns))
        for size in (400, 4000)
    )
    assert large == pytest.approx(small * 10, rel=0.01)


# -- files -----------------------------------------------------------------------------------------------


def test_the_campaign_file_has_one_line_for_each_target(tmp_path: Path) -> None:
    written = write_company(tmp_path, company())
    with written.campaigns.open() as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == ["campaign", "name", "status", "daily_budget", "currency", "level", "code"]
    assert len(lines) == sum(len(each.targets) for each in company().campaigns)
    assert [line["code"] for line in lines if line["campaign"] == "delhi-ncr"] == [
        "DELHI",
        "122",
        "121",
        "201",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "campaigns.csv",
        "scale_ups.csv",
        "shipments.parquet",
    ]


def test_the_parquet_file_holds_the_table(tmp_path: Path) -> None:
    written = write_company(tmp_path, company())
    with duckdb.connect() as connection:
        connection.register("generated", company().shipments)
        read = f"read_parquet('{written.shipments}')"
        assert connection.execute(f"SELECT * FROM {read} EXCEPT ALL SELECT * FROM generated").fetchall() == []
        count = connection.execute(f"SELECT count(*) FROM {read}").fetchone()
    assert count == (company().shipments.num_rows,)


def test_an_embedded_company_gets_its_history_once(tmp_path: Path) -> None:
    with EmbeddedCompany.open(tmp_path / "company.db") as opened:
        file = ensure_company(opened)
        before = file.stat().st_mtime_ns
        assert ensure_company(opened) == file
        assert file.stat().st_mtime_ns == before
        assert run(opened.ads.campaigns()) == tuple(
            sorted(company().campaigns, key=lambda each: each.campaign_id)
        )
        assert run(opened.ads.scale_ups()) == company().scale_ups


def test_campaigns_of_the_users_own_are_left_alone(tmp_path: Path) -> None:
    with EmbeddedCompany.open(tmp_path / "company.db") as opened:
        opened.load_campaigns([campaign("mine")])
        ensure_company(opened)
        assert [each.campaign_id for each in run(opened.ads.campaigns())] == ["mine"]
        assert run(opened.ads.scale_ups()) == ()


def test_the_embedded_company_loads_no_arrays_until_history_is_generated() -> None:
    code = "import sys, crossloop.adapters.embedded; print(sorted({'numpy', 'pyarrow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
