"""Observing shipments: from files to an observation. Needs the ``loops`` extra.

It looks at a company's own export through a declared mapping, or at the embedded company's shipments, and
loads campaigns where a file names them. Everything is read and checked before anything is loaded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from pydantic import JsonValue

from crossloop.adapters.embedded import EmbeddedCompany
from crossloop.adapters.embedded.generator import ensure_company, generate, shipments_of, write_shipments
from crossloop.adapters.files import (
    CampaignRows,
    Geography,
    RowCount,
    ShipmentData,
    load_mapping,
    read_campaigns,
    read_shipments,
)
from crossloop.canonical import digest, to_json
from crossloop.clock import end_of_day
from crossloop.coordinator.loop import Condition, Inputs, Observation, Standing
from crossloop.departments.marketing import MARKETING, Economics
from crossloop.errors import DataFileError, InputError, SettingError, Where
from crossloop.ids import Resource
from crossloop.loops.logistics_to_marketing.counts import (
    count_shipments,
    lacks_attempts,
    looked_at_days,
)
from crossloop.loops.logistics_to_marketing.detection import Detection, detect
from crossloop.loops.logistics_to_marketing.names import NAME
from crossloop.loops.logistics_to_marketing.settings import Settings
from crossloop.loops.logistics_to_marketing.signals import Told, looked_at, rto_cost, tell
from crossloop.signals import Claim
from crossloop.signals.entities import Campaign, ScaleUp


@dataclass(frozen=True, slots=True)
class Read:
    """Everything a run looks at, read and checked."""

    shipments: ShipmentData
    campaigns: tuple[Campaign, ...] | None
    """Campaigns from a file; None when no file was given."""

    campaign_rows: CampaignRows | None


@dataclass(frozen=True, slots=True)
class Prepared(Inputs):
    """Inputs that were read and checked already."""

    read: Read | None = None

    def close(self) -> None:
        """Give the memory back; twice does nothing."""
        if self.read is not None:
            self.read.shipments.close()


def prepare(
    company: EmbeddedCompany, inputs: Inputs, *, as_of: date | None, settings: Mapping[str, JsonValue]
) -> Inputs:
    """Read and check what is handed in, before anything is created.

    Without a file the data is the embedded company's own. Where it has none yet, some is made to check
    against and thrown away: it is the same everywhere.

    Raises:
        InputError: the first thing that is wrong.
    """
    _refuse_strangers(inputs)
    if inputs.primary is None and as_of is None and not inputs.others:
        return inputs
    own = shipments_of(company)
    if inputs.primary is not None or own.exists():
        read = _checked(Inputs(inputs.primary or own, inputs.mapping, inputs.others), as_of, settings)
        return Prepared(inputs.primary, inputs.mapping, inputs.others, read)
    with made_up(inputs) as thrown_away:
        _checked(thrown_away, as_of, settings).shipments.close()
    return inputs


@contextmanager
def made_up(inputs: Inputs) -> Generator[Inputs]:
    """The inputs, with shipments of the made-up company in a file that is thrown away afterwards."""
    _refuse_strangers(inputs)
    with TemporaryDirectory(prefix="crossloop-made-up-") as folder:
        file = Path(folder) / "shipments.parquet"
        write_shipments(file, generate())
        yield Inputs(primary=file, others=inputs.others)


async def observe(
    company: EmbeddedCompany,
    inputs: Inputs,
    *,
    as_of: date | None,
    timezone: str,
    settings: Mapping[str, JsonValue],
    conditions: Sequence[Condition],
) -> Observation:
    """Look at the shipments as of a day; see :meth:`LogisticsToMarketing.observe`."""
    prepared = inputs.read if isinstance(inputs, Prepared) else None
    read = prepared or await asyncio.to_thread(_read, company, inputs, as_of)
    try:
        day = as_of or read.shipments.last_day
        conditions = [one.at(end_of_day(day, timezone)) for one in conditions]
        detecting = detection_settings(settings)
        detection = await asyncio.to_thread(
            _detected, read.shipments, detecting, day, looked_at(conditions, detecting.metric, day)
        )
    finally:
        read.shipments.close()
    told = _told(detection, conditions, detecting, economics_of(settings), timezone, day, read)
    campaigns = await company.ads.campaigns() if read.campaigns is None else read.campaigns
    scale_ups = await company.ads.scale_ups()
    return Observation(
        as_of=day,
        instant=end_of_day(day, timezone),
        rows=_json(read.shipments.rows),
        inputs=_further(read),
        input_digest=_digest(read, campaigns, scale_ups),
        settings=settings,
        signals=told.signals,
        changes=told.changes,
        reported=told.reported,
        standing=tuple(_standing(one) for one in scale_ups),
        notes=(*detection.notes, *_spikes(detection), *_notes(campaigns, detecting, read)),
        counts=detection.looked_at,
        load=None if read.campaigns is None else lambda: company.load_campaigns(campaigns),
    )


def _told(
    detection: Detection,
    conditions: Sequence[Condition],
    detecting: Settings,
    economics: Economics,
    timezone: str,
    day: date,
    read: Read,
) -> Told:
    return tell(
        detection,
        conditions,
        settings=detecting,
        rto_cost=rto_cost(economics),
        instant=end_of_day(day, timezone),
        as_of=day,
        file=read.shipments.file.name,
    )


def _digest(read: Read, campaigns: Sequence[Campaign], scale_ups: Sequence[ScaleUp]) -> str:
    return digest(
        {
            "shipments": read.shipments.digest,
            "campaigns": [to_json(one) for one in campaigns],
            "scale_ups": [to_json(one) for one in scale_ups],
        }
    )


def _read(company: EmbeddedCompany, inputs: Inputs, as_of: date | None) -> Read:
    primary = inputs.primary or ensure_company(company)
    return read_inputs(Inputs(primary, inputs.mapping, inputs.others), as_of)


def _checked(inputs: Inputs, as_of: date | None, settings: Mapping[str, JsonValue]) -> Read:
    read, detecting = read_inputs(inputs, as_of), detection_settings(settings)
    try:
        _check_day(read.shipments, detecting, as_of)
        check_metric(read.shipments, detecting, as_of or read.shipments.last_day)
    except InputError:
        read.shipments.close()
        raise
    return read


def _check_day(shipments: ShipmentData, settings: Settings, as_of: date | None) -> None:
    """Refuse a day on which every order is too old to be looked at.

    Time runs forward in a store: such a day, most likely a slip of the pen, would end what is claimed, and
    every real day after it would be refused. A day without new orders is another thing: nothing clears on it.

    Raises:
        InputError: it lies too far behind the last order.
    """
    if as_of is None:
        return
    oldest = settings.maturity_days + settings.history_days // settings.window_days * settings.window_days
    if as_of - shipments.last_day >= timedelta(days=oldest):
        raise InputError(
            f"nothing can be said as of {as_of}: the last order of {shipments.file.name} is of "
            f"{shipments.last_day}, and orders between {settings.maturity_days} and {oldest - 1} days old "
            "are looked at.",
            where=Where(field="--as-of"),
            next_step=f"Leave --as-of away to look as of {shipments.last_day}; or hand over newer orders.",
        )


def _refuse_strangers(inputs: Inputs) -> None:
    """Refuse inputs that the loop does not have, and a mapping of nothing."""
    if inputs.primary is None and inputs.mapping is not None:
        raise InputError("--mapping is given without --data.", next_step="Name the file with --data.")
    unknown = sorted(set(inputs.others) - {"campaigns"})
    if unknown:
        raise InputError(f"{NAME} has no input called '{unknown[0]}'.", next_step="It has: campaigns.")


def read_inputs(inputs: Inputs, as_of: date | None) -> Read:
    """Read and check every input.

    Raises:
        InputError: the first thing that is wrong.
    """
    _refuse_strangers(inputs)
    if inputs.primary is None:
        raise InputError("no shipments are given.", next_step="Name a file with --data.")
    mapping = load_mapping(inputs.mapping) if inputs.mapping is not None else None
    shipments = read_shipments(inputs.primary, mapping, as_of=as_of)
    campaigns, rows = None, None
    if "campaigns" in inputs.others:
        campaigns, rows = read_campaigns(inputs.others["campaigns"], Geography.of(shipments))
    if shipments.rows.used == 0:
        shipments.close()
        raise DataFileError(
            f"no line of {shipments.rows.read} can be used"
            + (f" as of {as_of}" if as_of else "")
            + "; the first reason: "
            + (shipments.rows.set_aside[0].reason if shipments.rows.set_aside else "the file is empty")
            + ".",
            where=Where(inputs.primary),
            next_step="Check --as-of and the mapping.",
        )
    return Read(shipments, campaigns, rows)


def detection_settings(settings: Mapping[str, JsonValue]) -> Settings:
    """Take the settings of detection from those of the loop."""
    return Settings.model_validate({key: settings[key] for key in Settings.model_fields if key in settings})


def economics_of(settings: Mapping[str, JsonValue]) -> Economics:
    """Take marketing's assumptions from the settings of the loop."""
    return Economics.model_validate({key: settings[key] for key in Economics.model_fields if key in settings})


def _detected(shipments: ShipmentData, settings: Settings, day: date, open_paths: Sequence[str]) -> Detection:
    check_metric(shipments, settings, day)
    return detect(count_shipments(shipments.table, settings, as_of=day), settings, day, open_paths)


def check_metric(shipments: ShipmentData, settings: Settings, as_of: date | None = None) -> None:
    """Refuse a rate, or areas, that the data cannot give.

    Args:
        as_of: only what a detection on this day looks at has to give it; without it the whole file.

    Raises:
        SettingError: ``ndr`` without delivery attempts; areas smaller than a state without postal codes.
    """
    if not shipments.has_pin_codes and settings.level not in ("state", "country"):
        raise SettingError(
            f"{shipments.file.name} has no postal codes: nothing can be said of areas smaller than a state.",
            where=Where(field="level"),
            next_step="Use --set level=state (or country), or map the column pin_code.",
        )
    if settings.metric != "ndr":
        return
    if not shipments.has_ndr:
        raise SettingError(
            f"{shipments.file.name} has no delivery attempts, so there is no ndr rate.",
            where=Where(field="metric"),
            next_step="Use --set metric=rto, or map the columns attempts and failed_attempts.",
        )
    if lacks_attempts(shipments.table, settings, as_of=as_of):
        ordered = (
            "" if as_of is None else " ordered between {} and {}".format(*looked_at_days(settings, as_of))
        )
        raise SettingError(
            f"no shipment{ordered} has delivery attempts in {shipments.file.name}, so there is no ndr rate.",
            where=Where(field="metric"),
            next_step=_without_attempts(as_of),
        )


def _without_attempts(as_of: date | None) -> str:
    if as_of is None:
        return "Use --set metric=rto."
    return (
        "Use --set metric=rto, or another --as-of; --set history_days=N looks further back, and "
        "--set maturity_days=N at younger orders."
    )


def _standing(plan: ScaleUp) -> Standing:
    return Standing(
        holder=f"{MARKETING} plan {plan.plan_id}",
        claim=Claim(
            resource=Resource(f"ads/campaign/{plan.campaign_id}/{plan.area.path}"),
            direction=plan.direction,
            starts=plan.starts,
            ends=plan.ends,
            interest=MARKETING,
        ),
        argument=plan.reason,
    )


def _further(read: Read) -> dict[str, JsonValue]:
    return {} if read.campaign_rows is None else {"campaigns": _json(read.campaign_rows)}


def _spikes(detection: Detection) -> list[str]:
    """What was seen and does not raise, because one or two days carry it."""
    return [
        f"Passing spike in {one.area.level.replace('_', ' ')} {one.area.code}: {one.failures} of "
        f"{one.orders} orders failed, carried by one or two days; that alone raises nothing."
        for one in detection.findings
        if one.assessment == "transient" and not one.raises and not one.still_open and not one.clears
    ]


def _notes(campaigns: Sequence[Campaign], settings: Settings, read: Read) -> list[str]:
    notes: list[str] = []
    if not read.shipments.has_outcome_days:
        notes.append(
            f"The data has no outcome dates: an order counts as known {settings.maturity_days} days after "
            "it was placed (maturity_days)."
        )
    if read.campaign_rows is not None:
        notes += read.campaign_rows.notes
    if not campaigns:
        notes.append("No campaign is known: nothing can be changed and no saving is claimed.")
    return notes


def _json(model: Settings | Economics | RowCount) -> dict[str, JsonValue]:
    return cast("dict[str, JsonValue]", to_json(model))
