"""The words and marks in which every screen speaks of amounts, people, areas and verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from rich.markup import escape

if TYPE_CHECKING:
    from pydantic import JsonValue

COLOUR: Final = {"act": "green", "hold": "yellow", "escalate": "yellow", "refuse": "red", "shadow": "blue"}
"""Colour of each verdict."""

CHOSEN: Final = "→ "
"""Stands before the option that was chosen, where colours may be missing."""


def listed(names: Iterable[str]) -> str:
    """``asha``, ``asha and ravi``, ``asha, ravi and mira``."""
    known = list(names)
    return " and ".join([", ".join(known[:-1]), known[-1]] if len(known) > 1 else known)


def counted(number: int, one: str, more: str = "") -> str:
    """``1 question``, ``2 questions``; ``more`` is the plural where it is not made with an s."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def amount(value: float | str) -> str:
    """A difference in major units, without decimals: ``+9,630``; zero has no sign."""
    number = round(float(value))
    return f"{number:+,}" if number else "0"


def between(low: float | str, high: float | str) -> str:
    """A range of such differences."""
    return f"{amount(low)} to {amount(high)}"


def minute(instant: datetime | str) -> str:
    """An instant to the minute, in UTC."""
    parsed = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return f"{parsed:%Y-%m-%d %H:%M} UTC"


def area(signal: Mapping[str, JsonValue]) -> str:
    """What a reported signal is about: ``state RAJASTHAN``."""
    codes = texts(signal["codes"])
    shown = ", ".join(codes[:3]) + (f" and {len(codes) - 3} more" if len(codes) > 3 else "")
    return f"{str(signal['level']).replace('_', ' ')} {shown}"


def resource(path: str) -> str:
    """A resource of the advertising system in words, any other as it is.

    ``ads/campaign/brand/geo/IN/RAJASTHAN`` is ``campaign brand in IN/RAJASTHAN``.
    """
    parts = path.split("/")
    if parts[:2] != ["ads", "campaign"] or len(parts) < 3:
        return path
    named = f"campaign {parts[2]}"
    return f"{named} in {'/'.join(parts[4:])}" if parts[3:4] == ["geo"] else named


def campaign(impact: Mapping[str, JsonValue] | None) -> str:
    """The campaign whose budget a decision moves; empty when it moves none."""
    parts = str((impact or {}).get("resource", "")).split("/")
    return parts[2] if parts[:2] == ["ads", "campaign"] and len(parts) > 2 else ""


def texts(value: JsonValue) -> list[str]:
    """A JSON list of texts."""
    return [str(one) for one in value] if isinstance(value, list) else []


def plain(value: object) -> str:
    """Text that may hold square brackets, safe to print."""
    return escape(str(value))


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object; empty for anything else."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Names by the text they share, in order of first appearance."""
    found: dict[str, list[str]] = {}
    for name, text in pairs:
        names = found.setdefault(text, [])
        if name not in names:
            names.append(name)
    return found


def shortened(names: Sequence[str], most: int = 6) -> str:
    """A list of names, cut where it would be a wall of them."""
    if len(names) <= most:
        return listed(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
