"""The catalogue of signal types: the common language, with versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from crossloop.canonical import JSON
from crossloop.errors import UnknownName
from crossloop.signals.model import Risk, SignalData

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Intervention:
    """One enumerated answer to a signal type."""

    name: str
    risk: Risk
    summary: str


@dataclass(frozen=True)
class SignalType:
    """One version of one signal type: payload, meaning of its confidence, permitted answers."""

    name: str
    """``department.name/version``."""

    data: type[SignalData]
    """Model of the payload."""

    summary: str
    """What the signal says, in one sentence."""

    confidence_means: str
    """Of what the confidence is the probability, so that it can be checked afterwards."""

    thresholds: str
    """Which thresholds apply to it, and who owns them."""

    interventions: tuple[Intervention, ...] = ()

    clears: str | None = None
    """Name of the type whose condition this one ends; a loop on that type answers this one, too."""

    def __post_init__(self) -> None:
        names = [one.name for one in self.interventions]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"signal type {self.name} declares {', '.join(doubled)} twice")

    @cached_property
    def json_schema(self) -> dict[str, JSON]:
        """JSON Schema (draft 2020-12) of the payload."""
        schema = cast("dict[str, JSON]", self.data.model_json_schema(mode="serialization"))
        return {"$schema": _DRAFT, "$id": f"urn:crossloop:signal:{self.name}", **schema}

    def intervention(self, name: str) -> Intervention:
        """Return a declared intervention.

        Raises:
            UnknownName: the type does not declare it.
        """
        for one in self.interventions:
            if one.name == name:
                return one
        known = ", ".join(one.name for one in self.interventions) or "none"
        raise UnknownName(f"{self.name} has no intervention '{name}'; it has: {known}.")


class Catalogue:
    """The signal types a company knows. Immutable once built."""

    def __init__(self, types: Iterable[SignalType]) -> None:
        self._types: dict[str, SignalType] = {}
        for one in types:
            if one.name in self._types:
                raise ValueError(f"signal type {one.name} is declared twice")
            self._types[one.name] = one

    def including(self, *types: SignalType) -> Catalogue:
        """Return a catalogue that knows these types, too; what it knows by their names already stays."""
        missing = [one for one in types if one.name not in self._types]
        return Catalogue([*self, *missing]) if missing else self

    def __iter__(self) -> Iterator[SignalType]:
        return iter(self._types.values())

    def __contains__(self, name: object) -> bool:
        return name in self._types

    def __getitem__(self, name: str) -> SignalType:
        """Return a type by ``department.name/version``.

        Raises:
            UnknownName: nobody declared it.
        """
        try:
            return self._types[name]
        except KeyError:
            known = ", ".join(sorted(self._types)) or "none"
            raise UnknownName(
                f"there is no signal type '{name}'.", next_step=f"Known types: {known}."
            ) from None
