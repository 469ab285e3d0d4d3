"""The words and marks in which every screen speaks of amounts, people, areas and verdicts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast
from zoneinfo import ZoneInfo

from rich.markup import escape

if TYPE_CHECKING:
    from pydantic import JsonValue

    from crossloop.coordinator import RunReport

COLOUR: Final = {"act": "green", "hold": "yellow", "escalate": "yellow", "refuse": "red", "shadow": "blue"}
"""Colour of each verdict."""

CHOSEN: Final = "→ "
"""Stands before the option that was chosen, where colours may be missing."""

_ENDED: Final = {
    "withdrawn": "withdrawn, what it answered is over",
    "superseded": "superseded, the rules changed",
}

_STATE = r"[A-Z]+(?:(?: & |[ -])[A-Z]+)*"
_AREA = rf"[A-Z]{{2}}(?:/(?:{_STATE}|-)(?:/[0-9]{{3}}(?:/[0-9]{{6}})?)?)?"
_PATH = re.compile(rf"\bads/campaign/[^/\s,;:]+(?:/geo/{_AREA}|/budget)?(?![\w/*])|\bgeo/{_AREA}(?![\w/*])")
_BARE_AREA = re.compile(rf"\b[A-Z]{{2}}/(?:{_STATE}|-)(?:/[0-9]{{3}}(?:/[0-9]{{6}})?)?(?![\w/*])")
_STATE_NAMED = re.compile(rf"\bstate ({_STATE}(?:, {_STATE})*)\b")
_INSTANT = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)")
_SHARE = re.compile(
    r"\b((?:\w*share\w*|confidence|signal|proposal|act|ask)(?: (?:<=?|>=?|==))?)"
    r" (0\.\d+|0|1(?:\.0+)?)(?![\w.]*\d)"
)
_SHARES: Final = frozenset(
    (
        "threshold",
        "clear_threshold",
        "confidence",
        "margin",
        "cod_share",
        "cod_reach",
        "cod_switch",
        "bid_cut",
    )
)
"""Settings that people write in percent."""

_SMALL_WORDS: Final = ("and", "of")


def listed(names: Iterable[str], last: str = "and") -> str:
    """``asha``, ``asha and ravi``, ``asha, ravi and mira``."""
    known = list(names)
    return f" {last} ".join([", ".join(known[:-1]), known[-1]] if len(known) > 1 else known)


def asked(people: Sequence[str], quorum: int) -> str:
    """Who is asked: ``asha and ravi`` where each has to approve, ``lena or omar`` where one is enough."""
    return listed(people, "and" if quorum >= len(people) else "or")


def setting(name: str, value: JsonValue) -> str:
    """The value of a setting: a rate or a share in percent, anything else as it is."""
    if value is None:
        return "not set"
    return percent(float(value)) if name in _SHARES and isinstance(value, float | int) else str(value)


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


def minute(instant: datetime | str, zone: str = "UTC") -> str:
    """An instant to the minute, in a time zone that is named with it: ``2026-06-30 23:59 Asia/Kolkata``."""
    parsed = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return f"{parsed.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"


def area(signal: Mapping[str, JsonValue]) -> str:
    """What a reported signal is about: ``state RAJASTHAN``; its type and subject, where that is no area."""
    if "codes" not in signal:
        return " about ".join(str(signal[key]) for key in ("type", "subject") if key in signal) or "a signal"
    codes, level = texts(signal["codes"]), str(signal["level"]).replace("_", " ")
    known = [state(one) for one in codes] if level == "state" else codes
    shown = ", ".join(known[:3]) + (f" and {len(known) - 3} more" if len(known) > 3 else "")
    return f"{level} {shown}"


def areas(report: RunReport) -> dict[str, str]:
    """What each signal that was decided about is about, by its id; one that repeats another says the same."""
    known = {str(one["id"]): area(one) for one in report.signals}
    of_case = {str(one.get("case")): area(one) for one in report.signals}
    for one in report.decisions:
        if one.case in of_case:
            known.setdefault(one.signal_id, of_case[one.case])
    return known


def ended(state: str) -> str:
    """The state of a question, with the reason where the word alone does not tell it."""
    return _ENDED.get(state, state)


def state(name: str) -> str:
    """The name of a state as people write it: ``Jammu and Kashmir``."""
    parts = (one.lower() if one.lower() in _SMALL_WORDS else one.title() for one in name.split(" "))
    return " ".join(parts)


def place(path: str) -> str:
    """An area's path in words: ``Rajasthan``, ``pin prefix 421, Maharashtra``, ``all of IN``."""
    country, *within = path.removeprefix("geo/").split("/")
    if not within:
        return f"all of {country}"
    around = country if within[0] == "-" else state(within[0])
    if len(within) == 1:
        return around
    return f"pin {'prefix' if len(within) == 2 else 'code'} {within[-1]}, {around}"


def resource(path: str) -> str:
    """A resource of the advertising system in words, any other as it is.

    ``ads/campaign/brand/geo/IN/RAJASTHAN`` is ``campaign brand in Rajasthan``.
    """
    parts = path.split("/")
    if parts[:2] != ["ads", "campaign"] or len(parts) < 3:
        return path
    named = f"campaign {parts[2]}"
    return f"{named} in {place('/'.join(parts[3:]))}" if parts[3:4] == ["geo"] and parts[4:] else named


def percent(share: float) -> str:
    """A share with one decimal where it has one: ``93.4%``, ``85%``."""
    return f"{share:.1%}".replace(".0%", "%")


def told(text: str, zone: str = "UTC") -> str:
    """What a record says, for people: resources and areas by name, instants to the minute, shares in percent.

    The record itself keeps what was compared; ``--json`` shows it.
    """
    text = _PATH.sub(
        lambda found: resource(found[0]) if found[0].startswith("ads/") else place(found[0]), text
    )
    text = _BARE_AREA.sub(lambda found: place(found[0]), text)
    text = _STATE_NAMED.sub(
        lambda found: f"state {', '.join(state(one) for one in found[1].split(', '))}", text
    )
    text = _INSTANT.sub(lambda found: minute(found[0], zone), text)
    return _SHARE.sub(lambda found: f"{found[1]} {percent(float(found[2]))}", text)


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
