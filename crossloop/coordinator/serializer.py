"""A checkpoint serializer that knows JSON and nothing else.

LangGraph's default can execute code while it reads a hostile blob. This one has no types to
instantiate: what goes in is JSON of our own, what comes out is JSON, and a size limit ends the rest.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, cast

import orjson
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.types import Interrupt

from crossloop.canonical import canonical_json
from crossloop.errors import CrossloopError

MAX_BYTES: Final = 1024 * 1024
"""Largest blob that is written or read."""

_JSON = "crossloop+json"
_INTERRUPTS = "crossloop+interrupts"
_EMPTY = "crossloop+null"


class CheckpointRefused(CrossloopError):
    """A checkpoint is not one of ours, is too large, or is damaged."""

    code: ClassVar[str] = "checkpoint.refused"


class JsonSerializer(SerializerProtocol):
    """Serializes JSON values and LangGraph's own interrupts; anything else is refused."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return a type tag and the bytes.

        Raises:
            NotCanonical: the object is not JSON.
            CheckpointRefused: it is larger than what would be read again.
        """
        if obj is None:
            return _EMPTY, b""
        items = list(cast("list[object]", obj)) if isinstance(obj, list | tuple) else []
        interrupts = [cast("Interrupt[object]", one) for one in items if isinstance(one, Interrupt)]
        if interrupts and len(interrupts) == len(items):
            tag, value = _INTERRUPTS, [{"id": one.id, "value": one.value} for one in interrupts]
        else:
            tag, value = _JSON, cast("object", obj)
        content = canonical_json(value)
        _check_size(content)
        return tag, content

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return the JSON value.

        Raises:
            CheckpointRefused: the blob is not one of ours, is too large, or is damaged.
        """
        tag, content = data
        if tag == _EMPTY:
            return None
        if tag not in (_JSON, _INTERRUPTS):
            raise CheckpointRefused(f"a checkpoint of type '{tag}' is not read: only {_JSON} is.")
        _check_size(content)
        try:
            value = orjson.loads(content)
            if tag == _INTERRUPTS:
                return [Interrupt(value=one["value"], id=one["id"]) for one in value]
        except (ValueError, TypeError, KeyError) as wrong:
            raise CheckpointRefused(f"a checkpoint is damaged: {wrong!r}.") from None
        return value


def _check_size(content: bytes) -> None:
    if len(content) > MAX_BYTES:
        raise CheckpointRefused(f"a checkpoint of {len(content)} bytes is too large; at most {MAX_BYTES}.")
