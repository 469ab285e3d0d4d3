"""What a process is told to do before it is killed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from crossloop.testing.killing.company import Load

Role = Literal["work", "publish", "answer", "finish"]
"""Take signals in and answer them as they come; the same, a handful to its end at a time; answer for people
beside one that works; or bring everything to its end."""


@dataclass(frozen=True, slots=True)
class Orders:
    """One life."""

    folder: Path
    """Where the store is."""

    seed: int
    began: datetime
    life: int
    role: Role = "work"
    first: int = 0
    """The first number of a signal that nobody has said before."""

    most: int = 0
    """Most signals that it says anew."""

    again: tuple[int, ...] = ()
    """Numbers that were said to one who died before it acknowledged them."""

    known: tuple[int, ...] = ()
    """Numbers that were acknowledged before: they are duplicates."""

    calm: bool = False
    """Whether it takes nothing in before it has brought to its end what it found."""

    crash_at: str = ""
    """A crash point at which it kills itself, as ``CROSSLOOP_CRASH_AT`` names it."""

    @property
    def load(self) -> Load:
        """The signals that it may say."""
        return Load(self.seed, self.began)

    def written(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "folder": str(self.folder), "began": self.began.isoformat()}

    @classmethod
    def read(cls, said: dict[str, Any]) -> Orders:
        """Read :meth:`written` back."""
        values: dict[str, Any] = dict(said)
        values |= {name: tuple(said[name]) for name in ("again", "known")}
        values["began"] = datetime.fromisoformat(said["began"])
        values["folder"] = Path(said["folder"])
        return cls(**values)
