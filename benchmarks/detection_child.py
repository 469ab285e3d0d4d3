"""One measurement of the detection benchmark, in a process of its own."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

_DAYS = 120
_FIRST = "2026-01-01"
_PINS = 19_000


def main() -> None:
    what, file, number, window = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    if what == "generate":
        generate(file, number)
        print(json.dumps({}))
        return
    work: Callable[[Path, int], None] = {"bare": bare, "whole": whole}[what]
    best = float("inf")
    for _ in range(number):
        began = time.perf_counter()
        work(file, window)
        best = min(best, time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": round(best, 4), "peak_mb": round(peak, 1)}))


def bare(file: Path, window: int) -> None:
    """The lower bound: rolling windows of every pin code and day, nothing else."""
    connection = duckdb.connect()
    connection.sql(
        f"""
        WITH daily AS (
            SELECT pin_code, ordered_on,
                   count(*) FILTER (outcome IN ('delivered', 'returned')) AS orders,
                   count(*) FILTER (outcome = 'returned') AS failures
            FROM read_parquet('{file}') GROUP BY ALL
        )
        SELECT pin_code, ordered_on,
               sum(orders) OVER rolling AS orders, sum(failures) OVER rolling AS failures
        FROM daily
        WINDOW rolling AS (
            PARTITION BY pin_code ORDER BY ordered_on
            RANGE BETWEEN INTERVAL {window - 1} DAYS PRECEDING AND CURRENT ROW
        )
        """
    ).to_arrow_table()
    connection.close()


def whole(file: Path, window: int) -> None:
    """What a run does with the file, down to the findings."""
    from crossloop.adapters.files import read_shipments
    from crossloop.loops.logistics_to_marketing.counts import count_shipments
    from crossloop.loops.logistics_to_marketing.detection import detect
    from crossloop.loops.logistics_to_marketing.settings import Settings

    settings = Settings(window_days=window)
    shipments = read_shipments(file)
    day = shipments.last_day
    detect(count_shipments(shipments.table, settings, as_of=day), settings, day)
    shipments.close()


def generate(file: Path, shipments: int) -> None:
    """Write canonical shipments: skewed volumes over 19,000 pin codes, rates by state and pin code."""
    connection = duckdb.connect()
    connection.sql("SELECT setseed(0.42)")
    connection.sql(
        f"""
        CREATE TABLE pins AS
        SELECT lpad((110000 + (i * 37) % 740000)::VARCHAR, 6, '0') AS pin_code,
               'STATE ' || lpad((((110000 + (i * 37) % 740000) // 25000))::VARCHAR, 2, '0') AS state,
               0.05 + 0.20 * (((110000 + (i * 37) % 740000) // 25000) % 5) / 5 + 0.05 * random() AS rate,
               sum(1 / (1 + (i * 7919) % {_PINS})) OVER (ORDER BY i) AS upto
        FROM range({_PINS}) AS t(i)
        """
    )
    connection.sql(
        """
        CREATE TABLE slots AS
        SELECT slot, pin_code, state, rate
        FROM (
            SELECT range AS slot, (range + 0.5) / 200000 * (SELECT max(upto) FROM pins) AS point
            FROM range(200000)
        ) ASOF JOIN pins ON point <= upto
        """
    )
    connection.sql(
        f"""
        COPY (
            SELECT k::VARCHAR AS shipment_id, day AS ordered_on, 'IN' AS country, state, pin_code,
                   CASE WHEN draw < 0.003 THEN 'lost' WHEN age < takes THEN 'in_transit'
                        WHEN failing THEN 'returned' ELSE 'delivered' END AS outcome,
                   CASE WHEN draw >= 0.003 AND age < takes THEN NULL ELSE day + takes END AS outcome_on,
                   (1 + failing::INT)::INTEGER AS attempts, failing::INTEGER AS failed_attempts,
                   (day + 2)::DATE AS first_attempt_on,
                   CASE WHEN draw < 0.6 THEN 'cod' ELSE 'prepaid' END AS payment,
                   (200 + 1500 * draw)::DECIMAL(18, 2) AS amount, 'INR' AS currency
            FROM (
                SELECT k, day, age, draw, state, pin_code, other < rate AS failing,
                       CASE WHEN other < rate THEN 8 + (draw * 8)::INT ELSE 2 + (draw * 4)::INT END AS takes
                FROM (
                    SELECT range AS k, (DATE '{_FIRST}' + (range * {_DAYS} // {shipments})::INT)::DATE AS day,
                           {_DAYS} - (range * {_DAYS} // {shipments})::INT AS age,
                           (random() * 199999)::INT AS slot, random() AS draw, random() AS other
                    FROM range({shipments})
                ) JOIN slots USING (slot)
            ) ORDER BY k
        ) TO '{file}' (FORMAT parquet)
        """
    )
    connection.close()


if __name__ == "__main__":
    main()
