"""Our saver against LangGraph's own suite for checkpoint savers, with LangGraph's serializer and with ours.

The suite finds out by itself what a saver offers, and has five capabilities that every saver must have. What
it puts is JSON throughout, so our serializer is asked for all of it as well. Run with ``-s`` for the reports.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import BASE_CAPABILITIES, EXTENDED_CAPABILITIES
from langgraph.checkpoint.conformance.report import CapabilityReport
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from crossloop.coordinator.fenced_saver import FencedSaver
from crossloop.coordinator.serializer import JsonSerializer
from crossloop.store import Lease

SERIALIZERS: dict[str, SerializerProtocol] = {
    "langgraph": JsonPlusSerializer(allowed_msgpack_modules=None),
    "json only": JsonSerializer(),
}
LEASES = {"fenced": Lease("coordinator", 7, "host:1", datetime(2025, 3, 1, tzinfo=UTC)), "no lease": None}


def report_of(
    saver: type[FencedSaver], folder: Path, serde: SerializerProtocol, lease: Lease | None
) -> CapabilityReport:
    """Run the whole suite; each capability gets a file of its own."""
    files = (folder / f"threads-{number}.db" for number in range(100))

    async def make() -> AsyncGenerator[BaseCheckpointSaver[Any]]:
        with closing(sqlite3.connect(next(files), check_same_thread=False)) as connection:
            yield saver(connection, lease, serde=serde)

    return asyncio.run(validate(checkpointer_test(name=saver.__name__)(make)))


@pytest.mark.parametrize("lease", LEASES.values(), ids=LEASES)
@pytest.mark.parametrize("serde", SERIALIZERS.values(), ids=SERIALIZERS)
def test_the_fenced_saver_passes_every_capability_that_it_offers(
    tmp_path: Path, serde: SerializerProtocol, lease: Lease | None
) -> None:
    report = report_of(FencedSaver, tmp_path, serde, lease)
    report.print_report()
    assert {name: one.failures for name, one in report.results.items() if one.failures} == {}
    assert report.passed_all_base()
    passed = {name for name, one in report.results.items() if one.passed}
    assert passed == {one.value for one in BASE_CAPABILITIES}
    assert sum(one.tests_passed for one in report.results.values()) >= 58  # all that 0.0.2 has for them


def test_what_langgraphs_saver_does_not_offer_ours_does_not_offer_either(tmp_path: Path) -> None:
    report = report_of(FencedSaver, tmp_path, JsonSerializer(), None)
    absent = {name for name, one in report.results.items() if not one.detected}
    assert absent == {one.value for one in EXTENDED_CAPABILITIES}
    for name in absent:
        assert getattr(SqliteSaver, name) is getattr(BaseCheckpointSaver, name)


def test_the_suite_notices_a_saver_that_keeps_no_pending_writes(tmp_path: Path) -> None:
    class Forgetful(FencedSaver):
        async def aput_writes(self, *_: Any, **__: Any) -> None:
            return

    report = report_of(Forgetful, tmp_path, JsonSerializer(), None)
    assert not report.passed_all_base()
    assert report.results["put_writes"].failures
