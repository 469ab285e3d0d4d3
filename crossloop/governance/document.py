"""The governance document: what may be done, by whom, up to where, and who is asked.

Rules of the text:

1. Every key is known or the document is refused: accepting a limit that nobody enforces would be a lie.
2. Scalars arrive as text (see :mod:`crossloop.strict_yaml`) and are parsed by the typed field.
3. Names of people, departments, loops and rules are lower case, so that they mean the same everywhere.
4. What one part says about another is checked by :mod:`crossloop.governance.consistency`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, cast
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from crossloop.canonical import JSON
from crossloop.frozen import Frozen
from crossloop.governance.patterns import PatternText
from crossloop.money import Money
from crossloop.signals.model import TypeName

Stage = Literal["shadow", "supervised", "autonomous"]
STAGES: Final[tuple[Stage, ...]] = ("shadow", "supervised", "autonomous")
"""From the least to the most that is permitted."""

_DURATION = re.compile(r"([1-9][0-9]{0,4})(m|h|d)")
_UNITS: Final = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_LONGEST: Final = timedelta(days=366)
_COUNT: Final = re.compile(r"[1-9][0-9]{0,8}")
_SHARE: Final = re.compile(r"0(\.[0-9]{1,6})?|1(\.0{1,6})?")
_AMOUNT: Final = re.compile(
    r"([0-9]{1,15}|[0-9]{1,3}(,[0-9]{3}){1,4}|[0-9]{1,2}(,[0-9]{2}){1,4},[0-9]{3})(\.[0-9]{1,2})? [A-Z]{3}"
)
"""Digits plain, or grouped in thousands or as in India: 1,000,000 or 10,00,000."""

_NUMBER: Final = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?")
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,59}")


def _duration(value: object) -> timedelta:
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("expected a duration such as 30m, 4h or 2d")
    length = int(match[1]) * _UNITS[match[2]]
    if length > _LONGEST:
        raise ValueError(f"a duration is at most {_LONGEST.days}d")
    return length


def duration_text(length: timedelta) -> str:
    """Write a duration in the largest unit that divides it: ``24h`` becomes ``1d``."""
    for unit, size in _UNITS.items():
        if length % size == timedelta(0):
            return f"{length // size}{unit}"
    raise ValueError(f"{length} is not a whole number of minutes")


def _whole(value: object) -> object:
    return int(value) if isinstance(value, str) and _COUNT.fullmatch(value) else value


def _share(value: object) -> object:
    # Python's own reading of a number would take 1e-400 for 0: a threshold that everything passes.
    if isinstance(value, str) and not _SHARE.fullmatch(value):
        raise ValueError("expected a number from 0 to 1, such as 0.85")
    return value


def _amount(value: object) -> object:
    if isinstance(value, str) and not _AMOUNT.fullmatch(value):
        raise ValueError("expected an amount with its currency, such as 20000 INR")
    return value


def _adjustable(values: tuple[str, ...]) -> tuple[str, ...]:
    numbers = [bool(_NUMBER.fullmatch(value)) for value in values]
    if any(numbers):
        if len(values) != 2 or not all(numbers):
            raise ValueError("expected two numbers, the least and the most, or a list of words")
        if Decimal(values[0]) > Decimal(values[1]):
            raise ValueError(f"the least, {values[0]}, is above the most, {values[1]}")
    elif len(set(values)) != len(values):
        raise ValueError("a word is named twice")
    elif not all(_WORD.fullmatch(value) for value in values):
        raise ValueError("expected two numbers, the least and the most, or a list of words")
    return values


def _known_zone(name: str) -> str:
    # "localtime" is whatever the machine says: the same document would mean different days.
    if name not in available_timezones() or name == "localtime":
        raise ValueError("expected a time zone of the IANA database such as Asia/Kolkata")
    return name


Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=60)]
"""Name of a person, department, loop, rule, intervention or setting."""

Line = Annotated[str, Field(min_length=1, max_length=200)]
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[1-9][0-9]{0,4}[mhd]$", "examples": ["4h"]}),
]
"""Real time: minutes, hours or days of 24 hours."""

Amount = Annotated[
    Money,
    BeforeValidator(_amount),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9][0-9,]*(\.[0-9]+)? [A-Z]{3}$"}),
]
"""Money written with its currency: ``20000 INR``."""

Threshold = Annotated[float, Field(ge=0.0, le=1.0), BeforeValidator(_share)]
"""A confidence that a signal and a proposal are compared with."""

SafePath = Annotated[str, Field(pattern=r"^[A-Za-z0-9_&()'* -]+(/[A-Za-z0-9_&()'* -]+)*$", max_length=300)]
AreaPath = Annotated[str, Field(pattern=r"^geo/[A-Z]{2}(/[A-Za-z0-9_&()' -]+)*$", max_length=300)]


Adjustable = Annotated[
    tuple[str, ...],
    Field(min_length=1),
    AfterValidator(_adjustable),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
            ],
            "examples": [[0.08, 0.35], ["rto", "ndr"]],
        }
    ),
]
"""What may be chosen: two numbers, both included, or words. Text, as the loop reads settings from text."""


class Person(Frozen):
    """Somebody who may be asked."""

    name: Line
    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
    heads: Key | None = None
    """The department this person heads; a department has exactly one head."""


class Asked(Frozen):
    """Who has to approve: ``all`` of the people, or ``any`` one of them."""

    all: tuple[Key, ...] | None = None
    any: tuple[Key, ...] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Asked:
        if (self.all is None) == (self.any is None):
            raise ValueError("expected either 'all' or 'any' with a list of people")
        if not self.people:
            raise ValueError("nobody is asked: name at least one person")
        return self

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody who is named."""
        return self.all or self.any or ()


class ApprovalRule(Frozen):
    """When people have to be asked, who, and how long they have."""

    when: Annotated[str, Field(min_length=1, max_length=1000)]
    """A CEL condition over the declared facts; true means that people are asked."""

    asked: Asked = Field(alias="from")
    within: Duration


class Strategy(Frozen):
    """What a department has decided for itself, whatever other departments ask for."""

    protected: tuple[SafePath, ...] = ()
    """Paths below a system that nobody touches: ``campaign/brand``; ``*`` is any one segment."""

    spend_floor: Amount | None = None
    """Daily spend of all live campaigns together below which no intervention may press it; the department
    weighs it, because that takes the present spend."""

    allowed_regions: Annotated[tuple[AreaPath, ...], Field(min_length=1)] | None = None
    """Areas in which interventions are allowed; everywhere when left out."""


class Escalation(Frozen):
    """Who decides when nobody can be sure, and who comes after them."""

    to: Annotated[tuple[Key, ...], Field(min_length=1)]
    within: Duration
    then: tuple[Key, ...] = ()
    """Asked when the first have not answered in time."""


class Department(Frozen):
    """One department: what it owns and how far it may go."""

    owns: tuple[PatternText, ...] = ()
    """The decision boundary: resources it may change; nothing when left out."""

    stage: Stage
    """The most this department may do by itself."""

    strategy: Strategy = Strategy()
    escalate: Escalation | None = None
    """Without one the head is asked, within the loop's ``respond_within``."""


class Permission(Frozen):
    """One permitted intervention with the confidence it needs."""

    act: Threshold
    """At or above: may run alone, unless a rule asks people."""

    ask: Threshold
    """At or above, but below ``act``: held for the owner's head. Below: escalated."""

    approvals: tuple[Key, ...] = ()
    """Names of the rules that are asked."""


class Notify(Frozen):
    """Departments and people who are told."""

    done: tuple[Key, ...] = ()
    held: tuple[Key, ...] = ()


class Loop(Frozen):
    """What one loop may do. What does not stand here is denied."""

    signal: TypeName
    owner: Key
    """Primary owner: the department that acts, and whose head is asked."""

    stakeholders: tuple[Key, ...] = ()
    """Departments that give input; they do not act in this loop."""

    stage: Stage
    respond_within: Duration
    choose: Literal["value", "order"] = "value"
    """``value``: the intervention with the best expected value; ``order``: the first that fits."""

    interventions: dict[Key, Permission] = Field(default_factory=dict)
    notify: Notify = Notify()
    settings: dict[Key, Line] = Field(default_factory=dict, alias="set")
    """Defaults of the loop's own settings, as text; the loop parses them."""

    adjustable: dict[Key, Adjustable] = Field(default_factory=dict)
    """Settings that may be chosen for a run, and within what; nothing else may where the loop acts."""


class Precedence(Frozen):
    """For one kind of conflict: whose interest goes first."""

    conflict: Key
    order: Annotated[tuple[Key, ...], Field(min_length=2)]


class Document(Frozen):
    """One company's governance document, version 1."""

    governance: Annotated[Literal[1], BeforeValidator(_whole)]
    company: Line
    timezone: Annotated[str, AfterValidator(_known_zone)]
    """Days of daily limits are days of this zone."""

    people: dict[Key, Person]
    rules: dict[Key, ApprovalRule] = Field(default_factory=dict)
    departments: dict[Key, Department]
    loops: dict[Key, Loop] = Field(default_factory=dict)
    precedence: tuple[Precedence, ...] = ()

    @field_validator("people", "departments")
    @classmethod
    def _somebody(cls, members: dict[str, Any]) -> dict[str, Any]:
        if not members:
            raise ValueError("at least one is needed")
        return members


def document_schema() -> dict[str, JSON]:
    """JSON Schema (draft 2020-12) of the document, for editors to complete and check with."""
    schema = cast("dict[str, JSON]", Document.model_json_schema(by_alias=True, mode="validation"))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:crossloop:governance:1",
        **schema,
    }


def resolved(document: Document) -> dict[str, JSON]:
    """The document as JSON with every default written out: what a digest and a signature cover.

    Interventions become a list, because their order counts (``choose: order``) and canonical JSON sorts
    the keys of an object.
    """
    body = document.model_dump(mode="json", by_alias=True, exclude_none=True)
    for loop in body["loops"].values():
        loop["interventions"] = [{"name": name, **entry} for name, entry in loop["interventions"].items()]
    return cast("dict[str, JSON]", body)


def unresolved(body: dict[str, JSON]) -> dict[str, JSON]:
    """Undo :func:`resolved`, so that the model reads it."""
    loops: dict[str, Any] = {}
    for name, loop in cast("dict[str, dict[str, Any]]", body["loops"]).items():
        entries = cast("list[dict[str, Any]]", loop["interventions"])
        named = {entry["name"]: {k: v for k, v in entry.items() if k != "name"} for entry in entries}
        loops[name] = {**loop, "interventions": named}
    return {**body, "loops": loops}
