"""Areas: pin code within 3-digit prefix within state within country."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from crossloop.frozen import Frozen

Level = Literal["pin_code", "pin_prefix", "state", "country"]
LEVELS: Final[tuple[Level, ...]] = ("pin_code", "pin_prefix", "state", "country")
"""From fine to coarse."""


class Area(Frozen):
    """One area with its ancestors, so that containment can be told from the value alone."""

    level: Level
    code: Annotated[str, Field(min_length=1, max_length=80)]
    """A six-digit pin code, a three-digit prefix, a state's name in capitals, or an ISO 3166 country code."""

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    state: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    """The state it lies in; none for a country."""

    pin_prefix: Annotated[str, Field(pattern=r"^[0-9]{3}$")] | None = None
    """The prefix it lies in; none above that level."""

    @property
    def path(self) -> str:
        """``geo/IN/KARNATAKA/560/560001``, as far down as the level goes."""
        parts = ["geo", self.country]
        if self.level != "country":
            parts.append(self.state or "-")
        if self.level in ("pin_prefix", "pin_code"):
            parts.append(self.pin_prefix or self.code[:3])
        if self.level == "pin_code":
            parts.append(self.code)
        return "/".join(parts)

    def covers(self, other: Area) -> bool:
        """True when the other area is this one or lies inside it."""
        return other.path == self.path or other.path.startswith(self.path + "/")
