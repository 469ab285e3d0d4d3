"""Figures over many measurements."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

_STATUS = Path("/proc/self/status")
_IO = Path("/proc/self/io")


def percentile(values: Sequence[float], percent: int) -> float:
    """A percentile, by linear interpolation; of one value, that value."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and maximum of durations, in milliseconds."""
    named = {"p50": percentile(seconds, 50), "p99": percentile(seconds, 99), "max": max(seconds)}
    return {name: round(one * 1e3, 3) for name, one in named.items()}


def memory() -> float:
    """Megabytes of memory that this process uses now; 0 where nobody says."""
    if not _STATUS.exists():
        return 0.0
    lines = _STATUS.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def peak_memory() -> float:
    """Megabytes of memory that this process has used at most."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def transferred() -> tuple[float, float]:
    """Kilobytes that this process has read from files and written to them, page cache included."""
    if not _IO.exists():
        return 0.0, 0.0
    told = dict(line.split(": ") for line in _IO.read_text(encoding="ascii").splitlines())
    return int(told["rchar"]) / 1024, int(told["wchar"]) / 1024


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Least-squares slope through points; 0 where they do not tell."""
    if len({x for x, _ in points}) < 2:
        return 0.0
    return statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope
