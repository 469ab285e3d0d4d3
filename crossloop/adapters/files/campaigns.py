"""Campaigns from a CSV file: one line for each area a campaign is aimed at.

Columns: ``campaign,name,status,daily_budget,currency,level,code`` and, if wanted, ``country``. Where a line
names no country, its area lies in the one to which all shipments went; where they went to several, or none
is known, the line has to name it. A campaign is one thing, so its lines must agree on name, status and
budget; a mistake stops the reading, because a campaign that is left out would be a campaign that is not
protected. Only a line that says the same as an earlier one is set aside. A state or a prefix to which no
order went is used as it stands, and noted: it may be mistyped, or simply be without orders.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from crossloop.adapters.files.accounting import RowCount, RowExample, SetAside
from crossloop.adapters.files.csv_records import csv_records
from crossloop.adapters.files.geography import Geography
from crossloop.adapters.files.mapping import folded
from crossloop.adapters.files.source import kind_of
from crossloop.errors import DataFileError, Where
from crossloop.money import Money
from crossloop.signals.entities import LEVELS, Campaign, GeoTarget, Level

COLUMNS: Final = ("campaign", "name", "status", "daily_budget", "currency", "level", "code")
SAME_TARGET: Final = "the campaign is already aimed at this area"
_OF_CAMPAIGN: Final = ("name", "status", "daily_budget", "currency")
_STATUSES: Final[dict[str, Literal["live", "paused", "ended"]]] = {
    "live": "live",
    "paused": "paused",
    "ended": "ended",
}
"""What a campaign can be; letter case does not matter."""

_CODES: Final[dict[Level, tuple[str, str]]] = {
    "pin_code": (r"[0-9]{6}", "six digits"),
    "pin_prefix": (r"[0-9]{3}", "three digits"),
    "state": (r"[^/*]{1,80}", "the name of a state"),
    "country": (r"[A-Z]{2}", "a two-letter country code"),
}
_EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class _Line:
    file: Path
    number: int
    cells: Mapping[str, str]

    def wrong(self, field: str, message: str, next_step: str = "Correct the line.") -> DataFileError:
        return DataFileError(message, where=Where(self.file, self.number, field), next_step=next_step)


class CampaignRows(RowCount):
    """What became of every line of the file, and what a person should look at."""

    notes: tuple[str, ...] = ()
    """One sentence for each state and prefix to which no order went, with the nearest name there is."""


def read_campaigns(file: Path, geography: Geography) -> tuple[tuple[Campaign, ...], CampaignRows]:
    """Read campaigns with their areas, in the order in which they stand in the file.

    Args:
        file: ``.csv`` or ``.csv.gz``.
        geography: fills in the state of pin codes and prefixes, and the country where there is but one.

    Raises:
        DataFileError: a column is missing, a value is not allowed, or lines of a campaign contradict each
            other; names line and field.
    """
    first: dict[str, _Line] = {}
    targets: dict[str, list[GeoTarget]] = {}
    again: list[_Line] = []
    read = 0
    for line in _lines(file):
        read += 1
        name = line.cells["campaign"]
        _agree(first.setdefault(name, line), line)
        target = _target(line, geography)
        if target in targets.setdefault(name, []):
            again.append(line)
        else:
            targets[name].append(target)
    if read == 0:
        raise DataFileError("has no campaigns.", where=Where(file), next_step="Add a line for each area.")
    campaigns = tuple(_campaign(line, tuple(targets[name])) for name, line in first.items())
    return campaigns, _count(read, again, tuple(_notes(targets, geography)))


def _notes(targets: Mapping[str, list[GeoTarget]], geography: Geography) -> Iterator[str]:
    for campaign, aimed in targets.items():
        for area in (one.area for one in aimed):
            if area.level == "state" and area.code not in geography.states(area.country):
                near = get_close_matches(area.code, geography.states(area.country), n=1)
                hint = f"; did you mean {near[0]}?" if near else "."
                yield f"campaign {campaign}: no order names the state {area.code}{hint}"
            elif area.level == "pin_prefix" and not geography.went_to(area.code, area.country):
                yield f"campaign {campaign}: no order went to the pin prefix {area.code}."


def _lines(file: Path) -> Iterator[_Line]:
    if kind_of(file) != "csv":
        raise DataFileError("campaigns are read from CSV.", where=Where(file), next_step="Save it as CSV.")
    records = csv_records(file)
    header = next(records, None)
    if header is None or header.cells is None:
        raise DataFileError(
            "has no header.", where=Where(file, 1), next_step=f"Start it with {','.join(COLUMNS)}."
        )
    names = [name.strip() for name in header.cells]
    for column in (*COLUMNS, "country"):
        if names.count(column) > 1 or (column in COLUMNS and column not in names):
            problem = "stands more than once" if column in names else "is missing"
            raise DataFileError(
                f"the column '{column}' {problem}. There are: {', '.join(names)}.",
                where=Where(file, header.line, column),
                next_step=f"The columns are {','.join(COLUMNS)}.",
            )
    for line, _, cells in records:
        if cells is None or len(cells) != len(names):
            raise DataFileError(
                f"the line does not have the {len(names)} fields of the header.",
                where=Where(file, line),
                next_step="Check the commas and quotes of the line.",
            )
        yield _Line(file, line, dict(zip(names, (cell.strip() for cell in cells), strict=True)))


def _agree(first: _Line, line: _Line) -> None:
    for field in _OF_CAMPAIGN:
        mine, theirs = line.cells[field], first.cells[field]
        if mine != theirs and not (field == "status" and folded(mine) == folded(theirs)):
            raise line.wrong(
                field,
                f"'{line.cells[field]}' contradicts '{first.cells[field]}' on line {first.number} for "
                f"the same campaign '{line.cells['campaign']}'.",
                "Give every line of a campaign the same name, status and budget.",
            )


def _target(line: _Line, geography: Geography) -> GeoTarget:
    level, code = line.cells["level"], line.cells["code"]
    if level not in LEVELS:
        raise line.wrong("level", f"'{level}' is not a level; expected one of {', '.join(LEVELS)}.")
    pattern, expected = _CODES[level]
    if not re.fullmatch(pattern, code):
        raise line.wrong("code", f"'{code}' is not a {level}; expected {expected}.")
    country = line.cells.get("country") or (code if level == "country" else _home(line, geography))
    if not re.fullmatch(_CODES["country"][0], country):
        raise line.wrong("country", f"'{country}' is not a two-letter country code.")
    return GeoTarget(area=geography.area(level, code, country))


def _home(line: _Line, geography: Geography) -> str:
    """The one country that the shipments went to."""
    if len(geography.countries) == 1:
        return geography.countries[0]
    went = f"to {', '.join(geography.countries)}" if geography.countries else "to no country that is known"
    raise line.wrong(
        "country",
        f"the line names no country, and the shipments went {went}.",
        "Add a column country with a two-letter code.",
    )


def _campaign(line: _Line, targets: tuple[GeoTarget, ...]) -> Campaign:
    cells = line.cells
    status = _STATUSES.get(folded(cells["status"]))
    if status is None:
        raise line.wrong("status", f"'{cells['status']}' is not one of {', '.join(_STATUSES)}.")
    try:
        budget = Money.model_validate(f"{cells['daily_budget']} {cells['currency']}")
    except ValidationError:
        raise line.wrong(
            "daily_budget",
            f"'{cells['daily_budget']} {cells['currency']}' is not an amount with its currency, as 2500 INR.",
        ) from None
    if budget.amount < 0:
        raise line.wrong("daily_budget", f"a budget cannot be negative, and this is {cells['daily_budget']}.")
    try:
        return Campaign(
            campaign_id=cells["campaign"],
            name=cells["name"],
            status=status,
            daily_budget=budget,
            targets=targets,
        )
    except ValidationError as wrong:
        detail = wrong.errors(include_url=False)[0]
        field = "campaign" if detail["loc"][0] == "campaign_id" else str(detail["loc"][0])
        raise line.wrong(field, f"{detail['msg']}.") from None


def _count(read: int, again: list[_Line], notes: tuple[str, ...]) -> CampaignRows:
    if not again:
        return CampaignRows(read=read, used=read, notes=notes)
    examples = tuple(
        RowExample(
            line=line.number, values={field: line.cells[field] for field in ("campaign", "level", "code")}
        )
        for line in again[:_EXAMPLES]
    )
    aside = SetAside(reason=SAME_TARGET, count=len(again), examples=examples)
    return CampaignRows(read=read, used=read - len(again), set_aside=(aside,), notes=notes)
