"""What is in force on a campaign, and what marketing has planned for it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_serializer, field_validator, model_validator

from crossloop.clock import require_aware
from crossloop.frozen import Frozen
from crossloop.signals.entities.common import Code
from crossloop.signals.entities.geography import Area

RestrictionKind = Literal["suppress_cod", "reduce_bid", "exclude"]
"""``suppress_cod`` hides the campaign from likely cash-on-delivery buyers of the area, ``reduce_bid`` bids
less there, ``exclude`` does not advertise there at all."""


def _exact(value: Any) -> Any:
    if isinstance(value, float):
        raise ValueError("write it as text, such as '0.7'")
    return value


BidModifier = Annotated[
    Decimal,
    BeforeValidator(_exact),
    Field(ge=Decimal("0.1"), le=Decimal("1.0"), max_digits=5, decimal_places=4),
]
"""Factor on the bid in an area: 0.1 to 1.0, where 1.0 changes nothing."""


class Restriction(Frozen):
    """One restriction in force on one campaign in one area."""

    reference: Annotated[str, Field(min_length=1, max_length=300)]
    """The ad platform's own id of the restriction: what ``lift`` takes back."""

    campaign_id: Code
    kind: RestrictionKind
    area: Area
    bid_modifier: BidModifier | None = None
    """Set for ``reduce_bid`` alone."""

    @model_validator(mode="after")
    def _consistent(self) -> Restriction:
        if (self.kind == "reduce_bid") != (self.bid_modifier is not None):
            raise ValueError("bid_modifier belongs to reduce_bid, and to nothing else")
        return self

    @field_serializer("bid_modifier")
    def _as_text(self, modifier: Decimal | None) -> str | None:
        return None if modifier is None else format(modifier, "f")


class ScaleUp(Frozen):
    """A standing plan of marketing to spend more on a campaign in an area."""

    plan_id: Code
    campaign_id: Code
    area: Area
    direction: Literal["increase"] = "increase"
    starts: datetime
    """First instant of the plan (business time, inclusive)."""

    ends: datetime
    """End of the plan (business time, exclusive)."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]
    """Why marketing wants it, in words."""

    @field_validator("starts", "ends")
    @classmethod
    def _aware(cls, moment: datetime) -> datetime:
        return require_aware(moment)

    @model_validator(mode="after")
    def _ordered(self) -> ScaleUp:
        if self.ends <= self.starts:
            raise ValueError("a plan must end after it starts")
        return self
