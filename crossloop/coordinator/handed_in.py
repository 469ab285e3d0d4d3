"""What a script or a notebook hands in, checked before anything is done with it. Pure, no I/O.

Rules:

1. What has one plain meaning is taken: a path as text, a day as ISO text, a setting as a number.
2. Anything else is refused by the name of its argument, with what was expected against what was got. An
   instant is no day: which day it is depends on the time zone.
3. A number becomes the text that a person would have written, never one in scientific notation, so that it
   is checked and recorded like that of the command line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

from crossloop.coordinator.loop import Inputs
from crossloop.errors import InputError, SettingError, Where
from crossloop.signals import Signal
from crossloop.store.approvals import ApprovalState
from crossloop.store.inbox import SignalState
from crossloop.store.incidents import IncidentState

Decision = Literal["approve", "reject"]
Setting = str | int | float | Decimal
"""A value of a setting: text as for ``--set``, or a number."""

_STATES: Final[tuple[str, ...]] = get_args(ApprovalState)
_INCIDENT_STATES: Final[tuple[str, ...]] = get_args(IncidentState)
_SIGNAL_STATES: Final[tuple[str, ...]] = get_args(SignalState)
_DECISIONS: Final[tuple[str, ...]] = get_args(Decision)


def inputs(data: object, mapping: object, others: object) -> Inputs:
    """Read the files to look at.

    Raises:
        InputError: one of them is not the path of a file.
    """
    if isinstance(data, Mapping):
        raise InputError(
            "expected the path of one file, got several by name.",
            where=Where(field="data"),
            next_step="Hand the orders over as data='orders.csv', the rest by name: "
            "others={'campaigns': 'campaigns.csv'}.",
        )
    if others is not None and not isinstance(others, Mapping):
        raise InputError(
            f"expected files by name, got {_kind(others)}.",
            where=Where(field="others"),
            next_step="Write it as others={'campaigns': 'campaigns.csv'}.",
        )
    named = cast("Mapping[Any, object]", others or {})
    return Inputs(
        primary=None if data is None else _path(data, "data"),
        mapping=None if mapping is None else _path(mapping, "mapping"),
        others={str(name): _path(file, f"others.{name}") for name, file in named.items()},
    )


def signals(given: object) -> tuple[Signal, ...]:
    """Read the signals to admit.

    Raises:
        InputError: they are no sequence of signals.
    """
    if isinstance(given, Signal):
        expected, got = "signals in a list", "one signal"
    elif isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        expected, got = "signals in a list", _kind(cast("object", given))
    else:
        handed_in = tuple(cast("Iterable[object]", given))
        other = next(((at, one) for at, one in enumerate(handed_in) if not isinstance(one, Signal)), None)
        if other is None:
            return cast("tuple[Signal, ...]", handed_in)
        expected, got = "signals", f"{_kind(other[1])} at place {other[0]}"
    raise InputError(
        f"expected {expected}, got {got}.",
        where=Where(field="signals"),
        next_step="Hand over a list of crossloop.Signal, such as [Signal.said(...)].",
    )


def day(given: object) -> date | None:
    """Read ``as_of``.

    Raises:
        InputError: it is neither a day nor the ISO text of one.
    """
    if given is None or (isinstance(given, date) and not isinstance(given, datetime)):
        return given
    if isinstance(given, str):
        try:
            return date.fromisoformat(given)
        except ValueError:
            got = repr(given)
    else:
        got = _kind(given)
    raise InputError(
        f"expected a day, got {got}.",
        where=Where(field="as_of"),
        next_step="Hand over datetime.date(2022, 6, 12), or the text '2022-06-12'.",
    )


def settings(given: object) -> dict[str, str]:
    """Read settings as the text that ``--set`` would have taken.

    Raises:
        SettingError: they are no mapping, or a value is neither text nor a finite number.
    """
    if given is not None and not isinstance(given, Mapping):
        raise SettingError(
            f"expected values by name, got {_kind(given)}.",
            where=Where(field="settings"),
            next_step="Write it as settings={'threshold': 0.10}.",
        )
    named = cast("Mapping[Any, object]", given or {})
    return {str(name): _text(str(name), value) for name, value in named.items()}


def decision(given: object) -> Decision:
    """Read an answer: one of two words, exactly, for a no cannot be taken back.

    Raises:
        InputError: it is neither of them.
    """
    return cast("Decision", _one_of(given, _DECISIONS, "decision"))


def state(given: object) -> ApprovalState | None:
    """Read which approvals are asked for.

    Raises:
        InputError: there is no such state.
    """
    return None if given is None else cast("ApprovalState", _one_of(given, _STATES, "state"))


def incident_state(given: object) -> IncidentState | None:
    """Read which incidents are asked for.

    Raises:
        InputError: there is no such state.
    """
    return None if given is None else cast("IncidentState", _one_of(given, _INCIDENT_STATES, "state"))


def signal_state(given: object) -> SignalState | None:
    """Read which signals are asked for.

    Raises:
        InputError: there is no such state.
    """
    return None if given is None else cast("SignalState", _one_of(given, _SIGNAL_STATES, "state"))


def most(given: object) -> int:
    """Read how many are asked for.

    Raises:
        InputError: it is no whole number above 0.
    """
    if isinstance(given, int) and not isinstance(given, bool) and 0 < given < 2**63:
        return given
    raise InputError(
        f"expected a number above 0, got {given!r}.", where=Where(field="limit"), next_step="Write limit=100."
    )


def yes_or_no(given: object, field: str) -> bool:
    """Read what was found out: one of two values, exactly, for it cannot be taken back.

    Raises:
        InputError: it is neither of them.
    """
    if isinstance(given, bool):
        return given
    raise InputError(
        f"expected True or False, got {given!r}.",
        where=Where(field=field),
        next_step="Nothing was changed; say what was seen.",
    )


def _one_of(given: object, known: tuple[str, ...], field: str) -> str:
    if isinstance(given, str) and given in known:
        return given
    raise InputError(
        f"expected one of {', '.join(known)}; got {given!r}.",
        where=Where(field=field),
        next_step="Nothing was changed; write it exactly so.",
    )


def _path(given: object, field: str) -> Path:
    if isinstance(given, str | PathLike):
        return Path(cast("str | PathLike[str]", given))
    raise InputError(
        f"expected the path of a file, got {_kind(given)}.",
        where=Where(field=field),
        next_step="Write what is in memory to a .csv or .parquet file and hand over its path.",
    )


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    number = value if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None
    exact = None if number is None else Decimal(str(number))
    if exact is None or not exact.is_finite():
        raise SettingError(
            f"expected text or a number, got {value!r}.",
            where=Where(field=name),
            next_step=f"Write it as settings={{{name!r}: 0.10}}, or as text.",
        )
    return f"{exact:f}"


def _kind(given: object) -> str:
    """What something is, in a word: its content may be a whole table."""
    name = type(given).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
