"""The numbers the generated company rests on, each one stated and changeable."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, model_validator

from crossloop.adapters.embedded.india import STATES, Share, State
from crossloop.frozen import Frozen
from crossloop.signals.entities import Area

Days = Annotated[int, Field(ge=0)]


class Planted(Frozen):
    """A problem put into one area on purpose, for orders of some days."""

    name: str
    area: Area
    since: Days
    """Days before the last day on which it starts, inclusive."""

    until: Days = 0
    """Days before the last day on which it ends, inclusive."""

    cod_rto: Share
    """Share of cash-on-delivery parcels that come back while it lasts."""

    prepaid_rto: Share
    """The same for prepaid parcels."""

    story: str
    """What happened there, in words."""

    @model_validator(mode="after")
    def _ordered(self) -> Planted:
        if self.since < self.until:
            raise ValueError("a planted problem must not end before it starts")
        return self


def _prefix(state: str, code: str) -> Area:
    return Area(level="pin_prefix", code=code, country="IN", state=state, pin_prefix=code)


STRUCTURAL: Final = Planted(
    name="structural",
    area=_prefix("MAHARASHTRA", "421"),
    since=56,
    cod_rto=0.62,
    prepaid_rto=0.20,
    story="A delivery partner lost its riders around Kalyan and Bhiwandi and never replaced them.",
)
DETERIORATION: Final = Planted(
    name="deterioration",
    area=Area(level="state", code="RAJASTHAN", country="IN", state="RAJASTHAN"),
    since=42,
    cod_rto=0.45,
    prepaid_rto=0.15,
    story="The state was handed to another courier.",
)
SPIKE: Final = Planted(
    name="spike",
    area=_prefix("TAMIL NADU", "600"),
    since=15,
    until=14,
    cod_rto=0.96,
    prepaid_rto=0.93,
    story="Two days of flooding in Chennai; nothing was delivered.",
)
CURED: Final = Planted(
    name="cured",
    area=_prefix("UTTAR PRADESH", "226"),
    since=3650,
    until=44,
    cod_rto=0.60,
    prepaid_rto=0.20,
    story="Lucknow's hub refused cash until the courier was changed.",
)


class Assumptions(Frozen):
    """What the generator assumes. Rates are shares, delays are days after the order."""

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "IN"
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "INR"
    timezone: str = "Asia/Kolkata"
    states: tuple[State, ...] = STATES

    weekday: tuple[float, float, float, float, float, float, float] = (
        1.04,
        1.0,
        0.97,
        0.96,
        0.98,
        0.99,
        1.06,
    )
    """Relative number of orders from Monday to Sunday."""

    pins_per_share: Annotated[float, Field(gt=0)] = 1000.0
    """A prefix has 15 pin codes and this many times its share of all orders."""

    zipf: Annotated[float, Field(ge=0)] = 1.1
    """Exponent of the sizes of the pin codes of one prefix: rank to the power of minus this."""

    cod_rto: Share = 0.145
    """Base share of finished cash-on-delivery parcels that come back."""

    prepaid_rto: Share = 0.03
    """The same for prepaid parcels."""

    prefix_spread: Annotated[float, Field(ge=0)] = 0.12
    """Standard deviation between prefixes of a state, in log odds."""

    pin_spread: Annotated[float, Field(ge=0)] = 0.25
    """Standard deviation between pin codes of a prefix, in log odds; cut at two."""

    day_spread: Annotated[float, Field(ge=0)] = 0.12
    """Standard deviation between the days of one prefix, in log odds: hubs have good and bad days."""

    not_shipped: Share = 0.06
    """Orders cancelled or never released; known within two days."""

    lost: Share = 0.003
    """Parcels lost or damaged; known after 15 to 25 days."""

    first_attempt: tuple[int, int] = (2, 5)
    """Earliest and latest day of the first delivery attempt."""

    delivered_within: int = 6
    """Latest day of a delivery. A failed attempt is repeated the next day."""

    failed_before_delivery: tuple[float, float, float] = (0.925, 0.055, 0.020)
    """Shares of delivered parcels with no, one and two failed attempts before."""

    attempts_of_returned: tuple[float, float, float] = (0.45, 0.20, 0.35)
    """Shares of returned parcels with one (refused at the door), two and three failed attempts."""

    return_known: tuple[int, int] = (5, 10)
    """Earliest and latest day on which a return becomes known."""

    value_spread: Annotated[float, Field(ge=0)] = 0.40
    """Standard deviation of the logarithm of the value of an order."""

    cost_per_order: Annotated[float, Field(gt=0)] = 140.0
    """Advertising spend per order in rupees, all live campaigns together."""

    planted: tuple[Planted, ...] = (STRUCTURAL, DETERIORATION, SPIKE, CURED)


DEFAULTS: Final = Assumptions()
