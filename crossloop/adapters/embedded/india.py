"""Where the generated company sells: states of India with real 3-digit pin prefixes.

Shares of orders follow public order data of an Indian clothing seller in rough outline; the share of cash
on delivery, the value of an order and the return factor are stated assumptions, not measurements.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from crossloop.frozen import Frozen

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Prefix(Frozen):
    """One sorting district: the first three digits of its pin codes."""

    code: Annotated[str, Field(pattern=r"^[1-9][0-9]{2}$")]
    share: Share
    """Share of the state's orders."""


class State(Frozen):
    """One state as a market."""

    name: str
    """In capitals, as shipments carry it."""

    share: Share
    """Share of the company's orders."""

    cod_share: Share
    """Share of cash on delivery among its orders."""

    order_value: Annotated[float, Field(gt=0)]
    """Mean value of an order in rupees."""

    return_odds: Annotated[float, Field(gt=0)]
    """Factor on the odds that a parcel comes back, against the company's base."""

    slow: Share
    """Chance of each of up to three further days until the first delivery attempt."""

    prefixes: tuple[Prefix, ...]


def _state(
    name: str, share: float, cod: float, value: float, odds: float, slow: float, prefixes: dict[str, float]
) -> State:
    return State(
        name=name,
        share=share,
        cod_share=cod,
        order_value=value,
        return_odds=odds,
        slow=slow,
        prefixes=tuple(Prefix(code=code, share=part) for code, part in prefixes.items()),
    )


STATES: Final[tuple[State, ...]] = (
    _state("MAHARASHTRA", 0.165, 0.57, 980, 0.95, 0.30, {
        "400": 0.36, "421": 0.22, "411": 0.17, "440": 0.05, "410": 0.05,
        "412": 0.04, "422": 0.04, "431": 0.03, "413": 0.02, "416": 0.02,
    }),
    _state("KARNATAKA", 0.12, 0.55, 1080, 0.85, 0.30, {
        "560": 0.72, "570": 0.06, "562": 0.05, "575": 0.05, "580": 0.05, "590": 0.04, "585": 0.03,
    }),
    _state("TAMIL NADU", 0.10, 0.56, 900, 0.90, 0.35, {
        "600": 0.52, "641": 0.14, "625": 0.09, "603": 0.07, "620": 0.07, "636": 0.06, "632": 0.05,
    }),
    _state("UTTAR PRADESH", 0.10, 0.66, 820, 1.15, 0.45, {
        "201": 0.28, "226": 0.25, "208": 0.12, "221": 0.08, "250": 0.07,
        "282": 0.06, "211": 0.05, "243": 0.05, "273": 0.04,
    }),
    _state("DELHI", 0.08, 0.58, 1120, 1.00, 0.20, {"110": 1.0}),
    _state("TELANGANA", 0.08, 0.57, 960, 0.95, 0.30, {
        "500": 0.82, "506": 0.07, "505": 0.05, "503": 0.03, "507": 0.03,
    }),
    _state("GUJARAT", 0.065, 0.60, 880, 1.00, 0.30, {
        "380": 0.32, "395": 0.27, "390": 0.14, "360": 0.12, "382": 0.10, "388": 0.05,
    }),
    _state("WEST BENGAL", 0.065, 0.60, 840, 1.10, 0.50, {
        "700": 0.58, "711": 0.14, "713": 0.10, "721": 0.06, "734": 0.07, "741": 0.05,
    }),
    _state("RAJASTHAN", 0.065, 0.65, 860, 1.05, 0.45, {
        "302": 0.42, "342": 0.15, "313": 0.13, "324": 0.11, "305": 0.08, "301": 0.06, "334": 0.05,
    }),
    _state("HARYANA", 0.045, 0.60, 1020, 1.00, 0.30, {
        "122": 0.45, "121": 0.25, "132": 0.08, "134": 0.08, "124": 0.07, "125": 0.07,
    }),
    _state("KERALA", 0.045, 0.55, 930, 0.80, 0.45, {
        "682": 0.30, "695": 0.22, "673": 0.17, "680": 0.16, "670": 0.08, "686": 0.07,
    }),
    _state("BIHAR", 0.035, 0.68, 740, 1.25, 0.60, {
        "800": 0.45, "842": 0.14, "812": 0.10, "823": 0.09, "846": 0.08, "811": 0.07, "854": 0.07,
    }),
    _state("MADHYA PRADESH", 0.035, 0.62, 800, 1.05, 0.45, {
        "452": 0.40, "462": 0.28, "474": 0.13, "482": 0.12, "456": 0.07,
    }),
)  # fmt: skip
"""Thirteen states; the shares of states, and of the prefixes of each, add up to one."""
