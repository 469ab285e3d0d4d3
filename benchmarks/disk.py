"""Where a benchmark writes: whether it is a disk, and what one synced write costs there."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_MOUNTS = Path("/proc/self/mounts")
_WRITES = 50


class NotADisk(Exception):
    """The folder lies in memory, where a synced write costs nothing."""


def file_system(folder: Path) -> str:
    """Return the type of the file system of a folder; ``unknown`` where nobody says."""
    if not _MOUNTS.exists():
        return "unknown"
    best, found = "", "unknown"
    place = str(folder.resolve())
    for line in _MOUNTS.read_text(encoding="utf-8").splitlines():
        _, at, kind, *_ = line.split()
        inside = at == "/" or place == at or place.startswith(f"{at}/")
        if inside and len(at) >= len(best):
            best, found = at, kind
    return found


def require_disk(folder: Path) -> str:
    """Return the type of the file system of a folder.

    Raises:
        NotADisk: it is kept in memory.
    """
    found = file_system(folder)
    if found in _IN_MEMORY:
        raise NotADisk(f"{folder} is on {found}; name a folder on a disk with --folder")
    return found


def synced_write(folder: Path) -> float:
    """Median seconds of appending 4 KiB to a file and syncing it."""
    file = folder / "synced-write"
    seconds: list[float] = []
    with file.open("wb", buffering=0) as out:
        for _ in range(_WRITES):
            began = time.perf_counter()
            out.write(b"\x00" * 4096)
            os.fsync(out.fileno())
            seconds.append(time.perf_counter() - began)
    file.unlink()
    return statistics.median(seconds)
