"""The contracts that other programs read: JSON Schemas (draft 2020-12) of a catalogue.

Two kinds, each with an ``$id`` that is a URN and never fetched:

- ``urn:crossloop:signal:TYPE``: the typed payload of a signal;
- ``urn:crossloop:event:TYPE``: the ``data`` of a CloudEvent, which is the payload with how sure its
  producer is and until when it holds. It contains the payload's schema, so each stands alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, cast

from pydantic import Field

from crossloop.canonical import JSON
from crossloop.frozen import Frozen
from crossloop.signals.catalogue import Catalogue, SignalType
from crossloop.signals.model import Confidence, Evidence


class Assessment(Frozen):
    """What a CloudEvent says beside the typed payload."""

    confidence: Confidence
    """A probability; the signal type documents of what."""

    valid_until: datetime
    """After this instant the signal may no longer start an action (RFC 3339)."""

    dedup_key: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    """The same key from the same source is the same fact; left out, the event's id is the key."""

    evidence: Annotated[tuple[Evidence, ...], Field(max_length=200)] = ()
    """Data points that support the assessment."""


def schemas(catalogue: Catalogue) -> dict[str, dict[str, JSON]]:
    """Return the schema of every payload, by type name."""
    return {one.name: one.json_schema for one in catalogue}


def event_schemas(catalogue: Catalogue) -> dict[str, dict[str, JSON]]:
    """Return the schema of every CloudEvent's ``data``, by type name."""
    return {one.name: event_schema(one) for one in catalogue}


def event_schema_id(type_name: str) -> str:
    """The CloudEvents ``dataschema`` of a signal type."""
    return f"urn:crossloop:event:{type_name}"


def event_schema(kind: SignalType) -> dict[str, JSON]:
    """Return the schema of the ``data`` of a CloudEvent of this type."""
    payload = kind.json_schema
    schema = cast("dict[str, JSON]", Assessment.model_json_schema())
    properties = cast("dict[str, JSON]", schema["properties"])
    definitions = cast("dict[str, JSON]", schema["$defs"])
    required = cast("list[JSON]", schema["required"])
    return {
        "$schema": payload["$schema"],
        "$id": event_schema_id(kind.name),
        **schema,
        "title": f"{kind.name} as a CloudEvent",
        "description": kind.summary,
        "properties": {**properties, "data": {"$ref": cast("str", payload["$id"])}},
        "required": [*required, "data"],
        "$defs": {**definitions, "payload": payload},
    }
