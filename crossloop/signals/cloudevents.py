"""CloudEvents 1.0: the envelope of signals on every wire.

One signal is one event. Attributes carry what routers need, ``data`` what the receiving department needs:

===================  ==========================================================================
``id``               the signal's id; another program's own id is kept as the deduplication key
``source``           the producer, a URI reference (required)
``type``             the signal type, such as ``logistics.geo_risk/1`` (required)
``subject``          what it is about, such as ``geo/IN/KARNATAKA`` (required)
``time``             business time: the instant at which it was so, RFC 3339 (required)
``department``       who says it; left out, the department in the type's name
``correlationid``    the case; left out, the signal opens one of its own
``causationid``      what caused it
``traceparent``      W3C trace context
``dataschema``       written as ``urn:crossloop:event:TYPE``, not looked at when read
``data``             ``confidence`` (0 to 1), ``valid_until`` (RFC 3339) and ``data``, the typed payload;
                     if wanted ``evidence`` and ``dedup_key``
===================  ==========================================================================

``data`` is an object around the payload because CloudEvents attributes know no fractions and no lists,
and evidence would burst an HTTP header. Its schema is ``crossloop.signals.contracts.event_schema``.
Other extension attributes are allowed and ignored.

Rules of reading, for every mode; each refusal names the path in the event:

1. Strict JSON within a size limit; in binary mode the limit holds for headers and body together.
2. ``specversion`` is 1.0; required attributes are there; attributes are text without control
   characters (numbers and booleans only where nobody here reads them); ``data`` is JSON.
3. An id of the form ``sig_…`` says that crossloop made the event: it must be the one that type, source
   and ``dedup_key`` give.
4. The signal passes the codec (``crossloop.signals.codec``).

The CloudEvents SDK fills in a missing id and time with fresh ones, which would turn one fact into many;
so presence is checked before the SDK sees the attributes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, cast
from urllib.parse import unquote

from cloudevents.core.bindings import http
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from crossloop import strict_json
from crossloop.canonical import JSON
from crossloop.errors import SignalRefused, Where
from crossloop.ids import SignalId, case_id, signal_id
from crossloop.signals import codec
from crossloop.signals.catalogue import Catalogue
from crossloop.signals.contracts import event_schema_id
from crossloop.signals.model import Signal
from crossloop.strict_json import MAX_BYTES, member, shown

STRUCTURED: Final = "application/cloudevents+json"
"""Content type of one event in structured mode."""

BATCH: Final = "application/cloudevents-batch+json"
"""Content type of several events."""

MAX_BATCH_BYTES: Final = 16 * 1024 * 1024

_REQUIRED: Final = ("specversion", "id", "source", "type", "subject", "time")
_OPTIONAL: Final = (
    "datacontenttype",
    "dataschema",
    "department",
    "correlationid",
    "causationid",
    "traceparent",
)
_IN_DATA: Final = ("confidence", "valid_until", "dedup_key", "evidence", "data")
_JSON_TYPE: Final = re.compile(r"(application|text)/([a-z0-9.-]+\+)?json\s*(;.*)?", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_OURS: Final = re.compile(r"sig_[a-z2-7]{26}")
_FORMAT: Final = JSONFormat()


def to_event(signal: Signal) -> CloudEvent:
    """Return a signal as an event of the CloudEvents SDK.

    Raises:
        SignalRefused: a text is not allowed in JSON or in an attribute.
    """
    codec.encode(signal)  # refuses what no reader would take
    values = codec.body(signal)
    attributes: dict[str, object] = {
        "specversion": "1.0",
        "id": signal.id,
        "source": signal.source,
        "type": signal.type,
        "subject": signal.subject,
        "time": signal.time,
        "datacontenttype": "application/json",
        "dataschema": event_schema_id(signal.type),
        "department": signal.department,
        "correlationid": signal.correlation_id,
    }
    if signal.causation_id is not None:
        attributes["causationid"] = signal.causation_id
    if signal.traceparent is not None:
        attributes["traceparent"] = signal.traceparent
    _check_attributes(attributes)
    return CloudEvent(attributes, {name: values[name] for name in _IN_DATA})


def to_structured(signal: Signal) -> bytes:
    """Return a signal as one JSON event (content type ``STRUCTURED``).

    Raises:
        SignalRefused: as ``to_event``.
    """
    return _FORMAT.write(to_event(signal))


def to_binary(signal: Signal) -> tuple[dict[str, str], bytes]:
    """Return the HTTP headers and the body of a signal in binary mode.

    Raises:
        SignalRefused: as ``to_event``.
    """
    message = http.to_binary(to_event(signal), _FORMAT)
    return message.headers, message.body


def to_batch(signals: Iterable[Signal]) -> bytes:
    """Return several signals as one JSON array of events (content type ``BATCH``).

    Raises:
        SignalRefused: as ``to_event``.
    """
    return b"[" + b",\n".join(to_structured(signal) for signal in signals) + b"]"


def from_structured(data: bytes, catalogue: Catalogue, *, max_bytes: int = MAX_BYTES) -> Signal:
    """Return the signal of one JSON event.

    Raises:
        SignalRefused: a rule above is broken; ``where.field`` is the path in the event.
    """
    event = strict_json.loads(data, max_bytes=max_bytes, error=SignalRefused)
    return _from_json(event, catalogue)


def from_batch(data: bytes, catalogue: Catalogue, *, max_bytes: int = MAX_BATCH_BYTES) -> tuple[Signal, ...]:
    """Return the signals of a JSON array of events, or of a single event, in their order.

    Raises:
        SignalRefused: a rule above is broken by one of them; its path starts with ``[index]``.
    """
    events = strict_json.loads(data, max_bytes=max_bytes, error=SignalRefused)
    if not isinstance(events, list):
        return (_from_json(events, catalogue),)
    signals: list[Signal] = []
    for index, event in enumerate(events):
        try:
            signals.append(_from_json(event, catalogue))
        except SignalRefused as wrong:
            raise _moved(wrong, f"[{index}]{_dot(wrong.where.field)}") from None
    return tuple(signals)


def from_binary(
    headers: Mapping[str, str], body: bytes, catalogue: Catalogue, *, max_bytes: int = MAX_BYTES
) -> Signal:
    """Return the signal of an HTTP message in binary mode.

    Args:
        headers: all headers of the message, in any case; those of other protocols are ignored.
        body: the payload's bytes.
        catalogue: the types that are known.
        max_bytes: the limit for CloudEvents headers and body together.

    Raises:
        SignalRefused: a rule above is broken; a header's path is its attribute's name.
    """
    attributes = _header_attributes(headers)
    size = len(body) + sum(len(name) + len(value) for name, value in attributes.items())
    if size > max_bytes:
        raise SignalRefused(f"has {size} bytes; at most {max_bytes} are read.")
    try:
        data = strict_json.loads(body, max_bytes=max_bytes, error=SignalRefused) if body else None
    except SignalRefused as wrong:
        raise _moved(wrong, f"data{_dot(wrong.where.field)}") from None
    return _from_attributes(dict(attributes), data, catalogue)


def _header_attributes(headers: Mapping[str, str]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for header, value in headers.items():
        name = header.lower()
        if name == "content-type":
            name, text = "datacontenttype", value
        elif name.startswith("ce-"):
            name = name.removeprefix("ce-")
            text = _header_value(name, value)
        else:
            continue
        if name in attributes:
            raise SignalRefused("the header stands twice.", where=Where(field=name))
        attributes[name] = text
    return attributes


def _header_value(name: str, value: str) -> str:
    """Decode a header as the HTTP binding (section 3.1.3.2) says: quoted string, then percent."""
    text = value.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    if not text.isascii():
        raise SignalRefused(
            "a header must be ASCII with other text percent-encoded.", where=Where(field=name)
        )
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise SignalRefused("percent-encoded bytes are not UTF-8.", where=Where(field=name)) from None


def _from_json(event: JSON, catalogue: Catalogue) -> Signal:
    if not isinstance(event, Mapping):
        raise SignalRefused("expected a CloudEvent, which is a JSON object.")
    attributes = {name: value for name, value in event.items() if value is not None}
    data = attributes.pop("data", None)
    encoded = attributes.pop("data_base64", None)
    if encoded is None:
        return _from_attributes(attributes, data, catalogue)
    if data is not None:
        raise SignalRefused("data and data_base64 exclude each other.", where=Where(field="data_base64"))
    return _from_attributes(attributes, _from_base64(encoded), catalogue)


def _from_base64(encoded: JSON) -> JSON:
    """Some programs hand over JSON as bytes; the event then holds them in base 64."""
    where = Where(field="data_base64")
    if not isinstance(encoded, str):
        raise SignalRefused("expected text in base 64.", where=where)
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise SignalRefused("is not base 64.", where=where) from None
    try:
        return strict_json.loads(data, max_bytes=len(data), error=SignalRefused)
    except SignalRefused as wrong:
        raise _moved(wrong, f"data{_dot(wrong.where.field)}") from None


def _from_attributes(attributes: Mapping[str, JSON], data: JSON, catalogue: Catalogue) -> Signal:
    for name in _REQUIRED:
        if name not in attributes:
            raise SignalRefused("the attribute is missing.", where=Where(field=name))
    _check_attributes(attributes)
    content = attributes.get("datacontenttype", "application/json")
    if not _JSON_TYPE.fullmatch(cast("str", content)):
        raise SignalRefused(
            f"expected JSON, got '{shown(str(content), 60)}'.", where=Where(field="datacontenttype")
        )
    if not isinstance(data, Mapping):
        wanted = "an object with confidence, valid_until and data"
        raise SignalRefused(f"expected {wanted}.", where=Where(field="data"))
    event = _sdk_event(attributes, data)
    values, paths = _signal_values(event, data)
    try:
        return codec.from_values(values, catalogue)
    except SignalRefused as wrong:
        raise _moved(wrong, _renamed(wrong.where.field, paths)) from None


def _check_attributes(attributes: Mapping[str, object]) -> None:
    for name, value in attributes.items():
        where = Where(field=member("", name))
        known = name in _REQUIRED or name in _OPTIONAL
        if isinstance(value, datetime) or (isinstance(value, int) and not known):
            continue  # the SDK's own time; booleans and integers in extensions of other programs
        if not isinstance(value, str):
            wanted = "text" if known else "text, a boolean or an integer"
            raise SignalRefused(f"expected {wanted}.", where=where)
        if known and not value:
            raise SignalRefused("must not be empty.", where=where)
        if _CONTROL.search(value):
            raise SignalRefused("control characters are not allowed.", where=where)


def _sdk_event(attributes: Mapping[str, JSON], data: Mapping[str, JSON]) -> CloudEvent:
    """Let the SDK judge what the specification says of versions, names and types."""
    time = cast("str", attributes["time"])
    codec.check_time(time, "time")
    try:
        moment = datetime.fromisoformat(time.upper())
    except ValueError:
        raise SignalRefused(f"there is no such instant as '{time}'.", where=Where(field="time")) from None
    try:
        return CloudEvent({**attributes, "time": moment}, dict(data))
    except CloudEventValidationError as wrong:
        name, problems = next(iter(wrong.errors.items()))
        raise SignalRefused(f"{problems[0]}.", where=Where(field=member("", name))) from None


def _signal_values(event: CloudEvent, data: Mapping[str, JSON]) -> tuple[dict[str, JSON], dict[str, str]]:
    """Return the signal's values, and where in the event each stands."""
    surplus = [name for name in data if name not in _IN_DATA]
    if surplus:
        raise SignalRefused(
            "is not a member of data.",
            where=Where(field=member("data", surplus[0])),
            next_step=f"It has: {', '.join(_IN_DATA)}.",
        )
    attributes = cast("Mapping[str, JSON]", event.get_attributes())
    own, source, kind = event.get_id(), event.get_source(), event.get_type()
    values: dict[str, JSON] = {**data}
    paths = {name: f"data.{name}" for name in _IN_DATA}
    if values.get("dedup_key") is None:
        values["dedup_key"] = own
        paths["dedup_key"] = "id"
    key = values["dedup_key"]
    derived = signal_id(kind, source, key) if isinstance(key, str) else own
    values["id"] = own if _OURS.fullmatch(own) else derived
    values["time"] = cast("datetime", event.get_time()).isoformat()
    values["department"] = attributes.get("department", kind.partition(".")[0])
    values["correlation_id"] = attributes.get("correlationid", case_id(SignalId(derived)))
    values["causation_id"] = attributes.get("causationid")
    for name in ("type", "source", "subject", "traceparent"):
        values[name] = attributes.get(name)
    return values, {**paths, "correlation_id": "correlationid", "causation_id": "causationid"}


def _renamed(field: str | None, paths: Mapping[str, str]) -> str | None:
    """Turn a path in the signal into one in the event."""
    if field is None:
        return None
    first = re.split(r"[.\[]", field, maxsplit=1)[0]
    return paths.get(first, first) + field[len(first) :]


def _dot(field: str | None) -> str:
    """A path below another one: ``.a.b``, ``[0]`` or nothing."""
    if field is None:
        return ""
    return field if field.startswith("[") else f".{field}"


def _moved(wrong: SignalRefused, field: str | None) -> SignalRefused:
    where = Where(file=wrong.where.file, line=wrong.where.line, field=field)
    return SignalRefused(wrong.message, where=where, next_step=wrong.next_step)
