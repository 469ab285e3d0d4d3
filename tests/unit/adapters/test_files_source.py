"""A file is opened by what it is; its columns are found by the names a mapping gives."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from crossloop.adapters.files import CANONICAL
from crossloop.adapters.files.source import (
    connect,
    digest_of_file,
    find_columns,
    kind_of,
    open_parquet,
    reading_content,
)
from crossloop.errors import DataFileError, InputError, MappingError
from tests.support.shipment_files import line, write_parquet

NAMES = list(line())


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.csv", "csv"), ("A.CSV", "csv"), ("a.csv.gz", "csv"), ("a.parquet", "parquet")],
)
def test_the_name_tells_the_kind(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / name).write_bytes(b"x")

    assert kind_of(tmp_path / name) == kind


@pytest.mark.parametrize("name", ["a.xlsx", "a.gz", "a", "absent.csv"])
def test_other_names_and_absent_files_are_refused(tmp_path: Path, name: str) -> None:
    if "absent" not in name:
        (tmp_path / name).write_bytes(b"x")

    with pytest.raises(DataFileError) as caught:
        kind_of(tmp_path / name)

    assert caught.value.where.file == tmp_path / name
    assert caught.value.next_step


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="is not a file"):
        kind_of(tmp_path)


def test_the_digest_is_sha256_over_the_bytes_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b\n")

    assert digest_of_file(tmp_path / "a.csv") == sha256(b"a,b\n").hexdigest()


def test_columns_are_found_whatever_their_order_and_the_spaces_around_them() -> None:
    present = ["extra", *(f" {name} " for name in reversed(NAMES))]

    found = find_columns(present, Path("a.csv"), CANONICAL)

    assert {name: present[at].strip() for name, at in found.items()} == {name: name for name in NAMES}


def test_a_missing_column_names_what_there_is_and_the_nearest() -> None:
    present = ["pincode" if name == "pin_code" else name for name in NAMES]

    with pytest.raises(MappingError) as caught:
        find_columns(present, Path("a.csv"), CANONICAL, line=1)

    assert str(caught.value).startswith("a.csv:1, field pin_code: there is no column 'pin_code'")
    assert "Did you mean 'pincode'? There are: shipment_id, ordered_on" in str(caught.value)


def test_a_column_that_stands_twice_is_refused() -> None:
    with pytest.raises(MappingError, match="'state' stands 2 times"):
        find_columns([*NAMES, "state "], Path("a.csv"), CANONICAL)


def test_further_columns_may_stand_twice() -> None:
    assert "note" not in find_columns([*NAMES, "note", "note"], Path("a.csv"), CANONICAL)


def test_nothing_is_drawn_on_stdout_where_duckdb_takes_the_process_for_an_interactive_one() -> None:
    asking = (
        "from crossloop.adapters.files.source import connect\n"
        "print(connect().raw_sql(\"SELECT current_setting('enable_progress_bar')\").fetchall())"
    )
    told = subprocess.run([sys.executable, "-c", asking], capture_output=True, text=True, check=True)
    assert told.stdout == "[(False,)]\n"


def test_a_file_that_may_not_be_opened_is_named() -> None:
    with (
        pytest.raises(DataFileError, match=r"a.csv: cannot be read: Permission denied"),
        reading_content(Path("a.csv")),
    ):
        raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize("name", ["a[1].parquet", "a*.parquet", "a?b.parquet", "it's.parquet"])
def test_a_parquet_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    file = write_parquet(tmp_path / name, [line()])
    write_parquet(tmp_path / "a1.parquet", [line(), line(), line()])
    connection = connect()

    table = open_parquet(connection, file)

    assert table.count().to_pyarrow().as_py() == 1
    connection.disconnect()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda whole: b"", "is empty"),
        (lambda whole: b"shipment_id,state\n", "is not a Parquet file"),
        (lambda whole: whole[:-20], "is cut off"),
        (lambda whole: whole[:30] + b"PAR1", "cannot be read"),
    ],
)
def test_a_damaged_parquet_file_is_refused(tmp_path: Path, damage, message: str) -> None:
    file = write_parquet(tmp_path / "a.parquet", [line()])
    file.write_bytes(damage(file.read_bytes()))
    connection = connect()

    with pytest.raises(InputError, match=message) as caught:
        open_parquet(connection, file)

    assert caught.value.where.file == file
    connection.disconnect()
