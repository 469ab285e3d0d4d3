"""The declared mapping: how one company's export becomes canonical shipments.

A mapping is data, written in YAML and read strictly. Rules of the form:

1. ``columns`` names, for every canonical field the export has, the column it stands in. Shipment id,
   order date, state and outcome must be there; the country too, or as a constant. The postal code may be left
   out, and is then empty on every line: nothing can be said of areas smaller than a state.
2. ``outcomes`` (and ``payments``) is a vocabulary: every value that occurs must be listed. Letter case
   and spacing do not matter. A value that is not listed stops the reading: guessing would be worse.
3. ``filters`` keep the lines the export can say something about; the others are set aside with the reason
   given. They are asked in the order written.
4. ``states`` brings spellings together. With ``known``, a name that is neither known nor an alias is set
   aside; without it every name is taken as written, in capitals.
5. ``lines_per_shipment: several`` joins lines of the same shipment id; of differing outcomes the one that
   stands first in ``outcome_of_several`` counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from crossloop import strict_yaml
from crossloop.errors import MappingError
from crossloop.frozen import Frozen
from crossloop.signals.entities import SHIPMENT_COLUMNS, Payment, ShipmentOutcome


def _known_field(name: str) -> str:
    if name not in SHIPMENT_COLUMNS:
        near = get_close_matches(name, SHIPMENT_COLUMNS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(SHIPMENT_COLUMNS)}"
        raise ValueError(f"{name!r} is not a field of a shipment{hint}")
    return name


FieldName = Annotated[str, AfterValidator(_known_field)]
"""A field of the canonical shipment: a key of ``SHIPMENT_COLUMNS``."""

DATE_FIELDS: Final[tuple[FieldName, ...]] = ("ordered_on", "outcome_on", "first_attempt_on")
COUNT_FIELDS: Final[tuple[FieldName, ...]] = ("attempts", "failed_attempts")
REQUIRED_FIELDS: Final[tuple[FieldName, ...]] = ("shipment_id", "ordered_on", "state", "pin_code", "outcome")
_MAY_BE_LEFT_OUT: Final = frozenset({"pin_code"})
"""Required where there is a column for it."""

ISO_DATE: Final = "%Y-%m-%d"

_DIRECTIVES: Final = "dmyYbBjaAHIMSfp%"
"""What both C's and DuckDB's ``strptime`` know; time zones are left out: a local calendar day has none."""

_OUTCOMES: Final[tuple[ShipmentOutcome, ...]] = ("delivered", "returned", "lost", "in_transit", "not_shipped")
_WORST_FIRST: Final[tuple[ShipmentOutcome, ...]] = ("returned", "lost", "in_transit", "delivered")
_PAYMENTS: Final[tuple[Payment, ...]] = ("cod", "prepaid")


def folded(text: str) -> str:
    """The form in which values are compared: letter case and spacing do not matter."""
    return " ".join(text.split()).casefold()


def _one_column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


def _version(value: Any) -> Any:
    if value not in ("1", 1):
        raise ValueError("this release reads version 1 of the mapping form: write 'mapping: 1'")
    return 1


class ColumnRule(Frozen):
    """Where a canonical field stands in the export. A plain text is short for ``{column: text}``."""

    column: Annotated[str, Field(min_length=1)]
    """Name in the header; spaces around it do not matter."""

    format: str = ISO_DATE
    """For dates: the form as in C's ``strptime``, ``%m-%d-%y`` for 04-30-22."""

    drop_decimals: bool = False
    """For the postal code: ``400081.0``, as spreadsheets write numbers, is read as ``400081``."""

    decimal: Literal[".", ","] = "."
    """For the amount: the mark before the decimals. The other of the two may group the digits before it."""

    optional: bool = False
    """True when a file without this column is fine; the field is then unknown."""


class RowFilter(Frozen):
    """Keep the lines whose column has one of some values."""

    column: Annotated[str, Field(min_length=1)]
    keep: Annotated[tuple[str, ...], Field(min_length=1)]
    """Values of the lines to keep; letter case does not matter."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]
    """Why the other lines say nothing, as a sentence for the person who reads the result."""


class Constants(Frozen):
    """What the export does not say because it is always the same; also fills empty cells."""

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    """ISO 3166-1 alpha-2."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    """ISO 4217."""


class StateNames(Frozen):
    """How spellings of states come together."""

    known: tuple[str, ...] = ()
    """Names to use, in any letter case; empty accepts every name."""

    aliases: dict[str, str] = Field(default_factory=dict)
    """Other spelling to name. Letter case and spacing need no alias."""

    @field_validator("known")
    @classmethod
    def _written_as_used(cls, known: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_as_used(name) for name in known))

    @field_validator("aliases")
    @classmethod
    def _leading_to_names_as_used(cls, aliases: dict[str, str]) -> dict[str, str]:
        return {spelling: _as_used(name) for spelling, name in aliases.items()}

    @model_validator(mode="after")
    def _aliases_lead_somewhere(self) -> Self:
        for spelling, name in self.aliases.items():
            if self.known and name not in self.known:
                raise ValueError(f"the alias {spelling!r} leads to {name!r}, which is not among 'known'")
        _same_meaning(self.aliases, "aliases")
        return self

    def names(self) -> Mapping[str, str]:
        """Folded spelling to name, for every spelling that is listed."""
        listed = {folded(name): name for name in self.known}
        return listed | {folded(spelling): name for spelling, name in self.aliases.items()}

    def name_of(self, spelling: str, listed: Mapping[str, str]) -> str | None:
        """The name for a spelling as written, or none when it cannot be used. ``listed`` is ``names()``."""
        name = listed.get(folded(spelling))
        if name is None and not self.known:
            name = folded(spelling).upper()
        return name if name is not None and usable_state(name) else None


def _as_used(name: str) -> str:
    """The name as areas have it: in capitals, with single spaces."""
    used = folded(name).upper()
    if not usable_state(used):
        raise ValueError(f"{name!r} cannot name a state: write it without '/' and '*', 80 characters at most")
    return used


def usable_state(name: str) -> bool:
    """A name can stand in a resource path: 1 to 80 printable characters, no ``/`` and no ``*``."""
    return 0 < len(name) <= 80 and name.isprintable() and "/" not in name and "*" not in name


def _same_meaning(vocabulary: Mapping[str, str], field: str) -> None:
    seen: dict[str, tuple[str, str]] = {}
    for written, meaning in vocabulary.items():
        first = seen.setdefault(folded(written), (written, meaning))
        if first[1] != meaning:
            raise ValueError(f"{field}: {first[0]!r} and {written!r} differ only in case or spacing")


class ShipmentMapping(Frozen):
    """One company's export of orders or shipments, declared. The defaults read canonical files."""

    mapping: Annotated[Literal[1], BeforeValidator(_version)]
    """Version of this form."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$", max_length=80)]
    """What messages call the mapping."""

    columns: dict[FieldName, Annotated[ColumnRule, BeforeValidator(_one_column)]]
    delimiter: Literal[",", ";", "|", "\t"] = ","
    """What stands between the fields of a CSV file."""

    constants: Constants = Constants()
    missing_values: tuple[str, ...] = ()
    """Texts that mean "no value", next to the empty cell."""

    outcomes: dict[str, ShipmentOutcome] = Field(
        min_length=1, default_factory=lambda: {o: o for o in _OUTCOMES}
    )
    payments: dict[str, Payment] = Field(default_factory=lambda: {p: p for p in _PAYMENTS})
    states: StateNames = StateNames()
    filters: tuple[RowFilter, ...] = ()
    lines_per_shipment: Literal["one", "several"] = "one"
    """With ``one``, the first line of a shipment id is used and the others are set aside."""

    outcome_of_several: tuple[ShipmentOutcome, ...] = _WORST_FIRST

    @field_validator("columns")
    @classmethod
    def _columns_fit(cls, columns: dict[FieldName, ColumnRule]) -> dict[FieldName, ColumnRule]:
        for field in REQUIRED_FIELDS:
            if field not in columns:
                if field in _MAY_BE_LEFT_OUT:
                    continue
                raise ValueError(f"the required field {field!r} has no column")
            if columns[field].optional:
                raise ValueError(f"the field {field!r} is required and cannot be optional")
        for field, rule in columns.items():
            if "format" in rule.model_fields_set and field not in DATE_FIELDS:
                raise ValueError(f"{field}: a format belongs to dates only")
            if rule.drop_decimals and field != "pin_code":
                raise ValueError(f"{field}: drop_decimals belongs to pin_code only")
            if "decimal" in rule.model_fields_set and field != "amount":
                raise ValueError(f"{field}: decimal belongs to amount only")
            if field in DATE_FIELDS:
                _check_format(field, rule.format)
        return columns

    @field_validator("outcomes", "payments")
    @classmethod
    def _unambiguous(cls, vocabulary: dict[str, str]) -> dict[str, str]:
        _same_meaning(vocabulary, "vocabulary")
        return vocabulary

    @field_validator("outcome_of_several")
    @classmethod
    def _orders_all(cls, order: tuple[ShipmentOutcome, ...]) -> tuple[ShipmentOutcome, ...]:
        if sorted(order) != sorted(_WORST_FIRST):
            raise ValueError(f"list each of {', '.join(_WORST_FIRST)} once, the one that counts first")
        return order

    @model_validator(mode="after")
    def _country_is_known(self) -> Self:
        if self.constants.country is None and ("country" not in self.columns):
            raise ValueError("the country is neither among 'columns' nor among 'constants'")
        return self


def _check_format(field: str, form: str) -> None:
    """A usable format gives back the day it was written from."""
    day = datetime(2021, 11, 30)  # noqa: DTZ001  a calendar day has no zone
    strange = sorted(set(re.findall("%(.)", form)) - set(_DIRECTIVES))
    if strange:
        raise ValueError(
            f"{field}: the format {form!r} uses %{strange[0]}; there are: %{' %'.join(_DIRECTIVES)}"
        )
    try:
        again = datetime.strptime(day.strftime(form), form)  # noqa: DTZ007
    except (ValueError, re.error) as wrong:  # a directive that stands twice is the latter
        raise ValueError(f"{field}: the format {form!r} cannot be used: {wrong}") from None
    if again.date() != day.date():
        raise ValueError(f"{field}: the format {form!r} does not hold day, month and year")


CANONICAL: Final = ShipmentMapping(
    mapping=1,
    name="canonical",
    columns={
        field: ColumnRule(column=field, optional=field not in (*REQUIRED_FIELDS, "country"))
        for field in SHIPMENT_COLUMNS
    },
)
"""The mapping of a file whose columns are named as the canonical fields; used where none is given."""


def load_mapping(file: Path) -> ShipmentMapping:
    """Read a mapping from YAML.

    Raises:
        MappingError: missing or malformed file, unknown key, or a rule of the form broken; names the line.
    """
    return strict_yaml.validate(
        strict_yaml.load(file, error=MappingError), ShipmentMapping, error=MappingError
    )
