"""A company at work under load: signals by the clock for minutes, and people who answer meanwhile.

Signals are offered in small random bursts by a thread that does not wait for anything, and 2 % of them are
held for people. A second process opens the same store, reads what waits and answers it five times a second.
Told are: how long a burst waits from the moment at which it was due until it is durable (*acknowledged*), how
long a signal takes from there to its receipt, what was left over when the last one was offered and how long
that took, memory, and how long people wait for a list and for an answer.

With ``--folder`` a load that was measured there at the same commit is not measured again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.children import Found, Kept, child, module, on_disk, say
from benchmarks.result import Result

RATE: Final = 500
"""Signals a second."""

SECONDS: Final = 600
ANSWERS: Final = 5
"""Questions that people answer in a second."""

_PATIENCE: Final = 3600


def run(chosen: argparse.Namespace) -> Result:
    """Measure one load."""
    rate, seconds = chosen.rate or RATE, chosen.seconds or SECONDS
    result = Result()
    with on_disk(chosen.folder, result) as folder:
        kept = Kept(folder, "load", {})
        found = kept.get(f"{rate}_{seconds:g}", lambda: _measured(folder, rate, seconds))
        kept.tell(result)
    _tell(found, rate, seconds, result)
    return result


def _measured(folder: Path, rate: int, seconds: float) -> Found:
    say(f"{rate} signals/s for {seconds:g} s")
    with TemporaryDirectory(dir=folder) as own:
        return child(module("load_child", own, rate, seconds, ANSWERS), patience=seconds + _PATIENCE)


def _tell(found: Found, rate: int, seconds: float, result: Result) -> None:
    people = found["people"]
    for name, spread in (
        ("acknowledged", found["acknowledged"]),
        ("accepted_to_executed", found["accepted_to_executed"]),
        ("people_read", people["reading"]),
        ("people_answer", people["answering"]),
    ):
        for part, value in spread.items():
            result.measured[f"{name}_{part}"] = (value, "ms")
    result.measured["offered"] = (found["signals"], "signals")
    result.measured["executed"] = (found["executed"], "signals")
    result.measured["backlog"] = (found["backlog"], "signals")
    result.measured["drained_in"] = (round(found["drained"], 3), "s")
    for when, megabytes in found["memory"].items():
        result.measured[f"memory_{when}"] = (round(megabytes, 1), "MB")
    result.measured["memory_slope"] = (round(found["slope"], 3), "MB/min")
    result.measured["entries"] = (found["entries"], "entries")
    result.measured["answered"] = (people["answered"], "questions")
    result.measured["still_waiting"] = (found["asked"].get("waiting", 0), "questions")
    result.notes["load"] = f"{rate} signals/s offered for {seconds:g} s, open loop, in bursts of 1 to 9"
    result.notes["memory"] = "slope over the last three quarters; 16 bytes a transaction are the benchmark's"
