"""Checkpoints are JSON and nothing else: what is read back can hold values, never execute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Interrupt

from crossloop.canonical import NotCanonical, canonical_json
from crossloop.coordinator.serializer import MAX_BYTES, CheckpointRefused, JsonSerializer
from crossloop.testing.strategies import json_values
from tests.support.hostile import hostile_pickle

SERDE = JsonSerializer()


@given(json_values())
def test_json_comes_back_as_it_went_in(value: Any) -> None:
    assert canonical_json(SERDE.loads_typed(SERDE.dumps_typed(value))) == canonical_json(value)


def test_interrupts_come_back_with_their_ids() -> None:
    asked = [Interrupt(value={"action": "cut"}, id="a" * 32)]
    assert SERDE.loads_typed(SERDE.dumps_typed(asked)) == asked
    assert SERDE.loads_typed(SERDE.dumps_typed(tuple(asked))) == asked


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", {"a": Path()}, {1: "a"}, float("nan")])
def test_what_is_not_json_is_not_written(value: Any) -> None:
    with pytest.raises((NotCanonical, TypeError)):
        SERDE.dumps_typed(value)


def test_a_pickle_is_refused_and_never_executed(tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    blob = hostile_pickle(trace)
    for tag in ("pickle", "msgpack", "json", "bytes", "crossloop+pickle", ""):
        with pytest.raises(CheckpointRefused, match="is not read"):
            SERDE.loads_typed((tag, blob))
    for tag in ("crossloop+json", "crossloop+interrupts"):
        with pytest.raises(CheckpointRefused, match="damaged"):
            SERDE.loads_typed((tag, blob))
    assert not trace.exists()


def test_what_langgraph_itself_would_write_is_refused() -> None:
    with pytest.raises(CheckpointRefused):
        SERDE.loads_typed(JsonPlusSerializer().dumps_typed({"path": Path("/etc")}))


@pytest.mark.parametrize("content", [b"[1]", b'[{"id": "a"}]', b'{"id": "a"}', b"7", b'["x"]'])
def test_interrupts_of_another_shape_are_refused(content: bytes) -> None:
    with pytest.raises(CheckpointRefused, match="damaged"):
        SERDE.loads_typed(("crossloop+interrupts", content))


def test_what_is_too_large_is_neither_read_nor_written() -> None:
    large = "x" * MAX_BYTES
    with pytest.raises(CheckpointRefused, match=f"at most {MAX_BYTES}"):
        SERDE.loads_typed(("crossloop+json", f'"{large}"'.encode()))
    with pytest.raises(CheckpointRefused, match=f"at most {MAX_BYTES}"):
        SERDE.dumps_typed(large)
    fits = "x" * (MAX_BYTES - 2)
    assert SERDE.loads_typed(SERDE.dumps_typed(fits)) == fits


def test_json_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(CheckpointRefused, match="damaged"):
        SERDE.loads_typed(("crossloop+json", b"[" * 100_000))
