"""Where an area lies, learnt from the shipments themselves: no gazetteer has to be kept.

A pin code, and a three-digit prefix, lies in the state that most of its shipments name; of equally many,
the first in the alphabet. A pin code that has no shipment lies where its prefix lies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Self

from crossloop.adapters.files.mapping import folded
from crossloop.adapters.files.shipments import ShipmentData
from crossloop.adapters.files.untyped import Table, rows_of
from crossloop.signals.entities import Area, Level

Place = tuple[str, str]
"""Country and pin code or prefix."""


class Geography:
    """Looks up the state of a pin code or prefix and builds areas with their ancestors."""

    def __init__(
        self, pin_codes: Mapping[Place, str], prefixes: Mapping[Place, str], named: Iterable[Place] = ()
    ) -> None:
        """Take the state of each pin code and of each three-digit prefix, and countries with other states."""
        self._pin_codes = dict(pin_codes)
        self._prefixes = dict(prefixes)
        in_a_state = {(country, state) for (country, _), state in prefixes.items()}
        self._states = sorted(in_a_state | set(named))

    @classmethod
    def of(cls, data: ShipmentData) -> Self:
        """Learn from shipments: one aggregation by country, pin code and state."""
        table: Table = data.table
        grouped = table.group_by("country", "pin_code", "state").aggregate(shipments=table.count())
        pins: Counter[tuple[Place, str]] = Counter()
        prefixes: Counter[tuple[Place, str]] = Counter()
        for row in rows_of(grouped):
            country, pin, state = row["country"], row["pin_code"], row["state"]
            pins[(country, pin), state] += row["shipments"]
            prefixes[(country, pin[:3]), state] += row["shipments"]
        named = {(country, state) for (country, _), state in prefixes}
        return cls(_majority(pins.items()), _majority(prefixes.items()), named)

    @property
    def countries(self) -> tuple[str, ...]:
        """Every country that shipments went to, sorted."""
        return tuple(sorted({country for country, _ in self._prefixes}))

    def states(self, country: str) -> tuple[str, ...]:
        """Every state of a country that a shipment names, sorted."""
        return tuple(state for of, state in self._states if of == country)

    def went_to(self, prefix: str, country: str) -> bool:
        """True when some shipment went to a three-digit prefix."""
        return (country, prefix) in self._prefixes

    def state_of(self, code: str, country: str) -> str | None:
        """The state of a pin code or three-digit prefix; none when no shipment tells."""
        if len(code) == 3:
            return self._prefixes.get((country, code))
        return self._pin_codes.get((country, code)) or self._prefixes.get((country, code[:3]))

    def area(self, level: Level, code: str, country: str) -> Area:
        """Build an area with the ancestors that are known.

        Args:
            level: how coarse the area is.
            code: six digits, three digits, the name of a state in any case, or a country code.
            country: ISO 3166-1 alpha-2; ignored for a country.
        """
        if level == "country":
            return Area(level=level, code=code, country=code)
        if level == "state":
            name = folded(code).upper()
            return Area(level=level, code=name, country=country, state=name)
        return Area(
            level=level, code=code, country=country, state=self.state_of(code, country), pin_prefix=code[:3]
        )


def _majority(counted: Iterable[tuple[tuple[Place, str], int]]) -> dict[Place, str]:
    best: dict[Place, tuple[int, str]] = {}
    for (place, state), shipments in counted:
        rank = (-shipments, state)
        best[place] = min(best.get(place, rank), rank)
    return {place: state for place, (_, state) in best.items()}
