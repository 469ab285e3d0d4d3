"""Strict YAML keeps what was written, refuses what hides its meaning, and knows every line."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from crossloop.errors import GovernanceDocumentError, InputError
from crossloop.strict_yaml import load, loads, validate

FILE = Path("company.yaml")


def refused(text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        loads(text, file=FILE)
    return caught.value


@pytest.mark.parametrize(
    "text",
    ["12:30", "011001", "NO", "yes", "on", "1e3", "0x1f", "1_000", "2022-06-12", ".inf", "0o17", "=", "<<"],
)
def test_a_scalar_stays_the_text_that_was_written(text: str) -> None:
    assert loads(f"a: {text}", file=FILE).value == {"a": text}
    assert loads(f"{text}: a", file=FILE).value == {text: "a"}


def test_only_an_empty_or_null_scalar_is_none() -> None:
    value = loads("a:\nb: ~\nc: null\nd: 'null'\ne: ''\nf: NULL", file=FILE).value
    assert value == {"a": None, "b": None, "c": None, "d": "null", "e": "", "f": "NULL"}


def test_quotes_blocks_and_lists_mean_what_yaml_says() -> None:
    value = loads('a: "x\\ty"\nb: |\n  one\n  two\nc: [1, {d: 2}]\n', file=FILE).value
    assert value == {"a": "x\ty", "b": "one\ntwo\n", "c": ["1", {"d": "2"}]}


def test_a_duplicate_key_is_refused_with_both_lines() -> None:
    error = refused("people:\n  asha: 1\n  ravi: 2\n  'asha': 3\n")
    assert (error.where.line, error.where.field) == (4, "people.asha")
    assert "first on line 2" in error.message


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: &x 1\nb: 2", 1, "anchors"),
        ("a: 1\nb: *x", 2, "anchors"),
        ("a: 1\nb: &x [1]", 2, "anchors"),
        ("a: 1\nb: !!python/object:os.system x", 2, "tags"),
        ("a: 1\nb: !custom {c: 1}", 2, "tags"),
        ("a: 1\n[b]: 2", 2, "plain text"),
        ("a: 1\n  b: 2", 2, "not valid YAML"),
        ("a: 1\nb: 'open", 2, "not valid YAML"),
        ("a: 1\n---\nb: 2", 2, "not valid YAML"),
        ("a: \x00", None, "not valid YAML"),
    ],
)
def test_what_hides_its_meaning_is_refused_with_its_line(text: str, line: int | None, says: str) -> None:
    error = refused(text)
    assert (error.where.file, error.where.line) == (FILE, line)
    assert says in error.message


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n"])
def test_an_empty_document_is_refused(text: str) -> None:
    assert "is empty" in refused(text).message


def test_nesting_ends_at_the_limit_however_deep_it_goes_on() -> None:
    assert loads("[" * 32 + "]" * 32, file=FILE).value is not None
    assert "deep" in refused("[" * 33 + "]" * 33).message
    assert "deep" in refused("\n".join(" " * level + "a:" for level in range(40))).message
    assert "deep" in refused("[" * 100_000).message


def test_every_value_knows_its_line_and_a_missing_one_that_of_its_parent() -> None:
    document = loads("loops:\n  first:\n    act: 0.85\n    who: [asha,\n      ravi]\n", file=FILE)
    assert str(document.where(("loops", "first", "act"))) == "company.yaml:3, field loops.first.act"
    assert document.where(("loops", "first", "who", 1)).line == 5
    assert document.where(("loops", "first", "missing")).line == 2
    assert document.where(()).line == 1


class _Gate(BaseModel):
    at: time
    pin: str
    share: float = Field(le=1)


def test_a_typed_field_parses_the_text() -> None:
    gate = validate(loads("at: 12:30\npin: 011001\nshare: 0.15", file=FILE), _Gate)
    assert (gate.at, gate.pin, gate.share) == (time(12, 30), "011001", 0.15)


def test_a_mistake_is_reported_with_file_line_field_and_what_was_got() -> None:
    with pytest.raises(GovernanceDocumentError) as caught:
        validate(loads("at: 12:30\npin: x\nshare: 1.5", file=FILE), _Gate, error=GovernanceDocumentError)
    assert str(caught.value).startswith("company.yaml:3, field share: ")
    assert "got '1.5'" in str(caught.value)
    with pytest.raises(InputError, match="1 more after this one"):
        validate(loads("at: 12:30", file=FILE), _Gate)


def test_files_are_read_as_utf_8_with_or_without_a_mark(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfname: caf\xc3\xa9")
    assert load(file).value == {"name": "café"}


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    with pytest.raises(InputError, match="no such file"):
        load(file)
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path)
    file.write_bytes(b"a: 1\nb: \xff")
    with pytest.raises(GovernanceDocumentError, match=r"a\.yaml:2: is not UTF-8"):
        load(file, error=GovernanceDocumentError)
    file.write_bytes(b"#" * (4 * 1024 * 1024 + 1))
    with pytest.raises(InputError, match="at most"):
        load(file)
