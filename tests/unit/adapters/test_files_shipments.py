"""Reading shipments: what is known about them, and one clear error for each bad input."""

from __future__ import annotations

import gzip
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from crossloop.adapters.files import CANONICAL, Geography, ShipmentData, read_shipments
from crossloop.adapters.files.mapping import ColumnRule
from crossloop.errors import DataFileError, InputError, MappingError
from tests.support.shipment_files import line, shipments_of, write_csv, write_parquet, write_text

LINES = [
    line(shipment_id="A", ordered_on="2025-05-02", currency="INR"),
    line(
        shipment_id="B", ordered_on="2025-05-01", outcome="returned", outcome_on="2025-05-09", payment="cod"
    ),
    line(shipment_id="C", ordered_on="2025-05-03", outcome="in_transit", attempts="1", failed_attempts="0"),
    line(shipment_id="D", ordered_on="2025-04-01", outcome="not_shipped", currency="USD"),
]


@pytest.fixture(params=["a.csv", "a.csv.gz", "a.parquet"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The same four lines in each kind of file."""
    path = tmp_path / request.param
    columns = list(dict.fromkeys(name for one in LINES for name in one))
    lines = [{name: one.get(name, "") for name in columns} for one in LINES]
    return write_parquet(path, lines) if path.suffix == ".parquet" else write_csv(path, lines)


def facts(data: ShipmentData) -> tuple[object, ...]:
    return (
        data.first_day,
        data.last_day,
        data.has_ndr,
        data.has_outcome_days,
        data.has_payment,
        data.currency,
    )


def test_the_data_says_what_it_knows_about_the_shipments_that_are_used(file: Path) -> None:
    with read_shipments(file) as data:
        assert sorted(shipments_of(data)) == ["A", "B", "C"]
        assert facts(data) == (date(2025, 5, 1), date(2025, 5, 3), True, True, True, "INR")
        assert data.file == file
        assert len(data.digest) == 64


def test_an_as_of_day_hides_later_orders_from_every_fact(file: Path) -> None:
    with read_shipments(file, as_of=date(2025, 5, 2)) as data:
        assert sorted(shipments_of(data)) == ["A", "B"]
        assert facts(data) == (date(2025, 5, 1), date(2025, 5, 2), False, True, True, "INR")


def test_a_mapping_that_says_what_is_assumed_changes_nothing(file: Path) -> None:
    with read_shipments(file) as one, read_shipments(file, CANONICAL) as two:
        assert shipments_of(one) == shipments_of(two)
        assert one.rows == two.rows


def test_the_currency_is_unknown_when_there_are_several(tmp_path: Path) -> None:
    lines = [line(shipment_id="A", currency="INR"), line(shipment_id="B", currency="USD")]

    with read_shipments(write_csv(tmp_path / "a.csv", lines)) as data:
        assert data.currency is None


def test_an_export_without_postal_codes_is_read_with_empty_ones(tmp_path: Path) -> None:
    fields = {name: ColumnRule(column=name) for name in line() if name != "pin_code"}
    without = CANONICAL.model_copy(update={"columns": fields})
    lines = [line(shipment_id="A", pin_code=""), line(shipment_id="B", state="")]
    file = write_csv(tmp_path / "a.csv", lines)

    with read_shipments(file, without) as data:
        assert {one: row["pin_code"] for one, row in shipments_of(data).items()} == {"A": ""}
        assert not data.has_pin_codes
        assert Geography.of(data).states("IN") == ("KARNATAKA",)
    assert data.rows.set_aside[0].reason == "no address: state or postal code is missing"
    with read_shipments(write_csv(tmp_path / "b.csv", [line()])) as data:
        assert data.has_pin_codes


def test_once_closed_the_table_cannot_be_read(tmp_path: Path) -> None:
    data = read_shipments(write_csv(tmp_path / "a.csv", [line()]))

    data.close()

    with pytest.raises(Exception, match=r"[Cc]onnection"):
        data.table.count().to_pyarrow()


HEADER = ",".join(line())
GOOD = ",".join(line().values())
FILE = f"{HEADER}\n{GOOD}"
BAD_INPUT = {
    "empty": ("a.csv", b"", DataFileError, "is empty"),
    "only blank lines": ("a.csv", b"\n\n", DataFileError, "is empty"),
    "an empty gzip": ("a.csv.gz", gzip.compress(b""), DataFileError, "is empty"),
    "header only": ("a.csv", f"{HEADER}\n".encode(), DataFileError, "has a header and no line"),
    "broken header": ("a.csv", f'"a"b,{HEADER}\n{GOOD}'.encode(), DataFileError, "header has broken quotes"),
    "another delimiter": ("a.csv", FILE.replace(",", ";").encode(), MappingError, "delimiter"),
    "missing column": (
        "a.csv",
        FILE.replace("state", "stat").encode(),
        MappingError,
        "'stat'?",
    ),
    "wrong date": ("a.csv", FILE.replace("-", "/").encode(), MappingError, "'2025/04/30'"),
    "unknown status": ("a.csv", f"{FILE}x".encode(), MappingError, "'deliveredx'"),
    "only broken lines": ("a.csv", f"{HEADER}\n,{GOOD}".encode(), DataFileError, "do not have the 6 fields"),
    "truncated gzip": (
        "a.csv.gz",
        gzip.compress(FILE.encode())[:-9],
        DataFileError,
        "cut off",
    ),
    "NUL byte": ("a.csv", f"{FILE}\0".encode(), DataFileError, "NUL byte"),
    "wrong encoding": ("a.csv", f"{FILE}\n".encode() + b"\xff", DataFileError, "not UTF-8"),
    "not Parquet": ("a.parquet", FILE.encode(), DataFileError, "is not a Parquet file"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_error_that_names_the_file_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    name, content, kind, message = BAD_INPUT[case]
    (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(kind) as caught:
        read_shipments(Path(name))

    assert message in str(caught.value)
    assert caught.value.exit_code == 2
    assert caught.value.where.file == Path(name)
    assert caught.value.next_step or caught.value.where.line
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_missing_file_is_named() -> None:
    with pytest.raises(InputError, match="no such file"):
        read_shipments(Path("absent.csv"))


def test_when_no_line_can_be_used_the_reasons_are_told(tmp_path: Path) -> None:
    lines = [line(outcome="not_shipped"), line(shipment_id="S2", pin_code="")]

    with pytest.raises(DataFileError, match="none of its 2 lines") as caught:
        read_shipments(write_csv(tmp_path / "a.csv", lines))

    assert (
        "1 no address: state or postal code is missing (line 3: state 'KARNATAKA', pin_code ''); "
        "1 never left the warehouse (cancelled or pending) (line 2: outcome 'not_shipped')."
    ) in str(caught.value)
    assert "decimal" not in caught.value.next_step


def test_where_no_amount_can_be_read_the_way_to_declare_decimal_commas_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"1 unreadable amount \(line 2: amount '162,92'\)") as caught:
        read_shipments(write_csv(tmp_path / "a.csv", [line(amount="162,92")]))

    assert '{column: …, decimal: ","}' in caught.value.next_step


def test_an_as_of_day_before_the_data_is_told_as_such(tmp_path: Path) -> None:
    file = write_text(tmp_path / "a.csv", f"{FILE}\n")

    with pytest.raises(DataFileError, match="1 later than as_of"):
        read_shipments(file, as_of=date(2020, 1, 1))


def test_without_the_extra_the_message_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['ibis'] = None\n"
        "from crossloop.errors import MissingExtra\n"
        "try:\n    import crossloop.adapters.files\n"
        "except MissingExtra as missing:\n    print(missing.exit_code, missing)\n"
    )

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert told.startswith("2 ")
    assert "pip install 'crossloop[loops]'" in told
