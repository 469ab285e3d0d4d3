"""Processes that have to die: they end with SIGKILL wherever what they run says so."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from pathlib import Path

# A fork server forks from a process without threads, and imports what is tested only once.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.support.crashing", "tests.support.dying_graph"])


def killed(play: Callable[[Path, str], None], path: Path, point: str) -> None:
    """Play in another process, which has to die at that point."""
    process = PROCESSES.Process(target=play, args=(path, point))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL, f"{point} was not reached"
