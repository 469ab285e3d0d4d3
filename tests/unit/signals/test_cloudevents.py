"""CloudEvents out are what other programs expect; CloudEvents in are read strictly, in every mode."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from crossloop.canonical import to_json
from crossloop.errors import SignalRefused
from crossloop.ids import case_id, signal_id
from crossloop.signals import Signal
from crossloop.signals.cloudevents import (
    from_batch,
    from_binary,
    from_structured,
    to_batch,
    to_binary,
    to_event,
    to_structured,
)
from crossloop.signals.contracts import event_schemas
from crossloop.testing.strategies import json_values, signals
from tests.support.governed import CATALOGUE
from tests.support.samples import AS_OF, REMOVED, changed, geo_risk, geo_risk_signal

THOROUGH = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])

FOREIGN: dict[str, Any] = {
    "specversion": "1.0",
    "id": "4f9c1a52-7f1e-4a6e-8b5d-0d3c3a9b7d11",
    "source": "https://wms.acme.example/returns",
    "type": "logistics.geo_risk/1",
    "subject": "geo/IN/KARNATAKA",
    "time": "2022-06-12T23:59:59.999999+05:30",
    "data": {
        "confidence": 0.93,
        "valid_until": "2022-06-13T18:30:00Z",
        "data": to_json(geo_risk()),
    },
}
"""The least that another program has to send."""

HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "Host": "crossloop.acme.example",
    "CE-SpecVersion": "1.0",
    "CE-ID": "4f9c1a52-7f1e-4a6e-8b5d-0d3c3a9b7d11",
    "ce-source": "https://wms.acme.example/returns",
    "ce-type": "logistics.geo_risk/1",
    "ce-subject": "geo/IN/KARNATAKA",
    "ce-time": "2022-06-12T18:29:59.999999Z",
}


def structured(event: object) -> Signal:
    return from_structured(json.dumps(event).encode(), CATALOGUE)


def refused(event: object) -> SignalRefused:
    with pytest.raises(SignalRefused) as caught:
        structured(event)
    return caught.value


def refused_headers(headers: dict[str, str], body: bytes | None = None) -> SignalRefused:
    body = json.dumps(FOREIGN["data"]).encode() if body is None else body
    with pytest.raises(SignalRefused) as caught:
        from_binary(headers, body, CATALOGUE)
    return caught.value


# Out and back


@THOROUGH
@given(signals())
def test_structured_mode_brings_every_signal_back(signal: Signal) -> None:
    assert from_structured(to_structured(signal), CATALOGUE, max_bytes=2**21) == signal


@THOROUGH
@given(signals())
def test_binary_mode_brings_every_signal_back(signal: Signal) -> None:
    headers, body = to_binary(signal)
    assert all(text.isascii() and text.isprintable() for text in headers.values())
    assert from_binary(headers, body, CATALOGUE, max_bytes=2**21) == signal


@settings(max_examples=20, deadline=None)
@given(st.lists(signals(), max_size=3))
def test_a_batch_brings_every_signal_back_in_order(several: list[Signal]) -> None:
    assert from_batch(to_batch(several), CATALOGUE) == tuple(several)


@THOROUGH
@given(signals())
def test_data_fits_the_schema_that_dataschema_names(signal: Signal) -> None:
    event = to_event(signal)
    schema = event_schemas(CATALOGUE)[signal.type]
    assert event.get_dataschema() == schema["$id"]
    Draft202012Validator(schema).validate(event.get_data())


def test_an_event_has_the_attributes_that_routers_read() -> None:
    signal = geo_risk_signal(causation_id="dec_x").model_copy(
        update={"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    )
    event = json.loads(to_structured(signal))
    assert {name: value for name, value in event.items() if name != "data"} == {
        "specversion": "1.0",
        "id": signal.id,
        "source": "/logistics/geo-risk",
        "type": "logistics.geo_risk/1",
        "subject": "geo/IN/KARNATAKA",
        "time": "2022-06-12T18:29:59.999999Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:crossloop:event:logistics.geo_risk/1",
        "department": "logistics",
        "correlationid": signal.correlation_id,
        "causationid": "dec_x",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    }
    assert set(event["data"]) == {"confidence", "valid_until", "dedup_key", "evidence", "data"}
    headers, body = to_binary(signal)
    assert headers["content-type"] == "application/json"
    assert headers["ce-correlationid"] == signal.correlation_id
    assert headers["ce-time"] == "2022-06-12T18:29:59.999999Z"
    assert json.loads(body) == event["data"]


def test_the_sdk_of_the_cncf_reads_what_we_write() -> None:
    signal = geo_risk_signal()
    headers, body = to_binary(signal)
    messages = [
        http.HTTPMessage(headers, body),
        http.HTTPMessage({"content-type": "application/cloudevents+json"}, to_structured(signal)),
    ]
    for message in messages:
        event = http.from_http_event(message)
        assert event.get_id() == signal.id
        assert event.get_time() == AS_OF


def test_we_read_what_the_sdk_of_the_cncf_writes() -> None:
    attributes = {**FOREIGN, "time": AS_OF, "datacontenttype": "application/json"}
    data = attributes.pop("data")
    event = CloudEvent(attributes, data)
    binary, whole = http.to_binary_event(event), http.to_structured_event(event)
    expected = structured(FOREIGN)
    assert from_binary(binary.headers, binary.body, CATALOGUE) == expected
    assert from_structured(whole.body, CATALOGUE) == expected
    as_bytes = http.to_structured_event(CloudEvent(dict(attributes), json.dumps(data).encode()))
    assert b"data_base64" in as_bytes.body
    assert from_structured(as_bytes.body, CATALOGUE) == expected


@pytest.mark.parametrize("field", ["subject", "source", "department"])
def test_an_attribute_that_no_header_can_carry_is_not_written(field: str) -> None:
    with pytest.raises(SignalRefused) as caught:
        to_structured(geo_risk_signal(**{field: "a\r\nce-type: b"}))
    assert caught.value.where.field == field


# What other programs send


def test_the_least_that_another_program_sends_is_a_signal() -> None:
    signal = structured(FOREIGN)
    assert signal.id == signal_id("logistics.geo_risk/1", FOREIGN["source"], FOREIGN["id"])
    assert signal.dedup_key == FOREIGN["id"]
    assert signal.department == "logistics"
    assert signal.correlation_id == case_id(signal.id)
    assert signal.time == AS_OF
    assert signal.data == geo_risk()
    body = json.dumps(FOREIGN["data"]).encode()
    assert from_binary(HEADERS, body, CATALOGUE) == signal


def test_the_same_event_sent_twice_is_one_signal() -> None:
    later = changed(FOREIGN, ("data", "confidence"), 0.95)
    assert structured(later).id == structured(FOREIGN).id
    assert structured(changed(FOREIGN, ("id",), "another")).id != structured(FOREIGN).id


def test_a_deduplication_key_joins_events_with_different_ids() -> None:
    one = changed(FOREIGN, ("data", "dedup_key"), "KARNATAKA:2022-06-12")
    assert structured(one) == structured(changed(one, ("id",), "another"))


def test_extensions_of_the_envelope_are_kept_and_others_ignored() -> None:
    event = {
        **FOREIGN,
        "department": "returns",
        "correlationid": "order-4711",
        "causationid": "evt-1",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "tracestate": "",
        "dataschema": "https://schemas.acme.example/geo_risk.json",
        "partitionkey": "IN",
        "sequence": 7,
        "replayed": True,
        "myextension": None,
    }
    signal = structured(event)
    assert (signal.department, signal.correlation_id) == ("returns", "order-4711")
    assert (signal.causation_id, (signal.traceparent or "")[:5]) == ("evt-1", "00-4b")


def test_headers_are_decoded_as_the_http_binding_says() -> None:
    headers = {**HEADERS, "ce-correlationid": '"say \\"caf%C3%A9\\""', "ce-subject": "region/TAMIL%20NADU"}
    signal = from_binary(headers, json.dumps(FOREIGN["data"]).encode(), CATALOGUE)
    assert signal.correlation_id == 'say "café"'
    assert signal.subject == "region/TAMIL NADU"


# What is refused


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "subject", "time", "data"])
def test_a_missing_attribute_is_refused_by_name(name: str) -> None:
    assert refused(changed(FOREIGN, (name,), REMOVED)).where.field == name
    assert refused(changed(FOREIGN, (name,), None)).where.field == name
    if name != "data":
        headers = {key: value for key, value in HEADERS.items() if key.lower() != f"ce-{name}"}
        assert refused_headers(headers).where.field == name


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("specversion",), "0.3", "specversion"),
        (("specversion",), 1.0, "specversion"),
        (("id",), 7, "id"),
        (("id",), "", "id"),
        (("id",), "x" * 301, "id"),
        (("id",), "a\nb", "id"),
        (("id",), geo_risk_signal().id, "id"),
        (("source",), True, "source"),
        (("type",), "com.acme.other", "type"),
        (("time",), "yesterday", "time"),
        (("time",), "2022-06-12T18:30:00", "time"),
        (("time",), "2022-06-12T25:30:00Z", "time"),
        (("time",), "0001-01-01T00:00:00+14:00", "time"),
        (("time",), 1655000000, "time"),
        (("datacontenttype",), "application/xml", "datacontenttype"),
        (("datacontenttype",), "application/jsonp", "datacontenttype"),
        (("correlationid",), "", "correlationid"),
        (("correlationid",), 7, "correlationid"),
        (("correlationid",), "x" * 301, "correlationid"),
        (("traceparent",), "nonsense", "traceparent"),
        (("MyExtension",), "x", "MyExtension"),
        (("my_extension",), "x", "my_extension"),
        (("myextension",), {"a": 1}, "myextension"),
        (("myextension",), 0.5, "myextension"),
        (("data",), "text", "data"),
        (("data",), [], "data"),
        (("data", "confidence"), 1.5, "data.confidence"),
        (("data", "confidence"), REMOVED, "data.confidence"),
        (("data", "valid_until"), REMOVED, "data.valid_until"),
        (("data", "valid_until"), "tomorrow", "data.valid_until"),
        (("data", "valid_until"), "2022-06-12T18:00:00Z", "data.valid_until"),
        (("data", "dedup_key"), "", "data.dedup_key"),
        (("data", "dedup_key"), 7, "data.dedup_key"),
        (("data", "evidence"), [{"name": "orders"}], "data.evidence[0].value"),
        (("data", "surprise"), 1, "data.surprise"),
        (("data", "data"), REMOVED, "data.data"),
        (("data", "data", "areas", 0, "level"), "district", "data.data.areas[0].level"),
        (("data_base64",), "e30=", "data_base64"),
    ],
)
def test_a_spoiled_event_is_refused_with_the_exact_path(
    path: tuple[str | int, ...], value: object, field: str | None
) -> None:
    assert refused(changed(FOREIGN, path, value)).where.field == field


def test_an_event_of_ours_whose_content_was_changed_is_refused() -> None:
    event = json.loads(to_structured(geo_risk_signal()))
    structured(event)
    assert refused(changed(event, ("source",), "/somebody/else")).where.field == "id"
    assert refused(changed(event, ("data", "dedup_key"), "other")).where.field == "id"


@pytest.mark.parametrize("encoded", ["%%%", "AAA", 7, base64.b64encode(b"\xff").decode(), "", "W10="])
def test_bytes_that_hold_no_json_object_are_refused(encoded: object) -> None:
    event = changed(changed(FOREIGN, ("data",), REMOVED), ("data_base64",), encoded)
    assert refused(event).where.field in ("data_base64", "data")


@pytest.mark.parametrize(
    ("header", "value", "field"),
    [
        ("ce-subject", "café", "subject"),
        ("ce-subject", "caf%E9", "subject"),
        ("ce-subject", "a%00b", "subject"),
        ("ce-subject", "a%0D%0Ab", "subject"),
        ("ce-id", "twice", "id"),
        ("ce-data", "x", "data"),
        ("Content-Type", "text/plain", "datacontenttype"),
    ],
)
def test_a_hostile_header_is_refused_by_its_attribute(header: str, value: str, field: str) -> None:
    assert refused_headers({**HEADERS, header: value}).where.field == field


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"data": NaN}', b'{"a": 1, "a": 1}'])
def test_a_hostile_body_is_refused(body: bytes) -> None:
    assert (refused_headers(HEADERS, body).where.field or "").startswith("data")


def test_size_limits_hold_in_every_mode() -> None:
    headers, body = to_binary(geo_risk_signal())
    for read in (
        lambda: from_structured(to_structured(geo_risk_signal()), CATALOGUE, max_bytes=500),
        lambda: from_batch(to_batch([geo_risk_signal()]), CATALOGUE, max_bytes=500),
        lambda: from_binary(headers, body, CATALOGUE, max_bytes=500),
        lambda: from_binary({**headers, "ce-x": "x" * 2**20}, body, CATALOGUE),
    ):
        with pytest.raises(SignalRefused, match="at most"):
            read()


@pytest.mark.parametrize("data", [b"", b"\xff", b"[" * 100_000, b'{"data":' * 5000, b"null", b"7", b'"x"'])
def test_what_is_no_event_is_refused(data: bytes) -> None:
    for read in (from_structured, from_batch):
        with pytest.raises(SignalRefused):
            read(data, CATALOGUE)


def test_one_bad_event_refuses_its_batch_and_is_named() -> None:
    events = [FOREIGN, changed(FOREIGN, ("data", "confidence"), 2), FOREIGN]
    with pytest.raises(SignalRefused) as caught:
        from_batch(json.dumps(events).encode(), CATALOGUE)
    assert caught.value.where.field == "[1].data.confidence"
    with pytest.raises(SignalRefused) as caught:
        from_batch(json.dumps([FOREIGN, 7]).encode(), CATALOGUE)
    assert caught.value.where.field == "[1]"
    assert from_batch(json.dumps(FOREIGN).encode(), CATALOGUE) == (structured(FOREIGN),)


@THOROUGH
@given(st.sampled_from([*FOREIGN, "data_base64", "correlationid", "x"]), json_values())
def test_any_value_in_any_attribute_is_refused_or_read_and_never_crashes(name: str, value: Any) -> None:
    try:
        signal = structured({**FOREIGN, name: value})
    except SignalRefused:
        return
    assert structured(json.loads(to_structured(signal))) == signal


@THOROUGH
@given(st.dictionaries(st.sampled_from(sorted(HEADERS)), st.text(max_size=30), max_size=3), st.binary())
def test_any_header_and_body_are_refused_or_read_and_never_crash(
    changes: dict[str, str], body: bytes
) -> None:
    for content in (body, json.dumps(FOREIGN["data"]).encode()):
        try:
            from_binary({**HEADERS, **changes}, content, CATALOGUE)
        except SignalRefused:
            continue
