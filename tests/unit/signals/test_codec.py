"""The codec keeps every signal exactly, and refuses everything else with the path that is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossloop.errors import SignalRefused
from crossloop.signals import Catalogue, Signal
from crossloop.signals.codec import MAX_BYTES, body, decode, encode, from_body
from crossloop.testing.strategies import json_values, signals
from tests.support.governed import CATALOGUE
from tests.support.samples import REMOVED, changed, geo_risk_signal

THOROUGH = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def refused(document: object, catalogue: Catalogue = CATALOGUE) -> SignalRefused:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(SignalRefused) as caught:
        decode(data, catalogue)
    return caught.value


@THOROUGH
@given(signals())
def test_decoding_what_was_encoded_gives_the_same_signal_and_the_same_bytes(signal: Signal) -> None:
    data = encode(signal)
    again = decode(data, CATALOGUE)
    assert again == signal
    assert type(again) is Signal
    assert type(again.data) is type(signal.data)
    assert encode(again) == data


@THOROUGH
@given(signals())
def test_a_ledger_body_gives_the_signal_back(signal: Signal) -> None:
    values = json.loads(json.dumps(body(signal), allow_nan=False))
    assert from_body(values, CATALOGUE) == signal


@THOROUGH
@given(signals())
def test_the_bytes_are_those_of_rfc_8785(signal: Signal) -> None:
    assert encode(signal) == rfc8785.dumps(body(signal))  # pyright: ignore[reportArgumentType]


def test_layout_and_key_order_of_the_input_do_not_matter() -> None:
    signal = geo_risk_signal()
    shuffled = dict(reversed(body(signal).items()))
    assert decode(json.dumps(shuffled, indent=4).encode(), CATALOGUE) == signal
    assert decode(b"\xef\xbb\xbf" + encode(signal), CATALOGUE) == signal


def test_times_with_another_offset_are_the_same_instant() -> None:
    signal = geo_risk_signal()
    document = changed(body(signal), ("time",), "2022-06-12T23:59:59.999999+05:30")
    assert decode(json.dumps(document).encode(), CATALOGUE) == signal


def test_size_is_looked_at_before_content() -> None:
    assert f"at most {MAX_BYTES}" in refused(b"\xff" * (MAX_BYTES + 1)).message
    data = encode(geo_risk_signal())
    decode(data, CATALOGUE, max_bytes=len(data))
    with pytest.raises(SignalRefused, match="at most"):
        decode(data, CATALOGUE, max_bytes=len(data) - 1)


def test_a_signal_too_large_to_be_read_is_not_written() -> None:
    data = encode(geo_risk_signal())
    with pytest.raises(SignalRefused, match="at most"):
        encode(geo_risk_signal(), max_bytes=len(data) - 1)


def test_text_that_peers_choke_on_is_not_written() -> None:
    with pytest.raises(SignalRefused) as caught:
        encode(geo_risk_signal(subject="a\x00b"))
    assert caught.value.where.field == "subject"


def test_an_unknown_type_is_refused_and_the_known_ones_are_named() -> None:
    error = refused(changed(body(geo_risk_signal()), ("type",), "logistics.geo_risk/2"))
    assert error.where.field == "type"
    assert "logistics.geo_risk/1, logistics.geo_risk_cleared/1" in error.next_step
    assert refused(body(geo_risk_signal()), Catalogue([])).next_step == "Known types: none."
    for value, name in ((7, "a number"), ({}, "an object"), ([], "an array"), (None, "null"), (True, "true")):
        assert f"got {name}" in refused(changed(body(geo_risk_signal()), ("type",), value)).message
    with pytest.raises(SignalRefused):
        from_body(changed(body(geo_risk_signal()), ("type",), 7), CATALOGUE)


def test_an_id_that_its_content_does_not_give_is_refused() -> None:
    other = geo_risk_signal(dedup_key="another fact")
    error = refused(changed(body(geo_risk_signal()), ("id",), other.id))
    assert error.where.field == "id"
    assert geo_risk_signal().id in error.message
    with pytest.raises(SignalRefused, match="which type, source and dedup_key give"):
        from_body(changed(body(geo_risk_signal()), ("id",), other.id), CATALOGUE)


SPOILED: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("data", "areas", 0, "level"), "district", "data.areas[0].level"),
    (("data", "areas", 0, "extra"), 1, "data.areas[0].extra"),
    (("data", "areas", 0, "code"), REMOVED, "data.areas[0].code"),
    (("data", "codes", 0), 560001, "data.codes[0]"),
    (("data", "codes"), ["KERALA"], "data.codes"),
    (("data", "interval"), [0.1], "data.interval"),
    (("data", "interval", 1), "0.2", "data.interval[1]"),
    (("data", "orders"), "200", "data.orders"),
    (("data", "orders"), True, "data.orders"),
    (("data", "orders"), 1.5, "data.orders"),
    (("data", "failures"), 201, "data.failures"),
    (("data", "rate"), 1.01, "data.rate"),
    (("data", "rto_cost_low", "amount"), 180, "data.rto_cost_low.amount"),
    (("data", "rto_cost_low", "amount"), "NaN", "data.rto_cost_low.amount"),
    (("data", "rto_cost_low", "amount"), "much", "data.rto_cost_low.amount"),
    (("data", "rto_cost_low"), "180 INR", "data.rto_cost_low"),
    (("data", "window", "first"), "0", "data.window.first"),
    (("data", "window", "first"), "20220530", "data.window.first"),
    (("data", "area_order_share", "geo/IN"), 2, "data.area_order_share.geo/IN"),
    (("data",), REMOVED, "data"),
    (("data",), None, "data"),
    (("data", "surprise"), 1, "data.surprise"),
    (("surprise",), 1, "surprise"),
    (("confidence",), 1.2, "confidence"),
    (("confidence",), "0.9", "confidence"),
    (("evidence", 0, "value"), None, "evidence[0].value"),
    (("evidence", 0, "source"), REMOVED, "evidence[0].source"),
    (("source",), REMOVED, "source"),
    (("source",), "", "source"),
    (("id",), REMOVED, "id"),
    (("time",), "2022-06-12", "time"),
    (("time",), "2022-06-12T18:30:00", "time"),
    (("time",), "1655000000", "time"),
    (("time",), 1655000000, "time"),
    (("time",), "2022-02-30T00:00:00Z", "time"),
    (("time",), "0001-01-01T00:00:00+14:00", "time"),
    (("valid_until",), "9999-12-31T23:59:59-14:00", "valid_until"),
    (("valid_until",), "2022-06-12T23:59:59.99999+05:30", "valid_until"),
    (("traceparent",), "00-zz", "traceparent"),
]


@pytest.mark.parametrize(("path", "value", "field"), SPOILED)
def test_a_spoiled_signal_is_refused_with_the_exact_path(
    path: tuple[str | int, ...], value: object, field: str
) -> None:
    assert (refused(changed(body(geo_risk_signal()), path, value)).where.field or "") == field


def test_the_message_of_the_schema_reaches_the_reader() -> None:
    document = changed(body(geo_risk_signal()), ("data", "areas", 0, "level"), "district")
    text = str(refused(document))
    assert text.startswith("field data.areas[0].level: 'district' is not one of ['pin_code', ")
    assert "urn:crossloop:signal:logistics.geo_risk/1" in text


def test_a_message_does_not_repeat_a_large_input() -> None:
    document = changed(body(geo_risk_signal()), ("data", "level"), "x" * 100_000)
    assert len(str(refused(document))) < 600
    assert len(str(refused(changed(body(geo_risk_signal()), ("type",), "x" * 100_000)))) < 600
    assert len(str(refused(changed(body(geo_risk_signal()), ("data", "x" * 100_000), 1)))) < 600


@pytest.mark.parametrize("document", [[], None, 1, "text", {}])
def test_what_is_no_envelope_is_refused(document: object) -> None:
    refused(document)


def _nodes(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path] if path else []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        found += _nodes(inner, (*path, key))
    return found


@THOROUGH
@given(st.data())
def test_any_change_of_any_value_is_refused_or_is_a_signal_in_its_own_right(data: st.DataObject) -> None:
    whole: Any = body(geo_risk_signal())
    path = data.draw(st.sampled_from(_nodes(json.loads(encode(geo_risk_signal())))))
    value = data.draw(json_values() | st.just(REMOVED))
    document = json.dumps(changed(json.loads(json.dumps(whole)), path, value)).encode()
    try:
        signal = decode(document, CATALOGUE)
    except SignalRefused:
        return
    assert decode(encode(signal), CATALOGUE) == signal


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_and_never_crash(data: bytes) -> None:
    refused(data)
