"""The canonical advertising campaign, as far as another department needs to know it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from crossloop.frozen import Frozen
from crossloop.money import Money
from crossloop.signals.entities.geography import Area


class GeoTarget(Frozen):
    """One area a campaign is aimed at."""

    area: Area


class Campaign(Frozen):
    """One campaign with its budget and the areas it is aimed at."""

    campaign_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$", max_length=80)]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    status: Literal["live", "paused", "ended"]
    daily_budget: Money
    targets: tuple[GeoTarget, ...]
    """Areas aimed at; a country covers all below it."""
