"""A checkpoint serializer that knows JSON and nothing else.

LangGraph's default can execute code while it reads a hostile blob. This one has no types to
instantiate: what goes in is JSON of our own, what comes out is JSON, and a size limit ends the rest.
"""

from __future__ import annotations

from typing import Any, cast

import orjson
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.types import Interrupt

from crossloop.canonical import canonical_json
from crossloop.errors import CrossloopError

_MAX_BYTES = 1024 * 1024
_JSON = "crossloop+json"
_INTERRUPTS = "crossloop+interrupts"
_EMPTY = "crossloop+null"


class JsonSerializer(SerializerProtocol):
    """Serializes JSON values and LangGraph's own interrupts; anything else is refused."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return a type tag and the bytes.

        Raises:
            NotCanonical: the object is not JSON.
        """
        if obj is None:
            return _EMPTY, b""
        items = list(cast("list[object]", obj)) if isinstance(obj, list | tuple) else []
        interrupts = [cast("Interrupt[object]", one) for one in items if isinstance(one, Interrupt)]
        if interrupts and len(interrupts) == len(items):
            return _INTERRUPTS, canonical_json([{"id": one.id, "value": one.value} for one in interrupts])
        return _JSON, canonical_json(cast("object", obj))

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return the JSON value.

        Raises:
            CrossloopError: the blob is not one of ours, or too large.
        """
        tag, content = data
        if tag == _EMPTY:
            return None
        if tag not in (_JSON, _INTERRUPTS):
            raise CrossloopError(f"a checkpoint of type '{tag}' is not read: only {_JSON} is.")
        if len(content) > _MAX_BYTES:
            raise CrossloopError(f"a checkpoint of {len(content)} bytes is not read; at most {_MAX_BYTES}.")
        value = orjson.loads(content)
        if tag == _INTERRUPTS:
            return [Interrupt(value=one["value"], id=one["id"]) for one in value]
        return value
