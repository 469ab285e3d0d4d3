"""What is known on a day: windows, sums of each level's own, parents, and what is still pending."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from crossloop.loops.logistics_to_marketing.counts import Place, count_shipments
from crossloop.loops.logistics_to_marketing.hierarchy import Known, area_of, geography, known_on
from crossloop.loops.logistics_to_marketing.settings import Settings
from crossloop.signals.entities import Level
from tests.support.shipment_rows import Row, shipment, table_of
from tests.support.simulated_rates import company, counts_of, day

SETTINGS = Settings.parse({})
AS_OF = date(2025, 3, 1)
MATURE = AS_OF - timedelta(days=10)


def known(*rows: Row, as_of: date = AS_OF) -> Known:
    counts = count_shipments(table_of(rows), SETTINGS)
    found = known_on(counts, geography(counts), SETTINGS, as_of)
    assert found is not None
    return found


def paths(*rows: Row, level: Level) -> dict[str, tuple[float, float]]:
    """Orders and failures of the last window by area path."""
    counts = count_shipments(table_of(rows), SETTINGS)
    where = geography(counts)
    found = known_on(counts, where, SETTINGS, AS_OF)
    assert found is not None
    here = found.at(level)
    return {
        area_of(where, found, level, index).path: (
            here.counted.orders[-1, index],
            here.counted.failures[-1, index],
        )
        for index in range(len(here.ids))
    }


def test_the_last_window_ends_when_its_cohort_is_mature() -> None:
    found = known(shipment(ordered_on=MATURE))
    assert (found.first, found.last) == (MATURE - timedelta(days=6), MATURE)
    assert known(shipment(ordered_on=found.first), as_of=AS_OF).at("country").counted.orders[-1, 0] == 1


def test_an_order_younger_than_maturity_does_not_exist_even_when_its_outcome_is_dated() -> None:
    young = shipment(ordered_on=MATURE + timedelta(days=1), outcome_on=MATURE + timedelta(days=2))
    counts = count_shipments(table_of([young]), SETTINGS)
    assert known_on(counts, geography(counts), SETTINGS, AS_OF) is None


def test_an_outcome_dated_after_the_day_is_pending_on_it() -> None:
    late = shipment(ordered_on=MATURE, outcome="returned", outcome_on=AS_OF + timedelta(days=1))
    found = known(late, shipment(ordered_on=MATURE, outcome="lost"))
    assert found.window.pending.sum() == 1
    assert found.window.lost.sum() == 1
    assert found.at("country").counted.orders[-1, 0] == 0
    assert known(late, as_of=AS_OF + timedelta(days=1)).at("country").counted.failures[-1, 0] == 1


def test_every_level_counts_what_names_it() -> None:
    rows = [
        shipment(ordered_on=MATURE, state="PUNJAB", pin_code="160055"),
        shipment(ordered_on=MATURE, state="CHANDIGARH", pin_code="160001", outcome="returned"),
        shipment(ordered_on=MATURE, state="CHANDIGARH", pin_code="160001"),
    ]
    assert paths(*rows, level="country") == {"geo/IN": (3, 1)}
    assert paths(*rows, level="state") == {"geo/IN/CHANDIGARH": (2, 1), "geo/IN/PUNJAB": (1, 0)}
    assert paths(*rows, level="pin_prefix") == {"geo/IN/CHANDIGARH/160": (3, 1)}
    assert paths(*rows, level="pin_code") == {
        "geo/IN/CHANDIGARH/160/160001": (2, 1),
        "geo/IN/CHANDIGARH/160/160055": (1, 0),
    }


def test_what_lies_around_an_area_never_counts_its_own_orders() -> None:
    rows = [
        shipment(ordered_on=MATURE, state="PUNJAB", pin_code="160055"),
        shipment(ordered_on=MATURE, state="CHANDIGARH", pin_code="160001"),
        shipment(ordered_on=MATURE, state="CHANDIGARH", pin_code="160001"),
        shipment(ordered_on=MATURE, state="CHANDIGARH", pin_code="161001"),
    ]
    prefixes = known(*rows).at("pin_prefix")
    assert prefixes.counted.orders[-1].tolist() == [3, 1]
    assert prefixes.around(np.arange(2)).orders[-1].tolist() == [1, 2]


def test_counts_of_a_simulated_company_add_up_at_every_level() -> None:
    simulated = company(days=60, states=4)
    found = known_on(counts := simulated.counts(seed=1), geography(counts), SETTINGS, day(45))
    assert found is not None
    window = simulated.orders[:, 45 - 10 - 6 : 45 - 10 + 1]
    for here in found.levels:
        assert here.counted.orders[-1].sum() == window.sum()


def test_a_place_with_orders_only_outside_the_history_does_not_exist() -> None:
    long_ago = shipment(ordered_on=MATURE - timedelta(days=91), state="KERALA", pin_code="682001")
    assert "geo/IN/KERALA" not in paths(long_ago, shipment(ordered_on=MATURE), level="state")


def test_a_history_shorter_than_a_window_is_one_window() -> None:
    found = known(shipment(ordered_on=MATURE - timedelta(days=2)), shipment(ordered_on=MATURE))
    assert found.daily.orders.shape == (1, 7, 1)


def test_counts_made_with_other_settings_are_refused() -> None:
    counts = counts_of((Place("IN", "KERALA", "682001"),), np.ones((1, 60)), np.zeros((1, 60)))
    with pytest.raises(ValueError, match="other metric or maturity_days"):
        known_on(counts, geography(counts), Settings.parse({"maturity_days": "5"}), day(50))
