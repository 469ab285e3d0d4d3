"""What the generator gives, and the files it is written to."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]
import pyarrow.parquet as pq  # pyright: ignore[reportMissingTypeStubs]

from crossloop.adapters.embedded.assumptions import Assumptions, Planted
from crossloop.adapters.embedded.tables import ArrowTable
from crossloop.frozen import Frozen
from crossloop.signals.entities import Area, Campaign, ScaleUp

# pyarrow ships no types.
_pa: Any = pa
_pq: Any = pq


class Truth(Frozen):
    """What was planted, and what chance made of the rest: what a detection is measured against."""

    planted: tuple[Planted, ...]
    unlucky: tuple[Area, ...]
    """Tiny pin codes outside planted areas where all of at least three orders of one week came back, by
    chance alone."""


@dataclass(frozen=True, slots=True)
class GeneratedCompany:
    """A company's history."""

    shipments: ArrowTable
    """The columns of ``SHIPMENT_COLUMNS``, by day of order."""

    campaigns: tuple[Campaign, ...]
    scale_ups: tuple[ScaleUp, ...]
    truth: Truth
    assumptions: Assumptions


class WrittenCompany(NamedTuple):
    """The files of a company."""

    shipments: Path
    campaigns: Path
    scale_ups: Path


def write_company(directory: Path, company: GeneratedCompany) -> WrittenCompany:
    """Write ``shipments.parquet``, ``campaigns.csv`` and ``scale_ups.csv`` into a folder that exists.

    ``campaigns.csv`` has one line for each target of each campaign.
    """
    written = WrittenCompany(
        directory / "shipments.parquet", directory / "campaigns.csv", directory / "scale_ups.csv"
    )
    write_shipments(written.shipments, company)
    targets = (
        (
            one.campaign_id,
            one.name,
            one.status,
            format(one.daily_budget.amount, "f"),
            one.daily_budget.currency,
            target.area.level,
            target.area.code,
        )
        for one in company.campaigns
        for target in one.targets
    )
    header = ("campaign", "name", "status", "daily_budget", "currency", "level", "code")
    _write_whole(written.campaigns, _csv(header, targets))
    plans = (
        (
            plan.plan_id,
            plan.campaign_id,
            plan.area.level,
            plan.area.code,
            plan.direction,
            plan.starts.isoformat(),
            plan.ends.isoformat(),
            plan.reason,
        )
        for plan in company.scale_ups
    )
    header = ("plan", "campaign", "level", "code", "direction", "starts", "ends", "reason")
    _write_whole(written.scale_ups, _csv(header, plans))
    return written


def write_shipments(path: Path, company: GeneratedCompany) -> None:
    """Write the shipments as one Parquet file; it appears whole or not at all."""
    sink = _pa.BufferOutputStream()
    _pq.write_table(company.shipments, sink, compression="zstd", row_group_size=1_000_000)
    _write_whole(path, sink.getvalue())


def _csv(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def _write_whole(path: Path, content: Any) -> None:
    """Write aside and rename: a process that dies on the way leaves no half a file under the name."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    aside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        aside.chmod(0o644)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
