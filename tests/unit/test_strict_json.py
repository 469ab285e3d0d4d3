"""Strict JSON refuses what cannot be kept exactly, and says where it stands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from crossloop.canonical import canonical_json
from crossloop.errors import InputError, SignalRefused
from crossloop.strict_json import MAX_DEPTH, loads
from crossloop.testing.strategies import json_values


def refused(data: bytes, **limits: int) -> InputError:
    with pytest.raises(InputError) as caught:
        loads(data, **limits)
    return caught.value


@given(json_values())
def test_every_canonical_value_is_read_back(value: Any) -> None:
    data = canonical_json(value)
    assert canonical_json(loads(data)) == data


@pytest.mark.parametrize(
    ("data", "field", "says"),
    [
        (b'{"a": 1, "b": 2, "a": 1}', "a", "twice"),
        (b'{"x": [{"a": {"b": 1, "b": 2}}]}', "x[0].a.b", "twice"),
        (b'{"x": [1, NaN]}', "x[1]", "NaN"),
        (b'{"x": -Infinity}', "x", "-Infinity"),
        (b'{"x": 1e999}', "x", "finite"),
        (b'{"x": 9007199254740992}', "x", "2**53"),
        (b'{"x": -9007199254740992}', "x", "2**53"),
        (b'{"x": 1' + b"0" * 5000 + b"}", "x", "not a number"),
        (b'["a\\u0000b"]', "[0]", "U+0000"),
        (b'["\\ud800"]', "[0]", "surrogate"),
        (b'{"a\\u0000": 1}', r"a\x00", "ASCII"),
        ('{"état": 1}'.encode(), r"\xe9tat", "ASCII"),
        (b'{"\\udfff": 1}', r"\udfff", "ASCII"),
    ],
)
def test_values_that_readers_disagree_on_are_refused_with_their_path(
    data: bytes, field: str, says: str
) -> None:
    error = refused(data)
    assert error.where.field == field
    assert says in error.message


def test_the_largest_exact_numbers_and_paired_surrogates_are_kept() -> None:
    assert loads(b'[9007199254740991, -9007199254740991, "\\ud83d\\ude00"]') == [2**53 - 1, 1 - 2**53, "😀"]


def test_nesting_ends_at_the_limit() -> None:
    loads(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    error = refused(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
    assert error.where.field == "[0]" * MAX_DEPTH
    refused(b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1))


def test_nesting_that_would_exhaust_the_stack_is_refused() -> None:
    assert "deep" in refused(b"[" * 500_000 + b"]" * 500_000).message


def test_a_syntax_error_names_its_line() -> None:
    error = refused(b'{\n  "a": 1,\n  b\n}')
    assert error.where.line == 3
    assert "column" in error.message


@pytest.mark.parametrize("data", [b"", b" ", b"{} {}", b"{'a': 1}", b"[1,]", b"01", b"\xff\xfe{\x00}\x00"])
def test_what_is_not_one_json_value_in_utf_8_is_refused(data: bytes) -> None:
    refused(data)


def test_size_is_looked_at_first() -> None:
    assert loads(b"[1]", max_bytes=3) == [1]
    assert "at most 2" in refused(b"\xff\xff\xff", max_bytes=2).message


def test_the_caller_chooses_the_error() -> None:
    with pytest.raises(SignalRefused):
        loads(b"{", error=SignalRefused)


def test_a_path_never_repeats_a_long_key() -> None:
    data = json.dumps({"k" * 10_000: {"a": None}})[:-2].encode() + b', "a": 1}}'
    assert len(str(refused(data))) < 300
