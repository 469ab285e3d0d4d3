"""Backtest from files: read what a run would read, replay every past day in shadow. Needs ``loops``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import cast

from pydantic import JsonValue

from crossloop.adapters.embedded.generator import made_up_campaigns
from crossloop.adapters.files import RowCount
from crossloop.canonical import to_json
from crossloop.coordinator.loop import Inputs
from crossloop.governance import Policy
from crossloop.loops.logistics_to_marketing.backtest import backtest
from crossloop.loops.logistics_to_marketing.counts import Counts, count_shipments
from crossloop.loops.logistics_to_marketing.observing import (
    Read,
    check_metric,
    detection_settings,
    economics_of,
    made_up,
    read_inputs,
)
from crossloop.loops.logistics_to_marketing.replayed import BacktestReport
from crossloop.loops.logistics_to_marketing.saving import Saving, estimate
from crossloop.loops.logistics_to_marketing.settings import Settings


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a backtest found. Its ``repr`` is one line; :meth:`to_json` says everything."""

    report: BacktestReport
    saving: Saving
    rows: Mapping[str, JsonValue]
    inputs: Mapping[str, JsonValue]
    governance: str
    """The document under which it would have been done."""

    def __repr__(self) -> str:
        return f"<Backtest {self.report.in_a_line()}; in full: .to_json()>"

    def to_json(self) -> dict[str, JsonValue]:
        """Return the JSON document of ``crossloop backtest``."""
        return {
            **self.report.to_json(),
            **self.saving.to_json(),
            "rows": dict(self.rows),
            "inputs": dict(self.inputs),
            "governance": self.governance,
        }


def run_backtest(
    inputs: Inputs,
    *,
    as_of: date | None,
    settings: Mapping[str, JsonValue],
    policy: Policy,
    progress: Callable[[int, int], None] | None = None,
) -> Backtest:
    """Replay the past of a file, or of the made-up company where none is given.

    Args:
        as_of: nothing later than this day is read; everything when None.
        settings: every setting of the loop.
        policy: the rules that decide what would have been done.
        progress: called with days done and days in all.

    Raises:
        InputError: a file, mapping or setting is wrong, or the data is too short.
    """
    detecting = detection_settings(settings)
    read, counts = _counted(inputs, as_of, detecting)
    report = backtest(counts, detecting, progress=progress)
    saving = estimate(
        report,
        campaigns=read.campaigns or (),
        economics=economics_of(settings),
        policy=policy,
        file=read.shipments.file.name,
    )
    further = {} if read.campaign_rows is None else {"campaigns": _json(read.campaign_rows)}
    rules = f"{policy.file.name}, digest {policy.digest}"
    return Backtest(report, saving, _json(read.shipments.rows), further, rules)


def _counted(inputs: Inputs, as_of: date | None, settings: Settings) -> tuple[Read, Counts]:
    """Read what is given and count it, as known at the end of the data."""
    if inputs.primary is None:
        with made_up(inputs) as own:
            read, counts = _counted(own, as_of, settings)
        known = read.campaigns or tuple(sorted(made_up_campaigns(), key=lambda one: one.campaign_id))
        return replace(read, campaigns=known), counts
    read = read_inputs(inputs, as_of)
    try:
        check_metric(read.shipments, settings)
        return read, count_shipments(read.shipments.table, settings)
    finally:
        read.shipments.close()


def _json(rows: RowCount) -> dict[str, JsonValue]:
    return cast("dict[str, JsonValue]", to_json(rows))
