"""Canonical JSON is RFC 8785, and refuses what has no exact form."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy
import orjson
import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from crossloop import canonical
from crossloop.canonical import Canonical, NotCanonical, canonical_json, digest, digest_of, to_json, writable
from crossloop.money import Money
from crossloop.testing.strategies import EXACT, json_values


@given(json_values())
def test_the_bytes_are_those_of_rfc_8785(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@given(st.floats(-float(EXACT), float(EXACT)))
@example(0.000001)  # orjson alone writes 1e-6 here
@example(0.00000999)
@example(1e-7)
@example(-0.0)
@example(5e-324)
@example(float(EXACT))
def test_every_number_is_written_as_ecmascript_writes_it(number: float) -> None:
    assert canonical_json([number]) == rfc8785.dumps([number])
    assert json.loads(canonical_json([number])) == [number]


@given(st.floats(1e-7, 1e-4) | st.floats(-1e-4, -1e-7))
def test_small_numbers_too(number: float) -> None:
    assert canonical_json(number) == rfc8785.dumps(number)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["\\u0000", "₹180", "é", b"bytes", Decimal("1.5"), (1, 2.0), numpy.float64(2e-6)]),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters()) | st.sampled_from(["é", 1]), inner)
    ),
)
"""What has a canonical form, and what has none."""


@given(anything)
@example({"a": "\\u0000"})
@example({"₹": "₹"})
@example({"a": ["x\x00"]})
@example({"a\x00": 1})
@example([2**53])
@example([-(2**53) + 1])
@example(["\ud800"])
@example([{"a": "₹", "é": 1}])
@example({"é": "\x00", "a": float("nan")})
def test_the_quick_way_and_the_careful_one_agree_on_everything(value: Any) -> None:
    def told(write: Callable[[Any], bytes]) -> bytes | tuple[str, str]:
        try:
            return write(value)
        except NotCanonical as wrong:
            return wrong.path, wrong.reason

    def carefully(one: Any) -> bytes:
        return orjson.dumps(canonical._normal(one, "$"), option=orjson.OPT_SORT_KEYS)

    assert told(canonical_json) == told(carefully)


@given(json_values())
def test_a_part_that_is_canonical_already_stands_in_a_larger_value_as_it_is(value: Any) -> None:
    part = Canonical(canonical_json(value))
    assert canonical_json({"a": [part], "b": part}) == canonical_json({"a": [value], "b": value})


def test_order_of_keys_and_kind_of_mapping_do_not_matter() -> None:
    assert canonical_json({"b": 1, "a": (1, 2)}) == b'{"a":[1,2],"b":1}'
    assert canonical_json(OrderedDict(b=1, a=[1, 2])) == canonical_json({"a": [1, 2], "b": 1})


def test_an_integral_float_is_written_as_an_integer() -> None:
    assert canonical_json([1.0, 1, -3.0]) == b"[1,1,-3]"


def test_a_number_of_another_library_is_written_as_its_value() -> None:
    assert canonical_json([numpy.float64(0.1), numpy.float64(2e-6)]) == b"[0.1,0.000002]"


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ({"a": [0, {"b": "x\x00"}]}, "$.a[1].b", "U+0000"),
        (["\ud800"], "$[0]", "surrogate"),
        ({"a": float("nan")}, "$.a", "finite"),
        ({"a": float("inf")}, "$.a", "finite"),
        ({"a": 2.0**53}, "$.a", "2**53"),
        ({"a": -(2**53)}, "$.a", "2**53"),
        ({"a": 10**5000}, "$.a", "2**53"),
        ({"é": 1}, "$", "ASCII"),
        ({1: 1}, "$", "ASCII"),
        ({"a\x00": 1}, "$", "ASCII"),
        ({"a": Decimal("1.5")}, "$.a", "Decimal"),
        ({"a": b"bytes"}, "$.a", "bytes"),
        ({"a": {1, 2}}, "$.a", "set"),
    ],
)
def test_what_has_no_canonical_form_is_refused_with_its_path(value: object, path: str, reason: str) -> None:
    with pytest.raises(NotCanonical) as caught:
        canonical_json(value)
    assert caught.value.path == path
    assert reason in caught.value.reason
    assert str(caught.value) == f"{path}: {caught.value.reason}"


def test_a_digest_is_sha_256_of_the_canonical_bytes() -> None:
    assert digest({"b": 1, "a": "x"}) == hashlib.sha256(b'{"a":"x","b":1}').hexdigest()


def test_a_model_is_digested_as_its_json_values() -> None:
    money = Money.of("180.5", "INR")
    assert to_json(money) == {"amount": "180.50", "currency": "INR"}
    assert digest_of(money) == digest({"currency": "INR", "amount": "180.50"})


@given(st.text(st.characters()))
@example("a\x00b")
@example("\ud83d lone, \U0001f600 whole")
def test_text_from_outside_can_be_made_writable(text: str) -> None:
    written = writable(text)
    canonical_json(written)
    assert len(written) == len(text)
    kept = [got for was, got in zip(text, written, strict=True) if was != got]
    assert set(kept) <= {"\N{REPLACEMENT CHARACTER}"}


def test_text_that_is_writable_stays_as_it_is() -> None:
    assert writable("₹180 an order 😀") == "₹180 an order 😀"
    assert writable("\x00\ud800") == "\ufffd\ufffd"
