"""The loop Logistics to Marketing: NDR or RTO rates by geography, and what marketing should know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import cast

from pydantic import JsonValue, ValidationError

from crossloop.adapters.embedded import EmbeddedCompany
from crossloop.canonical import to_json
from crossloop.coordinator.loop import Condition, Inputs, Observation
from crossloop.departments.marketing import MARKETING, Economics
from crossloop.errors import SettingError, Where
from crossloop.extras import require
from crossloop.ids import DepartmentName, LoopName
from crossloop.loops.logistics_to_marketing.names import LOGISTICS, NAME
from crossloop.loops.logistics_to_marketing.settings import Settings
from crossloop.loops.spelling import nearest
from crossloop.signals.types import GEO_RISK, GEO_RISK_CLEARED


class LogisticsToMarketing:
    """Shipments in, geo-risk signals out."""

    name: LoopName = NAME
    source: DepartmentName = LOGISTICS
    targets: tuple[DepartmentName, ...] = (MARKETING,)
    signal_types: tuple[str, ...] = (GEO_RISK.name, GEO_RISK_CLEARED.name)
    inputs: Mapping[str, str] = {"campaigns": "CSV: campaign,name,status,daily_budget,currency,level,code"}

    def __init__(self, company: EmbeddedCompany) -> None:
        self._company = company

    def settings(self, chosen: Mapping[str, str]) -> Mapping[str, JsonValue]:
        """Return every setting of detection and of marketing's economics, defaults included.

        Raises:
            SettingError: an unknown key or a value out of range.
        """
        detecting = {key: text for key, text in chosen.items() if key in Settings.model_fields}
        valuing = {key: text for key, text in chosen.items() if key in Economics.model_fields}
        for key in chosen:
            if key not in detecting and key not in valuing:
                known = [*Settings.model_fields, *Economics.model_fields]
                raise SettingError(
                    f"there is no setting '{key}'.", next_step=nearest(key, known), where=Where(field=key)
                )
        stated = {**to_json(Settings.parse(detecting)), **to_json(_economics(valuing))}
        return cast("dict[str, JsonValue]", stated)

    def prepare(self, inputs: Inputs, *, as_of: date | None, settings: Mapping[str, JsonValue]) -> Inputs:
        """Read and check what is handed in, before anything is created; hand the result to :meth:`observe`.

        Raises:
            InputError: a file, mapping or setting is wrong.
            MissingExtra: the ``loops`` extra is not installed.
        """
        require(f"the loop {self.name}", extra="loops", modules=("ibis", "duckdb", "scipy"))
        from crossloop.loops.logistics_to_marketing.observing import prepare

        return prepare(self._company, inputs, as_of=as_of, settings=settings)

    async def observe(
        self,
        inputs: Inputs,
        *,
        as_of: date | None,
        timezone: str,
        settings: Mapping[str, JsonValue],
        conditions: Sequence[Condition],
    ) -> Observation:
        """Look at the shipments as of a day.

        Raises:
            InputError: a file, mapping or setting is wrong; nothing was loaded.
            MissingExtra: the ``loops`` extra is not installed.
        """
        require(f"the loop {self.name}", extra="loops", modules=("ibis", "duckdb", "scipy"))
        from crossloop.loops.logistics_to_marketing.observing import observe

        return await observe(
            self._company,
            inputs,
            as_of=as_of,
            timezone=timezone,
            settings=settings,
            conditions=conditions,
        )


def _economics(chosen: Mapping[str, str]) -> Economics:
    try:
        return Economics.model_validate(dict(chosen))
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        key = str(first["loc"][0]) if first["loc"] else "settings"
        raise SettingError(
            f"{first['msg'].removeprefix('Value error, ')} (got {first['input']!r}).", where=Where(field=key)
        ) from None
