"""Every line of an export is used or set aside under one reason, and lines of a shipment are joined."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from crossloop.adapters.files import CANONICAL, ShipmentMapping, read_shipments
from crossloop.adapters.files.mapping import ColumnRule
from crossloop.errors import DataFileError, MappingError
from tests.support.shipment_files import aside, line, shipments_of, write_csv, write_parquet, write_text

AS_OF = date(2025, 6, 12)


def mapping(**changes: object) -> ShipmentMapping:
    """A mapping of an export with all fields, its own words and formats."""
    declared: dict[str, object] = {
        "mapping": 1,
        "name": "shop",
        "columns": {
            "shipment_id": "Order",
            "ordered_on": {"column": "Day", "format": "%d.%m.%Y"},
            "country": "Land",
            "state": "State",
            "pin_code": {"column": "PIN", "drop_decimals": True},
            "outcome": "Status",
            "outcome_on": {"column": "Closed", "format": "%d.%m.%Y"},
            "attempts": "Tries",
            "failed_attempts": "NDR",
            "payment": "Paid",
            "amount": "Value",
            "currency": "Money",
        },
        "constants": {"country": "IN", "currency": "INR"},
        "missing_values": ["n/a"],
        "outcomes": {"DELIVERED": "delivered", "RTO": "returned", "Lost": "lost", "OFD": "in_transit"}
        | {"Cancelled": "not_shipped"},
        "payments": {"COD": "cod", "Card": "prepaid"},
        "states": {"known": ["KARNATAKA", "GOA"], "aliases": {"KA": "KARNATAKA"}},
        "filters": [
            {"column": "By", "keep": ["Shop", "Branch"], "reason": "sent by somebody else"},
            {"column": "Kind", "keep": ["parcel"], "reason": "not a parcel"},
        ],
        "lines_per_shipment": "several",
    }
    return ShipmentMapping.model_validate(declared | changes)


GOOD = {
    "Order": "O1",
    "Day": "30.04.2025",
    "Land": "IN",
    "State": "Goa",
    "PIN": "403001.0",
    "Status": "DELIVERED",
    "Closed": "",
    "Tries": "",
    "NDR": "",
    "Paid": "COD",
    "Value": "100",
    "Money": "INR",
    "By": "Shop",
    "Kind": "parcel",
}


def export(**changes: str) -> dict[str, str]:
    return GOOD | changes


BAD_LINES = {
    "no shipment id": {"Order": " "},
    "no order date": {"Day": "n/a"},
    "later than as_of": {"Day": "13.06.2025"},
    "no address: state or postal code is missing": {"PIN": ""},
    "sent by somebody else": {"By": "Market"},
    "not a parcel": {"Kind": ""},
    "no status": {"Status": ""},
    "never left the warehouse (cancelled or pending)": {"Status": "cancelled"},
    "unreadable postal code: not six digits": {"PIN": "4030"},
    "unknown spelling of the state": {"State": "Atlantis"},
    "unreadable country: not a two-letter code": {"Land": "India"},
    "unreadable currency: not a three-letter code": {"Money": "rupees"},
    "unreadable amount": {"Value": "1.234,50"},
    "unreadable number of attempts": {"Tries": "two"},
    "unreadable number of failed attempts": {"NDR": "-1"},
    "more failed attempts than attempts": {"Tries": "1", "NDR": "2"},
    "outcome dated before the order": {"Closed": "29.04.2025"},
}
"""One way to earn each reason, in the order in which they are asked."""


def test_each_reason_is_counted_with_its_line_and_what_was_written(tmp_path: Path) -> None:
    lines = [
        export(Order=f"O{n}", **bad) if "Order" not in bad else export(**bad)
        for n, bad in enumerate(BAD_LINES.values())
    ]
    file = write_csv(tmp_path / "a.csv", [*lines, export(Order="last")])

    with read_shipments(file, mapping(), as_of=AS_OF) as data:
        assert list(shipments_of(data)) == ["last"]

    assert aside(data.rows) == dict.fromkeys(BAD_LINES, 1)
    assert (data.rows.read, data.rows.used) == (len(BAD_LINES) + 1, 1)
    for number, item in enumerate(data.rows.set_aside, start=2):
        shown = item.examples[0]
        assert shown.line == number
        expected = {column: text.strip() for column, text in BAD_LINES[item.reason].items()}
        assert expected.items() <= {column: text.strip() for column, text in shown.values.items()}.items()


def test_of_several_reasons_the_first_one_counts(tmp_path: Path) -> None:
    wrongs = list(BAD_LINES.values())
    # Line n has every fault from the n-th on: only one of them may be counted for it.
    lines = [export(Order=f"O{n}") for n in range(len(wrongs))]
    for start, one in enumerate(lines):
        for wrong in reversed(wrongs[start:]):
            one.update(wrong)
    file = write_csv(tmp_path / "a.csv", [*lines, export(Order="last")])

    with read_shipments(file, mapping(), as_of=AS_OF) as data:
        counts = aside(data.rows)

    assert sum(counts.values()) == len(wrongs)
    assert counts == dict.fromkeys(BAD_LINES, 1)


def test_examples_are_the_first_three_lines_and_nothing_personal(tmp_path: Path) -> None:
    lines = [export(Order=f"O{n}", Status="Cancelled", Customer="Asha Rao") for n in range(5)]
    file = write_csv(tmp_path / "a.csv", [export(Customer=""), *lines])

    with read_shipments(file, mapping()) as data:
        (item,) = data.rows.set_aside

    assert item.count == 5
    assert [(one.line, one.values) for one in item.examples] == [
        (n, {"Status": "Cancelled"}) for n in (3, 4, 5)
    ]


@pytest.mark.parametrize(
    ("column", "value", "vocabulary"), [("Status", "Teleported", "outcomes"), ("Paid", "IOU", "payments")]
)
@pytest.mark.parametrize(
    "elsewhere", [{}, {"By": "Market"}, {"Day": "13.06.2025"}], ids=["used", "left out", "later"]
)
def test_an_unknown_word_stops_the_reading_on_any_line(
    tmp_path: Path, column: str, value: str, vocabulary: str, elsewhere: dict[str, str]
) -> None:
    lines = [export(), export(Order="O2"), export(Order="O3", **elsewhere, **{column: value})]
    file = write_csv(tmp_path / "a.csv", [*lines, export(Order="O4", **{column: value})])

    with pytest.raises(MappingError) as caught:
        read_shipments(file, mapping(), as_of=AS_OF)

    assert (caught.value.where.file, caught.value.where.line, caught.value.where.field) == (file, 4, column)
    assert f"'{value}'" in str(caught.value)
    assert f"Add it under '{vocabulary}'" in caught.value.next_step


@pytest.mark.parametrize("written", ["04-30-2025", "30.04.25", "31.02.2025", "30.04.2025 10:00", "infinity"])
def test_a_date_that_is_not_written_as_declared_stops_the_reading(tmp_path: Path, written: str) -> None:
    file = write_csv(tmp_path / "a.csv", [export(), export(Order="O2", Day=written)])

    with pytest.raises(MappingError) as caught:
        read_shipments(file, mapping())

    assert str(caught.value.where) == f"{file}:3, field Day"
    assert f"'{written}' is not a day of 1970 to 2199 written as '%d.%m.%Y'" in str(caught.value)


def test_an_outcome_date_is_held_to_its_format_too(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [export(), export(Order="O2", Closed="2025-05-02")])

    with pytest.raises(MappingError) as caught:
        read_shipments(file, mapping())

    assert (caught.value.where.line, caught.value.where.field) == (3, "Closed")


def test_fields_are_translated_into_their_types(tmp_path: Path) -> None:
    lines = [
        export(State="  ka ", PIN=" 560 001 ", Status="rto", Closed="05.05.2025", Tries="3.0", NDR="3")
        | {"Value": "1,20,000.5", "Paid": "card"},
        export(Order="O2", Land="", Money="", Value="", Paid="n/a", Tries="n/a"),
    ]
    file = write_csv(tmp_path / "a.csv", lines)

    with read_shipments(file, mapping()) as data:
        found = shipments_of(data)

    assert found["O1"] == {
        "shipment_id": "O1",
        "ordered_on": date(2025, 4, 30),
        "country": "IN",
        "state": "KARNATAKA",
        "pin_code": "560001",
        "outcome": "returned",
        "outcome_on": date(2025, 5, 5),
        "attempts": 3,
        "failed_attempts": 3,
        "first_attempt_on": None,
        "payment": "prepaid",
        "amount": Decimal("120000.50"),
        "currency": "INR",
    }
    assert found["O2"]["country"] == "IN"
    assert found["O2"]["currency"] == "INR"
    assert (found["O2"]["amount"], found["O2"]["payment"], found["O2"]["attempts"]) == (None, None, None)


@pytest.mark.parametrize(
    ("written", "amount"),
    [("12", "12.00"), ("-3.5", "-3.50"), ("1,234.5", "1234.50"), ("12,34,567", "1234567.00"), ("7.", "7.00")]
    + [(text, None) for text in ("1234,56", "1.234,56", "1e3", "₹5", "1_000", "inf", "1" * 17)],
)
def test_an_amount_is_read_exactly_or_not_at_all(tmp_path: Path, written: str, amount: str | None) -> None:
    file = write_csv(tmp_path / "a.csv", [export(Order="first"), export(Value=written)])

    with read_shipments(file, mapping()) as data:
        found = shipments_of(data)

    if amount is None:
        assert aside(data.rows) == {"unreadable amount": 1}
    else:
        assert found["O1"]["amount"] == Decimal(amount)


def test_lines_of_one_order_become_one_shipment(tmp_path: Path) -> None:
    lines = [
        export(Order="A", Status="DELIVERED", Day="02.05.2025", Closed="09.05.2025", Value="100", Paid=""),
        export(Order="A", Status="RTO", Day="01.05.2025", Closed="07.05.2025", Value="", Tries="1"),
        export(
            Order="A",
            Status="RTO",
            Day="03.05.2025",
            Closed="08.05.2025",
            Value="50.5",
            Tries="2",
            Paid="Card",
        ),
        export(Order="A", Status="Cancelled", Value="900"),
        export(Order="B", Status="OFD"),
        export(Order="B", Status="DELIVERED"),
    ]
    file = write_csv(tmp_path / "a.csv", lines)

    with read_shipments(file, mapping()) as data:
        found = shipments_of(data)

    assert (data.rows.read, data.rows.used) == (6, 5)
    assert found["A"]["outcome"] == "returned"
    assert found["A"]["outcome_on"] == date(2025, 5, 8)
    assert found["A"]["ordered_on"] == date(2025, 5, 1)
    assert found["A"]["amount"] == Decimal("150.50")
    assert found["A"]["attempts"] == 2
    assert found["A"]["payment"] == "cod"
    assert found["B"]["outcome"] == "in_transit"


def test_the_outcome_that_counts_among_several_is_declared(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [export(Status=status) for status in ("OFD", "RTO", "DELIVERED")])
    order = ["delivered", "in_transit", "lost", "returned"]

    with read_shipments(file, mapping(outcome_of_several=order)) as data:
        assert shipments_of(data)["O1"]["outcome"] == "delivered"


@pytest.mark.parametrize("change", [{"PIN": "403002"}, {"State": "KA"}, {"Money": "USD"}, {"Land": "LK"}])
def test_a_line_that_goes_elsewhere_than_its_order_is_set_aside(
    tmp_path: Path, change: dict[str, str]
) -> None:
    file = write_csv(tmp_path / "a.csv", [export(), export(**change), export()])

    with read_shipments(file, mapping()) as data:
        assert shipments_of(data)["O1"]["pin_code"] == "403001"

    (item,) = data.rows.set_aside
    assert item.reason == "another address or currency than the first line of the same shipment"
    assert [one.line for one in item.examples] == [3]


def test_with_one_line_per_shipment_repeated_ids_are_set_aside(tmp_path: Path) -> None:
    lines = [export(Order="A", Status="Cancelled"), export(Order="A"), export(Order="A", Status="RTO")]
    file = write_csv(tmp_path / "a.csv", lines)

    with read_shipments(file, mapping(lines_per_shipment="one")) as data:
        assert shipments_of(data)["A"]["outcome"] == "delivered"

    assert aside(data.rows)["duplicate shipment id"] == 1
    assert data.rows.set_aside[-1].examples[0].line == 4


def test_column_order_and_further_columns_do_not_matter(tmp_path: Path) -> None:
    lines = [
        export(Order=str(n), PIN=f"{403000 + n}", Status=s) for n, s in enumerate(("RTO", "OFD", "Cancelled"))
    ]
    plain = write_csv(tmp_path / "a.csv", lines)
    columns = ["", *sorted(GOOD, reverse=True), "note", "note"]
    other = write_csv(tmp_path / "b.csv.gz", [one | {"note": "x,\ny"} for one in lines], columns=columns)

    with read_shipments(plain, mapping()) as one, read_shipments(other, mapping()) as two:
        assert shipments_of(one) == shipments_of(two)
        assert aside(one.rows) == aside(two.rows)
        assert one.digest != two.digest


def test_quoted_commas_and_line_breaks_keep_the_lines_numbered_as_in_the_file(tmp_path: Path) -> None:
    lines = [
        export(Order="A,\n1", Customer='Rao, "Asha"\nBengaluru\n'),
        export(Order="B", Customer="x", Status="Cancelled"),
    ]
    file = write_csv(tmp_path / "a.csv", lines)

    with read_shipments(file, mapping()) as data:
        assert list(shipments_of(data)) == ["A,\n1"]

    assert data.rows.read == 2
    assert data.rows.set_aside[0].examples[0].line == 6


def test_a_few_malformed_lines_are_set_aside_with_their_lines(tmp_path: Path) -> None:
    text = write_csv(tmp_path / "a.csv", [export(Order=f"O{n}") for n in range(4)]).read_text().splitlines()
    text.insert(2, "O9,30.04.2025")
    text.insert(4, text[1] + ",more")
    text.insert(5, text[1].replace("Goa", '"Goa"!'))
    file = write_text(tmp_path / "b.csv", "\n".join(text))

    with read_shipments(file, mapping()) as data:
        assert len(shipments_of(data)) == 4

    assert data.rows.read == 7
    assert {item.reason: [one.line for one in item.examples] for item in data.rows.set_aside} == {
        "malformed line: broken quotes": [6],
        "malformed line: not as many fields as the header": [3, 5],
    }


def test_lines_swallowed_by_a_stray_quote_are_all_counted(tmp_path: Path) -> None:
    text = write_csv(tmp_path / "a.csv", [export(Order=f"O{n}") for n in range(6)]).read_text().splitlines()
    text[2] = text[2].replace("Goa", '"Goa')
    text[4] = text[4].replace("Goa", 'G"oa')
    file = write_text(tmp_path / "b.csv", "\n".join(text))

    with read_shipments(file, mapping()) as data:
        assert sorted(shipments_of(data)) == ["O0", "O4", "O5"]

    assert (data.rows.read, aside(data.rows)) == (6, {"malformed line: broken quotes": 3})


def test_many_malformed_lines_are_an_error_with_the_first(tmp_path: Path) -> None:
    header = ",".join(GOOD)
    good = ",".join(GOOD.values())
    file = write_text(tmp_path / "a.csv", "\n".join([header, good] + ["O1,2"] * 20))

    with pytest.raises(DataFileError, match="20 of 21 lines do not have the 14 fields") as caught:
        read_shipments(file, mapping())

    assert caught.value.where.line == 3


STATES = {"Goa": "GOA", "ka": "KARNATAKA", "Atlantis": None, "": ""}
OUTCOMES = {
    "DELIVERED": "delivered",
    "rto": "returned",
    "Lost": "lost",
    "OFD": "in_transit",
    "Cancelled": "not_shipped",
}
DIRTY = st.fixed_dictionaries(
    {
        "Order": st.sampled_from(["", "A", "B", "C,1", "D\nE", 'F"']),
        "Day": st.sampled_from(["", "n/a", "01.05.2025", "12.06.2025", "13.06.2025"]),
        "State": st.sampled_from(list(STATES)),
        "PIN": st.sampled_from(["", "403001", "403001.0", "403 002", "40300", "4030011", "PIN"]),
        "Status": st.sampled_from(["", *OUTCOMES]),
        "By": st.sampled_from(["Shop", "shop ", "Market", ""]),
        "Value": st.sampled_from(["", "5", "1,000", "ten"]),
        "Note": st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=5),
    }
)
DIRTY_COLUMNS = ["Order", "Note", "Day", "State", "PIN", "Status", "By", "Value"]
BROKEN = st.sampled_from(["x", "x,y", ",".join("x" * 40), '"x"y', '"x"y,1,2,3'])


def expected_reason(row: dict[str, str]) -> str | None:
    """The rules once more, as plainly as they can be said."""
    pin = row["PIN"].replace(" ", "").removesuffix(".0")
    checks = {
        "no shipment id": row["Order"] == "",
        "no order date": row["Day"] in ("", "n/a"),
        "later than as_of": row["Day"] == "13.06.2025",
        "no address: state or postal code is missing": row["State"] == "" or row["PIN"] == "",
        "sent by somebody else": row["By"].strip().lower() != "shop",
        "no status": row["Status"] == "",
        "never left the warehouse (cancelled or pending)": row["Status"] == "Cancelled",
        "unreadable postal code: not six digits": not (len(pin) == 6 and pin.isdigit()),
        "unknown spelling of the state": STATES[row["State"]] is None,
        "unreadable amount": row["Value"] == "ten",
    }
    return next((reason for reason, holds in checks.items() if holds), None)


@settings(max_examples=15, phases=[Phase.explicit, Phase.generate])
@given(rows=st.lists(DIRTY, max_size=40), broken=st.lists(BROKEN, max_size=4), data=st.data())
def test_no_line_of_a_dirty_export_is_lost(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[str, str]],
    broken: list[str],
    data: st.DataObject,
) -> None:
    surely = {"Order": "Z", "Day": "01.05.2025", "State": "Goa", "PIN": "403001", "Status": "OFD"}
    rows = [*rows, surely | {"By": "Shop", "Value": "", "Note": ""}]
    texts = [as_csv(DIRTY_COLUMNS), *(as_csv([row[name] for name in DIRTY_COLUMNS]) for row in rows)]
    for one in broken:
        texts.insert(data.draw(st.integers(1, len(texts))), one + "\n")
    file = write_text(tmp_path_factory.mktemp("dirty") / "a.csv", "".join(texts))
    columns = {
        "shipment_id": "Order",
        "ordered_on": {"column": "Day", "format": "%d.%m.%Y"},
        "state": "State",
    }
    columns |= {"pin_code": {"column": "PIN", "drop_decimals": True}, "outcome": "Status", "amount": "Value"}
    filters = [{"column": "By", "keep": ["Shop"], "reason": "sent by somebody else"}]

    with read_shipments(file, mapping(columns=columns, filters=filters), as_of=AS_OF) as read:
        found = shipments_of(read)

    reasons = Counter(expected_reason(row) for row in rows)
    places: dict[str, tuple[str, str | None]] = {}
    for row in rows:
        if expected_reason(row) is None:
            place = (row["PIN"].replace(" ", "").removesuffix(".0"), STATES[row["State"]])
            if places.setdefault(row["Order"], place) != place:
                reasons["another address or currency than the first line of the same shipment"] += 1
                reasons[None] -= 1
    for one in broken:
        reasons[
            "malformed line: broken quotes"
            if '"' in one
            else "malformed line: not as many fields as the header"
        ] += 1
    assert read.rows.read == len(rows) + len(broken)
    assert read.rows.used == reasons.pop(None)
    assert aside(read.rows) == reasons
    assert {order: (row["pin_code"], row["state"]) for order, row in found.items()} == places


def as_csv(cells: list[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)  # ends lines with \r\n, and so quotes both characters
    return text.getvalue()


def test_a_canonical_file_needs_no_mapping(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [line(), line(shipment_id="S2", state="goa", outcome="returned")])

    with read_shipments(file) as data:
        assert shipments_of(data)["S2"]["state"] == "GOA"


@pytest.mark.parametrize(
    ("decimal", "written", "amount"),
    [
        (",", "162,92", "162.92"),
        (",", "1.234,50", "1234.50"),
        (",", "12.34.567", "1234567.00"),
        (",", "-5", "-5.00"),
        (",", "1.234", "1234.00"),
        (",", "162.92", None),
        (",", "1,234,567", None),
        (",", "1,234.50", None),
        (".", "1,234.50", "1234.50"),
        (".", "1,234", "1234.00"),
        (".", "162,92", None),
    ],
)
def test_the_declared_mark_stands_before_decimals_and_the_other_one_groups(
    tmp_path: Path, decimal: str, written: str, amount: str | None
) -> None:
    shop = mapping()
    columns = {**shop.columns, "amount": ColumnRule(column="Value", decimal=decimal)}
    file = write_csv(tmp_path / "a.csv", [export(), export(Order="O2", Value=written)])

    with read_shipments(file, shop.model_copy(update={"columns": columns})) as data:
        found = shipments_of(data)

    assert aside(data.rows) == ({} if amount else {"unreadable amount": 1})
    assert (found["O2"]["amount"] if "O2" in found else None) == (Decimal(amount) if amount else None)


@pytest.mark.parametrize("kind", [pa.float64(), pa.decimal128(10, 3), pa.string()])
def test_a_number_of_a_parquet_file_is_the_same_whatever_mark_is_declared(
    tmp_path: Path, kind: pa.DataType
) -> None:
    """``0.125`` as text with a point would be 125 where points group."""
    amount = "0,125" if kind == pa.string() else "0.125"
    file = write_parquet(tmp_path / "a.parquet", [line(amount=amount)], {"amount": kind})
    fields = {name: ColumnRule(column=name) for name in line()}
    declared = CANONICAL.model_copy(
        update={"columns": {**fields, "amount": ColumnRule(column="amount", decimal=",")}}
    )

    with read_shipments(file, declared) as data:
        assert shipments_of(data)["S1"]["amount"] == Decimal("0.13")
