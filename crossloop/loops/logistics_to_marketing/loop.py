"""The loop Logistics to Marketing: NDR or RTO rates by geography, and what marketing should know of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Final, cast

from pydantic import JsonValue

from crossloop.adapters.embedded import EmbeddedCompany
from crossloop.canonical import to_json
from crossloop.coordinator.loop import Backtested, Condition, Inputs, Observation
from crossloop.departments.marketing import MARKETING, Economics
from crossloop.errors import SettingError, Where
from crossloop.extras import require
from crossloop.governance import Policy
from crossloop.ids import DepartmentName, LoopName
from crossloop.loops.logistics_to_marketing.names import LOGISTICS, NAME
from crossloop.loops.logistics_to_marketing.settings import Settings
from crossloop.loops.parsing import check, parse
from crossloop.loops.spelling import nearest
from crossloop.signals import SignalType
from crossloop.signals.types import GEO_RISK, GEO_RISK_CLEARED

_EXTRA: Final = ("ibis", "duckdb", "scipy")
_MODELS: Final = (Settings, Economics)
"""What can be set: detection, and what marketing assumes."""


class LogisticsToMarketing:
    """Shipments in, geo-risk signals out."""

    name: LoopName = NAME
    source: DepartmentName = LOGISTICS
    targets: tuple[DepartmentName, ...] = (MARKETING,)
    types: tuple[SignalType, ...] = (GEO_RISK, GEO_RISK_CLEARED)
    signal_types: tuple[str, ...] = tuple(one.name for one in types)
    inputs: Mapping[str, str] = {"campaigns": "CSV: campaign,name,status,daily_budget,currency,level,code"}

    def __init__(self, company: EmbeddedCompany) -> None:
        self._company = company

    def settings(self, chosen: Mapping[str, str]) -> Mapping[str, JsonValue]:
        """Return every setting of detection and of marketing's economics, defaults included.

        Raises:
            SettingError: an unknown key or a value out of range.
        """
        for name in chosen:
            _model_of(name)
        parsed = (
            parse(model, {name: text for name, text in chosen.items() if name in model.model_fields})
            for model in _MODELS
        )
        return {name: value for one in parsed for name, value in _as_json(one).items()}

    def check_setting(self, name: str, text: str) -> None:
        """Refuse a value that a setting can never have, whatever the others are.

        Raises:
            SettingError: there is no such setting, or the value is out of its range.
        """
        check(_model_of(name), name, text)

    def prepare(self, inputs: Inputs, *, as_of: date | None, settings: Mapping[str, JsonValue]) -> Inputs:
        """Read and check what is handed in, before anything is created; hand the result to :meth:`observe`.

        Raises:
            InputError: a file, mapping or setting is wrong.
            MissingExtra: the ``loops`` extra is not installed.
        """
        require(f"the loop {self.name}", extra="loops", modules=_EXTRA)
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
        require(f"the loop {self.name}", extra="loops", modules=_EXTRA)
        from crossloop.loops.logistics_to_marketing.observing import observe

        return await observe(
            self._company,
            inputs,
            as_of=as_of,
            timezone=timezone,
            settings=settings,
            conditions=conditions,
        )

    def backtest(
        self,
        inputs: Inputs,
        *,
        as_of: date | None,
        settings: Mapping[str, JsonValue],
        policy: Policy,
        progress: Callable[[int, int], None] | None = None,
    ) -> Backtested:
        """Replay every past day of the shipments in shadow; nothing is kept.

        Raises:
            InputError: a file, mapping or setting is wrong, or the data is too short.
            MissingExtra: the ``loops`` extra is not installed.
        """
        require("a backtest", extra="loops", modules=_EXTRA)
        from crossloop.loops.logistics_to_marketing.backtesting import run_backtest

        return run_backtest(inputs, as_of=as_of, settings=settings, policy=policy, progress=progress)


def _model_of(name: str) -> type[Settings] | type[Economics]:
    for model in _MODELS:
        if name in model.model_fields:
            return model
    known = [one for model in _MODELS for one in model.model_fields]
    raise SettingError(
        f"there is no setting '{name}'.", where=Where(field=name), next_step=nearest(name, known)
    )


def _as_json(model: Settings | Economics) -> dict[str, JsonValue]:
    return cast("dict[str, JsonValue]", to_json(model))
