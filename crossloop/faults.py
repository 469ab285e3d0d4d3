"""Named crash points in production code.

A point costs two comparisons when nothing is armed. Arming is for a child process under test:
``CROSSLOOP_CRASH_AT=decide.before_commit:3`` ends the process with SIGKILL the third time it passes.
A simulation, in which several companies share a process, is told of every point that is passed
(:func:`on_pass`) and may raise there.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

POINTS: Final = (
    "store.while_created",
    "store.before_commit",
    "store.after_commit",
    "lease.after_acquired",
    "admit.before_commit",
    "admit.after_commit",
    "wave.before_decide",
    "decide.before_commit",
    "decide.after_commit",
    "act.after_started",
    "act.before_effect",
    "act.after_effect",
    "act.after_receipt",
    "act.before_compensate",
    "act.after_planned_compensation",
    "answer.before_commit",
    "answer.after_commit",
    "threads.before_shown",
    "threads.after_asked",
    "threads.after_ended",
    "lease.before_released",
)
"""Every crash point there is, in the order a signal passes them. Every transaction passes the two of the
store, whatever it is about; the others say what it was."""

_ENVIRONMENT = "CROSSLOOP_CRASH_AT"


def _armed() -> dict[str, int]:
    return _read(os.environ.get(_ENVIRONMENT, ""))


def _read(text: str) -> dict[str, int]:
    if not text:
        return {}
    name, _, count = text.partition(":")
    if name not in POINTS:
        raise ValueError(f"{_ENVIRONMENT} names no crash point: {name!r}; known: {', '.join(POINTS)}")
    return {name: int(count or 1)}


_countdown = _armed()
_told: Callable[[str], None] | None = None


@contextmanager
def on_pass(handler: Callable[[str], None]) -> Generator[None]:
    """Have a handler called with the name of every crash point that is passed inside the block.

    What it raises goes up from the crash point. A simulated death is a ``BaseException`` of its own, which no
    boundary takes for a failure.
    """
    global _told
    before, _told = _told, handler
    try:
        yield
    finally:
        _told = before


def arm(text: str) -> None:
    """Arm this process as the environment variable does: for one that was forked and has read it already.

    Raises:
        ValueError: it names no crash point.
    """
    _countdown.update(_read(text))


def crash_point(name: str) -> None:
    """Die here if this point is armed and its count is reached."""
    if _told is not None:
        _told(name)
    if not _countdown:
        return
    left = _countdown.get(name)
    if left is None:
        return
    if left <= 1:
        os.kill(os.getpid(), signal.SIGKILL)
    _countdown[name] = left - 1
