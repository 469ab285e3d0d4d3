"""The generated company's markets as arrays: pin codes with their sizes and their own return odds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crossloop.adapters.embedded.assumptions import Assumptions
from crossloop.signals.entities import Area

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int32]
Flags: TypeAlias = npt.NDArray[np.bool_]

_SMALLEST = 15  # pin codes of a prefix with hardly any orders
_LARGEST = 999  # three digits are left after the prefix


@dataclass(frozen=True, slots=True)
class Markets:
    """One entry for each pin code, and one for each prefix."""

    code: Ints
    """Six-digit pin codes."""

    prefix: Ints
    """Position of the pin code's prefix among all prefixes."""

    state: Ints
    """Position of its state among the assumed states."""

    share: Floats
    """Its share of all orders; they add up to one."""

    effect: Floats
    """Log odds of a return that are its own, apart from those of its prefix and state."""

    surroundings: Floats
    """Log odds of a return that it shares with its prefix and state."""

    prefixes: int
    """How many prefixes there are."""

    def inside(self, area: Area, states: tuple[str, ...]) -> Flags:
        """Which pin codes lie in an area."""
        if area.level == "country":
            return np.ones(len(self.code), dtype=np.bool_)
        if area.level == "state":
            return self.state == states.index(area.code)
        divisor = 1000 if area.level == "pin_prefix" else 1
        return self.code // divisor == int(area.code)


def lay_out(assumptions: Assumptions, rng: np.random.Generator) -> Markets:
    """Draw the pin codes of every prefix: how many, how large, and how good at receiving parcels."""
    codes: list[Ints] = []
    prefixes: list[Ints] = []
    states: list[Ints] = []
    shares: list[Floats] = []
    effects: list[Floats] = []
    surroundings: list[Floats] = []
    number = 0
    for position, state in enumerate(assumptions.states):
        for prefix in state.prefixes:
            share = state.share * prefix.share
            size = min(_LARGEST, _SMALLEST + round(assumptions.pins_per_share * share))
            ranked = np.arange(1, size + 1, dtype=np.float64) ** -assumptions.zipf
            shared = np.log(state.return_odds) + rng.normal(0.0, assumptions.prefix_spread)
            own = np.clip(rng.normal(0.0, 1.0, size), -2.0, 2.0) * assumptions.pin_spread
            codes.append((int(prefix.code) * 1000 + 1 + rng.permutation(size)).astype(np.int32))
            prefixes.append(np.full(size, number, dtype=np.int32))
            states.append(np.full(size, position, dtype=np.int32))
            shares.append(share * ranked / ranked.sum())
            effects.append(own)
            surroundings.append(np.full(size, shared))
            number += 1
    share_of_all = np.concatenate(shares)
    return Markets(
        code=np.concatenate(codes),
        prefix=np.concatenate(prefixes),
        state=np.concatenate(states),
        share=share_of_all / share_of_all.sum(),
        effect=np.concatenate(effects),
        surroundings=np.concatenate(surroundings),
        prefixes=number,
    )
