"""Two undertakings of four steps whose third comes to nothing, in a process that can be killed on the way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from crossloop import faults
from tests.support.trials import Ask, trial

POINTS: Final = (
    "decide.after_commit",
    "act.after_started",
    "act.after_effect",
    "act.after_receipt",
    "act.before_compensate",
    "act.after_planned_compensation",
)
"""Where this story is interrupted; what comes before and after is in :mod:`tests.support.crashing`."""


def play(path: Path) -> None:
    """Tell the story from wherever it stands to its end."""
    with trial(path) as opened:
        for pin in ("560001", "560002"):
            campaigns = ("C1", "C2", "nobody_knows_it", "C4")
            opened.ask(*(Ask(campaign=one, pin=pin, saga="spring_sale") for one in campaigns))


def die_at(path: Path, point: str) -> None:
    """Play in this process until a crash point kills it."""
    os.environ["CROSSLOOP_CRASH_AT"] = point
    faults._countdown.update(faults._armed())
    play(path)
