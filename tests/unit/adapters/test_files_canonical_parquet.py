"""A canonical Parquet file is judged where it lies, by the same reasons as any other file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from crossloop.adapters.files import canonical_parquet, read_shipments
from crossloop.errors import DataFileError, InputError, MappingError
from crossloop.signals.entities import SHIPMENT_COLUMNS
from tests.support.shipment_files import aside, line, shipments_of, write_csv, write_parquet

AS_OF = date(2025, 6, 12)

BAD_ROWS = {
    "no shipment id": {"shipment_id": ""},
    "no order date": {"ordered_on": ""},
    "order date outside the years 1970 to 2199": {"ordered_on": "0022-04-30"},
    "later than as_of": {"ordered_on": "2025-06-13"},
    "no address: state or postal code is missing": {"state": ""},
    "no status": {"outcome": ""},
    "never left the warehouse (cancelled or pending)": {"outcome": "not_shipped"},
    "unreadable postal code: not six digits": {"pin_code": "56000a"},
    "unknown spelling of the state": {"state": "Karnataka"},
    "unreadable country: not a two-letter code": {"country": ""},
    "unreadable currency: not a three-letter code": {"currency": "rs"},
    "unreadable amount": {"amount": "99999999999999999.0000"},
    "unreadable number of attempts": {"attempts": "-1"},
    "unreadable number of failed attempts": {"failed_attempts": "3000000000"},
    "more failed attempts than attempts": {"attempts": "1", "failed_attempts": "2"},
    "outcome dated before the order": {"outcome_on": "2025-04-29"},
}
"""One way to earn each reason, in the order in which they are asked."""

WIDE = {"amount": pa.decimal128(30, 4), "attempts": pa.int64(), "failed_attempts": pa.int64()}
FULL = line(
    outcome_on="2025-05-05", attempts="2", failed_attempts="1", payment="cod", amount="10.50", currency="INR"
)


def test_each_reason_is_counted_with_its_row_and_what_was_written(tmp_path: Path) -> None:
    rows = [FULL | {"shipment_id": f"S{n}"} | bad for n, bad in enumerate(BAD_ROWS.values(), start=2)]
    file = write_parquet(tmp_path / "a.parquet", [FULL, *rows], WIDE)

    with read_shipments(file, as_of=AS_OF) as data:
        assert list(shipments_of(data)) == ["S1"]

    assert aside(data.rows) == dict.fromkeys(BAD_ROWS, 1)
    for number, item in enumerate(data.rows.set_aside, start=2):
        (example,) = item.examples
        assert example.line == number
        assert BAD_ROWS[item.reason].items() <= example.values.items()


def test_of_several_reasons_the_first_one_counts(tmp_path: Path) -> None:
    wrongs = list(BAD_ROWS.values())
    rows = [FULL | {"shipment_id": f"S{n}"} for n in range(len(wrongs))]
    for start, row in enumerate(rows):
        for wrong in reversed(wrongs[start:]):
            row.update(wrong)
    file = write_parquet(tmp_path / "a.parquet", [*rows, FULL], WIDE)

    with read_shipments(file, as_of=AS_OF) as data:
        assert aside(data.rows) == dict.fromkeys(BAD_ROWS, 1)


def test_the_table_has_the_canonical_columns_and_types_whatever_the_file_has(tmp_path: Path) -> None:
    few = write_parquet(tmp_path / "a.parquet", [line()])
    wide = write_parquet(tmp_path / "b.parquet", [FULL | {"note": "x"}], WIDE)

    for file in (few, wide):
        with read_shipments(file) as data:
            schema = data.table.schema()
            assert {name: str(kind).replace(" ", "") for name, kind in schema.items()} == SHIPMENT_COLUMNS


def test_a_clean_file_is_a_bare_scan(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", [FULL])

    with read_shipments(file, as_of=AS_OF) as data:
        assert "WHERE" not in str(data.table.compile())
        assert "JOIN" not in str(data.table.compile())


@pytest.mark.parametrize(
    "ids", [["A", "B", "A", "B", "A"], ["A", "A", "B", "B", "B"]], ids=["mixed", "in order"]
)
def test_of_a_repeated_id_the_first_row_is_used(tmp_path: Path, ids: list[str]) -> None:
    rows = [line(shipment_id=id, pin_code=f"56000{n}") for n, id in enumerate(ids)]
    late = line(shipment_id="A", ordered_on="2025-06-13")
    file = write_parquet(tmp_path / "a.parquet", [late, *rows, line(shipment_id="C")])

    with read_shipments(file, as_of=AS_OF) as data:
        found = shipments_of(data)

    assert found["A"]["pin_code"] == f"56000{ids.index('A')}"
    assert found["B"]["pin_code"] == f"56000{ids.index('B')}"
    assert aside(data.rows) == {"later than as_of": 1, "duplicate shipment id": 3}
    again = [n + 2 for n, id in enumerate(ids) if id in ids[:n]]
    assert [one.line for one in data.rows.set_aside[-1].examples] == again


@pytest.mark.parametrize("form", ["S{:06d}", "S{}"], ids=["padded", "counted"])
def test_an_id_that_repeats_far_from_its_first_row_is_found(tmp_path: Path, form: str) -> None:
    rows = [line(shipment_id=form.format(n)) for n in range(20_000)]
    unique = write_parquet(tmp_path / "a.parquet", rows)
    again = write_parquet(tmp_path / "b.parquet", [*rows, line(shipment_id=form.format(7))])

    with read_shipments(unique) as one, read_shipments(again) as two:
        assert aside(one.rows) == {}
        assert aside(two.rows) == {"duplicate shipment id": 1}


@pytest.mark.parametrize("same", [1, 2047, 2048, 4096, 6143])
def test_an_id_that_repeats_between_batches_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same: int
) -> None:
    monkeypatch.setattr(canonical_parquet, "_AT_A_TIME", 2048)
    ids = [f"S{number:05d}" for number in range(6144)]
    ids[same] = ids[same - 1]
    with read_shipments(write_parquet(tmp_path / "a.parquet", [line(shipment_id=id) for id in ids])) as data:
        assert (data.rows.used, aside(data.rows)) == (6143, {"duplicate shipment id": 1})


@pytest.mark.parametrize(("field", "word"), [("outcome", "Delivered"), ("payment", "cash")])
def test_a_word_that_is_not_canonical_is_an_error_with_its_row(tmp_path: Path, field: str, word: str) -> None:
    bad = FULL | {"shipment_id": "S3", field: word}
    file = write_parquet(tmp_path / "a.parquet", [FULL, FULL | {"shipment_id": "S2"}, bad])

    with pytest.raises(DataFileError) as caught:
        read_shipments(file)

    assert (caught.value.where.line, caught.value.where.field) == (3, field)
    assert f"'{word}'" in str(caught.value)


@pytest.mark.parametrize(
    ("types", "changes"),
    [
        ({"pin_code": pa.int64()}, {}),
        ({"ordered_on": pa.timestamp("us")}, {}),
        ({"ordered_on": pa.string()}, {}),
        ({"amount": pa.float64()}, {"amount": "10.5"}),
        ({"attempts": pa.float64()}, {"attempts": "2"}),
        ({"state": pa.dictionary(pa.int32(), pa.string())}, {}),
        ({"attempts": pa.null()}, {"attempts": ""}),
    ],
)
def test_other_types_of_the_same_values_are_read_the_same(
    tmp_path: Path, types: dict[str, pa.DataType], changes: dict[str, str]
) -> None:
    plain = write_parquet(tmp_path / "a.parquet", [FULL | changes])
    other = write_parquet(tmp_path / "b.parquet", [FULL | changes], types)

    with read_shipments(plain) as one, read_shipments(other) as two:
        assert shipments_of(one) == shipments_of(two)


def test_times_with_a_zone_are_refused_because_the_day_is_not_known(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", [line()], {"ordered_on": pa.timestamp("us", "UTC")})

    with pytest.raises(MappingError, match="zone UTC") as caught:
        read_shipments(file)

    assert caught.value.where.field == "ordered_on"


def test_a_missing_column_is_an_error_that_lists_what_there_is(tmp_path: Path) -> None:
    row = {name: text for name, text in line().items() if name != "outcome"}

    with pytest.raises(MappingError, match="no column 'outcome'") as caught:
        read_shipments(write_parquet(tmp_path / "a.parquet", [row]))

    assert "pin_code" in str(caught.value)


def test_a_file_without_rows_is_an_error(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", [line()])
    pa.parquet.write_table(pa.parquet.read_table(file).slice(0, 0), file)

    with pytest.raises(DataFileError, match="has no rows"):
        read_shipments(file)


def test_damaged_pages_are_an_error(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", [line(shipment_id=f"S{n}") for n in range(500)])
    whole = bytearray(file.read_bytes())
    whole[4:400] = bytes(len(whole[4:400]))
    file.write_bytes(bytes(whole))

    with pytest.raises(InputError, match="cannot be read") as caught:
        read_shipments(file)

    assert caught.value.where.file == file


ROWS = st.fixed_dictionaries(
    {
        "shipment_id": st.sampled_from(["", "A", "B", "C", "D", "E"]),
        "ordered_on": st.sampled_from(["", "2025-05-01", "2025-06-12", "2025-06-13"]),
        "country": st.sampled_from(["IN", "", "I1"]),
        "state": st.sampled_from(["", "GOA", "KERALA", "A/B"]),
        "pin_code": st.sampled_from(["", "403001", "40300", "40300x"]),
        "outcome": st.sampled_from(["", "delivered", "returned", "lost", "in_transit", "not_shipped"]),
        "outcome_on": st.sampled_from(["", "2025-05-01", "2025-06-12"]),
        "attempts": st.sampled_from(["", "0", "2", "-1"]),
        "failed_attempts": st.sampled_from(["", "0", "1", "3"]),
        "payment": st.sampled_from(["", "cod", "prepaid"]),
        "amount": st.sampled_from(["", "1.50", "-2.00"]),
        "currency": st.sampled_from(["", "INR", "USD", "rs."]),
    }
)


@settings(max_examples=12, phases=[Phase.explicit, Phase.generate])
@given(rows=st.lists(ROWS, max_size=60), as_of=st.sampled_from([None, AS_OF]))
def test_the_same_rows_give_the_same_account_as_csv_and_as_parquet(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]], as_of: date | None
) -> None:
    folder = tmp_path_factory.mktemp("same")
    rows = [*rows, dict.fromkeys(SHIPMENT_COLUMNS, "") | line(shipment_id="Z")]
    texts = write_csv(folder / "a.csv", rows)
    typed = write_parquet(folder / "a.parquet", rows)

    with read_shipments(texts, as_of=as_of) as one, read_shipments(typed, as_of=as_of) as two:
        assert aside(two.rows) == aside(one.rows)
        assert (two.rows.read, two.rows.used) == (one.rows.read, one.rows.used)
        assert shipments_of(two) == shipments_of(one)
        facts = ("first_day", "last_day", "has_ndr", "has_outcome_days", "has_payment", "currency")
        assert [getattr(two, name) for name in facts] == [getattr(one, name) for name in facts]
        in_csv = {item.reason: [example.line - 1 for example in item.examples] for item in one.rows.set_aside}
        assert {item.reason: [one.line for one in item.examples] for item in two.rows.set_aside} == in_csv
