"""Named crash points in production code.

A point costs one dictionary look-up when nothing is armed. Arming is for a child process under test:
``CROSSLOOP_CRASH_AT=decide.before_commit:3`` ends the process with SIGKILL the third time it passes.
"""

from __future__ import annotations

import os
import signal
from typing import Final

POINTS: Final = (
    "admit.before_commit",
    "admit.after_commit",
    "wave.before_decide",
    "decide.before_commit",
    "decide.after_commit",
    "act.after_started",
    "act.after_effect",
    "act.after_receipt",
    "act.before_compensate",
    "act.after_planned_compensation",
    "answer.before_commit",
    "answer.after_commit",
)
"""Every crash point there is, in the order a signal passes them."""

_ENVIRONMENT = "CROSSLOOP_CRASH_AT"


def _armed() -> dict[str, int]:
    text = os.environ.get(_ENVIRONMENT, "")
    if not text:
        return {}
    name, _, count = text.partition(":")
    if name not in POINTS:
        raise ValueError(f"{_ENVIRONMENT} names no crash point: {name!r}; known: {', '.join(POINTS)}")
    return {name: int(count or 1)}


_countdown = _armed()


def crash_point(name: str) -> None:
    """Die here if this point is armed and its count is reached."""
    if not _countdown:
        return
    left = _countdown.get(name)
    if left is None:
        return
    if left <= 1:
        os.kill(os.getpid(), signal.SIGKILL)
    _countdown[name] = left - 1
