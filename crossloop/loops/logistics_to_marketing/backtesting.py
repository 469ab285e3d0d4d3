"""Backtest from files: read what a run would read, replay every past day in shadow. Needs ``loops``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from pydantic import JsonValue

from crossloop.adapters.embedded import EmbeddedCompany
from crossloop.canonical import to_json
from crossloop.coordinator.loop import Inputs
from crossloop.governance import Policy
from crossloop.loops.logistics_to_marketing.backtest import BacktestReport, backtest
from crossloop.loops.logistics_to_marketing.counts import count_shipments
from crossloop.loops.logistics_to_marketing.observing import (
    DEFAULT_CURRENCY,
    check_metric,
    detection_settings,
    economics_of,
    read_inputs,
    with_embedded_data,
)
from crossloop.loops.logistics_to_marketing.saving import Saving, estimate


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a backtest found."""

    report: BacktestReport
    saving: Saving
    rows: Mapping[str, JsonValue]
    inputs: Mapping[str, JsonValue]

    def to_json(self) -> dict[str, JsonValue]:
        """Return the JSON document of ``crossloop backtest``."""
        return {
            **self.report.to_json(),
            **self.saving.to_json(),
            "rows": dict(self.rows),
            "inputs": dict(self.inputs),
        }


def run_backtest(
    company: EmbeddedCompany,
    inputs: Inputs,
    *,
    as_of: date | None,
    settings: Mapping[str, JsonValue],
    policy: Policy,
    progress: Callable[[int, int], None] | None = None,
) -> Backtest:
    """Replay the past of a file.

    Args:
        as_of: nothing later than this day is read; everything when None.
        settings: every setting of the loop.
        policy: the rules that decide what would have been done.
        progress: called with days done and days in all.

    Raises:
        InputError: a file, mapping or setting is wrong, or the data is too short.
    """
    read = read_inputs(with_embedded_data(company, inputs), as_of)
    campaigns = read.campaigns
    if campaigns is None and inputs.primary is None:
        campaigns = asyncio.run(company.ads.campaigns())
    try:
        detecting = detection_settings(settings)
        check_metric(read.shipments, detecting)
        counts = count_shipments(read.shipments.table, detecting)
    finally:
        read.shipments.close()
    report = backtest(counts, detecting, progress=progress)
    saving = estimate(
        report,
        campaigns=campaigns or (),
        economics=economics_of(settings),
        policy=policy,
        currency=read.shipments.currency or DEFAULT_CURRENCY,
        file=read.shipments.file.name,
    )
    further: dict[str, JsonValue] = {}
    if read.campaign_rows is not None:
        further["campaigns"] = to_json(read.campaign_rows)  # pyright: ignore[reportArgumentType]
    return Backtest(report, saving, to_json(read.shipments.rows), further)  # pyright: ignore[reportArgumentType]
