"""CSV is read exactly: every record with its line, and damage told from data."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.adapters.files.csv_records import csv_records
from crossloop.errors import DataFileError


def read(file: Path, content: bytes) -> list[tuple[int, int, list[str] | None]]:
    file.write_bytes(content)
    return [tuple(record) for record in csv_records(file)]


def refused(file: Path, content: bytes) -> DataFileError:
    with pytest.raises(DataFileError) as caught:
        read(file, content)
    assert caught.value.where.file == file
    return caught.value


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "end"])
def test_any_line_ends_are_read_with_or_without_a_last_one(tmp_path: Path, ends: str, last: str) -> None:
    content = ends.join(["a,b", "1,2", "3,4"]) + (ends if last else "")

    records = read(tmp_path / "f.csv", content.encode())

    assert records == [(1, 1, ["a", "b"]), (2, 1, ["1", "2"]), (3, 1, ["3", "4"])]


def test_mixed_line_ends_lose_nothing(tmp_path: Path) -> None:
    records = read(tmp_path / "f.csv", b"a,b\r\n1,2\n3,4\r\n")

    assert [cells for _, _, cells in records] == [["a", "b"], ["1", "2"], ["3", "4"]]


def test_commas_quotes_and_line_breaks_inside_quotes_belong_to_the_field(tmp_path: Path) -> None:
    records = read(tmp_path / "f.csv", b'a,b\n"x,\n""y""",2\n3,4\n')

    assert records[1:] == [(2, 2, ['x,\n"y"', "2"]), (4, 1, ["3", "4"])]


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path: Path) -> None:
    assert read(tmp_path / "f.csv", b"\xef\xbb\xbfa,b\n")[0][2] == ["a", "b"]


def test_blank_lines_are_no_records_and_are_counted_as_lines(tmp_path: Path) -> None:
    assert [line for line, _, _ in read(tmp_path / "f.csv", b"a,b\n\n1,2\n\n")] == [1, 3]


def test_text_after_a_closing_quote_breaks_one_record_and_not_the_next(tmp_path: Path) -> None:
    records = read(tmp_path / "f.csv", b'a,b\n1,"2"x\n3,4\n')

    assert records[1:] == [(2, 1, None), (3, 1, ["3", "4"])]


def test_a_broken_record_tells_how_many_lines_it_took(tmp_path: Path) -> None:
    records = read(tmp_path / "f.csv", b'a,b\n1,"2\n3,4\n5,"6\n7,8\n')

    assert records[1:] == [(2, 3, None), (5, 1, ["7", "8"])]


def test_a_quote_that_never_closes_is_an_error_where_it_opens(tmp_path: Path) -> None:
    error = refused(tmp_path / "f.csv", b'a,b\n1,2\n3,"4\n5,6\n')

    assert error.where.line == 3
    assert "not closed" in str(error)


def test_an_open_quote_in_a_large_file_is_an_error_where_it_opens(tmp_path: Path) -> None:
    assert refused(tmp_path / "f.csv", b'a,b\n1,"2\n' + b"3,4\n" * 60_000).where.line == 2


@pytest.mark.parametrize("compressed", [False, True])
def test_bytes_that_are_not_utf8_are_an_error_with_their_line(tmp_path: Path, compressed: bool) -> None:
    content = "a,b\n1,2\nMünchen,3\n".encode("latin-1")
    file = tmp_path / ("f.csv.gz" if compressed else "f.csv")

    error = refused(file, gzip.compress(content) if compressed else content)

    assert (error.where.line, "UTF-8" in error.next_step) == (3, True)


def test_a_nul_byte_is_an_error_with_its_line(tmp_path: Path) -> None:
    assert refused(tmp_path / "f.csv", b"a,b\n1,2\n3,\x004\n").where.line == 3


@pytest.mark.parametrize("kept", [3, 11, 30, 200, -8, -1])
def test_a_gzip_file_that_is_cut_off_anywhere_is_an_error(tmp_path: Path, kept: int) -> None:
    whole = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(2000)))

    assert "cut off" in str(refused(tmp_path / "f.csv.gz", whole[:kept]))


def test_a_damaged_gzip_file_is_an_error(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(b"a,b\n" + b"1,2\n" * 5000))
    whole[len(whole) // 2] ^= 0xFF

    assert "not a sound gzip file" in str(refused(tmp_path / "f.csv.gz", bytes(whole)))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("f.csv", b"", "is empty"),
        ("f.csv.gz", b"", "is empty"),
        ("f.csv", b"PAR1....", "a Parquet file"),
        ("f.csv", b"PK\x03\x04....", "Excel workbook"),
        ("f.csv", "a,b\n".encode("utf-16"), "UTF-16"),
        ("f.csv", gzip.compress(b"a,b\n", mtime=0), "is compressed"),
        ("f.csv.gz", b"a,b\n1,2\n", "is not compressed"),
    ],
)
def test_content_that_is_not_what_the_name_says_is_refused(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    error = refused(tmp_path / name, content)

    assert message in str(error)
    assert error.next_step


def test_another_delimiter_can_be_declared(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_bytes(b"a;b\n1,5;2\n")

    assert [record.cells for record in csv_records(file, ";")] == [["a", "b"], ["1,5", "2"]]


CELLS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=12)


@given(rows=st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=12))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["first", "line"], *rows])
    file = tmp_path_factory.mktemp("csv") / "f.csv"

    records = read(file, text.getvalue().encode())

    assert [cells for _, _, cells in records[1:]] == rows
    assert sum(lines for _, lines, _ in records) >= len(rows) + 1
