"""Detection as of a day: what raises, what stays open, what clears, and what is not known yet."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from crossloop.canonical import canonical_json
from crossloop.loops.logistics_to_marketing.counts import Counts, Place, count_shipments
from crossloop.loops.logistics_to_marketing.detection import Detection, detect
from crossloop.loops.logistics_to_marketing.settings import Settings
from crossloop.money import Money
from tests.support.shipment_rows import Row, shipment, table_of
from tests.support.simulated_rates import FIRST, Simulated, company, counts_of, day

RISK = Settings.parse({"threshold": "0.15"})
STATE = "geo/IN/STATE 03"


def raised(detection: Detection) -> list[str]:
    return [one.area.path for one in detection.findings if one.raises]


def through(
    counts: Counts, days: Iterable[int], settings: Settings = RISK
) -> tuple[list[tuple[str, int, str]], set[str]]:
    """Look day by day, keeping conditions; return what happened to them and what is open in the end."""
    opened: set[str] = set()
    events: list[tuple[str, int, str]] = []
    for number in days:
        for one in detect(counts, settings, day(number), sorted(opened)).findings:
            if one.raises:
                opened.add(one.area.path)
                events.append(("opened", number, one.area.path))
            elif one.clears:
                opened.remove(one.area.path)
                events.append(("cleared", number, one.area.path))
    return events, opened


@pytest.mark.parametrize("seed", range(3))
def test_a_lasting_change_raises_soon_after_its_orders_are_mature(seed: int) -> None:
    counts = company(seed=seed).raised("STATE 03", 0.3, 50).counts(seed)
    events, _ = through(counts, range(56, 72))
    assert [event for event in events if event[2].startswith(STATE)]
    first = next(number for _, number, path in events if path.startswith(STATE))
    assert 60 <= first <= 70


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("length", [1, 2])
def test_a_spike_of_one_or_two_days_never_raises(seed: int, length: int) -> None:
    counts = company(seed=seed).raised("STATE 03", 0.8, 60, 59 + length).counts(seed)
    events, _ = through(counts, range(68, 92, 3))
    assert not [event for event in events if event[2].startswith(STATE)]


def test_a_spike_is_found_as_transient() -> None:
    counts = company().raised("STATE 03", 0.8, 60, 61).counts(1)
    spikes = [one for one in detect(counts, RISK, day(72)).findings if one.area.path.startswith(STATE)]
    assert spikes
    assert {one.assessment for one in spikes} == {"transient"}
    assert not any(one.raises for one in spikes)


def test_an_excess_of_earlier_weeks_is_structural_and_a_fresh_one_undetermined() -> None:
    settings = RISK.model_copy(update={"level": "state"})
    counts = company(orders=12.0).raised("STATE 03", 0.3, 50).counts(1)
    assessed = [detect(counts, settings, day(number)).findings[0].assessment for number in (67, 90)]
    assert assessed == ["undetermined", "structural"]


def test_a_condition_clears_when_the_rate_is_back_and_stays_cleared() -> None:
    counts = company(days=160).raised("STATE 03", 0.3, 30, 79).counts(1)
    events, opened = through(counts, range(45, 155, 2), RISK.model_copy(update={"level": "state"}))
    kinds = [kind for kind, _, _ in events]
    assert kinds == ["opened", "cleared"]
    assert 90 <= events[1][1] <= 125
    assert opened == set()


@pytest.mark.parametrize("seed", range(3))
def test_a_rate_that_hovers_at_the_threshold_does_not_make_a_condition_flap(seed: int) -> None:
    counts = company(days=250, orders=6.0, seed=seed).raised("STATE 03", 0.15, 0).counts(seed)
    events, _ = through(counts, range(40, 245, 5), RISK.model_copy(update={"level": "state"}))
    assert len([event for event in events if event[2] == STATE]) <= 2


def test_an_area_without_new_orders_never_clears() -> None:
    simulated = company(days=200).raised("STATE 03", 0.3, 0)
    simulated.orders[simulated.of("STATE 03"), 80:] = 0
    counts = simulated.counts(1)
    later = detect(counts, RISK, day(120), [STATE])
    found = next(one for one in later.findings if one.area.path == STATE)
    assert found.orders == 0
    assert found.still_open
    assert not found.clears
    long_after = detect(counts, RISK, day(195), [STATE])
    assert long_after.unseen == (STATE,)


def test_few_good_orders_are_not_enough_to_clear() -> None:
    simulated = company(days=160).raised("STATE 03", 0.3, 0, 79).raised("STATE 03", 0.0, 80)
    state = np.flatnonzero(simulated.of("STATE 03"))
    simulated.orders[state, 80:] = 0
    simulated.orders[state[0], 80:] = 2
    found = detect(simulated.counts(1), RISK, day(150), [STATE]).findings[0]
    assert found.orders == 14
    assert not found.clears


def test_between_the_two_thresholds_an_area_neither_raises_nor_clears() -> None:
    """The deeper the clearing threshold, the less sure it is that the rate is below it."""
    counts = company(days=160, orders=8.0).raised("STATE 03", 0.11, 0).counts(1)
    found = [
        detect(counts, RISK.model_copy(update={"clear_threshold": clear}), day(150), [STATE]).findings[0]
        for clear in (0.15, 0.1, 0.05)
    ]
    assert [one.clears for one in found] == [True, False, False]
    assert not any(one.raises for one in found)
    assert found[0].clear_confidence == pytest.approx(1 - found[0].confidence)


def test_what_is_open_does_not_raise_again_nor_does_anything_inside_it() -> None:
    simulated = company(orders=8.0).raised("109", 0.5, 0)
    counts = simulated.counts(1)
    prefix = f"{STATE}/109"
    assert raised(detect(counts, RISK, day(100))) == [prefix]
    assert raised(detect(counts, RISK, day(100), [prefix])) == []
    inside_open = detect(counts, RISK, day(100), [STATE])
    assert raised(inside_open) == []
    assert {one.area.path for one in inside_open.findings} == {STATE, prefix}


def test_an_open_area_is_found_again_when_its_ancestors_have_changed() -> None:
    counts = company(orders=8.0).raised("109", 0.5, 0).counts(1)
    moved = "geo/IN/ANOTHER STATE/109"
    found = next(one for one in detect(counts, RISK, day(100), [moved]).findings if one.still_open)
    assert found.area.path == moved
    assert found.area.state == "ANOTHER STATE"


def test_an_open_area_below_the_level_of_the_settings_is_still_looked_at() -> None:
    counts = company().counts(1)
    pin = "geo/IN/STATE 03/109/109001"
    detection = detect(counts, RISK.model_copy(update={"level": "state"}), day(100), [pin])
    assert [one.area.path for one in detection.findings] == [pin]


def test_nothing_actionable_is_said_with_the_highest_area() -> None:
    (note,) = detect(company().counts(1), RISK, day(100)).notes
    assert note.startswith("Nothing actionable: no area is above 15% in its window")
    assert "Highest is" in note


def test_too_few_orders_anywhere_is_said() -> None:
    counts = counts_of((Place("IN", "KERALA", "682001"),), np.ones((1, 60)), np.zeros((1, 60)))
    (note,) = detect(counts, RISK, day(50)).notes
    assert note.startswith("Nothing actionable: no area has 20 orders with a known outcome")


@pytest.mark.parametrize("on", [None, 5, -100])
def test_without_an_order_of_an_age_that_is_looked_at_nothing_is_said(on: int | None) -> None:
    rows = [] if on is None else [shipment(ordered_on=FIRST + timedelta(days=on))]
    counts = count_shipments(table_of(rows), RISK)
    detection = detect(counts, RISK, day(10), [STATE])
    assert detection.findings == ()
    assert detection.unseen == (STATE,)
    assert detection.notes == (
        f"No order is between 10 and 101 days old on {day(10)}, the ages that are looked at: "
        "nothing can be said.",
    )


def test_many_pending_orders_are_warned_of() -> None:
    on = FIRST + timedelta(days=3)
    rows = [shipment(ordered_on=on)] * 30 + [shipment(ordered_on=on, outcome="in_transit")] * 10
    notes = detect(count_shipments(table_of(rows), RISK), RISK, day(15)).notes
    assert any(note.startswith("25% of the window's orders have no outcome yet.") for note in notes)


@pytest.mark.parametrize(("after", "warns"), [(9, False), (14, True)])
def test_failures_that_become_known_after_maturity_are_warned_of(after: int, warns: bool) -> None:
    ordered = [FIRST + timedelta(days=number) for number in range(40)]
    back = [
        shipment(ordered_on=on, outcome="returned", outcome_on=on + timedelta(days=after)) for on in ordered
    ]
    rows = back + [shipment(ordered_on=on, outcome_on=on + timedelta(days=4)) for on in ordered]
    notes = detect(count_shipments(table_of(rows), RISK), RISK, day(40)).notes
    assert any("became known only after maturity_days (10)" in note for note in notes) is warns


def test_a_finding_says_what_marketing_needs_to_know() -> None:
    on = FIRST + timedelta(days=20)
    bad = shipment(ordered_on=on, outcome="returned", payment="cod", amount=Decimal(300))
    good = shipment(ordered_on=on, state="GOA", pin_code="403001", payment="prepaid", amount=Decimal(900))
    waits = shipment(ordered_on=on, outcome="in_transit", payment="prepaid", amount=Decimal(600))
    counts = count_shipments(table_of([bad] * 30 + [good] * 60 + [waits] * 10), RISK)
    found = detect(counts, RISK, day(30), ["geo/IN/KARNATAKA"]).findings[0]
    assert (found.orders, found.failures, found.pending, found.lost) == (30, 30, 10, 0)
    assert found.rate == 1.0
    assert found.orders_per_day == pytest.approx(40 / 7)
    assert found.order_value == Money.of(375, "INR")
    assert found.cod_share == 0.75
    assert found.area_order_share == {"geo/IN": 0.4}
    assert found.share_of_country == {
        "geo/IN/GOA": 0.6,
        "geo/IN/KARNATAKA": 0.4,
        "geo/IN/KARNATAKA/560": 0.4,
    }
    assert (found.first, found.last) == (day(14), day(20))


def test_a_finding_says_what_lies_beside_the_area_at_every_level() -> None:
    on = FIRST + timedelta(days=20)

    def orders(number: int, state: str, pin: str) -> list[Row]:
        return [shipment(ordered_on=on, state=state, pin_code=pin, outcome="returned")] * number

    # Most orders to 403 are Goa's, so it lies there, with all of its orders.
    rows = orders(40, "KARNATAKA", "560001") + orders(20, "KARNATAKA", "560002")
    rows += orders(10, "KARNATAKA", "403001") + orders(30, "GOA", "403001")
    counts = count_shipments(table_of(rows), RISK)
    opened = ["geo/IN/KARNATAKA/560/560001", "geo/IN/GOA"]
    found = {one.area.code: one for one in detect(counts, RISK, day(30), opened).findings}
    states = {"geo/IN/KARNATAKA": 0.7, "geo/IN/GOA": 0.3}
    assert found["GOA"].share_of_country == {**states, "geo/IN/GOA/403": 0.4}
    assert found["560001"].share_of_country == {
        **states,
        "geo/IN/KARNATAKA/560": 0.6,
        "geo/IN/KARNATAKA/560/560001": 0.4,
        "geo/IN/KARNATAKA/560/560002": 0.2,
    }


def test_of_very_many_areas_the_largest_are_said() -> None:
    on = FIRST + timedelta(days=20)
    large = [shipment(ordered_on=on, outcome="returned")] * 30
    small = [shipment(ordered_on=on, state=f"S {number:03}", pin_code="999001") for number in range(600)]
    counts = count_shipments(table_of(small + large), RISK)
    (found,) = (one for one in detect(counts, RISK, day(30)).findings if one.area.code == "KARNATAKA")
    assert len(found.share_of_country) == 500
    assert found.share_of_country["geo/IN/KARNATAKA"] == pytest.approx(30 / 630)


def test_the_figures_looked_at_are_canonical_json() -> None:
    looked_at = detect(company(days=60).counts(1), RISK, day(50)).looked_at
    assert canonical_json(looked_at)
    assert looked_at["levels"]["state"]["areas"] == 12


def test_counting_for_the_day_alone_gives_the_same_detection() -> None:
    rows = shipments_of(company(states=4, days=120, orders=1.5).raised("STATE 03", 0.4, 40))
    table = table_of(rows)
    whole, only = count_shipments(table, RISK), count_shipments(table, RISK, as_of=day(110))
    assert detect(only, RISK, day(110)) == detect(whole, RISK, day(110))


@pytest.mark.parametrize("dated", [False, True])
def test_no_figure_of_a_day_depends_on_what_was_not_known_on_it(dated: bool) -> None:
    """Everything later is changed; what is found on the day is the same, bit for bit."""
    on = day(75)
    rows = shipments_of(company(states=4, days=100, orders=1.5).raised("STATE 03", 0.4, 30), dated=dated)
    changed = [changed_later(row, on) for row in rows]
    new = [shipment(ordered_on=on + timedelta(days=1), state="NEW", pin_code="999001", currency="AED")]
    assert sum(one != other for one, other in zip(rows, changed, strict=True)) > 1000
    was = detect(count_shipments(table_of(rows), RISK), RISK, on, ["geo/IN/STATE 00"])
    now = detect(count_shipments(table_of(changed + new), RISK), RISK, on, ["geo/IN/STATE 00"])
    assert raised(was)
    assert now == was


def changed_later(row: Row, on: date) -> Row:
    """The same shipment with everything changed that was not known on a day."""
    ordered, ended = row["ordered_on"], row["outcome_on"]
    assert isinstance(ordered, date)
    other = "delivered" if row["outcome"] == "returned" else "returned"
    if ordered > on:
        return {**row, "outcome": other, "state": "STATE 02", "pin_code": "106000", "amount": Decimal(7)}
    if isinstance(ended, date):
        later = ended + timedelta(days=3)
        return {**row, "outcome": other, "outcome_on": later} if ended > on else row
    return {**row, "outcome": other} if ordered > on - timedelta(days=RISK.maturity_days) else row


def shipments_of(simulated: Simulated, *, dated: bool = False) -> list[Row]:
    """Draw single shipments; returns become known later than deliveries."""
    rng = np.random.default_rng(1)
    rows: list[Row] = []
    for place, of_place in zip(simulated.places, range(len(simulated.places)), strict=True):
        for number in range(simulated.orders.shape[1]):
            for _ in range(int(simulated.orders[of_place, number])):
                back = rng.random() < simulated.rates[of_place, number]
                ended = day(number) + timedelta(days=int(rng.integers(8, 16) if back else rng.integers(3, 8)))
                rows.append(
                    shipment(
                        ordered_on=day(number),
                        state=place.state,
                        pin_code=place.pin_code,
                        outcome="returned" if back else "delivered",
                        outcome_on=ended if dated else None,
                    )
                )
    return rows


def test_an_area_with_much_of_its_window_pending_does_not_clear() -> None:
    """Deliveries are known first: where the data ends early, they alone look like a cure."""
    settings = RISK.model_copy(update={"min_orders": 10})
    days = [FIRST + timedelta(days=number) for number in range(60)]
    delivered = [shipment(ordered_on=on) for on in days for _ in range(20)]
    known = count_shipments(table_of(delivered), settings)
    pending = count_shipments(
        table_of(
            delivered + [shipment(ordered_on=on, outcome="in_transit") for on in days for _ in range(5)]
        ),
        settings,
    )
    path = f"geo/{known.places[0].country}/{known.places[0].state}"
    cleared = {
        name: next(one for one in detect(counts, settings, day(60), [path]).findings if one.area.path == path)
        for name, counts in (("known", known), ("pending", pending))
    }
    assert cleared["known"].clears
    assert not cleared["pending"].clears
    assert cleared["pending"].still_open
