"""What the one who kills remembers: in memory, and in a file that lets a campaign go on after a stop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson
from pydantic import TypeAdapter

from crossloop.errors import InputError
from crossloop.testing.checkout import commit, source_digest
from crossloop.testing.evidence import Violation
from crossloop.testing.killing.company import Load
from crossloop.testing.killing.wire import written
from crossloop.testing.systems import Effect

_EFFECT: Final = TypeAdapter(Effect)
_ANOTHER: Final = "Name another folder, or remove this one."


@dataclass
class Journal:
    """Everything that was said and done in a campaign."""

    load: Load
    file: BinaryIO = field(default_factory=BytesIO)
    sent: int = 0
    """Numbers below it were said by somebody."""

    acknowledged: set[int] = field(default_factory=set[int])
    answered: int = 0
    """Answers of people that counted."""

    effects: list[Effect] = field(default_factory=list[Effect])
    kills: Counter[str] = field(default_factory=Counter[str])
    """Processes that were killed, by the plan they met."""

    phases: Counter[str] = field(default_factory=Counter[str])
    """How far each of them had come."""

    requests: Counter[str] = field(default_factory=Counter[str])
    """What the systems were asked, and what went wrong there."""

    violations: list[Violation] = field(default_factory=list[Violation])
    lives: int = 0
    seconds: float = 0.0

    def write(self, kind: str, **more: Any) -> None:
        """Take note of something, and keep it."""
        said = {"is": kind, **more}
        self._take(said)
        self.file.write(written(said))

    def keep(self) -> None:
        """Hand what was written to the operating system: a stop of this process loses none of it."""
        self.file.flush()

    def missing(self) -> tuple[int, ...]:
        """Numbers that were said and never acknowledged."""
        return tuple(number for number in range(self.sent) if number not in self.acknowledged)

    def _take(self, said: Mapping[str, Any]) -> None:
        match said["is"]:
            case "sent":
                self.sent = max(self.sent, *(number + 1 for number in said["numbers"]))
            case "acknowledged":
                self.acknowledged.update(said["numbers"])
            case "answered":
                self.answered += 1
            case "effect":
                self.effects.append(_EFFECT.validate_python(said["effect"]))
            case "violation":
                self.violations.append(Violation(said["invariant"], said["what"], said["where"]))
            case "life":
                self.lives += 1
                self.seconds += said["seconds"]
                self.requests.update(said["requests"])
                if said["killed"]:
                    self.kills[said["plan"]] += 1
                    self.phases[said["phase"]] += 1
            case _:
                raise ValueError(f"a journal knows no {said['is']!r}")

    def effect(self, effect: Effect) -> None:
        """Take note of an effect."""
        self.write("effect", effect=_EFFECT.dump_python(effect, mode="json"))

    def violated(self, found: Iterable[Violation]) -> None:
        """Take note of violations, each once: what was wrong stays wrong, whatever comes afterwards."""
        for one in found:
            if one not in self.violations:
                self.write("violation", **asdict(one))

    @classmethod
    def open(cls, folder: Path, seed: int, now: datetime) -> Journal:
        """Begin a journal in a folder, or take the one up that is there.

        Raises:
            InputError: it is the journal of another seed or of other code, or it cannot be read.
        """
        place = folder / "journal.jsonl"
        try:
            lines = _whole_lines(place)
            if lines:
                _require_same(folder, lines[0], seed)
            began = datetime.fromisoformat(lines[0]["began"]) if lines else now
            journal = cls(Load(seed, began))
            for said in lines[1:]:
                journal._take(said)
            journal.file = place.open("ab")
        except OSError as wrong:
            raise InputError(f"{place} cannot be used: {wrong.strerror}.", next_step=_ANOTHER) from None
        except (ValueError, TypeError, KeyError, AttributeError) as damaged:
            raise InputError(f"{place} is damaged: {damaged!r}.", next_step=_ANOTHER) from None
        if not lines:
            begun = {"is": "begun", "seed": seed, "began": began.isoformat()}
            journal.file.write(written({**begun, "commit": commit(), "source": source_digest()}))
        return journal


def _require_same(folder: Path, begun: Mapping[str, Any], seed: int) -> None:
    """Refuse what belongs to another campaign: results of two versions of the code say nothing of either.

    Raises:
        InputError: it is one of another seed, or of other code.
    """
    if begun["seed"] != seed:
        raise InputError(
            f"{folder} holds the campaign of seed {begun['seed']}, not of {seed}.",
            next_step="Name its seed, or another folder.",
        )
    if begun["source"] != source_digest():
        then, now = begun["commit"] or "a package outside of git", commit() or "a package outside of git"
        raise InputError(
            f"{folder} holds a campaign on other code: {then} then, {now} now.", next_step=_ANOTHER
        )


def _whole_lines(place: Path) -> list[dict[str, Any]]:
    """The lines of a journal; a last one that was cut off is taken out of the file."""
    if not place.exists():
        return []
    data = place.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) != len(data):
        place.write_bytes(whole)
    return [orjson.loads(line) for line in whole.splitlines()]
